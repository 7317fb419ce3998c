//! What clocks that are known to an interval leave open: every interval of an energy's error grows by it.

use crate::compare::Comparison;
use crate::energy::RelativeError;
use crate::phases::{PhaseRow, PhaseVerdict};
use crate::time::Interval;
use crate::trace::Trace;

/// Shares of the uncertainty at which its effect is looked at, to both sides.
const SHARES: [i64; 6] = [-4, -2, -1, 1, 2, 4];

/// Says of each phase what the clocks leave open, and refuses those that are not longer than the uncertainty is wide.
pub(crate) fn mark(rows: &mut [PhaseRow], reference: &Trace, uncertainty_ns: i64) {
    if uncertainty_ns > 0 {
        for row in rows {
            phase(row, reference, uncertainty_ns);
        }
    }
}

/// Widens the intervals of a comparison by what a shift of up to `uncertainty_ns` of one clock against the other can do.
///
/// The same shift holds for all phases, so a group's energies change together.
pub(crate) fn widen(comparison: &mut Comparison, reference: &Trace, uncertainty_ns: i64) {
    if uncertainty_ns <= 0 {
        return;
    }
    if let Some(energies) = &mut comparison.energies {
        for pair in [Some(&mut energies.naive), energies.guard_banded.as_mut()].into_iter().flatten() {
            let bound = reference.shift_bound_j(pair.interval, uncertainty_ns);
            grow(&mut pair.error, bound / pair.reference_j);
        }
    }
    for group in &mut comparison.groups {
        let members: Vec<Interval> = comparison
            .phases
            .iter()
            .filter(|row| {
                row.phase.group() == group.group && row.sensor_j.is_some() && row.reference_j.is_some()
            })
            .map(|row| row.phase.interval)
            .collect();
        let moved = |share: i64| -> f64 {
            let by = uncertainty_ns / 4 * share;
            members.iter().filter_map(|interval| reference.shifted_by_j(*interval, by)).sum::<f64>().abs()
        };
        let bound = SHARES.into_iter().map(moved).fold(0.0, f64::max);
        if let (Some(error), Some(total)) = (&mut group.error, group.reference_j) {
            grow(error, bound / total);
        }
    }
}

fn phase(row: &mut PhaseRow, reference: &Trace, uncertainty_ns: i64) {
    let interval = row.phase.interval;
    if let Some(total) = row.reference_j.filter(|total| *total > 0.0) {
        row.clock_error = Some(reference.shift_bound_j(interval, uncertainty_ns) / total);
    }
    // Shorter than the two clocks are apart: the sensor may show the phase before or the one after.
    if interval.length_ns() <= uncertainty_ns.saturating_mul(2) && row.verdict == PhaseVerdict::Ok {
        row.verdict = PhaseVerdict::Unresolved;
    }
}

fn grow(error: &mut RelativeError, by: f64) {
    if !by.is_finite() || by <= 0.0 {
        return;
    }
    error.low = error.low.map(|low| low - by);
    error.high = error.high.map(|high| high + by);
    error.method.push_str("; widened by what the clocks leave open");
}
