//! The threads of all lanes: started, given sources, stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use power_core::{Clock, Delivery, HostTime, SystemClock};
use rtrb::RingBuffer;

use super::cost::Counters;
use super::drain::Order;
use super::lane::{Arrival, Finished, Lane};
use super::open::Opened;
use super::polled::Polled;
use super::schedule::Schedule;
use super::session::Event;
use crate::{Error, Result};

/// Time that a ring can hold while the writer waits for the disk.
const RING_S: f64 = 4.0;

/// The least and the most readings that a ring holds: the most is 16 MiB.
const RING_READINGS: (f64, f64) = (4096.0, 262_144.0);

/// Stack of a sampling thread, which calls nothing deep; drivers and vendors' libraries get some, too.
const STACK: usize = 512 * 1024;

/// How long a read that goes on may keep a lane from ending.
const LAST_READ: Duration = Duration::from_secs(15);

/// All lanes of a recording.
#[derive(Debug)]
pub(super) struct Fleet {
    orders: Sender<Order>,
    events: Sender<Event>,
    realtime: bool,
    jitter: f64,
    stop: Arc<AtomicBool>,
    /// When the first lane began: all ticks are whole periods from it.
    origin: Option<HostTime>,
    /// Sources whose lane has no thread yet, with its name and readings a second.
    waiting: Vec<(String, Polled, f64)>,
    lanes: Vec<Running>,
    /// By number: the lane of each source that has one, and its period.
    plan: Vec<(u16, String, Duration)>,
    pub(super) finished: Vec<Finished>,
    /// Lanes that did not end in time.
    pub(super) stuck: Vec<String>,
}

#[derive(Debug)]
struct Running {
    name: String,
    inbox: Sender<Arrival>,
    thread: JoinHandle<Option<Finished>>,
}

impl Fleet {
    pub(super) fn new(orders: Sender<Order>, events: Sender<Event>, realtime: bool, jitter: f64) -> Self {
        Self {
            orders,
            events,
            realtime,
            jitter,
            stop: Arc::default(),
            origin: None,
            waiting: Vec::new(),
            lanes: Vec::new(),
            plan: Vec::new(),
            finished: Vec::new(),
            stuck: Vec::new(),
        }
    }

    /// Number of lanes that run.
    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Becomes true when all lanes are to stop.
    pub(super) fn stopped(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Time between two reads of a source; `None` if it never opened.
    pub(super) fn period(&self, number: u16) -> Option<Duration> {
        self.plan.iter().find(|(known, ..)| *known == number).map(|(.., period)| *period)
    }

    /// Gives a source to its lane: to its thread, or to the next [`start_all`](Self::start_all).
    ///
    /// `lane` is the name of a lane in place of the driver's.
    pub(super) fn add(
        &mut self,
        number: u16,
        opened: Opened,
        counters: Arc<Counters>,
        lane: Option<&String>,
    ) {
        let Opened { source, period } = opened;
        let descriptor = source.descriptor();
        let lane = lane.map_or_else(|| descriptor.lane.name().to_owned(), Clone::clone);
        #[expect(clippy::cast_precision_loss, reason = "fewer than 65536 channels")]
        let channels = descriptor.channels.len() as f64;
        let streamed = descriptor.channels.iter().any(|channel| channel.delivery == Delivery::Streamed);
        // What streams gives many readings a read: as many as it publishes, unknown to us.
        let rate = channels / period.as_secs_f64() * if streamed { 1000.0 } else { 1.0 };
        // The seed tells sources apart; the same rig is read with the same delays.
        let seed = 0x9e37_79b9_7f4a_7c15 ^ (u64::from(number) << 17);
        let schedule = Schedule::new(SystemClock.now(), period, self.jitter, seed);
        self.plan.push((number, lane.clone(), period));
        let Some(mut polled) = Polled::new(number, source, schedule, counters) else { return };
        match self.lanes.iter().find(|running| running.name == lane) {
            Some(running) => {
                let now = SystemClock.now();
                polled.schedule.begin(self.origin.unwrap_or(now), now);
                // A lane that has ended takes no more: the recording is ending.
                let _ = running.inbox.send(Arrival::New(Box::new(polled)));
            }
            None => self.waiting.push((lane, polled, rate)),
        }
    }

    /// Gives a source that was opened again to its lane; hands it back if it never had one.
    pub(super) fn give_back(&self, number: u16, opened: Opened) -> Option<Opened> {
        let Some((_, lane, _)) = self.plan.iter().find(|(known, ..)| *known == number) else {
            return Some(opened);
        };
        if let Some(running) = self.lanes.iter().find(|running| running.name == *lane) {
            let _ = running.inbox.send(Arrival::Back(number, opened.source));
        }
        None
    }

    /// Starts the threads of lanes that have none.
    ///
    /// # Errors
    ///
    /// - if there can be no more threads.
    pub(super) fn start_all(&mut self) -> Result<()> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let now = SystemClock.now();
        let origin = *self.origin.get_or_insert(now);
        for (_, polled, _) in &mut waiting {
            polled.schedule.begin(origin, now);
        }
        while let Some((name, ..)) = waiting.first() {
            let name = name.clone();
            let (mine, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(lane, ..)| *lane == name);
            waiting = others;
            let rate: f64 = mine.iter().map(|(.., rate)| rate).sum();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to sizes that fit"
            )]
            let room = (rate * RING_S).clamp(RING_READINGS.0, RING_READINGS.1) as usize;
            let (ring, consumer) = RingBuffer::new(room);
            let (inbox, arrivals) = channel();
            let lane = Lane {
                name: name.clone(),
                sources: mine.into_iter().map(|(_, polled, _)| polled).collect(),
                ring,
                inbox: arrivals,
                events: self.events.clone(),
                stop: Arc::clone(&self.stop),
                realtime: self.realtime,
            };
            let _ = self.orders.send(Order::Lane(consumer));
            let thread = thread::Builder::new()
                .name(format!("lane {name}"))
                .stack_size(STACK)
                .spawn(move || lane.run())
                .map_err(|error| {
                    Error::new(format!("no thread can be made for lane {name}")).because(error)
                })?;
            self.lanes.push(Running { name, inbox, thread });
        }
        Ok(())
    }

    /// Tells all lanes to read every source once more, and to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        for running in &self.lanes {
            running.thread.thread().unpark();
        }
    }

    /// Stops all lanes and waits for them.
    pub(super) fn finish(&mut self) {
        self.stop();
        let until = Instant::now() + LAST_READ;
        for running in self.lanes.drain(..) {
            while !running.thread.is_finished() && Instant::now() < until {
                thread::sleep(Duration::from_millis(1));
            }
            if !running.thread.is_finished() {
                // It is in a driver's hands; its readings until now are safe.
                self.stuck.push(running.name);
                continue;
            }
            match running.thread.join() {
                Ok(Some(finished)) => self.finished.push(finished),
                Ok(None) | Err(_) => self.stuck.push(running.name),
            }
        }
    }
}
