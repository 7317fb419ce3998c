//! Modbus RTU: unit, body, checksum; a frame's end is known only by its length and the silence behind it.

use super::{EXCEPTION, FrameError, Parsed, ReadRequest, crc};

/// Unit, function and byte count before the registers.
const HEADER: usize = 3;

/// Bytes of the checksum.
const SUM: usize = 2;

/// Unit, function, code and checksum.
const EXCEPTION_SIZE: usize = 5;

/// A read request as it is sent.
pub fn encode_request(request: ReadRequest) -> [u8; 8] {
    let [function, a, b, c, d] = request.pdu();
    let [low, high] = crc::crc16(&[request.unit, function, a, b, c, d]).to_le_bytes();
    [request.unit, function, a, b, c, d, low, high]
}

/// Bytes of the answer to `request`, if it is not an exception.
pub fn reply_size(request: ReadRequest) -> usize {
    HEADER + usize::from(request.byte_count()) + SUM
}

/// Looks for the answer to `request` among `bytes`, behind noise and behind the echo of the request.
///
/// A frame counts only with the right unit, function, byte count and checksum together: noise passes for one in fewer
/// than 1 of 10^12 places.
///
/// # Errors
///
/// - [`FrameError::SecondMaster`] if another master's request stands before it: then the answer may be to that one.
pub fn find_reply(bytes: &[u8], request: ReadRequest) -> Result<Parsed<'_>, FrameError> {
    for start in 0..bytes.len() {
        let parsed = parse_at(bytes, start, request);
        if parsed != Parsed::Incomplete {
            return if has_foreign_request(&bytes[..start], request) {
                Err(FrameError::SecondMaster)
            } else {
                Ok(parsed)
            };
        }
    }
    Ok(Parsed::Incomplete)
}

/// The answer that begins at `start`, if a whole one does.
fn parse_at(bytes: &[u8], start: usize, request: ReadRequest) -> Parsed<'_> {
    let front = &bytes[start..];
    let function = request.table.function();
    let &[unit, got, third, ..] = front else { return Parsed::Incomplete };
    if unit != request.unit {
        return Parsed::Incomplete;
    }
    let size = if got == function && third == request.byte_count() {
        reply_size(request)
    } else if got == function | EXCEPTION {
        EXCEPTION_SIZE
    } else {
        return Parsed::Incomplete;
    };
    let Some(frame) = front.get(..size).filter(|frame| crc::holds(frame)) else { return Parsed::Incomplete };
    let used = start + size;
    if got == function {
        Parsed::Registers { used, data: &frame[HEADER..size - SUM] }
    } else {
        Parsed::Exception { used, code: third }
    }
}

/// Whether a whole read request other than `own` is among `bytes`: another master's.
pub fn has_foreign_request(bytes: &[u8], own: ReadRequest) -> bool {
    let own = encode_request(own);
    bytes.windows(own.len()).any(|frame| matches!(frame[1], 1..=4) && frame != own && crc::holds(frame))
}

/// Why there is no answer to `request` among `bytes`, as far as can be told.
pub fn diagnose(bytes: &[u8], request: ReadRequest) -> FrameError {
    if has_foreign_request(bytes, request) {
        return FrameError::SecondMaster;
    }
    let echo = encode_request(request);
    let bytes = bytes.strip_prefix(&echo).unwrap_or(bytes);
    let function = request.table.function();
    let whole = |size: usize| bytes.get(..size).is_some_and(crc::holds);
    match *bytes {
        [unit, got, third, ..] if got == function && whole(HEADER + usize::from(third) + SUM) => {
            if unit == request.unit {
                FrameError::ByteCount { wanted: request.byte_count(), got: third }
            } else {
                FrameError::Unit { wanted: request.unit, got: unit }
            }
        }
        [unit, got, ..] if got & EXCEPTION != 0 && whole(EXCEPTION_SIZE) => {
            if unit == request.unit {
                FrameError::Function { wanted: function, got: got & !EXCEPTION }
            } else {
                FrameError::Unit { wanted: request.unit, got: unit }
            }
        }
        [unit, got, third, ..]
            if unit == request.unit && got == function && third != request.byte_count() =>
        {
            FrameError::ByteCount { wanted: request.byte_count(), got: third }
        }
        [unit, got, ..] if unit == request.unit && got == function && bytes.len() >= reply_size(request) => {
            FrameError::Crc
        }
        _ => FrameError::Garbage(bytes.len()),
    }
}
