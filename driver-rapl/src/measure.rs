//! Update periods, measured when a source is opened: RAPL's 1 ms is nominal, and no register says when it was.

use std::time::{Duration, Instant};

use crate::backend::Tap;
use crate::counter::MOST;
use crate::domain::{Domain, Kind};

/// Updates of which a median is worth stating.
const FEWEST: usize = 5;

/// The update period of each domain that showed one within `time`, to two digits.
///
/// Reads every counter in turn, but for those of single cores, as fast as they can be read: blocks for `time`. A
/// domain has no period here if its counter changed less than five times, if it changed at every third read or more
/// (so that the reads were too slow), or if its steps were about as small as it can show (so that what was seen is
/// its power, not its period).
pub(crate) fn update_periods(taps: &[Tap], time: Duration) -> Vec<(Domain, Duration)> {
    let taps = taps.iter().filter(|tap| !matches!(tap.lines[0].domain.kind, Kind::OneCore(_)));
    let taps: Vec<&Tap> = taps.collect();
    let mut watches: Vec<Vec<Watch>> =
        taps.iter().map(|tap| vec![Watch::default(); tap.lines.len()]).collect();
    let start = Instant::now();
    let mut counts = [0; MOST];
    while start.elapsed() < time {
        for (tap, watches) in taps.iter().zip(&mut watches) {
            if tap.counter.read(&mut counts).is_ok() {
                let at = start.elapsed();
                watches.iter_mut().zip(counts).for_each(|(watch, count)| watch.see(at, count));
            }
        }
    }
    let lines = taps.iter().flat_map(|tap| &tap.lines).zip(watches.into_iter().flatten());
    lines.filter_map(|(line, watch)| Some((line.domain, watch.period(line.step?)?))).collect()
}

/// What was seen of one counter.
#[derive(Debug, Clone, Default)]
struct Watch {
    reads: usize,
    last: Option<u64>,
    changed: Option<Duration>,
    gaps: Vec<Duration>,
    steps: Vec<u64>,
}

impl Watch {
    fn see(&mut self, at: Duration, count: u64) {
        self.reads += 1;
        let Some(last) = self.last.replace(count) else { return };
        if last == count {
            return;
        }
        // A wrap is an update like another, and its step is known to be great enough by the others.
        self.steps.push(count.saturating_sub(last));
        if let Some(before) = self.changed.replace(at) {
            self.gaps.push(at.saturating_sub(before));
        }
    }

    fn period(mut self, smallest_step: u64) -> Option<Duration> {
        let resolved = self.gaps.len() >= FEWEST && self.reads >= 3 * self.steps.len();
        let step = *median(&mut self.steps)?;
        let period = *median(&mut self.gaps)?;
        (resolved && step >= smallest_step.saturating_mul(2)).then(|| two_digits(period))
    }
}

fn median<T: Ord>(values: &mut [T]) -> Option<&T> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| &*values.select_nth_unstable(middle).1)
}

/// Two digits are what a few dozen updates, found by polling, are worth.
fn two_digits(period: Duration) -> Duration {
    let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
    let digit = 10_u64.pow(nanos.max(1).ilog10().saturating_sub(1));
    Duration::from_nanos(nanos.saturating_add(digit / 2) / digit * digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that gains `step` every 976 µs, read every `poll` µs for 25 ms.
    fn watched(step: u64, poll: u64) -> Option<Duration> {
        let mut watch = Watch::default();
        for micros in (0..25_000).step_by(usize::try_from(poll).unwrap()) {
            watch.see(Duration::from_micros(micros), micros / 976 * step);
        }
        watch.period(10)
    }

    #[test]
    fn a_period_is_found_where_it_can_be() {
        assert_eq!(watched(1_000, 4), Some(Duration::from_micros(980)));
        assert_eq!(watched(1_000, 500), None, "too few reads");
        assert_eq!(watched(15, 4), None, "steps of the smallest size show power, not updates");
        assert_eq!(watched(0, 4), None, "a counter that stands");
    }

    #[test]
    fn a_period_has_two_digits() {
        let digits = |nanos| two_digits(Duration::from_nanos(nanos)).as_nanos();
        assert_eq!((digits(976_432), digits(999_999), digits(7), digits(0)), (980_000, 1_000_000, 7, 0));
    }
}
