//! What a study found: all that its page, its tables and its JSON say.

use std::collections::BTreeMap;

use power_analysis::study::{
    BoxPlot, Cell, Component, PowerRange, Principle, Sampling, Stretch, UtilisationRange,
};
use serde::{Deserialize, Serialize};

use super::plan::{ExperimentId, Plan};
use super::reference::Calibration;

/// A way to an epoch's energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// nvidia-smi as EA-HAS-Bench's tracer runs it.
    SmiTracer,
    /// nvidia-smi in loop mode.
    SmiLoop,
    /// NVML, polled as pyNVML is.
    NvmlPolled,
    /// NVML's value of the shortest window, polled.
    NvmlInstant,
    /// NVML's energy counter.
    NvmlCounter,
    /// NVML's ring of samples.
    NvmlRing,
    /// Code Carbon 1 and 2.
    CodeCarbon2,
    /// Code Carbon from 3.0 on.
    CodeCarbon3,
    /// RAPL and NVML, and nothing for what they do not see.
    Components,
    /// The same, with what the meter saw besides when all was idle: the paper's lower bound.
    IdleBound,
    /// The same, with what the meter saw besides when the host was busy: the paper's upper bound.
    BusyBound,
    /// The same, in between by the host's load.
    LoadPrior,
}

impl Tool {
    /// All of them, in the order of every table.
    pub const ALL: [Self; 12] = [
        Self::SmiTracer,
        Self::SmiLoop,
        Self::NvmlPolled,
        Self::NvmlInstant,
        Self::NvmlCounter,
        Self::NvmlRing,
        Self::CodeCarbon2,
        Self::CodeCarbon3,
        Self::Components,
        Self::IdleBound,
        Self::BusyBound,
        Self::LoadPrior,
    ];

    /// Its position in a stretch.
    pub fn position(self) -> usize {
        Self::ALL.iter().position(|tool| *tool == self).unwrap_or(0)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmiTracer => "nvidia-smi, EA-HAS-Bench",
            Self::SmiLoop => "nvidia-smi, loop",
            Self::NvmlPolled => "NVML, polled",
            Self::NvmlInstant => "NVML, instant",
            Self::NvmlCounter => "NVML, energy counter",
            Self::NvmlRing => "NVML, sample ring",
            Self::CodeCarbon2 => "Code Carbon 2",
            Self::CodeCarbon3 => "Code Carbon 3",
            Self::Components => "RAPL + NVML",
            Self::IdleBound => "… + idle rest",
            Self::BusyBound => "… + busy rest",
            Self::LoadPrior => "… + rest by load",
        }
    }

    /// Whether it tells the energy of the whole node, not of GPUs.
    pub const fn is_of_node(self) -> bool {
        matches!(
            self,
            Self::CodeCarbon2
                | Self::CodeCarbon3
                | Self::Components
                | Self::IdleBound
                | Self::BusyBound
                | Self::LoadPrior
        )
    }
}

/// An epoch as everything saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its phase's name.
    pub name: String,
    /// Its energies and readings, tool by tool in the order of [`Tool::ALL`].
    pub stretch: Stretch,
    /// Mean power of one GPU by the reference, in watts.
    pub gpu_w: Option<f64>,
    /// Standard deviation of the power of one GPU within it, in watts.
    pub spread_w: Option<f64>,
    /// Mean utilisation of the GPUs in use, 0 to 1.
    pub used: Option<f64>,
    /// Mean utilisation of their memory, 0 to 1.
    pub memory_used: Option<f64>,
    /// True energy of the GPUs in use in joules, on the virtual rig.
    pub true_gpus_j: Option<f64>,
    /// True energy of the node in joules, on the virtual rig.
    pub true_node_j: Option<f64>,
}

/// What one experiment found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentResults {
    /// The experiment.
    pub id: ExperimentId,
    /// Trainings that were recorded as a whole.
    pub trainings: usize,
    /// Number of GPUs that trained.
    pub gpus: usize,
    /// The epochs.
    pub epochs: Vec<Epoch>,
    /// The trainings, from the begin of the first epoch to the end of the last.
    pub whole: Vec<Stretch>,
    /// Table I: one row a tool that the experiment has.
    pub rows: Vec<TableRow>,
    /// The range of the powers of one GPU.
    pub power: Option<PowerRange>,
    /// The range of GPU utilisation.
    pub used: Option<UtilisationRange>,
    /// The range of memory utilisation.
    pub memory_used: Option<UtilisationRange>,
    /// The distributions of power over all epochs, one GPU's share.
    pub distributions: Vec<Curve>,
}

/// One row of Table I.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRow {
    /// The tool.
    pub tool: Tool,
    /// Energy, epoch by epoch.
    pub epoch_energy: Cell,
    /// Power, epoch by epoch.
    pub epoch_power: Cell,
    /// Energy, training by training.
    pub training_energy: Cell,
    /// Power, training by training.
    pub training_power: Cell,
    /// How much of the epochs it looked at.
    pub sampling: Option<Sampling>,
    /// Median time between its readings in seconds.
    pub period_s: Option<f64>,
}

/// A distribution function, thinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What it is of.
    pub name: String,
    /// Number of values.
    pub values: usize,
    /// Value in watts, share at or below.
    pub points: Vec<(f64, f64)>,
}

/// A power over time, thinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it is of.
    pub name: String,
    /// Whether a value holds until the next, as of a polled sensor; else lines.
    pub holds: bool,
    /// Times on the run's time base in ns.
    pub times_ns: Vec<i64>,
    /// Power in watts.
    pub watts: Vec<f64>,
}

/// Fig. 1: some trainings as the reference and sensors saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switching {
    /// The reference.
    pub reference: Series,
    /// The sensors.
    pub sensors: Vec<Series>,
    /// Phases: name, begin and end in ns.
    pub phases: Vec<(String, i64, i64)>,
}

/// Fig. 8: one box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimatorBox {
    /// The estimator.
    pub tool: Tool,
    /// Differences of energy against the meter in per cent, training by training.
    pub percent: BoxPlot,
    /// The same over all trainings together.
    pub total_percent: f64,
}

/// One row of "recovered against truth".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthRow {
    /// What was recovered.
    pub name: String,
    /// Energy of epochs against the truth.
    pub energy: Cell,
    /// Power of epochs against the truth.
    pub power: Cell,
}

/// Everything that a study found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyResults {
    /// Version of this structure.
    pub schema_version: u32,
    /// Program and version.
    pub written_by: String,
    /// Name of the study's folder.
    pub study: String,
    /// The plan.
    pub plan: Plan,
    /// Whether everything that was planned is done.
    pub finished: bool,
    /// The machine.
    pub host: BTreeMap<String, String>,
    /// The devices that were read.
    pub devices: Vec<String>,
    /// What the GPUs' energies are held against, in words.
    pub reference: String,
    /// Memory that estimators go by, in GiB.
    pub memory_gib: Option<f64>,
    /// Calibration of what only the meter sees.
    pub calibration: Option<Calibration>,
    /// Greatest uncertainty of the clocks in seconds; `None` where nobody knows it.
    pub clock_s: Option<f64>,
    /// The experiments.
    pub experiments: Vec<ExperimentResults>,
    /// Fig. 1.
    pub switching: Option<Switching>,
    /// Fig. 2: distributions in one training, and its name.
    pub one_training: Option<(String, Vec<Curve>)>,
    /// Fig. 8.
    pub boxes: Vec<EstimatorBox>,
    /// What of the node is measured, modelled, missing.
    pub components: Vec<Component>,
    /// Principle (i), of each tool that is no estimator.
    pub reliable: Vec<(Tool, Principle)>,
    /// Principle (ii): one GPU, all of them.
    pub range: Vec<(ExperimentId, Principle)>,
    /// Principle (iii).
    pub holistic: Principle,
    /// Recovered against truth, on the virtual rig.
    pub truth: Vec<TruthRow>,
    /// The runs: folder, and SHA-256 of each file of readings.
    pub runs: Vec<(String, Vec<String>)>,
    /// What a reader has to know.
    pub notes: Vec<String>,
}

impl StudyResults {
    /// The results of an experiment, if it has any.
    pub fn experiment(&self, id: ExperimentId) -> Option<&ExperimentResults> {
        self.experiments.iter().find(|found| found.id == id)
    }
}

impl ExperimentResults {
    /// The row of a tool, if the experiment has it.
    pub fn row(&self, tool: Tool) -> Option<&TableRow> {
        self.rows.iter().find(|row| row.tool == tool)
    }
}
