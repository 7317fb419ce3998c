//! What a GPU has to do.

use std::time::Duration;

use power_testkit::Signal;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::num::nanos;
use crate::{Error, Result};

/// True power of a GPU over time, from the rig's origin on; before it the GPU idles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Load {
    /// The same at all times.
    Constant {
        /// Power in W.
        power_w: f64,
    },
    /// High and low in turns, high first.
    Square {
        /// Power of the low half in W.
        low_w: f64,
        /// Power of the high half in W.
        high_w: f64,
        /// Length of each half in s.
        half_period_s: f64,
    },
    /// High and low for random times, each uniform on 0.15 to 1.35 times `probe_s`; each GPU has its own.
    Random {
        /// The low power in W.
        low_w: f64,
        /// The high power in W.
        high_w: f64,
        /// Scale of the times in s.
        probe_s: f64,
        /// After how many s it repeats.
        #[serde(default = "ten_minutes")]
        cycle_s: f64,
    },
    /// Powers from given times on.
    Steps {
        /// Pairs of seconds and watts; the seconds ascend from 0.
        steps: Vec<(f64, f64)>,
        /// After how many s it repeats; where absent, the last power stays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repeat_s: Option<f64>,
    },
    /// Trainings as a search for a network architecture runs them: each of 4 to 12 epochs of 0.4 to 3 s at 146 to
    /// 305 W, each epoch followed by a validation at less power and a pause of 50 to 300 ms, each training by 1 to
    /// 3 s of idling; each GPU has its own.
    Training {
        /// Power of a GPU that idles in W.
        #[serde(default = "idle")]
        idle_w: f64,
        /// After how many s it repeats.
        #[serde(default = "ten_minutes")]
        cycle_s: f64,
    },
}

const fn ten_minutes() -> f64 {
    600.0
}

const fn idle() -> f64 {
    75.0
}

impl Default for Load {
    /// Trainings.
    fn default() -> Self {
        Self::Training { idle_w: idle(), cycle_s: ten_minutes() }
    }
}

impl Load {
    /// `power_w` W at all times.
    pub const fn constant(power_w: f64) -> Self {
        Self::Constant { power_w }
    }

    /// A square wave.
    pub const fn square(low_w: f64, high_w: f64, half_period_s: f64) -> Self {
        Self::Square { low_w, high_w, half_period_s }
    }

    /// Random times of high and low power.
    pub const fn random(low_w: f64, high_w: f64, probe_s: f64) -> Self {
        Self::Random { low_w, high_w, probe_s, cycle_s: ten_minutes() }
    }

    /// Powers in W from times in s on.
    pub fn steps(steps: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::Steps { steps: steps.into_iter().collect(), repeat_s: None }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let power = |watts: f64| watts.is_finite() && (0.0..=1e5).contains(&watts);
        let time = |seconds: f64| (1e-3..=1e5).contains(&seconds);
        let (powers, times): (Vec<f64>, Vec<f64>) = match self {
            Self::Constant { power_w } => (vec![*power_w], vec![]),
            Self::Square { low_w, high_w, half_period_s } => (vec![*low_w, *high_w], vec![*half_period_s]),
            Self::Random { low_w, high_w, probe_s, cycle_s } => {
                (vec![*low_w, *high_w], vec![*probe_s, *cycle_s])
            }
            Self::Training { idle_w, cycle_s } => (vec![*idle_w], vec![*cycle_s]),
            Self::Steps { steps, repeat_s } => {
                let ascend = steps.is_sorted_by(|a, b| nanos(a.0) < nanos(b.0));
                if steps.first().map(|step| step.0) != Some(0.0) || !ascend {
                    return Err(Error::new("the steps of a load begin at second 0 and ascend"));
                }
                let last = steps.last().map_or(0.0, |step| step.0);
                if repeat_s.is_some_and(|repeat| repeat <= last) {
                    return Err(Error::new("a load repeats after its last step"));
                }
                (steps.iter().map(|step| step.1).collect(), repeat_s.iter().copied().collect())
            }
        };
        if !powers.into_iter().all(power) {
            return Err(Error::new("the powers of a load are 0 to 100000 W"));
        }
        if !times.into_iter().all(time) {
            return Err(Error::new("the times of a load are 0.001 to 100000 s"));
        }
        Ok(())
    }

    /// One cycle from time 0 on, and its length in ns; no length if it does not repeat.
    pub(crate) fn cycle(&self, seed: u64) -> (Signal, Option<i64>) {
        match self {
            Self::Constant { power_w } => (Signal::constant(*power_w), None),
            Self::Square { low_w, high_w, half_period_s } => {
                let half = nanos(*half_period_s);
                (Signal::steps(*high_w, [(0, *high_w), (half, *low_w)]), Some(2 * half))
            }
            Self::Random { low_w, high_w, probe_s, cycle_s } => {
                let length = nanos(*cycle_s);
                let probe = Duration::from_secs_f64(*probe_s);
                (Signal::random_square(*low_w, *high_w, probe, 0..length, seed), Some(length))
            }
            Self::Steps { steps, repeat_s } => {
                let before = steps.first().map_or(0.0, |step| step.1);
                let signal = Signal::steps(before, steps.iter().map(|(t, power)| (nanos(*t), *power)));
                (signal, repeat_s.map(nanos))
            }
            Self::Training { idle_w, cycle_s } => {
                let length = nanos(*cycle_s);
                (trainings(*idle_w, length, seed), Some(length))
            }
        }
    }
}

fn trainings(idle_w: f64, length: i64, seed: u64) -> Signal {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut steps = vec![(0, idle_w)];
    let mut t = nanos(random.random_range(0.1..=1.0));
    while t < length {
        // One network: how much it asks of the GPU and how long its epochs are.
        let train_w = random.random_range(146.0..=305.0);
        let validate_w = idle_w + (train_w - idle_w) * random.random_range(0.4..=0.8);
        let epoch_s = random.random_range(0.4..=3.0);
        for _ in 0..random.random_range(4..=12) {
            let phases = [
                (train_w * random.random_range(0.98..=1.02), epoch_s * random.random_range(0.95..=1.05)),
                (validate_w, epoch_s * 0.2),
                (idle_w + 15.0, random.random_range(0.05..=0.3)),
            ];
            for (power_w, seconds) in phases {
                steps.push((t, power_w));
                t += nanos(seconds).max(1);
            }
        }
        steps.push((t, idle_w));
        t += nanos(random.random_range(1.0..=3.0));
    }
    steps.retain(|(t, _)| *t < length);
    Signal::steps(idle_w, steps)
}
