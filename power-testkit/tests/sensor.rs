//! The sensor model: what is shown follows from number and seed alone, and has the statistics that were asked
//! for.

use std::time::Duration;

use power_core::Averaging;
use power_core::Quantity;
use power_testkit::{Fate, Fault, Filter, Schedule, Segments, SensorModel, Signal, poll};
use proptest::prelude::*;

const MS: i64 = 1_000_000;
const T: Duration = Duration::from_millis(100);

fn mean_and_sd(numbers: &[f64]) -> (f64, f64) {
    let n: f64 = numbers.iter().map(|_| 1.0).sum();
    let mean = numbers.iter().sum::<f64>() / n;
    let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

fn load() -> Signal {
    Signal::random_square(80.0, 300.0, T, 0..20_000 * MS, 1).with_rise(Duration::from_millis(4))
}

/// A sensor with all that the model has.
fn rich(seed: u64) -> SensorModel {
    SensorModel::new(load(), T)
        .with_phase(Duration::from_millis(37))
        .with_jitter(Duration::from_micros(300))
        .with_filter(Filter::Boxcar(Duration::from_millis(25)))
        .with_delay(Duration::from_millis(15))
        .with_gain(0.95)
        .with_offset(2.0)
        .with_noise(0.5)
        .with_quantum(0.25)
        .with_fault(Fault::Unpublished, Segments::random(0.02, 1..=3))
        .with_fault(Fault::Missing, Segments::random(0.02, 1..=2))
        .with_fault(Fault::Stuck, Segments::random(0.02, 2..=5))
        .with_fault(Fault::Factor(0.3), Segments::random(0.03, 3..=10))
        .with_seed(seed)
}

proptest! {
    #[test]
    fn a_publication_is_on_show_until_the_next(seed in 0..1_000_u64) {
        let sensor = rich(seed);
        let publications = sensor.publications(0, 5_000 * MS);
        prop_assert!(publications.is_sorted_by(|a, b| a.t_ns < b.t_ns));
        for pair in publications.windows(2) {
            for t in [pair[0].t_ns, i64::midpoint(pair[0].t_ns, pair[1].t_ns), pair[1].t_ns - 1] {
                prop_assert_eq!(sensor.publication_at(t), pair[0]);
                prop_assert_eq!(sensor.value_at(t), pair[0].value);
            }
        }
    }

    #[test]
    fn what_is_shown_does_not_depend_on_polling(
        seed in 0..1_000_u64, times in prop::collection::vec(0..5_000 * MS, 1..20),
    ) {
        let sensor = rich(seed);
        let forwards: Vec<_> = times.iter().map(|t| sensor.value_at(*t)).collect();
        let again = rich(seed);
        let mut backwards: Vec<_> = times.iter().rev().map(|t| again.value_at(*t)).collect();
        backwards.reverse();
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn values_are_whole_multiples_of_the_quantum(seed in 0..1_000_u64, quantum in 0.001..5.0_f64) {
        let sensor = SensorModel::new(load(), T).with_noise(1.0).with_quantum(quantum).with_seed(seed);
        for value in sensor.publications(0, 3_000 * MS).iter().filter_map(|publication| publication.value) {
            let steps = value / quantum;
            prop_assert!((steps - steps.round()).abs() < 1e-9);
        }
    }

    #[test]
    fn a_sensor_that_misses_nothing_gets_the_energy_right(multiple in 1..4_u32, seed in 0..100_u64) {
        // W = m T: publications cover all time, whatever the phase.
        let load = Signal::random_square(80.0, 300.0, T, 1_000 * MS..9_000 * MS, seed);
        let sensor = SensorModel::new(load.clone(), T)
            .with_filter(Filter::Boxcar(T * multiple))
            .with_phase(Duration::from_millis(seed));
        let publications = sensor.publications(0, 11_000 * MS);
        let energy: f64 = publications.iter().filter_map(|publication| publication.value).sum::<f64>() * 0.1;
        let truth = load.energy_j(0, 11_000 * MS);
        prop_assert!((energy - truth).abs() < 1e-9 * truth);
    }
}

#[test]
fn a_sensor_that_looks_a_quarter_of_the_time_is_wrong_by_half_a_period_at_most() {
    let load = Signal::steps(80.0, [(1_000 * MS, 300.0), (1_850 * MS, 80.0)]);
    let truth = load.energy_j(0, 4_000 * MS);
    let errors: Vec<f64> = (0..100)
        .map(|phase_ms| {
            let sensor = SensorModel::new(load.clone(), T)
                .with_filter(Filter::Boxcar(Duration::from_millis(25)))
                .with_phase(Duration::from_millis(phase_ms));
            let shown = sensor.publications(0, 4_000 * MS);
            shown.iter().filter_map(|publication| publication.value).sum::<f64>() * 0.1 - truth
        })
        .collect();
    let (mean, sd) = mean_and_sd(&errors);
    assert!(errors.iter().all(|error| error.abs() <= 220.0 * 0.1 / 2.0 + 1e-9), "{errors:?}");
    assert!(
        mean.abs() < 0.2 && sd > 5.0,
        "unbiased over all phases, and far off at most of them: {mean} {sd}"
    );
}

#[test]
fn the_chain_is_delay_filter_gain_offset_quantum() {
    let sensor = SensorModel::new(Signal::steps(100.0, [(0, 200.0)]), T)
        .with_filter(Filter::Boxcar(Duration::from_millis(50)))
        .with_delay(Duration::from_millis(80))
        .with_gain(0.9)
        .with_offset(3.0)
        .with_quantum(2.0);
    // At 100 ms the window, 20 ms back to -30 ms, holds 20 ms at 200 W and 30 ms at 100 W.
    let publication = sensor.publication(1);
    assert_eq!((publication.t_ns, publication.fate), (100 * MS, Fate::Healthy));
    assert!((publication.true_w - 140.0).abs() < 1e-9);
    assert_eq!(publication.value, Some(130.0), "0.9 * 140 + 3 = 129, to the nearest 2 W");
    assert_eq!(sensor.value_at(0), Some(94.0));
}

#[test]
fn noise_has_its_standard_deviation() {
    let sensor = SensorModel::new(Signal::constant(200.0), T).with_noise(2.0).with_seed(5);
    let values: Vec<f64> =
        sensor.publications(0, 2_000_000 * MS).iter().filter_map(|publication| publication.value).collect();
    assert_eq!(values.len(), 20_000);
    let (mean, sd) = mean_and_sd(&values);
    // Five standard errors: 2 W / sqrt(20 000), and the same over sqrt 2.
    assert!((mean - 200.0).abs() < 0.071, "{mean}");
    assert!((sd - 2.0).abs() < 0.05, "{sd}");
    // Neighbours are independent: the correlation's standard error is 1 / sqrt(20 000).
    let products: Vec<f64> = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).collect();
    assert!((mean_and_sd(&products).0 / (sd * sd)).abs() < 0.036);
}

#[test]
fn jitter_has_its_standard_deviation_and_keeps_the_order() {
    let sensor =
        SensorModel::new(Signal::constant(1.0), T).with_jitter(Duration::from_micros(300)).with_seed(6);
    let late: Vec<f64> = sensor
        .publications(-50 * MS, 2_000_000 * MS - 50 * MS)
        .iter()
        .map(|publication| f64::from(i32::try_from(publication.t_ns - publication.index * 100 * MS).unwrap()))
        .collect();
    assert_eq!(late.len(), 20_000);
    let (mean, sd) = mean_and_sd(&late);
    assert!(mean.abs() < 10_600.0, "{mean} ns");
    assert!((sd - 300_000.0).abs() < 7_500.0, "{sd} ns");

    let wild = SensorModel::new(Signal::constant(1.0), T).with_jitter(T).with_seed(6);
    assert!(wild.publications(0, 100_000 * MS).is_sorted_by(|a, b| a.t_ns < b.t_ns));
}

#[test]
fn random_faults_hit_their_share() {
    let sensor = SensorModel::new(Signal::constant(300.0), T)
        .with_fault(Fault::Level(80.0), Segments::random(0.01, 3..=10))
        .with_seed(9);
    let publications = sensor.publications(0, 5_000_000 * MS);
    let hit = publications.iter().filter(|publication| publication.fate == Fate::Falsified).count();
    // 1 % of 50 000 publications begin a segment of 6.5 on average, 6.3 % in all allowing for overlaps.
    assert!((2_800..3_500).contains(&hit), "{hit}");
    for publication in &publications {
        let expected = if publication.fate == Fate::Falsified { 80.0 } else { 300.0 };
        assert_eq!(publication.value, Some(expected));
    }
    let runs: Vec<usize> = publications
        .chunk_by(|a, b| a.fate == b.fate)
        .filter(|run| run[0].fate == Fate::Falsified)
        .map(<[_]>::len)
        .collect();
    assert!(runs.iter().all(|run| *run >= 3), "no segment is shorter than asked for");
}

#[test]
fn faults_at_given_times_do_what_they_say() {
    let ramp = Signal::build(0.0).ramp(0, Duration::from_secs(10), 100.0).finish();
    let sensor = SensorModel::new(ramp, T)
        .with_fault(Fault::Stuck, Segments::at(1_000 * MS..1_500 * MS))
        .with_fault(Fault::Unpublished, Segments::at(2_000 * MS..2_500 * MS))
        .with_fault(Fault::Missing, Segments::at(3_000 * MS..3_500 * MS))
        .with_fault(Fault::Factor(0.5), Segments::at(4_000 * MS..4_500 * MS));
    let shown = |t_ms: i64| sensor.value_at(t_ms * MS).map(|value| (value * 1e6).round() / 1e6);
    assert_eq!((shown(999), shown(1_400), shown(1_500)), (Some(9.0), Some(9.0), Some(15.0)));
    assert_eq!((shown(1_999), shown(2_499), shown(2_500)), (Some(19.0), Some(19.0), Some(25.0)));
    assert_eq!((shown(2_999), shown(3_200), shown(3_500)), (Some(29.0), None, Some(35.0)));
    assert_eq!((shown(4_200), shown(4_500)), (Some(21.0), Some(45.0)));
    assert_eq!(sensor.publications(2_000 * MS, 3_000 * MS).len(), 5);
    let lost = sensor.lattice_points(0, 5_000 * MS).filter(|point| point.fate == Fate::Unpublished);
    assert_eq!(lost.map(|point| point.index).collect::<Vec<_>>(), [20, 21, 22, 23, 24]);
}

#[test]
fn a_channel_describes_its_sensor() {
    let sensor = rich(0);
    let channel = sensor.channel("power.draw");
    assert_eq!(channel.quantity, Quantity::Power { averaging: Averaging::Over(Duration::from_millis(25)) });
    assert_eq!((channel.update_period, channel.resolution), (Some(T), Some(0.25)));
}

#[test]
fn polls_repeat_publications_and_stalls_miss_them() {
    let sensor = SensorModel::new(load(), T).with_phase(Duration::from_millis(5));
    let schedule = Schedule::new(Duration::from_millis(10), 0..10_000 * MS)
        .with_jitter(Duration::from_millis(2))
        .with_cost(Duration::from_micros(500), Duration::from_micros(200))
        .with_stall(3_000 * MS..4_000 * MS)
        .with_seed(2);
    let polls = poll(&sensor, &schedule);
    assert_eq!(polls, poll(&sensor, &schedule));
    assert!((899..=901).contains(&polls.len()), "{}", polls.len());
    for poll in &polls {
        let cost = poll.t_end_ns - poll.t_start_ns;
        assert!((500_000..700_000).contains(&cost));
        assert!((0..2 * MS).contains(&poll.t_start_ns.rem_euclid(10 * MS)));
        let seen = [sensor.value_at(poll.t_start_ns), sensor.value_at(poll.t_end_ns)];
        assert!(seen.contains(&poll.value));
    }
    assert!(polls.is_sorted_by(|a, b| a.t_end_ns <= b.t_start_ns));
}

#[test]
fn reads_that_take_longer_than_the_period_miss_every_other_turn() {
    let schedule = Schedule::new(Duration::from_millis(10), 0..1_000 * MS)
        .with_cost(Duration::from_millis(15), Duration::ZERO);
    let polls = poll(&Signal::constant(1.0), &schedule);
    assert_eq!((polls.len(), schedule.asked()), (50, 100));
}
