//! The one thread that reads the meter, for all readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use power_core::{Clock, ErrorKind, Flags, PowerSource, Reading, Recorder};

use super::feed::{Feed, item};
use super::protocol::Item;
use super::server::Open;

/// Time before a lost meter is opened again; doubled after each failure, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest time between two tries to open it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Errors in a row after which it is opened anew, whatever they are.
const MOST_FAILURES: u32 = 20;
/// How often a thread that waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);

pub(super) struct Poller {
    /// The meter; `None` while it is away.
    pub(super) source: Option<Box<dyn PowerSource>>,
    pub(super) open: Open,
    pub(super) period: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) feed: Arc<Feed>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Poller {
    /// Reads when it is due, until it is told to stop. A meter that is lost is opened again, ever less often.
    pub(super) fn run(mut self) {
        let mut readings = Vec::with_capacity(1024);
        let (mut due, mut failures) = (Instant::now(), 0);
        while self.wait(due) {
            let Some(source) = &mut self.source else { return };
            readings.clear();
            let start = self.clock.now().nanos();
            let outcome = source.read(&mut Recorder::new(&self.clock, &mut readings));
            let end = self.clock.now().nanos();
            let mut kept = self.feed.lock();
            for reading in &readings {
                kept.push(item(reading));
            }
            match outcome {
                Ok(()) => failures = 0,
                Err(error) => {
                    failures += 1;
                    let channels = kept.descriptor.channels.len();
                    for channel in missing(channels, &readings) {
                        kept.push(Item(channel, start, end, None, None, flags(error.kind()).bits()));
                    }
                    let passes = matches!(
                        error.kind(),
                        ErrorKind::Timeout | ErrorKind::Busy | ErrorKind::Overrange | ErrorKind::Protocol
                    );
                    if !passes || failures >= MOST_FAILURES {
                        kept.away = Some(format!("{error:#}"));
                        drop(kept);
                        if !self.reopen() {
                            return;
                        }
                        failures = 0;
                    }
                }
            }
            // A read that took too long leaves no debt: those missed are missed.
            due = (due + self.period).max(Instant::now());
        }
    }

    /// Opens the meter again; `false` if it is to stop.
    fn reopen(&mut self) -> bool {
        // Many devices can be open only once.
        self.source = None;
        let mut wait = FIRST_WAIT;
        loop {
            if !self.wait(Instant::now() + wait) {
                return false;
            }
            match (self.open)() {
                Ok(source) => {
                    self.feed.lock().begin(source.descriptor().clone());
                    self.source = Some(source);
                    return true;
                }
                Err(error) => self.feed.lock().away = Some(format!("{error:#}")),
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Sleeps until `due`; `false` if it is to stop.
    fn wait(&self, due: Instant) -> bool {
        while !self.stop.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(LOOK));
        }
        false
    }
}

/// The channels that a failed read gave nothing for.
fn missing(channels: usize, readings: &[Reading]) -> impl Iterator<Item = u16> + '_ {
    let all = (0..=u16::MAX).take(channels);
    all.filter(|channel| !readings.iter().any(|reading| reading.channel.0 == *channel))
}

fn flags(kind: ErrorKind) -> Flags {
    match kind {
        ErrorKind::Overrange => Flags::MISSING | Flags::OVERRANGE,
        _ => Flags::MISSING,
    }
}
