//! The three principles of the paper, judged: reliable measurements, a wide range of GPU usage, holistic cost.

use serde::{Deserialize, Serialize};

use super::clusters::Known;
use super::range::{PowerRange, UtilisationRange};
use super::sampling::Sampling;
use super::table::Cell;
use super::thresholds::Thresholds;

/// How a benchmark stands to a principle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every criterion is met.
    Met,
    /// Some are, some are not.
    Partly,
    /// None is.
    NotMet,
    /// Nothing could be judged.
    Unknown,
}

/// What a criterion wants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
}

/// One figure that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Criterion {
    /// What it is of.
    pub name: String,
    /// The figure; `None` where the data have none.
    pub found: Option<Known>,
    /// What is wanted of it.
    pub wanted: Wanted,
    /// Whether it is met; `None` where the data cannot tell.
    pub met: Option<bool>,
}

/// One principle, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Principle {
    /// Its name.
    pub name: String,
    /// How the benchmark stands to it.
    pub standing: Standing,
    /// What decided.
    pub criteria: Vec<Criterion>,
}

/// What decides whether one tool's measurements are reliable.
#[derive(Debug, Clone, Copy)]
pub struct Reliability<'a> {
    /// How much it looked at; `None` for what has no readings of its own.
    pub sampling: Option<&'a Sampling>,
    /// Agreement of the epochs' energies.
    pub energy: &'a Cell,
    /// Agreement of the epochs' powers.
    pub power: &'a Cell,
    /// Uncertainty of the clocks over the length of a median epoch; `None` where nobody knows it.
    pub clock_share: Option<f64>,
}

/// What of the node's cost is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// `measured`, `modelled` or `missing`.
    pub how: String,
    /// By what.
    pub by: String,
    /// Its share of the node's energy, where that is known.
    pub share: Option<f64>,
}

/// What decides whether the cost is holistic.
#[derive(Debug, Clone, Copy)]
pub struct Holism {
    /// Greatest error of the reported cost against the meter, as a share; `None` without a meter.
    pub worst: Option<f64>,
    /// Components of which nothing is known.
    pub missing: usize,
}

impl Criterion {
    fn new(name: &str, found: Option<Known>, wanted: Wanted) -> Self {
        let met =
            found.map(|known| known.value).filter(|value| value.is_finite()).map(|value| match wanted {
                Wanted::AtLeast(least) => value >= least,
                Wanted::AtMost(most) => value <= most,
            });
        Self { name: name.to_owned(), found, wanted, met }
    }
}

fn judged(name: &str, criteria: Vec<Criterion>) -> Principle {
    let told: Vec<bool> = criteria.iter().filter_map(|criterion| criterion.met).collect();
    let standing = match (told.iter().all(|met| *met), told.iter().any(|met| *met)) {
        _ if told.is_empty() => Standing::Unknown,
        (true, _) => Standing::Met,
        (false, true) => Standing::Partly,
        (false, false) => Standing::NotMet,
    };
    Principle { name: name.to_owned(), standing, criteria }
}

/// (i) Reliable measurements: of one tool.
pub fn reliability(data: &Reliability<'_>, thresholds: &Thresholds) -> Principle {
    let mut criteria = Vec::new();
    if let Some(sampling) = data.sampling {
        criteria.push(Criterion::new(
            "sample ratio",
            sampling.mean_ratio,
            Wanted::AtLeast(thresholds.sample_ratio),
        ));
        criteria.push(Criterion::new(
            "under-sampled epochs",
            Some(sampling.under_sampled),
            Wanted::AtMost(thresholds.under_sampled),
        ));
    }
    let p = |cell: &Cell| cell.ks.map(|test| Known::alone(test.p_value));
    criteria.push(Criterion::new(
        "Pearson, energy of epochs",
        data.energy.pearson,
        Wanted::AtLeast(thresholds.pearson),
    ));
    criteria.push(Criterion::new(
        "Pearson, power of epochs",
        data.power.pearson,
        Wanted::AtLeast(thresholds.pearson),
    ));
    criteria.push(Criterion::new(
        "KS p, energy of epochs",
        p(data.energy),
        Wanted::AtLeast(thresholds.ks_alpha),
    ));
    criteria.push(Criterion::new(
        "KS p, power of epochs",
        p(data.power),
        Wanted::AtLeast(thresholds.ks_alpha),
    ));
    let clock = data.clock_share.map(Known::alone);
    criteria.push(Criterion::new(
        "clock bound / median epoch",
        clock,
        Wanted::AtMost(thresholds.clock_share),
    ));
    judged("reliable measurements", criteria)
}

/// (ii) A wide range of GPU usage.
pub fn feasible_range(
    power: Option<&PowerRange>,
    gpu: Option<&UtilisationRange>,
    memory: Option<&UtilisationRange>,
    thresholds: &Thresholds,
) -> Principle {
    let span = |range: Option<&UtilisationRange>| range.map(|range| Known::alone(range.high - range.low));
    judged(
        "wide range of GPU usage",
        vec![
            Criterion::new(
                "span of power / feasible span",
                power.and_then(|range| range.span_share).map(Known::alone),
                Wanted::AtLeast(thresholds.power_span),
            ),
            Criterion::new(
                "span of GPU utilisation",
                span(gpu),
                Wanted::AtLeast(thresholds.utilisation_span),
            ),
            Criterion::new(
                "span of memory utilisation",
                span(memory),
                Wanted::AtLeast(thresholds.memory_span),
            ),
        ],
    )
}

/// (iii) Holistic cost.
pub fn holism(data: &Holism, thresholds: &Thresholds) -> Principle {
    let missing = u32::try_from(data.missing).map_or(f64::INFINITY, f64::from);
    judged(
        "holistic cost",
        vec![
            Criterion::new(
                "greatest inaccuracy against the meter",
                data.worst.map(Known::alone),
                Wanted::AtMost(thresholds.inaccuracy),
            ),
            Criterion::new("components that are missing", Some(Known::alone(missing)), Wanted::AtMost(0.0)),
        ],
    )
}
