//! What is taken to be known of a load before a sensor is looked at: how far power goes, and how fast.

use super::looks::Look;
use crate::fit::{Cholesky, blocks, dot, minimise};

/// Looks that the likelihood is taken from, at most, and those that are taken together.
const MOST_IN_TUNING: usize = 600;
const TOGETHER: usize = 100;
/// Lags of power behind the marks that are tried first, in seconds.
const LAGS_S: [f64; 8] = [0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, -0.01];
/// Evaluations of the likelihood, at most.
const MOST_STEPS: usize = 160;
/// What is held of swing, memory, level, noise and ripple before anything is seen: their start, within this factor (e to the
/// power of it) at one standard deviation. Few looks must not talk a load into being steady.
const HELD: [f64; 5] = [1.0, 1.0, 1.0, 0.5, 1.0];
/// The mean levels within and outside of phases are unknown: their spread, as a multiple of the range that was shown.
const WIDE: f64 = 3.0;

/// How power is spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Prior {
    /// Standard deviation of power within a phase, or a pause, in watts.
    pub(super) swing_w: f64,
    /// Time after which it has forgotten where it was, in seconds.
    pub(super) memory_s: f64,
    /// Standard deviation of what changes from one publication to the next, in watts.
    pub(super) ripple_w: f64,
    /// Time after which that is forgotten, in seconds: half the time between two publications.
    pub(super) ripple_s: f64,
    /// Standard deviation of a phase's, or a pause's, own level, in watts.
    pub(super) level_w: f64,
    /// Standard deviation of a publication, in watts.
    pub(super) noise_w: f64,
    /// By how much power is later than the marks, in seconds.
    pub(super) lag_s: f64,
    /// Spread of the unknown mean levels, in watts.
    wide_w: f64,
    /// Their middle, in watts.
    pub(super) middle_w: f64,
}

/// Where power may jump: the edges of all phases, and which parts between them are within one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    edges: Vec<f64>,
    /// One more than edges: before the first, between them, after the last.
    inside: Vec<bool>,
}

impl Parts {
    /// The parts that phases from begin to end cut time into.
    pub(super) fn of(phases: &[(f64, f64)]) -> Self {
        let mut edges: Vec<f64> = phases.iter().flat_map(|phase| [phase.0, phase.1]).collect();
        edges.sort_unstable_by(f64::total_cmp);
        edges.dedup();
        let mut inside = vec![false; edges.len() + 1];
        for phase in phases {
            let first = edges.partition_point(|&edge| edge <= phase.0);
            let last = edges.partition_point(|&edge| edge < phase.1);
            inside[first..=last.max(first)].fill(true);
        }
        Self { edges, inside }
    }
}

/// A linear function of power: its integral over a stretch of time, times a weight.
#[derive(Debug, Clone, PartialEq)]
struct Stretch {
    begin: f64,
    end: f64,
    weight: f64,
    /// The first part that it touches, and the time within each from there on.
    first: usize,
    within: Vec<f64>,
    /// Time outside of and within phases.
    kinds: [f64; 2],
}

impl Stretch {
    fn new(begin: f64, end: f64, weight: f64, parts: &Parts, lag: f64) -> Self {
        let (from, to) = (begin - lag, end - lag);
        let first = parts.edges.partition_point(|&edge| edge <= from);
        let last = parts.edges.partition_point(|&edge| edge < to).max(first);
        let mut kinds = [0.0; 2];
        let within = (first..=last)
            .map(|part| {
                let low = part.checked_sub(1).map_or(from, |before| parts.edges[before].max(from));
                let high = parts.edges.get(part).map_or(to, |&edge| edge.min(to));
                let length = (high - low).max(0.0);
                kinds[usize::from(parts.inside[part])] += length;
                length
            })
            .collect();
        Self { begin, end, weight, first, within, kinds }
    }

    fn covariance(&self, other: &Self, prior: &Prior) -> f64 {
        let distances =
            [self.begin - other.end, self.end - other.begin, self.end - other.end, self.begin - other.begin];
        // The second integral of exp(-|h| / τ), even and without what a double difference takes away.
        let moving = |tau: f64| {
            let [a, b, c, d] = distances.map(|h| {
                let x = h.abs() / tau;
                x + (-x).exp()
            });
            tau * tau * (a + b - c - d)
        };
        let (first, last) = (
            self.first.max(other.first),
            (self.first + self.within.len()).min(other.first + other.within.len()),
        );
        let levels = if first < last {
            dot(
                &self.within[first - self.first..last - self.first],
                &other.within[first - other.first..last - other.first],
            )
        } else {
            0.0
        };
        let kinds = dot(&self.kinds, &other.kinds);
        self.weight
            * other.weight
            * (prior.swing_w.powi(2) * moving(prior.memory_s)
                + prior.ripple_w.powi(2) * moving(prior.ripple_s)
                + prior.level_w.powi(2) * levels
                + prior.wide_w.powi(2) * kinds)
    }
}

/// What some looks say of power under a prior.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    prior: &'a Prior,
    parts: &'a Parts,
    stretches: Vec<Stretch>,
    root: Cholesky,
    white: Vec<f64>,
}

impl<'a> Evidence<'a> {
    /// Takes in looks; `None` where they contradict each other beyond rounding.
    pub(super) fn of(looks: &[Look], prior: &'a Prior, parts: &'a Parts) -> Option<Self> {
        let (stretches, cells) = system(looks, prior, parts);
        let root = Cholesky::of(cells, looks.len())?;
        let white = root.whiten(looks.iter().map(|look| look.watts - prior.middle_w).collect());
        Some(Self { prior, parts, stretches, root, white })
    }

    /// The energy between two times in joules, and its standard error.
    pub(super) fn energy(&self, begin: f64, end: f64) -> (f64, f64) {
        let wanted = Stretch::new(begin, end, 1.0, self.parts, self.prior.lag_s);
        let along = self.stretches.iter().map(|stretch| stretch.covariance(&wanted, self.prior)).collect();
        let along = self.root.whiten(along);
        let energy = self.prior.middle_w * (end - begin) + dot(&along, &self.white);
        let left = wanted.covariance(&wanted, self.prior) - dot(&along, &along);
        (energy, left.max(0.0).sqrt())
    }
}

/// The looks' covariance, its lower triangle row by row.
fn system(looks: &[Look], prior: &Prior, parts: &Parts) -> (Vec<Stretch>, Vec<f64>) {
    let stretches: Vec<Stretch> = looks
        .iter()
        .map(|look| Stretch::new(look.begin, look.end, (look.end - look.begin).recip(), parts, prior.lag_s))
        .collect();
    let mut cells = Vec::with_capacity(looks.len() * (looks.len() + 1) / 2);
    for (row, look) in looks.iter().enumerate() {
        for column in 0..=row {
            let mut covariance = stretches[row].covariance(&stretches[column], prior);
            if column == row {
                covariance += (look.noise * prior.noise_w).powi(2);
            } else if column + 1 == row {
                covariance += look.shared * prior.noise_w.powi(2);
            }
            cells.push(covariance);
        }
    }
    (stretches, cells)
}

impl Prior {
    /// The prior under which the looks are the least surprising; the noise of one is at least the
    /// first of `noise_w`, and about the second.
    pub(super) fn fitted(
        looks: &[Look],
        parts: &Parts,
        (noise_w, about_w): (f64, f64),
        interval: f64,
    ) -> Option<Self> {
        let mut watts: Vec<f64> = looks.iter().map(|look| look.watts).collect();
        watts.sort_unstable_by(f64::total_cmp);
        let (low, high) = (crate::stats::quantile(&watts, 0.02)?, crate::stats::quantile(&watts, 0.98)?);
        let range = (high - low).max(10.0 * noise_w);
        let start = Self {
            swing_w: 0.3 * range,
            memory_s: 0.3_f64.max(5.0 * interval),
            ripple_w: 0.1 * range,
            ripple_s: (0.5 * interval).max(1e-3),
            level_w: 0.3 * range,
            noise_w: about_w.max(noise_w),
            lag_s: 0.0,
            wide_w: WIDE * range,
            middle_w: f64::midpoint(low, high),
        };
        let picked = blocks(looks.len(), MOST_IN_TUNING);
        let groups: Vec<Vec<Look>> =
            picked.chunks(TOGETHER).map(|group| group.iter().map(|&index| looks[index]).collect()).collect();
        let surprise = |prior: &Self| -> f64 {
            groups
                .iter()
                .map(|group| {
                    let (_, cells) = system(group, prior, parts);
                    let values = group.iter().map(|look| look.watts - prior.middle_w).collect();
                    Cholesky::of(cells, group.len()).map_or(f64::INFINITY, |root| root.surprise(values))
                })
                .sum()
        };
        let lag = if parts.edges.is_empty() { None } else { Some(()) }.and_then(|()| {
            let tried = LAGS_S.map(|lag_s| (lag_s, surprise(&Self { lag_s, ..start })));
            tried.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|best| best.0)
        });
        let start = Self { lag_s: lag.unwrap_or(0.0), ..start };
        let of = |at: &[f64]| Self {
            swing_w: start.swing_w * at[0].exp(),
            memory_s: (start.memory_s * at[1].exp()).clamp(2.0 * start.ripple_s, 1e3),
            level_w: start.level_w * at[2].exp(),
            noise_w: (start.noise_w * at[3].exp()).max(noise_w),
            ripple_w: start.ripple_w * at[4].exp(),
            lag_s: if lag.is_some() { start.lag_s + 0.01 * at[5] } else { 0.0 },
            ..start
        };
        let dimensions = if lag.is_some() { 6 } else { 5 };
        let (at, least) = minimise(
            |at| {
                let held: f64 = at.iter().zip(HELD).map(|(at, held)| 0.5 * (at / held).powi(2)).sum();
                surprise(&of(at)) + held
            },
            &vec![0.0; dimensions],
            &vec![0.7; dimensions],
            0.05,
            MOST_STEPS,
        );
        least.is_finite().then(|| of(&at))
    }
}
