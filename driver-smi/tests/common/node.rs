//! Virtual nodes, whose true power is known, and sources on them.

use power_core::{Clock, Driver, Options, PowerSource, Result, SystemClock};
use virtual_rig::{Description, GpuDescription, Load, VirtualRig};

/// The ways to read, each at the highest rate that is of use here.
pub(crate) const WAYS: [&[(&str, &str)]; 4] = [LOOP, QUERY, TRACER, DMON];
pub(crate) const LOOP: &[(&str, &str)] = &[("period_ms", "20")];
pub(crate) const QUERY: &[(&str, &str)] = &[("mode", "query")];
pub(crate) const TRACER: &[(&str, &str)] = &[("mode", "tracer"), ("period_ms", "5")];
pub(crate) const DMON: &[(&str, &str)] = &[("mode", "dmon")];

/// The node, running for 10 s already, so that no window looks back to before it.
pub(crate) fn rig(mut description: Description) -> VirtualRig {
    description.origin_ns = Some(SystemClock.now().nanos() - 10_000_000_000);
    VirtualRig::start(description).unwrap()
}

/// A node whose GPU number n has 100 (n + 1) W, and lists its GPUs in any order.
pub(crate) fn staircase(gpus: usize) -> VirtualRig {
    let mut node = Description::node(gpus);
    node.smi.any_order = true;
    rig((0..gpus).fold(node, |node, index| {
        node.with_gpu(index, GpuDescription::with_load(Load::constant(step(index))))
    }))
}

/// The power of GPU number `index` of a staircase, in W.
pub(crate) fn step(index: usize) -> f64 {
    100.0 * f64::from(u8::try_from(index).unwrap() + 1)
}

pub(crate) fn options(rig: &VirtualRig, options: &[(&str, &str)]) -> Options {
    let given = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    given.collect::<Options>().with("binary", rig.nvidia_smi_path().to_str().unwrap())
}

pub(crate) fn open(rig: &VirtualRig, device: &str, with: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
    driver_smi::DRIVER.open(device, &options(rig, with))
}
