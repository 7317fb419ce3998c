//! Reading: one transaction for each package or die, with its own stamp.

use std::convert::Infallible;
use std::fmt;
use std::ops::Range;
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

/// A sleep takes longer than this while the running clock still runs: processes are frozen and devices stopped first.
const SURELY_AWAKE: Duration = Duration::from_millis(1);

/// Descriptors within one bracket; the domains of a package are five.
const MOST_IN_BRACKET: usize = 8;

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
    /// Of the read under way: when it was read, or why not.
    outcome: Option<(Stamp, Flags)>,
    failure: Option<Failure>,
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
            failure: None,
        }
    }

    /// Reads until the first count changes, for `bound` at most; the second value is whether it did.
    fn read_edge(&mut self, recorder: &Recorder<'_>, bound: Duration) -> Result<(Stamp, bool), Failure> {
        let (counter, counts) = (&self.counter, &mut self.counts);
        let start = Instant::now();
        counter.read(counts)?;
        let before = counts[0];
        loop {
            let (_, stamp) = recorder.bracket(|| counter.read(counts))?;
            let changed = counts[0] != before;
            if changed || start.elapsed() >= bound {
                return Ok((stamp, changed));
            }
        }
    }
}

/// Reads these descriptors one after the other within one bracket.
///
/// A bracket of each would cost two clock readings more a descriptor, a fifth of a read, and gain a few
/// microseconds where an update is a millisecond.
fn read_all(taps: &mut [SourceTap], recorder: &Recorder<'_>, flags: Flags) {
    let outcome = recorder.bracket(|| {
        for tap in &mut *taps {
            tap.failure = tap.counter.read(&mut tap.counts).err();
        }
        Ok::<_, Infallible>(())
    });
    let Ok(((), stamp)) = outcome;
    for tap in taps {
        tap.outcome = tap.failure.is_none().then_some((stamp, flags));
    }
}

/// Notices when the host has slept: a counter may have been set back meanwhile, and the time base stood still.
pub(crate) struct Sleep {
    clock: Box<dyn FnMut() -> Option<i64> + Send>,
    slept_ns: Option<i64>,
    /// When it was last looked for.
    checked: Option<HostTime>,
}

impl Sleep {
    /// By `clock`, which gives the nanoseconds that the host has slept so far.
    pub(crate) fn new(mut clock: Box<dyn FnMut() -> Option<i64> + Send>) -> Self {
        let slept_ns = clock();
        Self { clock, slept_ns, checked: None }
    }

    pub(crate) fn of_host() -> Self {
        Self::new(Box::new(sys::slept_ns))
    }

    /// Whether the host has slept since the last call, given the time of this one.
    fn slept(&mut self, now: Option<HostTime>) -> bool {
        let apart = now.zip(self.checked).and_then(|(now, checked)| now.since(checked));
        if apart.is_some_and(|apart| apart < SURELY_AWAKE) {
            return false;
        }
        self.checked = now;
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
    /// Those that are read within one bracket: a package's, or some of its cores.
    groups: Vec<Range<usize>>,
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
        let groups = groups(&taps);
        Self { descriptor, taps, groups, edge, limit, sleep, gone: None }
    }

    /// Reads every descriptor once; one that fails leaves the others alone.
    fn round(&mut self, recorder: &Recorder<'_>) -> Result<(), Error> {
        let mut flags = Flags::NONE;
        for group in &self.groups {
            let Some(taps) = self.taps.get_mut(group.clone()) else { continue };
            let mut read = 0;
            if let (Some(bound), Some(leader)) = (self.edge, taps.first_mut().filter(|tap| tap.leads)) {
                let outcome = leader.read_edge(recorder, bound).map(|(stamp, found)| {
                    flags = if found { Flags::NONE } else { Flags::COARSE };
                    (stamp, flags)
                });
                (leader.outcome, leader.failure) = match outcome {
                    Ok(outcome) => (Some(outcome), None),
                    Err(failure) => (None, Some(failure)),
                };
                read = 1;
            }
            let taps = taps.get_mut(read..).unwrap_or_default();
            if !taps.is_empty() {
                read_all(taps, recorder, flags);
            }
        }
        // All are taken, so that none is reported by a later read.
        let mut first = Ok(());
        for tap in &mut self.taps {
            if let Some(failure) = tap.failure.take() {
                first = first.and_then(|()| Err(failure.into_error(&tap.name)));
            }
        }
        first
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

/// Cuts the descriptors, each package's leader first, into those that one bracket holds.
fn groups(taps: &[SourceTap]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (index, tap) in taps.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if !tap.leads && group.len() < MOST_IN_BRACKET => group.end = index + 1,
            _ => groups.push(index..index + 1),
        }
    }
    groups
}

impl PowerSource for Source {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Reads every counter once, each package with a stamp of its own; allocates nothing.
    ///
    /// Blocks for some microseconds a descriptor; with option `edge`, for up to its bound a package more.
    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if let Some(reason) = &self.gone {
            return Err(Error::new(ErrorKind::Disconnected, reason.clone()));
        }
        let mut outcome = self.round(recorder);
        let now = self.taps.iter().rev().find_map(|tap| tap.outcome).map(|(stamp, _)| stamp.end());
        if self.sleep.slept(now) {
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
