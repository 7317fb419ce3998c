//! The two NVIDIA drivers beside each other on one virtual node: a channel of one name means the same in both. Neither
//! may depend on the other, so each has its own table of what a GPU's power figures mean.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use power_core::{
    Averaging, Channel, Clock, Descriptor, Driver, Options, PowerSource, Quantity, Reading, Recorder,
    SystemClock,
};
use virtual_rig::{Description, Load, VirtualRig};

const MODELS: [&str; 7] = [
    "NVIDIA H200",
    "NVIDIA H100 PCIe",
    "NVIDIA GH200 480GB",
    "NVIDIA A100-SXM4-40GB",
    "Tesla V100-SXM2-16GB",
    "NVIDIA GeForce RTX 3090",
    "Tesla K40m",
];

fn both(rig: &VirtualRig) -> [Box<dyn PowerSource>; 2] {
    let library = rig.nvml_path();
    let binary = rig.nvidia_smi_path();
    let nvml = Options::new().with("library", library.to_str().unwrap()).with("alias_ms", "0");
    let smi = Options::new().with("binary", binary.to_str().unwrap()).with("mode", "query");
    [driver_nvml::DRIVER.open("gpu0", &nvml).unwrap(), driver_smi::DRIVER.open("0", &smi).unwrap()]
}

fn read(source: &mut dyn PowerSource) -> Vec<Reading> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
    readings
}

/// The power channels that both have.
fn common<'a>(nvml: &'a Descriptor, smi: &'a Descriptor) -> Vec<(&'a Channel, &'a Channel)> {
    let powers = nvml.channels.iter().filter(|channel| matches!(channel.quantity, Quantity::Power { .. }));
    powers.filter_map(|channel| Some((channel, smi.channel(smi.find(&channel.name)?)?))).collect()
}

/// The averaging of a power channel; `None` where it is unknown.
fn averaging(channel: &Channel) -> Option<Averaging> {
    match channel.quantity {
        Quantity::Power { averaging: Averaging::Unknown } => None,
        Quantity::Power { averaging } => Some(averaging),
        other => panic!("{}: {other:?}", channel.name),
    }
}

/// Two statements agree, or one of the two does not know.
fn agree<T: PartialEq + Copy>(one: Option<T>, other: Option<T>) -> bool {
    one.is_none() || other.is_none() || one == other
}

#[test]
fn nvml_and_smi_never_contradict_each_other() {
    let mut compared = 0;
    for model in MODELS {
        for driver in ["525.147.05", "530.41.03", "535.104.05", "580.159.04"] {
            let mut node =
                Description::node(1).with_model(model).with_driver(driver).with_load(Load::constant(200.0));
            // Long enough for averages over 1 s.
            node.origin_ns = Some(SystemClock.now().nanos() - 10_000_000_000);
            let rig = VirtualRig::start(node).unwrap();
            let [mut nvml, mut smi] = both(&rig);
            let shown = [read(&mut *nvml), read(&mut *smi)];
            for (one, other) in common(nvml.descriptor(), smi.descriptor()) {
                let case = format!("{model} {driver} {}", one.name);
                assert!(agree(averaging(one), averaging(other)), "{case}: {one:?} {other:?}");
                assert!(agree(one.update_period, other.update_period), "{case}: {one:?} {other:?}");
                assert_eq!(one.scope, other.scope, "{case}");
                let value = |source: &dyn PowerSource, readings: &[Reading]| {
                    let id = source.descriptor().find(&one.name).unwrap();
                    readings.iter().find(|reading| reading.channel == id).unwrap().value.number().unwrap()
                };
                let [by_nvml, by_smi] = [value(&*nvml, &shown[0]), value(&*smi, &shown[1])];
                assert!((by_nvml - by_smi).abs() <= 0.005 + 1e-9, "{case}: {by_nvml} {by_smi}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared}");
}
