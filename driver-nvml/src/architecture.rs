//! What each power figure means, by architecture and driver: the one table of semantics, with its sources.
//!
//! Sources:
//! - **NVML**: NVML API reference and `nvml.h`, driver 580: `nvmlDeviceGetPowerUsage` ("On Fermi and Kepler GPUs the
//!   reading is accurate to within +/- 5% of current power draw. On Ampere (except GA100) or newer GPUs, the API
//!   returns power averaged over 1 sec interval. On GA100 and older architectures, instantaneous power is
//!   returned"), `NVML_FI_DEV_POWER_AVERAGE` ("averaged over 1 sec interval, supported on Ampere (except GA100) or
//!   newer architectures"), `NVML_FI_DEV_POWER_INSTANT` ("Current GPU power, supported on all architectures").
//! - **YAA**: Yang, Adamek, Armour, "Accurate and Convenient Energy Measurements for GPUs" (SC24), and its data set
//!   `GPU_Power_Benchmark`: update periods measured on over 70 GPUs of drivers 525 to 535.
//! - **H200**: an H200 with driver 580.159.04, polled at 1 kHz for 235 s: power usage, field 186 and energy counter
//!   publish every 100 ms, the sample ring holds 119 samples 20 ms apart.

use std::fmt;
use std::time::Duration;

use power_core::{Accuracy, Quantity};

/// Architecture of a GPU, as far as the meaning of its power figures depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    Kepler,
    Maxwell,
    Pascal,
    Volta,
    Turing,
    /// The chip of A100 and A30, unlike the rest of Ampere.
    Ga100,
    Ampere,
    Ada,
    Hopper,
    Blackwell,
    /// Newer than what this table knows; "or newer" in NVML's words includes it.
    Newer,
    /// NVML does not say.
    Unknown,
}

impl Architecture {
    /// By NVML's number, and what tells GA100 from other Ampere chips: compute capability 8.0 (CUDA C++ Programming
    /// Guide), or where that is not answered, a PCI device id 20xx (PCI ID repository).
    pub(crate) fn new(
        number: Option<u32>,
        capability: Option<(i32, i32)>,
        pci_device_id: Option<u32>,
    ) -> Self {
        match number {
            Some(2) => Self::Kepler,
            Some(3) => Self::Maxwell,
            Some(4) => Self::Pascal,
            Some(5) => Self::Volta,
            Some(6) => Self::Turing,
            // NVML gives the device id in the upper half, the vendor in the lower.
            Some(7) => match (capability, pci_device_id.map(|id| id >> 24)) {
                (Some((8, 0)), _) | (None, Some(0x20)) => Self::Ga100,
                (None, None) => Self::Unknown,
                _ => Self::Ampere,
            },
            Some(8) => Self::Ada,
            Some(9) => Self::Hopper,
            Some(10) => Self::Blackwell,
            Some(number) if (11..u32::MAX).contains(&number) => Self::Newer,
            _ => Self::Unknown,
        }
    }

    /// Whether NVML's words "Ampere (except GA100) or newer" hold; `None` where nobody can say.
    const fn is_averaging(self) -> Option<bool> {
        match self {
            Self::Kepler | Self::Maxwell | Self::Pascal | Self::Volta | Self::Turing | Self::Ga100 => {
                Some(false)
            }
            Self::Ampere | Self::Ada | Self::Hopper | Self::Blackwell | Self::Newer => Some(true),
            Self::Unknown => None,
        }
    }

    /// Update period of the polled power figures where it was measured, and found the same on all boards.
    const fn polled_period(self) -> Option<Duration> {
        match self {
            // YAA: 20 to 21 ms on P100, V100, GTX 1080 and 1080 Ti.
            Self::Pascal | Self::Volta => Some(Duration::from_millis(20)),
            // YAA: 99 to 104 ms; H200: 100 ms.
            Self::Turing | Self::Ga100 | Self::Ampere | Self::Ada | Self::Hopper => {
                Some(Duration::from_millis(100))
            }
            // YAA: 15 to 101 ms on Kepler and Maxwell, by board; newer ones have not been measured.
            Self::Kepler | Self::Maxwell | Self::Blackwell | Self::Newer | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kepler => "Kepler",
            Self::Maxwell => "Maxwell",
            Self::Pascal => "Pascal",
            Self::Volta => "Volta",
            Self::Turing => "Turing",
            Self::Ga100 => "Ampere, GA100",
            Self::Ampere => "Ampere",
            Self::Ada => "Ada",
            Self::Hopper => "Hopper",
            Self::Blackwell => "Blackwell",
            Self::Newer => "newer than Blackwell",
            Self::Unknown => "unknown",
        })
    }
}

/// A figure whose meaning depends on the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// `nvmlDeviceGetPowerUsage`.
    PowerUsage,
    /// Field 185.
    Average,
    /// Field 186.
    Instant,
    /// `nvmlDeviceGetTotalEnergyConsumption`.
    Energy,
    /// `nvmlDeviceGetSamples`.
    Samples,
}

/// What a figure means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) quantity: Quantity,
    pub(crate) update_period: Option<Duration>,
    pub(crate) accuracy: Option<Accuracy>,
    /// The maker's word, or why there is none; stands in the descriptor's details.
    pub(crate) why: &'static str,
}

const ONE_SECOND: Quantity = Quantity::average_power(Duration::from_secs(1));

/// The meaning of `figure` on `architecture` under a driver of this branch (580 of 580.159.04).
pub(crate) fn meaning(figure: Figure, architecture: Architecture, branch: Option<u32>) -> Meaning {
    let averaging = architecture.is_averaging();
    let hopper = architecture == Architecture::Hopper;
    let (quantity, update_period, why) = match figure {
        Figure::PowerUsage => {
            // YAA: in branch 530 alone, power usage of Ampere (except GA100) and Ada was no 1 s average.
            let contradicted =
                branch == Some(530) && matches!(architecture, Architecture::Ampere | Architecture::Ada);
            let (quantity, why) = match averaging {
                Some(true) if contradicted => (
                    Quantity::power(),
                    "NVML says averaged over 1 s; measurements of driver branch 530 contradict it, so it is unknown",
                ),
                Some(true) => (ONE_SECOND, "NVML: averaged over 1 s on Ampere (except GA100) or newer"),
                Some(false) => (Quantity::instantaneous_power(), "NVML: instantaneous on GA100 and older"),
                None => (Quantity::power(), "NVML does not tell the architecture, and so not the averaging"),
            };
            (quantity, architecture.polled_period(), why)
        }
        Figure::Average => match averaging {
            Some(true) => (ONE_SECOND, architecture.polled_period(), "NVML: field 185, averaged over 1 s"),
            _ => (
                Quantity::power(),
                architecture.polled_period(),
                "NVML speaks of field 185 only for Ampere (except GA100) or newer, so its averaging is unknown",
            ),
        },
        Figure::Instant => (
            Quantity::power(),
            architecture.polled_period(),
            "NVML: field 186, current power; it states no averaging",
        ),
        Figure::Energy => (
            Quantity::EnergyCounter { quantum: power_core::Joules::from_millijoules(1), modulus: None },
            hopper.then_some(Duration::from_millis(100)),
            "NVML: total energy since the driver was last loaded",
        ),
        Figure::Samples => (
            Quantity::power(),
            hopper.then_some(Duration::from_millis(20)),
            "NVML: samples of power from the driver's ring; it states no averaging",
        ),
    };
    let accuracy = (architecture == Architecture::Kepler && figure == Figure::PowerUsage).then(|| Accuracy {
        percent_of_reading: 5.0,
        percent_of_range: 0.0,
        source: "NVML API reference, nvmlDeviceGetPowerUsage".into(),
    });
    Meaning { quantity, update_period, accuracy, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::Averaging;

    fn averaging(figure: Figure, architecture: Architecture, branch: u32) -> Averaging {
        match meaning(figure, architecture, Some(branch)).quantity {
            Quantity::Power { averaging } => averaging,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn power_usage_is_an_average_from_ampere_on_except_ga100() {
        let second = Averaging::Over(Duration::from_secs(1));
        for (architecture, expected) in [
            (Architecture::Kepler, Averaging::Instantaneous),
            (Architecture::Maxwell, Averaging::Instantaneous),
            (Architecture::Pascal, Averaging::Instantaneous),
            (Architecture::Volta, Averaging::Instantaneous),
            (Architecture::Turing, Averaging::Instantaneous),
            (Architecture::Ga100, Averaging::Instantaneous),
            (Architecture::Ampere, second),
            (Architecture::Ada, second),
            (Architecture::Hopper, second),
            (Architecture::Blackwell, second),
            (Architecture::Newer, second),
            (Architecture::Unknown, Averaging::Unknown),
        ] {
            assert_eq!(averaging(Figure::PowerUsage, architecture, 580), expected, "{architecture}");
            assert_eq!(averaging(Figure::Instant, architecture, 580), Averaging::Unknown, "{architecture}");
            assert_eq!(averaging(Figure::Samples, architecture, 580), Averaging::Unknown, "{architecture}");
        }
    }

    #[test]
    fn branch_530_is_believed_only_where_nothing_contradicts_it() {
        assert_eq!(averaging(Figure::PowerUsage, Architecture::Ada, 530), Averaging::Unknown);
        assert_eq!(averaging(Figure::PowerUsage, Architecture::Ampere, 530), Averaging::Unknown);
        assert_eq!(averaging(Figure::PowerUsage, Architecture::Ga100, 530), Averaging::Instantaneous);
        assert_eq!(
            averaging(Figure::Average, Architecture::Ada, 530),
            Averaging::Over(Duration::from_secs(1))
        );
        assert_eq!(averaging(Figure::Average, Architecture::Turing, 580), Averaging::Unknown);
    }

    #[test]
    fn ga100_is_told_by_capability_and_else_by_pci_id() {
        let of = |capability, pci| Architecture::new(Some(7), capability, pci);
        assert_eq!(of(Some((8, 0)), None), Architecture::Ga100);
        assert_eq!(of(Some((8, 6)), Some(0x20b0_10de)), Architecture::Ampere);
        assert_eq!(of(None, Some(0x20b0_10de)), Architecture::Ga100);
        assert_eq!(of(None, Some(0x2204_10de)), Architecture::Ampere);
        assert_eq!(of(None, None), Architecture::Unknown);
        assert_eq!(Architecture::new(Some(12), None, None), Architecture::Newer);
        assert_eq!(Architecture::new(Some(u32::MAX), None, None), Architecture::Unknown);
        assert_eq!(Architecture::new(None, None, None), Architecture::Unknown);
    }
}
