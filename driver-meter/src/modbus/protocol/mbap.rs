//! Modbus TCP: a header of seven bytes (transaction, protocol, length, unit), no checksum.

use super::{FrameError, Parsed, ReadRequest, answer};

/// Bytes before the part that the length field counts.
const BEFORE_LENGTH: usize = 6;

/// Length field of the shortest answer: unit, function, exception code.
const SHORTEST: u16 = 3;

/// Length field of the longest frame: unit and 253 bytes (*Application Protocol* §4.1).
const LONGEST: u16 = 254;

/// A read request as it is sent.
pub fn encode_request(transaction: u16, request: ReadRequest) -> [u8; 12] {
    let [high, low] = transaction.to_be_bytes();
    let [function, rest @ ..] = request.pdu();
    let [a, b, c, d] = rest;
    [high, low, 0, 0, 0, 6, request.unit, function, a, b, c, d]
}

/// Transaction, unit with body, and size of a frame.
type Frame<'a> = (u16, &'a [u8], usize);

/// The frame at the front of `bytes`, once a whole one has come.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, FrameError> {
    let &[t1, t2, p1, p2, l1, l2, ref rest @ ..] = bytes else { return Ok(None) };
    let protocol = u16::from_be_bytes([p1, p2]);
    if protocol != 0 {
        return Err(FrameError::ProtocolId(protocol));
    }
    let length = u16::from_be_bytes([l1, l2]);
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(FrameError::Length(length));
    }
    let size = usize::from(length);
    Ok(rest.get(..size).map(|body| (u16::from_be_bytes([t1, t2]), body, BEFORE_LENGTH + size)))
}

/// Looks for the answer to `request`, sent as `transaction`, at the front of `bytes`.
///
/// A frame of another transaction is stale, whatever is in it.
///
/// # Errors
///
/// - [`FrameError`] if the bytes are not Modbus TCP, or the transaction's frame is not its answer. The stream is out
///   of step then, and has to be opened anew.
pub fn parse_reply(bytes: &[u8], transaction: u16, request: ReadRequest) -> Result<Parsed<'_>, FrameError> {
    let Some((got, body, used)) = frame(bytes)? else { return Ok(Parsed::Incomplete) };
    if got != transaction {
        return Ok(Parsed::Stale { used });
    }
    let Some((&unit, body)) = body.split_first() else { return Err(FrameError::Length(0)) };
    if unit != request.unit {
        return Err(FrameError::Unit { wanted: request.unit, got: unit });
    }
    answer(body, used, request)
}
