//! Levels of power from which a model is fitted, and which components they can tell apart.

use serde::{Deserialize, Serialize};

use crate::fit::Matrix;
use crate::stats::{count, pearson};

/// A component whose range is a smaller share of the range of the sum than this cannot be told from a constant.
const LEAST_RANGE: f64 = 0.02;

/// From this variance inflation on, two components count as one: 99 % of one is explained by the others
/// (Belsley, Kuh and Welsch 1980, *Regression Diagnostics*, take 10 for harmful; a meter of 0.1 % bears more).
const MOST_INFLATION: f64 = 100.0;

/// One level of power: the means of all sensors over one plateau, or over one block of 10 to 60 s.
///
/// Single readings make no row: the sensors' windows and delays differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which run it is from; runs are left out as a whole.
    pub run: usize,
    /// Power of each component, in watts.
    pub components_w: Vec<f64>,
    /// Power by the meter, in watts.
    pub meter_w: f64,
    /// Standard error of the meter's mean by its own scatter, in watts, where known.
    pub meter_error_w: Option<f64>,
}

/// Levels of power of a node with named components.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    names: Vec<String>,
    rows: Vec<Row>,
}

impl Rows {
    /// No level yet, for components of these names.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a level.
    ///
    /// # Panics
    ///
    /// If it has not one finite power for each component, or the meter's power is not above 0.
    pub fn push(&mut self, row: Row) {
        assert_eq!(row.components_w.len(), self.names.len(), "one power for each component");
        assert!(row.components_w.iter().all(|watts| watts.is_finite()), "powers are finite");
        assert!(row.meter_w.is_finite() && row.meter_w > 0.0, "the meter's power is above 0");
        self.rows.push(row);
    }

    /// Names of the components.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The levels in the order in which they were added.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The runs that have levels, each once, in rising order.
    pub(super) fn runs(&self) -> Vec<usize> {
        let mut runs: Vec<usize> = self.rows.iter().map(|row| row.run).collect();
        runs.sort_unstable();
        runs.dedup();
        runs
    }
}

/// What a model takes for one component: one of those measured, or several that could not be told apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name; of several, the names joined by `+`.
    pub name: String,
    /// Positions of those measured that it is the sum of.
    pub members: Vec<usize>,
    /// Lowest power that the model has seen, in watts.
    pub low_w: f64,
    /// Highest power that the model has seen, in watts.
    pub high_w: f64,
}

impl Component {
    fn new(name: String, members: Vec<usize>, rows: &Rows) -> Self {
        let mut component = Self { name, members, low_w: f64::INFINITY, high_w: f64::NEG_INFINITY };
        for watts in component.series(rows) {
            component.low_w = component.low_w.min(watts);
            component.high_w = component.high_w.max(watts);
        }
        component
    }

    fn with(&self, other: &Self, rows: &Rows) -> Self {
        let members = [&self.members[..], &other.members].concat();
        Self::new(format!("{}+{}", self.name, other.name), members, rows)
    }

    /// Its power in one level, in watts.
    pub(super) fn of(&self, components_w: &[f64]) -> f64 {
        self.members.iter().map(|&member| components_w[member]).sum()
    }

    fn series(&self, rows: &Rows) -> Vec<f64> {
        rows.rows.iter().map(|row| self.of(&row.components_w)).collect()
    }

    fn range(&self) -> f64 {
        self.high_w - self.low_w
    }
}

/// Two components that became one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// Why, and what to record to tell them apart.
    pub reason: String,
}

/// The components that the levels can tell apart, and which became one.
pub(super) fn components(rows: &Rows) -> (Vec<Component>, Vec<Merge>) {
    let mut components: Vec<Component> =
        rows.names.iter().enumerate().map(|(i, name)| Component::new(name.clone(), vec![i], rows)).collect();
    let mut merges = Vec::new();
    while let Some((first, second, reason)) = closest(&components, rows) {
        merges.push(Merge {
            first: components[first].name.clone(),
            second: components[second].name.clone(),
            reason,
        });
        let merged = components[first].with(&components[second], rows);
        components.remove(first.max(second));
        components[first.min(second)] = merged;
    }
    (components, merges)
}

/// Two components that cannot be told apart, and why.
fn closest(components: &[Component], rows: &Rows) -> Option<(usize, usize, String)> {
    let widest =
        (0..components.len()).max_by(|&a, &b| components[a].range().total_cmp(&components[b].range()))?;
    let least = LEAST_RANGE * components[widest].range();
    if let Some(level) = (0..components.len()).find(|&i| i != widest && components[i].range() < least) {
        let component = &components[level];
        return Some((
            widest,
            level,
            format!("{} hardly changes; record a load that changes it alone", component.name),
        ));
    }
    let series: Vec<Vec<f64>> = components.iter().map(|component| component.series(rows)).collect();
    if !inflated(&series) {
        return None;
    }
    let pairs = (0..series.len()).flat_map(|i| (0..i).map(move |j| (j, i)));
    let (first, second) = pairs.max_by(|a, b| likeness(&series, *a).total_cmp(&likeness(&series, *b)))?;
    let reason = format!(
        "{} and {} rise and fall together; record a load that changes one of them alone",
        components[first].name, components[second].name
    );
    Some((first, second, reason))
}

fn likeness(series: &[Vec<f64>], (i, j): (usize, usize)) -> f64 {
    pearson(&series[i], &series[j]).map_or(0.0, f64::abs)
}

/// Whether the others explain almost all of one of the series.
fn inflated(series: &[Vec<f64>]) -> bool {
    if series.len() < 2 {
        return false;
    }
    let mut products = Matrix::zero(series.len());
    let means: Vec<f64> = series.iter().map(|xs| xs.iter().sum::<f64>() / count(xs.len())).collect();
    for row in 0..series[0].len() {
        let centred: Vec<f64> = series.iter().zip(&means).map(|(xs, mean)| xs[row] - mean).collect();
        products.add_outer(&centred, 1.0);
    }
    products.inverse().is_none_or(|inverse| {
        (0..series.len()).any(|i| inverse.get(i, i) * products.get(i, i) > MOST_INFLATION)
    })
}
