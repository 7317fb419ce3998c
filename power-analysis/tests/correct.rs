//! Energies of phases behind sensors whose truth is known: what an average hides comes back, with intervals that hold it.

mod common;

use std::time::Duration;

use common::{SECOND, averaging, ms, polled};
use power_analysis::correct::{Corrector, Refused, View};
use power_analysis::stats::Estimate;
use power_analysis::{Interval, Phase, Publications};
use power_testkit::{Fault, Filter, Segments, SensorModel, Signal};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const SPAN_S: i64 = 60;

/// Short trainings of several epochs, each of its own power that scatters a little, with pauses; the load idles at 120 W.
fn trainings(seed: u64) -> (Signal, Vec<Phase>) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut steps, mut phases) = (Vec::new(), Vec::new());
    let mut now = 3 * SECOND;
    while now < (SPAN_S - 6) * SECOND {
        let (level, length) =
            (random.random_range(250.0..600.0), random.random_range(80_000_000..1_200_000_000));
        for _ in 0..4 {
            let end = now + length;
            phases.push(Phase { name: format!("epoch {}", phases.len()), interval: Interval::new(now, end) });
            while now < end {
                steps.push((now, level + random.random_range(-30.0..30.0)));
                now += random.random_range(20_000_000..200_000_000);
            }
            steps.retain(|&(time, _)| time < end);
            steps.push((end, 120.0));
            now = end + random.random_range(200_000_000..600_000_000);
        }
        now += random.random_range(0..SECOND);
    }
    phases.retain(|phase| phase.interval.end_ns < (SPAN_S - 3) * SECOND);
    (Signal::steps(120.0, steps), phases)
}

fn exact(value: f64) -> Estimate {
    Estimate::symmetric(value, 0.0, 0.95)
}

/// Corrected against true energies: sums, phases stated, intervals that hold the truth, and phases in all.
#[derive(Debug, Default)]
struct Tally {
    corrected_j: f64,
    true_j: f64,
    naive_j: f64,
    stated: u32,
    held: u32,
    all: u32,
}

fn tally(model: impl Fn(&Signal, u64) -> SensorModel, view: &View, seeds: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in 0..seeds {
        let (load, phases) = trainings(seed);
        let readings = polled(&model(&load, seed), averaging(ms(1), ms(1)), ms(2), SPAN_S);
        assert!(Publications::find(&readings).len() > 10);
        let naive = power_analysis::Trace::naive(&readings).expect("readings");
        let corrector = Corrector::new(&readings, view, &phases).expect("publications");
        for phase in &phases {
            tally.all += 1;
            let corrected = corrector.phase(phase);
            let Some(energy) = corrected.energy_j else {
                assert!(corrected.refused.is_some());
                continue;
            };
            let truth = load.energy_j(phase.interval.begin_ns, phase.interval.end_ns);
            tally.stated += 1;
            tally.held += u32::from(energy.contains(truth));
            tally.corrected_j += energy.value;
            tally.true_j += truth;
            tally.naive_j += naive.energy_j(phase.interval).expect("covered");
        }
    }
    tally
}

fn model(period: Duration, filter: Filter) -> impl Fn(&Signal, u64) -> SensorModel {
    move |load, seed| {
        SensorModel::new(load.clone(), period)
            .with_phase(Duration::from_micros(1_371 * seed % 100_000))
            .with_filter(filter)
            .with_delay(ms(20))
            .with_noise(0.5)
            .with_seed(seed)
    }
}

#[test]
fn short_phases_come_back_from_a_1_s_average_of_which_half_is_missing() {
    let view = View::averaging(exact(1000.0), exact(20.0), 0.5);
    let whole = model(ms(100), Filter::Boxcar(ms(1000)));
    let model = |load: &Signal, seed: u64| {
        whole(load, seed).with_fault(Fault::Unpublished, Segments::random(0.45, 1..=1))
    };
    let tally = tally(model, &view, 12);
    assert!(tally.naive_j / tally.true_j < 0.9, "{tally:?}");
    assert!((tally.corrected_j / tally.true_j - 1.0).abs() < 0.02, "{tally:?}");
    assert!(tally.stated * 10 >= tally.all * 9, "{tally:?}");
    assert!(tally.held * 10 >= tally.stated * 9, "{tally:?}");
}

#[test]
fn intervals_hold_the_truth_whatever_the_sensor_averages() {
    let averaging = |window: f64| View::averaging(exact(window), exact(20.0), 0.5);
    for (period, filter, view) in [
        (ms(100), Filter::Boxcar(ms(1000)), averaging(1000.0)),
        (ms(100), Filter::Boxcar(ms(100)), averaging(100.0)),
        (ms(100), Filter::Boxcar(ms(25)), averaging(25.0)),
        (ms(20), Filter::Boxcar(ms(10)), averaging(10.0)),
        (ms(20), Filter::Exponential(ms(53)), View::lagging(exact(53.0), exact(20.0), 0.5)),
        (ms(100), Filter::Exponential(ms(400)), View::lagging(exact(400.0), exact(20.0), 0.5)),
    ] {
        let tally = tally(model(period, filter), &view, 6);
        assert!((tally.corrected_j / tally.true_j - 1.0).abs() < 0.02, "{filter:?}: {tally:?}");
        assert!(tally.held * 10 >= tally.stated * 9, "{filter:?}: {tally:?}");
        assert!(tally.stated * 10 >= tally.all * 8, "{filter:?}: {tally:?}");
    }
}

#[test]
fn what_a_sensor_cannot_see_is_refused_and_never_a_point() {
    // One look of 10 ms a second, at phases of 80 ms and more.
    let view = View::averaging(exact(10.0), exact(20.0), 0.5);
    let tally = tally(model(ms(1000), Filter::Boxcar(ms(10))), &view, 3);
    assert_eq!(tally.stated, 0, "{tally:?}");
    let (load, phases) = trainings(1);
    let readings =
        polled(&model(ms(100), Filter::Boxcar(ms(100)))(&load, 1), averaging(ms(1), ms(1)), ms(2), SPAN_S);
    let view = View::averaging(exact(100.0), exact(20.0), 0.5);
    let corrector = Corrector::new(&readings, &view, &phases).expect("publications");
    let outside = Interval::new((SPAN_S - 1) * SECOND, (SPAN_S + 1) * SECOND);
    assert_eq!(corrector.energy(outside), Err(Refused::NotCovered));
    for phase in &phases {
        assert!(corrector.energy(phase.interval).is_ok_and(|energy| energy.half_width() > 0.0));
    }
}

#[test]
fn an_unknown_window_and_delay_widen_the_interval() {
    let (load, phases) = trainings(3);
    let readings =
        polled(&model(ms(100), Filter::Boxcar(ms(1000)))(&load, 3), averaging(ms(1), ms(1)), ms(2), SPAN_S);
    let widths = |window: Estimate, delay: Estimate| -> f64 {
        let view = View::averaging(window, delay, 0.5);
        let corrector = Corrector::new(&readings, &view, &phases).expect("publications");
        phases
            .iter()
            .filter_map(|phase| corrector.energy(phase.interval).ok())
            .map(|energy| energy.half_width())
            .sum()
    };
    let known = widths(exact(1000.0), exact(20.0));
    let vague = widths(Estimate::symmetric(1000.0, 10.0, 0.95), Estimate::symmetric(20.0, 10.0, 0.95));
    assert!(vague > 1.1 * known, "{known} {vague}");
}
