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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The meter is plugged in again as another number, and another device has taken its own.
    #[test]
    fn a_device_that_was_renumbered_is_found_and_its_old_number_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (dev, by_id) = (folder.path().join("dev"), folder.path().join("by-id"));
        fs::create_dir_all(&dev).unwrap();
        fs::create_dir_all(&by_id).unwrap();
        let (first, second, link) = (dev.join("ttyUSB0"), dev.join("ttyUSB1"), by_id.join("usb-meter-port0"));
        fs::write(&first, "").unwrap();
        symlink(&first, &link).unwrap();
        let stable = StableName::of(&first, &by_id);
        assert_eq!(stable.name(), Some(&*link));
        assert_eq!(stable.present(&first), Some(first.canonicalize().unwrap()));
        fs::remove_file(&link).unwrap();
        assert_eq!(stable.present(&first), None, "its old number is another device's now");
        fs::write(&second, "").unwrap();
        symlink(&second, &link).unwrap();
        assert_eq!(stable.present(&first), Some(second.canonicalize().unwrap()));
    }

    #[test]
    fn a_device_without_a_stable_name_is_sought_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ttyS0");
        fs::write(&path, "").unwrap();
        let stable = StableName::of(&path, &folder.path().join("no-such-folder"));
        assert_eq!((stable.name(), stable.present(&path)), (None, Some(path.clone())));
    }
}
