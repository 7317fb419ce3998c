//! `compare`: every sensor of a run against the reference channel.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;

use power_analysis::{Comparison, Incomparable, Interval, Phase, Readings, Reference, Settings};
use power_core::{Channel, Delivery, Quantity};
use serde::{Deserialize, Serialize};

use crate::correction::{Cards, Correction};
use crate::extent::Extent;
pub use crate::extent::Part;
use crate::run::{Run, TimeBase};
use crate::traces::{self, Role, power_channels};
use crate::{Error, Result, timekeeping, words};

/// What to compare.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Channel that is taken as true.
    pub reference: String,
    /// Channels to judge; all others with an energy if empty.
    pub sensors: Vec<String>,
    /// Averaging windows in nanoseconds, by channel, where the caller knows better than the descriptors.
    pub windows_ns: BTreeMap<String, i64>,
    /// Start of all random numbers.
    pub seed: u64,
    /// Cards to correct by.
    pub cards: Cards,
    /// Whether what is corrected is also told as it was shown.
    pub raw: bool,
}

/// Every sensor of a run against the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunComparison {
    /// Version of this structure.
    pub schema_version: u32,
    /// Program and version.
    pub written_by: String,
    /// Name of the run's folder.
    pub run: String,
    /// What its times count.
    pub time_base: TimeBase,
    /// The machine, as far as the run knows it.
    pub host: BTreeMap<String, String>,
    /// Averaging windows in nanoseconds that the caller gave, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub windows_ns: BTreeMap<String, i64>,
    /// Start of all random numbers.
    pub seed: u64,
    /// The reference.
    pub reference: Subject,
    /// The sensors, in the order of the run.
    pub sensors: Vec<Judged>,
    /// What a reader has to know about the data: clock maps, choices of the importer.
    pub notes: Vec<String>,
}

/// A channel and what is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// `source/channel`.
    pub name: String,
    /// The device.
    pub device: String,
    /// The channel.
    pub channel: Channel,
    /// From its first to its last reading; `None` if it has fewer than two.
    pub span: Option<Interval>,
    /// Number of readings with a value.
    pub readings: usize,
}

/// One sensor and what became of its comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The sensor.
    pub sensor: Subject,
    /// The comparison; `None` where it was refused.
    pub comparison: Option<Comparison>,
    /// What can be told of a sensor that measures a part of what the reference does, and is therefore not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What the sensor's card makes of the phases; `None` where there is no card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<Correction>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether the verdict is a failure: the reference does not follow, or nothing could be compared.
    pub failed: bool,
    /// The verdict in sentences, the most important first.
    pub verdict: Vec<String>,
}

/// Compares the sensors of `run` with the reference.
///
/// # Errors
///
/// If a named channel does not exist or has no energy, the reference has no two readings, or the run cannot be read.
pub fn compare(run: &Run, request: &Request) -> Result<RunComparison> {
    let mut notes = run.manifest().notes.clone();
    let reference_key = run.key(run.channel(&request.reference)?);
    let sensors = sensor_names(run, &reference_key, &request.sensors)?;
    let phases = phases(run)?;
    // While one channel is compared, the next one is read: reading takes as long as all else.
    let (reference, judged) = thread::scope(|scope| {
        let ahead = |name: &String| {
            let name = name.clone();
            thread::Builder::new().spawn_scoped(scope, move || traces::load(run, &name))
        };
        let mut next = sensors.first().map(ahead);
        let loaded = traces::load_as(run, &reference_key, Role::Power)?;
        notes.extend(loaded.remark);
        let reference = Reference::new(&loaded.readings).ok_or_else(|| {
            Error::new(format!(
                "the reference {reference_key} has {} readings with a value",
                loaded.readings.len()
            ))
            .mend("choose another reference channel")
        })?;
        let mut judged = Vec::new();
        for (index, name) in sensors.iter().enumerate() {
            let sensor = match next.take() {
                Some(Ok(reading)) => reading.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // Where there can be no more threads, this one reads.
                Some(Err(_)) | None => traces::load(run, name),
            }?;
            next = sensors.get(index + 1).map(ahead);
            notes.extend(sensor.remark);
            let settings = Settings {
                phases: phases.clone(),
                window_ns: request.windows_ns.get(name).copied(),
                asked_period_ns: asked_period_ns(run, name)?,
                has_time: run.manifest().time_base != TimeBase::Ordinal,
                // Two clocks that are each known to an interval differ by both at most.
                clock_uncertainty_ns: loaded.uncertainty_ns.saturating_add(sensor.uncertainty_ns),
                seed: request.seed,
            };
            judged.push(compare_one(run, request, name, &sensor.readings, &reference, &settings)?);
        }
        Ok::<_, Error>((subject(run, &reference_key, &loaded.readings)?, judged))
    })?;
    notes.extend(timekeeping::remarks(run.manifest(), &run.alignment()?));
    if judged.iter().any(|judged| judged.part.is_some()) {
        notes.push(format!(
            "{reference_key} measures more than some sensors do. Their own errors are told by a reference of the same \
             scope (--reference), what is beside them by `wattproof calibrate`."
        ));
    }
    notes.dedup();
    Ok(RunComparison {
        schema_version: 1,
        written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).into(),
        run: run.name(),
        time_base: run.manifest().time_base,
        host: run.manifest().host.clone(),
        windows_ns: request.windows_ns.clone(),
        seed: request.seed,
        reference,
        sensors: judged,
        notes,
    })
}

/// Compares one sensor, and corrects it where there is a card for it.
fn compare_one(
    run: &Run,
    request: &Request,
    name: &str,
    sensor: &Readings,
    reference: &Reference<'_>,
    settings: &Settings,
) -> Result<Judged> {
    let outcome = power_analysis::compare(sensor, reference, settings);
    let phases = &settings.phases;
    let corrected = if settings.has_time && !phases.is_empty() {
        request.cards.correct(run, name, sensor, phases)
    } else {
        None
    };
    let subject = subject(run, name, sensor)?;
    let reference_channel = run.channel(&request.reference)?;
    let extent = Extent::of(run, name, &run.key(reference_channel))?;
    Ok(match (outcome, extent.refusal(&subject.channel.scope, &run.describe(reference_channel).scope)) {
        // A meter that does not follow a part is no meter of this machine.
        (Ok(comparison), Some(refused)) if extent != Extent::Part || !words::is_failure(&comparison) => {
            let part = (extent == Extent::Part).then(|| Part::of(&comparison));
            beside(subject, &comparison, part, refused, corrected)
        }
        (outcome, _) => judge(subject, outcome, corrected, request.raw),
    })
}

/// The channels to judge, each checked to exist.
fn sensor_names(run: &Run, reference: &str, wanted: &[String]) -> Result<Vec<String>> {
    if wanted.is_empty() {
        let others: Vec<String> = power_channels(run).into_iter().filter(|name| name != reference).collect();
        if others.is_empty() {
            return Err(Error::new(format!("{reference} is the only power channel of this run"))
                .mend("`wattproof energy` gives its energy; `wattproof import --add` adds another sensor to the run"));
        }
        return Ok(others);
    }
    let names = wanted.iter().map(|name| run.channel(name).map(|channel| run.key(channel)));
    let names = names.collect::<Result<Vec<_>>>()?;
    match names.iter().find(|name| name.as_str() == reference) {
        Some(name) => {
            Err(Error::new(format!("{name} is the reference")).mend("compare it with another channel"))
        }
        None => Ok(names),
    }
}

/// The phases of a run, in order of their begin.
pub(crate) fn phases(run: &Run) -> Result<Vec<Phase>> {
    let phases = run.phases()?;
    Ok(phases
        .into_iter()
        .map(|phase| Phase { name: phase.name, interval: Interval::new(phase.begin_ns, phase.end_ns) })
        .collect())
}

/// Time between two readings that was asked for; `None` where the recorder did not set the pace: of what streams, and of
/// what another host reads, it fetches many readings at once.
fn asked_period_ns(run: &Run, name: &str) -> Result<Option<i64>> {
    let channel = run.channel(name)?;
    let source = run.source_of(channel);
    let far = source.descriptor.channels.iter().any(|beside| beside.quantity == Quantity::ClockExchange);
    if far || run.describe(channel).delivery == Delivery::Streamed {
        return Ok(None);
    }
    Ok(source.asked_period_ns.and_then(|nanos| i64::try_from(nanos).ok()))
}

fn subject(run: &Run, name: &str, readings: &Readings) -> Result<Subject> {
    let channel = run.channel(name)?;
    Ok(Subject {
        name: name.to_owned(),
        device: run.source_of(channel).descriptor.device.clone(),
        channel: run.describe(channel).clone(),
        span: readings.span(),
        readings: readings.len(),
    })
}

fn judge(
    sensor: Subject,
    outcome: Result<Comparison, Incomparable>,
    corrected: Option<Correction>,
    raw: bool,
) -> Judged {
    match outcome {
        Ok(comparison) => {
            let corrected = corrected.map(|corrected| corrected.against(&comparison.phases));
            let verdict = words::verdict(&sensor, &comparison, corrected.as_ref(), raw);
            let failed = words::is_failure(&comparison);
            let comparison = Some(comparison);
            Judged { sensor, comparison, part: None, corrected, refused: None, failed, verdict }
        }
        Err(reason) => {
            let refused = words::incomparable(&reason);
            Judged {
                sensor,
                comparison: None,
                part: None,
                corrected: None,
                verdict: vec![refused.clone()],
                refused: Some(refused),
                failed: true,
            }
        }
    }
}

/// A sensor that does not measure what the reference does: what can be told of it beside the reference.
fn beside(
    sensor: Subject,
    comparison: &Comparison,
    part: Option<Part>,
    refused: String,
    corrected: Option<Correction>,
) -> Judged {
    let told = part.as_ref().map(|part| part.verdict(comparison)).unwrap_or_default();
    let verdict = std::iter::once(refused.clone())
        .chain(told)
        .chain(corrected.iter().flat_map(Correction::verdict))
        .chain(words::sampling(&sensor, comparison))
        .collect();
    Judged { sensor, comparison: None, part, corrected, refused: Some(refused), failed: false, verdict }
}
