//! `sync`: how the clock of each source relates to the run's time base.

mod target;
mod words;

use power_analysis::CONFIDENCE;
use power_analysis::clock::{
    ClockFit, ClockRefusal, ClockShape, EdgeSettings, StampPosition, exchange, load_edges, stamp_position,
};
use power_core::{ClockDomain, Delivery, Scope};
use serde::{Deserialize, Serialize};

use crate::alignment::{AlignedClock, AlignedTimes, Alignment};
use crate::load::{Load, Loaded, SYNC_PHASES};
use crate::run::{ChannelRef, Run, TimeBase};
use crate::{Error, Result, timekeeping};
use target::{Target, targets};

/// Time constants that a load behind its command can have, in nanoseconds: a GPU's is 1 to 16 ms.
const RISE_NS: (i64, i64) = (0, 30_000_000);

/// What to align, and by what.
#[derive(Debug, Clone)]
pub struct Request {
    /// The load whose edges are known; found in the run if `None`.
    pub load: Option<Load>,
    /// Channels whose sources are to be aligned; by default all with a clock of their own, and meters of the node.
    pub channels: Vec<String>,
    /// How far a first guess of an offset can be wrong, in nanoseconds.
    pub search_ns: i64,
}

/// The clocks of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSync {
    /// Version of this structure.
    pub schema_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// The load whose edges were used; `None` where there is none.
    pub load: Option<Load>,
    /// The clocks, one a source.
    pub clocks: Vec<SyncedClock>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

/// The clock of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncedClock {
    /// The source.
    pub source: String,
    /// The channel by which it was aligned.
    pub channel: Option<String>,
    /// The clock of its times.
    pub clock: ClockDomain,
    /// Bounds by exchanges, where the source answers when asked.
    pub exchange: Option<ClockFit>,
    /// The fit to load edges.
    pub edges: Option<ClockFit>,
    /// Why there is no fit to load edges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edges_refused: Option<ClockRefusal>,
    /// Which moment of its window it stamps, as far as it can be told.
    pub stamps: Option<StampPosition>,
    /// What goes into `alignment.json`; `None` where the clock could not be aligned, or needs not to be.
    pub alignment: Option<AlignedClock>,
    /// Whether it should have been aligned and was not.
    pub failed: bool,
    /// All that in sentences.
    pub verdict: Vec<String>,
}

/// Aligns the clocks of `run`. Nothing is written.
///
/// # Errors
///
/// - if a channel or the load does not exist, the run has no time, or it cannot be read.
pub fn sync(run: &Run, request: &Request) -> Result<RunSync> {
    if run.manifest().time_base == TimeBase::Ordinal {
        return Err(Error::new(format!("{} has no time, its rows are only numbered", run.name()))
            .mend("record or import a run with times"));
    }
    let wanted = wanted(run, request)?;
    let load = match &request.load {
        Some(load) => Some(load.clone()),
        None => default_load(run, &wanted)?,
    };
    let known = load.as_ref().map(|load| load.read(run)).transpose()?;
    let mut notes: Vec<String> = known.iter().flat_map(|known| known.notes.clone()).collect();
    notes.extend(words::host_clock(run.anchors()));
    let mut found = Vec::new();
    let mut rise_ns = load.as_ref().filter(|load| load.is_commanded()).map(|_| RISE_NS);
    // Finest first: what it tells of the load's rise holds for the others.
    let mut targets = targets(run, &wanted)?;
    targets.sort_by_key(|target| target.period_ns);
    for target in targets {
        let clock = align(&target, known.as_ref(), rise_ns, request);
        if let Some(found) = clock.edges.as_ref().and_then(|fit| fit.edges.as_ref()?.rise_ms) {
            let bound = |millis: f64| power_nanos(millis).clamp(RISE_NS.0, RISE_NS.1);
            rise_ns = Some((bound(found.low), bound(found.high)));
        }
        found.push(clock);
    }
    found.extend(others(run, &found));
    found.sort_by_key(|clock: &SyncedClock| {
        run.manifest().sources.iter().position(|source| source.id == clock.source)
    });
    for clock in &mut found {
        clock.verdict = words::verdict(clock, load.as_ref());
    }
    let mut found = RunSync { schema_version: 1, run: run.name(), load, clocks: found, notes };
    found.notes.extend(timekeeping::remarks(run.manifest(), &found.alignment(run)?));
    Ok(found)
}

impl RunSync {
    /// The alignment of the run: what was known, with what was found now in its place.
    ///
    /// # Errors
    ///
    /// - if `alignment.json` is damaged.
    pub fn alignment(&self, run: &Run) -> Result<Alignment> {
        let mut alignment = run.alignment()?;
        for clock in &self.clocks {
            if let Some(aligned) = &clock.alignment {
                alignment.0.insert(clock.source.clone(), aligned.clone());
            }
        }
        Ok(alignment)
    }
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
fn power_millis(nanos: i64) -> f64 {
    nanos as f64 * 1e-6
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn power_nanos(millis: f64) -> i64 {
    (millis * 1e6).round() as i64
}

/// The channels to align by, one a source.
fn wanted(run: &Run, request: &Request) -> Result<Vec<ChannelRef>> {
    if !request.channels.is_empty() {
        return request.channels.iter().map(|name| run.channel(name)).collect();
    }
    let mut wanted: Vec<ChannelRef> = Vec::new();
    for channel in run.channels() {
        let (source, described) = (run.source_of(channel), run.describe(channel));
        let own = is_own(&source.descriptor.clock);
        let node = matches!(described.scope, Scope::NodeAc | Scope::NodeDc);
        let first = !wanted.iter().any(|other| other.source() == channel.source());
        if (own || node) && first && described.quantity.has_energy() && !described.quantity.is_counted() {
            wanted.push(channel);
        }
    }
    Ok(wanted)
}

fn is_own(clock: &ClockDomain) -> bool {
    matches!(clock, ClockDomain::Device { .. } | ClockDomain::RemoteHost { .. })
}

/// The pulses that a recorder makes, else the run's reference, unless that is itself to be aligned, else all boards that
/// hand over their power on a clock of the host: it is their load that the node's meters see move.
fn default_load(run: &Run, wanted: &[ChannelRef]) -> Result<Option<Load>> {
    if run.phases()?.iter().any(|phase| phase.name.split_whitespace().next() == Some(SYNC_PHASES)) {
        return Ok(Some(Load::Phases { group: SYNC_PHASES.to_owned() }));
    }
    if let Some(reference) = &run.manifest().reference {
        let channel = run.channel(reference)?;
        if !wanted.iter().any(|other| other.source() == channel.source()) {
            return Ok(Some(Load::Channels { channels: vec![reference.clone()] }));
        }
    }
    let channels: Vec<String> =
        run.channels().filter(|&channel| is_board(run, channel)).map(|channel| run.key(channel)).collect();
    Ok((!channels.is_empty()).then_some(Load::Channels { channels }))
}

/// Whether the channel hands over the power of a whole board on a clock of the host.
fn is_board(run: &Run, channel: ChannelRef) -> bool {
    let described = run.describe(channel);
    described.scope == Scope::Board
        && described.delivery == Delivery::Streamed
        && described.part_of.is_none()
        && described.quantity.has_energy()
        && !described.quantity.is_counted()
        && !is_own(&run.source_of(channel).descriptor.clock)
}

fn align(
    target: &Target,
    load: Option<&Loaded>,
    rise_ns: Option<(i64, i64)>,
    request: &Request,
) -> SyncedClock {
    let own = is_own(&target.clock);
    let bounds = own.then(|| exchange(&target.exchanges, target.tick_ns).ok()).flatten();
    let guess_ns = match (&bounds, target.latest_ns) {
        (Some(bounds), _) => bounds.offset_ns,
        (None, Some(latest)) => latest,
        (None, None) => 0,
    };
    let settings = EdgeSettings {
        window_ns: target.window_ns,
        period_ns: target.period_ns,
        own_clock: own,
        guess_ns,
        search_ns: request.search_ns,
        rise_ns,
        confidence: CONFIDENCE,
    };
    let fitted = load.map(|load| load_edges(&target.times_ns, &target.watts, &load.drive, &settings));
    let (edges, refused) = match fitted {
        None => (None, None),
        Some(Ok(fit)) => (Some(fit), None),
        Some(Err(refused)) => (None, Some(refused)),
    };
    let stamps = edges.as_ref().and_then(|fit| stamps(target, fit, bounds.as_ref()));
    let mut clock = SyncedClock {
        source: target.source.clone(),
        channel: Some(target.channel.clone()),
        clock: target.clock.clone(),
        exchange: bounds,
        edges,
        edges_refused: refused,
        stamps,
        alignment: None,
        failed: false,
        verdict: Vec::new(),
    };
    clock.alignment = alignment_of(target, &clock, load.map_or(0, |load| load.uncertainty_ns));
    clock.failed = clock.alignment.is_none();
    clock
}

/// The moment of the window that is stamped: from what the exchanges, or the host's own stamps, leave of it.
fn stamps(target: &Target, fit: &ClockFit, bounds: Option<&ClockFit>) -> Option<StampPosition> {
    let window_ns = target.window_ns?;
    let (low, high) = match bounds {
        // They tell when it published, whatever moment of the window its stamp is of.
        Some(_) if target.by_publication => return Some(StampPosition::Undecided),
        // Both offsets at the same moment of the source's clock.
        Some(bounds) => {
            let drift = bounds.map(fit.origin_ns).saturating_sub(fit.origin_ns) - bounds.offset_ns;
            let slack = bounds.uncertainty_at_ns(fit.origin_ns);
            (bounds.offset_ns + drift - slack, bounds.offset_ns + drift + slack)
        }
        None if !is_own(&target.clock) => (0, 0),
        None => return Some(StampPosition::Undecided),
    };
    let (earliest, latest) = (fit.offset_low_ns.saturating_sub(high), fit.offset_high_ns.saturating_sub(low));
    Some(stamp_position(earliest, latest, window_ns))
}

/// Whether one line with one offset describes what was found.
fn is_usable(fit: &ClockFit) -> bool {
    let linear = matches!(fit.shape, ClockShape::Linear | ClockShape::Untested);
    linear && fit.edges.as_ref().is_none_or(|edges| edges.ambiguous_ns.is_empty())
}

fn alignment_of(target: &Target, clock: &SyncedClock, load_ns: i64) -> Option<AlignedClock> {
    let times = if is_own(&target.clock) { AlignedTimes::Device } else { AlignedTimes::Bracket };
    let unsigned = |nanos: i64| u64::try_from(nanos).unwrap_or(0);
    let drift = |fit: &ClockFit| fit.drift_ppm.map_or((0.0, None), |d| (d.value, Some(d.half_width())));
    if let Some(fit) = clock.edges.as_ref().filter(|fit| is_usable(fit)) {
        let evidence = fit.edges.as_ref();
        let (drift_ppm, drift_uncertainty_ppm) = drift(fit);
        let window_ms = evidence.map(|edges| edges.window_ms.value);
        return Some(AlignedClock {
            times,
            offset_ns: fit.offset_ns,
            drift_ppm,
            origin_ns: fit.origin_ns,
            uncertainty_ns: Some(unsigned(fit.uncertainty_ns().saturating_add(load_ns))),
            drift_uncertainty_ppm,
            window_ns: target.window_ns.or(window_ms.map(power_nanos)),
            stamps: clock.stamps,
            method: format!("{} load edges", evidence.map_or(0, |edges| edges.edges)),
        });
    }
    let fit = clock.exchange.as_ref().filter(|fit| is_usable(fit))?;
    let (drift_ppm, drift_uncertainty_ppm) = drift(fit);
    let what = if target.by_publication { "when it published" } else { "when it answered" };
    Some(AlignedClock {
        times,
        offset_ns: fit.offset_ns,
        drift_ppm,
        origin_ns: fit.origin_ns,
        uncertainty_ns: target.own_ns.map(|own_ns| unsigned(fit.uncertainty_ns().saturating_add(own_ns))),
        drift_uncertainty_ppm,
        window_ns: None,
        stamps: None,
        method: match target.own_ns {
            Some(0) => format!("{} exchanges, which bound {what}", fit.points),
            None => format!("{} exchanges; how long reading the meter takes is unknown", fit.points),
            Some(half_ns) => format!(
                "{} exchanges, and ± {:.1} ms for the time that reading the meter takes",
                fit.points,
                power_millis(half_ns)
            ),
        },
    })
}

/// The sources that need no alignment.
fn others(run: &Run, found: &[SyncedClock]) -> Vec<SyncedClock> {
    let sources = run.manifest().sources.iter();
    sources
        .filter(|source| !found.iter().any(|clock| clock.source == source.id))
        .map(|source| SyncedClock {
            source: source.id.clone(),
            channel: None,
            clock: source.descriptor.clock.clone(),
            exchange: None,
            edges: None,
            edges_refused: None,
            stamps: None,
            alignment: None,
            failed: is_own(&source.descriptor.clock),
            verdict: Vec::new(),
        })
        .collect()
}
