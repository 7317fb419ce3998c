//! Status 8 of devices with Tasmota firmware: the sensors' values.

use serde::Deserialize;

/// The options of a Tasmota device with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[];

/// The path of the sensors' values.
pub const PATH: &str = "/cm?cmnd=Status%208";

/// The values of the energy sensor; a device of several phases gives lists, which are not read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
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

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "StatusSNS")]
    sensors: Sensors,
}

#[derive(Deserialize)]
struct Sensors {
    #[serde(rename = "ENERGY")]
    energy: Energy,
}

/// Reads an answer. Takes any bytes; `None` if it has no energy sensor, or one of several phases.
pub fn parse(json: &[u8]) -> Option<Energy> {
    Some(serde_json::from_slice::<Answer>(json).ok()?.sensors.energy)
}
