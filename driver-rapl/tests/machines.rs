//! What each kind of machine is told to be: parts and wholes, duplicates, units, filtering.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use common::{Fake, machines};
use driver_rapl::{DRIVER, safe_total};
use power_core::{
    ChannelId, Descriptor, Driver, ErrorKind, PowerSource, Quantity, Reading, Recorder, Scope, SystemClock,
};

fn descriptor(fake: &Fake, way: &str) -> Descriptor {
    fake.open("all", &[("backend", way)]).unwrap().descriptor().clone()
}

fn counts(source: &mut dyn PowerSource) -> Vec<u64> {
    let mut readings: Vec<Reading> = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings.sort_by_key(|reading| reading.channel);
    readings.iter().map(|reading| reading.value.count().unwrap()).collect()
}

fn units(descriptor: &Descriptor) -> Vec<(f64, Option<u64>)> {
    let quantity = |channel: &power_core::Channel| match channel.quantity {
        Quantity::EnergyCounter { quantum, modulus } => (quantum.get(), modulus),
        other => panic!("{other}"),
    };
    descriptor.channels.iter().map(quantity).collect()
}

#[test]
fn the_platform_contains_everything_and_the_package_its_parts_but_no_memory() {
    for way in ["powercap", "msr"] {
        let descriptor = descriptor(&machines::client().fake, way);
        let parts: Vec<_> = descriptor.channels.iter().map(|channel| channel.part_of).collect();
        let (psys, package) = (Some(ChannelId(0)), Some(ChannelId(1)));
        assert_eq!(parts, [None, psys, package, package, psys], "{way}");
        let scopes: Vec<_> = descriptor.channels.iter().map(|channel| channel.scope.clone()).collect();
        let expected = [Scope::Platform, Scope::Package, Scope::Core, Scope::Uncore, Scope::Dram];
        assert_eq!(scopes, expected, "{way}");
        assert_eq!(safe_total(&descriptor), [ChannelId(1), ChannelId(4)], "{way}");
    }
    // Without the platform's meter, packages and memory are the wholes, and sums of wholes the safe total.
    let descriptor = descriptor(&machines::two_sockets().fake, "msr");
    assert!(descriptor.channels.iter().all(|channel| channel.part_of.is_none()));
}

#[test]
fn a_choice_of_channels_keeps_sums_right() {
    let machine = machines::client();
    let options = [("backend", "msr"), ("channels", "package-0/core,psys")];
    let mut source = machine.fake.open("all", &options).unwrap();
    // The package is not there to be a whole, so the cores are a part of the platform.
    let names: Vec<_> = source.descriptor().channels.iter().map(|channel| &*channel.name).collect();
    assert_eq!(names, ["psys", "package-0/core"]);
    assert_eq!(source.descriptor().channels[1].part_of, Some(ChannelId(0)));
    assert_eq!(source.descriptor().details["safe_total"], "unknown: no package is read");
    assert_eq!(counts(&mut *source), [77, 77]);
    let error = machine.fake.open("all", &[("backend", "msr"), ("channels", "gpu")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().contains("there are psys, package-0, package-0/core"), "{error}");
}

#[test]
fn twins_are_left_out_and_named() {
    let skipped = |fake: &Fake, way| descriptor(fake, way).details["skipped"].clone();
    let mmio = skipped(&machines::mmio().fake, "powercap");
    assert!(
        mmio.contains("intel-rapl-mmio:0 (package-0): the same counter once more, by memory-mapped"),
        "{mmio}"
    );
    let amd = skipped(&machines::amd().fake, "powercap");
    assert!(amd.contains("intel-rapl:1 (package-0-die-1): AMD counts per package"), "{amd}");
    assert!(amd.contains("intel-rapl:0:0 (core): on AMD this is one core"), "{amd}");
}

#[test]
fn the_memory_mapped_twin_serves_where_it_is_alone() {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0x8c, "11th Gen Intel(R) Core(TM) i7-1185G7", "fpu msr");
    fake.zone("intel-rapl-mmio:0", "package-0", 5);
    let mut source = fake.open("all", &[]).unwrap();
    assert_eq!(counts(&mut *source), [5]);
}

#[test]
fn a_zone_of_another_name_is_told_and_not_read() {
    let machine = machines::one_socket();
    machine.fake.zone("intel-rapl:0:1", "accelerator", 5);
    machine.fake.zone("intel-rapl:7:1", "dram", 5);
    let descriptor = descriptor(&machine.fake, "powercap");
    assert_eq!(descriptor.channels.len(), 2);
    let skipped = &descriptor.details["skipped"];
    assert!(skipped.contains("intel-rapl:0:1 (accelerator): a name that RAPL does not give"), "{skipped}");
    assert!(skipped.contains("intel-rapl:7:1 (dram): it lies in no package"), "{skipped}");
}

#[test]
fn amd_has_no_memory_and_says_so() {
    for way in ["powercap", "msr"] {
        let descriptor = descriptor(&machines::amd().fake, way);
        let dram = &descriptor.details["dram"];
        assert!(dram.starts_with("unknown: AMD counts none"), "{dram}");
    }
}

#[test]
fn amds_cores_are_read_when_asked_for() {
    let machine = machines::amd();
    let off = descriptor(&machine.fake, "msr");
    assert!(off.details["cores"].contains("option cores=on"));
    let source = machine.fake.open("all", &[("backend", "msr"), ("cores", "on")]).unwrap();
    let channels = &source.descriptor().channels;
    let names: Vec<_> = channels.iter().map(|channel| (&*channel.name, channel.part_of)).collect();
    let package = Some(ChannelId(0));
    let cores = [("package-0/core-of-cpu-0", package), ("package-0/core-of-cpu-1", package)];
    assert_eq!(names, [("package-0", None), cores[0], cores[1]]);
}

#[test]
fn units_and_moduli_are_each_domains_own() {
    let fine = 2.0_f64.powi(-16);
    let coarse = 2.0_f64.powi(-14);
    let wraps = Some(1 << 32);
    // A Skylake server: memory counts 2^-16 J whatever the unit register says.
    let one = machines::one_socket();
    assert_eq!(units(&descriptor(&one.fake, "msr")), [(coarse, wraps), (fine, wraps)]);
    // Behind powercap 262143328850 µJ are the greatest count, and one unit of 61 µJ more is 0.
    let powercap = descriptor(&one.fake, "powercap");
    assert_eq!(units(&powercap), [(1e-6, Some(262_143_328_911)), (1e-6, Some(65_712_999_628))]);
    assert_eq!(powercap.channels[0].resolution, Some(61.0));
    // Sapphire Rapids: the platform counts whole joules.
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0x8f, "Intel(R) Xeon(R) Platinum 8480+", "fpu msr");
    fake.topology(&[(0, 0, 0)]);
    fake.register(0, 0x606, 0x000a_0e03);
    fake.register(0, 0x611, 5);
    fake.register(0, 0x64d, 6);
    assert_eq!(units(&descriptor(&fake, "msr")), [(1.0, wraps), (coarse, wraps)]);
}

#[test]
fn only_the_lower_half_of_a_register_counts() {
    let machine = machines::one_socket();
    let mut source = machine.fake.open("all", &[("backend", "msr")]).unwrap();
    assert_eq!(counts(&mut *source), [0x1234_5678, 0x1234]);
}

#[test]
fn how_often_to_read_is_said() {
    let descriptor = descriptor(&machines::one_socket().fake, "msr");
    // Memory: 2^32 × 2^-16 J at 1000 W are 65.5 s, less a second for an update period that is not known.
    let within = descriptor.channels[1].read_within().unwrap();
    assert_eq!(within.as_millis(), 64_535);
    assert_eq!(descriptor.details["read_within_ms"], "64535");
    assert!(descriptor.details["update_period"].starts_with("unknown"));
}

#[test]
fn energy_filtering_is_reported_where_it_can_be_read() {
    let machine = machines::two_sockets();
    let filtering = |fake: &Fake| descriptor(fake, "powercap").details["energy_filtering"].clone();
    let sgx = "; SGX is enabled, with which microcode filters too";
    // The fake's registers are 0 where nothing was written.
    assert_eq!(
        filtering(&machine.fake),
        format!("software cannot set it (IA32_ARCH_CAPABILITIES bit 11 is 0){sgx}")
    );
    machine.fake.register(0, 0x10a, 1 << 11);
    assert_eq!(filtering(&machine.fake), format!("off (IA32_MISC_PACKAGE_CTLS bit 0){sgx}"));
    machine.fake.register(0, 0xbc, 1);
    assert!(filtering(&machine.fake).starts_with("on (IA32_MISC_PACKAGE_CTLS bit 0)"));
    std::fs::remove_file(machine.fake.path("dev/cpu/0/msr")).unwrap();
    assert!(filtering(&machine.fake).starts_with("unknown: IA32_ARCH_CAPABILITIES cannot be read"));
    assert!(filtering(&machines::amd().fake).starts_with("unknown: no register of AMD EPYC 7763 says"));
}

#[test]
fn the_more_complete_way_is_taken_of_those_that_can_be_read() {
    // The PMU is empty, powercap lacks memory, the registers have it.
    let machine = machines::one_socket();
    std::fs::remove_dir_all(machine.fake.path("sys/bus/event_source")).unwrap();
    assert_eq!(descriptor(&machine.fake, "auto").details["backend"], "powercap");
    std::fs::remove_dir_all(machine.fake.path("sys/class/powercap/intel-rapl:0:0")).unwrap();
    assert_eq!(descriptor(&machine.fake, "auto").details["backend"], "msr");
    let error = machine.fake.open("all/powercap", &[("backend", "msr")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}

#[test]
fn nonsense_is_an_error_and_never_a_number() {
    for text in ["", "-1", "1e3", "0x10", "18446744073709551616", "12 13"] {
        let machine = machines::one_socket();
        let mut source = machine.fake.open("all", &[("backend", "powercap")]).unwrap();
        std::fs::write(machine.fake.path("sys/class/powercap/intel-rapl:0/energy_uj"), text).unwrap();
        let mut readings = Vec::new();
        let error = source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap_err();
        let expected = if text.is_empty() { ErrorKind::Disconnected } else { ErrorKind::Protocol };
        assert_eq!(error.kind(), expected, "{text:?}");
        // What could be read is there: memory.
        assert_eq!(readings.len(), 1);
    }
    let machine = machines::one_socket();
    std::fs::remove_file(machine.fake.path("sys/class/powercap/intel-rapl:0/max_energy_range_uj")).unwrap();
    let error = DRIVER.open("all", &machine.fake.options(&[("backend", "powercap")])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    for (file, text) in [("type", "x"), ("cpumask", "1-0")] {
        let machine = machines::one_socket();
        machine.fake.file(&format!("sys/bus/event_source/devices/power/{file}"), text);
        let error = DRIVER.open("all", &machine.fake.options(&[("backend", "perf")])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{file}");
    }
}
