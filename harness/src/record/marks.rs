//! Marks: how a workload says what it is doing, and when.
//!
//! Three ways, one grammar. `begin NAME` begins a phase, `end NAME` ends the one of that name that began last, `point
//! NAME` or anything else is an event; phases nest. They come as a datagram to the socket that the environment
//! variable [`VARIABLE`] names, by `wattproof mark`, and as a line `__begin NAME__` on the command's stdout. All are
//! stamped when they arrive.

use std::env;
use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use power_core::{Clock, SystemClock};

use super::drain::Order;
use crate::run::{Mark, MarkEvent};
use crate::{Error, Result};

/// The environment variable that names the socket of the running recording.
pub const VARIABLE: &str = "WATTPROOF_MARKS";

/// The socket's name within a run.
pub const SOCKET: &str = "marks.sock";

/// The longest path that a socket can have (unix(7)), without its end.
const LONGEST_PATH: usize = 107;

/// The longest text of a mark; what is longer is cut off there.
const LONGEST: usize = 1024;

/// How often the listening thread looks whether it is to end, where what wakes it up did not reach it.
const LOOK: Duration = Duration::from_secs(2);

/// Reads a mark: event and name. `None` for a text without a name.
pub fn parse(text: &str) -> Option<(MarkEvent, String)> {
    let text: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (event, name) = match text.split_once(' ') {
        Some(("begin", name)) => (MarkEvent::Begin, name),
        Some(("end", name)) => (MarkEvent::End, name),
        Some(("point", name)) => (MarkEvent::Point, name),
        _ => (MarkEvent::Point, text.as_str()),
    };
    let name = name.trim();
    (!name.is_empty()).then(|| (event, name.to_owned()))
}

/// How old a mark may be that says its own time, in ns: what is older is another clock's.
const OLDEST_NS: i64 = 10_000_000_000;

/// Reads a datagram: a mark, or `at T_NS ` and a mark that was made then, by the host's monotonic clock.
///
/// A time that is not within the last 10 s is not taken: the mark is then stamped as it arrives.
pub fn parse_datagram(text: &str, now_ns: i64) -> Option<Mark> {
    let stamped = text.trim_start().strip_prefix("at ").and_then(|rest| {
        let (time, rest) = rest.split_once(' ')?;
        Some((time.parse::<i64>().ok()?, rest))
    });
    let (t_ns, text) = match stamped {
        Some((time, rest)) if time <= now_ns && time >= now_ns.saturating_sub(OLDEST_NS) => (time, rest),
        Some((_, rest)) => (now_ns, rest),
        None => (now_ns, text),
    };
    parse(text).map(|(event, name)| Mark { t_ns, event, name })
}

/// Reads a line `__begin NAME__` as a mark; `None` for any other line.
pub fn parse_line(line: &[u8]) -> Option<(MarkEvent, String)> {
    let line = std::str::from_utf8(line).ok()?.trim();
    let text = line.strip_prefix("__")?.strip_suffix("__")?;
    // A line of underscores is a ruler.
    if text.starts_with('_') || text.ends_with('_') { None } else { parse(text) }
}

/// A mark that arrives now.
pub(super) fn arrive((event, name): (MarkEvent, String)) -> Mark {
    Mark { t_ns: SystemClock.now().nanos(), event, name }
}

/// Sends a mark to the recording that listens at `socket`.
///
/// # Errors
///
/// - if none listens there.
pub fn send(socket: &Path, event: MarkEvent, name: &str) -> Result<()> {
    send_text(socket, &format!("{} {name}", word(event)))
}

/// Sends a mark that was made at a time of its own, by the host's monotonic clock.
///
/// # Errors
///
/// - if no recording listens there.
pub fn send_at(socket: &Path, mark: &Mark) -> Result<()> {
    send_text(socket, &format!("at {} {} {}", mark.t_ns, word(mark.event), mark.name))
}

const fn word(event: MarkEvent) -> &'static str {
    match event {
        MarkEvent::Begin => "begin",
        MarkEvent::End => "end",
        MarkEvent::Point => "point",
    }
}

fn send_text(socket: &Path, text: &str) -> Result<()> {
    let socket_of = || -> io::Result<usize> { UnixDatagram::unbound()?.send_to(text.as_bytes(), socket) };
    socket_of().map(drop).map_err(|error| {
        Error::file(socket, "no recording listens there")
            .mend("start `wattproof record`, and run this within it or name its run by --run")
            .because(error)
    })
}

/// The socket of the recording that this process runs in, or of the one in the folder `run`.
///
/// # Errors
///
/// - if neither is known.
pub fn find_socket(run: Option<&Path>) -> Result<PathBuf> {
    if let Some(run) = run {
        let link = run.join(SOCKET);
        return Ok(fs::read_link(&link).unwrap_or(link));
    }
    env::var_os(VARIABLE).map(PathBuf::from).ok_or_else(|| {
        Error::new(format!("no recording is known, as {VARIABLE} is not set"))
            .mend("run this within `wattproof record -- CMD`, or name the run by --run")
    })
}

/// Listens for marks until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    /// The socket's path.
    pub(super) path: PathBuf,
    /// The link to it within the run, where the run's path is too long for a socket.
    link: Option<PathBuf>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Makes the socket in the folder `run` and hands what arrives to the writer.
    pub(super) fn start(run: &Path, orders: Sender<Order>) -> Result<Self> {
        let run = std::path::absolute(run).map_err(|error| Error::io(run, "find", error))?;
        let within = run.join(SOCKET);
        let short = within.as_os_str().len() <= LONGEST_PATH;
        let (socket, path, link) = if let Some(Ok(socket)) = short.then(|| UnixDatagram::bind(&within)) {
            (socket, within, None)
        } else {
            // Too long a path, or a file system that has no sockets.
            let name = format!("wattproof-{}-{}.sock", std::process::id(), SystemClock.now().nanos());
            let path = env::temp_dir().join(name);
            let socket = UnixDatagram::bind(&path).map_err(|error| Error::io(&path, "listen at", error))?;
            let link = std::os::unix::fs::symlink(&path, &within).is_ok().then_some(within);
            (socket, path, link)
        };
        socket.set_read_timeout(Some(LOOK)).map_err(|error| Error::io(&path, "listen at", error))?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("marks".to_owned())
            .spawn(move || listen(&socket, &told, &orders))
            .map_err(|error| Error::new("no thread can be made for marks").because(error))?;
        Ok(Self { path, link, stop, thread: Some(thread) })
    }
}

fn listen(socket: &UnixDatagram, stop: &AtomicBool, orders: &Sender<Order>) {
    super::os::precise_timers();
    let mut buffer = [0; LONGEST];
    loop {
        match socket.recv(&mut buffer) {
            // What has arrived before the end is still taken; nothing is what `drop` sends last.
            Ok(0) | Err(_) if stop.load(Ordering::Relaxed) => return,
            Ok(length) => {
                let text = String::from_utf8_lossy(&buffer[..length]);
                if let Some(mark) = parse_datagram(&text, SystemClock.now().nanos()) {
                    let _ = orders.send(Order::Mark(mark));
                }
            }
            Err(_) => {}
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A full queue means that the thread is awake; it then finds the end by itself.
        let _ = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(&[], &self.path)
        });
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        for path in [Some(&self.path), self.link.as_ref()].into_iter().flatten() {
            // A socket that is left behind harms nobody.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_grammar() {
        let said = |text| parse(text).map(|(event, name)| (event, name.clone()));
        assert_eq!(said("begin epoch 3\n"), Some((MarkEvent::Begin, "epoch 3".to_owned())));
        assert_eq!(said("end epoch 3"), Some((MarkEvent::End, "epoch 3".to_owned())));
        assert_eq!(said("loaded"), Some((MarkEvent::Point, "loaded".to_owned())));
        assert_eq!(said("begin"), Some((MarkEvent::Point, "begin".to_owned())));
        assert_eq!(said("point begin of the end"), Some((MarkEvent::Point, "begin of the end".to_owned())));
        assert_eq!(said("a\tb"), Some((MarkEvent::Point, "a b".to_owned())));
        assert_eq!((said(""), said("end  ")), (None, Some((MarkEvent::Point, "end".to_owned()))));
    }

    #[test]
    fn a_mark_may_say_its_own_time_if_it_is_the_hosts() {
        let now = 50_000_000_000;
        let of = |text| parse_datagram(text, now).map(|mark| (mark.t_ns, mark.event, mark.name));
        let begin = |t_ns| Some((t_ns, MarkEvent::Begin, "a b".to_owned()));
        assert_eq!(of("begin a b"), begin(now));
        assert_eq!(of("at 49999000000 begin a b"), begin(49_999_000_000));
        for other in ["at 1 begin a b", "at 50000000001 begin a b", "at -7 begin a b"] {
            assert_eq!(of(other), begin(now), "{other}");
        }
        assert_eq!(of("at noon"), Some((now, MarkEvent::Point, "at noon".to_owned())));
        assert_eq!(of("at 5 "), None);
    }

    #[test]
    fn lines_are_marks_only_in_underscores() {
        assert_eq!(parse_line(b"__begin train__\n"), Some((MarkEvent::Begin, "train".to_owned())));
        assert_eq!(parse_line(b"  __LOADED__\r\n"), Some((MarkEvent::Point, "LOADED".to_owned())));
        for other in [&b"________"[..], b"____", b"__", b"_a_", b"x __a__", b"__a__ x", b"\xff__a__"] {
            assert_eq!(parse_line(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_mark_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse_line(&bytes);
            let _ = parse_datagram(&String::from_utf8_lossy(&bytes), 0);
            if let Some((_, name)) = parse(&String::from_utf8_lossy(&bytes)) {
                prop_assert!(!name.chars().any(char::is_control) && !name.is_empty());
            }
        }
    }
}
