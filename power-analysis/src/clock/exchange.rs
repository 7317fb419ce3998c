//! Offset and drift by exchanges: every answer was made between asking and hearing it.

use super::hull::{Lines, Point, Ranges};
use super::{ClockFit, ClockMethod, ClockRefusal, ClockShape};
use crate::stats::Estimate;
use crate::time::{nanoseconds, seconds};

/// Steepest drift that a clock can have: a crystal is good to 100 parts in a million, a broken one to 1000.
const STEEPEST: f64 = 2e-3;

/// Exchanges that a stretch needs before it counts as the clock having been set, rather than as wrong answers.
const FEWEST: usize = 3;

/// One exchange with a device that stamps by its own clock: four times, of which a device that stamps its answer once
/// gives two at once ([`stamped_once`](Self::stamped_once)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Time base just before asking.
    pub start_ns: i64,
    /// Time base just after the answer.
    pub end_ns: i64,
    /// The device's own time when it was asked.
    pub device_start_ns: i64,
    /// The device's own time when it answered.
    pub device_end_ns: i64,
}

impl Exchange {
    /// An exchange with a device whose answer has one time, of some moment between asking and hearing it.
    pub const fn stamped_once(start_ns: i64, end_ns: i64, device_ns: i64) -> Self {
        Self { start_ns, end_ns, device_start_ns: device_ns, device_end_ns: device_ns }
    }
}

/// Bounds of offset and drift that hold for certain, from exchanges in any order.
///
/// Each exchange says that the device was asked no earlier than `start`, and answered no later than `end`: with
/// m(x) = x + offset + drift × (x - origin), `start ≤ m(device_start)` and `m(device_end) ≤ end`. The bounds are those of the polygon
/// that all of them leave (set membership; for offsets alone, the intersection of Marzullo 1984). Where they contradict
/// each other, single ones are rejected; where a whole stretch does, the clock was set, and the bounds are those of the
/// longest stretch. Device times are whole multiples of `tick_ns`, cut off: the true one is up to a tick later. Costs
/// O(n log n) for each stretch.
///
/// # Errors
///
/// - [`ClockRefusal::TooFew`] below two exchanges.
/// - [`ClockRefusal::NotFixed`] where no stretch of two is consistent.
pub fn exchange(exchanges: &[Exchange], tick_ns: i64) -> Result<ClockFit, ClockRefusal> {
    let mut sorted: Vec<Exchange> = exchanges.to_vec();
    sorted.sort_by_key(|exchange| (exchange.start_ns, exchange.end_ns));
    let Some(first) = sorted.first().filter(|_| sorted.len() >= 2) else {
        return Err(ClockRefusal::TooFew { points: sorted.len() });
    };
    // Offsets are kept small, so that they are exact as floating-point numbers.
    let around = first.start_ns.saturating_sub(first.device_start_ns);
    let tick_ns = tick_ns.max(1);
    let (stretches, rejected) = stretches(&sorted, around, tick_ns);
    let longest = stretches.iter().max_by_key(|stretch| stretch.len()).ok_or(ClockRefusal::NotFixed)?;
    let origin_ns = middle(longest);
    let frame = Frame { origin_ns, around, tick_ns };
    let lines = frame.lines(longest);
    let Ranges { offset, slope } = lines.ranges().ok_or(ClockRefusal::NotFixed)?;
    let drift = f64::midpoint(slope.0, slope.1);
    let best = lines.middle(drift).clamp(offset.0, offset.1);
    let at = |offset: f64| around.saturating_add(nanoseconds(offset));
    Ok(ClockFit {
        origin_ns,
        offset_ns: at(best),
        offset_low_ns: at(offset.0),
        offset_high_ns: at(offset.1),
        drift_ppm: Some(Estimate::new(drift * 1e6, slope.0 * 1e6, slope.1 * 1e6, 1.0)),
        confidence: 1.0,
        method: ClockMethod::Exchange,
        points: longest.len(),
        rejected,
        shape: shape(&stretches, around, tick_ns),
        edges: None,
    })
}

fn middle(stretch: &[Exchange]) -> i64 {
    let ends = stretch.first().zip(stretch.last());
    ends.map_or(0, |(first, last)| i64::midpoint(first.device_start_ns, last.device_start_ns))
}

/// Where offsets count from.
#[derive(Debug, Clone, Copy)]
struct Frame {
    origin_ns: i64,
    around: i64,
    tick_ns: i64,
}

impl Frame {
    fn gate(self, exchange: &Exchange) -> (Point, Point) {
        let point = |device: i64, host: i64| {
            let offset = host.saturating_sub(device).saturating_sub(self.around);
            (seconds(device.saturating_sub(self.origin_ns)), seconds(offset))
        };
        let asked = point(exchange.device_start_ns, exchange.start_ns.saturating_sub(self.tick_ns));
        (asked, point(exchange.device_end_ns, exchange.end_ns))
    }

    fn lines(self, exchanges: &[Exchange]) -> Lines {
        let gates = exchanges.iter().map(|exchange| self.gate(exchange));
        let (mut lower, mut upper): (Vec<Point>, Vec<Point>) = gates.unzip();
        lower.sort_by(|a, b| a.0.total_cmp(&b.0));
        upper.sort_by(|a, b| a.0.total_cmp(&b.0));
        Lines::new(&lower, &upper, STEEPEST)
    }

    fn fits(self, exchanges: &[Exchange]) -> bool {
        self.lines(exchanges).ranges().is_some()
    }
}

/// Parts the exchanges into stretches that one line each can explain; also how many fit into none.
fn stretches(sorted: &[Exchange], around: i64, tick_ns: i64) -> (Vec<Vec<Exchange>>, usize) {
    let mut found: Vec<Vec<Exchange>> = Vec::new();
    let mut rejected = 0;
    let mut rest = sorted.to_vec();
    while !rest.is_empty() {
        let frame = Frame { origin_ns: middle(&rest), around, tick_ns };
        let mut stretch: Vec<Exchange> = Vec::new();
        loop {
            let length = longest_prefix(frame, &stretch, &rest);
            stretch.extend(rest.drain(..length));
            // One that contradicts while those after it do not is a wrong answer, not a clock that was set.
            let after: Vec<Exchange> = rest.iter().skip(1).take(FEWEST).copied().collect();
            let goes_on = after.len() == FEWEST && stretch.len() >= FEWEST && {
                let mut all = stretch.clone();
                all.extend(&after);
                frame.fits(&all)
            };
            if rest.is_empty() || !goes_on {
                break;
            }
            rest.remove(0);
            rejected += 1;
        }
        if stretch.len() >= FEWEST || (found.is_empty() && rest.is_empty() && stretch.len() >= 2) {
            found.push(stretch);
        } else {
            rejected += stretch.len().max(1);
            if stretch.is_empty() {
                rest.remove(0);
            }
        }
    }
    (found, rejected)
}

/// How many of `rest` can be added to `stretch` before no line fits: by doubling, then by halving.
fn longest_prefix(frame: Frame, stretch: &[Exchange], rest: &[Exchange]) -> usize {
    let fits = |length: usize| {
        let mut all = stretch.to_vec();
        all.extend(&rest[..length]);
        frame.fits(&all)
    };
    if fits(rest.len()) {
        return rest.len();
    }
    let (mut good, mut step) = (0, 1);
    while good + step < rest.len() && fits(good + step) {
        good += step;
        step *= 2;
    }
    let mut bad = (good + step).min(rest.len());
    while bad - good > 1 {
        let middle = usize::midpoint(good, bad);
        if fits(middle) { good = middle } else { bad = middle }
    }
    good
}

/// What the stretches say of the clock: one line, set between two of them, or wandering.
fn shape(stretches: &[Vec<Exchange>], around: i64, tick_ns: i64) -> ClockShape {
    let [before, .., after] = stretches else { return ClockShape::Linear };
    let mut largest: Option<(i64, f64, f64)> = None;
    for pair in stretches.windows(2) {
        let (Some(last), Some(next)) = (pair[0].last(), pair[1].first()) else { continue };
        let frame = Frame { origin_ns: last.device_end_ns, around, tick_ns };
        let offset = |stretch: &[Exchange]| frame.lines(stretch).ranges().map(|ranges| ranges.offset);
        let Some((one, other)) = offset(&pair[0]).zip(offset(&pair[1])) else { continue };
        // The mapped time jumps the other way than the clock was set.
        let (least, most) = (one.0 - other.1, one.1 - other.0);
        let by = f64::midpoint(least, most);
        if least * most > 0.0 && largest.is_none_or(|(_, size, _)| by.abs() > size.abs()) {
            largest = Some((next.start_ns, by, 0.5 * (most - least)));
        }
    }
    if let Some((at_ns, by, half)) = largest {
        return ClockShape::Stepped { at_ns, by_ms: Estimate::symmetric(by * 1e3, half * 1e3, 1.0) };
    }
    let frame = Frame { origin_ns: middle(before), around, tick_ns };
    let drift = |stretch: &[Exchange]| {
        frame.lines(stretch).ranges().map_or(0.0, |ranges| f64::midpoint(ranges.slope.0, ranges.slope.1))
    };
    let apart = seconds(middle(after).saturating_sub(middle(before)));
    // Half of what the drift changed by, over half the time, is how far a line can be from a bend.
    ClockShape::Curved { worst_ms: (drift(after) - drift(before)).abs() * apart * 250.0 }
}
