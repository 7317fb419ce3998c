//! A counter's step is the true one wherever it can be known, and unknown elsewhere.

use power_core::{Step, step};
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
