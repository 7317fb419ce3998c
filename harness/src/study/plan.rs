//! What a study is to do.

use std::path::PathBuf;

use power_analysis::study::Thresholds;
use serde::{Deserialize, Serialize};

/// The plan of a study; with it, and the same program, the study can be repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Start of all random numbers: networks, virtual sensors, intervals.
    pub seed: u64,
    /// How long it is.
    pub preset: Preset,
    /// Which instruments are read.
    pub rig: RigChoice,
    /// The user's training, with `{seed}` where its number goes; the built-in ones where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The experiments, in order.
    pub experiments: Vec<Experiment>,
    /// What decides the principles.
    pub thresholds: Thresholds,
}

/// How long a study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// About a minute.
    Quick,
    /// As in the paper: 500 trainings, and 20 in each of the others.
    Paper,
    /// So many trainings in the first experiment.
    Trainings(usize),
}

/// Which instruments are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RigChoice {
    /// The node made of software.
    Virtual,
    /// Those that a file names.
    File(PathBuf),
    /// Everything that can be read here.
    Found,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// `E1` to `E4`.
    pub id: ExperimentId,
    /// How many trainings it has.
    pub trainings: usize,
}

/// The paper's experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExperimentId {
    /// One GPU, one training after another, every tool at once.
    E1,
    /// One GPU with Code Carbon.
    E2,
    /// All GPUs, each training on all of them.
    E3,
    /// One GPU with NVML in place of nvidia-smi.
    E4,
}

impl ExperimentId {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::E1, Self::E2, Self::E3, Self::E4];

    /// Its short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::E1 => "E1",
            Self::E2 => "E2",
            Self::E3 => "E3",
            Self::E4 => "E4",
        }
    }

    /// What it is.
    pub const fn title(self) -> &'static str {
        match self {
            Self::E1 => "one GPU, every tool at once",
            Self::E2 => "one GPU, with Code Carbon",
            Self::E3 => "all GPUs, each training on all of them",
            Self::E4 => "one GPU, NVML in place of nvidia-smi",
        }
    }

    /// Whether every GPU trains.
    pub const fn is_on_all_gpus(self) -> bool {
        matches!(self, Self::E3)
    }

    /// Whether nvidia-smi runs.
    pub const fn has_smi(self) -> bool {
        !matches!(self, Self::E4)
    }
}

impl Preset {
    /// Its experiments.
    ///
    /// The first has what the preset says; the others have 20 trainings in the paper, which is 1 in 25, and here at least
    /// two: one is no distribution. With one GPU there is none on all of them.
    pub fn experiments(self, gpus: usize) -> Vec<Experiment> {
        let (first, others) = match self {
            Self::Quick => (8, 2),
            Self::Paper => (500, 20),
            Self::Trainings(number) => (number, (number / 25).clamp(2, 20)),
        };
        let trainings = |id| if id == ExperimentId::E1 { first } else { others };
        let there = ExperimentId::ALL.into_iter().filter(|id| gpus > 1 || !id.is_on_all_gpus());
        there.map(|id| Experiment { id, trainings: trainings(id) }).collect()
    }

    /// Least and greatest number of epochs of a built-in training, and of seconds of an epoch's training part.
    pub const fn epochs(self) -> ((usize, usize), (f64, f64)) {
        match self {
            Self::Quick => ((3, 4), (0.2, 2.0)),
            Self::Paper | Self::Trainings(_) => ((4, 12), (0.3, 10.0)),
        }
    }

    /// How long a built-in training takes on average, in seconds.
    pub fn training_s(self) -> f64 {
        let ((fewest, most), (shortest, longest)) = self.epochs();
        // Lengths are spread evenly by their logarithm; a fifth more is validation, half a second around each.
        let epoch = (longest - shortest) / (longest / shortest).ln() * 1.2 + 0.2;
        let number = u32::try_from(fewest + most).map_or(1.0, f64::from) / 2.0;
        number * epoch + 1.4
    }

    /// Its word on the command line.
    pub fn words(self) -> String {
        match self {
            Self::Quick => "--quick".into(),
            Self::Paper => "--paper".into(),
            Self::Trainings(number) => format!("--trainings {number}"),
        }
    }
}
