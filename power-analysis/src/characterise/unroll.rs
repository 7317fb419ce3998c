//! The energy behind an average that is longer than its update period.

use serde::{Deserialize, Serialize};

use crate::stats::student_two_sided;
use crate::time::{nanoseconds, seconds};

/// The running energy up to a moment, undone from a moving average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unrolled {
    /// The moment: a publication less the sensor's delay, in nanoseconds.
    pub time_ns: i64,
    /// Energy from the beginning of the idle start to it, in joules.
    pub energy_j: f64,
    /// Half the width of its interval, in joules.
    pub half_width_j: f64,
}

/// What unrolling needs to know of the sensor and of the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnrollSettings {
    /// Averaging window W, in nanoseconds.
    pub window_ns: i64,
    /// Half the width of the window's interval, in nanoseconds.
    pub window_half_ns: i64,
    /// Delay d, in nanoseconds.
    pub delay_ns: i64,
    /// Power of the idle start, over at least one window before the first publication that counts, in watts.
    pub idle_w: f64,
    /// Standard deviation of a publication, in watts.
    pub noise_w: f64,
    /// Confidence of the intervals.
    pub confidence: f64,
}

/// Unrolls publications of a moving average: `E(t) = E(t - W) + W A(t)`, from an idle start.
///
/// `times_ns` ascend. Before the first publication the power is taken as idle. Between the moments that are known, E(t - W)
/// lies on a straight line. Errors add up: after m windows the noise of m publications is in the energy, and a window that
/// is wrong by a share is so in all of it; the power's own change between two publications bends the line, and is bounded
/// by what it did. The half width holds all three. `None` where the window is not above 0, or nothing was published.
pub fn unroll(times_ns: &[i64], watts: &[f64], settings: &UnrollSettings) -> Option<Vec<Unrolled>> {
    let first = *times_ns.first()?;
    if settings.window_ns <= 0 || times_ns.len() != watts.len() {
        return None;
    }
    let window = seconds(settings.window_ns);
    let share = seconds(settings.window_half_ns) / window;
    let quantile = student_two_sided(settings.confidence, 1e6);
    let start = first.saturating_sub(settings.delay_ns).saturating_sub(settings.window_ns);
    let mut known: Vec<State> = vec![State { time: 0.0, energy: 0.0, noise: 0.0, bend: 0.0 }];
    let mut next = 0;
    let mut found = Vec::with_capacity(times_ns.len());
    for (&time_ns, &watts) in times_ns.iter().zip(watts) {
        let moment = time_ns.saturating_sub(settings.delay_ns);
        let time = seconds(moment.saturating_sub(start));
        let begin = time - window;
        while next + 1 < known.len() && known[next + 1].time <= begin {
            next += 1;
        }
        let before = at(&known, next, begin, settings.idle_w);
        let state = State {
            time,
            energy: before.energy + window * watts,
            noise: before.noise + (window * settings.noise_w).powi(2),
            bend: before.bend,
        };
        // Idle power is what it is whatever the window: only what is above it scales with the window.
        let above = (state.energy - settings.idle_w * time).abs();
        found.push(Unrolled {
            time_ns: start.saturating_add(nanoseconds(time)),
            energy_j: state.energy,
            half_width_j: quantile * state.noise.sqrt() + share * above + state.bend,
        });
        if known.last().is_some_and(|last| time > last.time) {
            known.push(state);
        }
    }
    Some(found)
}

/// The running energy at one moment, and what is uncertain in it.
#[derive(Debug, Clone, Copy)]
struct State {
    time: f64,
    energy: f64,
    /// Variance by noise, in joules squared.
    noise: f64,
    /// Bound on what lies between two publications, in joules.
    bend: f64,
}

/// The state at `time`, on the straight line between the known moment `index` and the one after.
fn at(known: &[State], index: usize, time: f64, idle_w: f64) -> State {
    let here = known[index];
    let Some(next) = known.get(index + 1) else {
        return State { time, energy: here.energy + idle_w * (time - here.time), ..here };
    };
    let (length, since) = (next.time - here.time, time - here.time);
    if since <= 0.0 {
        return State { time, energy: here.energy + idle_w * since, ..here };
    }
    let share = (since / length).min(1.0);
    // Between two moments the running energy rises; how its rise is spread is unknown but for the power's range, which
    // the slopes before and after show.
    let slope = |a: &State, b: &State| {
        if b.time > a.time { (b.energy - a.energy) / (b.time - a.time) } else { idle_w }
    };
    let own = slope(&here, next);
    let earlier = index.checked_sub(1).map_or(idle_w, |before| slope(&known[before], &here));
    let later = known.get(index + 2).map_or(own, |after| slope(next, after));
    let swing = earlier.max(own).max(later) - earlier.min(own).min(later);
    State {
        time,
        energy: here.energy + share * (next.energy - here.energy),
        noise: here.noise.max(next.noise),
        bend: here.bend.max(next.bend) + swing * length * share * (1.0 - share),
    }
}
