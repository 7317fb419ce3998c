//! What the power fields mean on which GPU: the maker's words, and measurements where they contradict them.
//!
//! Maker: `nvidia-smi --help-query-gpu` of driver 580 ("On Ampere or newer devices, returns average power draw over 1
//! sec. On older devices, returns instantaneous power draw") and the NVML reference on `nvmlDeviceGetPowerUsage`,
//! which excepts GA100. Measured: Yang, Adamek, Armour, "Part-time Power Measurements: nvidia-smi's Lack of
//! Attention" (SC24), with an external meter, 70 GPUs of 12 architectures, drivers 470 to 535.

use std::time::Duration;

use power_core::Averaging;

use crate::protocol::Field;

const SECOND: Duration = Duration::from_secs(1);

/// A generation of GPUs as far as its power sensor goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Architecture {
    Kepler,
    Maxwell,
    Pascal,
    Volta,
    Turing,
    /// A100 and its like: Ampere, but not by its sensor.
    Ga100,
    Ampere,
    Ada,
    Hopper,
    /// Blackwell and later: the maker's words are all there is.
    Later,
}

/// What tells how a GPU's power fields are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    architecture: Option<Architecture>,
    branch: Option<u32>,
}

impl Platform {
    /// From CUDA's compute capability, such as `9.0`, and the driver's version, such as `580.159.04`.
    pub(crate) fn new(compute_capability: Option<&str>, driver_version: Option<&str>) -> Self {
        let major = |text: &str| text.split('.').next()?.parse().ok();
        Self {
            architecture: compute_capability.and_then(architecture),
            branch: driver_version.and_then(major),
        }
    }

    /// What one publication of a field covers, and whose word that is.
    pub(crate) fn averaging(self, field: Field) -> (Averaging, &'static str) {
        use Architecture::{Ada, Ampere, Ga100, Hopper, Kepler, Later, Maxwell, Pascal, Turing, Volta};
        const FILTERED: (Averaging, &str) =
            (Averaging::Unknown, "measured: a first-order filter, not the maker's instantaneous value");
        let Some(architecture) = self.architecture else {
            return (Averaging::Unknown, "this nvidia-smi does not tell the architecture");
        };
        match (field, architecture) {
            (Field::PowerDraw | Field::PowerInstant, Kepler | Maxwell) => FILTERED,
            (Field::PowerDraw | Field::PowerInstant, Pascal | Volta | Ga100) => {
                (Averaging::Instantaneous, "the maker's word")
            }
            (Field::PowerDraw | Field::PowerInstant, Turing) => {
                (Averaging::Unknown, "the maker says instantaneous; measured: 20 to 100 ms by board")
            }
            (Field::PowerDraw, Ampere | Ada | Hopper | Later) => match self.branch {
                Some(530) => (Averaging::Unknown, "driver 530 shows another value than its neighbours"),
                Some(_) => (Averaging::Over(SECOND), "the maker's word"),
                None => (Averaging::Unknown, "this nvidia-smi does not tell its driver's version"),
            },
            (Field::PowerAverage, Ampere | Ada | Hopper | Later) => {
                (Averaging::Over(SECOND), "the maker's word for power.draw, of which this is the same value")
            }
            (Field::PowerInstant, Ampere | Ada) => {
                (Averaging::Unknown, "the maker says instant; measured: an average over 100 ms")
            }
            (Field::PowerInstant, Hopper | Later) => (Averaging::Instantaneous, "the maker's word"),
            _ => (Averaging::Unknown, "the maker does not say"),
        }
    }

    /// Nominal update period of the board's power sensor, as measured; `None` where nobody has.
    pub(crate) fn update_period(self, field: Field) -> Option<Duration> {
        use Architecture::{Ada, Ampere, Ga100, Hopper, Kepler, Later, Maxwell, Pascal, Turing, Volta};
        if !matches!(field, Field::PowerDraw | Field::PowerAverage | Field::PowerInstant) {
            return None;
        }
        match self.architecture? {
            Pascal | Volta => Some(Duration::from_millis(20)),
            Turing | Ga100 | Ampere | Ada | Hopper => Some(Duration::from_millis(100)),
            // By board: 15 ms on a K40m, 31 on an M40, 100 on others.
            Kepler | Maxwell | Later => None,
        }
    }
}

fn architecture(capability: &str) -> Option<Architecture> {
    let (major, minor) = capability.trim().split_once('.')?;
    Some(match (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?) {
        (3, _) => Architecture::Kepler,
        (5, _) => Architecture::Maxwell,
        (6, _) => Architecture::Pascal,
        (7, 0..=2) => Architecture::Volta,
        (7, _) => Architecture::Turing,
        (8, 0) => Architecture::Ga100,
        (8, 9) => Architecture::Ada,
        (8, _) => Architecture::Ampere,
        (9, _) => Architecture::Hopper,
        (10.., _) => Architecture::Later,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_draw_is_called_an_average_only_where_somebody_says_so() {
        let averaging = |capability, driver, field| Platform::new(capability, driver).averaging(field).0;
        for (capability, driver, expected) in [
            (Some("9.0"), Some("580.159.04"), Averaging::Over(SECOND)),
            (Some("8.6"), Some("525.125.06"), Averaging::Over(SECOND)),
            (Some("8.6"), Some("530.30.02"), Averaging::Unknown),
            (Some("8.0"), Some("530.30.02"), Averaging::Instantaneous),
            (Some("7.5"), Some("580.159.04"), Averaging::Unknown),
            (Some("7.0"), Some("470.42.01"), Averaging::Instantaneous),
            (Some("3.7"), Some("470.42.01"), Averaging::Unknown),
            (Some("9.0"), None, Averaging::Unknown),
            (None, Some("470.42.01"), Averaging::Unknown),
            (Some("[N/A]"), Some("580.159.04"), Averaging::Unknown),
        ] {
            assert_eq!(
                averaging(capability, driver, Field::PowerDraw),
                expected,
                "{capability:?} {driver:?}"
            );
        }
        assert_eq!(averaging(Some("9.0"), Some("530.30.02"), Field::PowerDraw), Averaging::Unknown);
        assert_eq!(averaging(Some("8.9"), Some("580.1"), Field::PowerInstant), Averaging::Unknown);
        assert_eq!(averaging(Some("9.0"), Some("580.1"), Field::PowerInstant), Averaging::Instantaneous);
        assert_eq!(averaging(Some("9.0"), Some("580.1"), Field::ModulePowerAverage), Averaging::Unknown);
    }
    /// What was measured: capability, driver, field, update period and window in ms; 0 for a first-order filter.
    const MEASURED: &[(&str, &str, Field, u64, u64)] = &[
        ("9.0", "525.116", Field::PowerDraw, 100, 1_000),
        ("9.0", "580.159.04", Field::PowerDraw, 100, 1_000),
        ("9.0", "580.159.04", Field::PowerAverage, 100, 1_000),
        ("9.0", "580.159.04", Field::PowerInstant, 100, 25),
        ("8.9", "525.116", Field::PowerDraw, 100, 1_000),
        ("8.9", "530.30", Field::PowerDraw, 100, 100),
        ("8.9", "535.104", Field::PowerDraw, 100, 1_000),
        ("8.9", "535.104", Field::PowerAverage, 100, 1_000),
        ("8.9", "535.104", Field::PowerInstant, 100, 100),
        ("8.6", "515.65", Field::PowerDraw, 100, 1_000),
        ("8.6", "530.30", Field::PowerDraw, 100, 100),
        ("8.6", "535.104", Field::PowerDraw, 100, 1_000),
        ("8.6", "535.104", Field::PowerAverage, 100, 1_000),
        ("8.6", "535.104", Field::PowerInstant, 100, 100),
        ("8.0", "525.116", Field::PowerDraw, 100, 25),
        ("8.0", "530.30", Field::PowerDraw, 100, 25),
        ("8.0", "535.104", Field::PowerDraw, 100, 25),
        ("8.0", "535.104", Field::PowerInstant, 100, 25),
        ("7.5", "525.116", Field::PowerDraw, 100, 100),
        ("7.5", "535.104", Field::PowerInstant, 100, 100),
        ("7.0", "525.116", Field::PowerDraw, 20, 10),
        ("6.0", "535.104", Field::PowerDraw, 20, 10),
        ("6.1", "470.42.01", Field::PowerDraw, 20, 10),
        ("5.2", "535.104", Field::PowerDraw, 101, 0),
        ("5.2", "535.104", Field::PowerDraw, 31, 15),
        ("3.7", "470.42.01", Field::PowerDraw, 100, 0),
        ("3.5", "470.42.01", Field::PowerDraw, 15, 0),
    ];

    #[test]
    fn nothing_is_said_that_a_measurement_contradicts() {
        for (capability, driver, field, period_ms, window_ms) in MEASURED {
            let platform = Platform::new(Some(capability), Some(driver));
            let case = format!("{capability} {driver} {}", field.name());
            match platform.averaging(*field).0 {
                Averaging::Over(window) => assert_eq!(window, Duration::from_millis(*window_ms), "{case}"),
                // Half of the time at most is looked at.
                Averaging::Instantaneous => assert!((1..=period_ms / 2).contains(window_ms), "{case}"),
                Averaging::Unknown => assert!(*window_ms == 0 || window_ms * 2 >= *period_ms - 1, "{case}"),
            }
            if let Some(period) = platform.update_period(*field) {
                assert_eq!(period, Duration::from_millis(*period_ms), "{case}");
            }
        }
    }
}
