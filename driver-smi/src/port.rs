//! The process: the only file that starts, reads from and ends one.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::SmiError;
use crate::lines::Lines;

/// The longest answer of one process that is kept. `-q -x` has 27 kB a GPU.
const LONGEST_ANSWER: usize = 16 << 20;

/// How much of what the process says on its standard error is kept.
const KEPT: usize = 512;

/// How long the end of a process that was killed is waited for before a thread does that.
const GRACE: Duration = Duration::from_millis(200);

/// What became of waiting for output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// That many bytes.
    Bytes(usize),
    /// Nothing before the deadline.
    Nothing,
    /// The process has closed its output.
    End,
}

/// A running `nvidia-smi`. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    /// `None` once it has ended and was waited for.
    child: Option<Child>,
    output: File,
    errors: Option<File>,
    said: Vec<u8>,
}

impl Process {
    /// Starts the binary with these arguments, in UTC, so that the local time that it prints has a known zone.
    ///
    /// It gets a process group of its own, so that a wrapper script is ended with all that it has started.
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(binary: &Path, arguments: &[S]) -> Result<Self, SmiError> {
        let mut child = Command::new(binary)
            .args(arguments)
            .env("TZ", "UTC0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|cause| SmiError::spawn(binary, cause))?;
        let output = child.stdout.take().map(OwnedFd::from).map(File::from);
        let errors = child.stderr.take().map(OwnedFd::from).map(File::from);
        match output {
            Some(output) => Ok(Self { child: Some(child), output, errors, said: Vec::with_capacity(KEPT) }),
            None => Err(SmiError::Pipe(std::io::Error::other("no pipe"))),
        }
    }

    /// Waits for output until `deadline`, and reads what there is into `space`. Allocates nothing.
    pub(crate) fn wait(&mut self, space: &mut [u8], deadline: Instant) -> Result<Came, SmiError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let [output, errors] = self.ready(left).map_err(SmiError::Pipe)?;
            if errors {
                self.listen();
            }
            if output {
                return match self.output.read(space) {
                    Ok(0) => Ok(Came::End),
                    Ok(count) => Ok(Came::Bytes(count)),
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(SmiError::Pipe(error)),
                };
            }
            if left.is_zero() {
                return Ok(Came::Nothing);
            }
        }
    }

    /// Whether output and errors can be read, after waiting for one of them.
    fn ready(&self, left: Duration) -> std::io::Result<[bool; 2]> {
        let seconds = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        let left = Timespec { tv_sec: seconds, tv_nsec: left.subsec_nanos().into() };
        // A second look at the output stands in where the errors are closed.
        let errors = self.errors.as_ref().unwrap_or(&self.output);
        let mut watched = [
            PollFd::from_borrowed_fd(self.output.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(errors.as_fd(), PollFlags::IN),
        ];
        match poll(&mut watched, Some(&left)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok([false; 2]),
            Err(error) => return Err(error.into()),
        }
        let [output, errors] = watched.map(|watched| !watched.revents().is_empty());
        Ok([output, errors && self.errors.is_some()])
    }

    /// Reads what the process says on its standard error, and keeps the beginning.
    fn listen(&mut self) {
        let mut part = [0; KEPT];
        match self.errors.as_mut().map(|errors| errors.read(&mut part)) {
            Some(Ok(count)) if count > 0 => {
                let room = KEPT.saturating_sub(self.said.len()).min(count);
                self.said.extend_from_slice(&part[..room]);
            }
            Some(Err(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
            _ => self.errors = None,
        }
    }

    /// What the process has said on its standard error.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// Waits for the end of a process that has closed its output; `limit` is what the deadline was made of.
    pub(crate) fn finish(&mut self, deadline: Instant, limit: Duration) -> Result<ExitStatus, SmiError> {
        let Some(child) = &mut self.child else {
            return Err(SmiError::Pipe(std::io::Error::other("ended before")));
        };
        let mut nap = Duration::from_micros(50);
        loop {
            match child.try_wait() {
                Ok(Some(status)) => {
                    self.child = None;
                    while self.ready(Duration::ZERO).is_ok_and(|[_, errors]| errors) {
                        self.listen();
                    }
                    return Ok(status);
                }
                Ok(None) if Instant::now() >= deadline => {
                    return Err(SmiError::Hung { deadline: limit, said: self.said() });
                }
                Ok(None) => thread::sleep(nap),
                Err(error) => return Err(SmiError::Pipe(error)),
            }
            nap = (nap * 2).min(Duration::from_millis(2));
        }
    }
}

impl Drop for Process {
    /// Ends the process and what it has started, and waits for it, so that no zombie stays.
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Not waited for yet, so its id is still its own. If it has ended already there is nobody to kill.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            match child.try_wait() {
                Ok(None) => thread::sleep(Duration::from_micros(200)),
                _ => return,
            }
        }
        // It hangs in the kernel, where no signal reaches it; the caller must not hang with it.
        let _ = thread::Builder::new().name("nvidia-smi reaper".into()).spawn(move || child.wait());
    }
}

/// What one process printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) said: String,
    pub(crate) code: Option<i32>,
}

impl Answer {
    /// The text of a process that ended well.
    ///
    /// # Errors
    ///
    /// - [`SmiError::Exit`] and [`SmiError::Signal`] if it did not.
    pub(crate) fn success(self) -> Result<String, SmiError> {
        // Failures are told on either stream.
        let said = || if self.said.trim().is_empty() { self.text.clone() } else { self.said.clone() };
        match self.code {
            Some(0) => Ok(self.text),
            Some(code) => Err(SmiError::Exit { code, said: said() }),
            None => Err(SmiError::Signal { said: said() }),
        }
    }

    /// The text of a process that ended well; also of one that ended with code 15, which has printed what it could
    /// of the GPUs that are left, with that end.
    ///
    /// # Errors
    ///
    /// - as [`success`](Self::success) for every other end.
    pub(crate) fn despite_lost(self) -> Result<(String, Option<SmiError>), SmiError> {
        let text = self.text.clone();
        match self.success() {
            Ok(text) => Ok((text, None)),
            Err(error @ SmiError::Exit { code: 15, .. }) => Ok((text, Some(error))),
            Err(error) => Err(error),
        }
    }
}

/// Runs the binary to its end, at most for `limit`; then it is killed.
pub(crate) fn ask<S: AsRef<std::ffi::OsStr>>(
    binary: &Path,
    arguments: &[S],
    limit: Duration,
) -> Result<Answer, SmiError> {
    let deadline = Instant::now() + limit;
    let mut process = Process::start(binary, arguments)?;
    let mut text = Vec::new();
    let mut part = [0; 8_192];
    loop {
        match process.wait(&mut part, deadline)? {
            Came::Bytes(count) => text.extend_from_slice(&part[..count]),
            Came::End => break,
            Came::Nothing => return Err(SmiError::Hung { deadline: limit, said: process.said() }),
        }
        if text.len() > LONGEST_ANSWER {
            return Err(SmiError::Endless);
        }
    }
    let status = process.finish(deadline, limit)?;
    // Damaged text is for the parsers to judge, not a reason to lose all of it.
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(Answer { text, said: process.said(), code: status.code() })
}

/// A long-lived `nvidia-smi` and the lines that it prints.
#[derive(Debug)]
pub(crate) struct Feed {
    process: Process,
    pub(crate) lines: Lines,
}

/// What waiting for lines came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// At least one line was there already.
    Before,
    /// The lines have come since.
    During,
}

impl Feed {
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(binary: &Path, arguments: &[S]) -> Result<Self, SmiError> {
        Ok(Self { process: Process::start(binary, arguments)?, lines: Lines::new() })
    }

    /// Takes in what has come already, without waiting.
    pub(crate) fn drain(&mut self) -> Result<(), SmiError> {
        let now = Instant::now();
        while !self.lines.space().is_empty() {
            let space = self.lines.space();
            match self.process.wait(space, now)? {
                Came::Bytes(count) => self.lines.came(count),
                Came::Nothing | Came::End => break,
            }
        }
        if self.lines.had_endless() { Err(SmiError::Endless) } else { Ok(()) }
    }

    /// Gives way at once to lines that are there; else waits until `count` are, or at least one when the process
    /// ends. Allocates nothing.
    ///
    /// # Errors
    ///
    /// - [`SmiError::Hung`] if they do not come within `limit`.
    /// - [`SmiError::Exit`], [`SmiError::Signal`] if the process has ended and no line is left.
    pub(crate) fn wait(
        &mut self,
        count: usize,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Arrival, SmiError> {
        self.drain()?;
        if self.lines.waiting() > 0 {
            return Ok(Arrival::Before);
        }
        while self.lines.waiting() < count {
            let space = self.lines.space();
            if space.is_empty() {
                break;
            }
            match self.process.wait(space, deadline)? {
                Came::Bytes(count) => self.lines.came(count),
                Came::End if self.lines.waiting() > 0 => break,
                Came::End => return Err(self.ended(deadline, limit)),
                Came::Nothing => return Err(SmiError::Hung { deadline: limit, said: self.process.said() }),
            }
            if self.lines.had_endless() {
                return Err(SmiError::Endless);
            }
        }
        Ok(Arrival::During)
    }

    /// How a process ended that should not have.
    fn ended(&mut self, deadline: Instant, limit: Duration) -> SmiError {
        let rest = String::from_utf8_lossy(self.lines.rest()).into_owned();
        match self.process.finish(deadline, limit) {
            Ok(status) => {
                let said = if self.process.said().trim().is_empty() { rest } else { self.process.said() };
                match status.code() {
                    Some(code) => SmiError::Exit { code, said },
                    None => SmiError::Signal { said },
                }
            }
            Err(error) => error,
        }
    }
}
