//! Values that are missing or impossible, counters that were set back, times without a publication.

use super::{Fault, FaultKind, runs};
use crate::phases::GAP_PERIODS;
use crate::publications::Publications;
use crate::readings::{Readings, Values};
use crate::select::nth_smallest_of;
use crate::time::{Interval, milliseconds};

/// A value below this share of the idle floor is no power that a machine can have (sensors.md §5.7).
const FLOOR_SHARE: f64 = 0.5;

/// Quantile of the sensor's own values that is taken as its idle floor: rare dropouts do not move it.
const FLOOR_QUANTILE: f64 = 0.05;

/// Fewest readings a change of value from which on it takes less to sort changes than to look at all readings.
const READINGS_A_CHANGE: usize = 4;

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
        && let Some(floor) = idle_floor(watts, readings, publications)
    {
        // Between two changes all readings show the same.
        let shown = publications.watts();
        for run in runs(shown.len(), 1, |index| shown[index] <= 0.0 || shown[index] < FLOOR_SHARE * floor) {
            let lowest = shown[run.clone()].iter().copied().fold(f64::INFINITY, f64::min);
            let run = publications.readings_of(run, readings);
            let detail = format!("shows {lowest:.1} W, its idle floor is {floor:.1} W");
            let (first, last) = (readings.time(run.start), readings.time(run.end - 1));
            found.push(Fault::new(FaultKind::Dropout, first, last, run.len(), detail));
        }
    }
    found
}

/// The power below which 5 % of the positive readings lie.
fn idle_floor(watts: &[f64], readings: &Readings, publications: &Publications) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the readings"
    )]
    let rank = |count: usize| (count as f64 * FLOOR_QUANTILE) as usize;
    // The bits of positive numbers are in the order of the numbers.
    if publications.len() > watts.len() / READINGS_A_CHANGE {
        let positive = || watts.iter().filter(|&&value| value > 0.0).map(|value| value.to_bits());
        return nth_smallest_of(|count| [rank(count)], positive).map(|[bits]| f64::from_bits(bits));
    }
    let plateaus = publications.watts().iter().zip(publications.plateaus(readings));
    let mut plateaus: Vec<(u64, usize)> = plateaus
        .filter(|&(&value, _)| value > 0.0)
        .map(|(value, plateau)| (value.to_bits(), plateau.len()))
        .collect();
    plateaus.sort_unstable();
    let mut left = rank(plateaus.iter().map(|(_, readings)| readings).sum());
    let found = plateaus.into_iter().find(|&(_, readings)| {
        let here = left < readings;
        left = left.saturating_sub(readings);
        here
    });
    found.map(|(bits, _)| f64::from_bits(bits))
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

#[cfg(test)]
mod tests {
    use power_core::{Channel, Quantity};

    use super::*;
    use crate::readings::{Raw, ReadingsBuilder};

    #[test]
    fn the_floor_by_changes_is_that_by_readings() {
        let levels = [300.0, 80.5, 80.25, 0.0, 310.0, 80.5, -1.0, 295.0];
        for readings_a_change in [1, 3, 4, 50] {
            let mut builder = ReadingsBuilder::new(Channel::new("power", Quantity::power())).unwrap();
            let shown = levels.iter().cycle().take(400).flat_map(|&watts| vec![watts; readings_a_change]);
            let mut positive = Vec::new();
            for (time, watts) in (0_i64..).map(|step| step * 1_000_000).zip(shown) {
                builder.push(time, time, Raw::Number(watts));
                positive.extend((watts > 0.0).then_some(watts));
            }
            positive.sort_unstable_by(f64::total_cmp);
            let readings = builder.finish();
            let publications = Publications::find(&readings);
            let Values::Power(watts) = readings.values() else { unreachable!() };
            let floor = idle_floor(watts, &readings, &publications).unwrap();
            assert_eq!(
                floor.to_bits(),
                positive[positive.len() / 20].to_bits(),
                "{readings_a_change} readings a change"
            );
            let dropouts = dropouts(&readings, &publications);
            assert_eq!((dropouts.len(), dropouts[0].count), (100, readings_a_change));
        }
    }
}
