//! Instruments with a protocol of their own: one source over a link, which comes back after a fault.

pub mod catalogue;
pub(crate) mod settings;

use std::thread;
use std::time::{Duration, Instant};

use power_core::{Descriptor, Error, ErrorKind, Options, PowerSource, Recorder, Result};

use crate::link::Link;

/// Opens an instrument over a link that has been opened: every instrument of this crate has a function of this type.
///
/// Blocks until the instrument has said what it is and how it is set, at most three times its `timeout_ms`.
pub type Open = fn(Box<dyn Link>, &Options) -> Result<Box<dyn PowerSource>>;

/// Wait before the second try to reach an instrument again; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Time given to an instrument to stop what it was told to send.
const FAREWELL: Duration = Duration::from_millis(200);
/// Opening asks several questions, each of which may take as long as a reading.
const OPENING: u32 = 3;

/// What is particular to one instrument. Everything about links that fail is [`Instrument`]'s.
pub(crate) trait Dialogue: Send + std::fmt::Debug {
    /// Brings the instrument into the state in which `read` works, whatever it was doing, and says what it is.
    fn start(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<Descriptor>;

    /// One transaction.
    fn read(&mut self, link: &mut dyn Link, deadline: Instant, recorder: &mut Recorder<'_>) -> Result<()>;

    /// Asks the instrument to stop sending. What becomes of it does not matter any more.
    fn stop(&mut self, _link: &mut dyn Link, _deadline: Instant) {}
}

/// How long an instrument is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Deadline of one transaction.
    pub(crate) timeout: Duration,
    /// How long an instrument that is gone is sought before it counts as disconnected.
    pub(crate) reconnect: Duration,
}

impl Patience {
    /// The options that every instrument knows.
    pub(crate) const OPTIONS: [&'static str; 3] = ["timeout_ms", "reconnect_s", "scope"];

    /// The patience that the options ask for.
    pub(crate) fn from_options(options: &Options, timeout: Duration) -> Result<Self> {
        let timeout = match options.parse::<u32>("timeout_ms")? {
            None => timeout,
            Some(0) => {
                let message = "timeout_ms = 0: it is the time that an answer may take, 1 at least";
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
            Some(milliseconds) => Duration::from_millis(u64::from(milliseconds)),
        };
        let reconnect = options.parse::<u32>("reconnect_s")?.unwrap_or(30);
        Ok(Self { timeout, reconnect: Duration::from_secs(u64::from(reconnect)) })
    }
}

/// Whether link and instrument can be relied on.
#[derive(Debug)]
enum Standing {
    /// The next answer belongs to the next question.
    InStep,
    /// An answer is missing or made no sense: what comes next may be anything. Or the instrument cannot be reached.
    Broken {
        /// Since when it cannot be reached, if it cannot.
        away_since: Option<Instant>,
        next_try: Instant,
        wait: Duration,
    },
    /// It is gone, or has become another one.
    Gone(String),
}

/// A source over a link.
///
/// After a late, missing or senseless answer the link is opened anew and the instrument set up again, so that no
/// answer is ever taken for that of another question. An instrument that is gone is sought for `reconnect_s` seconds,
/// in which reads fail with [`ErrorKind::Timeout`]; after that it is [`ErrorKind::Disconnected`] for good. An
/// instrument that comes back as another one, or set otherwise, is disconnected at once: its descriptor would be wrong.
#[derive(Debug)]
pub(crate) struct Instrument<D: Dialogue> {
    link: Box<dyn Link>,
    dialogue: D,
    descriptor: Descriptor,
    patience: Patience,
    standing: Standing,
}

impl<D: Dialogue + 'static> Instrument<D> {
    /// Starts the dialogue. Blocks at most three times the timeout.
    pub(crate) fn open(
        mut link: Box<dyn Link>,
        mut dialogue: D,
        patience: Patience,
    ) -> Result<Box<dyn PowerSource>> {
        let descriptor = dialogue
            .start(&mut *link, Instant::now() + patience.timeout * OPENING)
            .map_err(|error| error.with_context("link", link.name().to_owned()))?;
        Ok(Box::new(Self { link, dialogue, descriptor, patience, standing: Standing::InStep }))
    }
}

impl<D: Dialogue> Instrument<D> {
    /// Opens the link anew and sets the instrument up again, if it is time to try.
    fn recover(&mut self) -> Result<()> {
        let Standing::Broken { next_try, .. } = self.standing else { return Ok(()) };
        let now = Instant::now();
        let pause = next_try.saturating_duration_since(now);
        thread::sleep(pause.min(self.patience.timeout));
        if pause > self.patience.timeout {
            return Err(Error::new(ErrorKind::Timeout, "waiting before the next try to reach the meter"));
        }
        self.link.reopen(Instant::now() + self.patience.timeout)?;
        let deadline = Instant::now() + self.patience.timeout * OPENING;
        let descriptor = self.dialogue.start(&mut *self.link, deadline)?;
        if let Some(change) = difference(&self.descriptor, &descriptor) {
            self.standing = Standing::Gone(format!(
                "the meter came back as another one, or set otherwise ({change}); open the source again"
            ));
            return Err(self.gone());
        }
        self.standing = Standing::InStep;
        Ok(())
    }

    fn gone(&self) -> Error {
        let Standing::Gone(why) = &self.standing else {
            return Error::new(ErrorKind::Disconnected, "the meter is gone");
        };
        Error::new(ErrorKind::Disconnected, "the meter can no longer be read")
            .with_context("why", why.clone())
    }

    /// Notes what an error means for the link, and gives it in the caller's terms.
    fn failed(&mut self, error: Error) -> Error {
        let now = Instant::now();
        let (away_since, wait) = match &self.standing {
            // The question was answered, with a refusal.
            Standing::InStep
                if matches!(
                    error.kind(),
                    ErrorKind::Overrange | ErrorKind::Unsupported | ErrorKind::InvalidConfig
                ) =>
            {
                return error;
            }
            Standing::InStep => (None, Duration::ZERO),
            Standing::Broken { away_since, wait, next_try } if *next_try <= now => {
                (*away_since, (*wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT))
            }
            // Nothing new is known: it is gone for good, or no try was made.
            Standing::Gone(_) | Standing::Broken { .. } => return error,
        };
        let in_reach = matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Protocol);
        let away_since = if in_reach { None } else { Some(away_since.unwrap_or(now)) };
        let Some(since) = away_since else {
            self.standing = Standing::Broken { away_since: None, next_try: now + wait, wait };
            return error;
        };
        if now.duration_since(since) >= self.patience.reconnect {
            self.standing = Standing::Gone(error.to_string());
            return self.gone().with_source(error);
        }
        self.standing = Standing::Broken { away_since, next_try: now + wait, wait };
        Error::new(ErrorKind::Timeout, "the meter is gone; it is being sought").with_source(error)
    }
}

impl<D: Dialogue> PowerSource for Instrument<D> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Standing::Gone(_) = self.standing {
            return Err(self.gone());
        }
        let outcome = self.recover().and_then(|()| {
            let deadline = Instant::now() + self.patience.timeout;
            self.dialogue.read(&mut *self.link, deadline, recorder)
        });
        outcome.map_err(|error| self.failed(error))
    }
}

impl<D: Dialogue> Drop for Instrument<D> {
    fn drop(&mut self) {
        if let Standing::InStep = self.standing {
            self.dialogue.stop(&mut *self.link, Instant::now() + FAREWELL);
        }
    }
}

/// The first difference between two descriptors that changes what readings mean.
fn difference(before: &Descriptor, after: &Descriptor) -> Option<String> {
    if before.device != after.device {
        return Some(format!("it was {}, it is {}", before.device, after.device));
    }
    if before.channels == after.channels && before.clock == after.clock {
        return None;
    }
    let changed = before.channels.iter().zip(&after.channels).find(|(before, after)| before != after);
    let name = changed.map_or("the channels", |(before, _)| &before.name);
    Some(format!("{name} changed"))
}
