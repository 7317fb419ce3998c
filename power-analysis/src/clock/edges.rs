//! Offset and drift by load edges: a meter's values are moved along a load whose times are known until they fit.

use serde::{Deserialize, Serialize};

use super::shape::{self, PLAUSIBLE_PPM};
use super::{ClockFit, ClockMethod, ClockRefusal};
use crate::fit::{
    Drive, Intervals, KNOWN_NEXT_TO_EDGE_S, Lag, Minimum, Problem, Signal, blocks, fill_boxcar, intervals,
};
use crate::stats::{Estimate, count};
use crate::time::{nanoseconds, seconds};

/// Most points of a search by grid.
const MOST_IN_GRID: usize = 2_000;
/// Most points of a fit.
const MOST_IN_FIT: usize = 20_000;
/// A fit that explains less of the values' variance than this has not found the load.
const LEAST_EXPLAINED: f64 = 0.2;
/// Minima of the grid that are followed up.
const FOLLOWED: usize = 5;
/// Step of derivatives in time, in seconds: below what a fit resolves, above rounding.
pub(super) const TIME_STEP: f64 = 1e-6;
/// Pieces of a measured load that is fitted with a lag: its states are computed anew for each time constant.
const LAG_PIECE_S: f64 = 1e-3;

/// What is known before a fit to load edges.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeSettings {
    /// The averaging window of the values; `None` fits it.
    pub window_ns: Option<i64>,
    /// Time between two values, where the window is unknown the first guess of it.
    pub period_ns: i64,
    /// Whether the source has a clock of its own: then the drift is fitted, too.
    pub own_clock: bool,
    /// First guess of what has to be added to a source time.
    pub guess_ns: i64,
    /// How far the guess can be wrong.
    pub search_ns: i64,
    /// Shortest and longest time constant of the load behind its command, in nanoseconds; `None` where the load was
    /// measured. Equal ends hold it fixed.
    pub rise_ns: Option<(i64, i64)>,
    /// Confidence of the intervals.
    pub confidence: f64,
}

/// What a fit to load edges says beside offset and drift.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeEvidence {
    /// Edges of the load.
    pub edges: usize,
    /// The averaging window in milliseconds; without width where it was given.
    pub window_ms: Estimate,
    /// Time constant of the load behind its command in milliseconds, where it was fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rise_ms: Option<Estimate>,
    /// Watts shown per unit of the load.
    pub gain: Estimate,
    /// Watts shown where the load is 0.
    pub offset_w: Estimate,
    /// Number of independent values, as their residuals tell.
    pub effective: f64,
    /// Standard deviation of what is left, in watts.
    pub residual_w: f64,
    /// Share of the values' variance that the fit explains.
    pub explained: f64,
    /// Other offsets that fit as well: the load repeats itself.
    pub ambiguous_ns: Vec<i64>,
}

/// The fit of a source's values to a load.
///
/// The model is `value = a + b × mean of the load over the window that ends at the mapped time`, with b above 0: so the
/// mapped time is the end of the averaging window, whatever moment of it the source stamps. `times_ns` ascend.
///
/// A coarse grid over the offset is polished by Nelder and Mead; intervals are profiles (see the module `fit`). Whether
/// the clock is linear is judged by parts of the run with edges of their own.
///
/// # Errors
///
/// - [`ClockRefusal`] says why there is no fit.
pub fn load_edges(
    times_ns: &[i64],
    watts: &[f64],
    drive: &Drive,
    settings: &EdgeSettings,
) -> Result<ClockFit, ClockRefusal> {
    if times_ns.len() < 8 || times_ns.len() != watts.len() {
        return Err(ClockRefusal::TooFew { points: times_ns.len() });
    }
    if drive.edges() < 2 {
        return Err(ClockRefusal::NoEdges);
    }
    let coarsened = (settings.rise_ns.is_some() && !drive.is_commanded() && drive.len() > 100_000)
        .then(|| drive.coarsened(LAG_PIECE_S));
    let mut model = Model::new(times_ns, watts, coarsened.as_ref().unwrap_or(drive), settings);
    let start = model.search(&model.within_reach())?;
    let chosen = model.covered(start[0]);
    if chosen.len() < 8 {
        return Err(ClockRefusal::TooFew { points: chosen.len() });
    }
    let start = model.recentre(&chosen, start);
    let (best, found, explained, ambiguous) = model.fit(&chosen, &start)?;
    let shape = shape::judge(&model.parts(&chosen, &best), settings.confidence);
    Ok(model.result(&chosen, &best, &found, Evidence { explained, ambiguous, shape }))
}

struct Evidence {
    explained: f64,
    ambiguous: Vec<i64>,
    shape: shape::ClockShape,
}

/// The values on their way to a fit: parameters are offset, drift, window and rise, as far as each is free.
pub(super) struct Model<'a> {
    pub(super) times_ns: &'a [i64],
    pub(super) watts: &'a [f64],
    pub(super) drive: &'a Drive,
    pub(super) settings: &'a EdgeSettings,
    pub(super) origin_ns: i64,
    pub(super) window_s: f64,
}

impl<'a> Model<'a> {
    fn new(times_ns: &'a [i64], watts: &'a [f64], drive: &'a Drive, settings: &'a EdgeSettings) -> Self {
        let origin_ns = i64::midpoint(times_ns[0], times_ns[times_ns.len() - 1]);
        let window_s = seconds(settings.window_ns.unwrap_or(settings.period_ns));
        Self { times_ns, watts, drive, settings, origin_ns, window_s }
    }

    /// Seconds since the origin, and the drive's seconds at no offset, for these points.
    pub(super) fn places(&self, chosen: &[usize]) -> Vec<(f64, f64)> {
        let base = self.drive.seconds(self.origin_ns.saturating_add(self.settings.guess_ns));
        let since = |index: usize| seconds(self.times_ns[index].saturating_sub(self.origin_ns));
        chosen.iter().map(|&index| (since(index), base + since(index))).collect()
    }

    pub(super) fn values(&self, chosen: &[usize]) -> Vec<f64> {
        chosen.iter().map(|&index| self.watts[index]).collect()
    }

    fn rise_is_free(&self) -> bool {
        self.settings.rise_ns.is_some_and(|(shortest, longest)| longest > shortest)
    }

    /// Offset in seconds, drift, window in seconds and rise in seconds of a set of free parameters.
    pub(super) fn unpack(&self, at: &[f64]) -> [f64; 4] {
        let mut free = at.iter().copied();
        let offset = free.next().unwrap_or(0.0);
        let drift = if self.settings.own_clock { free.next().unwrap_or(0.0) } else { 0.0 };
        let window = if self.settings.window_ns.is_none() {
            free.next().unwrap_or(self.window_s)
        } else {
            self.window_s
        };
        let rise = self.settings.rise_ns.map_or(0.0, |(shortest, _)| {
            if self.rise_is_free() { free.next().unwrap_or(0.0) } else { seconds(shortest) }
        });
        [offset, drift, window, rise]
    }

    fn bounds(&self) -> Vec<(f64, f64)> {
        let reach = seconds(self.settings.search_ns) + self.window_s;
        let mut bounds = vec![(-2.0 * reach, 2.0 * reach)];
        if self.settings.own_clock {
            bounds.push((-4e-6 * PLAUSIBLE_PPM, 4e-6 * PLAUSIBLE_PPM));
        }
        if self.settings.window_ns.is_none() {
            bounds.push((0.0, 20.0 * self.window_s));
        }
        if let Some((shortest, longest)) = self.settings.rise_ns.filter(|_| self.rise_is_free()) {
            bounds.push((seconds(shortest), seconds(longest)));
        }
        bounds
    }

    /// First steps of a search, or steps of a derivative.
    fn steps(&self, fine: bool) -> Vec<f64> {
        let span = seconds(self.times_ns[self.times_ns.len() - 1] - self.times_ns[0]).max(1e-3);
        let time = if fine { TIME_STEP } else { 0.25 * self.window_s.max(2e-3) };
        let mut steps = vec![time];
        if self.settings.own_clock {
            steps.push(time / span);
        }
        if self.settings.window_ns.is_none() {
            steps.push(if fine { TIME_STEP } else { 0.1 * self.window_s.max(2e-3) });
        }
        if let Some((shortest, longest)) = self.settings.rise_ns.filter(|_| self.rise_is_free()) {
            let range = seconds(longest - shortest);
            steps.push(if fine { 0.05 * range } else { 0.25 * range });
        }
        steps
    }

    pub(super) fn response(&self, places: &[(f64, f64)], at: &[f64], out: &mut Vec<f64>) {
        let [offset, drift, window, rise] = self.unpack(at);
        let times = places.iter().map(|(since, place)| place + offset + drift * since);
        let mut fill = |signal: &dyn Signal| fill_boxcar(signal, times.clone(), window, 0.0, out);
        if rise > 0.0 { fill(&Lag::new(self.drive, rise, rise)) } else { fill(self.drive) }
    }

    /// Points that the load may speak of, wherever within the search the offset lies.
    fn within_reach(&self) -> Vec<usize> {
        let all: Vec<usize> = (0..self.times_ns.len()).collect();
        let reach = seconds(self.settings.search_ns) + KNOWN_NEXT_TO_EDGE_S;
        let places = self.places(&all);
        let inside: Vec<usize> = all
            .into_iter()
            .zip(places)
            .filter(|(_, (_, place))| self.drive.is_near(*place, reach))
            .map(|(index, _)| index)
            .collect();
        blocks(inside.len(), MOST_IN_GRID).into_iter().map(|position| inside[position]).collect()
    }

    /// The best offset (and drift, over a long run) of a grid, with all other parameters at their first guess.
    fn search(&self, chosen: &[usize]) -> Result<Vec<f64>, ClockRefusal> {
        if chosen.len() < 8 {
            return Err(ClockRefusal::TooFew { points: chosen.len() });
        }
        let places = self.places(chosen);
        let y = self.values(chosen);
        let fill = |at: &[f64], out: &mut Vec<f64>| {
            self.response(&places, at, out);
            true
        };
        let problem = Problem::new(&y, (0.0, f64::INFINITY), self.bounds(), &fill);
        let step = (0.5 * self.window_s).clamp(5e-3, 0.5);
        let half = (seconds(self.settings.search_ns) / step).ceil().clamp(1.0, 5_000.0);
        let span = seconds(self.times_ns[self.times_ns.len() - 1] - self.times_ns[0]);
        let steepest = 2e-4;
        let drifts = if self.settings.own_clock { (steepest * span / step).floor().min(40.0) } else { 0.0 };
        let mut start = self.initial();
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut x = Vec::new();
        let mut drift = -drifts;
        while drift <= drifts {
            let mut offset = -half;
            while offset <= half {
                start[0] = offset * step;
                if self.settings.own_clock {
                    start[1] = if drifts > 0.0 { steepest * drift / drifts } else { 0.0 };
                }
                let squares = problem.squares(&start, &mut x);
                if best.as_ref().is_none_or(|(least, _)| squares < *least) {
                    best = Some((squares, start.clone()));
                }
                offset += 1.0;
            }
            drift += 1.0;
        }
        best.map(|(_, at)| at).ok_or(ClockRefusal::NotFixed)
    }

    fn initial(&self) -> Vec<f64> {
        let mut start = vec![0.0];
        if self.settings.own_clock {
            start.push(0.0);
        }
        if self.settings.window_ns.is_none() {
            start.push(self.window_s);
        }
        if let Some((shortest, longest)) = self.settings.rise_ns.filter(|_| self.rise_is_free()) {
            start.push(0.5 * seconds(shortest.saturating_add(longest)));
        }
        start
    }

    /// The points whose window lies within the load that is known, with room for what the fit may still move.
    fn covered(&self, offset: f64) -> Vec<usize> {
        let room = self.window_s.max(5e-3);
        let all: Vec<usize> = (0..self.times_ns.len()).collect();
        let places = self.places(&all);
        let inside: Vec<usize> = all
            .into_iter()
            .zip(places)
            .filter(|(_, (_, place))| {
                let end = place + offset;
                self.drive.covers(end - self.window_s - room, end + room)
            })
            .map(|(index, _)| index)
            .collect();
        blocks(inside.len(), MOST_IN_FIT).into_iter().map(|position| inside[position]).collect()
    }

    /// Moves the origin to the middle of the points that count.
    fn recentre(&mut self, chosen: &[usize], mut start: Vec<f64>) -> Vec<f64> {
        let origin = i64::midpoint(self.times_ns[chosen[0]], self.times_ns[chosen[chosen.len() - 1]]);
        if self.settings.own_clock {
            start[0] += start[1] * seconds(origin.saturating_sub(self.origin_ns));
        }
        self.origin_ns = origin;
        start
    }

    fn fit(
        &self,
        chosen: &[usize],
        start: &[f64],
    ) -> Result<(Minimum, Intervals, f64, Vec<i64>), ClockRefusal> {
        let places = self.places(chosen);
        let y = self.values(chosen);
        let fill = |at: &[f64], out: &mut Vec<f64>| {
            self.response(&places, at, out);
            true
        };
        let problem = Problem::new(&y, (0.0, f64::INFINITY), self.bounds(), &fill);
        let coarse = self.steps(false);
        let best = problem.polish(start, &coarse, 1e-2, 300);
        // Once more with small edges: a simplex may have collapsed too early.
        let small: Vec<f64> = coarse.iter().map(|step| 0.1 * step).collect();
        let best = problem.polish(&best.at, &small, 1e-4, 400);
        let mean = y.iter().sum::<f64>() / count(y.len());
        let total: f64 = y.iter().map(|value| (value - mean).powi(2)).sum();
        let explained = if total > 0.0 { 1.0 - best.squares / total } else { 0.0 };
        if explained < LEAST_EXPLAINED {
            return Err(ClockRefusal::NotSeen { explained });
        }
        let found = intervals(&problem, &best, &self.steps(true), self.settings.confidence)
            .ok_or(ClockRefusal::NotFixed)?;
        let ambiguous = self.others(&problem, &best, found.region);
        Ok((best, found, explained, ambiguous))
    }

    /// Other offsets that fit as well as the best.
    fn others(&self, problem: &Problem<'_>, best: &Minimum, region: f64) -> Vec<i64> {
        let step = (0.5 * self.window_s).clamp(5e-3, 0.5);
        let half = (seconds(self.settings.search_ns) / step).ceil().clamp(1.0, 2_000.0);
        let mut x = Vec::new();
        let mut scan: Vec<(f64, f64)> = Vec::new();
        let mut at = best.at.clone();
        let mut offset = -half;
        // A scan of every point would cost more than the fit.
        if count(problem.y().len()) * half > 4e6 {
            return Vec::new();
        }
        while offset <= half {
            at[0] = best.at[0] + offset * step;
            scan.push((at[0], problem.squares(&at, &mut x)));
            offset += 1.0;
        }
        let mut minima: Vec<(f64, f64)> = scan
            .windows(3)
            .filter(|three| three[1].1 <= three[0].1 && three[1].1 <= three[2].1)
            .map(|three| three[1])
            .filter(|(offset, _)| (offset - best.at[0]).abs() > step)
            .collect();
        minima.sort_by(|a, b| a.1.total_cmp(&b.1));
        let steps = self.steps(false);
        let mut found = Vec::new();
        for (offset, _) in minima.into_iter().take(FOLLOWED) {
            at[0] = offset;
            let other = problem.polish(&at, &steps, 1e-2, 200);
            if other.squares <= region && (other.at[0] - best.at[0]).abs() > step {
                found.push(self.settings.guess_ns.saturating_add(nanoseconds(other.at[0])));
            }
        }
        found
    }

    fn result(&self, chosen: &[usize], best: &Minimum, found: &Intervals, evidence: Evidence) -> ClockFit {
        let mut estimates = found.parameters.iter();
        let offset = estimates.next().copied().unwrap_or(Estimate::new(0.0, 0.0, 0.0, 0.0));
        let drift = if self.settings.own_clock { estimates.next().copied() } else { None };
        let confidence = self.settings.confidence;
        let window = if self.settings.window_ns.is_none() { estimates.next().copied() } else { None }
            .unwrap_or(Estimate::symmetric(self.window_s, 0.0, confidence));
        let rise = estimates.next().copied();
        let to_ns = |offset: f64| self.settings.guess_ns.saturating_add(nanoseconds(offset));
        let freedom = (count(chosen.len()) - count(best.at.len()) - 2.0).max(1.0);
        ClockFit {
            origin_ns: self.origin_ns,
            offset_ns: to_ns(offset.value),
            offset_low_ns: to_ns(offset.low),
            offset_high_ns: to_ns(offset.high),
            drift_ppm: drift.map(|drift| drift.map(|drift| drift * 1e6)),
            confidence,
            method: ClockMethod::LoadEdges,
            points: chosen.len(),
            rejected: 0,
            shape: evidence.shape,
            edges: Some(EdgeEvidence {
                edges: self.drive.edges(),
                window_ms: window.map(|window| window * 1e3),
                rise_ms: rise.map(|rise| rise.map(|rise| rise * 1e3)),
                gain: found.gain,
                offset_w: found.offset,
                effective: found.sensitivity.effective,
                residual_w: (best.squares / freedom).sqrt(),
                explained: evidence.explained,
                ambiguous_ns: evidence.ambiguous,
            }),
        }
    }
}
