//! The configuration that a `PowerSensor3` keeps in its EEPROM: what is connected to each sensor.

/// Sensors of a device; they form pairs of a current and a voltage sensor.
pub const SENSORS: usize = 8;
/// Pairs.
pub const PAIRS: usize = SENSORS / 2;
/// Bytes of one sensor's configuration.
pub const SENSOR_BYTES: usize = 41;
/// Volts at the highest level of the converter.
const REFERENCE_VOLTS: f64 = 3.3;

/// One sensor's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// Type of the sensor, such as `MLX91221-20`.
    pub kind: String,
    /// Name of the pair.
    pub pair: String,
    /// Output of the sensor at 0, in volts.
    pub reference_v: f32,
    /// Volts of output for one ampere, or one volt.
    pub sensitivity: f32,
    /// Whether it is connected.
    pub in_use: bool,
}

impl Sensor {
    /// Reads one sensor's configuration. Takes any bytes.
    pub fn parse(bytes: &[u8; SENSOR_BYTES]) -> Self {
        let text = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            // An EEPROM that was never written is full of ones.
            String::from_utf8_lossy(&bytes[..end])
                .chars()
                .filter(|character| !character.is_control())
                .collect()
        };
        let float = |at: usize| f32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            kind: text(&bytes[..16]),
            pair: text(&bytes[16..32]),
            reference_v: float(32),
            sensitivity: float(36),
            in_use: bytes[40] == 1,
        }
    }

    /// Writes the configuration as the device sends it; names longer than 15 bytes are cut.
    pub fn encode(&self) -> [u8; SENSOR_BYTES] {
        let mut bytes = [0; SENSOR_BYTES];
        for (text, at) in [(&self.kind, 0), (&self.pair, 16)] {
            let text = &text.as_bytes()[..text.len().min(15)];
            bytes[at..at + text.len()].copy_from_slice(text);
        }
        bytes[32..36].copy_from_slice(&self.reference_v.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.sensitivity.to_le_bytes());
        bytes[40] = u8::from(self.in_use);
        bytes
    }

    /// What a level means, in amperes or volts.
    pub fn value(&self, level: u16) -> f64 {
        let output = REFERENCE_VOLTS * f64::from(level) / f64::from(super::power_sensor3::MAX_LEVEL);
        (output - f64::from(self.reference_v)) / f64::from(self.sensitivity)
    }

    /// Change of the value from one level to the next.
    pub fn resolution(&self) -> f64 {
        (REFERENCE_VOLTS / f64::from(super::power_sensor3::MAX_LEVEL) / f64::from(self.sensitivity)).abs()
    }

    /// Whether a level is at an end of the converter: the true value may lie beyond.
    pub fn is_clipped(&self, level: u16) -> bool {
        level >= super::power_sensor3::MAX_LEVEL || level == 0 && self.reference_v > 0.0
    }

    /// Whether numbers can be made of its levels.
    pub fn is_usable(&self) -> bool {
        self.reference_v.is_finite() && self.sensitivity.is_finite() && self.sensitivity.abs() > 1e-9
    }
}

/// A pair that is connected.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Its position, 0 to 3: its sensors are 2 n (current) and 2 n + 1 (voltage).
    pub position: usize,
    /// Its name.
    pub name: String,
    /// Its current sensor.
    pub current: Sensor,
    /// Its voltage sensor.
    pub voltage: Sensor,
}

/// The pairs that are connected; those with only one sensor in use give no power and are left out.
///
/// # Errors
///
/// - the position of a pair in use whose calibration is no number
pub fn pairs(sensors: &[Sensor; SENSORS]) -> Result<Vec<Pair>, usize> {
    let (couples, _) = sensors.as_chunks::<2>();
    let mut pairs: Vec<Pair> = Vec::new();
    for (position, [current, voltage]) in couples.iter().enumerate() {
        if !(current.in_use && voltage.in_use) {
            continue;
        }
        if !(current.is_usable() && voltage.is_usable()) {
            return Err(position);
        }
        let taken = pairs.iter().any(|pair| pair.name == current.pair);
        let name =
            if current.pair.is_empty() || taken { format!("pair {position}") } else { current.pair.clone() };
        pairs.push(Pair { position, name, current: current.clone(), voltage: voltage.clone() });
    }
    Ok(pairs)
}
