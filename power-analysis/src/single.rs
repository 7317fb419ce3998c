//! The energy of one channel alone, with what its sampling leaves open.

use serde::{Deserialize, Serialize};

use crate::phases::GAP_PERIODS;
use crate::publications::Publications;
use crate::readings::Readings;
use crate::time::{Interval, seconds};
use crate::trace::Trace;

/// The energy of one interval by one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelEnergy {
    /// The interval.
    pub interval: Interval,
    /// Energy by the naive rule in joules.
    pub energy_j: f64,
    /// Mean power in watts.
    pub mean_w: f64,
    /// Bound on what sampling can have missed, in joules: half an update period of the power's swing at each end,
    /// and the swing of the whole interval over each gap. The sensor's own accuracy is not in it.
    pub sampling_bound_j: f64,
    /// Bound on what a clock that is known to an interval leaves open, in joules; `None` for times of the time base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_bound_j: Option<f64>,
    /// Readings wholly within the interval.
    pub readings: usize,
    /// Readings without a value within the interval.
    pub missing: usize,
    /// Publications within the interval.
    pub publications: usize,
    /// Time in gaps of more than three update periods.
    pub gap_s: f64,
}

impl ChannelEnergy {
    /// With the bound of a clock whose times can all be wrong by up to `uncertainty_ns`.
    #[must_use]
    pub fn with_clock(mut self, trace: &Trace, uncertainty_ns: i64) -> Self {
        if uncertainty_ns > 0 {
            self.clock_bound_j = Some(trace.shift_bound_j(self.interval, uncertainty_ns));
        }
        self
    }
}

/// The energy of `interval` by one channel; `None` where it was not recorded from begin to end, or a counter was set
/// back within it.
pub fn channel_energy(
    readings: &Readings,
    publications: &Publications,
    trace: &Trace,
    interval: Interval,
) -> Option<ChannelEnergy> {
    let reset = readings.resets_ns().iter().any(|&time| time > interval.begin_ns && time <= interval.end_ns);
    if reset || interval.length_ns() == 0 {
        return None;
    }
    let energy_j = trace.energy_j(interval)?;
    let period = publications.period_ns().unwrap_or(interval.length_ns());
    let end_bound = |time: i64| {
        let near = Interval::new(time, time).widened(period);
        let near = near.intersect(trace.span())?;
        trace.extremes_w(near).map(|(low, high)| (high - low) * seconds(period) / 2.0)
    };
    let gap_ns = gap_time(publications, interval, period.saturating_mul(GAP_PERIODS));
    let (low, high) = trace.extremes_w(interval)?;
    let ends: f64 = [interval.begin_ns, interval.end_ns].into_iter().filter_map(end_bound).sum();
    Some(ChannelEnergy {
        interval,
        energy_j,
        mean_w: energy_j / interval.seconds(),
        sampling_bound_j: ends + (high - low) * seconds(gap_ns),
        clock_bound_j: None,
        readings: readings.within(interval).len(),
        missing: readings
            .missing_ns()
            .iter()
            .filter(|&&time| interval.holds(Interval::new(time, time)))
            .count(),
        publications: publications.count(interval),
        gap_s: seconds(gap_ns),
    })
}

/// Time within `interval` in pauses longer than `longest_ns`.
fn gap_time(publications: &Publications, interval: Interval, longest_ns: i64) -> i64 {
    let times = publications.times_ns();
    times
        .windows(2)
        .map(|pair| Interval::new(pair[0], pair[1]))
        .filter(|pause| pause.length_ns() > longest_ns)
        .filter(|pause| publications.longest_gap_ns(*pause) > longest_ns)
        .filter_map(|pause| pause.intersect(interval))
        .map(Interval::length_ns)
        .sum()
}
