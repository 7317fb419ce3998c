//! A simulated meter: any profile, with values given by the caller, served by Modbus over TCP or any byte stream.
//!
//! It stands in for the meter while a profile is written, and in tests whose truth is known.
//!
//! ```
//! use driver_meter::simulator::{Server, SimulatedMeter};
//! use driver_meter::{DRIVER, modbus::Framing, profile};
//! use power_core::{Driver, Options, Recorder, SystemClock};
//!
//! let profile = profile::shipped("sdm120").expect("a shipped profile");
//! let meter = SimulatedMeter::new(profile, |channel| Some(if channel.name == "power" { 321.5 } else { 1.0 }));
//! let server = Server::on_loopback(meter, Framing::Mbap)?;
//! let device = format!("sdm120@tcp:{}", server.address());
//! let mut source = DRIVER.open(&device, &Options::new())?;
//! let mut readings = Vec::new();
//! source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
//! let power = source.descriptor().find("power").expect("a channel");
//! let shown = readings.iter().find(|reading| reading.channel == power).expect("a reading");
//! assert_eq!(shown.value.number(), Some(321.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encode;
mod server;

use std::fmt;
use std::ops::Range;

use power_core::Channel;

pub use server::{Server, serve};

use crate::modbus::Framing;
use crate::modbus::protocol::serve::{
    Asked, ILLEGAL_DATA_ADDRESS, encode_exception, encode_reply, parse_request,
};
use crate::modbus::protocol::{FrameError, ReadRequest};
use crate::profile::{Profile, RegisterType};

/// What a channel shows now, in its base unit, or as a count; `None` where it has no value.
type Show = Box<dyn FnMut(&Channel) -> Option<f64> + Send>;

/// A meter that answers as its profile says. No I/O.
pub struct SimulatedMeter {
    profile: Profile,
    unit: u8,
    show: Show,
}

impl SimulatedMeter {
    /// A meter of this profile at its usual unit address, which shows what `show` gives at every request.
    pub fn new(profile: Profile, show: impl FnMut(&Channel) -> Option<f64> + Send + 'static) -> Self {
        Self { unit: profile.transport.unit, profile, show: Box::new(show) }
    }

    /// At another unit address.
    #[must_use]
    pub fn at_unit(mut self, unit: u8) -> Self {
        self.unit = unit;
        self
    }

    /// Answers the request at the front of `received`, appending to `out`; gives how many bytes were used, 0 if the
    /// request is not complete. A request to another unit is used up without an answer.
    ///
    /// # Errors
    ///
    /// - [`FrameError`] if the bytes are not of this framing.
    pub fn answer(
        &mut self,
        framing: Framing,
        received: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<usize, FrameError> {
        match parse_request(framing, received)? {
            Asked::Incomplete => Ok(0),
            Asked::Read { used, transaction, request } => {
                if request.unit == self.unit {
                    match self.registers(request) {
                        Some(registers) => {
                            encode_reply(framing, transaction, self.unit, request.table, &registers, out);
                        }
                        None => encode_exception(
                            framing,
                            transaction,
                            self.unit,
                            request.table.function(),
                            ILLEGAL_DATA_ADDRESS,
                            out,
                        ),
                    }
                }
                Ok(used)
            }
            Asked::Refuse { used, transaction, unit, function, code } => {
                if unit == self.unit {
                    encode_exception(framing, transaction, unit, function, code, out);
                }
                Ok(used)
            }
        }
    }

    /// The registers asked for; `None` if the first or the last of them is none of the meter's, or lies amid a value.
    fn registers(&mut self, request: ReadRequest) -> Option<Vec<u16>> {
        let mut asked = AskedRegisters::new(request);
        for spec in self.profile.channels.iter().filter(|spec| spec.table == request.table) {
            if asked.holds(spec.register, spec.kind) {
                let shown = (self.show)(&spec.channel);
                asked.put(spec.register, spec.kind, encode::registers(spec, shown));
            }
        }
        if let Some(identity) = &self.profile.identification
            && identity.table == request.table
            && let Some(value) = identity.expected.first()
        {
            let words = encode::words(*value, identity.kind, identity.order);
            asked.put(identity.register, identity.kind, words);
        }
        (asked.begins && asked.ends).then_some(asked.registers)
    }
}

/// The registers of one request while they are filled.
struct AskedRegisters {
    first: u32,
    registers: Vec<u16>,
    /// Whether a value begins with the first register.
    begins: bool,
    /// Whether a value ends with the last register.
    ends: bool,
}

impl AskedRegisters {
    fn new(request: ReadRequest) -> Self {
        let registers = vec![0; usize::from(request.count)];
        Self { first: request.address.into(), registers, begins: false, ends: false }
    }

    /// The places of a value, if all of it was asked for.
    fn places(&self, register: u16, kind: RegisterType) -> Option<Range<usize>> {
        let start = usize::try_from(u32::from(register).checked_sub(self.first)?).ok()?;
        let end = start + usize::from(kind.registers());
        (end <= self.registers.len()).then_some(start..end)
    }

    fn holds(&self, register: u16, kind: RegisterType) -> bool {
        self.places(register, kind).is_some()
    }

    fn put(&mut self, register: u16, kind: RegisterType, words: [u16; 4]) {
        let Some(places) = self.places(register, kind) else { return };
        self.begins |= places.start == 0;
        self.ends |= places.end == self.registers.len();
        let words = &words[..places.len()];
        self.registers[places].copy_from_slice(words);
    }
}

impl fmt::Debug for SimulatedMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedMeter")
            .field("profile", &self.profile.name)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}
