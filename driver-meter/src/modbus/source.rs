//! A meter described by a profile, as a power source.

use power_core::{ChannelId, Descriptor, Error, ErrorKind, Lane, PowerSource, Recorder, Result, Scope};

use super::exception::Exception;
use super::plan::{self, Block};
use super::protocol::ReadRequest;
use super::registers::Registers;
use super::value;
use crate::ID;
use crate::profile::{Identification, Profile, Spec};

/// What a source is told beyond its profile.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Choice {
    /// The channels wanted, by name; all if empty.
    pub channels: Vec<String>,
    /// What the meter measures, if not what its profile says.
    pub scope: Option<Scope>,
    /// What the meter shares with others; its own link by default.
    pub lane: Option<Lane>,
}

/// A meter read by Modbus as its profile says.
///
/// Registers that lie together are read by one request, so that their values are of one time; a meter that refuses
/// this is asked for each channel by itself. A read blocks for one transaction per request.
#[derive(Debug)]
pub struct MeterSource<R> {
    registers: R,
    unit: u8,
    specs: Vec<Spec>,
    blocks: Vec<Block>,
    identification: Option<Identification>,
    generation: u64,
    /// Room for the largest block.
    buffer: Vec<u16>,
    descriptor: Descriptor,
    /// Why it can no longer be read, once that is so.
    gone: Option<String>,
}

impl<R: Registers> MeterSource<R> {
    /// Opens the meter with all channels of its profile: checks what it is, and reads everything once.
    ///
    /// Blocks for one transaction per request.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if another meter than the profile's answers.
    /// - [`ErrorKind::Unsupported`] if it does not have a channel of its profile.
    /// - those of [`Registers`].
    pub fn open(profile: Profile, registers: R, unit: u8) -> Result<Self> {
        Self::open_with(profile, registers, unit, Choice::default())
    }

    /// The same with a choice of channels, another scope, or a lane.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if a wanted channel is not in the profile.
    /// - as [`open`](MeterSource::open).
    pub fn open_with(profile: Profile, mut registers: R, unit: u8, choice: Choice) -> Result<Self> {
        let mut specs = chosen(&profile, &choice.channels)?;
        if let Some(scope) = &choice.scope {
            for spec in &mut specs {
                spec.channel.scope = scope.clone();
            }
        }
        if let Some(identification) = &profile.identification {
            identify(&mut registers, unit, identification)?;
        }
        let (specs, blocks, refused) = offered(&mut registers, unit, &profile, specs)?;
        let descriptor = describe(&profile, &registers, unit, &specs, &refused, choice.lane);
        let room = blocks.iter().map(|block| usize::from(block.count)).max().unwrap_or_default();
        Ok(Self {
            generation: registers.generation(),
            registers,
            unit,
            specs,
            blocks,
            identification: profile.identification,
            buffer: vec![0; room],
            descriptor,
            gone: None,
        })
    }

    /// Number of requests that one read makes.
    pub fn requests(&self) -> usize {
        self.blocks.len()
    }

    /// Makes ready for a request, and after the link was opened anew looks whether it is still the same kind of meter.
    fn prepare(&mut self, request: ReadRequest) -> Result<()> {
        self.registers.prepare(request)?;
        let generation = self.registers.generation();
        if generation == self.generation {
            return Ok(());
        }
        if let Some(identification) = &self.identification {
            match identify(&mut self.registers, self.unit, identification) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    self.gone = Some(error.to_string());
                    return Err(self.gone_error());
                }
                outcome => outcome?,
            }
        }
        self.generation = generation;
        self.registers.prepare(request)
    }

    fn gone_error(&self) -> Error {
        Error::new(ErrorKind::Disconnected, "the meter was replaced by another one; open the source again")
            .with_context("why", self.gone.clone().unwrap_or_default())
    }

    fn read_block(
        &mut self,
        position: usize,
        request: ReadRequest,
        recorder: &mut Recorder<'_>,
    ) -> Result<()> {
        let block = &self.blocks[position];
        let registers = &mut self.buffer[..usize::from(block.count)];
        let ((), stamp) = recorder.bracket(|| self.registers.exchange(request, registers))?;
        for channel in &block.channels {
            let spec = &self.specs[*channel];
            let start = usize::from(spec.register - block.address);
            let of_channel = &registers[start..start + usize::from(spec.kind.registers())];
            // A profile has 1000 channels at most.
            let id = ChannelId(u16::try_from(*channel).unwrap_or(u16::MAX));
            recorder.push(value::reading(spec, id, of_channel, stamp));
        }
        Ok(())
    }
}

impl<R: Registers> PowerSource for MeterSource<R> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        if self.gone.is_some() {
            return Err(self.gone_error());
        }
        let mut refused = Ok(());
        for position in 0..self.blocks.len() {
            let request = request(self.unit, &self.blocks[position])?;
            let outcome = self.prepare(request).and_then(|()| self.read_block(position, request, recorder));
            match outcome {
                Ok(()) => {}
                // A meter that refuses one request answers others.
                Err(error) if Exception::of(&error).is_some() => refused = refused.and(Err(error)),
                Err(error) => return Err(error),
            }
        }
        refused
    }
}

/// The channels that were asked for, with what contains them as far as that was asked for too.
fn chosen(profile: &Profile, wanted: &[String]) -> Result<Vec<Spec>> {
    let all = &profile.channels;
    if let Some(unknown) = wanted.iter().find(|name| all.iter().all(|spec| spec.channel.name != **name)) {
        let known: Vec<&str> = all.iter().map(|spec| &*spec.channel.name).collect();
        let message = format!(
            "option channels: {} has no channel {unknown:?}; it has {}",
            profile.name,
            known.join(", ")
        );
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    let is_wanted = |spec: &Spec| wanted.is_empty() || wanted.iter().any(|name| spec.channel.name == **name);
    Ok(keep(all, is_wanted))
}

/// The channels for which `wanted` holds, with ids and `part_of` made to fit.
fn keep(all: &[Spec], wanted: impl Fn(&Spec) -> bool) -> Vec<Spec> {
    let kept: Vec<usize> = (0..all.len()).filter(|position| wanted(&all[*position])).collect();
    let new_id = |old: ChannelId| {
        let position = kept.iter().position(|kept| *kept == usize::from(old.0))?;
        u16::try_from(position).ok().map(ChannelId)
    };
    let renumbered = |position: &usize| {
        let mut spec = all[*position].clone();
        spec.channel.part_of = spec.channel.part_of.and_then(new_id);
        spec
    };
    kept.iter().map(renumbered).collect()
}

fn request(unit: u8, block: &Block) -> Result<ReadRequest> {
    ReadRequest::new(unit, block.table, block.address, block.count).map_err(|error| {
        Error::new(ErrorKind::InvalidConfig, "the profile asks for no or too many registers")
            .with_source(error)
    })
}

/// Checks that the profile's meter answers.
fn identify(registers: &mut impl Registers, unit: u8, identification: &Identification) -> Result<()> {
    let block = Block {
        table: identification.table,
        address: identification.register,
        count: identification.kind.registers(),
        channels: Vec::new(),
    };
    let mut answer = [0; 4];
    let answer = &mut answer[..usize::from(block.count)];
    registers.read(request(unit, &block)?, answer)?;
    let shown = value::raw(answer, identification.order).unwrap_or_default();
    if identification.expected.contains(&shown) {
        return Ok(());
    }
    let expected: Vec<_> = identification.expected.iter().map(|value| format!("{value:#X}")).collect();
    let error = Error::new(ErrorKind::NotFound, "another meter than the profile's answers")
        .with_context("identification register", format!("{:#06X}", identification.register))
        .with_context("shown", format!("{shown:#X}"))
        .with_context("expected", expected.join(" or "));
    Err(match &identification.note {
        Some(note) => error.with_context("note", note.clone()),
        None => error,
    })
}

/// Channels, requests, and names of the channels that this variant of the meter refuses.
type Offered = (Vec<Spec>, Vec<Block>, Vec<String>);

/// Finds out what the meter gives: together if it can, else channel by channel.
fn offered(registers: &mut impl Registers, unit: u8, profile: &Profile, specs: Vec<Spec>) -> Result<Offered> {
    let blocks = plan::merged(&specs, profile.max_registers, profile.max_gap);
    match try_all(registers, unit, &blocks) {
        Ok(()) => return Ok((specs, blocks, Vec::new())),
        Err(error)
            if Exception::of(&error).is_some_and(|refused| refused.kind() == ErrorKind::Unsupported) => {}
        Err(error) => return Err(error),
    }
    let mut refused = Vec::new();
    for (spec, block) in specs.iter().zip(plan::apart(&specs)) {
        match try_all(registers, unit, &[block]) {
            Ok(()) => {}
            Err(error) if spec.optional && Exception::of(&error).is_some() => {
                refused.push(spec.channel.name.clone().into_owned());
            }
            Err(error) => return Err(error.with_context("channel", spec.channel.name.clone())),
        }
    }
    let specs = keep(&specs, |spec| !refused.iter().any(|name| spec.channel.name == **name));
    // Without those that it does not have, it may still give the others together.
    let blocks = plan::merged(&specs, profile.max_registers, 0);
    let blocks = match try_all(registers, unit, &blocks) {
        Err(error) if Exception::of(&error).is_some() => plan::apart(&specs),
        outcome => outcome.map(|()| blocks)?,
    };
    Ok((specs, blocks, refused))
}

fn try_all(registers: &mut impl Registers, unit: u8, blocks: &[Block]) -> Result<()> {
    for block in blocks {
        let mut answer = vec![0; usize::from(block.count)];
        registers.read(request(unit, block)?, &mut answer)?;
    }
    Ok(())
}

fn describe(
    profile: &Profile,
    registers: &impl Registers,
    unit: u8,
    specs: &[Spec],
    refused: &[String],
    lane: Option<Lane>,
) -> Descriptor {
    let details = registers.details();
    let link = details.iter().find(|(name, _)| name == "link").map_or("", |(_, value)| value);
    let device = format!("{} {}, unit {unit}, {link}", profile.maker, profile.model);
    let lane = lane.unwrap_or_else(|| Lane::new(link));
    let channels = specs.iter().map(|spec| spec.channel.clone()).collect();
    let mut descriptor = Descriptor::new(ID, device, channels)
        .with_lane(lane)
        .with_detail("profile", profile.name.clone())
        .with_detail("profile_verified", profile.verified.word())
        .with_detail("profile_source", profile.source.clone())
        .with_detail("unit", unit.to_string());
    for (name, value) in details {
        descriptor = descriptor.with_detail(name, value);
    }
    let delay = profile.delay.map(|delay| format!("{delay:?}"));
    let refused = (!refused.is_empty()).then(|| refused.join(", "));
    let more = [
        ("delay", delay),
        ("smoothing", profile.smoothing.clone()),
        ("note", profile.note.clone()),
        ("not_offered", refused),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            descriptor = descriptor.with_detail(name, value);
        }
    }
    descriptor
}
