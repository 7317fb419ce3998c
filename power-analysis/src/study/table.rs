//! One cell group of the paper's Table I: a tool against its reference.

use serde::{Deserialize, Serialize};

use super::clusters::{self, IntervalBy, Known};
use super::ks::{KsTest, distance, ks_test};
use super::stretch::{Figure, Stretch};
use crate::CONFIDENCE;
use crate::stats::{correlation_interval, count, pearson, spearman};

/// How one tool's figures agree with the reference's over epochs, or over trainings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Stretches that both know.
    pub pairs: usize,
    /// Stretches of which the tool has no figure.
    pub without: usize,
    /// Trainings that they belong to.
    pub trainings: usize,
    /// Pearson's correlation; `None` below three pairs.
    pub pearson: Option<Known>,
    /// Spearman's rank correlation; `None` below three pairs.
    pub spearman: Option<Known>,
    /// Kolmogorov-Smirnov test of both distributions; `None` without pairs.
    pub ks: Option<KsTest>,
    /// Sum of the tool's figures over the reference's, less 1; `None` without pairs.
    pub bias: Option<Known>,
}

/// What is computed from a tool's figures and the reference's.
type Statistic<'a> = &'a dyn Fn(&[f64], &[f64]) -> Option<f64>;

/// Compares tool number `tool` with its reference.
///
/// Intervals come from whole trainings drawn with replacement; where these are fewer than
/// [`FEWEST_CLUSTERS`](super::FEWEST_CLUSTERS), correlations have Fisher's interval with as many pairs as trainings, and
/// the others none.
pub fn cell(stretches: &[Stretch], tool: usize, figure: Figure, seed: u64) -> Cell {
    let mut clusters = Vec::new();
    let (mut own, mut reference) = (Vec::new(), Vec::new());
    let mut without = 0;
    for stretch in stretches {
        match stretch.pair(tool, figure) {
            Some((a, b)) => {
                clusters.push(stretch.training);
                own.push(a);
                reference.push(b);
            }
            None => without += 1,
        }
    }
    let trainings = clusters::number(&clusters);
    let drawn = |statistic: Statistic<'_>| {
        clusters::interval(&clusters, seed, |items| {
            let pick = |values: &[f64]| items.iter().map(|item| values[*item]).collect::<Vec<_>>();
            statistic(&pick(&own), &pick(&reference))
        })
    };
    let correlation = |statistic: fn(&[f64], &[f64]) -> Option<f64>| {
        let value = statistic(&own, &reference)?;
        let fisher =
            || Known::with(correlation_interval(value, count(trainings), CONFIDENCE), IntervalBy::Fisher);
        Some(drawn(&statistic).map_or_else(fisher, |ends| bounded(value, ends)))
    };
    let with =
        |value: f64, ends: Option<(f64, f64)>| ends.map_or(Known::alone(value), |ends| bounded(value, ends));
    let ratio = |a: &[f64], b: &[f64]| {
        let (a, b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
        (b > 0.0).then(|| a / b - 1.0)
    };
    let ks = ks_test(&own, &reference)
        .map(|test| KsTest { statistic: with(test.statistic.value, drawn(&distance)), ..test });
    Cell {
        pairs: own.len(),
        without,
        trainings,
        pearson: correlation(pearson),
        spearman: correlation(spearman),
        ks,
        bias: ratio(&own, &reference).map(|value| with(value, drawn(&ratio))),
    }
}

/// A figure with the quantiles of its draws; what is drawn may be biased, as a distance is, but the figure itself always
/// lies within.
fn bounded(value: f64, (low, high): (f64, f64)) -> Known {
    Known {
        value,
        low: Some(low.min(value)),
        high: Some(high.max(value)),
        confidence: CONFIDENCE,
        by: IntervalBy::Trainings,
    }
}

/// Mean power as EA-HAS-Bench's tracer takes it, in watts, from readings `(start, value)` in order: the plain mean of
/// those that began within the epoch, among them the one that ends after it (microsoft/EA-HAS-Bench @ fd689ce,
/// `tracer.py`). `None` where none did: its own program would stop there.
pub fn tracer_mean(readings: impl IntoIterator<Item = f64>) -> (usize, Option<f64>) {
    let (mut number, mut sum) = (0, 0.0);
    for watts in readings {
        number += 1;
        sum += watts;
    }
    (number, (number > 0).then(|| sum / count(number)))
}
