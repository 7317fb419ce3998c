//! carbontracker: one reading of power each 10 s.
//!
//! Source: carbontracker as `github.com/saintslab/EC-NAS-Bench` vendors it (`tracker.py`, `components/component.py`): the
//! energy of an epoch is the mean of its readings times its length.

use crate::time::Interval;
use crate::trace::Trace;

/// Time between two readings by default, in nanoseconds.
const PERIOD_NS: i64 = 10_000_000_000;

/// Power usage effectiveness that is in every energy it states, whatever the machine: total energy over the joules of all
/// devices is 1.590 in all published files of EC-NAS-Bench.
pub const CARBONTRACKER_PUE: f64 = 1.59;

/// Energy of `epoch` in joules as carbontracker would find it from the power in `trace`, without its PUE, if its first
/// reading comes `phase_ns` after the epoch's begin.
///
/// `None` where no reading falls into the epoch: carbontracker then takes a neighbouring epoch's power without a word.
pub fn carbontracker_energy_j(trace: &Trace, epoch: Interval, phase_ns: i64) -> Option<f64> {
    let mut cursor = trace.cursor();
    let (mut sum, mut readings) = (0.0, 0.0);
    let mut time = epoch.begin_ns.checked_add(phase_ns)?;
    while time < epoch.end_ns {
        sum += cursor.power_w(time)?;
        readings += 1.0;
        time = time.checked_add(PERIOD_NS)?;
    }
    (readings > 0.0).then(|| sum / readings * epoch.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Between;

    const SECOND: i64 = 1_000_000_000;

    /// 100 W with 300 W from 8 to 12 s.
    fn pulse() -> Trace {
        let times = [0, 8, 12, 60].map(|second| second * SECOND).to_vec();
        Trace::new(times, vec![100.0, 300.0, 100.0, 100.0], Between::Hold).unwrap()
    }

    #[test]
    fn what_it_says_depends_on_when_it_looks() {
        let epoch = Interval::new(0, 20 * SECOND);
        let at = |second: i64| carbontracker_energy_j(&pulse(), epoch, second * SECOND).unwrap();
        // Truth: 16 s of 100 W and 4 s of 300 W, 2800 J. Readings at 0 and 10 s see the pulse, at 5 and 15 s none of it.
        assert!((at(0) - 4000.0).abs() < 1e-9 && (at(5) - 2000.0).abs() < 1e-9, "{} {}", at(0), at(5));
    }

    #[test]
    fn an_epoch_between_two_readings_is_unknown() {
        assert_eq!(carbontracker_energy_j(&pulse(), Interval::new(SECOND, 4 * SECOND), 5 * SECOND), None);
    }
}
