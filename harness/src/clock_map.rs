//! From a source's own times to the run's time base.

use power_core::{Anchor, ClockDomain};

use crate::alignment::{AlignedClock, AlignedTimes, Alignment};
use crate::run::{Manifest, TimeBase};

/// How the times of one source become times on the run's time base.
#[derive(Debug, Clone, PartialEq)]
pub enum ClockMap {
    /// The host's bracket is the time.
    Bracket,
    /// Device times are on the time base already.
    Same,
    /// Device times are on another clock of the same host: exact, by anchors.
    Anchors(Vec<(i64, i64)>),
    /// Device times are on a clock that an alignment relates to the time base.
    Aligned(AlignedClock),
}

impl ClockMap {
    /// The map of the source `id` with device times of `domain`; a remark where its device times cannot be used.
    pub fn of(
        id: &str,
        domain: &ClockDomain,
        manifest: &Manifest,
        anchors: &[Anchor],
        alignment: &Alignment,
    ) -> (Self, Option<String>) {
        if let Some(aligned) = alignment.0.get(id) {
            return (Self::Aligned(aligned.clone()), None);
        }
        let other_clock = |time_of: fn(&Anchor) -> Option<i64>| {
            let pairs: Vec<(i64, i64)> =
                anchors.iter().filter_map(|anchor| Some((time_of(anchor)?, anchor.monotonic_ns))).collect();
            if pairs.is_empty() {
                let remark = format!(
                    "{id}: its device times are on {domain}, and the run has no anchor that relates it to the time \
                     base; the host's brackets are used instead"
                );
                (Self::Bracket, Some(remark))
            } else {
                (Self::Anchors(pairs), None)
            }
        };
        match (domain, manifest.time_base) {
            (ClockDomain::HostBracket, _) | (_, TimeBase::Ordinal) => (Self::Bracket, None),
            (ClockDomain::HostMonotonic, TimeBase::HostMonotonic)
            | (ClockDomain::HostRealtime, TimeBase::Unix) => (Self::Same, None),
            (ClockDomain::HostRealtime, TimeBase::HostMonotonic) => {
                other_clock(|anchor| Some(anchor.realtime_ns))
            }
            (ClockDomain::HostBoottime, TimeBase::HostMonotonic) => other_clock(|anchor| anchor.boottime_ns),
            _ => {
                let remark = format!(
                    "{id}: its device times are on a {domain} that nothing relates to the time base; the host's \
                     brackets are used instead"
                );
                (Self::Bracket, Some(remark))
            }
        }
    }

    /// Start and end on the time base of a reading with this bracket and device time.
    pub fn bracket(&self, start_ns: i64, end_ns: i64, device_ns: Option<i64>) -> (i64, i64) {
        let point = |time: i64| (time, time);
        match (self, device_ns) {
            (Self::Bracket, _) | (Self::Same | Self::Anchors(_), None) => (start_ns, end_ns),
            (Self::Same, Some(device)) => point(device),
            (Self::Anchors(anchors), Some(device)) => point(by_anchors(anchors, device)),
            (Self::Aligned(clock), Some(device)) if clock.times != AlignedTimes::Bracket => {
                point(aligned(clock, device))
            }
            (Self::Aligned(clock), None) if clock.times == AlignedTimes::Device => (start_ns, end_ns),
            (Self::Aligned(clock), _) => (aligned(clock, start_ns), aligned(clock, end_ns)),
        }
    }
}

/// Linear between anchors, the nearest offset beyond them.
fn by_anchors(anchors: &[(i64, i64)], time: i64) -> i64 {
    let next = anchors.partition_point(|&(other, _)| other <= time);
    let offset = |index: usize| anchors[index].1.saturating_sub(anchors[index].0);
    let offset = match (next.checked_sub(1), next < anchors.len()) {
        (None, _) => offset(0),
        (Some(last), false) => offset(last),
        (Some(before), true) => {
            let (span, since) = (anchors[next].0 - anchors[before].0, time - anchors[before].0);
            let change =
                i128::from(offset(next) - offset(before)) * i128::from(since) / i128::from(span.max(1));
            offset(before).saturating_add(i64::try_from(change).unwrap_or(0))
        }
    };
    time.saturating_add(offset)
}

fn aligned(clock: &AlignedClock, time: i64) -> i64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "drift is far below the interval"
    )]
    let drift = ((time.saturating_sub(clock.origin_ns)) as f64 * clock.drift_ppm * 1e-6) as i64;
    time.saturating_add(clock.offset_ns).saturating_add(drift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_interpolate_and_hold_beyond() {
        let anchors = vec![(1_000, 0), (2_000, 1_100)];
        assert_eq!(by_anchors(&anchors, 500), -500);
        assert_eq!(by_anchors(&anchors, 1_000), 0);
        assert_eq!(by_anchors(&anchors, 1_500), 550);
        assert_eq!(by_anchors(&anchors, 3_000), 2_100);
    }

    #[test]
    fn an_alignment_adds_offset_and_drift() {
        let clock = AlignedClock {
            offset_ns: 10,
            drift_ppm: 1_000.0,
            origin_ns: 1_000_000,
            ..AlignedClock::default()
        };
        assert_eq!(aligned(&clock, 2_000_000), 2_001_010);
    }

    #[test]
    fn an_alignment_maps_the_times_that_it_is_about() {
        let of = |times| ClockMap::Aligned(AlignedClock { times, offset_ns: -7, ..AlignedClock::default() });
        assert_eq!(of(AlignedTimes::Device).bracket(10, 20, Some(100)), (93, 93));
        assert_eq!(of(AlignedTimes::Device).bracket(10, 20, None), (10, 20));
        assert_eq!(of(AlignedTimes::Bracket).bracket(10, 20, Some(100)), (3, 13));
        assert_eq!(of(AlignedTimes::DeviceOrBracket).bracket(10, 20, None), (3, 13));
    }
}
