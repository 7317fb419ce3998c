//! Whether one line describes a clock.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::stats::{Estimate, count};

/// Drift beyond this is no crystal's: the clock was set between the ends of the run.
pub(super) const PLAUSIBLE_PPM: f64 = 500.0;

/// How seldom a linear clock may be called otherwise; the parts' errors are themselves estimated, so they err, too.
const FALSE_ALARM: f64 = 1e-4;

/// Whether one line describes a clock over the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ClockShape {
    /// It does.
    Linear,
    /// The clock was set while it was read.
    Stepped {
        /// When, on the time base: the first moment after it.
        at_ns: i64,
        /// By how much it was set forward.
        by_ms: Estimate,
    },
    /// It wanders: a line leaves more than chance.
    Curved {
        /// Largest distance from the line.
        worst_ms: f64,
    },
    /// Too few parts of the run have edges to tell.
    Untested,
}

/// The offset of one part of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Part {
    /// Middle of the part, in seconds since the origin.
    pub(super) at: f64,
    /// First moment of the part on the time base.
    pub(super) begin_ns: i64,
    /// Offset, in seconds.
    pub(super) offset: f64,
    /// Its standard error, in seconds.
    pub(super) error: f64,
}

/// Judges the offsets of the parts of a run, in order.
pub(super) fn judge(parts: &[Part], confidence: f64) -> ClockShape {
    let all = Line::through(parts);
    if let [first, second] = parts
        && all.is_some_and(|line| line.is_implausible())
    {
        return step(&parts[..1], &parts[1..], second.offset - first.offset, confidence);
    }
    let Some(line) = all.filter(|_| parts.len() >= 3) else { return ClockShape::Untested };
    if line.squares(parts) <= most_squares(parts.len() - 2) && !line.is_implausible() {
        return ClockShape::Linear;
    }
    let best = (1..parts.len())
        .filter_map(|cut| Some((cut, StepLine::through(parts, cut)?)))
        .min_by(|a, b| a.1.squares.total_cmp(&b.1.squares));
    if let Some((cut, stepped)) = best
        && stepped.squares <= most_squares(parts.len() - 3)
    {
        return step(&parts[..cut], &parts[cut..], stepped.by, confidence);
    }
    let worst = parts.iter().map(|part| (part.offset - line.at(part.at)).abs()).fold(0.0, f64::max);
    ClockShape::Curved { worst_ms: worst * 1e3 }
}

/// Sum of squares that chance exceeds with probability [`FALSE_ALARM`].
fn most_squares(freedom: usize) -> f64 {
    ChiSquared::new(count(freedom.max(1))).map_or(f64::INFINITY, |chi| chi.inverse_cdf(1.0 - FALSE_ALARM))
}

fn step(before: &[Part], after: &[Part], by: f64, confidence: f64) -> ClockShape {
    let error = |parts: &[Part]| 1.0 / parts.iter().map(|part| part.error.powi(-2)).sum::<f64>().sqrt();
    let half = crate::stats::student_two_sided(confidence, 1e6) * error(before).hypot(error(after));
    // The offset is added to the source's time: it falls when the source's clock is set forward.
    let by_ms = Estimate::symmetric(-by * 1e3, half * 1e3, confidence);
    ClockShape::Stepped { at_ns: after.first().map_or(0, |part| part.begin_ns), by_ms }
}

/// A weighted line through offsets.
#[derive(Debug, Clone, Copy)]
struct Line {
    mean_at: f64,
    mean_offset: f64,
    slope: f64,
    /// Standard error of the slope.
    error: f64,
}

impl Line {
    fn through(parts: &[Part]) -> Option<Self> {
        let weight = |part: &Part| part.error.max(1e-9).powi(-2);
        let total: f64 = parts.iter().map(weight).sum();
        let mean = |f: &dyn Fn(&Part) -> f64| parts.iter().map(|p| weight(p) * f(p)).sum::<f64>() / total;
        let (mean_at, mean_offset) = (mean(&|p| p.at), mean(&|p| p.offset));
        let spread = mean(&|p| (p.at - mean_at).powi(2));
        (spread > 0.0 && parts.len() >= 2).then(|| Self {
            mean_at,
            mean_offset,
            slope: mean(&|p| (p.at - mean_at) * (p.offset - mean_offset)) / spread,
            error: (total * spread).sqrt().recip(),
        })
    }

    /// Whether it is steeper than any crystal drifts, by more than chance.
    fn is_implausible(&self) -> bool {
        let chance = crate::stats::student_two_sided(1.0 - FALSE_ALARM, 1e6) * self.error;
        (self.slope.abs() - chance) * 1e6 > PLAUSIBLE_PPM
    }

    fn at(&self, at: f64) -> f64 {
        self.mean_offset + self.slope * (at - self.mean_at)
    }

    fn squares(&self, parts: &[Part]) -> f64 {
        parts.iter().map(|part| ((part.offset - self.at(part.at)) / part.error.max(1e-9)).powi(2)).sum()
    }
}

/// Two lines of one slope.
struct StepLine {
    by: f64,
    squares: f64,
}

impl StepLine {
    /// The slope that leaves least is found by a scan over what a crystal can do.
    fn through(parts: &[Part], cut: usize) -> Option<Self> {
        let (before, after) = parts.split_at(cut);
        let mean = |parts: &[Part], slope: f64| {
            let weight = |part: &Part| part.error.max(1e-9).powi(-2);
            let total: f64 = parts.iter().map(weight).sum();
            parts.iter().map(|part| weight(part) * (part.offset - slope * part.at)).sum::<f64>() / total
        };
        let at = |slope: f64| {
            let (one, other) = (mean(before, slope), mean(after, slope));
            let squares = |parts: &[Part], level: f64| -> f64 {
                parts
                    .iter()
                    .map(|part| ((part.offset - slope * part.at - level) / part.error.max(1e-9)).powi(2))
                    .sum()
            };
            Self { by: other - one, squares: squares(before, one) + squares(after, other) }
        };
        (-1000..=1000).map(|k| at(f64::from(k) * 5e-7)).min_by(|a, b| a.squares.total_cmp(&b.squares))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(offsets_ms: &[f64], error_ms: f64) -> Vec<Part> {
        let part = |(index, offset_ms): (i64, &f64)| {
            let begin_ns = index * 5_000_000_000;
            #[expect(clippy::cast_precision_loss, reason = "some seconds")]
            let at = begin_ns as f64 * 1e-9;
            Part { at, begin_ns, offset: offset_ms * 1e-3, error: error_ms * 1e-3 }
        };
        (0..).zip(offsets_ms).map(part).collect()
    }

    #[test]
    fn a_slope_within_its_error_is_no_step() {
        // 1000 ppm between parts of 5 s, known to 5 ms each.
        assert_eq!(judge(&parts(&[0.0, 5.0], 5.0), 0.95), ClockShape::Untested);
        assert_eq!(judge(&parts(&[0.0, 5.0, 10.0], 5.0), 0.95), ClockShape::Linear);
    }

    #[test]
    fn a_step_beyond_its_error_is_told() {
        for offsets_ms in [&[0.0, 40.0][..], &[0.0, 0.0, 40.0, 40.0]] {
            let ClockShape::Stepped { by_ms, .. } = judge(&parts(offsets_ms, 0.5), 0.95) else {
                panic!("{offsets_ms:?}")
            };
            assert!(by_ms.contains(-40.0) && !by_ms.contains(0.0), "{by_ms:?}");
        }
    }
}
