//! Comparisons of simulated sensors whose truth is known.

mod common;

use common::{SECOND, averaging, counter, judge, load, ms, perfect_reference, polled, polled_counter};
use power_analysis::faults::{FaultKind, Following};
use power_analysis::{Interval, Phase, PhaseVerdict};
use power_core::{Channel, Quantity};
use power_testkit::{Fault, Filter, Segments, SensorModel, Signal};

const SPAN_S: i64 = 40;

fn phase(name: &str, begin_ns: i64, end_ns: i64) -> Phase {
    Phase { name: name.into(), interval: Interval::new(begin_ns, end_ns) }
}

#[test]
fn gain_is_found_as_energy_error_and_slope() {
    let load = load(ms(300), SPAN_S, 1);
    let model = SensorModel::new(load.clone(), ms(100))
        .with_filter(Filter::Boxcar(ms(100)))
        .with_gain(0.95)
        .with_noise(0.5)
        .with_seed(1);
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(1), SPAN_S);
    let comparison = judge(&sensor, &perfect_reference(&load, SPAN_S), Vec::new());
    assert_eq!(comparison.following, Following::Yes);
    let error = comparison.energies.expect("energies").naive.error;
    assert!((error.value + 0.05).abs() < 0.005, "{error:?}");
    assert!(error.low.expect("low") < -0.05 && error.high.expect("high") > -0.055, "{error:?}");
    let agreement = comparison.agreement.expect("agreement");
    let slope = agreement.line.expect("line").slope;
    assert!((slope.value - 1.0 / 0.95).abs() < 0.01, "{slope:?}");
    assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
}

#[test]
fn guard_bands_undo_a_one_second_average() {
    // Idle for 10 s, load for 3.05 s, idle again: sensors.md §5.9 gives -12.6 % for the naive rule.
    let (begin, end) = (10 * SECOND, 10 * SECOND + 3_050_000_000);
    let load = Signal::steps(80.0, [(begin, 300.0), (end, 80.0)]);
    let model = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(1000)));
    let sensor = polled(&model, averaging(ms(1000), ms(100)), ms(1), 24);
    let comparison = judge(&sensor, &perfect_reference(&load, 24), vec![phase("load", begin, end)]);
    let energies = comparison.energies.expect("energies");
    let guarded = energies.guard_banded.unwrap_or_else(|| panic!("{:?}", energies.guard_refused));
    assert!(guarded.error.value.abs() < 0.002, "{:?}", guarded.error);
    let naive = comparison.groups[0].error.as_ref().expect("error");
    assert!((naive.value + 0.126).abs() < 0.015, "{naive:?}");
    // A perfect sensor of the same window makes the same error: that is why.
    let why = comparison.explained.iter().find(|explained| explained.of == "load").expect("explained");
    assert!((why.low - naive.value).abs() < 0.005, "{why:?}");
}

#[test]
fn guard_bands_are_refused_without_idle_around() {
    let load = load(ms(300), SPAN_S, 3);
    let model = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(1000)));
    let sensor = polled(&model, averaging(ms(1000), ms(100)), ms(1), SPAN_S);
    let phases = vec![phase("part", 10 * SECOND, 20 * SECOND)];
    let energies = judge(&sensor, &perfect_reference(&load, SPAN_S), phases).energies.expect("energies");
    assert!(energies.guard_banded.is_none());
    assert!(energies.guard_refused.expect("reason").contains("steady idle"));
}

#[test]
fn phases_that_are_too_short_are_not_resolved() {
    let load = load(ms(300), SPAN_S, 4);
    let model = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(100)));
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(1), SPAN_S);
    let phases = vec![
        phase("long 1", 5 * SECOND, 7 * SECOND),
        phase("short 1", 8 * SECOND, 8 * SECOND + 150_000_000),
        phase("tiny 1", 9 * SECOND + 1_100_000, 9 * SECOND + 1_500_000),
        phase("late 1", (SPAN_S - 1) * SECOND, (SPAN_S + 1) * SECOND),
    ];
    let comparison = judge(&sensor, &perfect_reference(&load, SPAN_S), phases);
    let verdicts: Vec<PhaseVerdict> = comparison.phases.iter().map(|row| row.verdict).collect();
    let expected =
        [PhaseVerdict::Ok, PhaseVerdict::Unresolved, PhaseVerdict::NoReading, PhaseVerdict::NotCovered];
    assert_eq!(verdicts, expected);
    assert!(comparison.phases[2].sensor_j.is_none() && comparison.phases[2].error.is_none());
    assert!(comparison.phases[3].sensor_j.is_none());
    let tiny = comparison.groups.iter().find(|group| group.group == "tiny").expect("a group");
    assert_eq!((tiny.judged, tiny.sensor_j, tiny.reference_j), (0, None, None), "unknown is not 0");
}

#[test]
fn slow_reading_is_under_sampling() {
    let load = load(ms(300), SPAN_S, 5);
    let model = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(100)));
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(260), SPAN_S);
    let comparison =
        judge(&sensor, &perfect_reference(&load, SPAN_S), vec![phase("long", 5 * SECOND, 15 * SECOND)]);
    assert_eq!(comparison.phases[0].verdict, PhaseVerdict::UnderSampled);
}

#[test]
fn a_pause_in_reading_is_a_gap() {
    let load = load(ms(300), SPAN_S, 6);
    let model = SensorModel::new(load.clone(), ms(100))
        .with_filter(Filter::Boxcar(ms(100)))
        .with_fault(Fault::Missing, Segments::at(20 * SECOND..22 * SECOND));
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(1), SPAN_S);
    let comparison =
        judge(&sensor, &perfect_reference(&load, SPAN_S), vec![phase("around", 18 * SECOND, 24 * SECOND)]);
    assert_eq!(comparison.phases[0].verdict, PhaseVerdict::Gap);
    let kinds: Vec<FaultKind> = comparison.faults.iter().map(|fault| fault.kind).collect();
    assert!(kinds.contains(&FaultKind::Gap) && kinds.contains(&FaultKind::Dropout), "{kinds:?}");
    assert!(comparison.sampling.missing > 1900);
}

#[test]
fn a_stuck_value_is_found_and_a_steady_load_is_not_called_stuck() {
    let load = load(ms(300), SPAN_S, 7);
    let healthy = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(100)));
    let stuck = healthy.clone().with_fault(Fault::Stuck, Segments::at(15 * SECOND..18 * SECOND));
    let reference = perfect_reference(&load, SPAN_S);
    let kinds = |model: &SensorModel| -> Vec<FaultKind> {
        let sensor = polled(model, averaging(ms(100), ms(100)), ms(1), SPAN_S);
        judge(&sensor, &reference, Vec::new()).faults.iter().map(|fault| fault.kind).collect()
    };
    assert!(kinds(&stuck).contains(&FaultKind::Stuck), "{:?}", kinds(&stuck));
    assert_eq!(kinds(&healthy), []);
}

#[test]
fn a_counter_agrees_and_its_reset_is_not_a_number() {
    let load = load(ms(300), SPAN_S, 8);
    let reference = perfect_reference(&load, SPAN_S);
    let phases = vec![phase("early", 5 * SECOND, 15 * SECOND), phase("around", 19 * SECOND, 25 * SECOND)];
    let whole = judge(&polled_counter(&counter(&load), ms(50), SPAN_S), &reference, phases.clone());
    let error = whole.energies.expect("energies").naive.error;
    assert!(error.value.abs() < 0.005, "{error:?}");
    let reset = counter(&load).with_resets([20 * SECOND]);
    let broken = judge(&polled_counter(&reset, ms(50), SPAN_S), &reference, phases);
    assert!(broken.energies.is_none() && broken.energy_refused.is_some());
    assert_eq!(broken.phases[0].verdict, PhaseVerdict::Ok);
    assert_eq!(broken.phases[1].verdict, PhaseVerdict::CounterReset);
    assert!(broken.phases[1].sensor_j.is_none());
    assert!(broken.faults.iter().any(|fault| fault.kind == FaultKind::CounterReset));
}

#[test]
fn a_counter_that_wraps_loses_nothing() {
    let load = load(ms(300), SPAN_S, 9);
    let wrapping = counter(&load).with_modulus(700_000);
    let comparison =
        judge(&polled_counter(&wrapping, ms(50), SPAN_S), &perfect_reference(&load, SPAN_S), Vec::new());
    let error = comparison.energies.expect("energies").naive.error;
    assert!(error.value.abs() < 0.005, "{error:?}");
    assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
}

#[test]
fn the_meter_of_another_machine_is_recognised() {
    let here = load(ms(300), SPAN_S, 10);
    let elsewhere = load(ms(300), SPAN_S, 11);
    let model = SensorModel::new(here, ms(100)).with_filter(Filter::Boxcar(ms(100)));
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(1), SPAN_S);
    let comparison = judge(&sensor, &perfect_reference(&elsewhere, SPAN_S), Vec::new());
    assert!(matches!(comparison.following, Following::No { .. }), "{:?}", comparison.following);
}

#[test]
fn without_a_changing_load_nothing_is_claimed() {
    let idle = Signal::constant(80.0);
    let model = SensorModel::new(idle.clone(), ms(100)).with_filter(Filter::Boxcar(ms(100))).with_noise(0.2);
    let sensor = polled(&model, averaging(ms(100), ms(100)), ms(10), SPAN_S);
    let comparison = judge(&sensor, &perfect_reference(&idle, SPAN_S), Vec::new());
    assert!(matches!(comparison.following, Following::Unknown { .. }), "{:?}", comparison.following);
}

#[test]
fn an_unknown_window_is_compared_by_blocks() {
    let load = load(ms(300), SPAN_S, 12);
    let model = SensorModel::new(load.clone(), ms(100)).with_filter(Filter::Boxcar(ms(25)));
    let channel = Channel::new("sensor", Quantity::power()).with_update_period(ms(100));
    let sensor = polled(&model, channel, ms(1), SPAN_S);
    let comparison = judge(&sensor, &perfect_reference(&load, SPAN_S), Vec::new());
    let matching = comparison.agreement.expect("agreement").matching;
    assert!(matches!(matching, power_analysis::Matching::Blocks { block_ms } if block_ms >= 2000.0));
    let why = &comparison.explained[0];
    assert!(why.low <= why.high && why.assumption.contains("unknown"));
}

#[test]
fn a_slow_reference_accuses_nobody() {
    let load = load(ms(3000), SPAN_S, 13);
    let fast = SensorModel::new(load.clone(), ms(10)).with_filter(Filter::Boxcar(ms(10)));
    let sensor = polled(&fast, averaging(ms(10), ms(10)), ms(2), SPAN_S);
    let slow = SensorModel::new(load, ms(200)).with_filter(Filter::Boxcar(ms(200)));
    let reference = polled(&slow, averaging(ms(200), ms(200)), ms(20), SPAN_S);
    let comparison = judge(&sensor, &reference, Vec::new());
    assert_eq!(comparison.following, Following::Yes);
    assert!(comparison.faults.is_empty(), "{:?}", comparison.faults);
}
