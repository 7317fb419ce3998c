//! One recording from its start to its end: who is started when, and what happens when something fails.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use power_core::{HostTime, PowerSource, SystemClock};
use signal_hook::consts::SIGINT;

use super::child::{self, Running};
use super::cost::Counters;
use super::drain::{Drain, Order};
use super::fleet::Fleet;
use super::live::Live;
use super::marks::{self, Listener};
use super::open::{self, Opened};
use super::settings::{Ended, Settings};
use super::signals::Watch;
use super::{host, os};
use crate::import::nearest_hint;
use crate::run::{Interruption, MarkEvent, NewRun, Origin, RunWriter, TimeBase};
use crate::{Error, Result};

/// How long the first read of all sources is waited for before the command starts without it.
const FIRST_READS: Duration = Duration::from_secs(15);

/// The name of the phase in which the command runs.
pub const COMMAND_PHASE: &str = "command";

/// What happens while a recording goes on.
#[derive(Debug)]
pub(super) enum Event {
    /// A lane has read each of its sources once.
    LaneReady,
    /// A source is gone.
    Lost { number: u16, source: Box<dyn PowerSource>, error: power_core::Error, at: HostTime },
    /// A source that was gone, or never there, has opened.
    Opened { number: u16, opened: Opened },
    /// Nothing more can be written.
    CannotWrite(Error),
    /// The command has ended.
    CommandEnded(std::io::Result<ExitStatus>),
    /// The command's stdout has ended.
    StdoutEnded,
    /// This process got a signal.
    Signal(i32),
}

/// Records until the command has ended, the time is over, or a signal comes. What is seen of it meanwhile is in
/// `live`.
///
/// # Errors
///
/// - if a required source, or every source, cannot be opened; nothing is recorded then.
/// - if the folder of the run cannot be written, or the command cannot be started.
pub fn record(mut settings: Settings, live: &Live) -> Result<Ended> {
    let (events_to, events) = channel();
    let signals = Watch::start(events_to.clone())?;
    if settings.realtime {
        os::request_realtime(&mut *settings.tell);
    }
    let opened = open::open_all(&settings.rig.sources)?;
    let (orders_to, orders) = channel();
    let mut session = Session::new(settings, (events, events_to), orders_to, live.clone());
    let drain = session.begin(opened, orders)?;
    let writing = thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || drain.run())
        .map_err(|error| Error::new("no thread can be made to write").because(error))?;
    session.fleet.start_all()?;
    session.wait_for_first_reads();
    let outcome = session.go_on();
    session.stop_reading();
    session.wait_for_stdout();
    let dir = session.settings.dir.clone();
    let ended = session.end(writing);
    drop(signals);
    if let (Err(_), Some(dir)) = (&outcome, &dir) {
        // There was no command: a run of nothing would only be in the way of the next attempt. What cannot be
        // removed is a run.
        let _ = std::fs::remove_dir_all(dir);
    }
    let ended = ended?;
    outcome.map(|()| ended)
}

/// A recording that goes on.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) events: Receiver<Event>,
    pub(super) events_to: Sender<Event>,
    pub(super) orders: Sender<Order>,
    pub(super) live: Live,
    pub(super) fleet: Fleet,
    pub(super) counters: Vec<Arc<Counters>>,
    pub(super) listener: Option<Listener>,
    pub(super) running: Option<Running>,
    pub(super) stdout_open: bool,
    pub(super) exit_code: Option<i32>,
    pub(super) interruptions: Vec<Interruption>,
    /// By number: until when a required source may stay away.
    pub(super) deadlines: BTreeMap<u16, Instant>,
    pub(super) failure: Option<Error>,
    pub(super) ended: Option<String>,
    pub(super) began: Instant,
    /// When the lanes were told to end, in ns.
    pub(super) read_until_ns: Option<i64>,
    /// Whether nothing more is to be done before the end: a signal that is no Ctrl-C, or a second one.
    pub(super) at_once: bool,
}

impl Session {
    fn new(
        settings: Settings,
        (events, events_to): (Receiver<Event>, Sender<Event>),
        orders: Sender<Order>,
        live: Live,
    ) -> Self {
        let fleet = Fleet::new(orders.clone(), events_to.clone(), settings.realtime, settings.jitter);
        Self {
            counters: settings.rig.sources.iter().map(|_| Arc::default()).collect(),
            settings,
            events,
            events_to,
            orders,
            live,
            fleet,
            listener: None,
            running: None,
            stdout_open: false,
            exit_code: None,
            interruptions: Vec::new(),
            deadlines: BTreeMap::new(),
            failure: None,
            ended: None,
            began: Instant::now(),
            read_until_ns: None,
            at_once: false,
        }
    }

    /// Makes the run and gives every opened source to its lane.
    fn begin(&mut self, opened: Vec<power_core::Result<Opened>>, orders: Receiver<Order>) -> Result<Drain> {
        self.check_reference(&opened)?;
        let mut writer = match &self.settings.dir {
            Some(dir) => {
                let command = self.settings.command.iter().map(|word| word.to_string_lossy().into_owned());
                let origin = Origin::Recorded { command: command.collect(), exit_code: None };
                let mut new = NewRun::new(TimeBase::HostMonotonic, origin);
                new.host = host::facts();
                new.notes.clone_from(&self.settings.notes);
                Some(RunWriter::create(dir, new)?)
            }
            None => None,
        };
        let specs = self.settings.rig.sources.clone();
        for (spec, counters) in specs.iter().zip(&self.counters) {
            self.live.add(&spec.name, Arc::clone(counters));
        }
        let mut sources = Vec::new();
        for ((number, spec), result) in (0_u16..).zip(&specs).zip(opened) {
            sources.push(None);
            let opened = match result {
                Ok(opened) => opened,
                Err(error) => {
                    self.absent(number, &error);
                    continue;
                }
            };
            let descriptor = opened.source.descriptor();
            self.live.describe(number, descriptor);
            if let Some(writer) = &mut writer {
                let source = writer.add_source(&spec.name, descriptor.clone())?;
                writer.set_asked_period(source, u64::try_from(opened.period.as_nanos()).unwrap_or(u64::MAX));
                sources[usize::from(number)] = Some(source);
            }
            let lane = self.settings.lanes.get(&spec.name);
            self.fleet.add(number, opened, Arc::clone(&self.counters[usize::from(number)]), lane);
        }
        if let (Some(writer), Some(reference)) = (&mut writer, &self.settings.rig.reference) {
            // Its source may be one that opens later; then there is no such channel yet.
            let _ = writer.set_reference(reference);
        }
        if let (Some(dir), Some(writer)) = (&self.settings.dir, &mut writer) {
            writer.set_interruptions(self.interruptions.clone());
            writer.sync()?;
            self.listener = Some(Listener::start(dir, self.orders.clone())?);
        }
        Ok(Drain {
            writer,
            sources,
            anchors: std::mem::replace(&mut self.settings.anchors, Box::new(|| SystemClock.anchor())),
            reference: self.settings.rig.reference.clone(),
            live: self.live.clone(),
            orders,
            events: self.events_to.clone(),
        })
    }

    /// Fails if the reference is no channel of its source, before anything is written.
    fn check_reference(&self, opened: &[power_core::Result<Opened>]) -> Result<()> {
        let Some(reference) = &self.settings.rig.reference else { return Ok(()) };
        for (spec, result) in self.settings.rig.sources.iter().zip(opened) {
            let Some(channel) =
                reference.strip_prefix(spec.name.as_str()).and_then(|rest| rest.strip_prefix('/'))
            else {
                continue;
            };
            if let Ok(opened) = result
                && opened.source.descriptor().find(channel).is_none()
            {
                let channels = opened.source.descriptor().channels.iter();
                let known: Vec<_> =
                    channels.map(|channel| format!("{}/{}", spec.name, channel.name)).collect();
                return Err(Error::new(format!(
                    "the reference {reference} is no channel of source {}",
                    spec.name
                ))
                .mend(nearest_hint(reference, &known)));
            }
        }
        Ok(())
    }

    pub(super) fn tell(&mut self, what: &str) {
        (self.settings.tell)(what);
    }

    pub(super) fn name(&self, number: u16) -> String {
        self.settings.rig.sources.get(usize::from(number)).map_or_else(String::new, |spec| spec.name.clone())
    }

    /// Waits until every source has been read once, so that there is a reading before the command.
    fn wait_for_first_reads(&mut self) {
        let until = Instant::now() + FIRST_READS;
        let mut ready = 0;
        while ready < self.fleet.len() && self.ended.is_none() {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::LaneReady) => ready += 1,
                Ok(event) => self.take(event),
                Err(_) => {
                    self.tell("not every source has answered its first read yet");
                    return;
                }
            }
        }
    }

    /// Starts the command, and takes what happens until the recording is to end.
    fn go_on(&mut self) -> Result<()> {
        self.began = Instant::now();
        self.pulse_before()?;
        let until = self.settings.duration.map(|duration| Instant::now() + duration);
        if !self.settings.command.is_empty() && self.ended.is_none() {
            self.start_command()?;
        }
        while self.ended.is_none() {
            // Often enough that what sets `stop` is obeyed at once for a person; where nobody can, each look would only cost.
            const LOOK: Duration = Duration::from_millis(250);
            const SELDOM: Duration = Duration::from_secs(3600);
            let now = Instant::now();
            if until.is_some_and(|until| now >= until) {
                self.ended = Some("the time was over".to_owned());
                break;
            }
            if self.settings.stop.load(Ordering::Relaxed) {
                self.ended = Some("it was stopped".to_owned());
                break;
            }
            if let Some((&number, _)) = self.deadlines.iter().find(|(_, deadline)| now >= **deadline) {
                self.give_up(number);
                break;
            }
            let stoppable = Arc::strong_count(&self.settings.stop) > 1;
            let look = if stoppable { LOOK } else { SELDOM };
            let next = until.into_iter().chain(self.deadlines.values().copied()).min();
            let wait = next.map_or(look, |next| look.min(next.saturating_duration_since(now)));
            match self.events.recv_timeout(wait) {
                Ok(event) => self.take(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.running.is_some() {
            self.end_command();
        }
        self.pulse_after();
        Ok(())
    }

    fn start_command(&mut self) -> Result<()> {
        let mut environment = self.settings.environment.clone();
        if let Some(listener) = &self.listener {
            environment.push((marks::VARIABLE, listener.path.clone().into_os_string()));
        }
        self.mark(MarkEvent::Begin);
        let to = (&self.events_to, &self.orders);
        let running = child::start(&self.settings.command, &environment, self.settings.stdout_marks, to);
        match running {
            Ok(running) => {
                self.running = Some(running);
                self.stdout_open = self.settings.stdout_marks;
                Ok(())
            }
            Err(error) => {
                self.ended = Some("the command could not be started".to_owned());
                Err(error)
            }
        }
    }

    fn mark(&self, event: MarkEvent) {
        let _ = self.orders.send(Order::Mark(marks::arrive((event, COMMAND_PHASE.to_owned()))));
    }

    /// Takes what happened.
    pub(super) fn take(&mut self, event: Event) {
        match event {
            Event::LaneReady => {}
            Event::Lost { number, source, error, at } => self.lost(number, source, &error, at),
            Event::Opened { number, opened } => self.opened(number, opened),
            Event::CannotWrite(error) => self.cannot_write(error),
            Event::CommandEnded(status) => {
                self.mark(MarkEvent::End);
                self.running = None;
                self.exit_code = status.ok().map(child::code_of);
                self.ended.get_or_insert_with(|| "the command ended".to_owned());
                if self.settings.pulses.is_none() {
                    // As soon after the command as can be.
                    self.fleet.stop();
                }
            }
            Event::StdoutEnded => self.stdout_open = false,
            Event::Signal(signal) => {
                if let Some(running) = &self.running {
                    running.signal(signal);
                } else {
                    self.at_once |= signal != SIGINT || self.ended.is_some();
                    self.ended.get_or_insert_with(|| format!("signal {signal} came"));
                }
            }
        }
    }
}
