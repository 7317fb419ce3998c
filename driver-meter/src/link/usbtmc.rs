//! USB instruments by the kernel's driver: `/dev/usbtmcN`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use super::{Link, gone, left, usbtmc_ioctl};

/// An instrument behind the kernel's `usbtmc` driver.
///
/// The driver makes a message of each write, and asks the instrument for a message at each read. It waits at least
/// 100 ms, so that a deadline may be passed by as much. The instrument is known by its serial number, so that it is
/// found again under another number.
#[derive(Debug)]
pub struct UsbTmcLink {
    path: PathBuf,
    identity: Option<Identity>,
    name: String,
    file: Option<File>,
}

/// What tells an instrument from another: vendor, product, serial number, as USB gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity([String; 3]);

impl Identity {
    fn of(sys: &Path, path: &Path) -> Option<Self> {
        let device = sys.join("class/usbmisc").join(path.file_name()?).join("device/..");
        let text = |name: &str| fs::read_to_string(device.join(name)).ok().map(|text| text.trim().to_owned());
        Some(Self([text("idVendor")?, text("idProduct")?, text("serial").unwrap_or_default()]))
    }
}

impl UsbTmcLink {
    /// Opens the instrument at `path`, such as `/dev/usbtmc0`. Does not wait.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if there is no such device
    /// - [`ErrorKind::PermissionDenied`] naming the udev rule that gives access
    pub fn open(path: &str) -> Result<Self> {
        let path = PathBuf::from(path);
        let mut link = Self {
            name: path.display().to_string(),
            identity: Identity::of(Path::new("/sys"), &path),
            path,
            file: None,
        };
        link.reopen(Instant::now())?;
        Ok(link)
    }

    /// The file, with the time until `deadline` set as its timeout.
    fn file(&mut self, deadline: Instant) -> Result<&mut File> {
        let Some(time) = left(deadline) else {
            let message = "no time is left to wait for the USB instrument";
            return Err(Error::new(ErrorKind::Timeout, message).with_context("link", &*self.name));
        };
        let Some(file) = self.file.as_mut() else { return Err(gone(&self.name)) };
        match usbtmc_ioctl::set_timeout(file.as_fd(), time) {
            Ok(()) => {}
            Err(error) => return Err(self.failed("the USB instrument is gone", error)),
        }
        // Borrowed anew, since `failed` needs all of it.
        self.file.as_mut().ok_or_else(|| gone(&self.name))
    }

    fn failed(&mut self, tried: &'static str, error: io::Error) -> Error {
        if error.kind() == io::ErrorKind::TimedOut {
            return Error::from_io(ErrorKind::Timeout, tried, error).with_context("link", &*self.name);
        }
        self.file = None;
        Error::new(ErrorKind::Disconnected, tried).with_context("link", &*self.name).with_source(error)
    }

    /// Where the instrument is now.
    fn present(&self) -> Option<PathBuf> {
        let Some(identity) = &self.identity else { return Some(self.path.clone()) };
        let is_it = |path: &Path| Identity::of(Path::new("/sys"), path).as_ref() == Some(identity);
        if is_it(&self.path) {
            return Some(self.path.clone());
        }
        let entries = fs::read_dir("/sys/class/usbmisc").ok()?;
        let names = entries.filter_map(|entry| Some(Path::new("/dev").join(entry.ok()?.file_name())));
        names.filter(|path| path.to_string_lossy().contains("usbtmc")).find(|path| is_it(path))
    }
}

impl Link for UsbTmcLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn details(&self) -> Vec<(String, String)> {
        let mut details = vec![("link".to_owned(), self.name.clone())];
        if let Some(Identity([vendor, product, serial])) = &self.identity {
            details.push(("usb".into(), format!("{vendor}:{product} {serial}")));
        }
        details
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        // One message: never in parts.
        match self.file(deadline)?.write(bytes) {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(_) => Err(self.failed("cannot send", io::ErrorKind::WriteZero.into())),
            Err(error) => Err(self.failed("cannot send", error)),
        }
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        match self.file(deadline)?.read(buffer) {
            Ok(0) if buffer.is_empty() => Ok(0),
            Ok(0) => Err(self.failed("no answer", io::ErrorKind::TimedOut.into())),
            Ok(count) => Ok(count),
            Err(error) => Err(self.failed("no answer", error)),
        }
    }

    /// Nothing to do: an instrument sends only what it is asked for.
    fn discard_input(&mut self) -> Result<()> {
        if self.file.is_some() { Ok(()) } else { Err(gone(&self.name)) }
    }

    fn reopen(&mut self, _deadline: Instant) -> Result<()> {
        self.file = None;
        let path = self.present().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the USB instrument is not plugged in")
                .with_context("link", &*self.name)
        })?;
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.map_err(|error| {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let error = Error::from_io(ErrorKind::Unavailable, "cannot open the USB instrument", error)
                .with_context("path", path.display().to_string());
            if denied {
                error.with_context(
                    "mend",
                    "echo 'SUBSYSTEM==\"usbmisc\", KERNEL==\"usbtmc*\", MODE=\"0660\", GROUP=\"plugdev\"' | \
                     sudo tee /etc/udev/rules.d/70-usbtmc.rules && sudo udevadm control --reload && sudo udevadm trigger",
                )
            } else {
                error
            }
        })?;
        // What an earlier exchange left unsaid would be taken for the next answer.
        if let Err(error) = usbtmc_ioctl::clear(file.as_fd()) {
            return Err(Error::from_io(
                ErrorKind::Unavailable,
                "this is no USBTMC instrument, or it hangs",
                error,
            )
            .with_context("path", path.display().to_string()));
        }
        self.file = Some(file);
        self.path = path;
        Ok(())
    }
}
