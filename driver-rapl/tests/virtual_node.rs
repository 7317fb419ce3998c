//! The virtual node's powercap tree, through this driver: the conformance suite, and the node's true energy over wraps.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::thread;
use std::time::{Duration, Instant};

use driver_rapl::{DRIVER, safe_total};
use power_core::{Channel, Driver, Options, PowerSource, Quantity, Reading, Recorder, Step, SystemClock};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{Expectations, conformance};
use virtual_rig::{Description, Rail, RaplDescription, VirtualRig};
use virtual_rig::{Stage, StageKind, Workload};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Power in W that no package of the virtual node reaches.
const RATED_W: &str = "400";
/// Energy in J at which the counters wrap: at the rated power, two seconds.
const WRAP_J: f64 = 800.0;
/// Wraps of each package's counter to see.
const WRAPS: u32 = 3;
/// How often the virtual counters are updated, in ns.
const UPDATE_NS: i64 = 1_000_000;

/// A node with busy CPUs.
fn rig() -> VirtualRig {
    let load = Stage::new(StageKind::Random, 600.0).high_w(400.0).with_host(0.9, 0.6);
    let rapl = RaplDescription::default().with_wrap_j(WRAP_J);
    VirtualRig::start(Description::node(2).with_workload(Workload::new([load])).with_rapl(rapl)).unwrap()
}

/// Without the measured update period, which is in the descriptor: a busy machine measures another one each time.
fn options(rig: &VirtualRig) -> Options {
    let root = rig.powercap_root().unwrap().display().to_string();
    let options = Options::new().with("backend", "powercap").with("powercap_root", root);
    options.with("rated_w", RATED_W).with("measure_ms", "0")
}

/// What the counter of this name counts.
fn rail(name: &str) -> Rail {
    match name {
        "package-0" => Rail::Package(0),
        "package-1" => Rail::Package(1),
        "package-0/dram" => Rail::Dram(0),
        "package-1/dram" => Rail::Dram(1),
        other => panic!("the node has no {other}"),
    }
}

#[test]
fn the_virtual_tree_conforms() {
    let rig = rig();
    for edge in ["off", "on"] {
        let options = options(&rig).with("edge", edge);
        let expectations = Expectations::default().with_reads(20).with_pause(Duration::from_millis(3));
        let report = conformance(|| DRIVER.open("all", &options), expectations);
        assert!(report.ran() > 15, "{report}");
    }
}

#[test]
fn energy_is_the_truth_over_wraps() {
    let rig = rig();
    // A reading just after an update is as old as its bracket says, whenever the node's thread ran.
    let options = options(&rig).with("edge", "on").with("edge_ms", "1000");
    let mut source = DRIVER.open("all", &options).unwrap();
    let count = source.descriptor().channels.len();
    assert_eq!((count, safe_total(source.descriptor()).len()), (4, 4));
    let first = read(&mut *source);
    let mut last = first.clone();
    let mut totals = vec![Total::default(); count];
    let begun = Instant::now();
    let is_package = |channel: &Channel| channel.part_of.is_none() && !channel.name.ends_with("dram");
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = read(&mut *source);
        let channels = &source.descriptor().channels;
        for ((total, channel), (before, now)) in totals.iter_mut().zip(channels).zip(last.iter().zip(&now)) {
            total.add(channel, before, now);
        }
        last = now;
        let wrapped = |(total, channel): (&Total, &Channel)| !is_package(channel) || total.wraps >= WRAPS;
        if totals.iter().zip(channels).all(wrapped) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{totals:?}");
    }
    let channels = &source.descriptor().channels;
    for ((total, channel), (first, last)) in totals.iter().zip(channels).zip(first.iter().zip(&last)) {
        holds(&rig, channel, total, (first, last));
    }
}

/// Energy of a counter since the first reading.
#[derive(Debug, Clone, Default)]
struct Total {
    counts: u64,
    wraps: u32,
}

impl Total {
    fn add(&mut self, channel: &Channel, before: &Reading, now: &Reading) {
        let step = channel.step(before, now).unwrap();
        self.wraps += u32::from(matches!(step, Step::Wrap(_)));
        self.counts += step.counts().unwrap_or_else(|| panic!("{}: {step:?}", channel.name));
    }
}

fn read(source: &mut dyn PowerSource) -> Vec<Reading> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings.sort_by_key(|reading| reading.channel);
    readings
}

/// Holds a counter's energy to the truth between two readings, within 0.1 % or one update.
fn holds(rig: &VirtualRig, channel: &Channel, total: &Total, (first, last): (&Reading, &Reading)) {
    let Quantity::EnergyCounter { quantum, .. } = channel.quantity else { panic!("{channel:?}") };
    #[expect(clippy::cast_precision_loss, reason = "some thousand joules in microjoules")]
    let shown_j = quantum.get() * total.counts as f64;
    let (node, rail) = (rig.node(), rail(&channel.name));
    let energy = |from: i64, to: i64| node.energy_j(rail, from, to).unwrap();
    let (first, last) = (first.stamp, last.stamp);
    let update_j = energy(last.end().nanos() - UPDATE_NS, last.end().nanos());
    let low = energy(first.end().nanos(), last.start().nanos());
    let high = energy(first.start().nanos(), last.end().nanos());
    let within = update_j.max(high * 1e-3);
    assert!(
        (low - within..=high + within).contains(&shown_j),
        "{}: {shown_j} J in {} wraps, {low} to {high} J true",
        channel.name,
        total.wraps
    );
    // The bracket of an edge is a read, not the wait for it: what is allowed stays near what is asked.
    assert!(high - low < 0.01 * high, "{}: brackets of {} and {} J", channel.name, low, high);
}
