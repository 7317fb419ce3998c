//! What a perfect sensor would have shown: the reference, seen through another sensor's window and publications.

use power_core::{Averaging, Quantity};

use crate::publications::Publications;
use crate::readings::Readings;
use crate::time::{Interval, nanos_of};
use crate::trace::{Between, MovingMean, Trace};

/// The averaging window that a sensor is taken to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// This many nanoseconds before the publication; 0 for a point value.
    Known(i64),
    /// All the time since the publication before, as a counter covers it.
    SincePrevious,
}

impl Window {
    /// The window that the channel's descriptor states; `None` where nobody says.
    pub fn nominal(quantity: Quantity) -> Option<Self> {
        match quantity {
            Quantity::Power { averaging: Averaging::Over(window) } => Some(Self::Known(nanos_of(window))),
            Quantity::Power { averaging: Averaging::Instantaneous } => Some(Self::Known(0)),
            Quantity::EnergyCounter { .. } => Some(Self::SincePrevious),
            _ => None,
        }
    }
}

/// The reference as a perfect sensor with this window would have published it, one value a publication.
///
/// `times_ns` are in order; `None` where the reference does not cover the window.
pub fn published<'a>(
    reference: &'a Trace,
    times_ns: impl Iterator<Item = i64> + 'a,
    window: Window,
) -> impl Iterator<Item = Option<f64>> + 'a {
    let mut mean = MovingMean::new(reference);
    let mut before = None;
    times_ns.map(move |end| {
        let begin = match window {
            Window::Known(window) => Some(end.saturating_sub(window)),
            Window::SincePrevious => before,
        };
        before = Some(end);
        mean.mean_w(Interval::new(begin?, end))
    })
}

/// The readings that a perfect sensor with this window and these publications would have given, as a naive trace.
///
/// Where the reference does not cover a publication's window, the trace begins later or ends earlier.
pub fn emulated(
    reference: &Trace,
    readings: &Readings,
    publications: &Publications,
    window: Window,
) -> Option<Trace> {
    let times = publications.all().map(|publication| publication.time_ns);
    if readings.is_counter() {
        // A perfect counter that steps when this one stepped.
        let mut cursor = reference.cursor();
        let (times, energy) = as_read(readings, publications, times.map(|time| cursor.cumulated_j(time)));
        return Trace::from_energy(times, energy);
    }
    let (times, watts) = as_read(readings, publications, published(reference, times, window));
    Trace::new(times, watts, Between::Line)
}

/// The first and the last reading of each publication with what they would have seen.
fn as_read(
    readings: &Readings,
    publications: &Publications,
    values: impl Iterator<Item = Option<f64>>,
) -> (Vec<i64>, Vec<f64>) {
    let (mut times, mut seen) = (Vec::new(), Vec::new());
    let mut following = publications.all().map(|publication| publication.reading).skip(1);
    for (publication, value) in publications.all().zip(values) {
        let next = following.next().unwrap_or(readings.len());
        match value {
            Some(value) => {
                // Between the first and the last reading of a publication nothing changes.
                let last = (publication.reading + 1 < next).then(|| next - 1);
                for reading in
                    (publication.reading < next).then_some(publication.reading).into_iter().chain(last)
                {
                    times.push(readings.time(reading));
                    seen.push(value);
                }
            }
            None if times.is_empty() => {}
            None => break,
        }
    }
    (times, seen)
}
