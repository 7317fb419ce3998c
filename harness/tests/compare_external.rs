//! Comparisons of others' recordings, with the figures that were found independently.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};

use harness::comparison::{Request, RunComparison, compare};
use harness::correction::Cards;
use harness::energy::energy;
use harness::import::{Format, ImportRequest, import, time::parse_utc_offset};
use harness::run::Run;
use power_analysis::faults::Following;

fn external(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external").join(path)
}

/// One GPU with its sensor and the meter on its supply, in one run.
fn gpu_power_benchmark(folder: &Path, recording: &str) -> RunComparison {
    let dir = folder.join("run");
    let recording = external("gpu-power-benchmark").join(recording);
    let mut log = ImportRequest::new(Format::NvidiaSmi, vec![recording.join("gpudata.csv")], &dir);
    log.utc_offset = Some(parse_utc_offset("+01:00").unwrap());
    import(&log).unwrap();
    let mut meter = ImportRequest::new(Format::Pmd, vec![recording.join("PMD_data.bin")], &dir);
    meter.add = true;
    import(&meter).unwrap();
    let request = Request { reference: "PMD_data/power".into(), seed: 1, ..Request::default() };
    compare(&Run::open(&dir).unwrap(), &request).unwrap()
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn naive_energy_errors_of_nvidia_smi_against_a_meter() {
    for (recording, error) in [("square-wave/3090", -0.061), ("transient/A100_TR", -0.058)] {
        let folder = tempfile::tempdir().unwrap();
        let result = gpu_power_benchmark(folder.path(), recording);
        let judged = result.sensors.iter().find(|judged| judged.sensor.name == "gpudata/power.draw").unwrap();
        let comparison = judged.comparison.as_ref().unwrap();
        assert_eq!(comparison.following, Following::Yes);
        let found = &comparison.energies.as_ref().unwrap().naive.error;
        assert!((found.value - error).abs() <= 0.003, "{recording}: {found:?}");
        let (low, high) = found.low.zip(found.high).unwrap();
        assert!(low < found.value && found.value < high, "{found:?}");
        assert!(result.notes.iter().any(|note| note.contains("50 ms")), "the shift of the meter is told");
    }
}

fn dos_group(folder: &Path, gpu: &str) -> RunComparison {
    let dir = folder.join("run");
    let table =
        external("dos-group-gpu-power-benchmark").join(format!("mfu_aggregated_per_config_{gpu}.csv"));
    let mut request = ImportRequest::new(Format::Table, vec![table], &dir);
    request.map = Some("dos-group".into());
    request.name = Some("rig".into());
    import(&request).unwrap();
    let request = Request { reference: "rig/meter_power".into(), seed: 1, ..Request::default() };
    compare(&Run::open(&dir).unwrap(), &request).unwrap()
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn a_meter_that_follows_gives_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let result = dos_group(folder.path(), "L40");
    // A GPU is a part of what the meter sees: the line tells what is beside it, and none of it is an error.
    let part = result.sensors[0].part.as_ref().unwrap();
    let line = part.line.as_ref().unwrap();
    assert!((line.slope.value - 1.081).abs() < 0.0005, "{line:?}");
    assert!((line.intercept.value - 101.3).abs() < 0.05, "{line:?}");
    assert!(part.share.is_none(), "rows without time have no energy");
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn a_meter_of_another_machine_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let result = dos_group(folder.path(), "MI210");
    assert!(result.sensors[0].failed);
    assert!(result.sensors[0].verdict[0].contains("does not follow"), "{:?}", result.sensors[0].verdict);
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn mlperf_power_between_begin_and_end() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let samples = external(
        "mlperf-inference-v1.1/DGX-Station-A100_A100-SXM-80GBx4_TRT_MaxQ/resnet50/Offline/performance/run_1/spl.txt",
    );
    import(&ImportRequest::new(Format::Ptdaemon, vec![samples], &dir)).unwrap();
    let run = Run::open(&dir).unwrap();
    let result = energy(&run, &[], &Cards::default()).unwrap();
    let phase = &result.channels[0].phases[0];
    assert_eq!(phase.name, "power");
    // 761 884.7 J by numpy: trapezoids, ends interpolated.
    let joules = phase.energy.as_ref().unwrap().energy_j;
    assert!((joules - 761_884.7).abs() < 1.0, "{joules}");
    let descriptor = &run.manifest().sources[0].descriptor;
    assert_eq!(descriptor.device, "YOKOGAWA,WT333E,C2WC23035V,F1.04");
    assert_eq!(descriptor.details["current range"], "10.000000A");
    assert_eq!(descriptor.details["voltage range"], "300.000000V");
    assert_eq!(descriptor.details["uncertainty"], "could not be evaluated for 0 of 710 samples");
}
