//! Status of Shelly devices of the second generation and later, by their RPC over HTTP.
//!
//! `EM.GetStatus` (three phases), `EM1.GetStatus` (one), `Switch.GetStatus` and `PM1.GetStatus` of the Gen2 device API.
//! Energy counters stand in other answers for energy meters (`EMData`, `EM1Data`) and are not asked for.

use serde::Deserialize;

use super::pick::pick;

/// The options of a Shelly with what they mean.
pub const OPTIONS: &[(&str, &str)] = &[
    ("component", "`em`, `em1`, `switch` or `pm1`; without it the first of them that the device has"),
    ("id", "number of the component; 0 without it"),
];

/// What measures in the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// Energy meter of three phases.
    Em,
    /// Energy meter of one phase.
    Em1,
    /// Switch that measures.
    Switch,
    /// Meter without a switch.
    Pm1,
}

impl Component {
    /// All, in the order in which they are looked for.
    pub const ALL: [Self; 4] = [Self::Em, Self::Em1, Self::Switch, Self::Pm1];

    /// Its name in option `component`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Em => "em",
            Self::Em1 => "em1",
            Self::Switch => "switch",
            Self::Pm1 => "pm1",
        }
    }

    /// The path of its status.
    pub fn path(self, id: u8) -> String {
        let method = match self {
            Self::Em => "EM",
            Self::Em1 => "EM1",
            Self::Switch => "Switch",
            Self::Pm1 => "PM1",
        };
        format!("/rpc/{method}.GetStatus?id={id}")
    }
}

/// The path of the device's description.
pub const INFO: &str = "/shelly";

/// The device's description.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Info {
    /// Its name on the network, with its MAC address.
    pub id: String,
    /// Its model.
    pub model: String,
    /// Its firmware.
    pub ver: String,
    /// Generation; absent from the first.
    #[serde(rename = "gen")]
    pub generation: Option<u8>,
}

/// A status of any component: numbers that are absent are `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Status {
    /// Active power of all phases, in watts.
    pub total_act_power: Option<f64>,
    /// Active power of an energy meter of one phase, in watts.
    pub act_power: Option<f64>,
    /// Active power of a switch or meter, in watts.
    pub apower: Option<f64>,
    /// Apparent power of all phases, in volt-amperes.
    pub total_aprt_power: Option<f64>,
    /// Apparent power of one phase, in volt-amperes.
    pub aprt_power: Option<f64>,
    /// Active power of the phases, in watts.
    pub a_act_power: Option<f64>,
    /// The same of the second.
    pub b_act_power: Option<f64>,
    /// The same of the third.
    pub c_act_power: Option<f64>,
    /// Voltage, in volts.
    pub voltage: Option<f64>,
    /// Current, in amperes.
    pub current: Option<f64>,
    /// Power factor.
    pub pf: Option<f64>,
    /// Frequency, in hertz.
    pub freq: Option<f64>,
}

/// Reads a status. Takes any bytes; `None` for what is none.
///
/// ```
/// use driver_meter::http::shelly::parse;
/// let status = parse(br#"{"id":0,"output":true,"apower":31.5,"aenergy":{"total":51.2}}"#).unwrap();
/// assert_eq!((status.apower, status.act_power), (Some(31.5), None));
/// ```
pub fn parse(json: &[u8]) -> Option<Status> {
    const NAMES: [&str; 12] = [
        "total_act_power",
        "act_power",
        "apower",
        "total_aprt_power",
        "aprt_power",
        "a_act_power",
        "b_act_power",
        "c_act_power",
        "voltage",
        "current",
        "pf",
        "freq",
    ];
    let [
        total_act_power,
        act_power,
        apower,
        total_aprt_power,
        aprt_power,
        a_act_power,
        b_act_power,
        c_act_power,
        voltage,
        current,
        pf,
        freq,
    ] = pick(json, &[], &NAMES)?;
    Some(Status {
        total_act_power,
        act_power,
        apower,
        total_aprt_power,
        aprt_power,
        a_act_power,
        b_act_power,
        c_act_power,
        voltage,
        current,
        pf,
        freq,
    })
}
