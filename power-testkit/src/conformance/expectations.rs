//! What a test knows about a source beyond its descriptor.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use power_core::{Clock, ErrorKind, PowerSource, Result, SystemClock, Watts};

use crate::VirtualClock;

type Opener = Box<dyn FnMut() -> Result<Box<dyn PowerSource>>>;

/// What a test knows about a source beyond its descriptor.
///
/// The default suits a source on the host's clock that answers at once: 50 reads in a row, no errors, no
/// power above 20 kW.
pub struct Expectations {
    clock: Arc<dyn Clock>,
    pause: Pause,
    reads: usize,
    tolerated: Vec<ErrorKind>,
    quiet: Vec<String>,
    most_power: Watts,
    disconnecting: Option<Opener>,
}

#[derive(Debug)]
enum Pause {
    Sleep(Duration),
    Advance(VirtualClock, Duration),
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            pause: Pause::Sleep(Duration::ZERO),
            reads: 50,
            tolerated: Vec::new(),
            quiet: Vec::new(),
            most_power: Watts::from_watts(20_000.0),
            disconnecting: None,
        }
    }
}

impl Expectations {
    /// For a source on a virtual clock: the clock is moved on by `pause` between reads.
    pub fn on(clock: &VirtualClock, pause: Duration) -> Self {
        let clock = clock.clone();
        Self { clock: Arc::new(clock.clone()), pause: Pause::Advance(clock, pause), ..Self::default() }
    }

    /// Waits between reads: sleeps on the host's clock, moves a virtual one on.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        match &mut self.pause {
            Pause::Sleep(time) | Pause::Advance(_, time) => *time = pause,
        }
        self
    }

    /// Sets the number of reads of each run, 3 at least.
    #[must_use]
    pub fn with_reads(mut self, reads: usize) -> Self {
        self.reads = reads.max(3);
        self
    }

    /// Lets reads fail with this kind now and then.
    #[must_use]
    pub fn tolerating(mut self, kind: ErrorKind) -> Self {
        self.tolerated.push(kind);
        self
    }

    /// Lets the channel of this name give no reading during a run.
    #[must_use]
    pub fn with_quiet(mut self, channel: impl Into<String>) -> Self {
        self.quiet.push(channel.into());
        self
    }

    /// Sets the power above which a step of an energy counter is no longer plausible.
    #[must_use]
    pub fn with_most_power(mut self, power: Watts) -> Self {
        self.most_power = power;
        self
    }

    /// Gives a source of the same kind that reports [`ErrorKind::Disconnected`] within the reads of a run, so
    /// that the suite sees how it fails.
    #[must_use]
    pub fn with_disconnecting<S: PowerSource + 'static>(
        mut self,
        mut open: impl FnMut() -> Result<S> + 'static,
    ) -> Self {
        self.disconnecting = Some(Box::new(move || Ok(Box::new(open()?))));
        self
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) const fn reads(&self) -> usize {
        self.reads
    }

    pub(super) fn tolerates(&self, kind: ErrorKind) -> bool {
        self.tolerated.contains(&kind)
    }

    pub(super) fn lets_be_quiet(&self, channel: &str) -> bool {
        self.quiet.iter().any(|name| name == channel)
    }

    pub(super) const fn most_power(&self) -> Watts {
        self.most_power
    }

    pub(super) fn take_disconnecting(&mut self) -> Option<Opener> {
        self.disconnecting.take()
    }

    pub(super) fn pause(&self) {
        match &self.pause {
            Pause::Sleep(Duration::ZERO) => {}
            Pause::Sleep(time) => thread::sleep(*time),
            Pause::Advance(clock, time) => clock.advance(*time),
        }
    }
}

impl fmt::Debug for Expectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expectations")
            .field("clock", &self.clock)
            .field("pause", &self.pause)
            .field("reads", &self.reads)
            .field("tolerated", &self.tolerated)
            .field("quiet", &self.quiet)
            .field("most_power", &self.most_power)
            .field("disconnecting", &self.disconnecting.is_some())
            .finish()
    }
}
