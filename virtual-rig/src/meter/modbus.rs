//! Modbus over TCP and RTU, the server's side: reading of input and holding registers.
//!
//! After "MODBUS Application Protocol Specification V1.1b3" and "MODBUS over Serial Line V1.02".

use std::time::Duration;

use super::registers::{Refusal, Registers};
use super::wire::{Over, Wire};

/// The one unit that answers.
const UNIT: u8 = 1;

/// After so long a silence what came of a frame is thrown away.
const PAUSE: Duration = Duration::from_millis(30);

/// Exception of a gateway whose unit does not answer.
const NO_RESPONSE: u8 = 0x0B;

/// Serves one TCP client until it is gone.
pub(super) fn serve_tcp(wire: &mut Wire<'_>) -> Result<(), Over> {
    loop {
        let request = wire.frame(Duration::from_secs(1), take_tcp)?;
        let Some((transaction, unit, pdu)) = request else { return Err(Over) };
        let reply = if unit == UNIT { answer(wire, &pdu) } else { exception(&pdu, NO_RESPONSE) };
        let length = u16::try_from(reply.len() + 1).unwrap_or(u16::MAX);
        let mut frame = transaction.to_vec();
        frame.extend([0, 0]);
        frame.extend(length.to_be_bytes());
        frame.push(unit);
        frame.extend(reply);
        // TCP has no checksum of Modbus: a corrupt frame is one of another protocol.
        wire.reply(&frame, 2)?;
    }
}

/// Serves the devices of a serial line until it is gone.
pub(super) fn serve_rtu(wire: &mut Wire<'_>) -> Result<(), Over> {
    loop {
        let Some((unit, pdu)) = wire.frame(PAUSE, take_rtu)? else { continue };
        // A device is silent to what is not for it, as all are to a broadcast.
        if unit != UNIT {
            continue;
        }
        let mut frame = vec![unit];
        frame.extend(answer(wire, &pdu));
        frame.extend(crc(&frame).to_le_bytes());
        let middle = frame.len() / 2;
        wire.reply(&frame, middle)?;
    }
}

/// A TCP frame: transaction, unit and request; none if it is no Modbus, after which nothing can be told apart.
type TcpRequest = Option<([u8; 2], u8, Vec<u8>)>;

fn take_tcp(bytes: &[u8]) -> Option<(usize, TcpRequest)> {
    let header = bytes.get(..7)?;
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if header[2..4] != [0, 0] || !(2..=254).contains(&length) {
        return Some((bytes.len(), None));
    }
    let frame = bytes.get(7..6 + length)?;
    Some((6 + length, Some(([header[0], header[1]], header[6], frame.to_vec()))))
}

/// An RTU frame: unit and request; none if its checksum is wrong.
type RtuRequest = Option<(u8, Vec<u8>)>;

/// Every request that is answered has 8 bytes.
fn take_rtu(bytes: &[u8]) -> Option<(usize, RtuRequest)> {
    let function = *bytes.get(1)?;
    let length = if matches!(function, 15 | 16) { 9 + usize::from(*bytes.get(6)?) } else { 8 };
    let frame = bytes.get(..length)?;
    let (body, sum) = frame.split_at(length - 2);
    if crc(body).to_le_bytes() != sum {
        return Some((bytes.len(), None));
    }
    Some((length, Some((body[0], body[1..].to_vec()))))
}

/// The reply to a request.
fn answer(wire: &Wire<'_>, pdu: &[u8]) -> Vec<u8> {
    let faults = wire.meter.faults();
    if let Some(code) = faults.exception() {
        return exception(pdu, u8::try_from(code).unwrap_or(u8::MAX));
    }
    let &[function @ (3 | 4), a, b, c, d] = pdu else {
        return exception(pdu, Refusal::Function.code());
    };
    let (address, count) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let registers = Registers::of(wire.meter);
    match registers.read(function, address, count) {
        Ok(values) => {
            let mut reply = vec![function, u8::try_from(2 * values.len()).unwrap_or(u8::MAX)];
            reply.extend(values.into_iter().flat_map(u16::to_be_bytes));
            reply
        }
        Err(refusal) => exception(pdu, refusal.code()),
    }
}

fn exception(pdu: &[u8], code: u8) -> Vec<u8> {
    vec![pdu.first().copied().unwrap_or(0) | 0x80, code]
}

/// The checksum of RTU frames: CRC-16 with polynomial 0xA001 (reflected 0x8005) from 0xFFFF.
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |sum, byte| {
        (0..8)
            .fold(sum ^ u16::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xA001 } else { sum >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_specification() {
        // "MODBUS over Serial Line V1.02", appendix B: 02 07 has the checksum 0x1241, low byte first 41 12.
        assert_eq!(crc(&[0x02, 0x07]), 0x1241);
    }

    #[test]
    fn frames_are_taken_whole() {
        let request = [0, 9, 0, 0, 0, 6, 1, 4, 0, 0x34, 0, 2, 0xAA];
        assert_eq!(take_tcp(&request[..11]), None);
        let (length, taken) = take_tcp(&request).unwrap();
        assert_eq!((length, taken), (12, Some(([0, 9], 1, vec![4, 0, 0x34, 0, 2]))));
        assert_eq!(take_tcp(&[1, 1, 9, 9, 0, 6, 1]), Some((7, None)));
        let mut serial = vec![1, 4, 0, 0x34, 0, 2];
        serial.extend(crc(&serial).to_le_bytes());
        assert_eq!(take_rtu(&serial), Some((8, Some((1, vec![4, 0, 0x34, 0, 2])))));
        serial[3] = 0x35;
        assert_eq!(take_rtu(&serial), Some((8, None)));
    }
}
