//! The checks: one function each, from the whole benchmark to what it gives away.

mod assumed;
mod cumulative;
mod missing;
mod pue;
mod reading;
mod repeated;
mod repeats;
mod samples;
mod sums;
mod unit;
mod window;
mod zero;

pub(super) use self::assumed::is_assumed;
pub(super) use self::repeats::scatter;
use super::context::Context;
use super::finding::{Check, Outcome};

/// The outcome of every check, in the order of [`Check::ALL`].
pub(super) fn all(context: &Context<'_>) -> Vec<(Check, Outcome)> {
    let unit = unit::check(context);
    let read = reading::check(context);
    let mut outcomes = vec![
        (Check::EnergyUnit, unit.label),
        (Check::EnergyMismatch, unit.mismatch),
        (Check::GpuSums, sums::check(context)),
        (Check::ZeroPower, zero::check(context)),
        (Check::PueInside, pue::check(context)),
        (Check::CumulativeEnergy, cumulative::check(context)),
        (Check::LongWindow, window::check(context)),
        (Check::Imputed, repeated::check(context)),
        (Check::FewSamples, samples::check(context)),
        (Check::BlindStart, read.blind),
        (Check::LateReading, read.late),
        (Check::PlainMean, read.plain),
        (Check::AssumedMemory, assumed::memory(context)),
        (Check::ConstantCpu, assumed::cpu(context)),
        (Check::MissingFigures, missing::check(context)),
        (Check::RepeatsScatter, repeats::check(context)),
        (Check::Spelling, repeats::spelling(context)),
    ];
    outcomes.sort_by_key(|(check, _)| *check);
    outcomes
}
