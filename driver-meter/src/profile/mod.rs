//! Profiles: meters described by a file instead of code.
//!
//! A profile says who made the meter, how it is reached, which registers hold what, how often it measures and how
//! well. The page `docs/add-a-meter.md` of the repository shows how to write one.

mod channel;
mod check;
mod document;
mod keys;
mod place;
mod shipped;
mod units;

use std::path::Path;
use std::time::Duration;

use power_core::{Channel, Error, ErrorKind, Result, Scope};

pub use check::check;
pub(crate) use place::suggest;
pub use shipped::{shipped, shipped_names};

use crate::link::serial::{Parity, SerialSettings};
use crate::modbus::protocol::Table;

/// How far a profile's facts have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// The registers stand in the named source, the maker's or that of a program in wide use.
    Source,
    /// From one secondary source, or from sources that contradict each other: compare with the meter's display first.
    Experimental,
}

impl Verified {
    /// The word in a profile.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Experimental => "experimental",
        }
    }
}

/// What the registers of a value hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegisterType {
    /// Unsigned, one register.
    U16,
    /// Two's complement, one register.
    I16,
    /// Unsigned, two registers.
    U32,
    /// Two's complement, two registers.
    I32,
    /// Unsigned, four registers.
    U64,
    /// Two's complement, four registers.
    I64,
    /// IEEE 754 single precision, two registers.
    F32,
    /// IEEE 754 double precision, four registers.
    F64,
}

impl RegisterType {
    /// Number of registers.
    pub const fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// Whether it holds a broken number.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

/// The order of bytes and words; both `false` for the high one first, as the specification has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// The low byte of a register comes first.
    pub bytes_swapped: bool,
    /// The low word of a value comes first.
    pub words_swapped: bool,
}

/// How a meter is set when it leaves the works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transport {
    /// Unit address.
    pub unit: u8,
    /// Settings of its serial line.
    pub serial: SerialSettings,
    /// TCP port.
    pub port: u16,
    /// Time that it may take to answer.
    pub timeout: Duration,
}

impl Default for Transport {
    /// Unit 1, 9600 8N1, port 502, 1 s.
    fn default() -> Self {
        Self {
            unit: 1,
            serial: SerialSettings::new(9_600).with_parity(Parity::None),
            port: 502,
            timeout: Duration::from_secs(1),
        }
    }
}

/// Registers that tell this meter from others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identification {
    /// The table they are in.
    pub table: Table,
    /// The first of them.
    pub register: u16,
    /// What they hold.
    pub kind: RegisterType,
    /// Their order.
    pub order: Order,
    /// The values that this meter may show.
    pub expected: Vec<u64>,
    /// What to do if they show another.
    pub note: Option<String>,
}

/// One channel: where its registers are, what they hold, and what it measures.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Spec {
    /// The table its registers are in.
    pub table: Table,
    /// The first of them, counted from 0 as on the wire.
    pub register: u16,
    /// What they hold.
    pub kind: RegisterType,
    /// Their order.
    pub order: Order,
    /// From the raw number to the channel's unit.
    pub scale: f64,
    /// For a counter that is given as a broken number: raw numbers to one count. 1 for others.
    pub float_step: f64,
    /// Raw bits that mean that there is no value.
    pub undefined: Vec<u64>,
    /// Whether some variants of the meter do not have it.
    pub optional: bool,
    /// What it measures.
    pub channel: Channel,
}

/// A meter described by a file.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The name to open it by.
    pub name: String,
    /// Who makes it.
    pub maker: String,
    /// The maker's name for it.
    pub model: String,
    /// How far it was checked.
    pub verified: Verified,
    /// Where the registers stand.
    pub source: String,
    /// What else its user has to know.
    pub note: Option<String>,
    /// How it is reached.
    pub transport: Transport,
    /// Most registers that it gives at once.
    pub max_registers: u16,
    /// Unused registers that may be read along, to save a request.
    pub max_gap: u16,
    /// How it is recognised.
    pub identification: Option<Identification>,
    /// Time from physics to publication, where known.
    pub delay: Option<Duration>,
    /// How it filters what it measures, in words.
    pub smoothing: Option<String>,
    /// What it measures.
    pub channels: Vec<Spec>,
}

/// Reads and checks the profile at `path`.
///
/// # Errors
///
/// - [`ErrorKind::NotFound`], [`ErrorKind::PermissionDenied`], [`ErrorKind::Unavailable`] if it cannot be read.
/// - [`ErrorKind::InvalidConfig`] as [`check()`].
pub fn load(path: &Path) -> Result<Profile> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::from_io(ErrorKind::Unavailable, "cannot read the profile", error).with_context("path", &*shown)
    })?;
    check(&text, &shown)
}

/// The scope that a word names, as profiles and option `scope` have it.
pub(crate) fn scope(word: &str) -> Result<Scope> {
    units::scope(word).ok_or_else(|| {
        let message = format!("scope = {word:?}: it is {} or rail:NAME", units::SCOPES.join(", "));
        Error::new(ErrorKind::InvalidConfig, message)
    })
}
