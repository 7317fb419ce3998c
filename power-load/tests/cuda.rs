//! The GPU load on a driver made of software, which a test compiles with the failure that it needs.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use power_load::{CudaLoad, CudaOptions, Demand, Error, GpuDemand, GpuId, Kernel, Load};
use tempfile::TempDir;

struct Fake {
    folder: TempDir,
}

impl Fake {
    fn new(fail: &str) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        let compiled = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--crate-type=cdylib", "--edition=2021", "--cap-lints=allow", "-o"])
            .arg(fake.library())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_cuda/libcuda.rs"))
            .env("FAKE_LOG", fake.log())
            .envs((!fail.is_empty()).then_some(("FAKE_FAIL", fail)))
            .output()
            .unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        fake
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("libcuda.so.1")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn options(&self, gpus: &[&str]) -> CudaOptions {
        let gpus = gpus.iter().map(|gpu| GpuId::from(*gpu)).collect();
        CudaOptions { library: Some(self.library()), gpus, kernel: None }
    }

    /// Kernel and blocks of each launch: 1 products, 2 multiply-adds, 3 streams, 4 filling.
    fn launches(&self) -> Vec<(u32, u32)> {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let number = |word: &str| word.parse().unwrap();
        text.lines().filter_map(|line| line.split_once(' ')).map(|(k, b)| (number(k), number(b))).collect()
    }
}

fn demand(compute: f64, memory: f64) -> Demand {
    Demand::IDLE.with_gpus(1, GpuDemand { compute, memory })
}

#[test]
fn gpus_are_numbered_as_the_bus_numbers_them_and_each_computes_the_best_it_can() {
    let fake = Fake::new("");
    let gpus = CudaLoad::gpus_there(&fake.options(&[])).unwrap();
    let names: Vec<_> = gpus.iter().map(|gpu| (gpu.index, gpu.name.as_str())).collect();
    assert_eq!(names, [(0, "Old GPU"), (1, "Fast GPU")]);
    assert_eq!(gpus[1].uuid, "GPU-0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a");

    let load = CudaLoad::start(&fake.options(&["9B:00.0", "0"])).unwrap();
    let kernels: Vec<_> = load.gpus().map(|(gpu, kernel)| (gpu.index, kernel)).collect();
    assert_eq!(kernels, [(1, Kernel::Matrix), (0, Kernel::MultiplyAdd)]);
    drop(load);

    let logs = CudaLoad::check_kernels(&fake.options(&[])).unwrap();
    let modules: Vec<_> = logs.iter().map(|log| (log.gpu.index, log.module, log.log.as_str())).collect();
    let expected =
        [(0, "general.ptx", "compiled"), (1, "general.ptx", "compiled"), (1, "matrix.ptx", "compiled")];
    assert_eq!(modules, expected);
}

#[test]
fn the_share_of_the_multiprocessors_follows_the_demand_and_rest_is_rest() {
    let fake = Fake::new("");
    let mut load = CudaLoad::start(&fake.options(&["1"])).unwrap();
    assert_eq!(fake.launches(), [(4, 100)], "the buffer is filled, and nothing more");
    load.set(&demand(0.25, 0.0)).unwrap();
    std::thread::sleep(Duration::from_millis(40));
    load.set(&demand(1.0, 0.001)).unwrap();
    std::thread::sleep(Duration::from_millis(40));
    let before = Instant::now();
    load.set(&Demand::IDLE).unwrap();
    let stop = before.elapsed();
    let launches = fake.launches();
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(fake.launches().len(), launches.len(), "it rests after {stop:?}");
    let mut kinds = launches.clone();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [(1, 25), (1, 100), (3, 1), (4, 100)]);
    let done = load.activity()[0];
    assert_eq!(usize::try_from(done.launches).unwrap(), launches.len() - 1);
    assert!(done.busy_s >= 0.08, "{done:?}");
    // The software's launches are one round of each block.
    let rounds =
        |kernel| launches.iter().filter(|launch| launch.0 == kernel).map(|launch| f64::from(launch.1)).sum();
    let (products, streams): (f64, f64) = (rounds(1), rounds(3));
    assert!((done.flop / products - 16.0 * 256.0 * 4096.0).abs() < 1.0, "{done:?}");
    assert!((done.bytes / streams - 512.0 * 64.0 * 16.0).abs() < 1.0, "{done:?}");
}

#[test]
fn what_is_not_there_is_said() {
    let nothing = CudaOptions { library: Some("/nowhere/libcuda.so.1".into()), ..CudaOptions::default() };
    let error = CudaLoad::start(&nothing).unwrap_err();
    assert!(matches!(error, Error::NoLibrary { .. }));
    assert_eq!(
        error.to_string(),
        "NVIDIA's driver is not installed here: no /nowhere/libcuda.so.1 can be loaded"
    );
    let fake = Fake::new("");
    let error = CudaLoad::start(&fake.options(&["7"])).unwrap_err().to_string();
    assert!(error.starts_with("there is no GPU 7; there are GPU 0 (Old GPU, GPU-0b0b"), "{error}");
    let matrix = CudaOptions { kernel: Some(Kernel::Matrix), ..fake.options(&["0"]) };
    let error = CudaLoad::start(&matrix).unwrap_err();
    assert!(matches!(error, Error::Unsupported { capability: (7, 5), .. }), "{error}");
}

#[test]
fn no_gpu_at_all_is_said() {
    let fake = Fake::new("cuInit=100");
    let error = CudaLoad::start(&fake.options(&[])).unwrap_err();
    assert_eq!(error.to_string(), "there is no GPU; there is none at all");
}

#[test]
fn memory_that_others_have_is_said() {
    // After the counters and what threads write: the buffer.
    let fake = Fake::new("cuMemAlloc_v2=2@2");
    let error = CudaLoad::start(&fake.options(&["1"])).unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { asked_bytes: 268_435_456, .. }), "{error}");
    assert!(error.to_string().contains("has not got 256 MiB of memory free"), "{error}");
}

#[test]
fn kernels_that_the_driver_does_not_take_come_with_its_words() {
    let fake = Fake::new("cuModuleLoadDataEx=218");
    let error = CudaLoad::start(&fake.options(&["1"])).unwrap_err().to_string();
    assert!(
        error.contains("CUDA_ERROR_INVALID_PTX") && error.contains("line 7: no such instruction"),
        "{error}"
    );
}

#[test]
fn a_gpu_that_is_lost_under_load_is_an_error_from_then_on() {
    let fake = Fake::new("cuLaunchKernel=719@20");
    let mut load = CudaLoad::start(&fake.options(&["1"])).unwrap();
    load.set(&demand(1.0, 0.0)).unwrap();
    // Some launches go well before one does not.
    let until = Instant::now() + Duration::from_secs(10);
    let first = loop {
        match load.set(&demand(1.0, 0.0)) {
            Ok(()) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            outcome => break outcome.unwrap_err(),
        }
    };
    assert!(fake.launches().len() >= 20, "{:?}", fake.launches());
    for error in [first, load.set(&Demand::IDLE).unwrap_err()] {
        assert!(matches!(error, Error::DeviceLost { .. }), "{error}");
        assert!(error.to_string().contains("unspecified launch failure"), "{error}");
    }
}
