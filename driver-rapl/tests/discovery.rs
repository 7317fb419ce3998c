//! What discovery says where there is no RAPL, or no right to read it.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::{Fake, machines};
use driver_rapl::DRIVER;
use power_core::{Access, Driver, ErrorKind, Found, Options};

fn found(fake: &Fake) -> Vec<Found> {
    DRIVER.discover_with(&fake.options(&[])).unwrap()
}

/// The only finding: why there is none, and the line that mends it.
fn only_reason(fake: &Fake) -> (String, Option<String>) {
    let found = found(fake);
    let [only] = &found[..] else { panic!("{found:?}") };
    assert_eq!(only.device, "all");
    let Access::Unavailable { reason, mend } = only.access.clone() else { panic!("{only:?}") };
    let error = DRIVER.open("all", &fake.options(&[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.message().contains(&reason), "{error}");
    (reason, mend)
}

#[test]
fn a_machine_that_cannot_have_rapl_says_why_in_a_sentence() {
    let vm = Fake::new();
    vm.cpu("AuthenticAMD", 26, 2, "AMD EPYC", "fpu msr hypervisor");
    vm.topology(&[(0, 0, 0)]);
    assert!(only_reason(&vm).0.starts_with("this is a virtual machine"));

    let arm = Fake::new();
    arm.file("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41");
    assert!(only_reason(&arm).0.starts_with("this CPU is not x86"));

    let other = Fake::new();
    other.cpu("CentaurHauls", 7, 11, "VIA", "fpu msr");
    assert!(only_reason(&other).0.starts_with("VIA is neither Intel's nor AMD's"));

    let tpmi = Fake::new();
    tpmi.cpu("GenuineIntel", 6, 0xad, "Intel(R) Xeon(R) 6980P", "fpu msr");
    let (reason, mend) = only_reason(&tpmi);
    assert!(reason.contains("TPMI"), "{reason}");
    assert_eq!(mend.as_deref(), Some("sudo modprobe intel_rapl_tpmi"));

    // Nothing is known of a machine without a file: it is taken for what it looks like.
    assert!(only_reason(&Fake::new()).0.contains("not x86"));
}

#[test]
fn a_machine_whose_modules_are_missing_names_them() {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 85, "Intel(R) Xeon(R) Gold 6148", "fpu msr");
    fake.topology(&[(0, 0, 0)]);
    let lines: Vec<_> = found(&fake)
        .into_iter()
        .map(|found| match found.access {
            Access::Unavailable { mend, .. } => (found.device, mend.unwrap_or_default()),
            other => panic!("{other:?}"),
        })
        .collect();
    let mends = [
        ("all/perf", "sudo modprobe rapl"),
        ("all/powercap", "sudo modprobe intel_rapl_msr"),
        ("all/msr", "sudo modprobe msr  # gives root every register of the CPU"),
    ];
    assert_eq!(lines, mends.map(|(device, mend)| (device.to_owned(), mend.to_owned())));
    let error = DRIVER.open("all", &fake.options(&[])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(mends.iter().all(|(_, mend)| error.message().contains(mend)), "{error}");
}

#[test]
fn a_machine_that_can_be_read_says_by_which_way_and_what() {
    let machine = machines::mmio();
    let found = found(&machine.fake);
    let [only] = &found[..] else { panic!("{found:?}") };
    assert_eq!((only.device.as_str(), &only.access), ("all", &Access::Ready));
    assert!(only.name.contains("by powercap (package-0, package-0/core); no RAPL by perf:"), "{}", only.name);
    assert!(only.name.contains("no RAPL by msr: there is no"), "{}", only.name);
}

#[test]
fn discovery_on_this_machine_explains_itself() {
    let found = DRIVER.discover();
    assert!(!found.is_empty());
    for found in found {
        if let Access::Denied { mend } = &found.access {
            assert!(mend.starts_with("sudo "), "{found:?}");
        }
    }
}

/// Where the user without rights finds the machine.
const VARIABLE: &str = "WATTPROOF_TEST_RAPL_ROOT";

/// Runs a test of this file as the user nobody, who has no capability.
fn as_nobody(test: &str, root: &Path) {
    const NOBODY: u32 = 65_534;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for path in [folder.path(), &program, root] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new(&program);
    command.args([test, "--exact", "--include-ignored", "--nocapture"]);
    let output = command.env(VARIABLE, root).current_dir("/").uid(NOBODY).gid(NOBODY).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "needs root: run by .ci/run"]
fn missing_rights_are_named_with_the_line_that_gives_them() {
    let machine = machines::two_sockets();
    let owner_only = |path: &str| {
        fs::set_permissions(machine.fake.path(path), fs::Permissions::from_mode(0o400)).unwrap();
    };
    for zone in ["intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl:1:0"] {
        owner_only(&format!("sys/class/powercap/{zone}/energy_uj"));
    }
    for cpu in 0..2 {
        owner_only(&format!("dev/cpu/{cpu}/msr"));
    }
    machine.fake.file("proc/sys/kernel/perf_event_paranoid", 2);
    machine.fake.file("proc/self/status", "CapEff:\t0000000000000000");
    as_nobody("without_rights", &machine.fake.path(""));
}

#[test]
#[ignore = "a part of the test above"]
fn without_rights() {
    let Some(root) = std::env::var_os(VARIABLE) else { return };
    let root = root.to_str().unwrap();
    let options = Options::new().with("root", root);
    let found = DRIVER.discover_with(&options).unwrap();
    let denied: Vec<(&str, &str, &str)> = found
        .iter()
        .map(|found| match &found.access {
            Access::Denied { mend } => (found.device.as_str(), found.name.as_str(), mend.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let [(perf, perf_name, perf_mend), (powercap, powercap_name, powercap_mend), (msr, msr_name, msr_mend)] =
        denied[..]
    else {
        panic!("{denied:?}")
    };
    assert_eq!([perf, powercap, msr], ["all/perf", "all/powercap", "all/msr"]);
    assert!(
        perf_name.contains("need CAP_PERFMON, or perf_event_paranoid at 0 or less; it is 2"),
        "{perf_name}"
    );
    assert!(perf_mend.starts_with("sudo setcap cap_perfmon=ep /"), "{perf_mend}");
    assert!(perf_mend.contains("sudo sysctl kernel.perf_event_paranoid=0"), "{perf_mend}");
    assert!(powercap_name.contains("for root only since Linux 5.10"), "{powercap_name}");
    assert!(
        powercap_mend.starts_with("sudo chmod a+r /") && powercap_mend.contains("/energy_uj  #"),
        "{powercap_mend}"
    );
    assert!(msr_name.contains("root with CAP_SYS_RAWIO, which this process lacks"), "{msr_name}");
    assert!(msr_mend.contains("setcap cap_sys_rawio=ep"), "{msr_mend}");
    // Every line says what it gives away.
    assert!(denied.iter().all(|(_, _, mend)| mend.contains("PLATYPUS")), "{denied:?}");
    let error = DRIVER.open("all", &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}
