//! What the environment says: the library, and the GPUs that CUDA sees. The test runs itself again with it set.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::env;
use std::process::Command;

use driver_nvml::DRIVER;
use power_core::{Access, Driver, ErrorKind, Options};
use virtual_rig::Description;

const CHILD: &str = "DRIVER_NVML_TEST_CHILD";

#[test]
fn library_and_visible_gpus_come_from_the_environment() {
    if env::var_os(CHILD).is_some() {
        return in_child();
    }
    let rig = common::rig(Description::node(4));
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "library_and_visible_gpus_come_from_the_environment"])
        .env(CHILD, "1")
        .env("WATTPROOF_NVML", rig.nvml_path())
        .env("CUDA_VISIBLE_DEVICES", "3,1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

fn in_child() {
    let found = DRIVER.discover();
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|found| found.access == Access::Ready));
    let index = |device: &str, options: &Options| {
        DRIVER.open(device, options).map(|source| source.descriptor().details["index"].clone())
    };
    let (all, cuda) = (Options::new(), Options::new().with("visible", "cuda"));
    assert_eq!(index("gpu0/counter", &all).unwrap(), "0");
    assert_eq!(index("gpu0/counter", &cuda).unwrap(), "3");
    assert_eq!(index("gpu1/counter", &cuda).unwrap(), "1");
    assert_eq!(index("gpu2/counter", &cuda).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(index(&found[0].device, &cuda).unwrap_err().kind(), ErrorKind::NotFound);
    let said = DRIVER.open("gpu0/counter", &cuda).unwrap().descriptor().details["visible"].clone();
    assert!(said.contains("CUDA_VISIBLE_DEVICES=3,1"), "{said}");
    assert_eq!(DRIVER.discover_with(&cuda).unwrap().len(), 6);
}
