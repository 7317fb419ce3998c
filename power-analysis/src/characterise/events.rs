//! When a sensor changed its value, as far as the readings tell.

use crate::readings::{Readings, Values};
use crate::time::{Interval, midpoint};

/// One change of a sensor's value: somewhere within the interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// From the start of the last reading that did not show it to the end of the first that did.
    pub within: Interval,
    /// Best guess without a lattice: halfway between the middles of the two readings.
    pub middle_ns: i64,
    /// Power in watts; for a counter the mean since the change before.
    pub watts: f64,
    /// The first reading that showed it.
    pub reading: usize,
}

/// The changes of value in `readings`, in order; of a streamed channel every reading is one.
///
/// The first value of a polled channel is left out: nobody saw it come.
pub fn changes(readings: &Readings) -> Vec<Change> {
    match readings.values() {
        Values::Power(watts) => (usize::from(!readings.is_streamed())..readings.len())
            .filter_map(|index| {
                #[expect(clippy::float_cmp, reason = "a change of the value as it is shown")]
                let same = !readings.is_streamed() && watts[index] == watts[index - 1];
                (!same).then(|| change(readings, index, watts[index]))
            })
            .collect(),
        Values::Energy(energy) => of_counter(readings, energy),
    }
}

fn of_counter(readings: &Readings, energy: &[f64]) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    let mut last: Option<(Change, f64)> = None;
    for index in 1..readings.len() {
        if energy[index] <= energy[index - 1] {
            continue;
        }
        let mut here = change(readings, index, 0.0);
        if let Some((before, total)) = last {
            let length = crate::time::seconds(here.middle_ns - before.middle_ns);
            if length > 0.0 {
                here.watts = (energy[index] - total) / length;
                found.push(here);
            }
        }
        last = Some((here, energy[index]));
    }
    found
}

fn change(readings: &Readings, index: usize, watts: f64) -> Change {
    let (now, seen) = (readings.bracket(index), readings.time(index));
    if readings.is_streamed() || index == 0 {
        return Change { within: now, middle_ns: seen, watts, reading: index };
    }
    let before = readings.bracket(index - 1);
    // Overlapping brackets, as of a process that was slow: the order of the readings still holds.
    let within = Interval::new(before.begin_ns.min(now.end_ns), now.end_ns);
    Change { within, middle_ns: midpoint(readings.time(index - 1), seen), watts, reading: index }
}
