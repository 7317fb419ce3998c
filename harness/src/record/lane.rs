//! The thread of one lane: it sleeps until a source is due, reads it, and hands the readings on. It never waits for
//! anything else, and allocates nothing as long as no source fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use power_core::{Clock, HostTime, PowerSource, Reading, SystemClock};
use rtrb::Producer;

use super::cost::{self, add};
use super::os;
use super::polled::{Outcome, Polled, Sample};
use super::session::Event;
use crate::run::LaneRecord;

/// Longer sleeps than this can be cut short.
const INTERRUPTIBLE: Duration = Duration::from_millis(20);

/// How much earlier an interruptible sleep ends; the rest is slept precisely. On Linux parking is a futex with an absolute
/// deadline, as precise as any sleep: waking up twice a read would double what a slow rate costs.
const MARGIN: Duration = if cfg!(target_os = "linux") { Duration::ZERO } else { Duration::from_millis(2) };

/// Room for the readings of one read before any is known to need more; a sample ring holds some hundred.
const READINGS: usize = 1024;

/// What a sampler is given while it runs.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A source that was away is back.
    Back(u16, Box<dyn PowerSource>),
    /// A source that did not open at the start.
    New(Box<Polled>),
}

/// What a lane has when it starts.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) sources: Vec<Polled>,
    pub(super) ring: Producer<Sample>,
    pub(super) inbox: Receiver<Arrival>,
    pub(super) events: Sender<Event>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) realtime: bool,
}

/// What a lane leaves when it ends.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) record: LaneRecord,
    pub(super) sources: Vec<Polled>,
}

impl Lane {
    /// Reads every source once, then each when it is due, until it is told to stop; then every source once more.
    pub(super) fn run(mut self) -> Option<Finished> {
        os::precise_timers();
        let realtime = self.realtime && os::become_realtime().is_ok();
        let mut lateness = cost::histogram()?;
        let mut readings = Vec::with_capacity(READINGS);
        let mut fullest = 0;
        let (began, cpu_before) = (SystemClock.now(), os::thread_cpu());
        for index in 0..self.sources.len() {
            self.read(index, &mut readings);
        }
        // Whoever waits for this may be gone already; then there is nothing to be told.
        let _ = self.events.send(Event::LaneReady);
        // The clock is read as seldom as can be: what ended the last read, or the last sleep, is near enough to now.
        let mut now = SystemClock.now();
        while !self.stop.load(Ordering::Relaxed) {
            self.take_arrivals();
            let Some((index, due)) = self.next() else {
                thread::park_timeout(INTERRUPTIBLE);
                now = SystemClock.now();
                continue;
            };
            if now < due {
                let (woken, on_time) = self.sleep(due);
                now = woken;
                if !on_time {
                    continue;
                }
                cost::count(&mut lateness, now.since(due).unwrap_or_default());
            }
            now = self.read(index, &mut readings);
            let used = self.ring.buffer().capacity() - self.ring.slots();
            fullest = fullest.max(used);
        }
        for index in 0..self.sources.len() {
            if self.sources[index].is_there() {
                self.read(index, &mut readings);
            }
        }
        let duration = SystemClock.now().since(began).unwrap_or_default();
        let cpu = os::thread_cpu().saturating_sub(cpu_before);
        Some(Finished {
            record: self.record(&lateness, (duration, cpu), realtime, fullest),
            sources: self.sources,
        })
    }

    /// The source that is due first.
    fn next(&self) -> Option<(usize, HostTime)> {
        let dues = self.sources.iter().enumerate().map(|(index, source)| (index, source.schedule.due()));
        dues.min_by_key(|(_, due)| *due)
    }

    /// Sleeps until `due`; gives the time, and `false` if it was woken before.
    fn sleep(&self, due: HostTime) -> (HostTime, bool) {
        loop {
            let now = SystemClock.now();
            let Some(left) = due.since(now).filter(|left| !left.is_zero()) else { return (now, true) };
            if left <= INTERRUPTIBLE {
                os::sleep_until(due);
                continue;
            }
            thread::park_timeout(left.saturating_sub(MARGIN));
            let now = SystemClock.now();
            if self.stop.load(Ordering::Relaxed) || due.since(now).is_some_and(|left| left > MARGIN) {
                return (now, false);
            }
        }
    }

    fn take_arrivals(&mut self) {
        while let Ok(arrival) = self.inbox.try_recv() {
            match arrival {
                Arrival::New(source) => self.sources.push(*source),
                Arrival::Back(number, source) => {
                    if let Some(polled) = self.sources.iter_mut().find(|polled| polled.number == number) {
                        polled.come_back(source);
                    }
                }
            }
        }
    }

    /// Reads a source; gives when that had ended.
    fn read(&mut self, index: usize, readings: &mut Vec<Reading>) -> HostTime {
        let polled = &mut self.sources[index];
        let (outcome, ended) = polled.read(readings, &mut self.ring);
        let missed = polled.schedule.advance(ended);
        add(&polled.counters.missed, missed);
        add(&polled.counters.asked, 1 + missed);
        if let Outcome::Lost { source, error, at } = outcome {
            // The recording may be ending; the source then ends with the message.
            let _ = self.events.send(Event::Lost { number: polled.number, source, error, at });
        }
        ended
    }

    #[expect(clippy::cast_precision_loss, reason = "a share of a ring far below 2^53")]
    fn record(
        &self,
        lateness: &Histogram<u64>,
        (duration, cpu): (Duration, Duration),
        realtime: bool,
        fullest: usize,
    ) -> LaneRecord {
        LaneRecord {
            lane: self.name.clone(),
            wake_up_lateness: cost::latency(lateness),
            cpu_s: cpu.as_secs_f64(),
            cpu_share: share(cpu, duration),
            realtime,
            ring_fullest: fullest as f64 / self.ring.buffer().capacity().max(1) as f64,
        }
    }
}

/// CPU time as a share of the time that passed; 0 of none.
pub(super) fn share(cpu: Duration, passed: Duration) -> f64 {
    if passed.is_zero() { 0.0 } else { cpu.as_secs_f64() / passed.as_secs_f64() }
}
