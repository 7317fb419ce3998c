//! The registers of an Eastron SDM630: single-precision numbers, big-endian, high word first.
//!
//! Addresses as in its manual and in `mbmd` and `OpenEMS`; the load is spread over the three phases as four power
//! supplies are, two of them on the first.

use super::instrument::{Instrument, Shown};
use crate::num::single;

/// Shares of the phases.
const PHASES: [f64; 3] = [0.5, 0.25, 0.25];

/// Input registers there are: those in between that hold nothing are 0.
const INPUTS: u16 = 0x0182;

/// Serial number, as a holding register.
const SERIAL: u16 = 0xFC00;

/// Not of an SDM630: Unix time in ns of the newest value by the meter's own clock, four registers, high word first.
/// Only of a meter that is described as stamped.
const STAMP: u16 = 0xF000;

/// Most registers of one request, by the specification.
const MOST: u16 = 125;

/// Why registers cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Function,
    Address,
    Count,
}

impl Refusal {
    /// Its exception code.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Function => 1,
            Self::Address => 2,
            Self::Count => 3,
        }
    }
}

/// All registers at one time.
#[derive(Debug)]
pub(super) struct Registers {
    shown: Shown,
    energy_kwh: f64,
    stamped: bool,
    nominal_range_w: f64,
}

impl Registers {
    pub(super) fn of(meter: &Instrument) -> Self {
        Self {
            shown: meter.now(),
            energy_kwh: meter.energy_j() / 3.6e6,
            stamped: meter.model.stamped,
            nominal_range_w: meter.model.range_w,
        }
    }

    /// The registers that a request with function 3 or 4 is answered with.
    pub(super) fn read(&self, function: u8, address: u16, count: u16) -> Result<Vec<u16>, Refusal> {
        if !(1..=MOST).contains(&count) {
            return Err(Refusal::Count);
        }
        let end = address.checked_add(count - 1).ok_or(Refusal::Address)?;
        let register = |address| if function == 4 { self.input(address) } else { Self::holding(address) };
        (address..=end).map(register).collect::<Option<Vec<u16>>>().ok_or(Refusal::Address)
    }

    fn holding(address: u16) -> Option<u16> {
        // 12345678.
        match address {
            SERIAL => Some(0x00BC),
            a if a == SERIAL + 1 => Some(0x614E),
            _ => None,
        }
    }

    fn input(&self, address: u16) -> Option<u16> {
        if self.stamped && (STAMP..STAMP + 4).contains(&address) {
            let bytes = self.shown.unix_ns.to_be_bytes();
            let at = usize::from(address - STAMP) * 2;
            return Some(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
        }
        if address >= INPUTS {
            return None;
        }
        let [a, b, c, d] = single(self.number(address & !1)).to_be_bytes();
        Some(if address & 1 == 0 { u16::from_be_bytes([a, b]) } else { u16::from_be_bytes([c, d]) })
    }

    /// The number at an even address.
    fn number(&self, address: u16) -> f64 {
        let shown = &self.shown;
        // It has no word for too much: it stays at its range's end.
        let limit = if shown.overrange { self.nominal_range_w / shown.power_w.max(1.0) } else { 1.0 };
        let share = |first: u16| PHASES[usize::from((address - first) / 2)];
        let reactive = (shown.apparent_va.powi(2) - shown.power_w.powi(2)).max(0.0).sqrt();
        match address {
            0x0000..=0x0004 | 0x002A => shown.volts,
            0x0006..=0x000A => shown.amps * share(0x0006) * limit,
            0x000C..=0x0010 => shown.power_w * share(0x000C) * limit,
            0x0012..=0x0016 => shown.apparent_va * share(0x0012) * limit,
            0x0018..=0x001C => reactive * share(0x0018) * limit,
            0x001E..=0x0022 | 0x003E => shown.power_factor,
            0x002E => shown.amps * limit / 3.0,
            0x0030 => shown.amps * limit,
            0x0034 => shown.power_w * limit,
            0x0038 => shown.apparent_va * limit,
            0x003C => reactive * limit,
            0x0046 => shown.hertz,
            0x0048 | 0x0156 => self.energy_kwh,
            _ => 0.0,
        }
    }
}
