//! Why no model can be had, and what to record next.

use serde::{Deserialize, Serialize};

use super::design::Rows;
use super::form::Form;
use crate::stats::{count, median, spearman};

/// Why no model was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Refusal {
    /// Too few runs with too few levels.
    #[error(
        "{runs} runs with {levels} levels of power are too few for {parameters} coefficients; record at least \
         {least_runs} runs and {least_levels} levels: idle, CPU, memory and GPU load at several strengths"
    )]
    TooFew {
        /// How many runs there are.
        runs: usize,
        /// How many distinct levels there are.
        levels: usize,
        /// How many coefficients the simplest useful model has.
        parameters: usize,
        /// How many runs it takes.
        least_runs: usize,
        /// How many levels it takes.
        least_levels: usize,
    },
    /// All components rise and fall together, or not at all.
    #[error("the components do not change ({low_w:.0} to {high_w:.0} W); record idle and full load as well")]
    NoRange {
        /// Lowest sum of components, in watts.
        low_w: f64,
        /// Highest sum of components, in watts.
        high_w: f64,
    },
    /// Many readings of the meter stand at its highest value while the components go on rising.
    #[error(
        "the meter stands at {ceiling_w:.1} W in {share:.0} % of the levels while the components rise by {rise_w:.0} W: it \
         saturates; choose a greater range and record anew"
    )]
    Saturated {
        /// The value at which it stands, in watts.
        ceiling_w: f64,
        /// Share of levels that stand there, in per cent.
        share: f64,
        /// By how much the components rise there, in watts.
        rise_w: f64,
    },
    /// The meter shows about a thousandth of what the components take.
    #[error(
        "the meter shows {meter_w:.3} where the components take {components_w:.0} W: it seems to be in kW; import it with its unit"
    )]
    Kilowatts {
        /// Median of the meter.
        meter_w: f64,
        /// Median of the sum of components, in watts.
        components_w: f64,
    },
    /// The meter does not rise and fall with the components.
    #[error(
        "the meter does not follow the components (rank correlation {correlation:.2}): it is on another machine, or the \
         clocks do not agree; check what it is connected to, and align the clocks"
    )]
    DoesNotFollow {
        /// Spearman's correlation of the sum of components with the meter over all levels.
        correlation: f64,
    },
    /// The meter shows less than the components behind it take, which no power supply can do.
    #[error(
        "the meter shows {short_w:.0} W less than the components in {share:.0} % of the levels: it does not feed all of them, \
         or a component is counted twice; check which supply it measures"
    )]
    NegativeLoss {
        /// Median of how much is missing, in watts.
        short_w: f64,
        /// Share of levels in which it is so, in per cent.
        share: f64,
    },
}

/// Fewest distinct levels beyond the number of coefficients.
const SPARE_LEVELS: usize = 2;

/// Fewest runs: one is left out, and the others must still show a spread.
const LEAST_RUNS: usize = 4;

/// Shares of levels from which on they show a fault of the meter and not of a level.
const SATURATED_SHARE: f64 = 0.2;
const NEGATIVE_SHARE: f64 = 0.5;

/// A meter whose levels are ordered less like those of the components than this is not the meter of this node.
const LEAST_CORRELATION: f64 = 0.5;

impl Refusal {
    pub(super) fn too_few(rows: &Rows, parameters: usize) -> Self {
        Self::TooFew {
            runs: rows.runs().len(),
            levels: levels(rows),
            parameters,
            least_runs: LEAST_RUNS.max(parameters),
            least_levels: parameters + SPARE_LEVELS,
        }
    }
}

/// The range of the sum of components, or why no model can be had.
pub(super) fn refuse(rows: &Rows) -> Result<(f64, f64), Refusal> {
    let sums: Vec<f64> = rows.rows().iter().map(|row| row.components_w.iter().sum()).collect();
    let meter: Vec<f64> = rows.rows().iter().map(|row| row.meter_w).collect();
    let too_few = || Refusal::too_few(rows, Form::Affine.parameters(rows.names().len()));
    let (Some(sum_w), Some(meter_w)) = (median(&sums), median(&meter)) else { return Err(too_few()) };
    if meter_w < 0.02 * sum_w {
        return Err(Refusal::Kilowatts { meter_w, components_w: sum_w });
    }
    let (low_w, high_w) = extent(&sums);
    if high_w - low_w < 0.05 * high_w {
        return Err(Refusal::NoRange { low_w, high_w });
    }
    if rows.runs().len() < LEAST_RUNS || levels(rows) < Form::ScaleQuadratic.parameters(1) + SPARE_LEVELS {
        return Err(too_few());
    }
    saturated(&sums, &meter)?;
    match spearman(&sums, &meter) {
        Some(correlation) if correlation >= LEAST_CORRELATION => {}
        found => return Err(Refusal::DoesNotFollow { correlation: found.unwrap_or(0.0) }),
    }
    let short: Vec<f64> =
        sums.iter().zip(&meter).map(|(sum, meter)| sum - meter).filter(|short| *short > 0.0).collect();
    let share = count(short.len()) / count(sums.len());
    match median(&short) {
        Some(short_w) if share >= NEGATIVE_SHARE => {
            Err(Refusal::NegativeLoss { short_w, share: 100.0 * share })
        }
        _ => Ok((low_w, high_w)),
    }
}

/// Refuses a meter that stands still at its top while the components rise.
fn saturated(sums: &[f64], meter: &[f64]) -> Result<(), Refusal> {
    let (_, ceiling_w) = extent(meter);
    let at_top: Vec<f64> = sums
        .iter()
        .zip(meter)
        .filter(|(_, meter)| (ceiling_w - **meter).abs() <= 1e-4 * ceiling_w)
        .map(|(sum, _)| *sum)
        .collect();
    let share = count(at_top.len()) / count(sums.len());
    let (low, high) = extent(&at_top);
    let rise_w = high - low;
    if at_top.len() > 2 && share >= SATURATED_SHARE && rise_w > 0.02 * high {
        return Err(Refusal::Saturated { ceiling_w, share: 100.0 * share, rise_w });
    }
    Ok(())
}

fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
}

/// Distinct levels: sums of components that differ by more than 1 % of their range.
fn levels(rows: &Rows) -> usize {
    let mut sums: Vec<f64> = rows.rows().iter().map(|row| row.components_w.iter().sum()).collect();
    sums.sort_unstable_by(f64::total_cmp);
    let (low, high) = extent(&sums);
    let apart = 0.01 * (high - low);
    let mut last = f64::NEG_INFINITY;
    let mut levels = 0;
    for sum in sums {
        if sum - last > apart {
            levels += 1;
            last = sum;
        }
    }
    levels
}
