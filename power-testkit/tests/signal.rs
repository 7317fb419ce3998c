//! Signals and filters: energy adds up, closed forms agree with brute force, averages stay within bounds.

use std::time::Duration;

use power_testkit::{Filter, FilteredSignal, Signal};
use proptest::prelude::*;

const MS: i64 = 1_000_000;

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

/// Any signal that the builder makes, within 0 to 3 s and 0 to 500 W.
fn signals() -> impl Strategy<Value = Signal> {
    let piece = (50..300_i64, 1..40_u64, 0.0..500.0_f64, 0..3_u8);
    (0.0..500.0_f64, prop::collection::vec(piece, 0..10)).prop_map(|(before, pieces)| {
        let mut builder = Signal::build(before);
        let mut t = 0;
        for (gap_ms, length_ms, power, kind) in pieces {
            t += gap_ms * MS;
            let length = Duration::from_millis(length_ms);
            builder = match kind {
                0 => builder.step(t, power),
                1 => builder.ramp(t, length, power),
                _ => builder.rise(t, length, power),
            };
        }
        builder.finish()
    })
}

fn times() -> impl Strategy<Value = i64> {
    -500 * MS..3_500 * MS
}

/// Mean of `f` over [from, to) at the middles of steps of `step` ns.
fn brute_mean(f: impl Fn(i64) -> f64, from: i64, to: i64, step: i64) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    let mut t = from + step / 2;
    while t < to {
        sum += f(t);
        n += 1.0;
        t += step;
    }
    sum / n
}

proptest! {
    #[test]
    fn energy_is_additive(signal in signals(), a in times(), b in times(), c in times()) {
        let whole = signal.energy_j(a, c);
        prop_assert!(close(whole, signal.energy_j(a, b) + signal.energy_j(b, c), 1e-12));
        prop_assert!(close(whole, -signal.energy_j(c, a), 1e-15));
    }

    #[test]
    fn energy_of_a_sum_is_the_sum_of_energies(x in signals(), y in signals(), a in times(), b in times()) {
        let sum = (x.clone() + y.clone() * 0.5).energy_j(a, b);
        prop_assert!(close(sum, x.energy_j(a, b) + 0.5 * y.energy_j(a, b), 1e-12));
    }

    #[test]
    fn shifting_moves_power_and_energy(signal in signals(), t in times(), by in -1_000 * MS..1_000 * MS) {
        let later = signal.shifted(by);
        prop_assert!(close(later.power_w(t + by), signal.power_w(t), 1e-12));
        prop_assert!(close(later.energy_j(by, t + by), signal.energy_j(0, t), 1e-12));
    }

    #[test]
    fn filters_stay_within_the_signal(
        signal in signals(), t in times(), window_ms in 1..400_u64, tau_ms in 1..200_u64,
    ) {
        let (window, tau) = (Duration::from_millis(window_ms), Duration::from_millis(tau_ms));
        let both = Filter::BoxcarExponential { window, tau };
        for filter in [Filter::Boxcar(window), Filter::Exponential(tau), both] {
            let shown = FilteredSignal::new(signal.clone(), filter).power_w(t);
            // Ramps and rises do not overshoot, so the powers at the edges bound the whole signal.
            let edges = signal.edges_ns();
            let powers: Vec<f64> = edges.iter().flat_map(|t| [signal.power_w(t - 1), signal.power_w(*t)])
                .chain([-1_000 * MS, 10_000 * MS, t].map(|t| signal.power_w(t))).collect();
            let low = powers.iter().copied().fold(f64::INFINITY, f64::min);
            let high = powers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(shown >= low - 1e-6 && shown <= high + 1e-6, "{filter:?} {shown} {low} {high}");
        }
    }

    #[test]
    fn a_mean_over_a_plateau_is_the_plateau(power in 0.0..1e4_f64, from in times(), length in 1..1_000 * MS) {
        let signal = Signal::steps(1.0, [(-1_000 * MS, power), (from + length, 2.0)]);
        let mean = signal.mean_w(from, from + length);
        prop_assert!(mean.to_bits() == power.to_bits());
    }
}

#[test]
fn power_agrees_with_brute_force() {
    let signal = Signal::build(100.0)
        .rise(100 * MS, Duration::from_millis(30), 400.0)
        .ramp(300 * MS, Duration::from_millis(100), 50.0)
        .step(600 * MS, 220.0)
        .finish();
    let brute = brute_mean(|t| signal.power_w(t), 0, 800 * MS, 10_000);
    assert!(close(signal.mean_w(0, 800 * MS), brute, 1e-6));
}

/// First-order filter by small steps of the trapezium rule.
fn brute_state(signal: &Signal, tau_s: f64, until: i64, step: i64) -> f64 {
    let factor = Duration::from_nanos(step.unsigned_abs()).as_secs_f64() / tau_s / 2.0;
    let mut state = signal.power_w(-1);
    let mut t = 0;
    while t < until {
        let middle = signal.power_w(t + step / 2);
        state = (state * (1.0 - factor) + 2.0 * factor * middle) / (1.0 + factor);
        t += step;
    }
    state
}

#[test]
fn first_order_filters_agree_with_brute_force_whatever_the_rise() {
    for rise_ms in [3, 19, 20, 21, 200] {
        let signal = Signal::build(80.0)
            .rise(10 * MS, Duration::from_millis(rise_ms), 300.0)
            .ramp(60 * MS, Duration::from_millis(20), 120.0)
            .step(110 * MS, 260.0)
            .finish();
        let filtered = FilteredSignal::new(signal.clone(), Filter::Exponential(Duration::from_millis(20)));
        for t in [5 * MS, 30 * MS, 65 * MS, 100 * MS, 300 * MS] {
            let brute = brute_state(&signal, 0.02, t, 2_000);
            assert!(
                close(filtered.power_w(t), brute, 1e-6),
                "{rise_ms} ms at {t}: {} {brute}",
                filtered.power_w(t)
            );
        }
    }
}

#[test]
fn boxcar_after_exponential_agrees_with_brute_force() {
    let signal = Signal::square(80.0, 300.0, Duration::from_millis(40), 0..400 * MS)
        .with_rise(Duration::from_millis(4));
    let (window, tau) = (Duration::from_millis(25), Duration::from_millis(10));
    let exponential = FilteredSignal::new(signal.clone(), Filter::Exponential(tau));
    let both = FilteredSignal::new(signal, Filter::BoxcarExponential { window, tau });
    for t in [20 * MS, 77 * MS, 400 * MS, 430 * MS] {
        let brute = brute_mean(|t| exponential.power_w(t), t - 25 * MS, t, 5_000);
        assert!(close(both.power_w(t), brute, 1e-7));
    }
}

#[test]
fn a_load_behind_a_lag_is_the_load_behind_a_filter() {
    let load =
        Signal::build(80.0).step(10 * MS, 300.0).ramp(50 * MS, Duration::from_millis(30), 100.0).finish();
    let tau = Duration::from_millis(7);
    let filtered = FilteredSignal::new(load.clone(), Filter::Exponential(tau));
    let lagged = load.with_rise(tau);
    for t in (0..200).map(|step| step * MS) {
        assert!(close(lagged.power_w(t), filtered.power_w(t), 1e-12));
    }
}

#[test]
fn square_waves_are_high_half_of_the_time() {
    let wave = Signal::square(80.0, 300.0, Duration::from_millis(50), 0..1_000 * MS);
    assert!(close(wave.energy_j(0, 1_000 * MS), 190.0, 1e-12));
    assert_eq!(wave.edges_ns().len(), 20);
    assert!(close(wave.power_w(-1), 80.0, 0.0) && close(wave.power_w(1_000 * MS), 80.0, 0.0));
    assert!(close(wave.power_w(0), 300.0, 0.0));
}

#[test]
fn random_loads_dwell_as_promised_and_follow_their_seed() {
    let probe = Duration::from_millis(100);
    let load = |seed| Signal::random_square(80.0, 300.0, probe, 0..2_000_000 * MS, seed);
    assert_eq!(load(7), load(7));
    assert_ne!(load(7), load(8));
    let edges = load(7).edges_ns();
    let dwells: Vec<i64> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let whole = &dwells[..dwells.len() - 1];
    assert!(whole.iter().all(|dwell| (15 * MS..=135 * MS).contains(dwell)));
    // Uniform on 0.15 to 1.35: the mean is 75 ms, its standard error 35 ms / sqrt(26 000) = 0.2 ms.
    let mean_ms = whole.iter().sum::<i64>() / i64::try_from(whole.len()).unwrap() / MS;
    assert!((74..=76).contains(&mean_ms), "{mean_ms}");
    assert!(close(load(7).power_w(2_000_000 * MS), 80.0, 0.0), "low after the span");
}

#[test]
#[should_panic(expected = "ascend strictly")]
fn steps_out_of_order_are_refused() {
    let _ = Signal::steps(0.0, [(5, 1.0), (5, 2.0)]);
}

#[test]
#[should_panic(expected = "before the end of the one before")]
fn a_part_within_a_ramp_is_refused() {
    let _ = Signal::build(0.0).ramp(0, Duration::from_millis(2), 1.0).step(MS, 2.0);
}

#[test]
#[should_panic(expected = "cannot be given another")]
fn a_second_rise_is_refused() {
    let tau = Duration::from_millis(2);
    let _ = Signal::steps(0.0, [(0, 1.0)]).with_rise(tau).with_rise(tau);
}
