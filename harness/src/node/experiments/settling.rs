//! How long a load is kept, and from when on it counts: by fans and heat, and by what the sensors are like.

use std::time::Duration;

use power_core::Descriptor;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Least time of a load, and of it until it counts, in seconds: fans follow the heat so slowly (`sensors.md` §5.11).
const LEAST_DWELL_S: f64 = 60.0;
const LEAST_DISCARD_S: f64 = 20.0;

/// A sensor shows the load alone after so many times what it takes to publish it.
const SETTLED: f64 = 5.0;

/// Fewest publications of the slowest sensor on a plateau: its mean is then that of the load, not of two ticks.
const LEAST_PUBLICATIONS: f64 = 20.0;

/// How long a load is kept, and from when on it counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settling {
    /// Time of a load in seconds.
    pub dwell_s: f64,
    /// What does not count at its beginning, in seconds.
    pub discard_s: f64,
    /// What the slowest sensor takes from one publication to the next, in seconds.
    pub slowest_s: f64,
}

impl Default for Settling {
    /// For sensors that publish at least ten times a second.
    fn default() -> Self {
        Self { dwell_s: LEAST_DWELL_S, discard_s: LEAST_DISCARD_S, slowest_s: 0.1 }
    }
}

impl Settling {
    /// Checks that a plateau remains.
    pub(super) fn check(&self) -> Result<()> {
        let plateau_s = self.dwell_s - self.discard_s;
        if self.discard_s >= 0.0 && plateau_s >= 1.0 && self.dwell_s <= 86_400.0 {
            return Ok(());
        }
        Err(Error::new(format!(
            "a load of {} s of which {} s do not count has no plateau",
            self.dwell_s, self.discard_s
        ))
        .mend("give --dwell 60s --discard 20s, or more"))
    }
}

/// The times that suit sources: five times what the slowest takes until it shows a load (update period T and averaging
/// window W; delays are below both and in no descriptor), at least 20 s; and 20 of its publications, at least 40 s, on the plateau.
pub fn settling<'a>(sources: impl IntoIterator<Item = &'a Descriptor>) -> Settling {
    let seconds = |time: Option<Duration>| time.map_or(0.0, |time| time.as_secs_f64());
    let (mut shows_s, mut slowest_s) = (0.0_f64, 0.0_f64);
    for channel in sources.into_iter().flat_map(|source| &source.channels) {
        if !channel.quantity.has_energy() {
            continue;
        }
        let period_s = seconds(channel.update_period);
        slowest_s = slowest_s.max(period_s);
        shows_s = shows_s.max(period_s + seconds(channel.window()));
    }
    let discard_s = (SETTLED * shows_s).max(LEAST_DISCARD_S).ceil();
    let plateau_s = (LEAST_PUBLICATIONS * slowest_s).max(LEAST_DWELL_S - LEAST_DISCARD_S).ceil();
    Settling { dwell_s: discard_s + plateau_s, discard_s, slowest_s }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::{Channel, Quantity};

    #[test]
    fn slow_sensors_get_more_time() {
        let source = |period: f64, window: f64| {
            let channel = Channel::new("power", Quantity::average_power(Duration::from_secs_f64(window)));
            Descriptor::new("x", "y", vec![channel.with_update_period(Duration::from_secs_f64(period))])
        };
        let fast = settling([&source(0.1, 1.0)]);
        assert_eq!((fast.dwell_s, fast.discard_s), (60.0, 20.0));
        let slow = settling([&source(0.1, 1.0), &source(10.0, 10.0)]);
        assert_eq!((slow.discard_s, slow.dwell_s), (100.0, 300.0));
        assert!(Settling { dwell_s: 20.0, ..fast }.check().is_err());
    }
}
