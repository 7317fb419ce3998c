//! The server: a listener, and a thread for each reader.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use power_core::{Clock, Error, ErrorKind, PowerSource, Result, SystemClock};

use super::Token;
use super::feed::Feed;
use super::poller::Poller;
use super::protocol::{
    Head, Hello, LONGEST_ANSWER, LONGEST_QUESTION, Question, Reason, Refusal, VERSION, Welcome,
};

/// Opens the meter again after it was lost.
pub(super) type Open = Box<dyn FnMut() -> Result<Box<dyn PowerSource>> + Send>;

/// Most readers at a time.
const MOST_READERS: usize = 16;
/// How long a reader may take for a line, and to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a reader may say nothing before it is let go.
const IDLE: Duration = Duration::from_secs(120);
/// How long a wrong token is thought about: guessing takes for ever.
const WRONG_TOKEN: Duration = Duration::from_millis(300);
/// How often a thread that waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What is served, and to whom.
pub struct Served {
    /// Opens the meter: once at the start, and again whenever it is lost.
    pub open: Box<dyn FnMut() -> Result<Box<dyn PowerSource>> + Send>,
    /// Time between the starts of two reads of the meter.
    pub period: Duration,
    /// Who knows it may read.
    pub token: Token,
    /// Name of this host.
    pub host: String,
    /// What else readers are told of this host, such as how its clock is kept.
    pub details: BTreeMap<String, String>,
    /// The clock that stamps.
    pub clock: Arc<dyn Clock>,
    /// Its name.
    pub clock_name: String,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served")
            .field("host", &self.host)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

impl Served {
    /// A meter of `host`, read every `period` and stamped by this host's own monotonic clock.
    pub fn new(
        open: impl FnMut() -> Result<Box<dyn PowerSource>> + Send + 'static,
        period: Duration,
        token: Token,
        host: impl Into<String>,
    ) -> Self {
        Self {
            open: Box::new(open),
            period,
            token,
            host: host.into(),
            details: BTreeMap::new(),
            clock: Arc::new(SystemClock),
            clock_name: "CLOCK_MONOTONIC".to_owned(),
        }
    }
}

/// A server that runs until it is dropped. It only hands out readings: nobody can change anything by it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What all threads of a server know.
struct Shared {
    feed: Arc<Feed>,
    clock: Arc<dyn Clock>,
    clock_name: String,
    token: Token,
    host: String,
    details: BTreeMap<String, String>,
    stop: Arc<AtomicBool>,
    readers: AtomicUsize,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the meter and serves it by `listener`. Blocks as long as opening takes.
    ///
    /// # Errors
    ///
    /// - those of opening the meter
    /// - [`ErrorKind::Unsupported`] for a meter that is served by another host already
    /// - [`ErrorKind::Unavailable`] if the listener or a thread cannot be had
    pub fn start(listener: TcpListener, mut served: Served) -> Result<Self> {
        let unavailable = |error| Error::from_io(ErrorKind::Unavailable, "the meter cannot be served", error);
        let source = (served.open)()?;
        let descriptor = source.descriptor().clone();
        if descriptor.channels.iter().any(|channel| channel.quantity == power_core::Quantity::ClockExchange) {
            let message = "this meter is that of another host; let its readers ask that host";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let address = listener.local_addr().map_err(unavailable)?;
        listener.set_nonblocking(true).map_err(unavailable)?;
        // A number that another start will not have: the standard library seeds its hashes at random.
        let session = RandomState::new().hash_one(SystemClock.now());
        let stop = Arc::new(AtomicBool::new(false));
        let feed = Arc::new(Feed::new(session, descriptor));
        let poller = Poller {
            source: Some(source),
            open: served.open,
            period: served.period,
            clock: Arc::clone(&served.clock),
            feed: Arc::clone(&feed),
            stop: Arc::clone(&stop),
        };
        let shared = Arc::new(Shared {
            feed,
            clock: served.clock,
            clock_name: served.clock_name,
            token: served.token,
            host: served.host,
            details: served.details,
            stop,
            readers: AtomicUsize::new(0),
        });
        let mut server = Self { address, shared: Arc::clone(&shared), threads: Vec::new() };
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.to_owned()).spawn(work).map_err(unavailable)
        };
        server.threads.push(spawn("meter", Box::new(move || poller.run()))?);
        server.threads.push(spawn("listener", Box::new(move || listen(&listener, &shared)))?);
        Ok(server)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The meter, as it was opened last.
    pub fn descriptor(&self) -> power_core::Descriptor {
        self.shared.feed.lock().descriptor.clone()
    }

    /// Why the meter cannot be read now; `None` while it can.
    pub fn away(&self) -> Option<String> {
        self.shared.feed.lock().away.clone()
    }

    /// How many readers there are now.
    pub fn readers(&self) -> usize {
        self.shared.readers.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        threads.retain(|thread| !thread.is_finished());
        // A connection that broke before it was taken, or none yet.
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(LOOK.min(Duration::from_millis(5)));
            continue;
        };
        let shared = Arc::clone(shared);
        let reader = move || {
            // However it ends, it ends with the connection.
            let _ = serve(stream, &shared);
        };
        // Without a thread the connection is closed, which its reader sees.
        threads.extend(thread::Builder::new().name("reader".to_owned()).spawn(reader));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// Counts a reader as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves one reader until it goes.
fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let already = shared.readers.fetch_add(1, Ordering::Relaxed);
    let _counted = Counted(&shared.readers);
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = Lines { stream: stream.try_clone()?, buffer: Vec::new(), stop: &shared.stop };
    let mut answer = Vec::new();
    let Some(line) = lines.next(PATIENCE)? else { return Ok(()) };
    if already >= MOST_READERS {
        return refuse(&mut stream, Reason::Busy, "this server has as many readers as it can have");
    }
    let Some(hello) = Hello::parse(&line) else {
        return refuse(&mut stream, Reason::Question, "this is a server of `wattproof serve-meter`");
    };
    if hello.wattproof != VERSION {
        let what = format!("this server speaks version {VERSION}, the reader {}", hello.wattproof);
        return refuse(&mut stream, Reason::Version, &what);
    }
    if !shared.token.is(&hello.token) {
        thread::sleep(WRONG_TOKEN);
        return refuse(&mut stream, Reason::Token, "the token is wrong");
    }
    let session = {
        let kept = shared.feed.lock();
        if let Some(away) = kept.away.clone() {
            drop(kept);
            return refuse(&mut stream, Reason::Away, &away);
        }
        let welcome = Welcome {
            wattproof: VERSION,
            host: shared.host.clone(),
            clock: shared.clock_name.clone(),
            session: kept.session,
            next: kept.next,
            descriptor: kept.descriptor.clone(),
            details: shared.details.clone(),
        };
        welcome.write(&mut answer);
        kept.session
    };
    if answer.len() > LONGEST_ANSWER {
        return refuse(&mut stream, Reason::Question, "this meter has more channels than can be served");
    }
    stream.write_all(&answer)?;
    while let Some(line) = lines.next(IDLE)? {
        // As soon as the question is here, and not before.
        let t2 = shared.clock.now().nanos();
        let Some(question) = Question::parse(&line) else {
            return refuse(&mut stream, Reason::Question, "the question is none");
        };
        let mut items = std::mem::take(&mut answer);
        items.clear();
        let mut head = Head { t2, t3: 0, first: 0, count: 0, lost: 0 };
        {
            let kept = shared.feed.lock();
            let away = kept.away.clone().or_else(|| {
                (kept.session != session).then(|| "the meter was opened again; begin anew".to_owned())
            });
            if let Some(away) = away {
                drop(kept);
                return refuse(&mut stream, Reason::Away, &away);
            }
            let (first, lost, since) = kept.since(question.from);
            (head.first, head.lost, head.count) = (first, lost, u32::try_from(since.len()).unwrap_or(0));
            since.for_each(|item| item.write(&mut items));
        }
        let mut whole = Vec::with_capacity(items.len() + 128);
        // As late as can be: what follows is only put together and sent.
        head.t3 = shared.clock.now().nanos();
        head.write(&mut whole);
        whole.extend_from_slice(&items);
        stream.write_all(&whole)?;
        answer = items;
    }
    Ok(())
}

fn refuse(stream: &mut TcpStream, error: Reason, message: &str) -> io::Result<()> {
    let mut line = Vec::new();
    Refusal { error, message: message.to_owned() }.write(&mut line);
    stream.write_all(&line)
}

/// Lines of a reader, of bounded length.
struct Lines<'a> {
    stream: TcpStream,
    buffer: Vec<u8>,
    stop: &'a AtomicBool,
}

impl Lines<'_> {
    /// The next line without its end; `None` at the end of the connection, after `patience`, for a line that is too
    /// long, and when the server stops.
    fn next(&mut self, patience: Duration) -> io::Result<Option<Vec<u8>>> {
        let until = Instant::now() + patience;
        let mut chunk = [0_u8; LONGEST_QUESTION];
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            let over = self.buffer.len() > LONGEST_QUESTION || Instant::now() >= until;
            if over || self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            match io::Read::read(&mut self.stream, &mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
    }
}
