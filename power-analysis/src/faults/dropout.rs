//! Values that are missing or impossible, counters that were set back, times without a publication.

use super::{Fault, FaultKind, runs};
use crate::phases::GAP_PERIODS;
use crate::publications::Publications;
use crate::readings::{Readings, Values};
use crate::select::nth_smallest;
use crate::time::{Interval, milliseconds};

/// A value below this share of the idle floor is no power that a machine can have (sensors.md §5.7).
const FLOOR_SHARE: f64 = 0.5;

/// Quantile of the sensor's own values that is taken as its idle floor: rare dropouts do not move it.
const FLOOR_QUANTILE: f64 = 0.05;

/// Two missing values closer than this belong to one dropout, in update periods.
const JOIN_PERIODS: i64 = 2;

/// Missing values, and values of 0 W or far below the idle floor.
pub(crate) fn dropouts(readings: &Readings, publications: &Publications) -> Vec<Fault> {
    let join = publications.period_ns().unwrap_or(0).saturating_mul(JOIN_PERIODS);
    let mut found = Vec::new();
    let missing = readings.missing_ns();
    let mut begin = 0;
    for end in 1..=missing.len() {
        if end == missing.len() || missing[end] - missing[end - 1] > join {
            let detail = "the device gave no value";
            found.push(Fault::new(FaultKind::Dropout, missing[begin], missing[end - 1], end - begin, detail));
            begin = end;
        }
    }
    if let Values::Power(watts) = readings.values()
        && let Some(floor) = idle_floor(watts)
    {
        for run in runs(watts.len(), 1, |index| watts[index] <= 0.0 || watts[index] < FLOOR_SHARE * floor) {
            let lowest = watts[run.clone()].iter().copied().fold(f64::INFINITY, f64::min);
            let detail = format!("shows {lowest:.1} W, its idle floor is {floor:.1} W");
            let (first, last) = (readings.time(run.start), readings.time(run.end - 1));
            found.push(Fault::new(FaultKind::Dropout, first, last, run.len(), detail));
        }
    }
    found
}

/// The power below which 5 % of the positive readings lie.
fn idle_floor(watts: &[f64]) -> Option<f64> {
    // The bits of positive numbers are in the order of the numbers.
    let positive = || watts.iter().filter(|&&value| value > 0.0).map(|value| value.to_bits());
    let count = positive().count();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the readings"
    )]
    let index = (count as f64 * FLOOR_QUANTILE) as usize;
    nth_smallest(index, positive).map(f64::from_bits)
}

/// Counters that were set back.
pub(crate) fn resets(readings: &Readings) -> Vec<Fault> {
    let fault = |&time: &i64| {
        Fault::new(FaultKind::CounterReset, time, time, 1, "the energy up to this reading is unknown")
    };
    readings.resets_ns().iter().map(fault).collect()
}

/// Times of more than three update periods without a publication.
pub(crate) fn gaps(publications: &Publications, readings: &Readings, overlap: Interval) -> Vec<Fault> {
    let Some(period) = publications.period_ns() else { return Vec::new() };
    let longest = period.saturating_mul(GAP_PERIODS);
    let gap = |begin: i64, end: i64| {
        let polls = readings.within(Interval::new(begin, end)).len();
        let why = if polls > 1 {
            format!("{polls} readings repeat one value")
        } else {
            "nobody read the sensor".into()
        };
        let detail = format!("no publication for {:.0} ms: {why}", milliseconds(end - begin));
        Fault::new(FaultKind::Gap, begin, end, polls, detail)
    };
    publications
        .times_ns()
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > longest && pair[0] < overlap.end_ns && pair[1] > overlap.begin_ns)
        .filter(|pair| publications.longest_gap_ns(Interval::new(pair[0], pair[1])) > longest)
        .map(|pair| gap(pair[0], pair[1]))
        .collect()
}
