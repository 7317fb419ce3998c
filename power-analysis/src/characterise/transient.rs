//! The averaging window, delay and rise of a sensor, by variable projection against what drove it.

use serde::{Deserialize, Serialize};

use super::search::{Found, add_repeats, fit_both, fit_shape, repolish};
use super::shapes::{Points, Shape};
use crate::fit::{Drive, blocks, intervals};
use crate::stats::{Estimate, count};

/// Publications that a fit takes, at most.
const MOST_IN_FIT: usize = 4_000;
/// Publications and pieces of the drive that the shapes are compared on, at most: a lag costs every piece.
const MOST_PIECES: usize = 60_000;
const MOST_IN_SHAPES: usize = 1_500;
/// Publications that a fit needs.
const FEWEST: usize = 30;
/// Edges of the drive that a fit needs.
const FEWEST_EDGES: usize = 6;
/// A response that moves by less than this share of the drive's range is flat: nothing tells window from gain.
const FLATTEST: f64 = 0.2;
/// A fit that explains less of the variance than this has not found the drive.
const LEAST_EXPLAINED: f64 = 0.3;
/// A window or time constant below this, in seconds, is none: no reading is that sharp.
const NONE_S: f64 = 1e-4;
/// Difference of the information criterion that decides between two shapes (Kass and Raftery 1995: "very strong").
const DECISIVE: f64 = 10.0;

/// How a fit to a drive is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransientSettings {
    /// Lowest and highest gain; 0.8 and 1.25 against a calibrated reference of the same power.
    pub gains: (f64, f64),
    /// Window in seconds that the search also starts from, where one was published.
    pub window_s: Option<f64>,
    /// Confidence of the intervals.
    pub confidence: f64,
}

impl Default for TransientSettings {
    /// Any positive gain, 95 %.
    fn default() -> Self {
        Self { gains: (0.0, f64::INFINITY), window_s: None, confidence: 0.95 }
    }
}

/// What a sensor does to power before it shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransientClass {
    /// It shows points: neither window nor rise can be told from 0.
    None,
    /// The mean over a window.
    Boxcar,
    /// A first-order lag.
    Exponential,
    /// A first-order lag, then the mean over a window.
    BoxcarExponential,
    /// A counter: the mean since the publication before.
    SincePrevious,
}

/// The transient behaviour of a sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transient {
    /// Its class.
    pub class: TransientClass,
    /// The next best class and by how much the information criterion (BIC) is worse; below 10 it is not decided.
    pub runner_up: Option<(TransientClass, f64)>,
    /// Whether the class is decided.
    pub decided: bool,
    /// Averaging window W in milliseconds; `None` for a counter and for a pure lag. Its upper end allows for the
    /// reference's own resolution, which hides part of a window. Where a class without a window has one, its upper end is
    /// what can hide: of a lag behind a commanded load, whose own rise looks like it.
    pub window_ms: Option<Estimate>,
    /// Delay d in milliseconds from the drive to publication; against a commanded load the command-to-reading lag.
    pub delay_ms: Estimate,
    /// Time constant of the rise in milliseconds, where there is one; against a commanded load its own is in it.
    pub rise_ms: Option<Estimate>,
    /// Time constant of the fall, where it is another.
    pub fall_ms: Option<Estimate>,
    /// Watts shown per watt of the drive (per unit of a commanded load).
    pub gain: Estimate,
    /// Watts shown where the drive is 0.
    pub offset_w: Estimate,
    /// Standard deviation of what is left, in watts.
    pub residual_w: f64,
    /// Share of the variance explained.
    pub explained: f64,
    /// Publications that were used.
    pub publications: usize,
    /// Number of independent ones, as their residuals tell.
    pub effective: f64,
    /// Edges of the drive.
    pub edges: usize,
    /// Time between two points of the drive, in milliseconds; 0 for a commanded load.
    pub resolution_ms: f64,
    /// Other windows and delays that fit as well: with any of them, the values above are not known.
    pub ambiguous: Vec<Alternative>,
    /// Time from a step of the drive to 10, 50 and 90 % of the response, in milliseconds.
    pub response_ms: [f64; 3],
}

/// A window and delay that the data cannot tell from the best ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// Its window, in milliseconds; 0 for none.
    pub window_ms: f64,
    /// Its delay, in milliseconds.
    pub delay_ms: f64,
    /// Its gain.
    pub gain: f64,
    /// Its squares over those of the best.
    pub squares_ratio: f64,
}

/// Why window and delay cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TransientRefusal {
    /// There are too few publications while the drive is known.
    TooFew {
        /// How many there are.
        publications: usize,
    },
    /// The drive hardly changes.
    NoEdges {
        /// Its edges.
        edges: usize,
    },
    /// The drive explains too little of what the sensor showed: another power, or another clock.
    NotSeen {
        /// Share of the variance explained.
        explained: f64,
    },
    /// The response is the same whatever the delay, as with a load whose period is the window.
    Flat,
    /// The load repeats itself faster than the sensor's window and period can be told from the rest of a cycle.
    Periodic {
        /// Period of the load in milliseconds.
        period_ms: f64,
    },
    /// The data do not fix every parameter.
    NotFixed,
}

/// Fits window, delay and rise to publications at `times_ns` (ascending) with values `watts`.
///
/// Model: `watts = offset + gain × drive, delayed by d, through the shape`. For a counter (`counts`) the window is the
/// time since the publication before. Every shape is fitted on a grid and polished; the simplest shape is kept unless
/// another's information criterion is better by 10. Other minima within the 95 % region are reported.
///
/// # Errors
///
/// - [`TransientRefusal`] says why nothing can be told.
pub fn transient(
    times_ns: &[i64],
    watts: &[f64],
    counts: bool,
    drive: &Drive,
    settings: &TransientSettings,
) -> Result<Transient, TransientRefusal> {
    let edges = drive.edges();
    if edges < FEWEST_EDGES {
        return Err(TransientRefusal::NoEdges { edges });
    }
    let all = Points::covered(times_ns, watts, counts, drive, None);
    if all.len() < FEWEST {
        return Err(TransientRefusal::TooFew { publications: all.len() });
    }
    // A lag costs every piece of the drive: shapes are compared on a stretch of it.
    let (short_drive, short) = all.stretch(drive, MOST_PIECES, MOST_IN_SHAPES);
    let short_drive = short_drive.as_ref().unwrap_or(drive);
    let mut chosen_shape = choose(&short, short_drive, settings, counts)?;
    // Where no window can be told from 0, the window's interval says up to which length that holds.
    let mut fitted = if chosen_shape.shape == Shape::Point { Shape::Boxcar } else { chosen_shape.shape };
    // A commanded load has a rise of its own: how long a window can hide in it, the fit of both says.
    if fitted == Shape::Lag
        && drive.is_commanded()
        && let Some(both) = chosen_shape.both.take()
    {
        chosen_shape.found = both;
        fitted = Shape::BoxcarLag;
    }
    // What only filled windows of any length during the search is data now that the length is known.
    let memory = fitted.memory_of(&chosen_shape.found.best.at);
    let all = Points::covered(times_ns, watts, counts, drive, Some(memory));
    if fitted.has_lag() {
        let (short_drive, short) = all.stretch(drive, MOST_PIECES, MOST_IN_SHAPES);
        let short_drive = short_drive.as_ref().unwrap_or(drive);
        repolish(fitted, &short, short_drive, settings.gains, &mut chosen_shape.found);
        return report(&short, short_drive, settings, (chosen_shape, fitted), edges);
    }
    let chosen = all.pick(&blocks(all.len(), MOST_IN_FIT));
    chosen_shape.found = fit_shape(fitted, &chosen, drive, settings).ok_or(TransientRefusal::NotFixed)?;
    report(&chosen, drive, settings, (chosen_shape, fitted), edges)
}

struct Chosen {
    shape: Shape,
    found: Found,
    /// A window and a lag in a row, where that was fitted.
    both: Option<Found>,
    runner_up: Option<(TransientClass, f64)>,
    decided: bool,
}

/// The simplest shape that no other beats decisively.
fn choose(
    points: &Points,
    drive: &Drive,
    settings: &TransientSettings,
    counts: bool,
) -> Result<Chosen, TransientRefusal> {
    let mut tried: Vec<(Shape, f64)> = Vec::new();
    let mut fits: Vec<(Shape, Found)> = Vec::new();
    let shapes: &[Shape] = if counts {
        &[Shape::SincePrevious]
    } else {
        &[Shape::Point, Shape::Boxcar, Shape::Lag, Shape::BoxcarLag, Shape::LagApart]
    };
    // No window is told from none by a reference that is itself coarser.
    let none = NONE_S.max(drive.resolution());
    for &shape in shapes {
        let of = |wanted: Shape| tried.iter().find(|(shape, _)| *shape == wanted).map(|(_, bic)| *bic);
        let fit_of =
            |wanted: Shape| fits.iter().find(|(shape, _)| *shape == wanted).map(|(_, found)| &found.best);
        // Rise and fall apart only where a lag alone is better than a window alone.
        if shape == Shape::LagApart && of(Shape::Lag) >= of(Shape::Boxcar) {
            continue;
        }
        let found = match (shape, fit_of(Shape::Boxcar)) {
            (Shape::BoxcarLag, Some(boxcar)) => {
                fit_both(points, drive, settings.gains, boxcar, fit_of(Shape::Lag))
            }
            _ => fit_shape(shape, points, drive, settings),
        };
        let Some(found) = found else { continue };
        let n = count(points.len());
        let noise_floor = 1e-12 * points.total_squares().max(1e-300);
        let bic = n * (found.best.squares.max(noise_floor) / n).ln() + shape.parameters() * n.ln();
        // What comes out as a simpler shape is that.
        let degenerate = found.best.at[1..].iter().any(|&value| value < none);
        fits.push((shape, found));
        if tried.is_empty() || !degenerate {
            tried.push((shape, bic));
        }
    }
    if tried.is_empty() {
        return Err(TransientRefusal::NotFixed);
    }
    tried.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (mut shape, mut least) = tried[0];
    // A simpler shape is kept if what is more complex is not decisively better.
    for &(other, bic) in &tried[1..] {
        if other.is_case_of(shape) && bic - least <= DECISIVE {
            (shape, least) = (other, bic.min(least));
        }
    }
    let own = tried.iter().find(|(tried, _)| *tried == shape).map_or(least, |(_, bic)| *bic);
    let rival = tried
        .iter()
        .filter(|(other, _)| other.class() != shape.class() && !shape.is_case_of(*other))
        .map(|&(other, bic)| (other.class(), bic - own))
        .next();
    let decided = rival.is_none_or(|(_, margin)| margin > DECISIVE);
    let index = fits.iter().position(|(fitted, _)| *fitted == shape).ok_or(TransientRefusal::NotFixed)?;
    let found = fits.swap_remove(index).1;
    let both = fits.into_iter().find(|(fitted, _)| *fitted == Shape::BoxcarLag).map(|(_, found)| found);
    Ok(Chosen { shape, found, both, runner_up: rival, decided })
}

fn report(
    points: &Points,
    drive: &Drive,
    settings: &TransientSettings,
    (chosen, fitted): (Chosen, Shape),
    edges: usize,
) -> Result<Transient, TransientRefusal> {
    let mut found = chosen.found;
    add_repeats(fitted, points, drive, settings.gains, &mut found);
    let best = &found.best;
    let total = points.total_squares();
    let explained = if total > 0.0 { 1.0 - best.squares / total } else { 0.0 };
    if explained < LEAST_EXPLAINED {
        return Err(TransientRefusal::NotSeen { explained });
    }
    let fill = |at: &[f64], out: &mut Vec<f64>| points.fill(fitted, drive, at, out);
    let problem = fitted.problem(points, settings.gains, &fill);
    let response = problem.response(&best.at).ok_or(TransientRefusal::NotFixed)?;
    let range = |values: &[f64]| {
        values.iter().fold(f64::NEG_INFINITY, |high, &value| high.max(value))
            - values.iter().fold(f64::INFINITY, |low, &value| low.min(value))
    };
    let (low, high) = drive.levels_w();
    if range(&response) < FLATTEST * (high - low) {
        return Err(TransientRefusal::Flat);
    }
    let steps = vec![2e-4; best.at.len()];
    let found_intervals =
        intervals(&problem, best, &steps, settings.confidence).ok_or(TransientRefusal::NotFixed)?;
    let millis = |estimate: &Estimate| estimate.map(|seconds| seconds * 1e3);
    let of = |axis: Option<usize>| axis.map(|axis| millis(&found_intervals.parameters[axis]));
    let best_squares = best.squares;
    let ambiguous = found
        .others
        .iter()
        .filter(|other| other.squares <= found_intervals.region)
        .filter_map(|other| {
            let line = problem.line(&other.at)?;
            Some(Alternative {
                window_ms: fitted.window_axis().map_or(0.0, |axis| other.at[axis] * 1e3),
                delay_ms: other.at[0] * 1e3,
                gain: line.gain,
                squares_ratio: if best_squares > 0.0 { other.squares / best_squares } else { 1.0 },
            })
        })
        .collect();
    let n = count(points.len());
    let resolution_ms = drive.resolution() * 1e3;
    let found = Transient {
        class: chosen.shape.class(),
        runner_up: chosen.runner_up,
        decided: chosen.decided,
        window_ms: of(fitted.window_axis()).map(|window| hidden(window, resolution_ms)),
        delay_ms: millis(&found_intervals.parameters[0]),
        rise_ms: of(fitted.rise_axis()),
        fall_ms: of(fitted.fall_axis()),
        gain: found_intervals.gain,
        offset_w: found_intervals.offset,
        residual_w: (best.squares / (n - count(best.at.len()) - 2.0).max(1.0)).sqrt(),
        explained,
        publications: points.len(),
        effective: found_intervals.sensitivity.effective,
        edges,
        resolution_ms,
        ambiguous,
        response_ms: fitted.response_ms(&best.at),
    };
    refuse_repeats(found, drive, points)
}

/// Refuses what a periodic load cannot tell and no other minimum gives away.
///
/// A load of period L shows the window W as L - W, and the delay as one of L more (sensors.md §5.2). Where L is not twice as
/// long as the longest window that fits, or as the time between two publications, those are as plausible.
fn refuse_repeats(found: Transient, drive: &Drive, points: &Points) -> Result<Transient, TransientRefusal> {
    let Some(period_ms) = drive.period_s().map(|seconds| seconds * 1e3) else { return Ok(found) };
    let longest = [found.window_ms.map(|window| window.high), points.typical_gap_ms()];
    let longest_ms = longest.into_iter().flatten().fold(0.0, f64::max);
    if found.ambiguous.is_empty() && period_ms < 2.0 * longest_ms {
        return Err(TransientRefusal::Periodic { period_ms });
    }
    Ok(found)
}

impl Transient {
    /// With the interval of the delay widened by what the times of all publications together leave open.
    #[must_use]
    pub fn with_slack(mut self, slack_ns: i64) -> Self {
        let slack = crate::time::milliseconds(slack_ns);
        let delay = self.delay_ms;
        self.delay_ms = Estimate::new(delay.value, delay.low - slack, delay.high + slack, delay.confidence);
        self
    }
}

/// A window with the upper end that a drive of this resolution leaves open.
///
/// Straight lines between points blur an edge over two pieces at most, as two windows of that length in a row would;
/// the squares of windows in a row add up, so what was found can be short by that.
fn hidden(window: Estimate, resolution_ms: f64) -> Estimate {
    let high = (window.high.powi(2) + 2.0 * resolution_ms.powi(2)).sqrt();
    Estimate::new(window.value, window.low, high, window.confidence)
}
