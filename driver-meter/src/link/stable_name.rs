//! The name that stays with a serial device, whatever number the kernel gives it.

use std::fs;
use std::path::{Path, PathBuf};

/// Where udev keeps links that are made of maker, product and serial number of a USB serial device.
pub(crate) const BY_ID: &str = "/dev/serial/by-id";

/// A device's stable name, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StableName(Option<PathBuf>);

impl StableName {
    /// The link in `by_id` that points to the device at `path`; `path` itself if it is a symbolic link.
    pub(crate) fn of(path: &Path, by_id: &Path) -> Self {
        if path.is_symlink() {
            return Self(Some(path.to_owned()));
        }
        let Ok(device) = path.canonicalize() else { return Self(None) };
        let mut links: Vec<PathBuf> = fs::read_dir(by_id)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|link| link.canonicalize().is_ok_and(|target| target == device))
            .collect();
        links.sort();
        Self(links.into_iter().next())
    }

    /// The stable name.
    pub(crate) fn name(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Where the device is now: where its stable name points, `usual` if it has none; `None` if it is not there.
    pub(crate) fn present(&self, usual: &Path) -> Option<PathBuf> {
        match &self.0 {
            Some(link) => link.canonicalize().ok(),
            None => Some(usual.to_owned()),
        }
    }
}
