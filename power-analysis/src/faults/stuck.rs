//! A value that stands still while the reference moves.

use super::{Fault, FaultKind};
use crate::publications::Publications;
use crate::readings::Readings;
use crate::time::{Interval, seconds};
use crate::trace::Trace;

/// A value that stands for longer than this many update periods may be stuck (sensors.md §5.7).
const STUCK_PERIODS: i64 = 10;

/// Share of the reference's own range by which it must move meanwhile for the value to be called stuck.
const MOVED_SHARE: f64 = 0.2;

/// Times of more than ten update periods, and of twice the reference's lag, over which the value stands still and the reference does not.
///
/// The reference is averaged over the sensor's window first: a one-second average stands still over what
/// evens out within a second.
pub(crate) fn stuck(
    publications: &Publications,
    readings: &Readings,
    reference: &Trace,
    window_ns: i64,
    reference_lag_ns: i64,
    reference_range_w: f64,
) -> Vec<Fault> {
    let Some(period) = publications.period_ns() else { return Vec::new() };
    let Some(end) = readings.span().map(|span| span.end_ns) else { return Vec::new() };
    let longest = period.saturating_mul(STUCK_PERIODS).max(reference_lag_ns.saturating_mul(2));
    let times = publications.times_ns();
    let mut found = Vec::new();
    for (index, &begin) in times.iter().enumerate() {
        let until = times.get(index + 1).copied().unwrap_or(end);
        let next = if index + 1 < times.len() { publications.reading(index + 1) } else { readings.len() };
        let polls = next - publications.reading(index);
        if until - begin <= longest || polls < 3 {
            continue;
        }
        let Some((low, high)) = swing(reference, Interval::new(begin, until), window_ns, period) else {
            continue;
        };
        if high - low > MOVED_SHARE * reference_range_w {
            let detail = format!(
                "stands at {:.1} W for {:.1} s while the reference moves from {low:.0} to {high:.0} W",
                publications.watts()[index],
                seconds(until - begin)
            );
            found.push(Fault::new(FaultKind::Stuck, begin, until, polls, detail));
        }
    }
    found
}

/// Lowest and highest mean of the reference over windows that end within `interval`, less one period at its end.
fn swing(reference: &Trace, interval: Interval, window_ns: i64, period_ns: i64) -> Option<(f64, f64)> {
    let mut extremes: Option<(f64, f64)> = None;
    let mut end = interval.begin_ns;
    while end <= interval.end_ns - period_ns {
        let mean = reference.mean_w(Interval::new(end - window_ns.max(period_ns), end))?;
        let (low, high) = extremes.unwrap_or((mean, mean));
        extremes = Some((low.min(mean), high.max(mean)));
        end += period_ns;
    }
    extremes
}
