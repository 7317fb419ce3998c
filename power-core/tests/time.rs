//! Stamps and times hold up to the ends of the time base.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use power_core::{Clock, DeviceTime, HostTime, Recorder, Stamp, SystemClock};
use proptest::prelude::*;

/// Shows the two times in turn.
#[derive(Debug)]
struct TwoTimes([i64; 2], AtomicUsize);

impl Clock for TwoTimes {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(self.0[self.1.fetch_add(1, Ordering::Relaxed) % 2])
    }
}

fn stamp(start: i64, end: i64) -> Stamp {
    let clock = TwoTimes([start, end], AtomicUsize::new(0));
    Recorder::new(&clock, &mut Vec::new()).bracket(|| Ok::<_, ()>(())).unwrap().1
}

/// Any time, the ends of the time base among them.
fn time() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -3..3_i64]
}

proptest! {
    #[test]
    fn midpoint_is_within_half_the_width_of_both_ends(a in time(), b in time()) {
        let (start, end) = (a.min(b), a.max(b));
        let stamp = stamp(start, end);
        prop_assert_eq!((stamp.start().nanos(), stamp.end().nanos()), (start, end));
        let (midpoint, half) = (i128::from(stamp.midpoint().nanos()), stamp.half_width().as_nanos());
        prop_assert!((midpoint - i128::from(start)).unsigned_abs() <= half);
        prop_assert!((i128::from(end) - midpoint).unsigned_abs() <= half);
        prop_assert!(2 * half <= (i128::from(end) - i128::from(start)).unsigned_abs() + 1);
    }

    #[test]
    fn a_clock_that_steps_back_overflows_nothing(start in time(), end in time()) {
        let stamp = stamp(start, end);
        let (low, high) = (start.min(end), start.max(end));
        prop_assert!((low..=high).contains(&stamp.midpoint().nanos()));
        prop_assert!(stamp.half_width() <= Duration::from_nanos(1 << 63));
    }

    #[test]
    fn since_is_exact_or_none(a in time(), b in time()) {
        let since = HostTime::from_nanos(a).since(HostTime::from_nanos(b));
        let difference = i128::from(a) - i128::from(b);
        prop_assert_eq!(since.map(|since| since.as_nanos()), u128::try_from(difference).ok());
    }

    #[test]
    fn checked_add_is_exact_or_none(a in time(), seconds: u64, nanos in 0..1_000_000_000_u32) {
        for duration in [Duration::new(seconds, nanos), Duration::from_nanos(seconds)] {
            let sum = HostTime::from_nanos(a).checked_add(duration);
            let exact = i128::from(a) + i128::try_from(duration.as_nanos()).unwrap();
            prop_assert_eq!(sum.map(HostTime::nanos), i64::try_from(exact).ok());
        }
    }

    #[test]
    fn micros_are_exact_or_none(micros in time()) {
        let exact = i64::try_from(i128::from(micros) * 1_000).ok();
        prop_assert_eq!(DeviceTime::from_micros(micros).map(DeviceTime::nanos), exact);
    }
}

#[test]
fn system_clock_does_not_go_back() {
    let mut last = SystemClock.now();
    for _ in 0..10_000 {
        let now = SystemClock.now();
        assert!(now >= last);
        last = now;
    }
}

#[test]
fn anchor_lies_between_two_times_and_holds_the_time_of_day() {
    let before = SystemClock.now().nanos();
    let anchor = SystemClock.anchor();
    let after = SystemClock.now().nanos();
    assert!((before..=after).contains(&anchor.monotonic_ns));
    assert!(anchor.width_ns.is_some_and(|width| (0..=after - before).contains(&width)));
    let unix = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    assert!(i128::try_from(unix).unwrap().abs_diff(i128::from(anchor.realtime_ns)) < 60_000_000_000);
    assert_eq!(anchor.boottime_ns.is_some(), cfg!(any(target_os = "linux", target_os = "android")));
}
