//! Opening sources: at the start of a recording, and again when they are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use power_core::{Descriptor, ErrorKind, PowerSource, Recorder, SystemClock};

use super::session::Event;
use crate::drivers;
use crate::rig::{Policy, SourceSpec, rate};
use crate::{Error, Result};

/// Time before a lost source is opened again for the first time; doubled after each failure.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest time between two attempts to open a lost source.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How often somebody who waits looks whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// A source that is ready to be read.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) source: Box<dyn PowerSource>,
    /// Time between the starts of two reads.
    pub(super) period: Duration,
}

/// Opens one source.
///
/// # Errors
///
/// - what the driver says; an unknown driver is wrong configuration.
pub(super) fn open(spec: &SourceSpec) -> power_core::Result<Opened> {
    let driver = drivers::find(&spec.driver).ok_or_else(|| {
        let message = format!("there is no driver {}; there are {}", spec.driver, drivers::ids().join(", "));
        power_core::Error::new(ErrorKind::InvalidConfig, message)
    })?;
    let mut source = driver.open(&spec.device, &spec.options)?;
    let rate = spec.rate_hz.or(spec.polled_rate_hz.filter(|_| rate::is_polled(source.descriptor())));
    let period = if let Some(hz) = rate {
        Duration::from_secs_f64(1.0 / hz)
    } else {
        let cost = known_cost(source.descriptor()).unwrap_or_else(|| cost(&mut *source));
        rate::default_period(source.descriptor(), cost)
    };
    Ok(Opened { source, period })
}

/// How long a read takes by what the driver measured when it opened the source (details `call_cost_us.CHANNEL`): at most,
/// since channels of one call each have its cost.
fn known_cost(descriptor: &Descriptor) -> Option<Duration> {
    let details = descriptor.details.iter().filter(|(name, _)| name.starts_with("call_cost_us."));
    let costs: Vec<f64> = details.map(|(_, text)| text.parse().ok()).collect::<Option<_>>()?;
    (!costs.is_empty()).then(|| Duration::try_from_secs_f64(costs.iter().sum::<f64>() * 1e-6).ok()).flatten()
}

/// How long a read takes, found by one read that belongs to opening and is no part of the recording.
///
/// A source that waits for lines is not asked: its reads take as long as its period, and cost nothing.
fn cost(source: &mut dyn PowerSource) -> Duration {
    if source.descriptor().details.contains_key("period_ms") {
        return Duration::ZERO;
    }
    let mut readings = Vec::new();
    let before = Instant::now();
    // A source that opens and cannot be read will say so when it is recorded.
    let _ = source.read(&mut Recorder::new(&SystemClock, &mut readings));
    before.elapsed()
}

/// Opens all sources of a recording, by number; those that are optional may fail.
///
/// # Errors
///
/// - if a required one fails, or none opens.
pub(super) fn open_all(specs: &[SourceSpec]) -> Result<Vec<power_core::Result<Opened>>> {
    let mut opened = Vec::new();
    for spec in specs {
        let result = open(spec);
        match result {
            Err(error) if spec.policy == Policy::Required || error.kind() == ErrorKind::InvalidConfig => {
                return Err(Error::new(format!("source {} cannot be opened, {error:#}", spec.name))
                    .mend("see `wattproof doctor`, or make it optional in the rig file"));
            }
            result => opened.push(result),
        }
    }
    if opened.iter().all(std::result::Result::is_err) {
        let why = opened.iter().find_map(|result| result.as_ref().err());
        let why = why.map_or_else(|| "there is none".to_owned(), |error| format!("{error:#}"));
        return Err(Error::new(format!("no source can be opened, {why}")).mend("see `wattproof doctor`"));
    }
    Ok(opened)
}

/// Opens a source again and again, ever less often, on a thread of its own; its success is an event.
pub(super) fn keep_trying(
    number: u16,
    spec: SourceSpec,
    dead: Option<Box<dyn PowerSource>>,
    stop: Arc<AtomicBool>,
    events: Sender<Event>,
) {
    let work = move || {
        // Many devices can be open only once.
        drop(dead);
        let mut wait = FIRST_WAIT;
        loop {
            if !sleep(wait, &stop) {
                return;
            }
            if let Ok(opened) = open(&spec) {
                // A recording that has ended needs it no more.
                let _ = events.send(Event::Opened { number, opened });
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    };
    // Without a thread the source stays away, which its interruption says.
    let _ = thread::Builder::new().name("reopen".to_owned()).spawn(work);
}

/// Sleeps; gives `false` if it is to stop.
fn sleep(time: Duration, stop: &AtomicBool) -> bool {
    let until = Instant::now() + time;
    while !stop.load(Ordering::Relaxed) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOK));
    }
    false
}
