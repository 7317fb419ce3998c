//! The kernels, assembled by NVIDIA's own assembler for GPUs from 2014 to 2025.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::Path;
use std::process::Command;

fn assemble(file: &str, architecture: &str) {
    let ptxas =
        std::env::var_os("WATTPROOF_PTXAS").expect("WATTPROOF_PTXAS names ptxas: see .ci/install-peers");
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(ptxas)
        .args(["--warning-as-error", "-v", "-arch", architecture, "-o"])
        .arg(folder.path().join("cubin"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cuda").join(file))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file} for {architecture}: {said}");
    // Registers that do not fit would go through memory, and take another power than the multiprocessors'.
    assert!(!said.contains("bytes spill stores") || said.contains(" 0 bytes spill stores"), "{said}");
}

#[test]
#[ignore = "needs ptxas: NVIDIA's assembler"]
fn kernels_assemble_for_every_generation() {
    for architecture in
        ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"]
    {
        assemble("general.ptx", architecture);
    }
    for architecture in ["sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"] {
        assemble("matrix.ptx", architecture);
    }
}
