//! Detection of false-low readings, judged by what the simulator knows.

mod common;

use std::time::Duration;

use common::{SECOND, averaging, load, ms, perfect_reference, polled};
use power_analysis::faults::{FaultKind, Reach, false_low};
use power_analysis::{Publications, Reference};
use power_testkit::{Fate, Fault, Filter, Segments, SensorModel};

const SPAN_S: i64 = 120;

/// What was found, over many seeds.
#[derive(Default)]
struct Score {
    hits: usize,
    misses: usize,
    false_alarms: usize,
}

/// Runs of false-low values of `lengths` publications while power is high, in a load with dwells around 3 s.
fn score(rate: f64, delay: Duration) -> Score {
    let mut score = Score::default();
    for seed in 0..20 {
        let load = load(Duration::from_secs(3), SPAN_S, seed);
        let model = SensorModel::new(load.clone(), ms(100))
            .with_filter(Filter::Boxcar(ms(100)))
            .with_delay(delay)
            .with_gain(0.97)
            .with_noise(1.5)
            .with_seed(seed);
        let model = if rate > 0.0 {
            model.with_fault(Fault::Level(80.0), Segments::random(rate, 3..=10))
        } else {
            model
        };
        let readings = polled(&model, averaging(ms(100), ms(100)), ms(5), SPAN_S);
        let reference = perfect_reference(&load, SPAN_S);
        let reference = Reference::new(&reference).expect("readings");
        let publications = Publications::find(&readings);
        let reach = Reach { window_ns: 100_000_000, delay_ns: 100_000_000, reference_lag_ns: 20_000_000 };
        let found = false_low(&readings, &publications, reference.trace(), reach);
        assert!(found.iter().all(|fault| fault.kind == FaultKind::FalseLow));
        let flagged = |time: i64| {
            found.iter().any(|fault| {
                (time - 6_000_000..=time + 6_000_000).any_in(fault.interval.begin_ns, fault.interval.end_ns)
            })
        };
        // Only a fault while power was high all the time that the reading can speak of can be told from idle.
        let high = |time: i64| {
            reference
                .trace()
                .extremes_w(power_analysis::Interval::new(time - 250_000_000, time + 50_000_000))
                .is_some_and(|(low, _)| low > 200.0)
        };
        for publication in model.publications(SECOND, (SPAN_S - 1) * SECOND) {
            match (publication.fate == Fate::Falsified, flagged(publication.t_ns)) {
                (true, true) => score.hits += 1,
                (true, false) if high(publication.t_ns) => score.misses += 1,
                (false, true) => score.false_alarms += 1,
                _ => {}
            }
        }
    }
    score
}

trait AnyIn {
    fn any_in(&self, begin: i64, end: i64) -> bool;
}

impl AnyIn for std::ops::RangeInclusive<i64> {
    fn any_in(&self, begin: i64, end: i64) -> bool {
        *self.end() >= begin && *self.start() <= end
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn recall_and_precision_reach_95_per_cent() {
    for (rate, delay) in [(0.002, Duration::ZERO), (0.01, ms(30)), (0.025, Duration::ZERO)] {
        let score = score(rate, delay);
        let recall = share(score.hits, score.hits + score.misses);
        let precision = share(score.hits, score.hits + score.false_alarms);
        assert!(score.hits > 30, "the simulation has faults: {}", score.hits);
        assert!(
            recall >= 0.95,
            "rate {rate}: recall {recall}, {} of {}",
            score.hits,
            score.hits + score.misses
        );
        assert!(precision >= 0.95, "rate {rate}: precision {precision}, {} false alarms", score.false_alarms);
    }
}

#[test]
fn clean_data_gives_no_alarm() {
    for delay in [Duration::ZERO, ms(60)] {
        assert_eq!(score(0.0, delay).false_alarms, 0, "delay {delay:?}");
    }
}
