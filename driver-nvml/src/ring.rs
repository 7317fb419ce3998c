//! The driver's sample rings as a stream: each sample once, by the time that the driver stamped it with.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use power_core::{
    Channel, ChannelId, Clock, ClockDomain, Delivery, Descriptor, DeviceTime, Error, ErrorKind, Flags,
    PowerSource, Reading, Recorder, Result, Scope, Stamp, SystemClock,
};

use crate::architecture::{Figure, meaning};
use crate::buffers::SampleBuffer;
use crate::clock_domain::{Observation, Verdict, detect};
use crate::config::{Class, Config};
use crate::cost;
use crate::cursor::Cursor;
use crate::details::Identity;
use crate::error::{Failure, Gone};
use crate::library::Note;
use crate::port::{Gpu, Number, Ring};

/// The rings by channel.
pub(crate) const RINGS: [(&str, Ring, Scope); 2] =
    [("power.samples", Ring::Board, Scope::Board), ("module.power.samples", Ring::Module, Scope::Module)];

const CANNOT_READ: &str = "cannot read the GPU's sample ring";

/// Fetches by which the clock is found, and the time between them: more than two spacings of the samples.
const FETCHES: usize = 6;
const BETWEEN: Duration = Duration::from_millis(10);

/// Time that a ring is given for its first sample: a driver that has only just started has none yet.
const FIRST_SAMPLE: Duration = Duration::from_millis(300);

/// The least room for samples; a ring that gives no depth gets it.
const LEAST_ROOM: usize = 256;

/// The most room: 20 minutes of samples 20 ms apart. A library that wants more is not believed.
const MOST_ROOM: usize = 1 << 16;

/// The open sample rings of one GPU. A read blocks for a fraction of a millisecond per ring.
#[derive(Debug)]
pub(crate) struct Stream {
    descriptor: Descriptor,
    gpu: Box<dyn Gpu>,
    rings: Vec<Open>,
    gone: Gone,
}

/// One ring being followed.
#[derive(Debug)]
struct Open {
    id: ChannelId,
    ring: Ring,
    cursor: Cursor,
    /// What the next sample is to be flagged with.
    pending: Flags,
    buffer: SampleBuffer,
}

impl Stream {
    /// Opens the rings that are asked for and answered, behind what they hold now.
    ///
    /// `known` is what an earlier opening found: the clock and the costs.
    pub(crate) fn open(
        gpu: Box<dyn Gpu>,
        identity: &Identity,
        config: &Config,
        known: Option<Note>,
    ) -> Result<(Self, Note)> {
        config.check_channels(RINGS.iter().map(|(name, ..)| *name))?;
        let meaning = meaning(Figure::Samples, identity.architecture, identity.branch);
        let mut found = Vec::new();
        let mut absent = Vec::new();
        for (name, ring, scope) in RINGS.into_iter().filter(|(name, ..)| config.wants(name)) {
            match look(&*gpu, ring, known.is_some()) {
                Ok(look) => found.push((name, ring, scope, look)),
                Err(failure) => absent.push((name, failure)),
            }
        }
        // One source has one clock.
        if known.is_none()
            && let Some(clock) = found.first().map(|(_, _, _, look)| look.verdict.domain.clone())
        {
            found.retain(|(name, _, _, look)| {
                let same = look.verdict.domain == clock;
                if !same {
                    absent.push((*name, Failure::OtherClock));
                }
                same
            });
        }
        let Some((_, _, _, first)) = found.first() else {
            let failure = absent.first().map_or(Failure::NotSupported, |(_, failure)| *failure);
            return Err(failure.opening("the GPU gives no sample ring", &identity.device));
        };
        if let (Some(_), Some((name, failure))) = (&config.channels, absent.first()) {
            let message = format!("the GPU does not give channel {name}");
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_context("device", &identity.device)
                .with_source(*failure));
        }
        let note = known.unwrap_or_else(|| {
            let mut details = vec![("clock".to_owned(), first.verdict.why.clone())];
            details.extend(found.iter().flat_map(|(name, _, _, look)| look.details(name)));
            Note { details, clock: first.verdict.domain.clone() }
        });
        let channels = found.iter().map(|(name, _, scope, _)| {
            let channel = Channel::new(*name, meaning.quantity).with_resolution(1e-3);
            let channel = channel.with_scope(scope.clone()).with_delivery(Delivery::Streamed);
            match meaning.update_period {
                Some(period) => channel.with_update_period(period),
                None => channel,
            }
        });
        let mut channels: Vec<_> = channels.collect();
        crate::catalogue::nest(&mut channels);
        let mut descriptor = identity.descriptor(Class::Ring, channels).with_clock(note.clock.clone());
        for (name, failure) in &absent {
            descriptor = descriptor.with_detail(format!("absent.{name}"), failure.to_string());
        }
        for (name, ..) in &found {
            descriptor = descriptor.with_detail(format!("meaning.{name}"), meaning.why);
        }
        for (name, value) in &note.details {
            descriptor = descriptor.with_detail(name, value);
        }
        let open = |(id, (_, ring, _, look)): (ChannelId, (_, Ring, _, Look))| Open {
            id,
            ring,
            cursor: look.cursor,
            pending: Flags::NONE,
            buffer: look.buffer,
        };
        let rings = (0..).map(ChannelId).zip(found).map(open).collect();
        Ok((Self { descriptor, gpu, rings, gone: Gone::default() }, note))
    }
}

/// What a first look at a ring showed.
struct Look {
    buffer: SampleBuffer,
    /// Stands behind what was seen.
    cursor: Cursor,
    depth: usize,
    /// Median distance of the samples.
    spacing_us: Option<u64>,
    verdict: Verdict,
    cost: Option<Duration>,
}

impl Look {
    fn details(&self, name: &str) -> Vec<(String, String)> {
        let mut details = vec![(format!("ring_depth.{name}"), self.depth.to_string())];
        if let Some(spacing) = self.spacing_us {
            details.push((format!("spacing_us.{name}"), spacing.to_string()));
            let span =
                u64::try_from(self.depth.saturating_sub(1)).unwrap_or(u64::MAX).saturating_mul(spacing);
            // A quarter is kept for fetches that come late and samples that come close together.
            details.push((format!("fetch_within_ms.{name}"), (span / 1_000 * 3 / 4).to_string()));
        }
        details.extend(self.cost.map(|cost| (format!("call_cost_us.{name}"), cost::micros(cost))));
        details
    }
}

/// Looks at a ring as often as its clock needs, or once where that is known.
fn look(gpu: &dyn Gpu, ring: Ring, clock_is_known: bool) -> Result<Look, Failure> {
    let depth = gpu.ring_depth(ring)?;
    let mut buffer = SampleBuffer::new((2 * depth).max(LEAST_ROOM));
    let start = Instant::now();
    let (mut observations, mut costs) = (Vec::new(), Vec::new());
    loop {
        let before = SystemClock.now();
        fetch(gpu, ring, 0, &mut buffer)?;
        costs.extend(SystemClock.now().since(before));
        let anchor = SystemClock.anchor();
        let newest = buffer.stamps_us().next_back();
        observations.extend(newest.map(|newest_us| Observation { anchor, newest_us }));
        if observations.len() >= FETCHES || (clock_is_known && !observations.is_empty()) {
            break;
        }
        if observations.is_empty() && start.elapsed() > FIRST_SAMPLE {
            return Err(Failure::NoData);
        }
        thread::sleep(BETWEEN);
    }
    let verdict = detect(&observations);
    let stamps = buffer.stamps_us();
    let mut spacings: Vec<_> =
        stamps.clone().skip(1).zip(stamps).map(|(later, earlier)| later - earlier).collect();
    spacings.sort_unstable();
    let spacing_us = spacings.get(spacings.len() / 2).copied();
    // More fetches only to time them would take a millisecond; those of a recording ask for less and take no longer.
    costs.sort_unstable();
    let cost = costs.get(costs.len() / 2).copied().filter(|_| !clock_is_known);
    let cursor = Cursor::behind(&buffer.samples());
    Ok(Look { buffer, cursor, depth, spacing_us, verdict, cost })
}

/// One fetch; a ring that is deeper than it said gets more room, once and for all.
fn fetch(gpu: &dyn Gpu, ring: Ring, since_us: u64, buffer: &mut SampleBuffer) -> Result<(), Failure> {
    loop {
        match gpu.samples(ring, since_us, buffer) {
            Err(Failure::InsufficientSize) if buffer.room() < MOST_ROOM => buffer.grow(),
            answer => return answer,
        }
    }
}

impl PowerSource for Stream {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.gone.check(CANNOT_READ, &self.descriptor.device)?;
        let mut failed = None;
        for open in &mut self.rings {
            match open.read(&*self.gpu, recorder) {
                Ok(()) => {}
                Err(failure) if failure.is_gone() => {
                    failed = Some(failure);
                    break;
                }
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        match failed {
            None => Ok(()),
            Some(failure) => Err(self.gone.note(failure, CANNOT_READ, &self.descriptor.device)),
        }
    }
}

impl Open {
    fn read(&mut self, gpu: &dyn Gpu, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
        let mut stamp = self.fetch(gpu, self.cursor.since_us(), recorder)?;
        let taken = self.cursor.take(&self.buffer.samples());
        let intake = if let Some(intake) = taken {
            intake
        } else {
            stamp = self.fetch(gpu, 0, recorder)?;
            self.cursor.take_all(&self.buffer.samples())
        };
        if intake.lost {
            self.pending = Flags::OVERRUN;
        }
        let mut failed = Ok(());
        for sample in self.buffer.samples().skip(intake.first) {
            let micros = i64::try_from(sample.stamp_us).ok();
            let time = micros.and_then(DeviceTime::from_micros).ok_or(Failure::Nonsense);
            match (sample.value.and_then(Number::milliwatts), time) {
                (Ok(watts), Ok(time)) => {
                    let flags = std::mem::replace(&mut self.pending, Flags::NONE);
                    recorder.push(Reading::new(self.id, watts, stamp).at_device(time).flagged(flags));
                }
                (Err(failure), _) | (_, Err(failure)) => failed = Err(failure),
            }
        }
        failed
    }

    fn fetch(&mut self, gpu: &dyn Gpu, since_us: u64, recorder: &Recorder<'_>) -> Result<Stamp, Failure> {
        let call = || Ok::<_, Infallible>(fetch(gpu, self.ring, since_us, &mut self.buffer));
        let Ok((answer, stamp)) = recorder.bracket(call);
        answer.map(|()| stamp)
    }
}

/// Whether the clock of this source could be told.
pub(crate) fn is_decided(clock: &ClockDomain) -> bool {
    !matches!(clock, ClockDomain::Device { .. })
}
