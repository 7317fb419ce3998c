//! Whether a link is up, and when to try it again.

use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};

use crate::link::Link;

/// Wait before the second attempt; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Longest wait between attempts: a cable put back is seen within this.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The state of a link that is opened again whenever it breaks.
#[derive(Debug)]
pub(super) struct Reconnect {
    /// How long to try; `None` for ever.
    limit: Option<Duration>,
    state: State,
    wait: Duration,
    generation: u64,
}

#[derive(Debug)]
enum State {
    Up,
    Broken { since: Instant, next: Instant },
    Gone,
}

impl Reconnect {
    pub(super) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, state: State::Up, wait: Duration::ZERO, generation: 0 }
    }

    /// How often the link was opened anew.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the link was given up.
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// An answer came: the next break is tried at once.
    pub(super) const fn worked(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// Has the link opened anew before the next transaction.
    pub(super) fn broke(&mut self) {
        if matches!(self.state, State::Up) {
            let now = Instant::now();
            self.state = State::Broken { since: now, next: now + self.wait };
            self.lengthen();
        }
    }

    /// The link is lost. The error to report: the link is still tried, unless nothing of that is wanted.
    pub(super) fn lost(&mut self, cause: Error) -> Error {
        self.broke();
        if self.limit == Some(Duration::ZERO) {
            self.state = State::Gone;
            return cause;
        }
        down("the link to the meter broke; it is opened again by the next reads").with_source(cause)
    }

    /// Opens a broken link, if it is time. Blocks at most until `deadline`. Gives whether it was opened anew.
    pub(super) fn ensure(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<bool> {
        let (since, next) = match self.state {
            State::Up => return Ok(false),
            State::Gone => return Err(gone(link)),
            State::Broken { since, next } => (since, next),
        };
        let now = Instant::now();
        if now < next {
            let wait = next - now;
            return Err(down("the link to the meter is down")
                .with_context("link", link.name())
                .with_context("next attempt in", format!("{wait:.1?}")));
        }
        match link.reopen(deadline) {
            Ok(()) => {
                self.state = State::Up;
                self.generation += 1;
                Ok(true)
            }
            Err(cause) if self.limit.is_some_and(|limit| since.elapsed() >= limit) => {
                self.state = State::Gone;
                Err(gone(link).with_source(cause))
            }
            Err(cause) => {
                self.lengthen();
                self.state = State::Broken { since, next: Instant::now() + self.wait };
                Err(down("the link to the meter is down and does not open").with_source(cause))
            }
        }
    }

    fn lengthen(&mut self) {
        self.wait = (self.wait * 2).clamp(FIRST_WAIT, LONGEST_WAIT);
    }
}

/// A link that may come back is reported as one that gave no answer: a reader goes on and has a gap.
fn down(message: &'static str) -> Error {
    Error::new(ErrorKind::Timeout, message)
}

fn gone(link: &dyn Link) -> Error {
    Error::new(ErrorKind::Disconnected, "the link to the meter is lost; open the source again")
        .with_context("link", link.name())
}
