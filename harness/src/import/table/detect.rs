//! Which clock of the host a device's own times belong to.
//!
//! The newest device time that a read brings is at most as old as the device's buffer and never younger than the
//! end of the read. Of the clocks `CLOCK_MONOTONIC`, `CLOCK_REALTIME` and `CLOCK_BOOTTIME` the one for which that holds
//! in nearly all reads is the device's; anchors carry the end of a read from the time base to each.

use std::fmt::Write;

use power_core::{Anchor, ClockDomain};

use crate::import::sink::to_f64;
use crate::run::TimeBase;
use crate::{Error, Result};

/// A device time may be this much older than the end of its read.
const OLDEST_NS: i64 = -5_000_000_000;
/// And this much younger: two clocks of a host are read one after the other.
const YOUNGEST_NS: i64 = 1_000_000;
/// Share of reads in which it has to hold.
const INSIDE_SHARE: f64 = 0.99;
/// Two clocks that differ by less than this throughout are told apart by nothing here.
const SAME_NS: i64 = 1_000_000;

/// Collects the evidence for one source.
#[derive(Debug)]
pub(crate) struct Detector {
    candidates: [Candidate; 3],
    /// The read whose device times are coming, and the newest of them.
    current: Option<(i64, i64)>,
}

#[derive(Debug)]
struct Candidate {
    clock: ClockDomain,
    name: &'static str,
    /// Points (time base, this clock less the time base), none where the anchors do not have the clock.
    offsets: Vec<(i64, i64)>,
    reads: u64,
    inside: u64,
    lowest_ns: i64,
    highest_ns: i64,
}

/// The clock that was found, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Detected {
    pub(crate) clock: ClockDomain,
    pub(crate) why: String,
}

impl Detector {
    /// A detector for times on `base`; `None` where rows have no time.
    pub(crate) fn new(base: TimeBase, anchors: &[Anchor]) -> Option<Self> {
        type Read = fn(&Anchor) -> Option<i64>;
        let monotonic: Read = |anchor| Some(anchor.monotonic_ns);
        let realtime: Read = |anchor| Some(anchor.realtime_ns);
        let boottime: Read = |anchor| anchor.boottime_ns;
        let of_base = match base {
            TimeBase::HostMonotonic => monotonic,
            TimeBase::Unix => realtime,
            TimeBase::Ordinal => return None,
        };
        let candidate = |clock, name, is_base: bool, of_clock: Read| {
            let point = |anchor| {
                let base = of_base(anchor)?;
                Some((base, of_clock(anchor)?.checked_sub(base)?))
            };
            let offsets = if is_base { vec![(0, 0)] } else { anchors.iter().filter_map(point).collect() };
            Candidate { clock, name, offsets, reads: 0, inside: 0, lowest_ns: i64::MAX, highest_ns: i64::MIN }
        };
        let is = |other| base == other;
        Some(Self {
            candidates: [
                candidate(
                    ClockDomain::HostMonotonic,
                    "CLOCK_MONOTONIC",
                    is(TimeBase::HostMonotonic),
                    monotonic,
                ),
                candidate(ClockDomain::HostRealtime, "CLOCK_REALTIME", is(TimeBase::Unix), realtime),
                candidate(ClockDomain::HostBoottime, "CLOCK_BOOTTIME", false, boottime),
            ],
            current: None,
        })
    }

    /// Takes one device time and the end of the read that brought it. Times of one read come in a row.
    pub(crate) fn observe(&mut self, end_ns: i64, device_ns: i64) {
        match &mut self.current {
            Some((end, newest)) if *end == end_ns => *newest = (*newest).max(device_ns),
            _ => {
                self.flush();
                self.current = Some((end_ns, device_ns));
            }
        }
    }

    fn flush(&mut self) {
        let Some((end_ns, newest_ns)) = self.current.take() else { return };
        for candidate in &mut self.candidates {
            let Some(offset) = interpolate(&candidate.offsets, end_ns) else { continue };
            let age_ns = newest_ns.saturating_sub(end_ns.saturating_add(offset));
            candidate.reads += 1;
            candidate.inside += u64::from((OLDEST_NS..=YOUNGEST_NS).contains(&age_ns));
            candidate.lowest_ns = candidate.lowest_ns.min(age_ns);
            candidate.highest_ns = candidate.highest_ns.max(age_ns);
        }
    }

    /// The clock.
    pub(crate) fn finish(mut self) -> Result<Detected> {
        self.flush();
        let fitting: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|it| it.reads > 0 && to_f64(it.inside) / to_f64(it.reads) >= INSIDE_SHARE)
            .collect();
        match fitting.as_slice() {
            [one] => Ok(Detected { clock: one.clock.clone(), why: one.why() }),
            [first, second] if alike(first, second) => {
                let why = format!("{}; {} is the same to within 1 ms", first.why(), second.name);
                Ok(Detected { clock: first.clock.clone(), why })
            }
            [] => Err(self.fault("fit no clock of the host")),
            _ => Err(self.fault("fit several clocks of the host")),
        }
    }

    fn fault(&self, what: &str) -> Error {
        let mut list = String::new();
        for candidate in &self.candidates {
            let separator = if list.is_empty() { "" } else { "; " };
            // Writing to a string cannot fail.
            let _ = write!(list, "{separator}{}", candidate.why());
        }
        Error::new(format!("the device times {what} ({list})")).mend(
            "pass the anchors of the host's clocks by --anchors, or state the clock in the map: monotonic, realtime, \
             boottime or device",
        )
    }
}

/// Two clocks that stand apart by less than what can be told.
fn alike(first: &Candidate, second: &Candidate) -> bool {
    let near = |a: i64, b: i64| a.saturating_sub(b).saturating_abs() < SAME_NS;
    near(first.lowest_ns, second.lowest_ns) && near(first.highest_ns, second.highest_ns)
}

impl Candidate {
    fn why(&self) -> String {
        if self.reads == 0 {
            return format!("{}: no anchors", self.name);
        }
        format!(
            "{}: newest device time {} to {} s from the end of its read, as it should be in {} of {} reads",
            self.name,
            seconds(self.lowest_ns),
            seconds(self.highest_ns),
            self.inside,
            self.reads
        )
    }
}

fn seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "+" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000)
}

/// The offset at `t`, on the line through the two anchors around it, or those nearest to it.
fn interpolate(points: &[(i64, i64)], t: i64) -> Option<i64> {
    let after = points.partition_point(|(base, _)| *base <= t);
    let (a, b) = match points.len() {
        0 => return None,
        1 => return Some(points[0].1),
        count => {
            let right = after.clamp(1, count - 1);
            (points[right - 1], points[right])
        }
    };
    let (t, a0, b0) = (i128::from(t), i128::from(a.0), i128::from(b.0));
    let (a1, b1) = (i128::from(a.1), i128::from(b.1));
    let span = b0 - a0;
    if span == 0 {
        return Some(a.1);
    }
    // The product needs up to 130 bits for absurd anchors; then there is no offset.
    let rise = (b1 - a1).checked_mul(t - a0)? / span;
    i64::try_from(a1 + rise).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REAL: i64 = 1_795_520_803_000_000_000;

    fn anchors(boot: i64) -> Vec<Anchor> {
        [0, 100_000_000_000]
            .map(|t| Anchor {
                monotonic_ns: t,
                realtime_ns: t + REAL,
                boottime_ns: Some(t + boot),
                raw_ns: None,
                width_ns: None,
            })
            .to_vec()
    }

    fn detect(base: TimeBase, anchors: &[Anchor], device: impl Fn(i64) -> i64) -> Result<Detected> {
        let mut detector = Detector::new(base, anchors).unwrap();
        for read in 1..200_i64 {
            let end = read * 250_000_000;
            for sample in 0..5 {
                detector.observe(end, device(end - 5_000_000 - 20_000_000 * sample));
            }
        }
        detector.finish()
    }

    #[test]
    fn each_clock_is_found() {
        let hour = 3_600_000_000_000;
        let found = detect(TimeBase::HostMonotonic, &anchors(hour), |t| t + REAL).unwrap();
        assert_eq!(found.clock, ClockDomain::HostRealtime);
        assert!(found.why.contains("-0.005000 to -0.005000 s"), "{}", found.why);
        let found = detect(TimeBase::HostMonotonic, &anchors(hour), |t| t + hour).unwrap();
        assert_eq!(found.clock, ClockDomain::HostBoottime);
        let found = detect(TimeBase::HostMonotonic, &anchors(hour), |t| t).unwrap();
        assert_eq!(found.clock, ClockDomain::HostMonotonic);
    }

    #[test]
    fn what_cannot_be_told_apart_is_said() {
        let found = detect(TimeBase::HostMonotonic, &anchors(200), |t| t).unwrap();
        assert!(found.why.contains("CLOCK_BOOTTIME is the same to within 1 ms"), "{}", found.why);
        let error =
            detect(TimeBase::HostMonotonic, &anchors(2_000_000_000), |t| t - 500_000_000).unwrap_err();
        assert!(error.to_string().contains("fit several clocks"), "{error}");
    }

    #[test]
    fn a_clock_that_fits_none_is_an_error_with_offsets() {
        let error = detect(TimeBase::HostMonotonic, &[], |t| t + REAL).unwrap_err().to_string();
        assert!(error.contains("fit no clock") && error.contains("CLOCK_REALTIME: no anchors"), "{error}");
        assert!(error.contains("+1795520802.995000"), "{error}");
        assert!(Detector::new(TimeBase::Ordinal, &[]).is_none());
    }

    proptest! {
        #[test]
        fn absurd_times_do_no_harm(
            times in proptest::collection::vec((any::<i64>(), any::<i64>()), 0..20),
            clocks in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<Option<i64>>()), 0..4),
        ) {
            let anchors: Vec<_> = clocks.into_iter().map(|(monotonic_ns, realtime_ns, boottime_ns)| Anchor {
                monotonic_ns, realtime_ns, boottime_ns, raw_ns: None, width_ns: None,
            }).collect();
            let mut detector = Detector::new(TimeBase::HostMonotonic, &anchors).unwrap();
            for (end, device) in times {
                detector.observe(end, device);
            }
            let _ = detector.finish();
        }
    }
}
