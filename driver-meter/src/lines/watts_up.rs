//! Frames of the Watts up? PRO: `#d,-,18,W,V,A,Wh,…;`.
//!
//! Fields, their order and their units are those of the maker's *Watts up? PRO communications protocol* of
//! 2009-08-24; a field that the meter was not told to log is `_`.

use std::fmt::Write;

/// Command that makes the meter send a frame a second.
pub const START: &[u8] = b"#L,W,3,E,,1;";
/// Command that asks for the version of the meter.
pub const VERSION: &[u8] = b"#V,3;";
/// Command that ends what [`START`] began.
pub const STOP: &[u8] = b"#L,W,0;";

/// Fields of a data frame.
const FIELDS: usize = 18;

/// A data frame; `None` is a field that the meter does not log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    /// Active power in tenths of a watt.
    pub power_dw: Option<u32>,
    /// Voltage in tenths of a volt.
    pub voltage_dv: Option<u32>,
    /// Current in milliamperes.
    pub current_ma: Option<u32>,
    /// Energy since the meter was cleared, in tenths of a watt-hour.
    pub energy_dwh: Option<u32>,
    /// Power factor in per cent.
    pub power_factor_percent: Option<u32>,
    /// Frequency in tenths of a hertz.
    pub frequency_dhz: Option<u32>,
    /// Apparent power in tenths of a volt-ampere.
    pub apparent_dva: Option<u32>,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// Data.
    Data(Frame),
    /// The version of the meter, as it says it.
    Version(&'a str),
    /// An answer to another command.
    Other,
    /// No frame of this protocol.
    Nonsense,
}

/// Reads a frame, without the `;` that ends it. Takes any bytes; what stands before the last `#` is passed over.
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some(hash) = bytes.iter().rposition(|byte| *byte == b'#') else { return Parsed::Nonsense };
    let Ok(text) = str::from_utf8(&bytes[hash + 1..]) else { return Parsed::Nonsense };
    let mut words = text.split(',');
    match words.next() {
        Some("d") => data(text).map_or(Parsed::Nonsense, Parsed::Data),
        Some("v") => Parsed::Version(text),
        Some(name) if name.len() == 1 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) => Parsed::Other,
        _ => Parsed::Nonsense,
    }
}

fn data(text: &str) -> Option<Frame> {
    let mut words = text.split(',').skip(2);
    // A frame that is cut short has fewer fields than it says.
    (words.next()?.trim().parse::<usize>().ok()? == FIELDS).then_some(())?;
    let mut fields = [None; FIELDS];
    for field in &mut fields {
        let word = words.next()?.trim();
        *field = if word == "_" { None } else { Some(word.parse::<u32>().ok()?) };
    }
    words.next().is_none().then_some(Frame {
        power_dw: fields[0],
        voltage_dv: fields[1],
        current_ma: fields[2],
        energy_dwh: fields[3],
        power_factor_percent: fields[13],
        frequency_dhz: fields[16],
        apparent_dva: fields[17],
    })
}

/// Writes a frame as the meter sends it, for a simulated one.
///
/// ```
/// use driver_meter::lines::watts_up::{Frame, Parsed, encode, parse};
/// let frame = Frame { power_dw: Some(4_213), voltage_dv: Some(2_301), ..Frame::default() };
/// let text = encode(&frame);
/// assert_eq!(text.trim_end(), "#d,-,18,4213,2301,_,_,_,_,_,_,_,_,_,_,_,_,_,_,_,_;");
/// assert_eq!(parse(text.trim_end().trim_end_matches(';').as_bytes()), Parsed::Data(frame));
/// ```
pub fn encode(frame: &Frame) -> String {
    let mut fields = [None; FIELDS];
    (fields[0], fields[1], fields[2], fields[3]) =
        (frame.power_dw, frame.voltage_dv, frame.current_ma, frame.energy_dwh);
    (fields[13], fields[16], fields[17]) =
        (frame.power_factor_percent, frame.frequency_dhz, frame.apparent_dva);
    let mut text = format!("#d,-,{FIELDS}");
    for field in fields {
        // Writing into a string cannot fail.
        let _ = match field {
            Some(number) => write!(text, ",{number}"),
            None => write!(text, ",_"),
        };
    }
    text.push_str(";\r\n");
    text
}
