//! How late a thread of this machine wakes up, measured as the recorder sleeps.

use std::thread;
use std::time::Duration;

use power_core::{Clock, SystemClock};
use serde::Serialize;

use super::{Finding, Level};
use crate::record::{cost, os};

/// How late wake-ups were, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lateness {
    /// How many wake-ups were measured.
    pub wake_ups: u64,
    /// Half of them were later than this.
    pub p50_us: f64,
    /// One in a hundred was later than this.
    pub p99_us: f64,
    /// The latest.
    pub max_us: f64,
}

/// Wake-ups that are measured, a millisecond apart.
const WAKE_UPS: u32 = 250;

/// Later than this, and polling at 1 kHz is uneven: a fifth of its period.
const EVEN_US: f64 = 200.0;

/// Measures wake-ups for a quarter of a second; `None` if no thread can be made for it.
pub fn wake_ups() -> Option<Lateness> {
    thread::Builder::new().name("doctor".to_owned()).spawn(measure).ok()?.join().ok()?
}

fn measure() -> Option<Lateness> {
    os::precise_timers();
    let mut histogram = cost::histogram()?;
    let mut due = SystemClock.now();
    for _ in 0..WAKE_UPS {
        due = due.checked_add(Duration::from_millis(1))?;
        os::sleep_until(due);
        let late = SystemClock.now().since(due).unwrap_or_default();
        cost::count(&mut histogram, late);
    }
    let micros = |quantile| cost::micros(histogram.value_at_quantile(quantile));
    Some(Lateness {
        wake_ups: histogram.len(),
        p50_us: micros(0.5),
        p99_us: micros(0.99),
        max_us: cost::micros(histogram.max()),
    })
}

pub(super) fn finding(late: &Lateness) -> Finding {
    let what = format!(
        "{} of 1 ms: half later than {:.0} µs, one in a hundred later than {:.0} µs, worst {:.0} µs",
        late.wake_ups, late.p50_us, late.p99_us, late.max_us
    );
    if late.p99_us <= EVEN_US {
        return Finding::new(Level::Fine, "wake-ups", what, None);
    }
    let what = format!("{what}; polling every millisecond will be uneven");
    Finding::new(
        Level::Note,
        "wake-ups",
        what,
        Some("wattproof record --realtime, on a quiet machine".to_owned()),
    )
}
