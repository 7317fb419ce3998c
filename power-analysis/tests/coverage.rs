//! Whether the interval of the energy error holds the true one as often as it says.

mod common;

use common::{averaging, judge, load, ms, perfect_reference, polled};
use power_testkit::{Filter, SensorModel};

/// A sensor that looks at a quarter of the time errs by chance in every run; its gain is what it errs by in truth.
#[test]
fn the_interval_of_the_energy_error_covers_the_gain() {
    const SEEDS: u64 = 120;
    const SPAN_S: i64 = 60;
    let covered = (0..SEEDS)
        .filter(|&seed| {
            let load = load(ms(170), SPAN_S, seed);
            let model = SensorModel::new(load.clone(), ms(100))
                .with_phase(ms(seed % 100))
                .with_filter(Filter::Boxcar(ms(25)))
                .with_gain(0.95)
                .with_noise(2.0)
                .with_seed(seed);
            let sensor = polled(&model, averaging(ms(25), ms(100)), ms(5), SPAN_S);
            let comparison = judge(&sensor, &perfect_reference(&load, SPAN_S), Vec::new());
            let error = comparison.energies.expect("energies").naive.error;
            let (low, high) = error.low.zip(error.high).expect("interval");
            (low..=high).contains(&-0.05)
        })
        .count();
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let share = covered as f64 / SEEDS as f64;
    assert!((0.85..=0.995).contains(&share), "a 95 % interval covers {share}");
}
