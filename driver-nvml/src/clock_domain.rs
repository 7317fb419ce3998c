//! Which of the host's clocks a sample ring is stamped by, found from brackets rather than assumed.
//!
//! `CLOCK_REALTIME` was seen on an H200 with driver 580, `CLOCK_BOOTTIME` elsewhere; NVML's reference says no more than
//! "CPU timestamp in microseconds". The newest sample of a fetch can be no younger than the end of the fetch, and over
//! a few fetches at least one is young: a clock by which it is so is the one.

use power_core::{Anchor, ClockDomain};

/// The newest stamp that a fetch gave, and the host's clocks just after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observation {
    pub(crate) anchor: Anchor,
    pub(crate) newest_us: u64,
}

/// What the observations say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) domain: ClockDomain,
    /// Why, in words.
    pub(crate) why: String,
}

/// A newest sample older than this, at every fetch, is by another clock.
const MOST_AGE_NS: i64 = 1_000_000_000;

/// Two clocks this close stamp alike. It is also what a stamp may lie after the end of its fetch.
const ALIKE_NS: i64 = 1_000_000;

/// With two clocks left, the one by which the newest sample is at most this old: five of the 20 ms that rings have.
const YOUNG_NS: i64 = 100_000_000;

/// Reads one of the clocks, where the host has it.
type ReadClock = fn(&Anchor) -> Option<i64>;

#[derive(Debug, Clone)]
struct Candidate {
    domain: ClockDomain,
    youngest_ns: i64,
    /// Its lead over `CLOCK_MONOTONIC`.
    lead_ns: i64,
}

/// Finds the clock.
pub(crate) fn detect(observations: &[Observation]) -> Verdict {
    let undecided = |why: String| Verdict { domain: ClockDomain::Device { tick_hz: None }, why };
    if observations.is_empty() {
        return undecided("the ring gave no sample when it was opened, so its clock is not known".into());
    }
    // In this order: of two that stamp alike the first is named.
    let clocks: [(ClockDomain, ReadClock); 3] = [
        (ClockDomain::HostRealtime, |anchor| Some(anchor.realtime_ns)),
        (ClockDomain::HostBoottime, |anchor| anchor.boottime_ns),
        (ClockDomain::HostMonotonic, |anchor| Some(anchor.monotonic_ns)),
    ];
    let fitting: Vec<Candidate> =
        clocks.into_iter().filter_map(|(domain, clock)| fit(domain, clock, observations)).collect();
    let young: Vec<_> = fitting.iter().filter(|candidate| candidate.youngest_ns <= YOUNG_NS).collect();
    let left = if young.is_empty() { fitting.iter().collect() } else { young };
    let [first, others @ ..] = left.as_slice() else {
        return undecided(
            "its stamps are by none of CLOCK_REALTIME, CLOCK_BOOTTIME and CLOCK_MONOTONIC".into(),
        );
    };
    if let Some(other) = others.iter().find(|other| (other.lead_ns - first.lead_ns).abs() > ALIKE_NS) {
        return undecided(format!(
            "its stamps may be by {} or by {}",
            name(&first.domain),
            name(&other.domain)
        ));
    }
    let alike: Vec<_> = others.iter().map(|other| name(&other.domain)).collect();
    let why = if alike.is_empty() {
        format!("{}, the only one that fits {} fetches", name(&first.domain), observations.len())
    } else {
        format!("{}, which on this host is the same now as {}", name(&first.domain), alike.join(" and "))
    };
    Verdict { domain: first.domain.clone(), why }
}

/// A clock by which no newest sample is from the future, and at least one is not old.
fn fit(domain: ClockDomain, clock: ReadClock, observations: &[Observation]) -> Option<Candidate> {
    let mut youngest_ns = i64::MAX;
    let mut lead_ns = 0;
    for Observation { anchor, newest_us } in observations {
        let now = clock(anchor)?;
        let stamp = i64::try_from(*newest_us).ok()?.checked_mul(1_000)?;
        let age = now.checked_sub(stamp)?;
        // A width that nobody knows excuses nothing.
        if age < -(ALIKE_NS + anchor.width_ns.unwrap_or(0)) {
            return None;
        }
        youngest_ns = youngest_ns.min(age);
        lead_ns = now - anchor.monotonic_ns;
    }
    (youngest_ns <= MOST_AGE_NS).then_some(Candidate { domain, youngest_ns, lead_ns })
}

fn name(domain: &ClockDomain) -> &'static str {
    match domain {
        ClockDomain::HostRealtime => "CLOCK_REALTIME",
        ClockDomain::HostBoottime => "CLOCK_BOOTTIME",
        _ => "CLOCK_MONOTONIC",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EPOCH: i64 = 1_795_520_826_400_100_148;

    fn anchor(monotonic_ns: i64, slept_ns: i64) -> Anchor {
        Anchor {
            monotonic_ns,
            realtime_ns: EPOCH + monotonic_ns,
            boottime_ns: Some(monotonic_ns + slept_ns),
            raw_ns: None,
            width_ns: Some(200),
        }
    }

    /// Fetches 10 ms apart of a ring with a sample every 20 ms, `delay` old when it appears.
    fn fetches(start_ns: i64, slept_ns: i64, delay_ns: i64, by: fn(&Anchor) -> i64) -> Vec<Observation> {
        let fetch = |number: i64| {
            let now = start_ns + number * 10_000_000;
            let newest = anchor(now - now % 20_000_000 - delay_ns, slept_ns);
            Observation { anchor: anchor(now, slept_ns), newest_us: (by(&newest) / 1_000).cast_unsigned() }
        };
        (0..6).map(fetch).collect()
    }

    proptest! {
        #[test]
        fn the_clock_that_stamped_is_found(
            start in 3_600_000_000_000_i64..10_000_000_000_000_000,
            slept in 2_000_000_000_i64..1_000_000_000_000,
            delay in 0_i64..60_000_000,
        ) {
            let domain = |by| detect(&fetches(start, slept, delay, by)).domain;
            prop_assert_eq!(domain(|anchor| anchor.realtime_ns), ClockDomain::HostRealtime);
            prop_assert_eq!(domain(|anchor| anchor.boottime_ns.unwrap()), ClockDomain::HostBoottime);
            prop_assert_eq!(domain(|anchor| anchor.monotonic_ns), ClockDomain::HostMonotonic);
        }

        #[test]
        fn a_clock_of_its_own_is_never_taken_for_the_hosts(
            start in 3_600_000_000_000_i64..10_000_000_000_000_000,
            offset in 2_000_000_000_i64..1_000_000_000_000_000,
            ahead: bool,
        ) {
            let offset = if ahead { offset } else { -offset.min(start / 2) };
            let mut fetches = fetches(start, 0, 1_000_000, |anchor| anchor.monotonic_ns);
            for fetch in &mut fetches {
                fetch.newest_us = (fetch.newest_us.cast_signed() + offset / 1_000).cast_unsigned();
            }
            prop_assert_eq!(detect(&fetches).domain, ClockDomain::Device { tick_hz: None });
        }
    }

    #[test]
    fn a_host_that_never_slept_has_one_clock_under_two_names() {
        let verdict = detect(&fetches(5_000_000_000_000, 0, 1_000_000, |anchor| anchor.monotonic_ns));
        assert_eq!(verdict.domain, ClockDomain::HostBoottime);
        assert!(verdict.why.contains("same now as CLOCK_MONOTONIC"), "{}", verdict.why);
    }

    #[test]
    fn a_short_sleep_and_an_old_sample_leave_it_open() {
        let fetches = fetches(5_000_000_000_000, 30_000_000, 1_000_000, |anchor| anchor.monotonic_ns);
        let verdict = detect(&fetches);
        assert_eq!(verdict.domain, ClockDomain::Device { tick_hz: None });
        assert!(verdict.why.contains("CLOCK_BOOTTIME or by CLOCK_MONOTONIC"), "{}", verdict.why);
        assert_eq!(detect(&[]).domain, ClockDomain::Device { tick_hz: None });
    }
}
