//! What is asked of a machine, and when.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::{Demand, Error, Result};

/// The longest that a step may be, in s.
const LONGEST_S: f64 = 1e6;

/// Steps, one after the other.
///
/// As TOML or JSON it is what its fields say; a demand's parts are 0 where they are not given:
///
/// ```
/// use power_load::Schedule;
/// let schedule: Schedule = toml::from_str(
///     r#"
///     [[steps]]
///     seconds = 2
///
///     [[steps]]
///     name = "burn"
///     seconds = 0.5
///     demand = { cpu = 0.5, gpus = [{ compute = 1 }] }
///     "#,
/// )?;
/// assert_eq!(schedule.seconds(), 2.5);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The steps.
    pub steps: Vec<Step>,
}

/// A demand that lasts for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name, by which it becomes a phase of a recording; without one its beginning and end are not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its length in s.
    pub seconds: f64,
    /// What is asked; nothing where it is not given.
    #[serde(default)]
    pub demand: Demand,
}

impl Step {
    /// A step of this length in s.
    pub const fn new(seconds: f64, demand: Demand) -> Self {
        Self { name: None, seconds, demand }
    }

    /// With a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// What [`Schedule::excite`] makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Excitation {
    /// The demand while it is on.
    pub on: Demand,
    /// Update period of the sensor in s, as far as it is known; 0.1 is that of most GPUs' sensors.
    pub period_s: f64,
    /// Length of the part at random, in s.
    pub random_s: f64,
    /// Idle time before and after, in s: longer than any averaging window, so that a running average can be unrolled.
    pub idle_s: f64,
    /// Length of the one long step in s: for averages over a second, and for the plateau.
    pub long_s: f64,
}

impl Excitation {
    /// 30 s at random for a sensor that publishes every 100 ms, a step of 6 s, and 3 s of idling at both ends.
    pub const fn new(on: Demand) -> Self {
        Self { on, period_s: 0.1, random_s: 30.0, idle_s: 3.0, long_s: 6.0 }
    }
}

/// What [`Schedule::pulses`] makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// The demand while it is on.
    pub on: Demand,
    /// Number of pulses.
    pub pulses: usize,
    /// Shortest time on or off, in s.
    pub shortest_s: f64,
    /// Longest time on or off, in s.
    pub longest_s: f64,
    /// Idle time before and after, in s.
    pub idle_s: f64,
}

impl Burst {
    /// Eight pulses of 0.4 to 2 s, with 2 s of idling at both ends, 20 s in all: for a meter that shows a mean ten times a
    /// second, or once.
    pub const fn new(on: Demand) -> Self {
        Self { on, pulses: 8, shortest_s: 0.4, longest_s: 2.0, idle_s: 2.0 }
    }
}

/// Dwells of a random load as shares of the scale: from 0.15 to 1.35.
const DWELLS: (f64, f64) = (0.15, 1.35);

/// Scales of the dwells as multiples of the update period, one after the other.
const SCALES: [f64; 3] = [0.5, 1.0, 3.0];

impl Schedule {
    /// These steps.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// The load that tells most about a power sensor: on and off for times at random of three scales, with one long step,
    /// between idling.
    ///
    /// Times on and off are 0.15 to 1.35 times a half, one and three update periods, each scale for a third of the time:
    /// no window and no delay makes two of them look alike, as a periodic load does. Steps that are on are named
    /// `excite`. The same seed gives the same schedule.
    pub fn excite(seed: u64, excitation: &Excitation) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut dwells = Dwells::new("excite", &excitation.on);
        dwells.off(excitation.idle_s);
        for scale in SCALES {
            let (mut left, scale_s) = (excitation.random_s / 3.0, scale * excitation.period_s);
            // The last pair is cut where the time is over.
            while left > 0.0 {
                let mut dwell = || scale_s * random.random_range(DWELLS.0..=DWELLS.1);
                let (on, off) = (dwell(), dwell());
                dwells.on(on.min(left));
                dwells.off(off.min(left - on));
                left -= on + off;
            }
        }
        dwells.off(excitation.idle_s);
        dwells.on(excitation.long_s);
        dwells.off(excitation.idle_s);
        dwells.done()
    }

    /// The load by which clocks are aligned: pulses and pauses of random lengths between idling.
    ///
    /// Lengths are spread evenly on a logarithmic scale, so that no shift by a pulse makes two look alike. Steps that are
    /// on are named `sync`. The same seed gives the same schedule.
    pub fn pulses(seed: u64, burst: &Burst) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let ratio = (burst.longest_s / burst.shortest_s).max(1.0);
        let mut dwell = || burst.shortest_s * ratio.powf(random.random_range(0.0..=1.0));
        let mut dwells = Dwells::new("sync", &burst.on);
        dwells.off(burst.idle_s);
        for pulse in 0..burst.pulses {
            dwells.on(dwell());
            dwells.off(if pulse + 1 < burst.pulses { dwell() } else { burst.idle_s });
        }
        dwells.done()
    }

    /// Its length in s.
    pub fn seconds(&self) -> f64 {
        self.steps.iter().map(|step| step.seconds).sum()
    }

    /// Checks every step.
    ///
    /// # Errors
    ///
    /// - [`Error::Share`] if a demand is not 0 to 1.
    /// - [`Error::Length`] if a length is not 0 to 1 000 000 s.
    pub fn check(&self) -> Result<()> {
        self.steps.iter().enumerate().try_for_each(|(index, step)| {
            step.demand.check()?;
            let seconds = step.seconds;
            let good = (0.0..=LONGEST_S).contains(&seconds);
            if good { Ok(()) } else { Err(Error::Length { index, seconds }) }
        })
    }
}

/// Steps that are on or off.
struct Dwells<'a> {
    name: &'static str,
    on: &'a Demand,
    steps: Vec<Step>,
}

impl<'a> Dwells<'a> {
    fn new(name: &'static str, on: &'a Demand) -> Self {
        Self { name, on, steps: Vec::new() }
    }

    fn on(&mut self, seconds: f64) {
        if seconds > 0.0 {
            self.steps.push(Step::new(seconds, self.on.clone()).named(self.name));
        }
    }

    fn off(&mut self, seconds: f64) {
        match self.steps.last_mut() {
            _ if seconds <= 0.0 => {}
            Some(last) if last.name.is_none() => last.seconds += seconds,
            _ => self.steps.push(Step::new(seconds, Demand::IDLE)),
        }
    }

    fn done(self) -> Schedule {
        Schedule { steps: self.steps }
    }
}
