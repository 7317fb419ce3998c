//! Low values while power was high: the fault that a tracer of short epochs is full of.

use super::{Fault, FaultKind, runs};
use crate::agreement::Distribution;
use crate::publications::Publications;
use crate::readings::Readings;
use crate::stats;
use crate::time::Interval;
use crate::trace::Trace;

/// Fewest consecutive publications that are called false low (sensors.md §5.7 a).
const FEWEST: usize = 2;

/// Smallest shortfall that is called false low, in watts (sensors.md §5.7 a).
const SMALLEST_SHORTFALL_W: f64 = 40.0;

/// The shortfall must also exceed this many scaled median absolute deviations (sensors.md §5.7 a).
const DEVIATIONS: f64 = 5.0;

/// A false low lies below idle plus this share of the sensor's own range (sensors.md §5.7).
const LOW_SHARE: f64 = 0.15;

/// Most pairs of points for the robust line.
const LINE_PAIRS: usize = 100_000;

/// Most publications from which range and line are drawn; beyond it every k-th is used.
const MOST_DRAWN: usize = 50_000;

/// The range of a sensor's values from idle to full load, in watts: its 1st and 99th percentile.
fn span_of(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.iter().step_by(stride(values.len())).copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    Some((stats::quantile(&sorted, 0.01)?, stats::quantile(&sorted, 0.99)?))
}

fn stride(len: usize) -> usize {
    len.div_ceil(MOST_DRAWN).max(1)
}

/// By how much what a publication shows and what the reference shows can lie apart in time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The longest averaging window that the sensor may have.
    pub window_ns: i64,
    /// The longest time by which the sensor may be late.
    pub delay_ns: i64,
    /// The longest time by which the reference may be late: it averages and publishes, too.
    pub reference_lag_ns: i64,
}

/// Publications that show low power although the reference was high all the time they can speak of.
///
/// The reference is taken at its lowest from `window + delay` before the publication until the reference's own lag
/// after it, each side widened by what is not known of the publication's time. So neither averaging nor lateness of
/// either can excuse what is found.
///
/// The reference may measure more than the sensor (a wall meter): a robust line by Theil and Sen over publications
/// during which the reference was steady translates between the two.
pub fn false_low(
    readings: &Readings,
    publications: &Publications,
    reference: &Trace,
    reach: Reach,
) -> Vec<Fault> {
    let (times, watts) = (publications.times_ns(), publications.watts());
    let Some((idle, full)) = span_of(watts) else { return Vec::new() };
    let low_limit = idle + LOW_SHARE * (full - idle);
    let mut near = 0;
    let mut seen = |index: usize| {
        let slack = publications.slack_ns(index, readings);
        let oldest = times[index].saturating_sub(reach.window_ns + reach.delay_ns + slack);
        let newest = times[index].saturating_add(reach.reference_lag_ns + slack);
        reference.extremes_near_w(Interval::new(oldest, newest), &mut near)
    };
    let drawn = (0..watts.len()).step_by(stride(watts.len()));
    let drawn: Vec<(f64, f64, f64)> =
        drawn.filter_map(|index| seen(index).map(|(low, high)| (low, high, watts[index]))).collect();
    let Some(line) = expected_line(&drawn) else { return Vec::new() };
    let mut shortfall = |index: usize| seen(index).map(|(lowest, _)| line.sensor_for(lowest) - watts[index]);
    let limit = SMALLEST_SHORTFALL_W.max(DEVIATIONS * line.deviation_w);
    let suspects = runs(watts.len(), FEWEST, |index| {
        watts[index] < low_limit && shortfall(index).is_some_and(|missing| missing > limit)
    });
    suspects
        .into_iter()
        // What is shorter than the reference's own lag may be a real pause that it averages away.
        .filter(|run| times[run.end - 1] - times[run.start] + reach.window_ns >= reach.reference_lag_ns)
        .map(|run| {
            let missing: Vec<f64> = run.clone().filter_map(&mut shortfall).collect();
            let detail = format!(
                "shows {:.0} W, by the reference at least {:.0} W more",
                stats::mean(&watts[run.clone()]).unwrap_or(f64::NAN),
                stats::median(&missing).unwrap_or(f64::NAN)
            );
            Fault::new(FaultKind::FalseLow, times[run.start], times[run.end - 1], run.len(), detail)
        })
        .collect()
}

/// What the sensor should show for a power of the reference, and how far it usually is from that.
struct ExpectedLine {
    slope: f64,
    intercept_w: f64,
    deviation_w: f64,
}

impl ExpectedLine {
    fn sensor_for(&self, reference_w: f64) -> f64 {
        self.intercept_w + self.slope * reference_w
    }
}

/// Fits the line over publications during which the reference moved little; `None` if there are too few.
///
/// Each publication comes as the reference's lowest and highest and the sensor's value, in watts.
fn expected_line(drawn: &[(f64, f64, f64)]) -> Option<ExpectedLine> {
    let swings: Vec<f64> = drawn.iter().map(|(low, high, _)| high - low).collect();
    let calm = stats::median(&swings)?;
    let calm = drawn.iter().filter(|(low, high, _)| high - low <= calm);
    let (reference, sensor): (Vec<f64>, Vec<f64>) =
        calm.map(|&(low, high, watts)| (f64::midpoint(low, high), watts)).unzip();
    let line = stats::theil_sen(&reference, &sensor, SMALLEST_SHORTFALL_W, LINE_PAIRS, 0)?;
    let residuals: Vec<f64> =
        reference.iter().zip(&sensor).map(|(r, s)| s - line.intercept - line.slope * r).collect();
    Some(ExpectedLine {
        slope: line.slope,
        intercept_w: line.intercept,
        deviation_w: stats::mad(&residuals)?,
    })
}

/// A sensor that spends more time near idle than the reference does, beyond what chance allows.
///
/// The distributions must be of matched bandwidth.
pub(crate) fn low_plateau(distribution: &Distribution, overlap: Interval) -> Option<Fault> {
    let Distribution { low_limit_w, sensor_low_share, reference_low_share, range_w, .. } = *distribution;
    let band = 2.0 * distribution.band_half_width;
    (range_w > SMALLEST_SHORTFALL_W && sensor_low_share - reference_low_share > band).then(|| {
        let detail = format!(
            "{:.0} % of the time below {low_limit_w:.0} W, the reference {:.0} % (band ±{:.0} points)",
            sensor_low_share * 100.0,
            reference_low_share * 100.0,
            band * 100.0
        );
        Fault::new(FaultKind::LowPlateau, overlap.begin_ns, overlap.end_ns, 0, detail)
    })
}
