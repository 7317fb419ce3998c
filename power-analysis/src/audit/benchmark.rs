//! A published benchmark as it was published.

use serde::{Deserialize, Serialize};

use super::Hardware;

/// A published benchmark: evaluations of architectures with what was stated of each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Benchmark {
    /// Its name, which no check looks at.
    pub name: String,
    /// What was read, in words.
    pub source: String,
    /// One training, or one measurement, of one architecture each.
    pub evaluations: Vec<Evaluation>,
    /// Where each kind of figure comes from.
    pub columns: Vec<Column>,
    /// How often the tool says that it reads its sensors.
    pub sampling: Option<Sampling>,
    /// What is odd about names and spellings.
    pub oddities: Vec<Oddity>,
    /// What the data itself says of the machine.
    pub hardware: Hardware,
    /// Which part the powers and energies of records are of.
    pub records_of: Part,
}

impl Benchmark {
    /// Where a kind of figure comes from; `None` if there is none.
    pub fn column(&self, measure: Measure) -> Option<&Column> {
        self.columns.iter().find(|column| column.measure == measure)
    }
}

/// A kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Energy of a record, in joules as its label says.
    Energy,
    /// Energy of the whole evaluation.
    TotalEnergy,
    /// A running total of energy beside the records.
    RunningEnergy,
    /// Mean power of a record.
    Power,
    /// Length of what the energy is of.
    Window,
    /// Length of the training alone.
    Training,
    /// GPU utilisation in per cent.
    GpuUtilisation,
    /// Utilisation of the GPU's memory in per cent.
    MemoryUtilisation,
    /// Temperature of the GPU in degrees Celsius.
    Temperature,
    /// Energies of components.
    Components,
}

/// Where a kind of figure comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Column {
    /// Which kind.
    pub measure: Measure,
    /// Its key or column in the data.
    pub key: String,
    /// The unit that its label states; empty where it states none.
    pub unit: String,
    /// Half of its last digit, in the unit of [`Record`]; 0 where it is not rounded, or nobody knows.
    pub half_digit: f64,
    /// Step of a single reading, in the unit of [`Record`], where it is known.
    pub reading_step: Option<f64>,
}

impl Column {
    /// A column that is neither rounded nor stepped.
    pub fn new(measure: Measure, key: impl Into<String>, unit: impl Into<String>) -> Self {
        Self { measure, key: key.into(), unit: unit.into(), half_digit: 0.0, reading_step: None }
    }

    /// Half of the last digit.
    #[must_use]
    pub const fn rounded(mut self, half_digit: f64) -> Self {
        self.half_digit = half_digit;
        self
    }

    /// The step of a single reading.
    #[must_use]
    pub const fn stepped(mut self, step: f64) -> Self {
        self.reading_step = Some(step);
        self
    }
}

/// How often a tool reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Time between two readings in seconds.
    pub period_s: f64,
    /// Who says so.
    pub from: String,
}

/// Something odd about a name or a spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// What.
    pub what: String,
    /// In how many evaluations.
    pub affected: usize,
}

/// One training, or one measurement, of one architecture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Which architecture; equal ones are repeats of each other.
    pub architecture: String,
    /// Where it stands, for messages: a file, a line.
    pub at: String,
    /// Its epochs or phases in order.
    pub records: Vec<Record>,
    /// Energy of the whole as its label says, in joules.
    pub total_j: Option<f64>,
    /// Length of the whole in seconds.
    pub total_s: Option<f64>,
    /// What the total consists of.
    pub components: Vec<Component>,
    /// Memory of the node in GiB.
    pub memory_gib: Option<f64>,
    /// Power usage effectiveness that the data states.
    pub pue: Option<f64>,
}

/// A part of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// GPUs.
    #[default]
    Gpu,
    /// Processor packages.
    Cpu,
    /// Memory.
    Memory,
    /// The whole node at its plug.
    Node,
    /// Several parts that nobody names.
    Sum,
}

impl Part {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Gpu => "GPU",
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Node => "whole node",
            Self::Sum => "sum of parts",
        }
    }
}

/// Whether somebody measured it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// By a sensor.
    Measured,
    /// By a rule.
    Assumed,
    /// The data does not say.
    Unknown,
}

/// Energy and power of a part over an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Which part.
    pub part: Part,
    /// Its energy in joules.
    pub energy_j: Option<f64>,
    /// Its mean powers in watts: one an epoch, or one of all.
    pub power_w: Vec<f64>,
    /// Half of the last digit of the powers; 0 where nobody knows.
    pub half_digit_w: f64,
    /// Step of a single reading of power, where it is known.
    pub reading_step_w: Option<f64>,
}

impl Component {
    /// A part with an energy and nothing else.
    pub const fn new(part: Part, energy_j: Option<f64>) -> Self {
        Self { part, energy_j, power_w: Vec::new(), half_digit_w: 0.0, reading_step_w: None }
    }
}

/// An epoch or a phase, with what was stated of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Which.
    pub name: String,
    /// How many epochs had been trained at its end.
    pub epochs: Option<f64>,
    /// Energy in joules as its label says.
    pub energy_j: Option<f64>,
    /// A running total beside it.
    pub running_j: Option<f64>,
    /// Mean power in watts.
    pub power_w: Option<f64>,
    /// Length of what the energy is of, in seconds.
    pub window_s: Option<f64>,
    /// Length of the training alone, in seconds.
    pub training_s: Option<f64>,
    /// Mean GPU utilisation in per cent.
    pub gpu_percent: Option<f64>,
    /// Mean utilisation of the GPU's memory in per cent.
    pub memory_percent: Option<f64>,
    /// Mean temperature in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Begin and end in seconds, on the time base of the polls.
    pub span_s: Option<(f64, f64)>,
    /// The readings around it that the tool may have taken, in order.
    pub polls: Vec<Poll>,
}

/// One reading of power with the times before and after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Poll {
    /// When it began, in seconds.
    pub begin_s: f64,
    /// When it was there, in seconds.
    pub end_s: f64,
    /// Power in watts.
    pub power_w: f64,
}

impl Poll {
    /// The middle between begin and end.
    pub const fn middle_s(&self) -> f64 {
        f64::midpoint(self.begin_s, self.end_s)
    }
}
