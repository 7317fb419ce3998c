//! The library and the executable that this crate carries in itself.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// Name of the library in its directory.
pub(super) const NVML: &str = "libnvidia-ml.so.1";

/// Name of the executable in its directory.
pub(super) const NVIDIA_SMI: &str = "nvidia-smi";

/// Name and contents of both, or why this program has none.
type Images = Result<[(&'static str, &'static [u8]); 2], &'static str>;

#[cfg(images)]
const IMAGES: Images = Ok([
    (NVML, include_bytes!(concat!(env!("OUT_DIR"), "/images/libnvidia-ml.so.1"))),
    (NVIDIA_SMI, include_bytes!(concat!(env!("OUT_DIR"), "/images/nvidia-smi"))),
]);

#[cfg(not(images))]
const IMAGES: Images = Err(match option_env!("VIRTUAL_RIG_NO_IMAGES") {
    Some(reason) => reason,
    None => "feature `embed` is off",
});

/// A directory of one rig, for its owner alone; removed with all that is in it when dropped.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new() -> Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let base = std::env::temp_dir();
        let builder = private_directory();
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("virtual-rig-{}-{number}", std::process::id()));
            match builder.create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left by a process of the same id that was killed.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Error::because(
                        format!("cannot make a directory in {}", base.display()),
                        error,
                    ));
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the library and the executable.
    pub(super) fn extract(&self) -> Result<()> {
        let images = IMAGES.map_err(|reason| {
            Error::new(format!("this program was built without the virtual node: {reason}"))
        })?;
        for (name, bytes) in images {
            let path = self.0.join(name);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
            options
                .open(&path)
                .and_then(|mut file| file.write_all(bytes))
                .map_err(|error| Error::because(format!("cannot write {}", path.display()), error))?;
        }
        self.try_executable()
    }

    /// Runs the executable once. Another thread that starts a process at this moment may hold our file open for
    /// writing for a while, and then it cannot be run; once it could, it always can.
    fn try_executable(&self) -> Result<()> {
        let path = self.0.join(NVIDIA_SMI);
        let mut patience = 1_000;
        loop {
            let run = std::process::Command::new(&path)
                .arg("--probe")
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status();
            match run {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && patience > 0 => {
                    patience -= 1;
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(error) => {
                    let hint = "is the temporary directory mounted noexec? TMPDIR chooses another";
                    return Err(Error::because(format!("cannot run {} ({hint})", path.display()), error));
                }
            }
        }
    }
}

/// Makes directories that are their owner's alone, where the system has a way to say so.
#[cfg(unix)]
fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(not(unix))]
fn private_directory() -> DirBuilder {
    DirBuilder::new()
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Nothing to be done about a failure; it is in the system's directory of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
