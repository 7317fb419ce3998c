//! Loads NVIDIA's library, once per process and path, and keeps NVML initialised while somebody needs it.
//!
//! A loaded library is never unloaded: it may have threads of its own. NVML is shut down as soon as the last
//! session ends, since an initialised NVML keeps GPUs awake where persistence mode is off.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use power_core::{ClockDomain, Error, ErrorKind, Result};

use crate::config::LibraryPath;
use crate::error::Failure;
use crate::port;

static LIBRARIES: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

/// A loaded library, for the rest of the process.
pub(crate) struct Library {
    path: OsString,
    nvml: Nvml,
    sessions: Mutex<usize>,
    notes: Mutex<BTreeMap<String, Note>>,
}

/// What was measured when a source was first opened: opened again in this process, it has the same descriptor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    pub(crate) details: Vec<(String, String)>,
    pub(crate) clock: ClockDomain,
}

/// A stretch of time in which NVML is initialised.
#[derive(Debug)]
pub(crate) struct Session {
    library: &'static Library,
}

impl Session {
    /// Loads the first of the libraries that is there, or joins a session with it.
    pub(crate) fn open(paths: &LibraryPath) -> Result<Self> {
        let mut libraries = lock(&LIBRARIES);
        let mut refused = None;
        for path in paths.candidates() {
            if let Some(library) = libraries.iter().find(|library| library.path == *path) {
                return library.join().map_err(|failure| cannot_start(failure, path));
            }
            match Nvml::builder().lib_path(path).init() {
                Ok(nvml) => {
                    let library = Library {
                        path: path.clone(),
                        nvml,
                        sessions: Mutex::new(1),
                        notes: Mutex::default(),
                    };
                    let library: &'static Library = Box::leak(Box::new(library));
                    libraries.push(library);
                    return Ok(Self { library });
                }
                Err(NvmlError::LibloadingError(error)) => {
                    refused.get_or_insert(error);
                }
                Err(error) => return Err(cannot_start(error.into(), path)),
            }
        }
        let error = Error::new(ErrorKind::Unavailable, paths.not_found());
        let error = error.with_context("searched", paths.to_string());
        Err(match refused {
            Some(cause) => error.with_source(cause),
            None => error,
        })
    }

    /// The library; its handles are valid while this session lasts.
    pub(crate) fn nvml(&self) -> &'static Nvml {
        &self.library.nvml
    }

    /// Where the library was loaded from.
    pub(crate) fn path(&self) -> &OsStr {
        &self.library.path
    }

    /// What was measured under this key before.
    pub(crate) fn note(&self, key: &str) -> Option<Note> {
        lock(&self.library.notes).get(key).cloned()
    }

    /// Keeps what was measured.
    pub(crate) fn keep(&self, key: String, note: Note) {
        lock(&self.library.notes).insert(key, note);
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        *lock(&self.library.sessions) += 1;
        Self { library: self.library }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut sessions = lock(&self.library.sessions);
        *sessions -= 1;
        if *sessions == 0 {
            port::shutdown(&self.library.nvml);
        }
    }
}

impl Library {
    fn join(&'static self) -> Result<Session, Failure> {
        let mut sessions = lock(&self.sessions);
        if *sessions == 0 {
            port::initialise(&self.nvml)?;
        }
        *sessions += 1;
        Ok(Session { library: self })
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Library").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The error of a library that is there and does not start.
fn cannot_start(failure: Failure, path: &OsStr) -> Error {
    Error::new(failure.kind(), "NVML does not start")
        .with_context("library", path.to_string_lossy())
        .with_source(failure)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
