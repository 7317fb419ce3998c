//! What a check says.

use serde::Serialize;

use crate::stats::Estimate;

/// What is looked for; each has a trace in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Energies labelled with a unit that they do not have.
    EnergyUnit,
    /// Energy is not power × time by any factor of units.
    EnergyMismatch,
    /// Sums over GPUs called means.
    GpuSums,
    /// Power or energy of exactly 0.
    ZeroPower,
    /// A power usage effectiveness in every energy.
    PueInside,
    /// Cumulative energies, or such summed again.
    CumulativeEnergy,
    /// The energy is of a longer window than the training.
    LongWindow,
    /// Epochs with their neighbour's power.
    Imputed,
    /// Windows with one reading at most.
    FewSamples,
    /// Nothing is read at the beginning of each window.
    BlindStart,
    /// The last reading came after the window's end.
    LateReading,
    /// Readings at irregular times, averaged as if they were regular.
    PlainMean,
    /// Memory power by a rule.
    AssumedMemory,
    /// CPU power that never changes.
    ConstantCpu,
    /// Records without figures.
    MissingFigures,
    /// Repeats differ.
    RepeatsScatter,
    /// Odd keys, names or labels.
    Spelling,
}

impl Check {
    /// All checks.
    pub const ALL: [Self; 17] = [
        Self::EnergyUnit,
        Self::EnergyMismatch,
        Self::GpuSums,
        Self::ZeroPower,
        Self::PueInside,
        Self::CumulativeEnergy,
        Self::LongWindow,
        Self::Imputed,
        Self::FewSamples,
        Self::BlindStart,
        Self::LateReading,
        Self::PlainMean,
        Self::AssumedMemory,
        Self::ConstantCpu,
        Self::MissingFigures,
        Self::RepeatsScatter,
        Self::Spelling,
    ];

    /// Its name, as in JSON and in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnergyUnit => "energy-unit",
            Self::EnergyMismatch => "energy-mismatch",
            Self::GpuSums => "gpu-sums",
            Self::ZeroPower => "zero-power",
            Self::PueInside => "pue-inside",
            Self::CumulativeEnergy => "cumulative-energy",
            Self::LongWindow => "long-window",
            Self::Imputed => "imputed",
            Self::FewSamples => "few-samples",
            Self::BlindStart => "blind-start",
            Self::LateReading => "late-reading",
            Self::PlainMean => "plain-mean",
            Self::AssumedMemory => "assumed-memory",
            Self::ConstantCpu => "constant-cpu",
            Self::MissingFigures => "missing-figures",
            Self::RepeatsScatter => "repeats-scatter",
            Self::Spelling => "spelling",
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Figures are wrong, or not what they are called.
    Fault,
    /// Figures are right, and a reader may stumble.
    Note,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// Nothing else leaves this trace.
    Certain,
    /// Something else could, and hardly does.
    Likely,
    /// Something else may.
    Possible,
}

impl Certainty {
    /// In a word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// The worst case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    /// Where it stands.
    pub at: String,
    /// Its figure in words.
    pub figure: String,
}

/// What mends the figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Correction {
    /// What is to be done, in words.
    pub what: String,
    /// Stated figures are to be divided by this, where that mends them.
    pub divide_by: Option<Estimate>,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// How bad it is.
    pub severity: Severity,
    /// How sure it is.
    pub certainty: Certainty,
    /// What is wrong, in a sentence.
    pub what: String,
    /// The trace, with its numbers.
    pub evidence: String,
    /// How many show the trace.
    pub affected: usize,
    /// How many were looked at.
    pub of: usize,
    /// Of what, in the plural.
    pub units: &'static str,
    /// The worst of them.
    pub worst: Option<Worst>,
    /// What follows for a reader.
    pub consequence: String,
    /// What mends it; `None` if nothing does.
    pub mend: Option<Correction>,
}

/// A fault that was looked for and is not there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ruled {
    /// Which check.
    pub check: Check,
    /// What speaks against it.
    pub evidence: String,
}

/// A fault that may be there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Open {
    /// Which check.
    pub check: Check,
    /// Why nobody can tell, and what would be needed.
    pub reason: String,
}

/// What came out of a check.
#[derive(Debug)]
pub(super) enum Outcome {
    Found(Box<Finding>),
    Clear(String),
    CannotTell(String),
}

impl Outcome {
    pub(super) fn open(reason: impl Into<String>) -> Self {
        Self::CannotTell(reason.into())
    }

    pub(super) fn clear(evidence: impl Into<String>) -> Self {
        Self::Clear(evidence.into())
    }
}

impl From<Finding> for Outcome {
    fn from(finding: Finding) -> Self {
        Self::Found(Box::new(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for check in Check::ALL {
            let debug = format!("{check:?}");
            let kebab: String = debug
                .chars()
                .enumerate()
                .flat_map(|(at, c)| (at > 0 && c.is_uppercase()).then_some('-').into_iter().chain([c]))
                .collect();
            assert_eq!(kebab.to_lowercase(), check.name());
        }
    }
}
