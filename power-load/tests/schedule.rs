//! Schedules: what they ask, and that no shift makes two parts of one look alike.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use power_load::{
    Burst, Demand, Error, EventKind, Excitation, GpuDemand, Load, Loads, Played, Result, Schedule, Step, play,
};
use proptest::prelude::*;

fn on() -> Demand {
    Demand { cpu: 1.0, ..Demand::IDLE }
}

/// On and off as +1 and -1, each `grid_s`.
fn sampled(schedule: &Schedule, grid_s: f64) -> Vec<f64> {
    let mut samples = Vec::new();
    let (mut end, mut t) = (0.0, 0.0);
    for step in &schedule.steps {
        end += step.seconds;
        while t < end {
            samples.push(if step.demand.is_idle() { -1.0 } else { 1.0 });
            t += grid_s;
        }
    }
    samples
}

/// The greatest autocorrelation at lags from `from` samples to a third of all.
fn greatest_repeat(samples: &[f64], from: usize) -> f64 {
    let n = u32::try_from(samples.len()).unwrap();
    let mean = samples.iter().sum::<f64>() / f64::from(n);
    let centred: Vec<f64> = samples.iter().map(|sample| sample - mean).collect();
    let product = |lag: usize| -> f64 {
        let pairs = centred.iter().zip(&centred[lag..]);
        pairs.map(|(one, other)| one * other).sum::<f64>() / f64::from(n - u32::try_from(lag).unwrap())
    };
    let power = product(0);
    (from..samples.len() / 3).map(|lag| product(lag) / power).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn a_square_wave_repeats_and_an_excitation_does_not() {
    let wave = (0..100).flat_map(|_| [Step::new(0.1, on()), Step::new(0.1, Demand::IDLE)]);
    assert!(greatest_repeat(&sampled(&Schedule::steps(wave), 0.005), 100) > 0.99);
    for seed in 0..20 {
        let schedule = Schedule::excite(seed, &Excitation::new(on()));
        // The part at random: between the first and the last pause.
        let steps = schedule.steps[1..schedule.steps.len() - 3].to_vec();
        let repeat = greatest_repeat(&sampled(&Schedule::steps(steps), 0.005), 100);
        assert!(repeat < 0.35, "seed {seed}: {repeat}");
    }
}

#[test]
fn a_burst_of_pulses_is_like_no_shift_of_itself() {
    for seed in 0..50 {
        let schedule = Schedule::pulses(seed, &Burst::new(on()));
        // From the longest dwell on.
        let repeat = greatest_repeat(&sampled(&schedule, 0.02), 100);
        assert!(repeat < 0.75, "seed {seed}: {repeat}");
        let pulses = schedule.steps.iter().filter(|step| step.name.as_deref() == Some("sync")).count();
        assert_eq!((pulses, schedule.steps.len()), (8, 17));
        assert!((10.0..34.0).contains(&schedule.seconds()), "{}", schedule.seconds());
        assert!(schedule.steps[0].seconds >= 2.0 && schedule.steps[16].seconds >= 2.0);
    }
}

#[test]
fn an_excitation_has_three_scales_and_a_long_step_between_rests() {
    let excitation = Excitation { period_s: 0.02, random_s: 12.0, ..Excitation::new(on()) };
    let schedule = Schedule::excite(7, &excitation);
    assert!((schedule.seconds() - (3.0 + 12.0 + 3.0 + 6.0 + 3.0)).abs() < 1e-6);
    assert_eq!(schedule, Schedule::excite(7, &excitation));
    assert_ne!(schedule, Schedule::excite(8, &excitation));
    let (first, last) = (&schedule.steps[0], schedule.steps.last().unwrap());
    assert!(first.demand.is_idle() && last.demand.is_idle() && first.seconds >= 3.0 && last.seconds >= 3.0);
    assert_eq!(schedule.steps.iter().filter(|step| step.seconds > 5.9).count(), 1);
    // In each third, dwells of 0.15 to 1.35 times its scale, half of the time on.
    let mut t = 0.0;
    for step in &schedule.steps[1..schedule.steps.len() - 3] {
        let third = [0.01, 0.02, 0.06][usize::from(t >= 4.0 - 1e-9) + usize::from(t >= 8.0 - 1e-9)];
        assert!(step.seconds <= 1.35 * third + 1e-9, "{} at {t}", step.seconds);
        assert_eq!(step.name.is_some(), !step.demand.is_idle());
        t += step.seconds;
    }
}

/// A load that remembers what it was told, and fails at some point.
struct Told(Vec<f64>, usize);

impl Load for Told {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        self.0.push(demand.cpu);
        if self.0.len() == self.1 {
            Err(Error::Stuck { part: "CPU", within: Duration::ZERO })
        } else {
            Ok(())
        }
    }
}

fn short() -> Schedule {
    let step = |name, cpu| Step::new(0.01, Demand { cpu, ..Demand::IDLE }).named(name);
    Schedule::steps([step("a", 0.5), Step::new(0.01, Demand::IDLE), step("b", 1.0), step("c", 0.2)])
}

#[test]
fn a_schedule_is_played_at_its_times_and_ends_at_rest() {
    let mut load = Told(Vec::new(), 0);
    let mut seen = Vec::new();
    let played = play(&short(), &mut load, &AtomicBool::new(false), &mut |event| {
        assert!(event.start_ns <= event.end_ns);
        seen.push((event.step.name.clone().unwrap(), event.kind, event.start_ns));
    });
    assert_eq!(played.unwrap(), Played::Whole);
    assert_eq!(load.0, [0.5, 0.0, 1.0, 0.2, 0.0]);
    let kinds: Vec<_> = seen.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect();
    let (begin, end) = (EventKind::Begin, EventKind::End);
    assert_eq!(kinds, [("a", begin), ("a", end), ("b", begin), ("b", end), ("c", begin), ("c", end)]);
    // One change is the end of one step and the beginning of the next.
    assert_eq!(seen[3].2, seen[4].2);
    for (index, due_ms) in [(1, 10), (2, 20), (3, 30), (5, 40)] {
        assert!(seen[index].2 - seen[0].2 >= due_ms * 1_000_000 - 200_000, "{seen:?}");
    }
}

#[test]
fn a_load_that_fails_is_told_to_rest_and_what_began_has_an_end() {
    let mut load = Told(Vec::new(), 3);
    let mut seen = Vec::new();
    let played = play(&short(), &mut load, &AtomicBool::new(false), &mut |event| seen.push(event.kind));
    assert!(matches!(played, Err(Error::Stuck { .. })));
    assert_eq!((load.0, seen), (vec![0.5, 0.0, 1.0, 0.0], vec![EventKind::Begin, EventKind::End]));
}

#[test]
fn a_schedule_that_is_stopped_stops() {
    let stop = AtomicBool::new(false);
    let long = Schedule::steps([Step::new(1e6, on()).named("for ever")]);
    let mut seen = Vec::new();
    let played = play(&long, &mut Loads::new(), &stop, &mut |event| {
        seen.push(event.kind);
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!((played.unwrap(), seen), (Played::Stopped, vec![EventKind::Begin, EventKind::End]));
}

#[test]
fn what_cannot_be_played_is_refused_before_anything_is_told() {
    let mut load = Told(Vec::new(), 0);
    for bad in [Step::new(f64::NAN, on()), Step::new(-1.0, on()), Step::new(1.0, Demand { cpu: 2.0, ..on() })]
    {
        let schedule = Schedule::steps([Step::new(0.0, on()), bad]);
        assert!(play(&schedule, &mut load, &AtomicBool::new(false), &mut |_| {}).is_err());
    }
    assert!(load.0.is_empty());
}

proptest! {
    #[test]
    fn any_excitation_has_its_length_and_can_be_played(
        seed: u64, period_s in 0.005..2.0_f64, random_s in 0.1..60.0_f64, idle_s in 0.0..5.0_f64, long_s in 0.0..9.0_f64,
    ) {
        let schedule = Schedule::excite(seed, &Excitation { on: on(), period_s, random_s, idle_s, long_s });
        prop_assert!(schedule.check().is_ok());
        prop_assert!((schedule.seconds() - (random_s + 3.0 * idle_s + long_s)).abs() < 1e-6);
        prop_assert!(schedule.steps.iter().all(|step| step.seconds > 0.0));
        // Only a rest may be followed by no rest, and the other way round, but where the random part meets the long step.
        let twice = schedule.steps.windows(2).filter(|pair| pair[0].demand == pair[1].demand).count();
        prop_assert!(twice <= 3, "{twice}");
    }

    #[test]
    fn a_schedule_survives_json_and_toml(
        steps in prop::collection::vec((0.0..1e3_f64, 0.0..=1.0_f64, 0_usize..3, prop::option::of("[a-z ,\"]{1,8}")), 0..8)
    ) {
        let step = |(seconds, share, gpus, name): (f64, f64, usize, Option<String>)| {
            let gpu = GpuDemand { compute: share, memory: 1.0 - share };
            let demand = Demand { cpu: share, memory: share / 2.0, ..Demand::IDLE }.with_gpus(gpus, gpu);
            Step { name, ..Step::new(seconds, demand) }
        };
        let schedule = Schedule::steps(steps.into_iter().map(step));
        let json = serde_json::to_string(&schedule).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Schedule>(&json).unwrap(), &schedule);
        let text = toml::to_string(&schedule).unwrap();
        prop_assert_eq!(&toml::from_str::<Schedule>(&text).unwrap(), &schedule);
    }
}
