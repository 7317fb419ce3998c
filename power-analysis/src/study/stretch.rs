//! An epoch or a training as every tool saw it.

use serde::{Deserialize, Serialize};

/// An epoch or a training as every tool saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// Which training it belongs to: epochs of one training are alike, so trainings are the blocks of all intervals.
    pub training: usize,
    /// Its length in seconds.
    pub seconds: f64,
    /// What each tool saw, in the order of the study's tools.
    pub seen: Vec<Seen>,
}

/// What one tool, and its reference, saw of one stretch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// Energy by the tool in joules; `None` where it has none.
    pub energy_j: Option<f64>,
    /// Energy by the reference in joules; `None` where it has none.
    pub reference_j: Option<f64>,
    /// Readings that the tool took of it; `None` for what has no readings, as an estimator.
    pub readings: Option<usize>,
    /// Readings that were to be taken of it.
    pub expected: Option<f64>,
}

/// Which figure of a stretch is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Energy in joules.
    Energy,
    /// Mean power in watts.
    Power,
}

impl Seen {
    /// Readings taken over readings to be taken.
    pub fn sample_ratio(&self) -> Option<f64> {
        let expected = self.expected.filter(|expected| *expected > 0.0)?;
        self.readings.map(|readings| crate::stats::count(readings) / expected)
    }
}

impl Stretch {
    /// Figure of a tool and of its reference; `None` where either is unknown.
    pub fn pair(&self, tool: usize, figure: Figure) -> Option<(f64, f64)> {
        let seen = self.seen.get(tool)?;
        let (tool_j, reference_j) = (seen.energy_j?, seen.reference_j?);
        let by = match figure {
            Figure::Energy => 1.0,
            Figure::Power if self.seconds > 0.0 => self.seconds,
            Figure::Power => return None,
        };
        let pair = (tool_j / by, reference_j / by);
        (pair.0.is_finite() && pair.1.is_finite()).then_some(pair)
    }
}
