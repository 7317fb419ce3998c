//! What takes a host that sleeps: energies against the truth, by every layout.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![expect(clippy::print_stdout, reason = "the errors found are worth a look")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use power_core::{
    Channel, ErrorKind, Flags, HostTime, PowerSource, Quantity, Reading, Recorder, Step, SystemClock,
};
use power_testkit::{Signal, VirtualClock};

use crate::driver::open;
use crate::safe_total;
use crate::source::{Sleep, Source};

#[path = "../tests/common/mod.rs"]
mod common;

use common::truth::{Events, Layout, True, WRAP_J, counter, signals};
use common::{Fake, machines};

const SECOND: i64 = 1_000_000_000;

/// A host that sleeps when told to.
#[derive(Debug, Clone, Default)]
struct Host(Arc<AtomicI64>);

impl Host {
    fn sleep(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    fn watch(&self) -> Sleep {
        let slept = self.0.clone();
        Sleep::new(Box::new(move || Some(slept.load(Ordering::SeqCst))))
    }
}

fn read(source: &mut Source, clock: &dyn power_core::Clock) -> Vec<Reading> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(clock, &mut readings)).unwrap();
    readings
}

/// What a run of readings says of one channel.
#[derive(Debug, Default, Clone)]
struct Sum {
    energy_j: f64,
    true_j: f64,
    wraps: usize,
    resets: Vec<i64>,
    gaps: Vec<i64>,
}

impl Sum {
    fn add(&mut self, channel: &Channel, signal: &Signal, earlier: &Reading, later: &Reading) {
        let Quantity::EnergyCounter { quantum, .. } = channel.quantity else { unreachable!() };
        let (from, to) = (earlier.stamp.midpoint().nanos(), later.stamp.midpoint().nanos());
        let step = channel.step(earlier, later).unwrap();
        match step {
            Step::Reset => self.resets.push(to),
            Step::Gap => self.gaps.push(to),
            Step::Wrap(_) => self.wraps += 1,
            Step::Advance(_) => {}
        }
        if let Some(counts) = step.counts() {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let energy = quantum.get() * counts as f64;
            self.energy_j += energy;
            self.true_j += signal.energy_j(from, to);
        }
    }

    fn error(&self) -> f64 {
        self.energy_j / self.true_j - 1.0
    }
}

/// Count of a counter at a time, over its modulus.
fn fullness(layout: Layout, signal: &Signal, t_ns: i64, resets_ns: &[i64]) -> f64 {
    let model = counter(layout, signal, 0, &Events { resets_ns: resets_ns.to_vec() });
    let Quantity::EnergyCounter { quantum, .. } = model.quantity() else { unreachable!() };
    #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
    let energy = quantum.get() * model.count_at(t_ns) as f64;
    energy / WRAP_J
}

/// The first time from `from_ns` on, on a grid of 10 ms, at which all of these counters are as full as `range` says.
fn when(
    layout: Layout,
    signals: &[&Signal],
    from_ns: i64,
    resets_ns: &[i64],
    range: std::ops::Range<f64>,
) -> i64 {
    let full =
        |t: &i64| signals.iter().all(|signal| range.contains(&fullness(layout, signal, *t, resets_ns)));
    (from_ns..).step_by(10_000_000).find(full).unwrap()
}

/// Reads four times a second for 2000 s of a virtual clock, across a reset, a sleep and a gap.
///
/// The reset comes when no counter is near its end, so that power alone tells it from a wrap. The sleep sets the
/// package's counter back just when that looks like a wrap.
fn recovers_the_truth(layout: Layout) {
    let clock = VirtualClock::new().with_cost(Duration::from_micros(1));
    let plan = signals(layout);
    let inner: Vec<_> = plan.iter().filter(|(name, _)| *name != "psys").collect();
    let all: Vec<&Signal> = inner.iter().map(|(_, signal)| signal).collect();
    let reset = when(layout, &all, 100 * SECOND, &[], 0.1..0.7);
    let package = inner.iter().position(|(name, _)| *name == "package-0").unwrap();
    let sleep = when(layout, &all[package..=package], 600 * SECOND, &[reset], 0.97..1.0);
    let truth = True::new(layout, clock.clone(), &Events { resets_ns: vec![reset, sleep + 1_000_000] });
    let host = Host::default();
    clock.set(HostTime::from_nanos(SECOND));
    let names: Vec<&str> = inner.iter().map(|(name, _)| *name).collect();
    let options = truth.options(&[("channels", &names.join(","))]);
    let mut source = open("all", &options, host.watch()).unwrap();
    let channels = source.descriptor().channels.clone();
    assert_eq!(names, channels.iter().map(|channel| &*channel.name).collect::<Vec<_>>());

    let mut sums = vec![Sum::default(); channels.len()];
    let mut before = read(&mut source, &clock);
    let (mut slept, mut gap) = (false, false);
    while clock.peek_ns() < 2_000 * SECOND {
        let next = clock.peek_ns() + SECOND / 4;
        if !slept && clock.peek_ns() >= sleep {
            host.sleep(Duration::from_secs(8 * 3600));
            clock.set(HostTime::from_nanos(next));
            slept = true;
        } else if !slept && next > sleep {
            // One reading just before the sleep.
            clock.set(HostTime::from_nanos(sleep));
        } else if !gap && next > 1_800 * SECOND {
            clock.advance(Duration::from_secs(15));
            gap = true;
        } else {
            clock.set(HostTime::from_nanos(next));
        }
        let now = read(&mut source, &clock);
        for (earlier, later) in before.iter().zip(&now) {
            let index = usize::from(later.channel.0);
            sums[index].add(&channels[index], all[index], earlier, later);
        }
        before = now;
    }
    for (name, sum) in names.iter().zip(&sums) {
        let error = sum.error();
        println!("{layout:?} {name}: error {error:e} in {:.0} J, {} wraps", sum.true_j, sum.wraps);
        assert!(error.abs() < 1e-3, "{layout:?} {name}: {error:e} in {:.0} J", sum.true_j);
        // The reset and the sleep are unknown, and nothing else; so is the pause in which two wraps are possible.
        let [first, second] = sum.resets[..] else { panic!("{layout:?} {name}: {sum:?}") };
        assert!((reset..reset + SECOND / 2).contains(&first), "{layout:?} {name}: {first}");
        assert!((sleep..sleep + SECOND).contains(&second), "{layout:?} {name}: {second}");
        assert_eq!(sum.gaps.len(), 1, "{layout:?} {name}: {sum:?}");
    }
    assert!(sums[package].wraps >= 100, "{}", sums[package].wraps);
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn energies_of_powercap_are_the_true_ones() {
    recovers_the_truth(Layout::Powercap);
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn energies_of_intels_registers_are_the_true_ones() {
    recovers_the_truth(Layout::Intel);
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn energies_of_amds_registers_are_the_true_ones() {
    recovers_the_truth(Layout::Amd);
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn the_platform_is_the_true_one_and_whole() {
    for layout in [Layout::Powercap, Layout::Intel] {
        let clock = VirtualClock::new().with_cost(Duration::from_micros(1));
        let truth = True::new(layout, clock.clone(), &Events::default());
        clock.set(HostTime::from_nanos(SECOND));
        let mut source = open("all", &truth.options(&[]), Host::default().watch()).unwrap();
        let channels = source.descriptor().channels.clone();
        // The platform's bound is four times that of a package, so it has to be read more often.
        let within: Duration =
            source.descriptor().details["read_within_ms"].parse().map(Duration::from_millis).unwrap();
        assert_eq!(within, Duration::from_millis(279));
        let mut sums = vec![Sum::default(); channels.len()];
        let mut before = read(&mut source, &clock);
        while clock.peek_ns() < 1_500 * SECOND {
            clock.advance(within.mul_f64(0.99));
            let now = read(&mut source, &clock);
            for (earlier, later) in before.iter().zip(&now) {
                let index = usize::from(later.channel.0);
                sums[index].add(&channels[index], &truth.signals[index].1, earlier, later);
            }
            before = now;
        }
        for (channel, sum) in channels.iter().zip(&sums) {
            assert!(sum.error().abs() < 1e-3, "{layout:?} {}: {:e}", channel.name, sum.error());
            assert!(sum.resets.is_empty() && sum.gaps.is_empty(), "{layout:?} {}: {sum:?}", channel.name);
        }
        assert!(sums[0].wraps >= 100, "{}", sums[0].wraps);
        // What contains nothing twice adds up to what contains it all, less the rest of the board: 12 W.
        let total: f64 =
            safe_total(source.descriptor()).iter().map(|id| sums[usize::from(id.0)].energy_j).sum();
        let board = sums[0].energy_j - total;
        #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
        let seconds = clock.peek_ns() as f64 * 1e-9 - 1.0;
        assert!((board / (12.0 * seconds) - 1.0).abs() < 1e-2, "{board} J in {seconds} s");
    }
}

#[test]
#[ignore = "needs root and FUSE: run by .ci/run"]
fn a_sleep_looks_like_a_wrap_to_who_does_not_know_of_it() {
    // The same fall, with the flag taken off: what the test above would miss.
    let clock = VirtualClock::new();
    let (_, package) = signals(Layout::Intel).into_iter().find(|(name, _)| *name == "package-0").unwrap();
    let sleep = when(Layout::Intel, &[&package], 60 * SECOND, &[], 0.97..1.0);
    let truth = True::new(Layout::Intel, clock.clone(), &Events { resets_ns: vec![sleep + 1_000_000] });
    let host = Host::default();
    clock.set(HostTime::from_nanos(SECOND));
    let mut source = open("all", &truth.options(&[("channels", "package-0")]), host.watch()).unwrap();
    clock.set(HostTime::from_nanos(sleep));
    let before = read(&mut source, &clock);
    host.sleep(Duration::from_secs(3600));
    clock.advance(Duration::from_millis(250));
    let after = read(&mut source, &clock);
    assert!(after[0].flags.contains(Flags::BREAK));
    let channel = &source.descriptor().channels[0];
    assert_eq!(channel.step(&before[0], &after[0]), Some(Step::Reset));
    let mut unflagged = after[0];
    unflagged.flags = Flags::NONE;
    assert!(matches!(channel.step(&before[0], &unflagged), Some(Step::Wrap(_))));
}

fn fake(machine: &Fake, way: &str) -> (Source, Host) {
    let host = Host::default();
    let source = open("all", &machine.options(&[("backend", way)]), host.watch()).unwrap();
    (source, host)
}

#[test]
fn the_first_readings_after_a_sleep_are_flagged_and_no_others() {
    for way in ["powercap", "msr"] {
        let machine = machines::client();
        let (mut source, host) = fake(&machine.fake, way);
        assert_eq!(source.descriptor().channels.len(), 5, "{way}: {:?}", source.descriptor());
        let broken = |readings: Vec<Reading>| {
            readings.iter().filter(|reading| reading.flags.contains(Flags::BREAK)).count()
        };
        assert_eq!(broken(read(&mut source, &SystemClock)), 0);
        let pause = || std::thread::sleep(Duration::from_millis(2));
        pause();
        // Two clock calls far apart are no sleep.
        host.sleep(Duration::from_millis(99));
        assert_eq!(broken(read(&mut source, &SystemClock)), 0);
        pause();
        host.sleep(Duration::from_secs(2));
        assert_eq!(broken(read(&mut source, &SystemClock)), 5);
        assert_eq!(broken(read(&mut source, &SystemClock)), 0);
    }
}

#[test]
fn a_sleep_is_not_forgotten_by_a_read_that_fails() {
    let machine = machines::client();
    let (mut source, host) = fake(&machine.fake, "powercap");
    let energy = "sys/class/powercap/intel-rapl:0/energy_uj";
    read(&mut source, &SystemClock);
    machine.fake.file(energy, "nonsense");
    std::thread::sleep(Duration::from_millis(2));
    host.sleep(Duration::from_secs(2));
    let mut readings = Vec::new();
    let error = source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap_err();
    assert_eq!((error.kind(), readings.len()), (ErrorKind::Protocol, 4), "the other counters are there");
    machine.fake.file(energy, 1_234);
    let readings = read(&mut source, &SystemClock);
    let package = source.descriptor().find("package-0").unwrap();
    let broken = |reading: &Reading| reading.flags.contains(Flags::BREAK);
    let of_package = readings.iter().find(|reading| reading.channel == package).unwrap();
    assert!(broken(of_package));
    assert_eq!(readings.iter().filter(|reading| broken(reading)).count(), 1);
}
