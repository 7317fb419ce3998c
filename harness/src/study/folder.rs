//! The folder of a study: `study.json` with its plan and what is done, and `runs/` with its recordings.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::plan::{ExperimentId, Plan};
use crate::run::{MANIFEST, Phase, Run, State, recover};
use crate::{Error, Result};

/// Name of the file with the plan.
const FILE: &str = "study.json";

/// The study as its file has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct File {
    schema_version: u32,
    written_by: String,
    plan: Plan,
    parts: Vec<Part>,
}

/// A part of an experiment: one recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The experiment.
    pub experiment: ExperimentId,
    /// Its number in the experiment, from 0.
    pub number: usize,
    /// The run's folder, within the study's.
    pub run: PathBuf,
    /// Whole trainings that it has.
    pub trainings: usize,
}

/// The folder of a study.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    plan: Plan,
    parts: Vec<Part>,
}

impl Folder {
    /// Whether there is a study in `dir`.
    pub fn is_there(dir: &Path) -> bool {
        dir.join(FILE).is_file()
    }

    /// Begins a study in `dir`, which is made.
    ///
    /// # Errors
    ///
    /// - if `dir` has something in it, or cannot be written.
    pub fn begin(dir: &Path, plan: Plan) -> Result<Self> {
        if dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Error::file(dir, "is not empty, and no study")
                .mend("name another folder by -o, or remove it"));
        }
        let runs = dir.join("runs");
        std::fs::create_dir_all(&runs).map_err(|error| Error::io(&runs, "make", error))?;
        let folder = Self { dir: dir.to_owned(), plan, parts: Vec::new() };
        folder.save()?;
        Ok(folder)
    }

    /// Opens the study in `dir`; recordings that were cut off are completed as far as they came.
    ///
    /// # Errors
    ///
    /// - if there is none, another version wrote it, or it cannot be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, "read", error))?;
        let file: File = serde_json::from_str(&text).map_err(|error| {
            Error::file(&path, "is no study of this version").mend("name another folder by -o").because(error)
        })?;
        let mut folder = Self { dir: dir.to_owned(), plan: file.plan, parts: file.parts };
        folder.take_stock()?;
        Ok(folder)
    }

    /// Looks through `runs/` for what a killed study left behind.
    fn take_stock(&mut self) -> Result<()> {
        for id in ExperimentId::ALL {
            for number in 0.. {
                let run = relative(id, number);
                if self.parts.iter().any(|part| part.run == run) {
                    continue;
                }
                let dir = self.dir.join(&run);
                if !dir.exists() {
                    break;
                }
                self.adopt(id, number, &dir)?;
            }
        }
        self.save()
    }

    /// Takes in a recording: completes it, and counts its whole trainings. One that is readable and has none is removed, as
    /// is one that was killed before it had a manifest.
    ///
    /// # Errors
    ///
    /// - if it is being recorded now, or cannot be read or written; it is left as it is then.
    pub fn adopt(&mut self, experiment: ExperimentId, number: usize, dir: &Path) -> Result<()> {
        let trainings = if dir.join(MANIFEST).exists() {
            if Run::open(dir)?.manifest().state == State::Recording {
                recover(dir)?;
            }
            trainings(&Run::open(dir)?.phases()?).len()
        } else {
            0
        };
        if trainings == 0 {
            return std::fs::remove_dir_all(dir).map_err(|error| Error::io(dir, "remove", error));
        }
        let run = relative(experiment, number);
        self.parts.retain(|part| part.run != run);
        self.parts.push(Part { experiment, number, run, trainings });
        self.parts.sort_by_key(|part| (part.experiment, part.number));
        self.save()
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The plan.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The parts that are done, by experiment.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Trainings of an experiment that are done.
    pub fn done(&self, id: ExperimentId) -> usize {
        self.parts.iter().filter(|part| part.experiment == id).map(|part| part.trainings).sum()
    }

    /// Whether everything that was planned is done.
    pub fn is_finished(&self) -> bool {
        self.plan.experiments.iter().all(|experiment| self.done(experiment.id) >= experiment.trainings)
    }

    /// Number and folder of the next part of an experiment.
    pub fn next(&self, id: ExperimentId) -> (usize, PathBuf) {
        let used = self.parts.iter().filter(|part| part.experiment == id).map(|part| part.number + 1).max();
        let number = used.unwrap_or(0);
        (number, self.dir.join(relative(id, number)))
    }

    fn save(&self) -> Result<()> {
        let file = File {
            schema_version: 1,
            written_by: concat!("wattproof ", env!("CARGO_PKG_VERSION")).into(),
            plan: self.plan.clone(),
            parts: self.parts.clone(),
        };
        let path = self.dir.join(FILE);
        let json = serde_json::to_vec_pretty(&file)
            .map_err(|error| Error::new("cannot write the study's plan as JSON").because(error))?;
        // Whole or not at all: a study that is killed now has to open again.
        let draft = self.dir.join("study.json.new");
        std::fs::write(&draft, json)
            .and_then(|()| std::fs::rename(&draft, &path))
            .map_err(|error| Error::io(&path, "write", error))
    }
}

fn relative(id: ExperimentId, number: usize) -> PathBuf {
    Path::new("runs").join(format!("{}-{:03}", id.name(), number + 1))
}

/// First words of the names of trainings' and epochs' phases.
pub const TRAINING: &str = "training";
/// See [`TRAINING`].
pub const EPOCH: &str = "epoch";

/// The phases that are trainings.
pub fn trainings(phases: &[Phase]) -> Vec<&Phase> {
    phases.iter().filter(|phase| phase.name.split_whitespace().next() == Some(TRAINING)).collect()
}
