//! Whether two channels measure the same: only then is their difference an error.

use power_analysis::Comparison;
use power_analysis::stats::{Estimate, Line};
use power_core::{ChannelId, Scope};
use serde::{Deserialize, Serialize};

use crate::run::Run;
use crate::{Result, words};

/// How what a sensor measures lies to what the reference does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The same, as far as anybody knows.
    Same,
    /// A part of it.
    Part,
    /// More than it.
    More,
    /// Something else.
    Other,
}

/// What is told of a sensor that measures a part of what the reference does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its energy over the reference's, 0 to 1, with an interval where there is one.
    pub share: Option<f64>,
    /// The interval of the share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_95: Option<(f64, f64)>,
    /// The reference's power by the sensor's: how it rises with it, and what is beside it.
    pub line: Option<Line>,
    /// Correlation of both (Pearson).
    pub pearson: Option<Estimate>,
}

impl Extent {
    /// Of a sensor and a reference of one run.
    ///
    /// # Errors
    ///
    /// If the run has no such channel.
    pub(crate) fn of(run: &Run, sensor: &str, reference: &str) -> Result<Self> {
        let (sensor, reference) = (run.channel(sensor)?, run.channel(reference)?);
        let (own, other) = (run.source_of(sensor), run.source_of(reference));
        let (scope, whole) = (&run.describe(sensor).scope, &run.describe(reference).scope);
        if *scope == Scope::Unknown || *whole == Scope::Unknown {
            return Ok(Self::Same);
        }
        if whole.contains(scope) {
            return Ok(Self::Part);
        }
        if scope.contains(whole) {
            return Ok(Self::More);
        }
        // Of one scope are also the phases of a mains meter and their sum.
        let of_whole =
            |id: ChannelId| own.descriptor.channel(id).is_some_and(|channel| channel.scope == *whole);
        if run.describe(sensor).part_of.is_some_and(of_whole) {
            return Ok(Self::Part);
        }
        // NVML names each GPU; others may name one device twice, such as by the files of an import.
        let two_devices = own.descriptor.driver == "nvml"
            && other.descriptor.driver == "nvml"
            && own.descriptor.device != other.descriptor.device;
        // RAPL has all packages in one source.
        let two_packages = own.id == other.id
            && matches!(scope, Scope::Package | Scope::Core | Scope::Uncore | Scope::Dram)
            && run.describe(sensor).name != run.describe(reference).name;
        Ok(if scope != whole || two_devices || two_packages { Self::Other } else { Self::Same })
    }

    /// Why the difference of the two is no error; `None` where it is one.
    pub(crate) fn refusal(self, scope: &Scope, reference: &Scope) -> Option<String> {
        let difference = "what they differ by is no error";
        match self {
            Self::Same => None,
            Self::Part => Some(format!(
                "It measures a part ({scope}) of what the reference does ({reference}): {difference}."
            )),
            Self::More => Some(format!(
                "It measures more ({scope}) than the reference does ({reference}): {difference}."
            )),
            Self::Other if scope == reference => {
                Some(format!("It measures another {scope} than the reference does: {difference}."))
            }
            Self::Other => Some(format!(
                "It measures something else ({scope}) than the reference does ({reference}): {difference}."
            )),
        }
    }
}

impl Part {
    pub(crate) fn of(comparison: &Comparison) -> Self {
        let error = comparison.energies.as_ref().map(|energies| &energies.naive.error);
        let agreement = comparison.agreement.as_ref();
        Self {
            share: error.map(|error| 1.0 + error.value),
            share_95: error.and_then(|error| Some((1.0 + error.low?, 1.0 + error.high?))),
            line: agreement.and_then(|agreement| agreement.line),
            pearson: agreement.and_then(|agreement| agreement.pearson),
        }
    }

    /// Its share in words.
    pub(crate) fn share_words(&self) -> String {
        match (self.share, self.share_95) {
            (None, _) => "unknown".into(),
            (Some(share), None) => format!("{:.1} % of it", share * 100.0),
            (Some(share), Some((low, high))) => {
                format!("{:.1} % [{:.1}, {:.1}] of it", share * 100.0, low * 100.0, high * 100.0)
            }
        }
    }

    /// What can be told of it, in sentences.
    pub(crate) fn verdict(&self, comparison: &Comparison) -> Vec<String> {
        let mut said = Vec::new();
        if self.share.is_some() {
            said.push(format!(
                "Over the {:.1} s that both recorded, its energy is {}.",
                comparison.overlap.seconds(),
                self.share_words().replace("of it", "of the reference's")
            ));
        }
        said.extend(words::line(comparison));
        said
    }
}
