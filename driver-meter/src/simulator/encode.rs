//! From values to registers: the inverse of what a source does.

use crate::profile::{Order, RegisterType, Spec};

/// The registers of a value; those of a missing one are the profile's undefined pattern, NaN, or all ones.
///
/// The first of the four are the type's.
pub(super) fn registers(spec: &Spec, value: Option<f64>) -> [u16; 4] {
    let bits = match value {
        Some(value) => bits(spec, value),
        None => spec.undefined.first().copied().unwrap_or(match spec.kind {
            RegisterType::F32 => f32::NAN.to_bits().into(),
            RegisterType::F64 => f64::NAN.to_bits(),
            _ => u64::MAX,
        }),
    };
    words(bits, spec.kind, spec.order)
}

/// The bits that stand for a value.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "casts from floats saturate, as a meter's registers do; two's complement is cut to its type"
)]
fn bits(spec: &Spec, value: f64) -> u64 {
    let counted = spec.channel.quantity.is_counted();
    let number = if counted { value * spec.float_step } else { value / spec.scale };
    match spec.kind {
        RegisterType::F32 => (number as f32).to_bits().into(),
        RegisterType::F64 => number.to_bits(),
        RegisterType::U16 => (number.round() as u16).into(),
        RegisterType::U32 => (number.round() as u32).into(),
        RegisterType::U64 => number.round() as u64,
        RegisterType::I16 => ((number.round() as i16) as u16).into(),
        RegisterType::I32 => ((number.round() as i32) as u32).into(),
        RegisterType::I64 => (number.round() as i64) as u64,
    }
}

/// Bits to registers, in the profile's order.
pub(super) fn words(bits: u64, kind: RegisterType, order: Order) -> [u16; 4] {
    let count = usize::from(kind.registers());
    let all = bits.to_be_bytes();
    let (pairs, _) = all.as_chunks::<2>();
    let mut words = [0; 4];
    for (word, pair) in words.iter_mut().zip(&pairs[4 - count..]) {
        let value = u16::from_be_bytes(*pair);
        *word = if order.bytes_swapped { value.swap_bytes() } else { value };
    }
    if order.words_swapped {
        words[..count].reverse();
    }
    words
}
