//! The powercap tree is laid out as the kernel's, counts the true energy, wraps, and is never read torn.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::now_ns;
use virtual_rig::{
    CpuLoad, Description, Fault, FaultKind, Load, NodeDescription, Rail, RaplDescription, RaplDomain,
    VirtualRig,
};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap().trim().to_owned()
}

fn rig(rapl: RaplDescription) -> VirtualRig {
    let load = Load::random(80.0, 600.0, 0.1);
    VirtualRig::start(Description::node(4).with_load(load).with_rapl(rapl)).unwrap()
}

#[test]
fn it_is_laid_out_as_the_kernels() {
    let all = [RaplDomain::Dram, RaplDomain::Core, RaplDomain::Uncore];
    let rig = rig(RaplDescription::default().with_domains(all));
    let root = rig.powercap_root().unwrap();
    for package in 0..2 {
        let zone = root.join(format!("intel-rapl:{package}"));
        assert_eq!(text(&zone.join("name")), format!("package-{package}"));
        assert_eq!(text(&zone.join("max_energy_range_uj")), "262143328850");
        for (domain, name) in ["dram", "core", "uncore"].iter().enumerate() {
            let below = root.join(format!("intel-rapl:{package}:{domain}"));
            assert_eq!(text(&below.join("name")), *name);
            let within = zone.join(format!("intel-rapl:{package}:{domain}"));
            assert_eq!(fs::canonicalize(below).unwrap(), fs::canonicalize(within).unwrap());
        }
    }
    let gone = root.to_owned();
    let target = fs::canonicalize(root).unwrap();
    drop(rig);
    assert!(!gone.exists() && !target.exists());
}

#[test]
fn it_counts_what_is_true_across_wraps() {
    let rig = rig(RaplDescription::default().with_wrap_j(30.0));
    let root = rig.powercap_root().unwrap();
    for (zone, rail) in [("intel-rapl:0", Rail::Package(0)), ("intel-rapl:1:0", Rail::Dram(1))] {
        let zone = root.join(zone);
        let range: u64 = text(&zone.join("max_energy_range_uj")).parse().unwrap();
        let energy = || text(&zone.join("energy_uj")).parse::<u64>().unwrap();
        let (from, mut last) = (now_ns(), energy());
        let (mut sum, mut wraps, begun) = (0, 0, Instant::now());
        while begun.elapsed() < Duration::from_millis(2_500) {
            std::thread::sleep(Duration::from_millis(5));
            let now = energy();
            assert!(now <= range);
            wraps += u64::from(now < last);
            sum += if now < last { now + range + 1 - last } else { now - last };
            last = now;
        }
        let (to, shown_j, node) = (now_ns(), f64::from(u32::try_from(sum).unwrap()) / 1e6, rig.node());
        // The tree is as old as its thread was late: up to half a second on a machine that has much else to do.
        let late = 500_000_000;
        let low = node.energy_j(rail, from, to - late).unwrap();
        let high = node.energy_j(rail, from - late, to).unwrap();
        assert!((low..=high).contains(&shown_j), "{rail}: {shown_j} J, {low} to {high} J");
        assert!(wraps >= 2, "{wraps}");
    }
}

#[test]
fn what_is_read_is_a_number_of_before_or_after() {
    let rig = rig(RaplDescription::default().with_period_ms(0.2));
    let file = fs::File::open(rig.powercap_root().unwrap().join("intel-rapl:0/energy_uj")).unwrap();
    let (mut last, begun, mut reads) = (0, Instant::now(), 0_u64);
    while begun.elapsed() < Duration::from_secs(2) {
        let mut bytes = [0; 32];
        let count = file.read_at(&mut bytes, 0).unwrap();
        let number: u64 = std::str::from_utf8(&bytes[..count]).unwrap().trim().parse().unwrap();
        // Half of one and half of another would be too low now, or too high and then the next too low.
        assert!(number >= last, "{number} after {last}");
        (last, reads) = (number, reads + 1);
    }
    assert!(reads > 10_000, "{reads}");
}

#[test]
fn a_silent_tree_stands_still() {
    let rig = rig(RaplDescription::default());
    let file = rig.powercap_root().unwrap().join("intel-rapl:0/energy_uj");
    let fault = rig.fault(Fault::of_meter("rapl", FaultKind::Silent)).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    let before = text(&file);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(text(&file), before);
    rig.clear(fault).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while text(&file) == before {
        assert!(Instant::now() < deadline, "it still stands");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_host_can_drive_the_packages() {
    let node = NodeDescription::default().with_cpu_load(CpuLoad::Host);
    let description = Description::node(1).with_load(Load::constant(75.0)).with_node(node);
    let rig = VirtualRig::start(description.with_rapl(RaplDescription::default())).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let busy = || {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().unwrap().get();
        (0..cores).for_each(|_| drop(scope.spawn(busy)));
        std::thread::sleep(Duration::from_secs(1));
        let now = now_ns();
        let power = rig.node().mean_w(Rail::Package(0), now - 500_000_000, now).unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        // All cores are busy with this test, whatever else there is.
        assert!(power > 280.0, "{power} W");
    });
}
