//! Packets of the FNIRSI FNB58, FNB48, FNB48S and C1: 64 bytes, four samples each.
//!
//! The maker has published nothing; this is what `baryluk/fnirsi-usb-power-data-logger` and `fqueze/usb-power-profiling`
//! found out: `AA`, a kind, the payload, and a CRC-8 (polynomial 0x39, start 0x42) over all between `AA` and itself.

/// Bytes of a packet.
pub const PACKET_BYTES: usize = 64;
/// Samples in a packet.
pub const SAMPLES: usize = 4;
/// Samples a second.
pub const SAMPLE_HZ: f64 = 100.0;

const MARK: u8 = 0xaa;
/// Kind of a packet with samples.
const DATA: u8 = 0x04;
const SAMPLE_BYTES: usize = 15;

/// A command of the host; each makes one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// First of the two that begin the stream.
    Begin,
    /// Second of the two.
    Go,
    /// Keeps the stream alive; due every second.
    Keep,
}

impl Command {
    /// The packet.
    pub fn encode(self) -> [u8; PACKET_BYTES] {
        let mut packet = [0; PACKET_BYTES];
        packet[0] = MARK;
        packet[1] = match self {
            Self::Begin => 0x81,
            Self::Go => 0x82,
            Self::Keep => 0x83,
        };
        packet[PACKET_BYTES - 1] = crc(&packet[1..PACKET_BYTES - 1]);
        packet
    }

    /// Reads a packet of the host, for a simulated meter.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        [Self::Begin, Self::Go, Self::Keep].into_iter().find(|command| command.encode() == packet)
    }
}

/// One sample, in the meter's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Voltage in steps of 10 µV.
    pub voltage: i32,
    /// Current in steps of 10 µA.
    pub current: i32,
    /// Temperature in tenths of a degree Celsius.
    pub temperature: i16,
}

impl Sample {
    /// Voltage in volts.
    pub fn volts(&self) -> f64 {
        f64::from(self.voltage) * 1e-5
    }

    /// Current in amperes.
    pub fn amperes(&self) -> f64 {
        f64::from(self.current) * 1e-5
    }

    /// Temperature in degrees Celsius.
    pub fn celsius(&self) -> f64 {
        f64::from(self.temperature) * 0.1
    }
}

/// What a packet of the meter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// Four samples, the oldest first.
    Samples([Sample; SAMPLES]),
    /// An answer of another kind.
    Other,
}

/// Reads a packet; `None` if it is too short, does not begin as one, or its checksum is wrong. Takes any bytes.
pub fn parse(packet: &[u8]) -> Option<Packet> {
    let packet: &[u8; PACKET_BYTES] = packet.try_into().ok()?;
    let (body, check) = (&packet[1..PACKET_BYTES - 1], packet[PACKET_BYTES - 1]);
    if packet[0] != MARK || crc(body) != check {
        return None;
    }
    if body[0] != DATA {
        return Some(Packet::Other);
    }
    let samples = std::array::from_fn(|index| {
        let at = 2 + SAMPLE_BYTES * index;
        let long =
            |at: usize| i32::from_le_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        Sample {
            voltage: long(at),
            current: long(at + 4),
            temperature: i16::from_le_bytes([packet[at + 13], packet[at + 14]]),
        }
    });
    Some(Packet::Samples(samples))
}

/// Writes a packet of samples as the meter sends it, for a simulated one.
pub fn encode(samples: &[Sample; SAMPLES]) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    (packet[0], packet[1]) = (MARK, DATA);
    for (sample, place) in samples.iter().zip(packet[2..].chunks_exact_mut(SAMPLE_BYTES)) {
        place[..4].copy_from_slice(&sample.voltage.to_le_bytes());
        place[4..8].copy_from_slice(&sample.current.to_le_bytes());
        place[12] = 1;
        place[13..15].copy_from_slice(&sample.temperature.to_le_bytes());
    }
    packet[PACKET_BYTES - 1] = crc(&packet[1..PACKET_BYTES - 1]);
    packet
}

/// CRC-8 with polynomial 0x39 and start 0x42.
fn crc(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0x42, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc, _| if crc & 0x80 == 0 { crc << 1 } else { crc << 1 ^ 0x39 })
    })
}

#[cfg(test)]
mod tests {
    use super::{Command, PACKET_BYTES};

    #[test]
    fn checksums_are_those_that_the_meter_takes() {
        // The commands that fnirsi_logger.py sends.
        for (command, second, last) in
            [(Command::Begin, 0x81, 0x8e), (Command::Go, 0x82, 0x96), (Command::Keep, 0x83, 0x9e)]
        {
            let packet = command.encode();
            assert_eq!((packet[1], packet[PACKET_BYTES - 1]), (second, last));
        }
    }
}
