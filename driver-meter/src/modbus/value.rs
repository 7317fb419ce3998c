//! From registers to values.

use power_core::{ChannelId, Flags, Reading, Stamp, Value};

use crate::profile::{Order, RegisterType, Spec};

/// What the registers of one value hold.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Whole(i128),
    Single(f32),
    Double(f64),
}

/// The reading that `registers` stand for: as many as the type has.
///
/// A pattern that the profile calls undefined, NaN, and a negative count are missing; infinities are missing and out
/// of range.
pub(super) fn reading(spec: &Spec, channel: ChannelId, registers: &[u16], stamp: Stamp) -> Reading {
    let Some(raw) = raw(registers, spec.order) else { return Reading::new(channel, Value::Missing, stamp) };
    if spec.undefined.contains(&raw) {
        return Reading::new(channel, Value::Missing, stamp);
    }
    let number = number(raw, spec.kind);
    if spec.channel.quantity.is_counted() {
        return count(spec, channel, number, stamp);
    }
    let value = as_f64(number) * spec.scale;
    if !value.is_finite() {
        let flags = if value.is_infinite() { Flags::OVERRANGE } else { Flags::NONE };
        return Reading::new(channel, Value::Missing, stamp).flagged(flags);
    }
    let outside = spec.channel.range.is_some_and(|range| !(range.low..=range.high).contains(&value));
    let reading =
        Reading::new(channel, Value::measured(spec.channel.quantity, value).unwrap_or(Value::Missing), stamp);
    if outside { reading.flagged(Flags::OVERRANGE) } else { reading }
}

/// Registers to the bits of one value, whatever their order; `None` for more than four.
pub(super) fn raw(registers: &[u16], order: Order) -> Option<u64> {
    if registers.len() > 4 {
        return None;
    }
    let join = |sum: u64, register: &u16| {
        let register = if order.bytes_swapped { register.swap_bytes() } else { *register };
        (sum << 16) | u64::from(register)
    };
    Some(if order.words_swapped {
        registers.iter().rev().fold(0, join)
    } else {
        registers.iter().fold(0, join)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the bits of a register or two, or four, taken for what the profile says they are"
)]
fn number(raw: u64, kind: RegisterType) -> Number {
    match kind {
        RegisterType::U16 | RegisterType::U32 | RegisterType::U64 => Number::Whole(raw.into()),
        RegisterType::I16 => Number::Whole((raw as u16 as i16).into()),
        RegisterType::I32 => Number::Whole((raw as u32 as i32).into()),
        RegisterType::I64 => Number::Whole((raw as i64).into()),
        RegisterType::F32 => Number::Single(f32::from_bits(raw as u32)),
        RegisterType::F64 => Number::Double(f64::from_bits(raw)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, and a measured value has fewer digits")]
fn as_f64(number: Number) -> f64 {
    match number {
        Number::Whole(whole) => whole as f64,
        Number::Single(single) => single.into(),
        Number::Double(double) => double,
    }
}

/// A count: as the device gives it, or where it gives a broken number, in steps of the profile's resolution.
fn count(spec: &Spec, channel: ChannelId, number: Number, stamp: Stamp) -> Reading {
    let missing = Reading::new(channel, Value::Missing, stamp);
    match number {
        Number::Whole(whole) => {
            u64::try_from(whole).map_or(missing, |count| Reading::new(channel, Value::Count(count), stamp))
        }
        Number::Single(_) | Number::Double(_) => {
            let steps = (as_f64(number) / spec.float_step).round();
            // Above 2^53 steps a double does not hold them one by one any more.
            if !(0.0..9.0e15).contains(&steps) {
                return missing;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number from 0 to 9e15, by the line above"
            )]
            let reading = Reading::new(channel, Value::Count(steps as u64), stamp);
            if spacing(number) > spec.float_step { reading.flagged(Flags::COARSE) } else { reading }
        }
    }
}

/// Distance to the next number that the device's float could show.
fn spacing(number: Number) -> f64 {
    match number {
        Number::Whole(_) => 1.0,
        Number::Single(single) => f64::from(single.next_up()) - f64::from(single),
        Number::Double(double) => double.next_up() - double,
    }
}
