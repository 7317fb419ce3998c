//! A counter's step is the true one wherever it can be known, and unknown elsewhere.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::time::Duration;

use power_core::{
    Channel, ChannelId, Clock, Flags, HostTime, Joules, Quantity, Reading, Recorder, Step, Value, Watts, step,
};
use proptest::prelude::*;

/// A modulus, a bound below it, a true step within the bound, and a count to start from.
fn wrapping() -> impl Strategy<Value = (u64, u64, u64, u64)> {
    (1..=u64::MAX)
        .prop_flat_map(|modulus| (Just(modulus), 0..modulus, 0..modulus))
        .prop_flat_map(|(modulus, previous, most)| (Just(modulus), Just(previous), Just(most), 0..=most))
}

proptest! {
    #[test]
    fn true_step_is_found_across_a_wrap((modulus, previous, most, advance) in wrapping()) {
        let sum = u128::from(previous) + u128::from(advance);
        let next = u64::try_from(sum % u128::from(modulus)).unwrap();
        let wrapped = sum >= u128::from(modulus);
        let expected = if wrapped { Step::Wrap(advance) } else { Step::Advance(advance) };
        prop_assert_eq!(step(previous, next, Some(modulus), most), expected);
    }

    #[test]
    fn true_step_is_found_without_a_modulus(previous: u64, advance: u64) {
        let advance = advance.min(u64::MAX - previous);
        prop_assert_eq!(step(previous, previous + advance, None, advance), Step::Advance(advance));
    }

    #[test]
    fn no_step_exceeds_what_is_plausible(previous: u64, next: u64, modulus: Option<u64>, most: u64) {
        let counts = step(previous, next, modulus, most).counts();
        prop_assert!(counts.is_none_or(|counts| counts <= most));
    }

    #[test]
    fn a_step_is_given_only_where_it_is_the_only_one(
        (modulus, previous) in (1..=1_000_u64).prop_flat_map(|modulus| (Just(modulus), 0..modulus)),
        advance in 0..5_000_u64,
        slack in 0..2_000_u64,
    ) {
        let most = advance + slack;
        let next = (previous + advance) % modulus;
        let possible = (0..=most).filter(|step| (previous + step) % modulus == next).count();
        let found = step(previous, next, Some(modulus), most);
        if possible == 1 {
            prop_assert_eq!(found.counts(), Some(advance));
        } else {
            prop_assert_eq!(found, Step::Gap);
        }
    }

    #[test]
    fn a_fall_without_a_modulus_is_a_reset(previous in 1..=u64::MAX, fall in 1..=u64::MAX, most: u64) {
        let next = previous - fall.min(previous);
        prop_assert_eq!(step(previous, next, None, most), Step::Reset);
    }
}

#[test]
fn edges() {
    assert_eq!(step(0, 0, None, 0), Step::Advance(0));
    assert_eq!(step(0, u64::MAX, None, u64::MAX), Step::Advance(u64::MAX));
    assert_eq!(step(u64::MAX - 1, 0, Some(u64::MAX), u64::MAX), Step::Wrap(1));
    // A count that the modulus does not allow cannot have wrapped at it.
    assert_eq!(step(100, 0, Some(100), u64::MAX), Step::Reset);
    assert_eq!(step(5, 0, Some(0), u64::MAX), Step::Reset);
}

/// A clock that stands where it is put.
#[derive(Debug)]
struct At(i64);

impl Clock for At {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(self.0)
    }
}

fn reading(second: i64, value: impl Into<Value>, flags: Flags) -> Reading {
    let (clock, mut readings) = (At(second * 1_000_000_000), Vec::new());
    let recorder = Recorder::new(&clock, &mut readings);
    let ((), stamp) = recorder.bracket(|| Ok::<_, ()>(())).unwrap();
    Reading::new(ChannelId(0), value, stamp).flagged(flags)
}

fn package() -> Channel {
    let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(0.5), modulus: Some(2_002) };
    Channel::new("package", quantity)
        .with_rated_power(Watts::from_watts(100.0))
        .with_update_period(Duration::from_secs(1))
}

#[test]
fn a_channel_tells_its_own_steps() {
    let at = |second, count| reading(second, Value::Count(count), Flags::NONE);
    let channel = package();
    // 1000 J at 100 W are 10 s; one of them may be spent on waiting for an update.
    assert_eq!(channel.read_within(), Some(Duration::from_secs(9)));
    assert_eq!(channel.step(&at(0, 1_900), &at(9, 1_899)), Some(Step::Wrap(2_001)));
    assert_eq!(channel.step(&at(0, 1_900), &at(1, 98)), Some(Step::Wrap(200)));
    assert_eq!(channel.step(&at(0, 1_900), &at(1, 1_000)), Some(Step::Reset));
    assert_eq!(channel.step(&at(0, 1_900), &at(9, 1_901)), Some(Step::Advance(1)));
    assert_eq!(channel.step(&at(0, 1_900), &at(10, 1_901)), Some(Step::Gap));
    let broken = reading(1, Value::Count(98), Flags::BREAK);
    assert_eq!(channel.step(&at(0, 1_900), &broken), Some(Step::Reset));
    assert_eq!(channel.step(&at(0, 1_900), &reading(1, Value::Missing, Flags::NONE)), None);
}

#[test]
fn an_update_that_comes_late_is_no_reset() {
    let at = |second, count| reading(second, Value::Count(count), Flags::NONE);
    let channel = package().with_update_period(Duration::from_millis(1));
    // 0 s apart: nothing but what had waited for up to a second.
    assert_eq!(channel.step(&at(0, 100), &at(0, 300)), Some(Step::Advance(200)));
    assert_eq!(channel.step(&at(0, 100), &at(0, 302)), Some(Step::Reset));
    assert_eq!(channel.read_within(), Some(Duration::from_secs(9)));
}

#[test]
fn what_is_not_known_bounds_nothing() {
    let at = |second, count| reading(second, Value::Count(count), Flags::NONE);
    let mut unrated = package();
    unrated.rated_power = None;
    assert_eq!((unrated.read_within(), unrated.most_counts(Duration::ZERO)), (None, None));
    assert_eq!(unrated.step(&at(0, 1_900), &at(1_000, 1_899)), Some(Step::Wrap(2_001)));
    let power = Channel::new("power", Quantity::power()).with_rated_power(Watts::from_watts(1.0));
    assert_eq!((power.read_within(), power.most_counts(Duration::ZERO)), (None, None));
    assert_eq!(power.step(&at(0, 1), &at(1, 2)), None);
    assert_eq!(Flags::BREAK.to_string(), "break");
}
