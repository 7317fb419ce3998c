//! The meter over one level: its mean, and how sure that is.

use crate::stats::mean_interval;
use crate::time::Interval;
use crate::trace::Trace;

/// Confidence at which half an interval of a normal mean is one standard error.
const ONE_SIGMA: f64 = 0.682_689_492;

/// Replicates of the bootstrap: the standard error itself is then known to 5 %.
const REPLICATES: usize = 200;

/// Mean power over `interval` in watts, with its standard error by the scatter of the readings where they tell one.
///
/// The error comes from blocks of neighbouring readings, since power is autocorrelated. `None` where the trace does not
/// cover the interval.
pub fn metered(trace: &Trace, interval: Interval, seed: u64) -> Option<(f64, Option<f64>)> {
    let mean = trace.mean_w(interval)?;
    let from = trace.times_ns().partition_point(|&time| time < interval.begin_ns);
    let to = trace.times_ns().partition_point(|&time| time <= interval.end_ns);
    let watts = trace.watts().get(from..to).unwrap_or_default();
    let error = mean_interval(watts, REPLICATES, ONE_SIGMA, seed).map(|found| found.estimate.half_width());
    Some((mean, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Between;

    #[test]
    fn white_noise_has_the_error_of_the_textbook() {
        // A linear congruential generator: uniform on ±50 W, standard deviation 28.9 W.
        let mut state = 1_u32;
        let watts: Vec<f64> = (0..2000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                1000.0 + 100.0 * (f64::from(state) / f64::from(u32::MAX) - 0.5)
            })
            .collect();
        let times = (0..2000).map(|i| i * 100_000_000).collect();
        let trace = Trace::new(times, watts, Between::Line).unwrap();
        let (mean, error) = metered(&trace, trace.span(), 1).unwrap();
        let textbook = 100.0 / 12.0_f64.sqrt() / 2000.0_f64.sqrt();
        assert!((mean - 1000.0).abs() < 3.0, "{mean}");
        assert!((error.unwrap() / textbook - 1.0).abs() < 0.25, "{error:?}, not {textbook}");
        assert_eq!(metered(&trace, Interval::new(-1, 5), 1), None);
    }
}
