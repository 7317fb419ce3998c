//! The same on real GPUs: every source, by the conformance suite.
//!
//! It runs only when it is named, `cargo test -p driver-nvml --test hardware`; a GPU that is not there is a failure.

use std::time::Duration;

use driver_nvml::DRIVER;
use power_core::{Access, Driver};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{DriverExpectations, Expectations, conformance, driver_conformance};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// All that this machine has, by the library that its driver brings.
#[test]
fn real_gpus_conform() {
    let found = DRIVER.discover();
    let ready: Vec<_> = found.iter().filter(|found| found.access == Access::Ready).collect();
    assert!(!ready.is_empty(), "no NVIDIA GPU can be read here: {found:?}");
    driver_conformance(&DRIVER, &DriverExpectations::default());
    for found in ready {
        let expectations = if found.device.ends_with("/ring") {
            Expectations::default().with_pause(Duration::from_millis(100)).with_reads(20)
        } else {
            Expectations::default()
        };
        conformance(|| DRIVER.open(&found.device, &power_core::Options::new()), expectations);
    }
}
