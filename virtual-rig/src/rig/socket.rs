//! Driving a rig from other processes: lines over a Unix socket.
//!
//! | request | answer |
//! |---|---|
//! | `load GPU WATTS [GPU WATTS]…` | `ok T_NS`: since when |
//! | `fault key=value…` | `ok ID` |
//! | `clear ID` or `clear all` | `ok` |
//! | `energy RAIL FROM_NS TO_NS` | `ok JOULES`: the truth of a rail such as `node_ac`, or of a GPU by its number |
//! | `truth FROM_NS TO_NS DIRECTORY` | `ok`: `truth.csv` and what belongs to it are in the directory |
//!
//! What cannot be done is answered by `error` and one sentence.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use super::control::Control;
use super::instruments::Instruments;
use super::truth_file;
use super::{FaultId, SOCKET_VARIABLE};
use crate::description::Fault;
use crate::node::Rail;
use crate::{Error, Result};

/// Listens for those who drive the rig, until dropped.
#[derive(Debug)]
pub(super) struct Server {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(path: PathBuf, control: Arc<Control>, instruments: Arc<Instruments>) -> Result<Self> {
        let listener = UnixListener::bind(&path)
            .map_err(|error| Error::because(format!("cannot listen on {}", path.display()), error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("virtual-rig".to_owned())
            .spawn(move || {
                for stream in listener.incoming() {
                    if stopped.load(Ordering::Acquire) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    // Weak: a client that stays does not keep a rig's instruments running.
                    let (control, instruments) = (Arc::clone(&control), Arc::downgrade(&instruments));
                    std::thread::spawn(move || serve(&stream, &control, &instruments));
                }
            })
            .map_err(|error| Error::because("cannot start a thread", error))?;
        Ok(Self { path, stop, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread; without a connection it would wait for ever, and must not be waited for.
        if UnixStream::connect(&self.path).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(stream: &UnixStream, control: &Control, instruments: &Weak<Instruments>) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let reply = match answer(&line, control, instruments) {
            Ok(reply) => format!("{}\n", format!("ok {reply}").trim_end()),
            Err(error) => format!("error {}\n", error.to_string().replace('\n', " ")),
        };
        if (&mut &*stream).write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(line: &str, control: &Control, instruments: &Weak<Instruments>) -> Result<String> {
    fn read<T: std::str::FromStr>(word: &str) -> Result<T> {
        word.parse().map_err(|_| Error::new(format!("{word:?} is not a number")))
    }
    let (command, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    match (command, words.as_slice()) {
        ("load", pairs) if !pairs.is_empty() && pairs.len() % 2 == 0 => {
            let pair = |pair: &[&str]| Ok((read(pair[0])?, read(pair[1])?));
            let loads: Result<Vec<(usize, f64)>> = pairs.chunks(2).map(pair).collect();
            control.set_loads(&loads?).map(|t_ns| t_ns.to_string())
        }
        ("fault", [_, ..]) => control.fault(rest.parse()?).map(|id| id.to_string()),
        ("clear", ["all"]) => control.clear(None).map(|()| String::new()),
        ("clear", [id]) => control.clear(Some(read(id)?)).map(|()| String::new()),
        ("energy", [rail, from, to]) => {
            let rail = rail.parse().map(Rail::Gpu).or_else(|_| rail.parse())?;
            let energy = control.shared().truth().energy_j(rail, read(from)?, read(to)?);
            energy.map(|j| j.to_string()).ok_or_else(|| Error::new(format!("the rig has no rail {rail}")))
        }
        ("truth", [from, to, _, ..]) => {
            let directory = rest.splitn(3, ' ').nth(2).unwrap_or_default().trim();
            let instruments = instruments.upgrade().ok_or_else(|| Error::new("the rig has ended"))?;
            let meters: Vec<_> = instruments.meters().into_iter().map(|meter| meter.truth).collect();
            let truth = control.shared().truth().clone();
            truth_file::write(Path::new(directory), &truth, &meters, read(from)?, read(to)?)?;
            Ok(String::new())
        }
        _ => Err(Error::new(format!("{line:?} is no request"))),
    }
}

/// Drives a rig of another process.
///
/// ```
/// use virtual_rig::{Description, RigControl, VirtualRig};
/// let rig = VirtualRig::start(Description::node(1))?;
/// let mut control = RigControl::connect(&rig.socket())?; // a child process: RigControl::from_env()
/// let since_ns = control.set_loads(&[(0, 400.0)])?;
/// let energy_j = control.energy_j(0, since_ns, since_ns + 500_000_000)?;
/// assert!((energy_j - 200.0).abs() < 1e-6, "{energy_j} J");
/// # Ok::<(), virtual_rig::Error>(())
/// ```
#[derive(Debug)]
pub struct RigControl {
    stream: BufReader<UnixStream>,
}

impl RigControl {
    /// Connects to a rig by its socket.
    ///
    /// # Errors
    ///
    /// If there is no such rig any more.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .map_err(|error| Error::because(format!("cannot reach a rig at {}", socket.display()), error))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Connects to the rig whose environment this process has.
    ///
    /// # Errors
    ///
    /// If it has none, or if the rig is there no more.
    pub fn from_env() -> Result<Self> {
        let socket = std::env::var_os(SOCKET_VARIABLE)
            .ok_or_else(|| Error::new(format!("{SOCKET_VARIABLE} is not set: this process has no rig")))?;
        Self::connect(Path::new(&socket))
    }

    /// As [`VirtualRig::set_loads`](crate::VirtualRig::set_loads).
    ///
    /// # Errors
    ///
    /// As there, or if the rig does not answer.
    pub fn set_loads(&mut self, loads: &[(usize, f64)]) -> Result<i64> {
        let mut request = String::from("load");
        for (gpu, power_w) in loads {
            let _ = write!(request, " {gpu} {power_w}");
        }
        self.ask_number(&request)
    }

    /// As [`VirtualRig::fault`](crate::VirtualRig::fault).
    ///
    /// # Errors
    ///
    /// As there, or if the rig does not answer.
    pub fn fault(&mut self, fault: &Fault) -> Result<FaultId> {
        self.ask_number(&format!("fault {fault}")).map(FaultId)
    }

    /// As [`VirtualRig::clear`](crate::VirtualRig::clear).
    ///
    /// # Errors
    ///
    /// As there, or if the rig does not answer.
    pub fn clear(&mut self, fault: FaultId) -> Result<()> {
        self.ask(&format!("clear {}", fault.0)).map(drop)
    }

    /// As [`VirtualRig::clear_faults`](crate::VirtualRig::clear_faults).
    ///
    /// # Errors
    ///
    /// As there, or if the rig does not answer.
    pub fn clear_faults(&mut self) -> Result<()> {
        self.ask("clear all").map(drop)
    }

    /// True energy of GPU `gpu` in J between two host times in ns.
    ///
    /// # Errors
    ///
    /// If there is no such GPU, or if the rig does not answer.
    pub fn energy_j(&mut self, gpu: usize, from_ns: i64, to_ns: i64) -> Result<f64> {
        self.ask_number(&format!("energy {gpu} {from_ns} {to_ns}"))
    }

    /// As [`NodeTruth::energy_j`](crate::NodeTruth::energy_j).
    ///
    /// # Errors
    ///
    /// If there is no such rail, or if the rig does not answer.
    pub fn rail_energy_j(&mut self, rail: Rail, from_ns: i64, to_ns: i64) -> Result<f64> {
        self.ask_number(&format!("energy {rail} {from_ns} {to_ns}"))
    }

    /// As [`VirtualRig::write_truth`](crate::VirtualRig::write_truth); the rig's process writes.
    ///
    /// # Errors
    ///
    /// As there, or if the rig does not answer.
    pub fn write_truth(&mut self, directory: &Path, from_ns: i64, to_ns: i64) -> Result<()> {
        let directory = std::path::absolute(directory)
            .map_err(|error| Error::because("the directory has no absolute path", error))?;
        self.ask(&format!("truth {from_ns} {to_ns} {}", directory.display())).map(drop)
    }

    fn ask_number<T: std::str::FromStr>(&mut self, request: &str) -> Result<T> {
        let reply = self.ask(request)?;
        reply.parse().map_err(|_| Error::new(format!("the rig answers {reply:?}")))
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        let gone = |error| Error::because("the rig does not answer", error);
        let mut reply = String::new();
        self.stream.get_mut().write_all(format!("{request}\n").as_bytes()).map_err(gone)?;
        self.stream.read_line(&mut reply).map_err(gone)?;
        match reply.trim_end().split_once(' ').unwrap_or((reply.trim_end(), "")) {
            ("ok", value) => Ok(value.to_owned()),
            ("error", reason) => Err(Error::new(reason)),
            _ => Err(Error::new("the rig has gone")),
        }
    }
}
