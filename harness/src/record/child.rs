//! The command that is recorded: started, passed its signals, its stdout looked through for marks.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::drain::Order;
use super::marks;
use super::session::Event;
use crate::{Error, Result};

/// The command while it runs.
#[derive(Debug)]
pub(super) struct Running {
    pid: Pid,
    /// Whether it leads a process group of its own, which gets all signals.
    own_group: bool,
}

/// Starts the command. Its end is an event; so is the end of its stdout.
///
/// Where a person sits at a terminal, it stays in the recorder's process group, so that the terminal's own signals
/// (Ctrl-C, Ctrl-Z) reach it, and reading from the terminal works. Elsewhere it gets a group of its own, to which the
/// recorder passes its signals, so that what the command has started gets them, too.
///
/// # Errors
///
/// - if it cannot be started.
pub(super) fn start(
    command: &[OsString],
    environment: &[(&'static str, OsString)],
    look_for_marks: bool,
    (events, orders): (&Sender<Event>, &Sender<Order>),
) -> Result<Running> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Error::new("there is no command").mend("name one behind `--`"));
    };
    let own_group = !io::stdin().is_terminal();
    let mut process = Command::new(program);
    process.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    if own_group {
        process.process_group(0);
    }
    if look_for_marks {
        process.stdout(Stdio::piped());
    }
    let mut child = process.spawn().map_err(|error| {
        Error::new(format!("cannot start {}", program.display()))
            .mend("check the command behind `--`")
            .because(error)
    })?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::new("the command has no process id"))?;
    let stdout = child.stdout.take();
    let threads = [
        stdout.map(|stdout| {
            let (orders, events) = (orders.clone(), events.clone());
            spawn("stdout", move || {
                pass_on(stdout, &orders);
                let _ = events.send(Event::StdoutEnded);
            })
        }),
        Some(wait_for(child, events.clone())),
    ];
    threads
        .into_iter()
        .flatten()
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| Error::new("no thread can be made to wait for the command").because(error))?;
    Ok(Running { pid, own_group })
}

fn wait_for(mut child: Child, events: Sender<Event>) -> io::Result<thread::JoinHandle<()>> {
    spawn("wait", move || {
        let _ = events.send(Event::CommandEnded(child.wait()));
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

/// The longest line that is looked at for a mark.
const LONGEST_LINE: usize = 2048;

/// Passes the command's stdout on as it comes, and finds the marks in it on the way.
fn pass_on(mut stdout: ChildStdout, orders: &Sender<Order>) {
    super::os::precise_timers();
    let mut buffer = [0; 8 * 1024];
    let mut line = Vec::with_capacity(LONGEST_LINE);
    loop {
        let piece = match stdout.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let room = LONGEST_LINE.saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                if let Some(mark) = marks::parse_line(&line) {
                    let _ = orders.send(Order::Mark(marks::arrive(mark)));
                }
                line.clear();
            }
        }
        let mut out = io::stdout().lock();
        if out.write_all(piece).and_then(|()| out.flush()).is_err() {
            // Nobody reads any more: dropping the pipe lets the command know.
            return;
        }
    }
}

impl Running {
    /// Passes a signal on that the recorder got.
    pub(super) fn signal(&self, number: i32) {
        // At a terminal the command has got this one by itself.
        if !self.own_group && number == signal_hook::consts::SIGINT {
            return;
        }
        let Some(signal) = Signal::from_named_raw(number) else { return };
        // A command that has ended meanwhile needs none.
        let _ = if self.own_group {
            kill_process_group(self.pid, signal)
        } else {
            kill_process(self.pid, signal)
        };
    }

    /// Asks the command to end.
    pub(super) fn ask_to_end(&self) {
        self.signal(signal_hook::consts::SIGTERM);
    }
}

/// The exit code as a shell gives it: 128 and the signal's number for a command that a signal ended.
pub(super) fn code_of(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
