//! Reading: one transaction for each descriptor, each with its own stamp.

use std::fmt;
use std::time::{Duration, Instant};

use power_core::{
    ChannelId, Descriptor, Error, ErrorKind, Flags, HostTime, PowerSource, Reading, Recorder, Result, Stamp,
    Value,
};

use crate::counter::{Counter, MOST};
use crate::error::Failure;
use crate::sys;

/// A jump of the clocks apart that is a sleep: no sleep of a machine is shorter, no pause between two clock calls
/// longer three times in a row.
const SHORTEST_SLEEP_NS: i64 = 100_000_000;

/// One descriptor of a source.
#[derive(Debug)]
pub(crate) struct SourceTap {
    counter: Counter,
    /// The channel of each count; `None` where it is not wanted.
    channels: Vec<Option<ChannelId>>,
    /// Whether an edge is looked for here; what follows is read at once thereafter.
    leads: bool,
    /// For messages.
    name: String,
    /// Whether its next reading continues none before.
    broken: bool,
    last_start: Option<HostTime>,
    counts: [u64; MOST],
    /// Of the read under way.
    outcome: Option<(Stamp, Flags)>,
}

impl SourceTap {
    pub(crate) fn new(counter: Counter, channels: Vec<Option<ChannelId>>, leads: bool, name: String) -> Self {
        Self {
            counter,
            channels,
            leads,
            name,
            broken: false,
            last_start: None,
            counts: [0; MOST],
            outcome: None,
        }
    }

    fn read(&mut self, recorder: &Recorder<'_>) -> Result<Stamp, Failure> {
        let (counter, counts) = (&self.counter, &mut self.counts);
        recorder.bracket(|| counter.read(counts)).map(|(_, stamp)| stamp)
    }

    /// Reads until the first count changes, for `bound` at most; the second value is whether it did.
    fn read_edge(&mut self, recorder: &Recorder<'_>, bound: Duration) -> Result<(Stamp, bool), Failure> {
        let start = Instant::now();
        self.counter.read(&mut self.counts)?;
        let before = self.counts[0];
        loop {
            let stamp = self.read(recorder)?;
            let changed = self.counts[0] != before;
            if changed || start.elapsed() >= bound {
                return Ok((stamp, changed));
            }
        }
    }
}

/// Notices when the host has slept: a counter may have been set back meanwhile, and the time base stood still.
pub(crate) struct Sleep {
    clock: Box<dyn FnMut() -> Option<i64> + Send>,
    slept_ns: Option<i64>,
}

impl Sleep {
    /// By `clock`, which gives the nanoseconds that the host has slept so far.
    pub(crate) fn new(mut clock: Box<dyn FnMut() -> Option<i64> + Send>) -> Self {
        let slept_ns = clock();
        Self { clock, slept_ns }
    }

    pub(crate) fn of_host() -> Self {
        Self::new(Box::new(sys::slept_ns))
    }

    /// Whether the host has slept since the last call.
    fn slept(&mut self) -> bool {
        let Some(before) = self.slept_ns else { return false };
        // A pause between the two clock calls looks like a sleep; it does not come thrice.
        for _ in 0..3 {
            match (self.clock)() {
                Some(now) if now - before < SHORTEST_SLEEP_NS => {
                    self.slept_ns = Some(now.min(before));
                    return false;
                }
                Some(now) => self.slept_ns = Some(now),
                None => return false,
            }
        }
        true
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("slept_ns", &self.slept_ns).finish_non_exhaustive()
    }
}

/// RAPL's counters, open.
#[derive(Debug)]
pub(crate) struct Source {
    descriptor: Descriptor,
    taps: Vec<SourceTap>,
    /// How long a read spins for an edge.
    edge: Option<Duration>,
    /// Longest time between two reads after which a count continues the one before.
    limit: Option<Duration>,
    sleep: Sleep,
    /// Why the source is disconnected.
    gone: Option<String>,
}

impl Source {
    pub(crate) fn new(
        (descriptor, taps, limit): crate::describe::Described,
        edge: Option<Duration>,
        sleep: Sleep,
    ) -> Self {
        Self { descriptor, taps, edge, limit, sleep, gone: None }
    }

    /// Reads every descriptor once; one that fails leaves the others alone.
    fn round(&mut self, recorder: &Recorder<'_>) -> Result<(), Error> {
        let mut first_error = Ok(());
        let mut edge_flags = Flags::NONE;
        for tap in &mut self.taps {
            let outcome = match self.edge.filter(|_| tap.leads) {
                Some(bound) => tap.read_edge(recorder, bound).map(|(stamp, found)| {
                    edge_flags = if found { Flags::NONE } else { Flags::COARSE };
                    stamp
                }),
                None => tap.read(recorder),
            };
            match outcome {
                Ok(stamp) => tap.outcome = Some((stamp, edge_flags)),
                Err(failure) => {
                    tap.outcome = None;
                    first_error = first_error.and(Err(failure.into_error(&tap.name)));
                }
            }
        }
        first_error
    }

    fn push(&mut self, recorder: &mut Recorder<'_>) {
        for tap in &mut self.taps {
            let Some((stamp, mut flags)) = tap.outcome.take() else { continue };
            let apart = tap.last_start.and_then(|last| stamp.end().since(last));
            let late = apart.zip(self.limit).is_some_and(|(apart, limit)| apart > limit);
            if tap.broken || late {
                flags = flags | Flags::BREAK;
            }
            tap.broken = false;
            tap.last_start = Some(stamp.start());
            for (channel, count) in tap.channels.iter().zip(tap.counts) {
                if let Some(channel) = channel {
                    recorder.push(Reading::new(*channel, Value::Count(count), stamp).flagged(flags));
                }
            }
        }
    }
}

impl PowerSource for Source {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Reads every counter once, each descriptor with a stamp of its own; allocates nothing.
    ///
    /// Blocks for some microseconds a descriptor; with option `edge`, for up to its bound a package more.
    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(reason) = &self.gone {
            return Err(Error::new(ErrorKind::Disconnected, reason.clone()));
        }
        let mut outcome = self.round(recorder);
        if self.sleep.slept() {
            // Nobody knows which of these counts are from before the sleep: they are read anew.
            outcome = self.round(recorder);
            self.taps.iter_mut().for_each(|tap| tap.broken = true);
        }
        self.push(recorder);
        outcome.inspect_err(|error| {
            if error.kind() == ErrorKind::Disconnected {
                self.gone = Some(error.message().to_owned());
            }
        })
    }
}
