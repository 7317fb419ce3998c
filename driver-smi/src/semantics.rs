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
            Maxwell | Turing | Ga100 | Ampere | Ada | Hopper => Some(Duration::from_millis(100)),
            Kepler | Later => None,
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
        assert_eq!(averaging(Some("8.9"), Some("580.1"), Field::PowerInstant), Averaging::Unknown);
        assert_eq!(averaging(Some("9.0"), Some("580.1"), Field::PowerInstant), Averaging::Instantaneous);
        assert_eq!(averaging(Some("9.0"), Some("580.1"), Field::ModulePowerAverage), Averaging::Unknown);
    }
}
