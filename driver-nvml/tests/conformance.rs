//! The conformance suite on every source of virtual nodes with 1, 4 and 8 GPUs, by the real C interface.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::time::Duration;

use driver_nvml::DRIVER;
use power_core::{Access, Driver, PowerSource, Result};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, conformance, driver_conformance};
use virtual_rig::{Description, Fault, VirtualRig};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn all_sources_conform(gpus: usize) {
    let rig = common::rig(Description::node(gpus));
    let options = common::options(&rig);
    let found = DRIVER.discover_with(&options).unwrap();
    assert_eq!(found.len(), 3 * gpus, "{found:?}");
    for found in &found {
        assert_eq!(found.access, Access::Ready, "{}", found.name);
        let expectations = if found.device.ends_with("/ring") {
            // Longer than the samples are apart.
            Expectations::default().with_pause(Duration::from_millis(25)).with_reads(5)
        } else {
            Expectations::default()
        };
        let report = conformance(|| DRIVER.open(&found.device, &options), expectations);
        assert!(report.passed().any(|case| case == "reads allocate nothing"), "{report}");
    }
    let device = found[0].device.clone();
    driver_conformance(&DRIVER, &DriverExpectations::default().with_device(device, options));
}

#[test]
fn one_gpu_conforms() {
    all_sources_conform(1);
}

#[test]
fn four_gpus_conform() {
    all_sources_conform(4);
}

#[test]
fn eight_gpus_conform() {
    all_sources_conform(8);
}

/// A source whose GPU is lost at once, with the rig that it needs.
#[derive(Debug)]
struct Losing {
    source: Box<dyn PowerSource>,
    _rig: VirtualRig,
}

impl Losing {
    fn open(class: &str) -> Result<Self> {
        let rig = common::rig(Description::node(1));
        let source = DRIVER.open(&format!("gpu0/{class}"), &common::options(&rig))?;
        rig.fault(Fault::lost(0)).unwrap();
        Ok(Self { source, _rig: rig })
    }
}

impl PowerSource for Losing {
    fn descriptor(&self) -> &power_core::Descriptor {
        self.source.descriptor()
    }

    fn read(&mut self, recorder: &mut power_core::Recorder<'_>) -> Result<()> {
        self.source.read(recorder)
    }
}

#[test]
fn a_lost_gpu_is_disconnected_and_stays_so() {
    let rig = common::rig(Description::node(1));
    for class in ["gauges", "counter", "ring"] {
        let expectations = Expectations::default()
            .with_pause(Duration::from_millis(25))
            .with_reads(5)
            .with_disconnecting(move || Losing::open(class));
        let report =
            conformance(|| DRIVER.open(&format!("gpu0/{class}"), &common::options(&rig)), expectations);
        assert!(report.passed().any(|case| case == "disconnected stays disconnected"), "{report}");
    }
}

#[test]
fn the_driver_conforms_where_there_is_nothing() {
    driver_conformance(&DRIVER, &DriverExpectations::default());
}
