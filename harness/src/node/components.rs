//! Which channels of a run make up its components, so that nothing is counted twice.

use std::collections::BTreeMap;

use power_core::{Channel, Delivery, Descriptor, Quantity, Scope};
use serde::{Deserialize, Serialize};

use crate::run::{ChannelRef, Run};
use crate::{Error, Result};

/// A part of the node whose power some channels give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentChannels {
    /// Its name, such as `gpu`.
    pub name: String,
    /// The channels whose sum is its power, as `source/channel`.
    pub channels: Vec<String>,
}

/// Drivers whose channels are estimates of other tools: never a component unless named.
const ESTIMATORS: [&str; 2] = ["code-carbon", "carbontracker"];

/// Names that components get, in the order in which they are given.
const KINDS: [&str; 4] = ["gpu", "cpu", "dram", "module"];

/// The components of a run: those `named`, or by scope all GPUs, CPU packages and memories.
///
/// Of several channels of one device the best is taken: an energy counter, then what the device hands over by itself,
/// then an average, then any other power. A channel that is part of another is not counted beside it.
///
/// # Errors
///
/// - a named channel does not exist, has no energy, is the meter, stands twice, or is part of another named one
/// - the run has no channel of a component, or two instruments show GPUs and may mean the same ones
pub fn choose(
    run: &Run,
    reference: Option<&str>,
    named: &[ComponentChannels],
) -> Result<Vec<ComponentChannels>> {
    if !named.is_empty() {
        return check_named(run, reference, named);
    }
    let mut points: BTreeMap<(usize, String), Vec<Candidate>> = BTreeMap::new();
    for channel in run.channels() {
        if let Some(candidate) = Candidate::of(run, channel, reference) {
            points.entry((candidate.kind, candidate.point.clone())).or_default().push(candidate);
        }
    }
    let mut found: BTreeMap<usize, Vec<Candidate>> = BTreeMap::new();
    for ((kind, _), candidates) in points {
        found.entry(kind).or_default().extend(best(candidates));
    }
    if found.is_empty() {
        return Err(Error::new(format!(
            "{} has no channel that is known to be of a GPU, a CPU or memory",
            run.name()
        ))
        .mend("name them with --component, such as --component gpu=nvml0/energy"));
    }
    if let Some(gpus) = found.get(&0)
        && let Some(other) = gpus.iter().find(|gpu| gpu.family != gpus[0].family)
    {
        return Err(Error::new(format!("{} and {} may be the same GPU", gpus[0].key, other.key))
            .mend("name the channels that count with --component, such as --component gpu=nvml0/energy"));
    }
    Ok(found
        .into_iter()
        .map(|(kind, candidates)| ComponentChannels {
            name: KINDS[kind].into(),
            channels: candidates.into_iter().map(|candidate| candidate.key).collect(),
        })
        .collect())
}

/// A channel that may count for a component.
#[derive(Debug, Clone)]
struct Candidate {
    /// Position in [`KINDS`].
    kind: usize,
    /// What physical point it measures, as far as the descriptor tells.
    point: String,
    /// Whether that is one point for sure.
    identified: bool,
    key: String,
    name: String,
    family: String,
    /// The lower the better.
    rank: u8,
}

impl Candidate {
    fn of(run: &Run, channel: ChannelRef, reference: Option<&str>) -> Option<Self> {
        let (source, described) = (run.source_of(channel), run.describe(channel));
        let (descriptor, key) = (&source.descriptor, run.key(channel));
        let kind = kind(&described.scope)?;
        let usable = described.quantity.has_energy() && described.quantity != Quantity::EstimatedPower;
        if !usable || reference == Some(&key) || ESTIMATORS.contains(&descriptor.driver.as_str()) {
            return None;
        }
        if is_within_another(descriptor, described) {
            return None;
        }
        let name = described.name.to_string();
        let uuid = uuid_of(descriptor, &name);
        let (point, identified) = match kind {
            0 | 3 => (uuid.map_or_else(|| device_of(descriptor, &name), str::to_owned), uuid.is_some()),
            _ if descriptor.driver == "rapl" => (name.clone(), true),
            _ => (format!("{} {name}", source.id), true),
        };
        Some(Self {
            kind,
            point,
            identified,
            rank: rank(described),
            family: family(&descriptor.driver),
            key,
            name,
        })
    }
}

/// The best channel of one point. Where nothing identifies the device and several sources have a channel of the same name,
/// they are as many devices.
fn best(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let Some(first) = candidates.iter().min_by_key(|candidate| candidate.rank).cloned() else {
        return candidates;
    };
    if first.identified {
        return vec![first];
    }
    candidates.into_iter().filter(|it| it.name == first.name && it.family == first.family).collect()
}

const fn kind(scope: &Scope) -> Option<usize> {
    match scope {
        Scope::Board | Scope::Chip => Some(0),
        Scope::Package => Some(1),
        Scope::Dram => Some(2),
        Scope::Module => Some(3),
        _ => None,
    }
}

/// Whether a channel that contains this one is counted itself.
fn is_within_another(descriptor: &Descriptor, channel: &Channel) -> bool {
    let mut whole = channel.part_of;
    // Chains are short and checked to end when a run is written; a damaged one ends here.
    for _ in 0..16 {
        let Some(channel) = whole.and_then(|id| descriptor.channel(id)) else { return false };
        if kind(&channel.scope).is_some() && channel.quantity.has_energy() {
            return true;
        }
        whole = channel.part_of;
    }
    false
}

fn rank(channel: &Channel) -> u8 {
    match (channel.quantity, channel.delivery) {
        (Quantity::EnergyCounter { .. }, _) => 0,
        (_, Delivery::Streamed) => 1,
        (quantity, Delivery::Polled) if quantity.window().is_some() => 2,
        _ => 3,
    }
}

/// The UUID of the GPU that a channel is of, where one is known. Several GPUs of one source have prefixes, and a detail
/// for each.
fn uuid_of<'a>(descriptor: &'a Descriptor, channel: &str) -> Option<&'a str> {
    match channel.split_once('/') {
        Some((prefix, _)) => descriptor.details.get(prefix).and_then(|detail| uuid(detail)),
        None => uuid(&descriptor.device),
    }
}

/// The words of a channel's device.
fn device_of(descriptor: &Descriptor, channel: &str) -> String {
    let prefix = channel.split_once('/').map_or("", |(prefix, _)| prefix);
    format!("{} {prefix}", descriptor.device)
}

fn uuid(text: &str) -> Option<&str> {
    text.split([' ', ',']).find(|word| word.starts_with("GPU-"))
}

/// Drivers that ask the same sensor count as one.
fn family(driver: &str) -> String {
    if matches!(driver, "nvml" | "smi" | "nvidia-smi") { "nvidia".into() } else { driver.into() }
}

fn check_named(
    run: &Run,
    reference: Option<&str>,
    named: &[ComponentChannels],
) -> Result<Vec<ComponentChannels>> {
    let mut seen: Vec<ChannelRef> = Vec::new();
    let mut checked = Vec::new();
    for component in named {
        let mut channels = Vec::new();
        for key in &component.channels {
            let channel = run.channel(key)?;
            let (key, described) = (run.key(channel), run.describe(channel));
            if !described.quantity.has_energy() {
                return Err(Error::new(format!(
                    "{key} is a channel of {}, which has no energy",
                    described.quantity
                ))
                .mend("name a channel of power or energy"));
            }
            if reference == Some(&key) {
                return Err(Error::new(format!("{key} is the meter"))
                    .mend("name a sensor of a part of the node as a component"));
            }
            if seen.contains(&channel) {
                return Err(Error::new(format!("{key} is named twice")).mend("count each channel once"));
            }
            let whole =
                seen.iter().find(|&&other| contains(run, other, channel) || contains(run, channel, other));
            if let Some(&whole) = whole {
                return Err(Error::new(format!("one of {key} and {} is part of the other", run.key(whole)))
                    .mend("count one of them"));
            }
            seen.push(channel);
            channels.push(key);
        }
        checked.push(ComponentChannels { name: component.name.clone(), channels });
    }
    Ok(checked)
}

/// Whether `part` is, by its descriptor, a part of `whole`.
fn contains(run: &Run, whole: ChannelRef, part: ChannelRef) -> bool {
    if whole.source() != part.source() {
        return false;
    }
    let descriptor = &run.source_of(part).descriptor;
    let mut next = run.describe(part).part_of;
    for _ in 0..16 {
        match next {
            Some(id) if id == whole.channel() => return true,
            Some(id) => next = descriptor.channel(id).and_then(|channel| channel.part_of),
            None => return false,
        }
    }
    false
}
