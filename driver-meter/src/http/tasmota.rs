//! Status 8 of devices with Tasmota firmware: the sensors' values.

use super::pick::pick;

/// The options of a Tasmota device with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[];

/// The path of the sensors' values.
pub const PATH: &str = "/cm?cmnd=Status%208";

/// The values of the energy sensor; a device of several phases gives lists, which are not read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Energy {
    /// Active power, in watts.
    pub power: Option<f64>,
    /// Apparent power, in volt-amperes.
    pub apparent_power: Option<f64>,
    /// Power factor.
    pub factor: Option<f64>,
    /// Voltage, in volts.
    pub voltage: Option<f64>,
    /// Current, in amperes.
    pub current: Option<f64>,
    /// Frequency, in hertz.
    pub frequency: Option<f64>,
}

/// Reads an answer. Takes any bytes; `None` if it has no energy sensor, or one of several phases.
pub fn parse(json: &[u8]) -> Option<Energy> {
    const NAMES: [&str; 6] = ["Power", "ApparentPower", "Factor", "Voltage", "Current", "Frequency"];
    let [power, apparent_power, factor, voltage, current, frequency] =
        pick(json, &["StatusSNS", "ENERGY"], &NAMES)?;
    Some(Energy { power, apparent_power, factor, voltage, current, frequency })
}
