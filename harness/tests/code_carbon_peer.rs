//! What the real Code Carbon writes, and whether it reads what is written for it.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;
use std::process::{Command, Stdio};

use harness::import::{Format, ImportRequest, import};
use harness::run::{RowValue, Run};
use power_analysis::estimators::{CodeCarbon, Processor};

/// A run of what the package in the Python named by `variable` writes of itself, with a configuration.
fn tracked(variable: &str, config: &str, dir: &Path) -> Run {
    let python =
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} names a Python with codecarbon"));
    std::fs::write(dir.join(".codecarbon.config"), config).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/track_self.py");
    let mut peer = Command::new(python);
    // Its configuration in the home folder would count as well.
    peer.arg(script).current_dir(dir).env("HOME", dir).stdout(Stdio::null());
    assert!(peer.status().unwrap().success());
    let request = ImportRequest::new(Format::CodeCarbon, vec![dir.join("emissions.csv")], dir.join("run"));
    import(&request).unwrap();
    Run::open(&dir.join("run")).unwrap()
}

/// Energies of a channel in joules, and the seconds from the first reading to the last.
fn energies(run: &Run, channel: &str) -> (Vec<f64>, f64) {
    let rows = run.rows(&format!("{}/{channel}", run.manifest().sources[0].id)).unwrap();
    let joules = rows.iter().map(|row| match row.value {
        RowValue::Count(count) => f64::from(u32::try_from(count).unwrap()) * 1e-3,
        _ => panic!("{channel} is unknown"),
    });
    let length_ns = rows[rows.len() - 1].t_start_ns - rows[0].t_start_ns;
    (joules.collect(), f64::from(u32::try_from(length_ns / 1_000_000).unwrap()) * 1e-3)
}

/// What holds for both generations: one tracker, three readings, energies that grow and sum up.
fn check(run: &Run) {
    assert_eq!(run.manifest().sources.len(), 1);
    assert_eq!(run.phases().unwrap().len(), 1);
    let (total, seconds) = energies(run, "energy_consumed");
    assert!(total.len() == 3 && total[0].abs() < 1e-9 && total[1] < total[2], "{total:?}");
    assert!(seconds > 3.0, "{seconds} s");
    let last = |channel: &str| energies(run, channel).0[2];
    let sum = last("cpu_energy") + last("gpu_energy") + last("ram_energy");
    assert!((sum / total[2] - 1.0).abs() < 0.01, "{sum} J, {total:?}");
}

#[test]
#[ignore = "needs Python with codecarbon 2: run by .ci/run"]
fn version_2_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let run = tracked("WATTPROOF_CODECARBON2", "[codecarbon]\n", dir.path());
    check(&run);
    let details = &run.manifest().sources[0].descriptor.details;
    assert!(details["codecarbon_version"].starts_with("2."), "{details:?}");
}

#[test]
#[ignore = "needs Python with codecarbon 3: run by .ci/run"]
fn version_3_is_imported_and_takes_a_forced_memory_power() {
    let dir = tempfile::tempdir().unwrap();
    let run =
        tracked("WATTPROOF_CODECARBON3", "[codecarbon]\n# A comment.\nforce_ram_power = 354.2\n", dir.path());
    check(&run);
    let (memory, seconds) = energies(&run, "ram_energy");
    assert!((memory[2] / seconds / 354.2 - 1.0).abs() < 0.02, "{memory:?} J in {seconds} s");
    let dir = tempfile::tempdir().unwrap();
    let run = tracked("WATTPROOF_CODECARBON3", "[codecarbon]\n", dir.path());
    let gib: f64 = run.manifest().sources[0].descriptor.details["ram_total_size"].parse().unwrap();
    let (memory, seconds) = energies(&run, "ram_energy");
    let ours = CodeCarbon::V3
        .ram_power_w(gib, if cfg!(target_arch = "aarch64") { Processor::Arm } else { Processor::X86 });
    assert!((memory[2] / seconds / ours - 1.0).abs() < 0.02, "{memory:?} J in {seconds} s, {ours} W");
}
