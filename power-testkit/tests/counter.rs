//! Energy counters and the clocks of devices.

use std::time::Duration;

use power_core::{Joules, Step, step};
use power_testkit::{CounterModel, DeviceClock, Signal};
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const T: Duration = Duration::from_millis(100);

fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from)
}

proptest! {
    #[test]
    fn counts_modulo_wraps_are_the_energy_within_a_quantum(
        seed in 0..100_u64, quantum_mj in 1..500_u64, modulus in 5_000..50_000_u64, start in 0..5_000_u64,
    ) {
        let quantum = Joules::from_millijoules(quantum_mj * 10);
        let load = Signal::random_square(80.0, 300.0, T, 0..20_000 * MS, seed)
            .with_rise(Duration::from_millis(4));
        let counter = CounterModel::new(load.clone(), quantum, T).with_modulus(modulus).with_start(0, start)
            .with_jitter(Duration::from_millis(1), seed);
        let updates = counter.updates(50 * MS, 20_000 * MS);
        let mut counted = 0;
        for pair in updates.windows(2) {
            prop_assert!(pair[1].count < modulus);
            match step(pair[0].count, pair[1].count, Some(modulus), modulus - 1) {
                Step::Advance(counts) | Step::Wrap(counts) => counted += counts,
                Step::Reset | Step::Gap => prop_assert!(false, "no reset was asked for"),
            }
        }
        let truth = load.energy_j(updates[0].t_ns, updates[updates.len() - 1].t_ns);
        prop_assert!((number(counted) * quantum.get() - truth).abs() <= quantum.get() * (1.0 + 1e-9));
    }

    #[test]
    fn a_device_clock_runs_on_and_is_off_by_offset_and_drift(
        offset in -10_000 * MS..10_000 * MS,
        ppm in -100.0..100.0_f64,
        tick in 1..2_000_u64,
        t in 0..10_000_000 * MS,
    ) {
        let clock = DeviceClock::new(offset, ppm).with_tick(Duration::from_nanos(tick));
        prop_assert!(clock.device_ns(t) <= clock.device_ns(t + 1_000));
        prop_assert_eq!(clock.device_ns(t).rem_euclid(i64::try_from(tick).unwrap()), 0);
        let drift_ns = Duration::from_nanos(t.unsigned_abs()).as_secs_f64() * ppm * 1e3;
        let drifted = f64::from(i32::try_from(clock.offset_ns(t) - offset).unwrap());
        let ticks = f64::from(u32::try_from(tick).unwrap());
        prop_assert!((drifted - drift_ns).abs() <= 1.0 + ticks);
    }
}

#[test]
fn a_count_is_what_came_until_the_update() {
    let counter = CounterModel::new(Signal::constant(100.0), Joules::from_joules(0.5), T)
        .with_phase(Duration::from_millis(30));
    assert_eq!(counter.count_at(129 * MS), 6, "updated at 30 ms: 3 J");
    assert_eq!(counter.count_at(130 * MS), 26);
    let slow = counter.clone().with_delay(Duration::from_millis(30)).with_gain(0.9);
    assert_eq!(slow.count_at(130 * MS), 18, "10 J, of which 90 % counts");
    assert_eq!(counter.with_start(1_000 * MS, 7).count_at(500 * MS), 7, "not started yet");
}

#[test]
fn a_reset_sets_the_count_to_nothing() {
    let counter = CounterModel::new(Signal::constant(100.0), Joules::from_joules(1.0), T)
        .with_start(0, 1_000)
        .with_resets([5_000 * MS]);
    assert_eq!(counter.count_at(4_999 * MS), 1_490);
    assert_eq!((counter.count_at(5_000 * MS), counter.count_at(6_000 * MS)), (0, 100));
    assert_eq!(step(1_490, 0, None, 100), Step::Reset);
}

#[test]
fn a_step_of_a_device_clock_stays() {
    let clock = DeviceClock::new(0, 0.0).with_step(1_000, -300).with_step(2_000, 50);
    assert_eq!([999, 1_000, 2_000].map(|t| clock.offset_ns(t)), [0, -300, -250]);
}
