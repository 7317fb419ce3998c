//! What the whole node has to do.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A workload: stages one after the other, each of a given length. GPUs, CPUs and memory follow from it, and its
/// phases are known.
///
/// ```
/// use virtual_rig::Description;
/// let rig = Description::from_toml(r#"
///     [workload]
///     repeat = false
///
///     [[workload.stages]]
///     kind = "idle"
///     seconds = 5
///
///     [[workload.stages]]
///     kind = "trainings"   # of networks drawn at random, on GPU 0 alone
///     gpus = [0]
///     count = 3
///
///     [[workload.stages]]
///     kind = "random"      # aperiodic, on all GPUs at once, with the CPUs at 40 % while on
///     seconds = 20
///     high_w = 400
///     cpu = 0.4
/// "#)?;
/// # Ok::<(), virtual_rig::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Workload {
    /// Whether it begins anew after its last stage; else the node idles.
    #[serde(default = "yes")]
    pub repeat: bool,
    /// The stages.
    pub stages: Vec<Stage>,
}

const fn yes() -> bool {
    true
}

/// A stage of a workload. Which keys it needs and takes depends on its kind; others are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Stage {
    /// What it does.
    pub kind: StageKind,
    /// Its phase's name; that of its kind where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its length in s; trainings may have a count in place of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Which GPUs it uses; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Vec<usize>>,
    /// Power of each of them while low, in W; that of idling where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_w: Option<f64>,
    /// Power of each of them while high, in W.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high_w: Option<f64>,
    /// Of `steps`: pairs of seconds and watts of each GPU; the seconds ascend from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<(f64, f64)>,
    /// Of `square`: length of each half in s. Of `prbs`: length of a bit. 1 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dwell_s: Option<f64>,
    /// Of `random`: scales of the times on and off in s; each time is of one of them, times 0.5 to 1.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scales_s: Option<[f64; 3]>,
    /// Utilisation of the CPUs while high, 0 to 1; of trainings, besides theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Share of the memory's bandwidth while high, 0 to 1; of trainings, besides theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Of `trainings`: how many on each GPU, in place of a length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// Of `trainings`: whether one network at a time is trained by all the GPUs together.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub distributed: bool,
    /// Of `trainings`: least and greatest number of epochs; 4 and 12 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<(usize, usize)>,
    /// Of `trainings`: least and greatest length of an epoch's training part in s; 0.3 and 10 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch_s: Option<(f64, f64)>,
    /// Of `trainings`: range of the mean power of an epoch's training part in W; 146 and 305 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<(f64, f64)>,
}

/// Kinds of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StageKind {
    /// Nothing.
    Idle,
    /// The same all the time; with `gpus = []` a load of the CPUs or the memory alone.
    Constant,
    /// High and low in turns, high first.
    Square,
    /// A pseudo-random binary sequence of order 7: high or low for whole bits.
    Prbs,
    /// High and low for random times of three scales: no period fits it.
    Random,
    /// Powers from given times on.
    Steps,
    /// Trainings of networks drawn at random, with short epochs, as a search for architectures runs them.
    Trainings,
}

impl StageKind {
    /// Its name, as in a file.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Constant => "constant",
            Self::Square => "square",
            Self::Prbs => "prbs",
            Self::Random => "random",
            Self::Steps => "steps",
            Self::Trainings => "trainings",
        }
    }
}

impl Workload {
    /// These stages, repeated.
    pub fn new(stages: impl IntoIterator<Item = Stage>) -> Self {
        Self { repeat: true, stages: stages.into_iter().collect() }
    }

    /// These stages, once.
    pub fn once(stages: impl IntoIterator<Item = Stage>) -> Self {
        Self { repeat: false, ..Self::new(stages) }
    }

    pub(crate) fn check(&self, gpu_count: usize) -> Result<()> {
        if self.stages.is_empty() {
            return Err(Error::new("a workload has one stage or more"));
        }
        if self.stages.len() > 10_000 {
            return Err(Error::new("a workload has at most 10000 stages"));
        }
        self.stages.iter().try_for_each(|stage| stage.check(gpu_count))
    }
}

impl Stage {
    /// A stage of this kind with a length in s.
    pub const fn new(kind: StageKind, seconds: f64) -> Self {
        Self {
            kind,
            name: None,
            seconds: Some(seconds),
            gpus: None,
            low_w: None,
            high_w: None,
            steps: Vec::new(),
            dwell_s: None,
            scales_s: None,
            cpu: None,
            memory: None,
            count: None,
            distributed: false,
            epochs: None,
            epoch_s: None,
            power_w: None,
        }
    }

    /// `count` trainings on each GPU.
    pub const fn trainings(count: usize) -> Self {
        let mut stage = Self::new(StageKind::Trainings, 0.0);
        stage.seconds = None;
        stage.count = Some(count);
        stage
    }

    /// Sets the name of its phase.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets which GPUs it uses.
    #[must_use]
    pub fn on_gpus(mut self, gpus: impl IntoIterator<Item = usize>) -> Self {
        self.gpus = Some(gpus.into_iter().collect());
        self
    }

    /// Sets the power of each GPU while high, in W.
    #[must_use]
    pub const fn high_w(mut self, high_w: f64) -> Self {
        self.high_w = Some(high_w);
        self
    }

    /// Sets the half period of a square wave, or the length of a bit, in s.
    #[must_use]
    pub const fn dwell_s(mut self, dwell_s: f64) -> Self {
        self.dwell_s = Some(dwell_s);
        self
    }

    /// Sets the CPUs' utilisation and the share of the memory's bandwidth while high, 0 to 1.
    #[must_use]
    pub const fn with_host(mut self, cpu: f64, memory: f64) -> Self {
        self.cpu = Some(cpu);
        self.memory = Some(memory);
        self
    }

    /// Makes all GPUs train one network at a time together.
    #[must_use]
    pub const fn distributed(mut self) -> Self {
        self.distributed = true;
        self
    }

    /// Sets least and greatest number of epochs of a training, and of s of an epoch's training part.
    #[must_use]
    pub const fn epochs(mut self, number: (usize, usize), seconds: (f64, f64)) -> Self {
        self.epochs = Some(number);
        self.epoch_s = Some(seconds);
        self
    }

    fn check(&self, gpu_count: usize) -> Result<()> {
        use StageKind::{Constant, Prbs, Random, Square, Steps, Trainings};
        let name = self.kind.name();
        let fault = |what: &str| Err(Error::new(format!("a stage of kind {name}: {what}")));
        let takes = |kinds: &[StageKind]| kinds.contains(&self.kind);
        let given = [
            (self.steps.is_empty() != takes(&[Steps]), "steps are of kind steps, and only of it"),
            (self.dwell_s.is_none() || takes(&[Square, Prbs]), "dwell_s is of square and prbs"),
            (self.scales_s.is_none() || takes(&[Random]), "scales_s is of random"),
            (self.low_w.is_none() || takes(&[Square, Prbs, Random]), "low_w is of square, prbs and random"),
            (self.high_w.is_none() || takes(&[Constant, Square, Prbs, Random]), "it has no high_w"),
            (self.count.is_none() || takes(&[Trainings]), "count is of trainings"),
            (!self.distributed || takes(&[Trainings]), "distributed is of trainings"),
            (self.epochs.is_none() || takes(&[Trainings]), "epochs is of trainings"),
            (self.epoch_s.is_none() || takes(&[Trainings]), "epoch_s is of trainings"),
            (self.power_w.is_none() || takes(&[Trainings]), "power_w is of trainings"),
            (self.seconds.is_some() != self.count.is_some(), "it needs seconds, or trainings a count"),
        ];
        if let Some((_, what)) = given.iter().find(|(good, _)| !good) {
            return fault(what);
        }
        let no_gpu = self.gpus.as_ref().is_some_and(Vec::is_empty);
        if takes(&[Constant, Square, Prbs, Random]) && self.high_w.is_none() && !no_gpu {
            return fault("it needs high_w, or gpus = [] for a load of the host alone");
        }
        if self.gpus.iter().flatten().any(|gpu| *gpu >= gpu_count) {
            return fault("it names a GPU that the node has not");
        }
        if takes(&[Trainings]) && (no_gpu || gpu_count == 0) {
            return fault("it needs a GPU");
        }
        self.check_values().map_err(|error| Error::because(format!("a stage of kind {name}"), error))
    }

    fn check_values(&self) -> Result<()> {
        let powers = [self.low_w, self.high_w];
        let (steps_s, steps_w): (Vec<f64>, Vec<f64>) = self.steps.iter().copied().unzip();
        let mut watts = powers
            .into_iter()
            .flatten()
            .chain(steps_w)
            .chain(self.power_w.map(|p| p.0))
            .chain(self.power_w.map(|p| p.1));
        if !watts.all(|power| (0.0..=1e5).contains(&power)) {
            return Err(Error::new("powers are 0 to 100000 W"));
        }
        let seconds = self.seconds.into_iter().chain(self.dwell_s).chain(self.scales_s.into_iter().flatten());
        if !seconds.chain(self.epoch_s.map(|e| e.0)).all(|time| (1e-3..=1e5).contains(&time)) {
            return Err(Error::new("times are 0.001 to 100000 s"));
        }
        if !steps_s.is_empty() && (steps_s[0] != 0.0 || !steps_s.is_sorted_by(|a, b| b - a > 1e-8)) {
            return Err(Error::new("the steps begin at second 0 and ascend"));
        }
        if !self.cpu.iter().chain(&self.memory).all(|share| (0.0..=1.0).contains(share)) {
            return Err(Error::new("cpu and memory are 0 to 1"));
        }
        let ordered = self.epoch_s.is_none_or(|(low, high)| low <= high && high <= 1e4)
            && self.power_w.is_none_or(|(low, high)| low <= high)
            && self.epochs.is_none_or(|(low, high)| (1..=high).contains(&low) && high <= 1_000)
            && self.count.is_none_or(|count| (1..=100_000).contains(&count));
        if !ordered {
            return Err(Error::new(
                "of epochs (1 to 1000), epoch_s and power_w the first is at most the second; count is 1 to 100000",
            ));
        }
        Ok(())
    }
}
