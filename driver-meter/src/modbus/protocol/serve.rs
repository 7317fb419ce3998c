//! The device's side: requests taken apart, answers put together.

use super::{EXCEPTION, FrameError, MOST_REGISTERS, ReadRequest, Table, crc, mbap};

/// Exception code of a function that the device does not have (*Application Protocol* §7).
pub const ILLEGAL_FUNCTION: u8 = 1;
/// Exception code of registers that the device does not have.
pub const ILLEGAL_DATA_ADDRESS: u8 = 2;
/// Exception code of a value that is not allowed, such as too many registers.
pub const ILLEGAL_DATA_VALUE: u8 = 3;

/// How frames are delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// Header with transaction and length, as on TCP.
    Mbap,
    /// Checksum and silence, as on serial lines, and over TCP through simple gateways.
    Rtu,
}

/// A request that a device received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Not a whole frame yet.
    Incomplete,
    /// Registers are asked for.
    Read {
        /// Bytes of the frame.
        used: usize,
        /// Transaction to answer, 0 in RTU.
        transaction: u16,
        /// What is asked for.
        request: ReadRequest,
    },
    /// Something that has to be refused with an exception.
    Refuse {
        /// Bytes of the frame.
        used: usize,
        /// Transaction to answer, 0 in RTU.
        transaction: u16,
        /// The unit that was asked.
        unit: u8,
        /// The function that was asked for.
        function: u8,
        /// The exception to answer.
        code: u8,
    },
}

/// Takes the request at the front of `bytes` apart.
///
/// # Errors
///
/// - [`FrameError`] if the bytes are not of this framing. On a serial line they are to be dropped up to the next
///   silence; a connection is to be closed.
pub fn parse_request(framing: Framing, bytes: &[u8]) -> Result<Asked, FrameError> {
    let (transaction, body, used) = match framing {
        Framing::Mbap => match mbap::frame(bytes)? {
            Some(frame) => frame,
            None => return Ok(Asked::Incomplete),
        },
        Framing::Rtu => {
            // All read requests have this size; of other functions a device without them cannot know the end.
            let Some(frame) = bytes.get(..8) else { return Ok(Asked::Incomplete) };
            if !crc::holds(frame) {
                return Err(FrameError::Crc);
            }
            (0, &frame[..6], 8)
        }
    };
    let &[unit, function, ref rest @ ..] = body else { return Err(FrameError::Length(0)) };
    let refuse = |code| Asked::Refuse { used, transaction, unit, function, code };
    let Some(table) = Table::from_function(function) else { return Ok(refuse(ILLEGAL_FUNCTION)) };
    let &[a, b, c, d] = rest else { return Ok(refuse(ILLEGAL_DATA_VALUE)) };
    let (address, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    Ok(match ReadRequest::new(unit, table, address, count) {
        Ok(request) => Asked::Read { used, transaction, request },
        Err(_) if count == 0 || count > MOST_REGISTERS => refuse(ILLEGAL_DATA_VALUE),
        Err(_) => refuse(ILLEGAL_DATA_ADDRESS),
    })
}

/// The answer to a read, appended to `out`: `registers` in order, 125 at most, further ones are left out.
pub fn encode_reply(
    framing: Framing,
    transaction: u16,
    unit: u8,
    table: Table,
    registers: &[u16],
    out: &mut Vec<u8>,
) {
    let registers = &registers[..registers.len().min(usize::from(MOST_REGISTERS))];
    // At most 250 by the line above.
    let bytes = u8::try_from(registers.len() * 2).unwrap_or(u8::MAX);
    frame(framing, transaction, out, |out| {
        out.extend([unit, table.function(), bytes]);
        out.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    });
}

/// A refusal, appended to `out`.
pub fn encode_exception(
    framing: Framing,
    transaction: u16,
    unit: u8,
    function: u8,
    code: u8,
    out: &mut Vec<u8>,
) {
    frame(framing, transaction, out, |out| out.extend([unit, function | EXCEPTION, code]));
}

/// Puts header or checksum around a body.
fn frame(framing: Framing, transaction: u16, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    match framing {
        Framing::Mbap => {
            out.extend(transaction.to_be_bytes());
            out.extend([0; 4]);
            body(out);
            let length = u16::try_from(out.len() - start - 6).unwrap_or(u16::MAX);
            out[start + 4..start + 6].copy_from_slice(&length.to_be_bytes());
        }
        Framing::Rtu => {
            body(out);
            out.extend(crc::crc16(&out[start..]).to_le_bytes());
        }
    }
}
