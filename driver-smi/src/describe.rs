//! From what the GPUs answered to channels: the descriptor, and where each field's readings go.

use power_core::{
    Averaging, Channel, ChannelId, Descriptor, DeviceTime, Error, ErrorKind, Flags, Quantity, Reading,
    Recorder, Result, Scope, Stamp,
};

use crate::config::Config;
use crate::inventory::{Gpu, Inventory};
use crate::protocol::{Absence, Cell, Field, Kind};
use crate::semantics::Platform;

/// Fields that are read unless others are asked for: all that change.
pub(crate) fn usual() -> impl Iterator<Item = Field> {
    let constant = |field: &Field| {
        matches!(field, Field::DefaultLimit | Field::MinLimit | Field::MaxLimit | Field::MemoryTotal)
    };
    Field::ALL.iter().copied().filter(move |field| !field.is_identity() && !constant(field))
}

/// Where the readings of one GPU go.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) uuid: String,
    pub(crate) bus_id: String,
    pub(crate) channels: Vec<(Field, ChannelId)>,
}

/// Where all readings go.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) targets: Vec<Target>,
}

impl Plan {
    /// The GPU with this uuid, by position.
    pub(crate) fn with_uuid(&self, uuid: &str) -> Option<usize> {
        self.targets.iter().position(|target| target.uuid == uuid)
    }

    /// The fields that have a channel on some GPU.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let has = |field: &Field| {
            self.targets.iter().any(|target| target.channels.iter().any(|(found, _)| found == field))
        };
        Field::ALL.iter().copied().filter(has).collect()
    }
}

/// When the readings of one line or answer were taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) stamp: Stamp,
    pub(crate) device: Option<DeviceTime>,
    pub(crate) flags: Flags,
}

impl Taken {
    /// Appends one reading.
    pub(crate) fn push(self, recorder: &mut Recorder<'_>, channel: ChannelId, cell: Cell) {
        let reading = Reading::new(channel, cell.value(), self.stamp).flagged(self.flags);
        recorder.push(match self.device {
            Some(time) => reading.at_device(time),
            None => reading,
        });
    }
}

/// The channel's name: the field's, with the unit where the quantity does not carry it.
fn channel_name(field: Field) -> String {
    let unit = if field.kind() == Kind::PowerLimit { "_mw" } else { "" };
    format!("{}{unit}", field.name())
}

/// The names of one GPU's channels: prefixed where the source has several.
pub(crate) fn prefix(several: bool, gpu: &Gpu) -> String {
    if several { format!("gpu{}/", gpu.index) } else { String::new() }
}

/// The descriptor's head: device and the GPUs' identity.
pub(crate) fn head(inventory: &Inventory, several: bool, channels: Vec<Channel>) -> Descriptor {
    let gpus = &inventory.gpus;
    let device = match &gpus[..] {
        [gpu] if !several => format!("{} {}", gpu.name, gpu.uuid),
        gpus => {
            let uuids: Vec<_> = gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
            format!("GPUs {}", uuids.join(", "))
        }
    };
    let mut descriptor = Descriptor::new("smi", device, channels);
    if let Some(version) = &inventory.driver_version {
        descriptor = descriptor.with_detail("driver_version", version);
    }
    for gpu in gpus {
        let Gpu { index, uuid, name, bus_id, compute_capability, .. } = gpu;
        let capability = compute_capability.as_deref().unwrap_or("unknown");
        let words = format!("{name}, {uuid}, {bus_id}, compute capability {capability}");
        descriptor = descriptor.with_detail(format!("gpu{index}"), words);
    }
    descriptor
}

/// Channels for every field that a GPU answered, and the reasons for those that it did not.
///
/// `twins` are the fields that show the same value as `power.draw`, by the position of their GPU; where nobody has
/// looked for them, there are none.
///
/// # Errors
///
/// - [`ErrorKind::Unsupported`] if no GPU has a field that was asked for, or none has any.
pub(crate) fn describe(
    config: &Config,
    inventory: &Inventory,
    twins: &[Option<Field>],
    several: bool,
) -> Result<(Descriptor, Plan)> {
    let mut plan = Plan::default();
    let mut channels: Vec<Channel> = Vec::new();
    let mut details: Vec<(String, String)> = Vec::new();
    for (position, gpu) in inventory.gpus.iter().enumerate() {
        let prefix = prefix(several, gpu);
        let version = inventory.driver_version.as_deref();
        let platform = Platform::new(gpu.compute_capability.as_deref(), version);
        let mut target = Target { uuid: gpu.uuid.clone(), bus_id: gpu.bus_id.clone(), channels: Vec::new() };
        for field in usual_or_asked(config) {
            let name = format!("{prefix}{}", channel_name(field));
            match gpu.cell(field) {
                Some(Cell::Absent(absence)) if !absence.is_passing() => {
                    details.push((format!("no {name}"), absence.to_string()));
                }
                None if field.is_log_only() && config.fields.is_none() => {}
                None => details.push((format!("no {name}"), "not known to this nvidia-smi".into())),
                Some(_) => {
                    let Ok(id) = u16::try_from(channels.len()) else { break };
                    let whole = whole(field, &target.channels);
                    let mut channel = channel(name.clone(), field, platform);
                    channel.part_of = whole;
                    channels.push(channel);
                    target.channels.push((field, ChannelId(id)));
                    if field.kind() == Kind::Power {
                        details.push((format!("averaging {name}"), platform.averaging(field).1.into()));
                    }
                }
            }
        }
        if let Some(Some(twin)) = twins.get(position) {
            details.push((format!("alias {prefix}power.draw"), twin.name().into()));
        }
        plan.targets.push(target);
    }
    check(config, &plan, &details)?;
    let mut descriptor = head(inventory, several, channels);
    descriptor.details.extend(details);
    if let Some(accuracy) = inventory.accuracy {
        descriptor = descriptor.with_detail("accuracy", accuracy);
    }
    Ok((descriptor, plan))
}

/// The fields to look for, in the order of their channels: a whole before its parts.
pub(crate) fn usual_or_asked(config: &Config) -> impl Iterator<Item = Field> {
    let order = |field: &Field| u8::from(!matches!(field, Field::ModulePower | Field::ModulePowerAverage));
    let mut fields: Vec<_> = match &config.fields {
        None => usual().collect(),
        Some(_) => Field::ALL.iter().copied().filter(|field| config.wants(*field)).collect(),
    };
    fields.sort_by_key(order);
    fields.into_iter()
}

/// What was asked for and nobody has is an error, as is a source without channels.
fn check(config: &Config, plan: &Plan, details: &[(String, String)]) -> Result<()> {
    let there = plan.fields();
    let reason = |field: Field| {
        let name = channel_name(field);
        let about = details.iter().find(|(detail, _)| detail.starts_with("no ") && detail.ends_with(&name));
        about.map(|(_, why)| why.as_str())
    };
    let unsupported = |message: String| Error::new(ErrorKind::Unsupported, message);
    if config.fields.is_some()
        && let Some(field) = usual_or_asked(config).find(|field| !there.contains(field))
    {
        let error = unsupported(format!("no GPU here gives {}", field.name()));
        return Err(error.with_context("why", reason(field).unwrap_or("not known to this nvidia-smi")));
    }
    if there.is_empty() {
        Err(unsupported("no GPU here gives any field that is read".into()))
    } else {
        Ok(())
    }
}

/// The channel that contains this one: the board contains its memory and its other averages, the module the board.
fn whole(field: Field, channels: &[(Field, ChannelId)]) -> Option<ChannelId> {
    const MODULE: &[Field] = &[Field::ModulePower, Field::ModulePowerAverage];
    const BOARD: &[Field] = &[Field::PowerDraw, Field::PowerAverage, Field::PowerInstant];
    let position = |list: &[Field]| list.iter().position(|listed| *listed == field);
    let before: &[&[Field]] = match (position(MODULE), position(BOARD), field) {
        (Some(place), _, _) => &[&MODULE[..place]],
        (_, _, Field::ModulePowerInstant) => &[MODULE],
        (_, Some(place), _) => &[&BOARD[..place], MODULE],
        (_, _, Field::MemoryPowerAverage) => &[BOARD],
        (_, _, Field::MemoryPowerInstant) => &[&[Field::MemoryPowerAverage], BOARD],
        _ => &[],
    };
    let find = |field: &Field| channels.iter().find(|(found, _)| found == field).map(|(_, id)| *id);
    before.iter().flat_map(|list| list.iter()).find_map(find)
}

fn channel(name: String, field: Field, platform: Platform) -> Channel {
    let averaging = || platform.averaging(field).0;
    let mut channel = Channel::new(name, quantity(field.kind(), averaging)).with_scope(scope(field));
    channel.update_period = platform.update_period(field);
    channel.resolution = resolution(field.kind());
    channel
}

/// The quantity of a kind of value.
pub(crate) fn quantity(kind: Kind, averaging: impl FnOnce() -> Averaging) -> Quantity {
    match kind {
        Kind::Power => Quantity::Power { averaging: averaging() },
        Kind::Share => Quantity::Utilisation,
        Kind::Memory => Quantity::MemoryUsed,
        Kind::Temperature => Quantity::Temperature,
        Kind::Clock => Quantity::Frequency,
        Kind::PowerLimit | Kind::PState | Kind::Mask | Kind::Text => Quantity::State,
    }
}

/// Smallest change shown, in the quantity's unit.
pub(crate) const fn resolution(kind: Kind) -> Option<f64> {
    match kind {
        Kind::Power | Kind::Share => Some(0.01),
        Kind::Memory => Some(1_048_576.0),
        Kind::Temperature => Some(1.0),
        Kind::Clock => Some(1e6),
        Kind::PowerLimit | Kind::PState | Kind::Mask | Kind::Text => None,
    }
}

fn scope(field: Field) -> Scope {
    match field {
        Field::PowerDraw | Field::PowerAverage | Field::PowerInstant => Scope::Board,
        Field::MemoryPowerAverage
        | Field::MemoryPowerInstant
        | Field::MemoryTemperature
        | Field::MemoryUsed
        | Field::MemoryTotal => Scope::Dram,
        Field::ModulePower
        | Field::ModulePowerAverage
        | Field::ModulePowerInstant
        | Field::ModuleLimit
        | Field::ModuleEnforcedLimit => Scope::Module,
        _ if field.kind() == Kind::PowerLimit => Scope::Board,
        _ => Scope::Chip,
    }
}

/// Whether every cell says that the GPU is lost.
pub(crate) fn is_lost(cells: impl IntoIterator<Item = Cell>) -> bool {
    let mut some = false;
    let lost =
        cells.into_iter().inspect(|_| some = true).all(|cell| cell.absence() == Some(Absence::GpuLost));
    lost && some
}
