//! Packets of the `ChargerLAB` POWER-Z KM003C.
//!
//! The maker's description is not public; this is what `okhsunrog/km003c-protocol-research` and
//! `fqueze/usb-power-profiling` found out: a header of four bytes, and in an answer for each part of it a header of
//! four bytes and a payload.

/// Longest packet that is believed.
pub const PACKET_BYTES: usize = 1024;

const GET_DATA: u8 = 0x0c;
const PUT_DATA: u8 = 0x41;
const REJECT: u8 = 0x06;
/// Attribute of the converter's values.
const ADC: u16 = 1;
/// Bytes of these values.
const ADC_BYTES: usize = 44;

/// The converter's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Adc {
    /// Voltage in microvolts.
    pub voltage_uv: i32,
    /// Current in microamperes; negative towards the female connector.
    pub current_ua: i32,
    /// Temperature in steps of 1/128 degree Celsius.
    pub temperature: i16,
}

impl Adc {
    /// Voltage in volts.
    pub fn volts(&self) -> f64 {
        f64::from(self.voltage_uv) * 1e-6
    }

    /// Current in amperes.
    pub fn amperes(&self) -> f64 {
        f64::from(self.current_ua) * 1e-6
    }

    /// Temperature in degrees Celsius.
    pub fn celsius(&self) -> f64 {
        f64::from(self.temperature) / 128.0
    }
}

/// The request for the converter's values; `id` is repeated in the answer.
pub const fn request(id: u8) -> [u8; 4] {
    // The attribute stands in the upper 15 bits of the second half.
    [GET_DATA, id, 2, 0]
}

/// The id of a request for the converter's values, for a simulated meter.
pub fn parse_request(bytes: &[u8]) -> Option<u8> {
    let id = *bytes.get(1)?;
    (bytes == request(id)).then_some(id)
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The converter's values.
    Adc {
        /// Id of the request.
        id: u8,
        /// The values.
        adc: Adc,
    },
    /// The meter refuses.
    Rejected {
        /// Id of the request.
        id: u8,
    },
    /// Something else, with the id of its request.
    Other {
        /// Id of the request.
        id: u8,
    },
}

impl Answer {
    /// Id of the request that it answers.
    pub const fn id(self) -> u8 {
        match self {
            Self::Adc { id, .. } | Self::Rejected { id } | Self::Other { id } => id,
        }
    }
}

/// Reads an answer; `None` for what is none, or is cut short. Takes any bytes.
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let &[kind, id, ..] = bytes.get(..4)? else { return None };
    match kind & 0x7f {
        REJECT => return Some(Answer::Rejected { id }),
        PUT_DATA => {}
        _ => return Some(Answer::Other { id }),
    }
    let mut rest = &bytes[4..];
    while let Some((header, payload)) = rest.split_first_chunk::<4>() {
        let header = u32::from_le_bytes(*header);
        let [low, high, ..] = header.to_le_bytes();
        let attribute = u16::from_le_bytes([low, high]) & 0x7fff;
        let size = usize::try_from(header >> 22).ok()?;
        let part = payload.get(..size)?;
        if attribute == ADC {
            let part: &[u8; ADC_BYTES] = part.try_into().ok()?;
            let long = |at: usize| i32::from_le_bytes([part[at], part[at + 1], part[at + 2], part[at + 3]]);
            let adc = Adc {
                voltage_uv: long(0),
                current_ua: long(4),
                temperature: i16::from_le_bytes([part[24], part[25]]),
            };
            return Some(Answer::Adc { id, adc });
        }
        // Bit 15 says whether another part follows.
        if header & 0x8000 == 0 {
            break;
        }
        rest = &payload[size..];
    }
    Some(Answer::Other { id })
}

/// Writes an answer as the meter sends it, for a simulated one.
pub fn encode(id: u8, adc: &Adc) -> [u8; 8 + ADC_BYTES] {
    let mut bytes = [0; 8 + ADC_BYTES];
    (bytes[0], bytes[1]) = (PUT_DATA, id);
    // Words in the packet less three, in the upper ten bits; seen in recordings.
    bytes[2..4].copy_from_slice(&(10_u16 << 6).to_le_bytes());
    let header = u32::from(ADC) | 44 << 22;
    bytes[4..8].copy_from_slice(&header.to_le_bytes());
    bytes[8..12].copy_from_slice(&adc.voltage_uv.to_le_bytes());
    bytes[12..16].copy_from_slice(&adc.current_ua.to_le_bytes());
    bytes[32..34].copy_from_slice(&adc.temperature.to_le_bytes());
    bytes
}
