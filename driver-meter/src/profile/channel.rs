//! The channels of a profile.

use std::collections::BTreeMap;
use std::time::Duration;

use power_core::{Accuracy, Averaging, Channel, ChannelId, Joules, Quantity, Result, Scope};

use super::check::{accuracy, averaging, bits, duration, kind, named_scope, narrow, order, table, word_of};
use super::document::{Placed, Section};
use super::place::suggest;
use super::units::{Measured, QUANTITIES};
use super::{Order, RegisterType, Spec, keys};
use crate::modbus::protocol::Table;

/// What holds for every channel that does not say otherwise.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) table: Table,
    pub(super) kind: Option<RegisterType>,
    pub(super) order: Order,
    pub(super) scope: Scope,
    pub(super) averaging: Averaging,
    pub(super) update_period: Option<Duration>,
    pub(super) accuracies: BTreeMap<&'static str, Accuracy>,
    pub(super) max_registers: u16,
    pub(super) max_gap: u16,
}

/// All channels, with those that contain others found.
pub(super) fn all(root: &Section<'_>, defaults: &Defaults) -> Result<Vec<Spec>> {
    let sections = root.sections("channel", keys::CHANNEL)?;
    if sections.is_empty() {
        return root.wrong("a profile has at least one [[channel]]");
    }
    if sections.len() > 1_000 {
        return root.wrong("a profile has 1000 channels at most");
    }
    let mut specs: Vec<Spec> = Vec::new();
    for section in &sections {
        let spec = one(section, defaults)?;
        if specs.iter().any(|other| other.channel.name == spec.channel.name) {
            return section
                .needed_text("name")?
                .wrong(format!("there are two channels of the name {:?}", spec.channel.name));
        }
        specs.push(spec);
    }
    for (position, section) in sections.iter().enumerate() {
        if let Some(whole) = section.text("part_of")? {
            specs[position].channel.part_of = Some(containing(&whole, position, &specs)?);
        }
    }
    for (position, section) in sections.iter().enumerate() {
        if contains_itself(position, &specs) {
            return match section.text("part_of")? {
                Some(whole) => whole.wrong("the channel is part of itself, directly or through others"),
                None => section.wrong("the channel is part of itself"),
            };
        }
    }
    Ok(specs)
}

/// The channel that `whole` names.
fn containing(whole: &Placed<'_, &str>, position: usize, specs: &[Spec]) -> Result<ChannelId> {
    let found = specs.iter().position(|spec| spec.channel.name == whole.value);
    match found.and_then(|found| u16::try_from(found).ok()) {
        Some(found) if usize::from(found) != position => Ok(ChannelId(found)),
        _ => {
            let known: Vec<&str> = specs.iter().map(|spec| &*spec.channel.name).collect();
            whole.wrong(format!("part_of = {:?}; {}", whole.value, suggest(whole.value, &known)))
        }
    }
}

fn contains_itself(start: usize, specs: &[Spec]) -> bool {
    let mut at = start;
    for _ in 0..specs.len() {
        match specs[at].channel.part_of {
            Some(whole) => at = usize::from(whole.0),
            None => return false,
        }
    }
    true
}

fn one(section: &Section<'_>, defaults: &Defaults) -> Result<Spec> {
    let name = section.needed_text("name")?;
    let Some(register) = section.integer("register", 0..=65_535)? else {
        return section.wrong(format!("channel {:?} has no register", name.value));
    };
    let Some(kind) = kind(section)?.or(defaults.kind) else {
        return section.wrong(format!("channel {:?} has no type, and [modbus] names none", name.value));
    };
    if register.value + u64::from(kind.registers()) > 65_536 {
        return register.wrong("the last register of the channel is above 65535");
    }
    if kind.registers() > defaults.max_registers {
        return register.wrong("the channel has more registers than max_registers");
    }
    let Some(measured) = section.word("quantity", QUANTITIES)? else {
        let known: Vec<_> = QUANTITIES.iter().map(|(word, _)| *word).collect();
        return section.wrong(format!(
            "channel {:?} has no quantity; it is one of {}",
            name.value,
            known.join(", ")
        ));
    };
    let factor = unit(section, measured.value)?;
    let scale = match section.number("scale")? {
        Some(scale) if scale.value.abs() < f64::MIN_POSITIVE => return scale.wrong("scale is 0"),
        Some(scale) => scale.value,
        None => 1.0,
    };
    let resolution = positive(section, "resolution")?;
    let (quantity, scale_to_base, float_step) = match measured.value {
        Measured::Energy => {
            let (quantum, step) = quantum(section, kind, scale, resolution)?;
            let modulus = section.integer("modulus", 1..=u64::MAX)?.map(|modulus| modulus.value);
            let quantum = Joules::from_joules(quantum * factor);
            (Quantity::EnergyCounter { quantum, modulus }, 1.0, step)
        }
        other => {
            if let Some(modulus) = section.integer("modulus", 0..=u64::MAX)? {
                return modulus.wrong("only a channel of energy has a modulus");
            }
            let averaging = averaging(section)?.unwrap_or(defaults.averaging);
            (plain(other, averaging), scale * factor, 1.0)
        }
    };
    let mut channel = Channel::new(name.value.to_owned(), quantity);
    channel.scope = match section.text("scope")? {
        Some(word) => named_scope(&word)?,
        None => defaults.scope.clone(),
    };
    channel.update_period = duration(section, "update_period_ms")?.or(defaults.update_period);
    channel.resolution = if quantity.is_counted() {
        None
    } else {
        // A whole number steps by its scale.
        resolution.map(|step| step * factor).or((!kind.is_float()).then(|| scale_to_base.abs()))
    };
    if let Some((low, high)) = section.range("range")? {
        channel = channel.with_range(low * factor, high * factor);
    }
    channel.accuracy = match section.section("accuracy", keys::ACCURACY)? {
        Some(section) => Some(accuracy(&section)?),
        None => defaults.accuracies.get(word_of(measured.value)).cloned(),
    };
    if let Some(accuracy) = &channel.accuracy
        && accuracy.percent_of_range > 0.0
        && channel.range.is_none()
    {
        return section.wrong(format!(
            "channel {:?} has an accuracy in per cent of its range, and no range",
            name.value
        ));
    }
    Ok(Spec {
        table: table(section)?.unwrap_or(defaults.table),
        register: narrow(register.value),
        kind,
        order: order(section, defaults.order)?,
        scale: scale_to_base,
        float_step,
        undefined: section.integers("undefined", 0..=bits(kind))?,
        optional: section.flag("optional")?,
        channel,
    })
}

/// What one of the channel's unit is in the base unit.
fn unit(section: &Section<'_>, measured: Measured) -> Result<f64> {
    let units = measured.units();
    match section.word("unit", units)? {
        Some(unit) => Ok(unit.value),
        // A plain number needs no unit.
        None if measured == Measured::PowerFactor => Ok(1.0),
        None => {
            let known: Vec<_> = units.iter().map(|(word, _)| *word).collect();
            section.wrong(format!("a channel of {} has a unit: {}", word_of(measured), known.join(", ")))
        }
    }
}

/// Energy of one count in the channel's unit, and raw numbers to one count.
fn quantum(
    section: &Section<'_>,
    kind: RegisterType,
    scale: f64,
    resolution: Option<f64>,
) -> Result<(f64, f64)> {
    match (kind.is_float(), resolution) {
        _ if scale < 0.0 => section.wrong("an energy counter counts upwards: its scale is above 0"),
        (false, None) => Ok((scale, 1.0)),
        (false, Some(_)) => {
            section.wrong("a whole counter steps by its scale: resolution is for counters of type f32 and f64")
        }
        (true, Some(step)) => Ok((step, step / scale)),
        (true, None) => section.wrong(
            "an energy counter of a float type has a resolution: its step in the channel's unit, such as 0.001",
        ),
    }
}

fn positive(section: &Section<'_>, key: &'static str) -> Result<Option<f64>> {
    match section.number(key)? {
        Some(number) if number.value <= 0.0 => number.wrong(format!("{key} is above 0")),
        number => Ok(number.map(|number| number.value)),
    }
}

const fn plain(measured: Measured, averaging: Averaging) -> Quantity {
    match measured {
        Measured::Power | Measured::Energy => Quantity::Power { averaging },
        Measured::Voltage => Quantity::Voltage,
        Measured::Current => Quantity::Current,
        Measured::ApparentPower => Quantity::ApparentPower,
        Measured::PowerFactor => Quantity::PowerFactor,
        Measured::Frequency => Quantity::Frequency,
        Measured::Temperature => Quantity::Temperature,
    }
}
