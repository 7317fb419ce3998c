//! Ground truth by simulation: autoregressive series whose mean, ratio and effective size are known.

use std::thread;

use power_analysis::stats::{
    BootstrapInterval, Ecdf, bland_altman, effective_sample_size, kolmogorov_smirnov, ks_block_permutation,
    mean_interval, ordinary_least_squares, ratio_of_sums,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const SEEDS: u32 = 200;

fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    // 53 random bits; never 0, so that its logarithm exists.
    (f64::from(random.random::<u32>()) + 0.5) / (f64::from(u32::MAX) + 1.0)
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (-2.0 * uniform(random).ln()).sqrt() * (std::f64::consts::TAU * uniform(random)).cos()
}

/// A stationary AR(1) series with mean 0 and variance 1.
fn autoregressive(n: usize, rho: f64, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut x = normal(random);
    let fresh = (1.0 - rho * rho).sqrt();
    (0..n)
        .map(|_| {
            x = rho * x + fresh * normal(random);
            x
        })
        .collect()
}

/// Share of the seeds for which `holds`; on two threads.
fn share(first_seed: u64, holds: impl Fn(&mut Xoshiro256PlusPlus) -> bool + Sync) -> f64 {
    let count = |half: u64| {
        (0..u64::from(SEEDS) / 2)
            .filter(|i| holds(&mut Xoshiro256PlusPlus::seed_from_u64(first_seed + 2 * i + half)))
            .count()
    };
    let hits = thread::scope(|scope| {
        let other = scope.spawn(|| count(1));
        count(0) + other.join().unwrap_or(0)
    });
    f64::from(u32::try_from(hits).unwrap_or(u32::MAX)) / f64::from(SEEDS)
}

fn coverage_of_mean(n: usize, rho: f64) -> f64 {
    share(1000, |random| {
        let values = autoregressive(n, rho, random);
        mean_interval(&values, 300, 0.95, 1).is_some_and(|interval| interval.estimate.contains(0.0))
    })
}

#[test]
fn mean_intervals_hold_the_truth() {
    // Over 2000 seeds and 999 replicates: 0.94, 0.92, 0.95, 0.94, 0.93.
    for (n, rho, least) in
        [(1000, 0.0, 0.90), (1000, 0.5, 0.88), (1000, 0.9, 0.88), (200, 0.9, 0.82), (1000, 0.97, 0.85)]
    {
        let coverage = coverage_of_mean(n, rho);
        assert!((least..=0.985).contains(&coverage), "rho {rho}, n {n}: {coverage}");
    }
}

/// Sensor = 0.93 × reference + correlated error, on a load that switches between idle and busy.
fn sensor_and_reference(n: usize, rho: f64, random: &mut Xoshiro256PlusPlus) -> (Vec<f64>, Vec<f64>) {
    let load = autoregressive(n, 0.95, random);
    let error = autoregressive(n, rho, random);
    load.iter()
        .zip(error)
        .map(|(load, error)| {
            let reference = if *load > 0.0 { 300.0 } else { 80.0 };
            (0.93 * reference + 15.0 * error, reference)
        })
        .unzip()
}

fn ratio(n: usize, rho: f64, random: &mut Xoshiro256PlusPlus) -> Option<BootstrapInterval> {
    let (sensor, reference) = sensor_and_reference(n, rho, random);
    ratio_of_sums(&sensor, &reference, 300, 0.95, 1)
}

#[test]
fn ratio_intervals_hold_the_truth() {
    for (n, rho) in [(1000, 0.5), (1000, 0.9), (100, 0.2)] {
        let coverage =
            share(5000, |random| ratio(n, rho, random).is_some_and(|got| got.estimate.contains(0.93)));
        assert!((0.87..=0.985).contains(&coverage), "rho {rho}, n {n}: {coverage}");
    }
}

#[test]
fn paired_errors_cancel() {
    // The load alone varies by half of its mean; drawn in pairs, it does not widen the ratio.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let got = ratio(1000, 0.0, &mut random).unwrap();
    assert!(got.estimate.half_width() < 0.01, "{got:?}");
    assert_eq!(got.warning, None);
}

#[test]
fn effective_sample_size_of_autoregressive_series() {
    for (n, rho) in [(20_000, 0.0), (20_000, 0.5), (40_000, 0.9), (400_000, 0.99), (100_000, -0.3)] {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(11);
        let got = effective_sample_size(&autoregressive(n, rho, &mut random));
        let n = f64::from(u32::try_from(n).unwrap());
        let expected = (n * (1.0 - rho) / (1.0 + rho)).min(n);
        assert!((got / expected - 1.0).abs() < 0.2, "rho {rho}: {got} for {expected}");
    }
}

/// p-value of two series with a common load and independent errors; `b` moved by `shift` watts.
fn permutation_p(rho: f64, shift: f64, random: &mut Xoshiro256PlusPlus) -> f64 {
    let (n, block) = (480, 20);
    let load = autoregressive(n, 0.9, random);
    let mut noisy = |shift: f64| -> Vec<f64> {
        autoregressive(n, rho, random)
            .iter()
            .zip(&load)
            .map(|(e, load)| 20.0 * load + 10.0 * e + shift)
            .collect()
    };
    let (a, b) = (noisy(0.0), noisy(shift));
    ks_block_permutation(&a, &b, block, 99, 1).map_or(f64::NAN, |test| test.p_value)
}

#[test]
fn permutation_test_keeps_its_level_and_sees_a_shift() {
    for rho in [0.0, 0.8] {
        let alarms = share(9000, |random| permutation_p(rho, 0.0, random) <= 0.05);
        assert!(alarms <= 0.08, "rho {rho}: {alarms} false alarms");
    }
    let below_half = share(9000, |random| permutation_p(0.8, 0.0, random) <= 0.5);
    assert!((0.38..=0.62).contains(&below_half), "{below_half} of the p-values below 0.5");
    let seen = share(9000, |random| permutation_p(0.5, 10.0, random) <= 0.05);
    assert!(seen >= 0.9, "{seen} shifts seen");
}

#[test]
fn textbook_band_fails_where_the_block_test_holds() {
    // The critical value 1.36 sqrt(2 / n) for independent samples raises false alarms on correlated ones.
    let alarms = share(9000, |random| {
        let ecdf = |values: Vec<f64>| Ecdf::unweighted(values).unwrap();
        let (a, b) = (ecdf(autoregressive(480, 0.8, random)), ecdf(autoregressive(480, 0.8, random)));
        kolmogorov_smirnov(&a, &b).statistic > 1.36 * (2.0 / 480.0_f64).sqrt()
    });
    assert!(alarms > 0.3, "{alarms}");
}

#[test]
fn robust_errors_hold_where_the_scatter_grows() {
    let coverage = share(13_000, |random| {
        let x: Vec<f64> = (0..100).map(|_| 50.0 + 300.0 * uniform(random)).collect();
        let y: Vec<f64> = x.iter().map(|x| 5.0 + 0.95 * x + 0.1 * x * normal(random)).collect();
        ordinary_least_squares(&x, &y, None, 0.95).is_some_and(|line| line.slope.contains(0.95))
    });
    assert!((0.90..=0.985).contains(&coverage), "{coverage}");
}

#[test]
fn limits_of_agreement_hold_the_truth() {
    let coverage = share(17_000, |random| {
        let reference: Vec<f64> = (0..60).map(|_| 200.0 + 50.0 * normal(random)).collect();
        let sensor: Vec<f64> = reference.iter().map(|r| r - 3.0 + 2.0 * normal(random)).collect();
        bland_altman(&sensor, &reference, 60.0, 0.95)
            .is_some_and(|got| got.upper_limit.contains(-3.0 + 1.96 * 2.0) || got.slope_p < 0.05)
    });
    assert!((0.90..=0.99).contains(&coverage), "{coverage}");
}
