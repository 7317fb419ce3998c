//! A command of the user's as the load.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Demand, Error, Load, Result};

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(1);

/// How long what was killed may take to be gone.
const KILLED: Duration = Duration::from_secs(2);

/// A command that is the load: started where anything is asked, and ended where nothing is; or told so.
///
/// It gets a process group of its own, which ends as a whole: SIGTERM, and after a deadline SIGKILL. Its stdin is empty or
/// ours, its stdout goes nowhere, its stderr is ours. [`Load::set`] returns when the command has been started, which may
/// be long before it takes power, and when the whole group has ended; a persistent command has only been told.
#[derive(Debug)]
pub struct CommandLoad {
    words: Vec<OsString>,
    grace: Duration,
    persistent: bool,
    running: Option<Child>,
    on: bool,
}

impl CommandLoad {
    /// A command that is started for each time on, and ended for each time off.
    ///
    /// # Errors
    ///
    /// - [`Error::Command`] if there is no program.
    pub fn started(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self> {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if words.first().is_none_or(|program| program.is_empty()) {
            let what = "name the program of the load".to_owned();
            return Err(Error::Command { program: "an empty command".to_owned(), what, cause: None });
        }
        Ok(Self { words, grace: Duration::from_secs(2), persistent: false, running: None, on: false })
    }

    /// A command that is started now, rests, and reads `on` and `off` from its stdin, each a line.
    ///
    /// # Errors
    ///
    /// - [`Error::Command`] if it cannot be started.
    pub fn told(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self> {
        let mut load = Self::started(words)?;
        load.persistent = true;
        load.start()?;
        Ok(load)
    }

    /// With another time between SIGTERM and SIGKILL; 2 s else.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    fn error(&self, what: impl Into<String>, cause: Option<io::Error>) -> Error {
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        let program = words.join(" ");
        Error::Command { program, what: what.into(), cause }
    }

    fn start(&mut self) -> Result<()> {
        let Some((program, arguments)) = self.words.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).stdout(Stdio::null());
        command.stdin(if self.persistent { Stdio::piped() } else { Stdio::null() });
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        match command.spawn() {
            Ok(child) => self.running = Some(child),
            Err(cause) => return Err(self.error("cannot be started", Some(cause))),
        }
        Ok(())
    }

    /// An error if the command has ended although nobody told it to: it was no load then.
    fn check_running(&mut self) -> Result<()> {
        let Some(child) = &mut self.running else { return Ok(()) };
        let ended = child.try_wait();
        match ended {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                // What it left behind ends with it.
                self.end();
                Err(self.error(format!("ended before it was told to ({status})"), None))
            }
            Err(cause) => Err(self.error("cannot be waited for", Some(cause))),
        }
    }

    fn tell(&mut self, word: &str) -> Result<()> {
        let told = match self.running.as_mut().and_then(|child| child.stdin.as_mut()) {
            Some(stdin) => stdin.write_all(word.as_bytes()).and_then(|()| stdin.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        told.map_err(|cause| self.error("does not read what it is told", Some(cause)))
    }

    /// Ends the whole group; gives whether it is gone.
    fn end(&mut self) -> bool {
        let Some(mut child) = self.running.take() else { return true };
        // A command that is told learns by this that there is nothing more.
        drop(child.stdin.take());
        signal(&mut child, false);
        if gone(&mut child, self.grace) {
            return true;
        }
        signal(&mut child, true);
        gone(&mut child, KILLED)
    }
}

/// Asks the group to end, or kills it.
fn signal(child: &mut Child, kill: bool) {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, kill_process_group};
        if let Some(pid) = group(child) {
            // A group that is gone needs no signal.
            let _ = kill_process_group(pid, if kill { Signal::KILL } else { Signal::TERM });
        }
    }
    #[cfg(not(unix))]
    if kill {
        let _ = child.kill();
    }
}

#[cfg(unix)]
fn group(child: &Child) -> Option<rustix::process::Pid> {
    i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
}

/// Whether anything of the command's group still lives. What has ended and was not reaped by its parent does not: in a
/// container without an init, nobody ever reaps it.
#[cfg(unix)]
fn lives(child: &Child) -> bool {
    let Some(group) = group(child) else { return false };
    if rustix::process::test_kill_process_group(group).is_err() {
        return false;
    }
    // Where the system does not list its processes, what can be signalled is taken to live.
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let stats = processes.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    stats.into_iter().any(|stat| {
        // proc_pid_stat(5): `pid (name) state parent group …`, and a name can be anything.
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = fields.next();
        let own = fields.nth(1).and_then(|field| field.parse().ok());
        own == Some(group.as_raw_nonzero().get()) && !matches!(state, Some("Z" | "X"))
    })
}

#[cfg(not(unix))]
fn lives(_: &Child) -> bool {
    false
}

/// Waits until the command and all of its group have ended, and reaps it.
fn gone(child: &mut Child, within: Duration) -> bool {
    let until = Instant::now() + within;
    loop {
        let reaped = matches!(child.try_wait(), Ok(Some(ExitStatus { .. })) | Err(_));
        if reaped && !lives(child) {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(LOOK);
    }
}

impl Load for CommandLoad {
    fn set(&mut self, demand: &Demand) -> Result<()> {
        demand.check()?;
        let on = !demand.is_idle();
        self.check_running()?;
        if on == self.on {
            return Ok(());
        }
        // What fails is off.
        self.on = false;
        match (self.persistent, on) {
            (true, true) => self.tell("on\n")?,
            (true, false) => self.tell("off\n")?,
            (false, true) => self.start()?,
            (false, false) => {
                if !self.end() {
                    return Err(self.error("does not end, although it was killed", None));
                }
            }
        }
        self.on = on;
        Ok(())
    }
}

impl Drop for CommandLoad {
    fn drop(&mut self) {
        self.end();
    }
}
