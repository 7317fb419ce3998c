//! Modbus framing without I/O: what stands in a frame, and whether it answers a request.
//!
//! Both sides are here, a master's and a device's, so that a simulated meter speaks the same protocol. Source of all
//! layouts: *MODBUS Application Protocol Specification V1.1b3* (§6.3, §6.4, §7), *MODBUS Messaging on TCP/IP
//! Implementation Guide V1.0b* (§3.1.3) and *MODBUS over Serial Line V1.02* (§2.5.1), modbus.org.
//!
//! ```
//! use driver_meter::modbus::protocol::{ReadRequest, Table, mbap};
//! let request = ReadRequest::new(1, Table::Input, 0x000C, 2)?;
//! assert_eq!(mbap::encode_request(7, request), [0, 7, 0, 0, 0, 6, 1, 4, 0, 0x0C, 0, 2]);
//! # Ok::<(), driver_meter::modbus::protocol::FrameError>(())
//! ```

pub mod crc;
pub mod mbap;
pub mod rtu;
pub mod serve;

/// Most registers that a read may ask for by the specification (§6.3).
pub const MOST_REGISTERS: u16 = 125;

/// Most registers that this crate asks for at once. Two less than allowed: a reply then stays within 255 bytes on TCP
/// too, which is more than some devices and gateways can hold.
pub const MOST_REGISTERS_ASKED: u16 = 123;

/// Bit in a reply's function code that marks an exception (§7).
const EXCEPTION: u8 = 0x80;

/// One of the two tables of 16-bit registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Holding registers, function code 3.
    Holding,
    /// Input registers, function code 4.
    Input,
}

impl Table {
    /// The function code that reads this table.
    pub const fn function(self) -> u8 {
        match self {
            Self::Holding => 3,
            Self::Input => 4,
        }
    }

    /// The table that a function code reads; `None` if it reads none.
    pub const fn from_function(function: u8) -> Option<Self> {
        match function {
            3 => Some(Self::Holding),
            4 => Some(Self::Input),
            _ => None,
        }
    }
}

/// A request to read registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadRequest {
    /// Address of the device on its bus, or behind a gateway.
    pub unit: u8,
    /// The table to read.
    pub table: Table,
    /// First register, counted from 0 as on the wire.
    pub address: u16,
    /// Number of registers, 1 to 125.
    pub count: u16,
}

impl ReadRequest {
    /// A request for `count` registers from `address` on.
    ///
    /// # Errors
    ///
    /// - [`FrameError::Count`] if `count` is 0, above 125, or passes the end of the table.
    pub const fn new(unit: u8, table: Table, address: u16, count: u16) -> Result<Self, FrameError> {
        if count == 0 || count > MOST_REGISTERS || address.checked_add(count - 1).is_none() {
            return Err(FrameError::Count(count));
        }
        Ok(Self { unit, table, address, count })
    }

    /// The reply's byte count.
    const fn byte_count(self) -> u8 {
        // At most 250 by construction.
        self.count.to_le_bytes()[0].wrapping_mul(2)
    }

    /// The request's five bytes behind the unit.
    const fn pdu(self) -> [u8; 5] {
        let address = self.address.to_be_bytes();
        let count = self.count.to_be_bytes();
        [self.table.function(), address[0], address[1], count[0], count[1]]
    }
}

/// What the front of the received bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Not a whole frame yet.
    Incomplete,
    /// The answer: two bytes a register, the high one first.
    Registers {
        /// Bytes of the frame and of what was passed over before it.
        used: usize,
        /// The registers' bytes, twice as many as registers were asked for.
        data: &'a [u8],
    },
    /// The device refuses.
    Exception {
        /// Bytes of the frame and of what was passed over before it.
        used: usize,
        /// The exception code.
        code: u8,
    },
    /// A whole frame that answers another, earlier request.
    Stale {
        /// Bytes of the frame.
        used: usize,
    },
}

/// Why bytes are not the answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A request for no or too many registers.
    #[error("{0} registers: a read asks for 1 to 125, none of them above 65535")]
    Count(u16),
    /// The protocol field of a TCP header is not 0: this is not Modbus, or the stream is out of step.
    #[error("protocol identifier {0} instead of 0: not Modbus TCP, or the stream is out of step")]
    ProtocolId(u16),
    /// The length field of a TCP header cannot be that of an answer.
    #[error("a frame of {0} bytes cannot be an answer")]
    Length(u16),
    /// Another unit answered.
    #[error("unit {got} answered instead of unit {wanted}")]
    Unit {
        /// The unit that was asked.
        wanted: u8,
        /// The unit in the answer.
        got: u8,
    },
    /// The answer is to another function.
    #[error("the answer is to function {got} instead of {wanted}")]
    Function {
        /// The function that was asked for.
        wanted: u8,
        /// The function in the answer.
        got: u8,
    },
    /// The answer has another number of bytes than asked for.
    #[error("{got} bytes of registers instead of {wanted}")]
    ByteCount {
        /// Bytes asked for.
        wanted: u8,
        /// Bytes in the answer.
        got: u8,
    },
    /// The checksum is wrong.
    #[error("the checksum is wrong; look at cable, termination, and whether two devices share an address")]
    Crc,
    /// Bytes came, and no frame was among them.
    #[error("{0} bytes that are no frame; look at baud rate and parity")]
    Garbage(usize),
    /// Another master asks on the same bus: its answers cannot be told from ours.
    #[error("another master is asking on this bus; Modbus RTU allows one")]
    SecondMaster,
}

/// Byte pairs to registers. Gives `false`, with nothing written, if the lengths do not match.
pub fn registers_from(data: &[u8], registers: &mut [u16]) -> bool {
    let (pairs, rest) = data.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() != registers.len() {
        return false;
    }
    for (register, pair) in registers.iter_mut().zip(pairs) {
        *register = u16::from_be_bytes(*pair);
    }
    true
}

/// Looks at what stands behind the unit in a frame whose end is known.
fn answer(body: &[u8], used: usize, request: ReadRequest) -> Result<Parsed<'_>, FrameError> {
    let wanted = request.table.function();
    match *body {
        [function, code] if function == wanted | EXCEPTION => Ok(Parsed::Exception { used, code }),
        [function, bytes, ref data @ ..] if function == wanted => {
            let expected = request.byte_count();
            if bytes != expected || data.len() != usize::from(expected) {
                return Err(FrameError::ByteCount { wanted: expected, got: bytes });
            }
            Ok(Parsed::Registers { used, data })
        }
        [function, ..] => Err(FrameError::Function { wanted, got: function }),
        [] => Err(FrameError::Length(0)),
    }
}
