//! `characterise`: the sensor card of each channel of a run.

use std::sync::atomic::{AtomicUsize, Ordering};

use power_analysis::Readings;
use power_analysis::characterise::{
    CharacterSettings, Driven, Pictures, TransientSettings, changes, characterise as analyse, pictures,
    update_period,
};
use power_core::{Channel, Scope};
use serde::{Deserialize, Serialize};

use crate::card::{CARD_VERSION, SensorCard};
pub use crate::lattices::Apart;
use crate::load::{Load, Loaded};
use crate::priors::{self, Prior};
use crate::run::{ChannelRef, Run, TimeBase};
use crate::traces::{self, power_channels};
use crate::{Error, Result, character_words, lattices};

/// Gains that a sensor can have against a reference of the same power.
const PLAUSIBLE_GAINS: (f64, f64) = (0.8, 1.25);

/// What to characterise, and by what.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What drove the sensors; the run's reference if `None`, and nothing where it has none.
    pub reference: Option<Load>,
    /// Channels to characterise; all with an energy, but for the reference, if empty.
    pub channels: Vec<String>,
    /// Start of all random numbers.
    pub seed: u64,
}

/// The cards of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCharacter {
    /// Version of this structure.
    pub schema_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// What drove the sensors; `None` where only their own readings could be looked at.
    pub reference: Option<Load>,
    /// One card a channel, in the order of the run.
    pub sensors: Vec<SensorCard>,
    /// How the lattices of the same field of several devices lie to each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lattices: Vec<Apart>,
    /// What a reader has to know about the data.
    pub notes: Vec<String>,
}

/// Characterises the sensors of `run`.
///
/// # Errors
///
/// - if a channel or the reference does not exist or has no energy, the run has no time, or it cannot be read.
pub fn characterise(run: &Run, request: &Request) -> Result<RunCharacter> {
    if run.manifest().time_base == TimeBase::Ordinal {
        return Err(Error::new(format!("{} has no time, its rows are only numbered", run.name()))
            .mend("record or import a run with times"));
    }
    let own = run.manifest().reference.clone().map(|channel| Load::Channels { channels: vec![channel] });
    let reference = request.reference.clone().or(own);
    let loaded = reference.as_ref().map(|load| load.read(run)).transpose()?;
    let mut notes = run.manifest().notes.clone();
    notes.extend(loaded.iter().flat_map(|loaded| loaded.notes.clone()));
    let mut sensors = Vec::new();
    for name in names(run, request, reference.as_ref())? {
        let sensor = traces::load(run, &name)?;
        notes.extend(sensor.remark);
        sensors.push((run.channel(&name)?, sensor.readings));
    }
    let cards = in_parallel(&sensors, |(channel, readings)| {
        card(run, *channel, readings, reference.as_ref(), loaded.as_ref(), request.seed)
    });
    notes.dedup();
    let lattices = lattices::apart(&cards);
    Ok(RunCharacter { schema_version: 1, run: run.name(), reference, sensors: cards, lattices, notes })
}

/// What the cards of `found` rest on, drawn, in the order of its sensors.
///
/// # Errors
///
/// - if the run cannot be read.
pub fn draw(run: &Run, found: &RunCharacter) -> Result<Vec<Pictures>> {
    let loaded = found.reference.as_ref().map(|load| load.read(run)).transpose()?;
    let mut sensors = Vec::new();
    for card in &found.sensors {
        sensors.push((card, traces::load(run, &card.name)?.readings));
    }
    Ok(in_parallel(&sensors, |(card, readings)| {
        let changes = changes(readings);
        let (period, published) = update_period(readings, &changes, power_analysis::CONFIDENCE);
        let driven = loaded.as_ref().zip(card.character.transient.as_ref());
        pictures(&changes, &published, &period, driven.map(|(loaded, found)| (&loaded.drive, found)))
    }))
}

fn names(run: &Run, request: &Request, reference: Option<&Load>) -> Result<Vec<String>> {
    if !request.channels.is_empty() {
        return request
            .channels
            .iter()
            .map(|name| run.channel(name).map(|channel| run.key(channel)))
            .collect();
    }
    let is_reference =
        |name: &String| matches!(reference, Some(Load::Channels { channels }) if channels.contains(name));
    let names: Vec<String> = power_channels(run).into_iter().filter(|name| !is_reference(name)).collect();
    if names.is_empty() {
        return Err(Error::new(format!("{} has no channel of power beside the reference", run.name()))
            .mend("name one with --channel: it is then characterised by its own readings"));
    }
    Ok(names)
}

fn card(
    run: &Run,
    channel: ChannelRef,
    readings: &Readings,
    reference: Option<&Load>,
    loaded: Option<&Loaded>,
    seed: u64,
) -> SensorCard {
    let (source, described) = (run.source_of(channel), run.describe(channel));
    let name = run.key(channel);
    // A channel is not driven by itself.
    let itself = matches!(reference, Some(Load::Channels { channels }) if channels.contains(&name));
    let reference = reference.filter(|_| !itself);
    let loaded = loaded.filter(|_| !itself);
    let same = reference.is_some_and(|load| is_same_power(run, load, described));
    let gains = if same { PLAUSIBLE_GAINS } else { TransientSettings::default().gains };
    let driver_version = source.descriptor.details.get("driver version").cloned();
    let prior = priors::published(&source.descriptor.device, described, driver_version.as_deref());
    let settings = CharacterSettings {
        transient: TransientSettings {
            gains,
            window_s: prior.as_ref().and_then(Prior::window_s),
            ..TransientSettings::default()
        },
        seed,
        ..CharacterSettings::default()
    };
    let driven = loaded.map(|loaded| Driven { drive: &loaded.drive, reference: loaded.trace.as_ref() });
    let character = analyse(readings, driven, &settings);
    let mut verdict = character_words::verdict(described, &character, reference);
    verdict.extend(prior.map(|prior| {
        let certain = character.transient.as_ref().filter(|found| found.ambiguous.is_empty());
        prior.sentence(character.update_period.period_ms, certain.and_then(|found| found.window_ms))
    }));
    SensorCard {
        schema_version: CARD_VERSION,
        written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).to_owned(),
        driver: source.descriptor.driver.clone(),
        driver_version,
        device: source.descriptor.device.clone(),
        channel: described.clone(),
        name,
        run: run.name(),
        reference: reference.cloned(),
        calibrated: same && reference.is_some_and(|load| is_accurate(run, load)),
        character,
        verdict,
    }
}

/// Whether the reference is one channel that measures what `sensor` does: then gains are near 1.
fn is_same_power(run: &Run, reference: &Load, sensor: &Channel) -> bool {
    let Load::Channels { channels } = reference else { return false };
    let [one] = &channels[..] else { return false };
    let scope = run.channel(one).map(|channel| run.describe(channel).scope.clone());
    sensor.scope != Scope::Unknown && scope.is_ok_and(|scope| scope == sensor.scope)
}

/// Whether the accuracy of everything in the reference is stated.
fn is_accurate(run: &Run, reference: &Load) -> bool {
    let Load::Channels { channels } = reference else { return false };
    let stated =
        |name: &String| run.channel(name).is_ok_and(|channel| run.describe(channel).accuracy.is_some());
    channels.iter().all(stated)
}

/// Maps items on as many threads as there are cores, in order.
fn in_parallel<T: Sync, R: Send>(items: &[T], f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(items.len());
    let work = || {
        let mut done = Vec::new();
        while let Some((index, item)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).map(|item| (index, item))
        } {
            done.push((index, f(item)));
        }
        done
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for worker in workers {
            match worker.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
