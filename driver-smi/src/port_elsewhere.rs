//! In place of the process on systems without `poll`: the parsers work everywhere, reading a live GPU needs Unix.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::SmiError;
use crate::lines::Lines;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn success(self) -> Result<String, SmiError> {
        Ok(self.text)
    }

    pub(crate) fn despite_lost(self) -> Result<(String, Option<SmiError>), SmiError> {
        Ok((self.text, None))
    }
}

#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) lines: Lines,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Before,
    During,
}

fn refuse<T>(binary: &Path) -> Result<T, SmiError> {
    Err(SmiError::spawn(binary, io::Error::new(io::ErrorKind::Unsupported, "this driver reads on Unix only")))
}

pub(crate) fn ask<S: AsRef<OsStr>>(binary: &Path, _: &[S], _: Duration) -> Result<Answer, SmiError> {
    refuse(binary)
}

impl Feed {
    pub(crate) fn start<S: AsRef<OsStr>>(binary: &Path, _: &[S]) -> Result<Self, SmiError> {
        refuse(binary)
    }

    pub(crate) fn drain(&mut self) -> Result<(), SmiError> {
        Ok(())
    }

    pub(crate) fn wait(&mut self, _: usize, _: Instant, limit: Duration) -> Result<Arrival, SmiError> {
        Err(SmiError::Hung { deadline: limit, said: String::new() })
    }
}
