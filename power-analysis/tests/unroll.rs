//! The energy behind a 1 s average that is published every 100 ms: what it hides of short loads comes back.

mod common;

use common::{SECOND, ms};
use power_analysis::characterise::{UnrollSettings, unroll};
use power_testkit::{Filter, SensorModel, Signal};

const SPAN_S: i64 = 40;

fn settings(noise_w: f64) -> UnrollSettings {
    UnrollSettings {
        window_ns: SECOND,
        window_half_ns: 0,
        delay_ns: 20_000_000,
        idle_w: 80.0,
        noise_w,
        confidence: 0.95,
    }
}

/// Short loads after 3 s of idle.
fn load(seed: u64) -> Signal {
    Signal::random_square(80.0, 300.0, ms(700), 3 * SECOND..(SPAN_S - 2) * SECOND, seed)
}

fn published(load: &Signal, noise_w: f64, seed: u64) -> (Vec<i64>, Vec<f64>) {
    let model = SensorModel::new(load.clone(), ms(100))
        .with_filter(Filter::Boxcar(ms(1000)))
        .with_delay(ms(20))
        .with_noise(noise_w)
        .with_seed(seed);
    let shown = model.publications(2 * SECOND, SPAN_S * SECOND);
    shown.iter().filter_map(|publication| Some((publication.t_ns, publication.value?))).unzip()
}

#[test]
fn a_window_of_whole_periods_is_undone_exactly() {
    let load = load(1);
    let (times, watts) = published(&load, 0.0, 1);
    let found = unroll(&times, &watts, &settings(0.0)).expect("publications");
    let start = times[0] - 20_000_000 - SECOND;
    for point in &found {
        let truth = load.energy_j(start, point.time_ns);
        assert!((point.energy_j - truth).abs() < 1e-6, "{point:?}: {truth}");
    }
}

#[test]
fn errors_grow_and_stay_within_their_interval() {
    let (mut held, mut all) = (0_u32, 0_u32);
    for seed in 0..200 {
        let load = load(seed);
        let (times, watts) = published(&load, 1.5, seed);
        let found = unroll(&times, &watts, &settings(1.5)).expect("publications");
        let start = times[0] - 20_000_000 - SECOND;
        for point in found.iter().step_by(37) {
            all += 1;
            held +=
                u32::from((point.energy_j - load.energy_j(start, point.time_ns)).abs() <= point.half_width_j);
        }
        let (first, last) = (found[10], found[found.len() - 1]);
        assert!(last.half_width_j > 3.0 * first.half_width_j, "{first:?} {last:?}");
    }
    assert!(f64::from(held) >= 0.9 * f64::from(all), "{held} of {all}");
}

#[test]
fn a_window_of_broken_periods_bounds_what_it_cannot_know() {
    let load = load(5);
    let model =
        SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(1030))).with_delay(ms(20));
    let (times, watts): (Vec<i64>, Vec<f64>) = model
        .publications(2 * SECOND, SPAN_S * SECOND)
        .iter()
        .filter_map(|publication| Some((publication.t_ns, publication.value?)))
        .unzip();
    let found = unroll(&times, &watts, &UnrollSettings { window_ns: 1_030_000_000, ..settings(0.0) });
    let start = times[0] - 20_000_000 - 1_030_000_000;
    for point in found.expect("publications") {
        let off = (point.energy_j - load.energy_j(start, point.time_ns)).abs();
        assert!(off <= point.half_width_j + 1e-6, "{point:?}: off by {off}");
    }
}

#[test]
fn nothing_is_made_of_nothing() {
    assert_eq!(unroll(&[], &[], &settings(0.0)), None);
    assert_eq!(unroll(&[5], &[80.0], &UnrollSettings { window_ns: 0, ..settings(0.0) }), None);
    assert_eq!(unroll(&[5, 6], &[80.0], &settings(0.0)), None);
}
