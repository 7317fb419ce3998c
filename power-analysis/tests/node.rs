//! Models of a node on nodes whose truth is known (the synthetic node of the reference's §5.11: a power supply with
//! quadratic loss, a meter of 0.2 %).

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use power_analysis::node::{Form, Refusal, Row, Rows, calibrate};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// P at the wall for P behind the supply, in watts.
fn wall_w(dc: f64) -> f64 {
    25.0 + 1.05 * dc + 3e-5 * dc * dc
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// One level: GPU, CPU and memory by a load each, fans and board on top.
fn level(random: &mut Xoshiro256PlusPlus, low: f64, high: f64) -> ([f64; 3], f64) {
    let gpu = low + (high - low) * random.random::<f64>();
    let cpu = 120.0 + 380.0 * random.random::<f64>();
    let dram = 40.0 + 120.0 * random.random::<f64>();
    ([gpu, cpu, dram], wall_w(gpu + cpu + dram + 110.0))
}

/// Runs of three levels each; `falsified` of ten runs have a GPU sensor that reads 0.3 of the truth.
fn node(seed: u64, runs: usize, falsified: usize) -> Rows {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut rows = Rows::new(["gpu", "cpu", "dram"]);
    for run in 0..runs {
        for _ in 0..3 {
            let ([gpu, cpu, dram], wall) = level(&mut random, 300.0, 2200.0);
            let gpu = if run % 10 < falsified { 0.3 * gpu } else { gpu };
            rows.push(Row {
                run,
                components_w: vec![gpu, cpu, dram],
                meter_w: wall * (1.0 + 0.002 * normal(&mut random)),
                meter_error_w: Some(0.002 * wall),
            });
        }
    }
    rows
}

fn errors(seed: u64, falsified: usize) -> Vec<f64> {
    let model = calibrate(&node(seed, 30, falsified), None).unwrap();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed + 10_000);
    (0..20)
        .map(|_| {
            let (components, wall) = level(&mut random, 300.0, 2200.0);
            let said = model.predict(&[(1.0, components.to_vec())], 0.95);
            100.0 * (said.energy_j.value / wall - 1.0)
        })
        .collect()
}

fn greatest(errors: &[f64]) -> f64 {
    errors.iter().fold(0.0, |most, error| error.abs().max(most))
}

#[test]
fn energy_of_unseen_runs_is_within_one_per_cent() {
    for seed in 0..20 {
        let errors = errors(seed, 0);
        assert!(greatest(&errors) <= 1.0, "seed {seed}: {errors:?}");
    }
}

#[test]
fn falsified_gpu_runs_are_found_and_cost_less_than_three_per_cent() {
    for seed in 0..20 {
        let errors = errors(seed, 1);
        assert!(greatest(&errors) <= 3.0, "seed {seed}: {errors:?}");
        let model = calibrate(&node(seed, 30, 1), None).unwrap();
        assert_eq!(model.held_out.falsified_runs, [0, 10, 20], "seed {seed}");
    }
}

#[test]
fn intervals_hold_the_truth() {
    let mut held = 0;
    for seed in 0..200 {
        let model = calibrate(&node(seed, 15, 0), None).unwrap();
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed + 20_000);
        let (components, wall) = level(&mut random, 300.0, 2200.0);
        held +=
            usize::from(model.predict(&[(60.0, components.to_vec())], 0.95).energy_j.contains(60.0 * wall));
    }
    assert!((180..=196).contains(&held), "{held} of 200");
}

#[test]
fn a_power_supply_is_told_from_a_constant() {
    let model = calibrate(&node(1, 30, 0), None).unwrap();
    assert!(matches!(model.form, Form::AffineQuadratic | Form::ScaleQuadratic), "{:?}", model.form);
    let offset = &model.tried[0];
    assert_eq!(offset.form, Form::Offset);
    assert!(offset.held_out.max_percent > 10.0 * model.held_out.max_percent, "{:?}", model.tried);
}

#[test]
fn outside_the_range_is_said() {
    let model = calibrate(&node(1, 15, 0), None).unwrap();
    assert!(model.predict(&[(1.0, vec![1000.0, 300.0, 100.0])], 0.95).extrapolated < 0.5);
    let levels = [(1.0, vec![1000.0, 300.0, 100.0]), (3.0, vec![4000.0, 300.0, 100.0])];
    assert!((model.predict(&levels, 0.95).extrapolated - 0.75).abs() < 1e-12);
}

#[test]
fn components_that_rise_together_become_one() {
    let mut rows = Rows::new(["gpu", "cpu", "dram"]);
    for (run, row) in node(3, 12, 0).rows().iter().enumerate() {
        let [gpu, cpu, _] = row.components_w[..] else { unreachable!("three components") };
        rows.push(Row {
            run: run / 3,
            components_w: vec![gpu, cpu, 0.25 * cpu],
            meter_w: wall_w(gpu + 1.25 * cpu),
            meter_error_w: None,
        });
    }
    let model = calibrate(&rows, None).unwrap();
    assert_eq!(model.merges.len(), 1, "{:?}", model.merges);
    assert_eq!(model.components.len(), 2);
    assert!(model.merges[0].reason.contains("rise and fall together"), "{:?}", model.merges);
}

/// All levels of the node, changed.
fn refused(change: impl Fn(&Row) -> Row) -> Refusal {
    let mut rows = Rows::new(["gpu", "cpu", "dram"]);
    for row in node(5, 12, 0).rows() {
        rows.push(change(row));
    }
    calibrate(&rows, None).unwrap_err()
}

#[test]
fn bad_meters_are_refused_with_what_to_do() {
    let kilowatts = refused(|row| Row { meter_w: row.meter_w / 1000.0, ..row.clone() });
    assert!(matches!(kilowatts, Refusal::Kilowatts { .. }), "{kilowatts}");
    let saturated = refused(|row| Row { meter_w: row.meter_w.min(1200.0), ..row.clone() });
    assert!(matches!(saturated, Refusal::Saturated { .. }), "{saturated}");
    let negative = refused(|row| Row { meter_w: 0.7 * row.meter_w, ..row.clone() });
    assert!(matches!(negative, Refusal::NegativeLoss { .. }), "{negative}");
    let other = refused(|row| Row { meter_w: 6000.0 - row.components_w[0], ..row.clone() });
    assert!(matches!(other, Refusal::DoesNotFollow { .. }), "{other}");
    let level = refused(|row| Row { components_w: vec![500.0, 200.0, 80.0], ..row.clone() });
    assert!(matches!(level, Refusal::NoRange { .. }), "{level}");
    let one_run = refused(|row| Row { run: 0, ..row.clone() });
    assert!(matches!(one_run, Refusal::TooFew { runs: 1, .. }), "{one_run}");
}
