//! Gain, offset and linearity on levels that last; a counter against the integral, by how often it is read.

mod common;

use common::{SECOND, averaging, counter, load, ms, perfect_reference, polled, polled_counter};
use power_analysis::characterise::{
    CharacterSettings, Driven, PlateauSettings, TransientClass, characterise, counter_ratios, plateaus,
};
use power_analysis::{Between, Drive, Raw, ReadingsBuilder, Trace};
use power_core::{Joules, Quantity};
use power_testkit::{Filter, SensorModel, Signal};

/// Twelve levels of 10 s, up and down.
fn staircase() -> Signal {
    let levels = [100.0, 300.0, 180.0, 420.0, 250.0, 500.0, 140.0, 360.0, 220.0, 460.0, 120.0, 400.0];
    Signal::steps(80.0, (0..).zip(levels).map(|(k, level)| (k * 10 * SECOND, level)))
}

#[expect(clippy::cast_precision_loss, reason = "below 2^53 ns")]
fn minutes(nanos: i64) -> f64 {
    nanos as f64 / 60e9
}

fn trace(times: Vec<i64>, watts: impl Fn(i64) -> f64) -> Trace {
    let values = times.iter().map(|&time| watts(time)).collect();
    Trace::new(times, values, Between::Line).expect("points")
}

#[test]
fn gain_and_offset_come_from_plateaus_and_medians_agree() {
    let load = staircase();
    let model = SensorModel::new(load.clone(), ms(100))
        .with_filter(Filter::Boxcar(ms(100)))
        .with_gain(0.95)
        .with_offset(3.0)
        .with_noise(2.0)
        .with_seed(1);
    let sensor = Trace::naive(&polled(&model, averaging(ms(100), ms(100)), ms(10), 120)).expect("points");
    let reference = Trace::naive(&perfect_reference(&load, 120)).expect("points");
    let fit = plateaus(&reference, &sensor, &PlateauSettings::default()).expect("plateaus");
    assert_eq!(fit.plateaus.len(), 12, "{fit:?}");
    assert!(fit.gain.contains(0.95) && fit.gain.half_width() < 0.005, "{:?}", fit.gain);
    assert!(fit.offset_w.contains(3.0) && fit.offset_w.half_width() < 1.5, "{:?}", fit.offset_w);
    assert!((fit.huber.slope - 0.95).abs() < 0.003, "{:?}", fit.huber);
    assert!((fit.theil_sen.expect("a line").slope - 0.95).abs() < 0.003);
    assert!(fit.bend_p.expect("enough levels") > 0.01, "{fit:?}");
    assert!(fit.hysteresis_w.expect("both ways").contains(0.0), "{fit:?}");
    assert!(fit.drift_w_per_min.expect("a slope").contains(0.0), "{fit:?}");
}

#[test]
fn a_bent_sensor_hysteresis_and_thermal_drift_are_told() {
    let load = staircase();
    let times: Vec<i64> = (0..12_000).map(|k| k * 10_000_000).collect();
    let reference = trace(times.clone(), |time| load.power_w(time));
    let bent = trace(times.clone(), |time| {
        let power = load.power_w(time);
        0.9 * power + 2e-4 * power * power
    });
    let fit = plateaus(&reference, &bent, &PlateauSettings::default()).expect("plateaus");
    assert!(fit.bend_p.expect("enough levels") < 1e-6, "{fit:?}");

    let warming = trace(times.clone(), |time| load.power_w(time) + 6.0 * minutes(time));
    let fit = plateaus(&reference, &warming, &PlateauSettings::default()).expect("plateaus");
    let drift = fit.drift_w_per_min.expect("a slope");
    assert!((drift.value - 6.0).abs() < 1.0, "{drift:?}");

    let above = |time: i64| load.power_w(time) < load.power_w(time - 10 * SECOND);
    let lagging = trace(times, |time| load.power_w(time) + if above(time) { 4.0 } else { 0.0 });
    let fit = plateaus(&reference, &lagging, &PlateauSettings::default()).expect("plateaus");
    let hysteresis = fit.hysteresis_w.expect("both ways");
    assert!((hysteresis.value - 4.0).abs() < 0.5, "{fit:?}");
}

#[test]
fn one_wrong_plateau_does_not_bend_the_robust_lines() {
    let load = staircase();
    let times: Vec<i64> = (0..12_000).map(|k| k * 10_000_000).collect();
    let reference = trace(times.clone(), |time| load.power_w(time));
    let wrong =
        trace(
            times,
            |time| {
                if (50 * SECOND..60 * SECOND).contains(&time) { 90.0 } else { load.power_w(time) }
            },
        );
    let fit = plateaus(&reference, &wrong, &PlateauSettings::default()).expect("plateaus");
    assert!((fit.gain.value - 1.0).abs() > 0.1, "least squares is bent: {:?}", fit.gain);
    assert!((fit.theil_sen.expect("a line").slope - 1.0).abs() < 0.01);
    assert!((fit.huber.slope - 1.0).abs() < 0.05, "{:?}", fit.huber);
}

#[test]
fn a_counter_that_loses_energy_when_read_often_is_told_by_rate() {
    let load = load(ms(300), 120, 4);
    let power = Trace::naive(&perfect_reference(&load, 120)).expect("points");
    // Read every 100 ms for a minute, then every 10 ms, when it loses a fifth.
    let model = counter(&load);
    let mut builder = ReadingsBuilder::new(model.channel("counter")).expect("energy");
    let mut lost = 0.0;
    let mut before = model.count_at(0);
    let mut time = 0;
    while time < 120 * SECOND {
        let count = model.count_at(time);
        let often = time > 60 * SECOND;
        if often {
            lost += 0.2 * f64::from(u32::try_from(count - before).expect("small"));
        }
        before = count;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let lost_counts = lost as u64;
        builder.push(time, time, Raw::Count(count - lost_counts));
        time += if often { 10_000_000 } else { 100_000_000 };
    }
    let found = counter_ratios(&builder.finish(), &power, 0.95, 1);
    let [fast, slow] = &found[..] else { panic!("{found:?}") };
    assert!((fast.poll_ms - 10.0).abs() < 1.0 && fast.ratio.contains(0.8), "{fast:?}");
    assert!((slow.poll_ms - 100.0).abs() < 5.0 && (slow.ratio.value - 1.0).abs() < 0.01, "{slow:?}");
}

#[test]
fn a_whole_sensor_and_a_whole_counter() {
    let load = load(ms(170), 60, 9);
    let model = SensorModel::new(load.clone(), ms(100))
        .with_filter(Filter::Boxcar(ms(25)))
        .with_delay(ms(12))
        .with_gain(0.97)
        .with_noise(1.0)
        .with_quantum(0.1)
        .with_seed(9);
    let readings = polled(&model, averaging(ms(25), ms(100)), ms(2), 60);
    let reference = Trace::naive(&perfect_reference(&load, 60)).expect("points");
    // The reference's readings stand in the middle of their windows of 10 ms.
    let ends: Vec<i64> = reference.times_ns().iter().map(|time| time + 5_000_000).collect();
    let drive = Drive::of_means(&ends, reference.watts()).expect("points");
    let driven = Driven { drive: &drive, reference: Some(&reference) };
    let found = characterise(&readings, Some(driven), &CharacterSettings::default());
    let transient = found.transient.expect("a fit");
    // A reference of 10 ms hides part of a window of 25 ms, and the interval says so.
    let window = transient.window_ms.expect("a window");
    assert!(window.contains(25.0) && (window.value - 25.0).abs() < 5.0, "{transient:?}");
    assert!((transient.delay_ms.value - 12.0).abs() < 1.0, "{transient:?}");
    assert!((found.attention.expect("known") - 0.25).abs() < 0.05);
    assert!((found.noise_w.expect("steady") - 1.0).abs() < 0.3, "{:?}", found.noise_w);
    assert_eq!(found.quantum.expect("values").step_w, Some(0.1));
    let cost = found.call_cost.expect("brackets");
    assert!(cost.least_us >= 20.0 && cost.most_us < 50.0, "{cost:?}");

    let readings = polled_counter(&counter(&load), ms(5), 60);
    let found = characterise(&readings, Some(driven), &CharacterSettings::default());
    let transient = found.transient.expect("a fit");
    assert_eq!(transient.class, TransientClass::SincePrevious);
    assert!((transient.gain.value - 1.0).abs() < 0.01, "{transient:?}");
    // Every twentieth reading falls on a step of the counter: where before it the step lies, nobody can tell.
    let delay = transient.delay_ms;
    assert!(delay.contains(0.0) && delay.half_width() < 3.0, "{transient:?}");
    assert_eq!((found.attention, found.quantum), (Some(1.0), None));
    assert!((found.update_period.period_ms.expect("a lattice").value - 100.0).abs() < 0.05);
    assert!((found.counter[0].ratio.value - 1.0).abs() < 0.01, "{:?}", found.counter);
}

#[test]
fn readings_alone_tell_period_and_cost() {
    let load = load(ms(170), 30, 9);
    let model = SensorModel::new(load, ms(100)).with_noise(1.0);
    let readings = polled(&model, averaging(ms(25), ms(100)), ms(5), 30);
    let found = characterise(&readings, None, &CharacterSettings::default());
    assert!(found.update_period.period_ms.is_some() && found.call_cost.is_some());
    assert!(found.transient.is_none() && found.transient_refused.is_none() && found.noise_w.is_none());
}

/// A counter without energy says nothing.
#[test]
fn an_idle_counter_has_no_ratio() {
    let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None };
    let mut builder = ReadingsBuilder::new(power_core::Channel::new("counter", quantity)).expect("energy");
    for k in 0..10_000 {
        builder.push(k * 10_000_000, k * 10_000_000, Raw::Count(5));
    }
    let load = Signal::constant(100.0);
    let power = Trace::naive(&perfect_reference(&load, 100)).expect("points");
    assert!(counter_ratios(&builder.finish(), &power, 0.95, 1).is_empty());
}
