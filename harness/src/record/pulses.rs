//! Pulses of a known load at both ends of a recording: `wattproof sync` aligns clocks by their edges.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use power_load::{Burst, Demand, Event as LoadEvent, EventKind, Load, Played, Schedule, play};

use super::drain::Order;
use super::session::Session;
use crate::load::SYNC_PHASES;
use crate::run::{Mark, MarkEvent};
use crate::{Error, Result};

/// Seeds of the pulses before and after: two bursts that no shift makes alike.
const SEEDS: (u64, u64) = (1, 2);

/// How often it is looked whether the pulses are over.
const LOOK: Duration = Duration::from_millis(20);

/// A load that is ready, at rest.
pub struct OpenedLoad {
    /// The load.
    pub load: Box<dyn Load>,
    /// What is asked of it while it is on.
    pub on: Demand,
}

/// The load of the pulses.
pub struct Pulses {
    /// Makes it ready. It is dropped after each burst, so that it takes nothing of what is recorded.
    pub open: Box<dyn FnMut() -> Result<OpenedLoad> + Send>,
    /// The burst, but for what is asked.
    pub burst: Burst,
}

impl std::fmt::Debug for OpenedLoad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedLoad").field("on", &self.on).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Pulses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulses").field("burst", &self.burst).finish_non_exhaustive()
    }
}

impl Pulses {
    /// Pulses of this load.
    pub fn new(open: impl FnMut() -> Result<OpenedLoad> + Send + 'static) -> Self {
        Self { open: Box::new(open), burst: Burst::new(Demand::IDLE) }
    }

    /// What is played before and after a recording.
    pub fn schedules(burst: &Burst) -> [Schedule; 2] {
        [Schedule::pulses(SEEDS.0, burst), Schedule::pulses(SEEDS.1, burst)]
    }
}

/// The mark of a step that begins or ends: in the middle of the time that the load took to follow.
pub fn pulse_mark(event: &LoadEvent<'_>) -> Mark {
    let kind = match event.kind {
        EventKind::Begin => MarkEvent::Begin,
        EventKind::End => MarkEvent::End,
    };
    let name = event.step.name.clone().unwrap_or_else(|| SYNC_PHASES.to_owned());
    Mark { t_ns: event.middle_ns(), event: kind, name }
}

impl Session {
    /// Plays the pulses before the command.
    ///
    /// # Errors
    ///
    /// - if the load cannot be made ready, or fails: nothing has been recorded yet that anybody could miss.
    pub(super) fn pulse_before(&mut self) -> Result<()> {
        if self.settings.pulses.is_some() && self.ended.is_none() {
            self.pulse(0)?;
            // What was interrupted here has nothing that pulses at the end would help.
            self.at_once |= self.ended.is_some();
        }
        Ok(())
    }

    /// Plays the pulses after the command, unless the recording has to end at once.
    pub(super) fn pulse_after(&mut self) {
        if self.settings.pulses.is_none() || self.at_once || self.failure.is_some() {
            return;
        }
        if self.ended.as_ref().is_some_and(|why| why.starts_with("signal")) {
            self.tell("pulses end the recording; Ctrl-C again leaves them out");
        }
        if let Err(error) = self.pulse(1) {
            self.tell(&format!("the pulses at the end are not whole: {}", error.in_full()));
            self.failure.get_or_insert(error);
        }
    }

    /// Plays one burst, and takes what happens meanwhile.
    fn pulse(&mut self, which: usize) -> Result<()> {
        let Some(mut pulses) = self.settings.pulses.take() else { return Ok(()) };
        let result = (pulses.open)().and_then(|mut opened| {
            let burst = Burst { on: opened.on.clone(), ..pulses.burst.clone() };
            let [before, after] = Pulses::schedules(&burst);
            self.play(if which == 0 { &before } else { &after }, &mut *opened.load)
        });
        self.settings.pulses = Some(pulses);
        result
    }

    fn play(&mut self, schedule: &Schedule, load: &mut dyn Load) -> Result<()> {
        let stop = AtomicBool::new(false);
        let orders: Sender<Order> = self.orders.clone();
        let played = thread::scope(|scope| {
            let playing = scope.spawn(|| {
                play(schedule, load, &stop, &mut |event| {
                    let _ = orders.send(Order::Mark(pulse_mark(event)));
                })
            });
            let was_ended = self.ended.is_some();
            while !playing.is_finished() {
                if let Ok(event) = self.events.recv_timeout(LOOK) {
                    self.take(event);
                }
                let told =
                    self.settings.stop.load(Ordering::Relaxed) || self.at_once || self.failure.is_some();
                if told || self.ended.is_some() != was_ended {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            playing.join()
        });
        match played {
            Ok(Ok(Played::Whole | Played::Stopped)) => Ok(()),
            Ok(Err(error)) => Err(load_error(error)),
            Err(_) => Err(Error::new("the thread of the pulses failed")),
        }
    }
}

/// An error of a load as one of ours: its words say what to do.
pub fn load_error(error: power_load::Error) -> Error {
    Error::new(error.to_string()).because(error)
}
