//! The energy of any stretch of time behind a sensor's publications.

use serde::{Deserialize, Serialize};

use super::looks::{Look, Published};
use super::prior::{Evidence, Parts, Prior};
use super::view::View;
use crate::energy::CONFIDENCE;
use crate::phases::{FEWEST_PUBLICATIONS, Phase};
use crate::readings::Readings;
use crate::stats::{Estimate, student_two_sided};
use crate::time::{Interval, seconds};

/// How far looks around a phase count: this many windows and this many publications.
const REACH: (f64, f64) = (3.0, 10.0);
/// Looks that are solved for at once, at most.
const MOST_AT_ONCE: usize = 400;
/// Half a width above this share of the energy says too little to be stated.
const WIDEST: f64 = 0.5;
/// A sensor that looks at less than this share of time tells of a phase by three looks or not at all: of what lies
/// between, it has never shown how much it moves.
const GLANCES: f64 = 0.2;
/// Length next to an edge over which the height of its jump is taken, in seconds.
const BESIDE_S: f64 = 0.25;

/// A phase's energy as a sensor's card lets it be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrectedPhase {
    /// The phase.
    #[serde(flatten)]
    pub phase: Phase,
    /// Its energy in joules, always with its interval; `None` where it is refused.
    pub energy_j: Option<Estimate>,
    /// Why it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// Why no energy is stated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Refused {
    /// The sensor saw too little of it: half the interval is more than half of the energy.
    TooWide {
        /// Half of the interval's width over the energy.
        share: f64,
    },
    /// Too few of its short looks fell into it.
    NotSeen {
        /// How many did.
        looks: usize,
    },
    /// It was not recorded from begin to end.
    NotCovered,
    /// A counter was set back within it.
    CounterReset,
}

impl Refused {
    /// The reason in words.
    pub fn words(self) -> String {
        match self {
            Self::TooWide { share } => format!("seen too little: ±{:.0} %", share * 100.0),
            Self::NotSeen { looks } => format!("seen by {looks} short looks"),
            Self::NotCovered => "not covered".to_owned(),
            Self::CounterReset => "counter reset".to_owned(),
        }
    }
}

/// States energies from what one sensor published.
#[derive(Debug)]
pub struct Corrector {
    view: View,
    published: Published,
    looks: Vec<Look>,
    /// The same at both ends of delay and window.
    varied: Vec<[Vec<Look>; 2]>,
    parts: Parts,
    prior: Prior,
    reach: f64,
    /// Whether it looks only now and then.
    glances: bool,
    /// Half the time within which an edge of the load can lie, in seconds.
    vague: f64,
}

impl Corrector {
    /// Prepares a sensor's readings; `phases` say where power may jump. `None` where too little was published.
    pub fn new(readings: &Readings, view: &View, phases: &[Phase]) -> Option<Self> {
        let published = Published::of(readings, view)?;
        let looks = published.looks(view);
        let since = |time_ns: i64| seconds(time_ns.saturating_sub(published.origin_ns));
        let edges: Vec<(f64, f64)> = phases
            .iter()
            .filter(|phase| phase.interval.length_ns() > 0)
            .map(|phase| (since(phase.interval.begin_ns), since(phase.interval.end_ns)))
            .collect();
        let parts = Parts::of(&edges);
        let prior = Prior::fitted(&looks, &parts, (view.noise_w, view.left_w), published.interval())?;
        let varied = view.at_ends().map(|ends| ends.map(|view| published.looks(&view))).collect();
        let reach = REACH.0 * view.memory_s() + REACH.1 * published.interval();
        // Power goes from one level to the next between the mark and twice the lag.
        let vague = prior.lag_s.hypot(published.blur(view));
        let glances = view.attention(published.interval()) < GLANCES;
        Some(Self { glances, vague, view: *view, published, looks, varied, parts, prior, reach })
    }

    /// By how much power is later than the marks, in milliseconds: the most likely value.
    pub fn lag_ms(&self) -> f64 {
        self.prior.lag_s * 1e3
    }

    /// The energy of a phase, with its interval, or why there is none.
    pub fn phase(&self, phase: &Phase) -> CorrectedPhase {
        let (energy_j, refused) = match self.energy(phase.interval) {
            Ok(energy) => (Some(energy), None),
            Err(refused) => (None, Some(refused)),
        };
        CorrectedPhase { phase: phase.clone(), energy_j, refused }
    }

    /// The energy of an interval in joules.
    ///
    /// Its interval holds what noise and missing publications leave open, window and delay at the ends of their own
    /// intervals, edges of the load that are as wide as it is late, and gain and offset where they are corrected.
    ///
    /// # Errors
    ///
    /// - [`Refused`] says why nothing is stated.
    pub fn energy(&self, interval: Interval) -> Result<Estimate, Refused> {
        let (begin, end) = (self.since(interval.begin_ns), self.since(interval.end_ns));
        let covered = self.looks.first().zip(self.looks.last());
        if end <= begin || !covered.is_some_and(|(first, last)| first.begin <= begin && end <= last.end) {
            return Err(Refused::NotCovered);
        }
        if self.published.is_reset_within(begin, end + self.view.delay.value.max(0.0)) {
            return Err(Refused::CounterReset);
        }
        let looks = count_in(&self.looks, begin, end);
        if self.glances && looks < FEWEST_PUBLICATIONS {
            return Err(Refused::NotSeen { looks });
        }
        let sum = self.shown(begin, end);
        let found = self.stated(&sum, end - begin);
        let share = found.half_width() / found.value.abs();
        if share.is_nan() || share > WIDEST {
            return Err(Refused::TooWide { share });
        }
        Ok(found)
    }

    /// The energies of intervals together, in joules: what is random in them adds up as such, and what window, delay, gain
    /// and offset leave open is the same in all.
    ///
    /// # Errors
    ///
    /// - [`Refused`] says why one of them is not stated.
    pub fn total(&self, intervals: &[Interval]) -> Result<Estimate, Refused> {
        let mut total = Shown::default();
        let mut length = 0.0;
        for interval in intervals {
            self.energy(*interval)?;
            let (begin, end) = (self.since(interval.begin_ns), self.since(interval.end_ns));
            let one = self.shown(begin, end);
            total = Shown { error: total.error.hypot(one.error), ..total.and(&one) };
            length += end - begin;
        }
        Ok(self.stated(&total, length))
    }

    fn since(&self, time_ns: i64) -> f64 {
        seconds(time_ns.saturating_sub(self.published.origin_ns))
    }

    /// The energy as the sensor shows watts.
    fn shown(&self, begin: f64, end: f64) -> Shown {
        let inside = count_in(&self.looks, begin, end);
        if inside > MOST_AT_ONCE / 2 {
            let middle = f64::midpoint(begin, end);
            return self.shown(begin, middle).and(&self.shown(middle, end));
        }
        let Some(evidence) = self.evidence(&self.looks, begin, end) else {
            return Shown { error: f64::INFINITY, ..Shown::default() };
        };
        let (energy, error) = evidence.energy(begin, end);
        let mean = energy / (end - begin);
        let (first, last) = (self.jump(&evidence, begin, mean), self.jump(&evidence, end, mean));
        // An edge lies anywhere within: uniformly.
        let edges = self.vague / 3.0_f64.sqrt() * first.hypot(last);
        let moved = |looks: &Vec<Look>| {
            let evidence = self.evidence(looks, begin, end);
            evidence.map_or(0.0, |evidence| evidence.energy(begin, end).0 - energy)
        };
        let moved = self.varied.iter().map(|ends| [moved(&ends[0]), moved(&ends[1])]).collect();
        Shown { energy, error: error.hypot(edges), moved }
    }

    /// With its interval; gain and offset taken out, where they are known.
    fn stated(&self, shown: &Shown, length: f64) -> Estimate {
        let quantile = student_two_sided(CONFIDENCE, 1e6);
        let axes = shown.moved.iter().map(|ends| ends[0].abs().max(ends[1].abs()));
        let half = axes.fold(quantile * shown.error, f64::hypot);
        let Some((gain, offset)) = self.view.line else {
            return Estimate::symmetric(shown.energy, half, CONFIDENCE);
        };
        let true_j = (shown.energy - offset.value * length) / gain.value;
        // Offset and gain were told together: where one is high, the other is low, which this does not make use of.
        let by_gain = true_j * gain.half_width() / gain.value;
        let by_offset = length * offset.half_width() / gain.value;
        Estimate::symmetric(true_j, (half / gain.value).hypot(by_gain).hypot(by_offset), CONFIDENCE)
    }

    /// How far power jumps at an edge of a phase with this mean.
    fn jump(&self, evidence: &Evidence<'_>, edge: f64, mean_w: f64) -> f64 {
        let edge = edge + self.prior.lag_s;
        let beside = [edge - BESIDE_S, edge].map(|from| evidence.energy(from, from + BESIDE_S).0 / BESIDE_S);
        beside.into_iter().map(|watts| (watts - mean_w).abs()).fold(0.0, f64::max)
    }

    fn evidence(&self, looks: &[Look], begin: f64, end: f64) -> Option<Evidence<'_>> {
        let first = looks.partition_point(|look| look.end <= begin - self.reach);
        let last = looks.partition_point(|look| look.begin < end + self.reach).max(first);
        // Of a fast sensor the nearest are enough.
        let spare = (last - first).saturating_sub(MOST_AT_ONCE) / 2;
        Evidence::of(&looks[first + spare..last - spare], &self.prior, &self.parts)
    }
}

/// An energy as the sensor shows watts, in joules, and what is open in it.
#[derive(Debug, Clone, Default)]
struct Shown {
    energy: f64,
    /// Standard error of what is random.
    error: f64,
    /// By how much it is another with the delay, and then the window, at either end of its interval.
    moved: Vec<[f64; 2]>,
}

impl Shown {
    /// Both together, as if their random errors were one.
    fn and(&self, other: &Self) -> Self {
        let none = [0.0; 2];
        let axes = self.moved.len().max(other.moved.len());
        let at = |of: &Self, axis: usize| of.moved.get(axis).copied().unwrap_or(none);
        let moved = (0..axes).map(|axis| {
            let (a, b) = (at(self, axis), at(other, axis));
            [a[0] + b[0], a[1] + b[1]]
        });
        Self { energy: self.energy + other.energy, error: self.error + other.error, moved: moved.collect() }
    }
}

fn count_in(looks: &[Look], begin: f64, end: f64) -> usize {
    let first = looks.partition_point(|look| look.end <= begin);
    looks.partition_point(|look| look.begin < end).saturating_sub(first)
}
