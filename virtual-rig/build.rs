//! Builds `libnvidia-ml.so.1` and `nvidia-smi` for the target, so that this crate can carry them in itself.
//!
//! Cargo cannot yet give a crate another crate's shared library, so this makes a package in `OUT_DIR` whose library
//! and executable are the two files in `image/` and whose one dependency is this crate, without its feature
//! `embed`: then it has no images and this script does nothing. The nested build
//!
//! - has its own target directory, so it never waits for the lock of the build that it is part of;
//! - works with the crates of this build: same versions where there is a Cargo.lock, no network if possible;
//! - knows nothing of this build's profile, flags, wrappers and sanitisers: the images are the same in all.
//!
//! If it fails, this crate is built without images, and starting a rig says why: nobody who only compiles a
//! program that could start one needs a linker for it.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// This workspace's crates that the images contain.
const OWN_CRATES: [&str; 2] = ["power-core", "power-testkit"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(images)");
    if env::var_os("CARGO_FEATURE_EMBED").is_none() {
        return;
    }
    println!("cargo::rerun-if-changed=image");
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    let out = path("OUT_DIR").join("images");
    let reason = match build(&out) {
        Ok(()) => {
            println!("cargo::rustc-cfg=images");
            return;
        }
        Err(reason) => reason,
    };
    let error = reason.lines().find(|line| line.starts_with("error")).or(reason.lines().next());
    println!("cargo::rustc-env=VIRTUAL_RIG_NO_IMAGES={}", error.unwrap_or("unknown"));
    if env::var_os("DOCS_RS").is_none() && linux() {
        for line in reason.lines().take(30) {
            println!("cargo::warning=no virtual node: {line}");
        }
        // A file that never is there: try again at the next build.
        println!("cargo::rerun-if-changed={}", out.join("never").display());
    }
}

fn linux() -> bool {
    env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux")
}

fn path(variable: &str) -> PathBuf {
    env::var_os(variable).map(PathBuf::from).unwrap_or_default()
}

fn build(out: &Path) -> Result<(), String> {
    if !linux() {
        return Err("NVIDIA's library and tool are imitated on Linux only".to_owned());
    }
    if env::var_os("DOCS_RS").is_some() {
        return Err("built for documentation only".to_owned());
    }
    let package = out.join("package");
    let failed = |error: io::Error| format!("cannot prepare the nested build: {error}");
    fs::create_dir_all(&package).map_err(failed)?;
    write_if_changed(&package.join("Cargo.toml"), &manifest(&path("CARGO_MANIFEST_DIR"))).map_err(failed)?;
    copy_lock(&package).map_err(failed)?;
    run(&package, &out.join("target"))?;
    let built = out.join("target").join(env::var("TARGET").unwrap_or_default()).join("release");
    for (from, to) in [("libnvidia_ml.so", "libnvidia-ml.so.1"), ("nvidia-smi", "nvidia-smi")] {
        let (from, to) = (built.join(from), out.join(to));
        fs::copy(&from, &to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    }
    watch_sources(&built);
    Ok(())
}

/// The nested package.
fn manifest(own: &Path) -> String {
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let mut text = format!(
        r#"[package]
name = "virtual-rig-images"
version = "{version}"
edition = "2024"
publish = false

[workspace]

[lib]
name = "nvidia_ml"
path = {library}
crate-type = ["cdylib"]
test = false
doctest = false

[[bin]]
name = "nvidia-smi"
path = {executable}

[dependencies]
virtual-rig = {{ path = {own}, default-features = false }}

[profile.release]
debug = false
strip = true
lto = false
panic = "unwind"
"#,
        library = quoted(&own.join("image/nvml.rs")),
        executable = quoted(&own.join("image/smi.rs")),
        own = quoted(own),
    );
    // Where this crate is unpacked beside the others, as by `cargo package`, they need not be on a registry.
    let beside: Vec<(&str, PathBuf)> = OWN_CRATES
        .iter()
        .filter_map(|name| Some((*name, own.parent()?.join(format!("{name}-{version}")))))
        .filter(|(_, directory)| directory.join("Cargo.toml").is_file())
        .collect();
    if !beside.is_empty() {
        text.push_str("\n[patch.crates-io]\n");
        for (name, directory) in beside {
            let _ = writeln!(text, "{name} = {{ path = {} }}", quoted(&directory));
        }
    }
    text
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""))
}

fn write_if_changed(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) { Ok(()) } else { fs::write(path, text) }
}

/// Copies the lock file of the workspace or package, so that the images have the same dependencies.
fn copy_lock(package: &Path) -> io::Result<()> {
    let own = path("CARGO_MANIFEST_DIR");
    let Some(lock) = own.ancestors().take(2).map(|at| at.join("Cargo.lock")).find(|lock| lock.is_file())
    else {
        return Ok(());
    };
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock)?;
    // The nested cargo adds its own package to its copy; only a lock that has changed may undo that.
    let copied = package.join("Cargo.lock.copied");
    if fs::read_to_string(&copied).is_ok_and(|old| old == text) && package.join("Cargo.lock").is_file() {
        return Ok(());
    }
    fs::write(package.join("Cargo.lock"), &text)?;
    fs::write(copied, text)
}

/// Runs the nested build: with the versions of the lock and what is on this machine; with whatever versions are on
/// it, for it is the lock of this crate's release that is found where this crate comes from a registry; with the
/// network.
fn run(package: &Path, target_dir: &Path) -> Result<(), String> {
    let mut told = String::new();
    for (how, offline, locked) in
        [("offline", true, true), ("unlocked", true, false), ("online", false, true)]
    {
        if !locked {
            let _ = fs::remove_file(package.join("Cargo.lock"));
        }
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(path("CARGO_MANIFEST_DIR")).args([
            "build",
            "--release",
            "--quiet",
            "--manifest-path",
        ]);
        command.arg(package.join("Cargo.toml")).arg("--target-dir").arg(target_dir);
        command.arg("--target").arg(env::var_os("TARGET").unwrap_or_default());
        if offline {
            command.arg("--offline");
        }
        for (name, _) in env::vars_os().filter(|(name, _)| is_of_this_build(name)) {
            command.env_remove(name);
        }
        let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let _ = write!(told, "cargo failed ({how}):\n{said}");
        // What is missing offline may be had online; what does not compile or link will not.
        if !said.contains("offline") {
            break;
        }
    }
    Err(told)
}

/// Whether a variable is of the build that this is part of, and not of the machine.
fn is_of_this_build(name: &OsStr) -> bool {
    const NAMES: [&str; 14] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_ENCODED_RUSTDOCFLAGS",
        "CARGO_INCREMENTAL",
        "CARGO_TARGET_DIR",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CLIPPY_ARGS",
        "LLVM_PROFILE_FILE",
        "RUSTC_BOOTSTRAP",
    ];
    const PREFIXES: [&str; 6] =
        ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PKG_", "CARGO_PROFILE_", "CARGO_BUILD_", "CARGO_UNSTABLE_"];
    let Some(name) = name.to_str() else { return false };
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
}

/// Has this run again when a source of the images changes: those of this crate and its neighbours.
fn watch_sources(built: &Path) {
    for list in ["libnvidia_ml.d", "nvidia-smi.d"] {
        let text = fs::read_to_string(built.join(list)).unwrap_or_default();
        let text = text.replace("\\ ", "\0");
        for source in
            text.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, all)| all.split(' '))
        {
            println!("cargo::rerun-if-changed={}", source.replace('\0', " "));
        }
    }
}
