//! The good-practice protocol for a kernel's energy by a sensor, and the error to expect of it before anything is run.
//!
//! After Yang et al. (2024), *Part-time power measurements: nvidia-smi's lack of attention* (arXiv 2312.02741): enough
//! repetitions, phase groups where the sensor does not look all the time, several trials, and what is settling dropped.

use serde::{Deserialize, Serialize};

use crate::stats::{count, whole};

/// Fewest repetitions of a kernel, and shortest time that they take together, in seconds.
const REPETITIONS: (usize, f64) = (32, 5.0);
/// Trials with a random start each.
const TRIALS: usize = 4;
/// Shortest idle guard, in seconds.
const GUARD_S: f64 = 2.0;
/// Windows that miss by this share of one to fill the update period fill it.
const NEARLY: f64 = 0.1;
/// Starts at which a trial is played, for its expected error.
const STARTS: usize = 400;
/// Share of a phase group's gap by which it is varied at random.
const VARIED: f64 = 0.2;

/// A sensor, as far as a plan needs it, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Update period T.
    pub period_s: f64,
    /// Averaging window W, or twice a lag's time constant.
    pub window_s: f64,
    /// Delay d.
    pub delay_s: f64,
    /// Time to 90 % of a step's response.
    pub settled_s: f64,
}

/// How often a kernel is to be run, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Length of one kernel, in seconds.
    pub kernel_s: f64,
    /// Repetitions in one trial, those that are dropped included.
    pub repetitions: usize,
    /// Groups that they are run in: more than one where the sensor does not look all the time.
    pub phase_groups: usize,
    /// Idle time between two groups, in seconds, varied at random by a fifth.
    pub group_gap_s: f64,
    /// Trials, each begun after a random delay of up to one update period.
    pub trials: usize,
    /// Repetitions at the beginning of each trial that are dropped: the sensor has not settled.
    pub dropped: usize,
    /// Idle time before and after each trial, in seconds.
    pub guard_s: f64,
    /// Time that all trials take, in seconds.
    pub seconds: f64,
    /// Where the kernel's length keeps step with the sensor.
    pub alias: Option<Alias>,
    /// Largest error of a single kernel's energy, as a share of its dynamic energy: what a swing at its edges can hide.
    pub single_error: f64,
    /// The same of one trial without phase groups: standard deviation over all starts.
    pub ungrouped_error: f64,
    /// Standard deviation of the mean of all trials, as planned. The sensor's gain is not in it.
    pub expected_error: f64,
}

/// A number of kernels that last as long as a number of update periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// Kernels.
    pub kernels: usize,
    /// Update periods.
    pub updates: usize,
    /// By how much they differ, in nanoseconds.
    pub slip_ns: i64,
}

/// Plans the measurement of a kernel of `kernel_s` seconds; `None` where a length is not above 0.
pub fn plan(kernel_s: f64, sensor: &Attention) -> Option<Plan> {
    let lengths = [kernel_s, sensor.period_s, sensor.window_s];
    if lengths.iter().any(|length| !length.is_finite() || *length <= 0.0) {
        return None;
    }
    let above = |value: f64| whole(value.ceil());
    let dropped = above((sensor.window_s + sensor.delay_s.max(0.0) + sensor.settled_s) / kernel_s);
    let phase_groups = above(sensor.period_s / sensor.window_s - NEARLY).max(1);
    let counted = REPETITIONS.0.max(above(REPETITIONS.1 / kernel_s)).next_multiple_of(phase_groups);
    let repetitions = counted + dropped;
    // With the gap, every group begins a share of the period later in it than the one before.
    let share = sensor.period_s / count(phase_groups);
    let group_s = count(counted / phase_groups) * kernel_s;
    let group_gap_s = if phase_groups > 1 { (share - group_s).rem_euclid(sensor.period_s) } else { 0.0 };
    let guard_s = GUARD_S.max(sensor.window_s + sensor.delay_s.max(0.0) + 2.0 * sensor.period_s);
    let trial_s = count(repetitions) * kernel_s + count(phase_groups - 1) * group_gap_s + 2.0 * guard_s;
    // A pulse is off by up to half an update period of its power at its ends (sensors.md §5.9); a window that is longer
    // holds all of it, somewhere.
    let unseen = (sensor.period_s - sensor.window_s).max(0.0) / 2.0;
    let shares = |groups: usize| spread(kernel_s, sensor, counted, groups, group_gap_s);
    Some(Plan {
        kernel_s,
        repetitions,
        phase_groups,
        group_gap_s,
        trials: TRIALS,
        dropped,
        guard_s,
        seconds: count(TRIALS) * trial_s,
        alias: alias(kernel_s, sensor.period_s, counted).filter(|_| sensor.window_s < sensor.period_s),
        single_error: (unseen / kernel_s).min(1.0),
        ungrouped_error: shares(1),
        expected_error: shares(phase_groups) / count(TRIALS).sqrt(),
    })
}

/// The fewest kernels, at most `repetitions`, that keep step with the sensor: whose length differs from a whole number of
/// update periods by less than one period over the repetitions, so that the windows never get round.
///
/// The candidates are the convergents of the continued fraction of kernel over period: no fraction with as small a
/// denominator is nearer.
pub fn alias(kernel_s: f64, period_s: f64, repetitions: usize) -> Option<Alias> {
    let ratio = kernel_s / period_s;
    if !ratio.is_finite() || ratio <= 0.0 {
        return None;
    }
    let (mut before, mut now) = ((1.0, 0.0), (ratio.floor(), 1.0));
    let mut rest = ratio - ratio.floor();
    for _ in 0..40 {
        let (updates, kernels) = now;
        let slip = kernels * kernel_s - updates * period_s;
        // A kernel of many periods is seen many times itself.
        if kernels > count(repetitions) || kernels * kernel_s > 4.0 * period_s.max(kernel_s) {
            return None;
        }
        if updates > 0.0 && slip.abs() * count(repetitions) / kernels < period_s {
            return Some(Alias {
                kernels: whole(kernels),
                updates: whole(updates),
                slip_ns: crate::time::nanoseconds(slip),
            });
        }
        if rest < 1e-12 {
            return None;
        }
        let next = rest.recip();
        let whole_part = next.floor();
        rest = next - whole_part;
        (before, now) = (now, (whole_part * updates + before.0, whole_part * kernels + before.1));
    }
    None
}

/// Standard deviation of one trial's mean power over all starts, as a share of it: of a kernel that draws power in its
/// first half only.
fn spread(kernel_s: f64, sensor: &Attention, counted: usize, groups: usize, gap_s: f64) -> f64 {
    let each = counted / groups;
    let group_s = count(each) * kernel_s;
    // Energy up to `t` of the trial, in units of the power.
    let cumulated = |t: f64| {
        let block = (t / (group_s + gap_s)).floor().clamp(0.0, count(groups - 1));
        let within = (t - block * (group_s + gap_s)).clamp(0.0, group_s);
        let kernels = (within / kernel_s).floor();
        let rest = (within - kernels * kernel_s).min(0.5 * kernel_s);
        block * 0.5 * group_s + kernels * 0.5 * kernel_s + rest
    };
    let length = count(groups) * group_s + count(groups - 1) * gap_s;
    let truth = cumulated(length);
    let means = (0..STARTS).map(|start| {
        // Publications from before the trial to after it, each standing for one period.
        let mut end = sensor.period_s * (count(start) + 0.5) / count(STARTS) - sensor.window_s;
        let mut seen = 0.0;
        while end - sensor.window_s < length {
            seen += sensor.period_s * (cumulated(end) - cumulated(end - sensor.window_s)) / sensor.window_s;
            end += sensor.period_s;
        }
        seen / truth - 1.0
    });
    let squares: f64 = means.map(|error| error * error).sum();
    // The gaps are varied by a fifth of themselves: no sum cancels better than that lets it.
    let floor = if groups > 1 { VARIED * gap_s / (12.0 * count(groups)).sqrt() / length } else { 0.0 };
    (squares / count(STARTS)).sqrt().max(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const H100: Attention = Attention { period_s: 0.1, window_s: 0.025, delay_s: 0.0, settled_s: 0.025 };

    #[test]
    fn a_kernel_that_keeps_step_needs_phase_groups() {
        let plan = plan(0.1, &H100).unwrap();
        // sensors.md §5.10: 80 repetitions of 100 ms, T 100 and W 25: one group 46 %, four groups 0.1 %.
        assert!(plan.ungrouped_error > 0.4, "{plan:?}");
        assert!(plan.expected_error < 0.015, "{plan:?}");
        assert_eq!((plan.phase_groups, plan.repetitions, plan.dropped), (4, 53, 1), "{plan:?}");
        assert_eq!(plan.alias, Some(Alias { kernels: 1, updates: 1, slip_ns: 0 }));
        assert!((plan.group_gap_s - 0.025).abs() < 1e-9, "{plan:?}");
        // A kernel that drifts against the sensor takes part of the gap's work over.
        let drifting = super::plan(0.1, &Attention { period_s: 0.100_22, ..H100 }).unwrap();
        assert!(drifting.expected_error < 0.02, "{drifting:?}");
    }

    #[test]
    fn a_sensor_that_looks_all_the_time_needs_none() {
        let plan = plan(0.1, &Attention { window_s: 0.1, ..H100 }).unwrap();
        assert_eq!((plan.phase_groups, plan.alias), (1, None), "{plan:?}");
        assert!(plan.expected_error < 0.01 && plan.single_error < 1e-9, "{plan:?}");
    }

    #[test]
    fn aliases_are_found_and_chance_is_not() {
        assert_eq!(alias(0.05, 0.1, 50).map(|alias| (alias.kernels, alias.updates)), Some((2, 1)));
        assert_eq!(alias(0.1001, 0.1, 50).map(|alias| (alias.kernels, alias.updates)), Some((1, 1)));
        // Five kernels of 61.8 ms come within 9 ms of three updates: over 80 that gets round.
        assert_eq!(alias(0.0618, 0.1, 80), None);
        assert_eq!(alias(0.0, 0.1, 50), None);
        assert!(plan(-1.0, &H100).is_none());
    }
}
