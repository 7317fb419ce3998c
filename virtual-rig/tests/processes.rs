//! Every process that uses a rig sees the same truth, and can drive it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::process::Command;
use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Sampling;
use power_core::{Clock as _, SystemClock};
use virtual_rig::{Description, Fault, Load, RIG_VARIABLE, RigControl, SOCKET_VARIABLE, VirtualRig};

fn load(path: &std::path::Path) -> Nvml {
    Nvml::builder().lib_path(path.as_os_str()).init().unwrap()
}

#[test]
fn another_copy_of_the_library_sees_the_same() {
    let rig = VirtualRig::start(Description::node(2).with_load(Load::random(90.0, 600.0, 0.1))).unwrap();
    let other = rig.nvml_path().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    for file in [rig.nvml_path(), rig.file()] {
        std::fs::copy(&file, other.join(file.file_name().unwrap())).unwrap();
    }
    let (one, two) = (load(&rig.nvml_path()), load(&other.join("libnvidia-ml.so.1")));
    for gpu in 0..2 {
        let (one, two) = (one.device_by_index(gpu).unwrap(), two.device_by_index(gpu).unwrap());
        assert_eq!(one.uuid().unwrap(), two.uuid().unwrap());
        let mut compared = 0;
        for round in 0..60 {
            if round == 30 {
                rig.set_load(gpu as usize, 333.0).unwrap();
            }
            let before = (one.power_usage().unwrap(), one.total_energy_consumption().unwrap());
            let seen = (two.power_usage().unwrap(), two.total_energy_consumption().unwrap());
            let after = (one.power_usage().unwrap(), one.total_energy_consumption().unwrap());
            if before == after {
                assert_eq!(before, seen);
                compared += 1;
            }
            std::thread::sleep(Duration::from_millis(7));
        }
        assert!(compared > 20, "{compared}");
        let ring = one.samples(Sampling::Power, None).unwrap();
        let again = two.samples(Sampling::Power, None).unwrap();
        let shared: Vec<_> = ring.iter().filter(|a| again.iter().any(|b| a == &b)).collect();
        assert!(shared.len() >= 100, "{}", shared.len());
    }
}

#[test]
fn the_executable_sees_what_the_library_sees() {
    let rig = VirtualRig::start(Description::node(1).with_load(Load::random(90.0, 600.0, 0.1))).unwrap();
    let nvml = load(&rig.nvml_path());
    let device = nvml.device_by_index(0).unwrap();
    let mut compared = 0;
    for _ in 0..40 {
        let before = device.power_usage().unwrap();
        let output = Command::new(rig.nvidia_smi_path())
            .args(["--query-gpu=power.draw", "--format=csv,noheader,nounits"])
            .output()
            .unwrap();
        if before == device.power_usage().unwrap() {
            let watts: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
            assert!((watts - f64::from(before) / 1e3).abs() <= 0.0051, "{watts} {before}");
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn programs_find_the_rig_by_their_environment() {
    let rig = VirtualRig::start(Description::node(3)).unwrap();
    let output = Command::new("sh").args(["-c", "nvidia-smi -L"]).envs(rig.env()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 3);
    // An executable that no rig's file lies beside goes by the environment.
    let other = rig.nvidia_smi_path().with_file_name("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::copy(rig.nvidia_smi_path(), other.join("nvidia-smi")).unwrap();
    let count = |rig_file: Option<&std::path::Path>| {
        let mut command = Command::new(other.join("nvidia-smi"));
        command.arg("-L").env_remove(RIG_VARIABLE);
        rig_file.map(|file| command.env(RIG_VARIABLE, file));
        // The copy may still be open for writing in a process that another test is starting.
        loop {
            match command.output() {
                Ok(output) => return String::from_utf8(output.stdout).unwrap().lines().count(),
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    assert_eq!(count(Some(&rig.file())), 3);
    assert_eq!(count(None), 4, "the default node");
}

#[test]
fn a_rig_is_driven_over_its_socket() {
    let rig = VirtualRig::start(Description::node(2).with_load(Load::constant(100.0))).unwrap();
    let nvml = load(&rig.nvml_path());
    let mut control = RigControl::connect(&rig.socket()).unwrap();
    let since = control.set_loads(&[(0, 400.0), (1, 500.0)]).unwrap();
    assert!(SystemClock.now().nanos() > since);
    let energy = control.energy_j(1, since - 100_000, since + 1_000_000_000).unwrap();
    assert!((energy - 500.01).abs() < 1e-6, "{energy}");
    assert!((rig.truth(0).unwrap().power_w(since) - 400.0).abs() < 1e-9);
    let fault = control.fault(&Fault::lost(1)).unwrap();
    assert!(nvml.device_by_index(1).is_err());
    control.clear(fault).unwrap();
    assert!(nvml.device_by_index(1).is_ok());
    assert!(control.set_loads(&[(5, 1.0)]).unwrap_err().to_string().contains("no GPU 5"));
    assert!(control.energy_j(7, 0, 1).is_err());
    std::thread::sleep(Duration::from_millis(1_200));
    assert_eq!(nvml.device_by_index(0).unwrap().power_usage().unwrap(), 400_000);
    let socket = rig.env().into_iter().find(|(name, _)| *name == SOCKET_VARIABLE).unwrap().1;
    assert_eq!(socket, rig.socket());
    drop(rig);
    assert!(RigControl::connect(std::path::Path::new(&socket)).is_err());
}

#[test]
fn a_rig_leaves_nothing_behind() {
    let rig = VirtualRig::start(Description::node(1)).unwrap();
    let directory = rig.file().parent().unwrap().to_path_buf();
    let mode = std::os::unix::fs::PermissionsExt::mode(&directory.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    drop(rig);
    assert!(!directory.exists());
}

#[test]
fn many_rigs_in_one_process_are_apart() {
    let rigs: Vec<VirtualRig> = (1..=6_usize)
        .map(|count| {
            let load = Load::constant(100.0 * f64::from(u32::try_from(count).unwrap()));
            VirtualRig::start(Description::node(count).with_load(load)).unwrap()
        })
        .collect();
    let loaded: Vec<Nvml> = rigs.iter().map(|rig| load(&rig.nvml_path())).collect();
    std::thread::sleep(Duration::from_millis(1_200));
    for (count, nvml) in (1..=6).zip(&loaded) {
        assert_eq!(nvml.device_count().unwrap(), count);
        assert_eq!(nvml.device_by_index(0).unwrap().power_usage().unwrap(), count * 100_000);
    }
}
