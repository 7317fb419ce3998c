//! Plays a study: part after part, each a recording, until all trainings are done or somebody stops it.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::folder::Folder;
use super::instruments::Instruments;
use super::plan::{Experiment, RigChoice};
use super::progress::Progress;
use super::sources;
use super::trainer::{BuiltIn, Command, Scene, Trainer};
use crate::load::Load;
use crate::record::live::Live;
use crate::record::{Ended, Settings, record};
use crate::rig::Rig;
use crate::run::Run;
use crate::{Error, Result, sync};

/// Most trainings of one recording: what is lost when a study is killed is at most one of them, but a recording is held
/// in memory when it is analysed.
const PART: usize = 25;

/// How a study's recordings ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conducted {
    /// Everything is done.
    Whole,
    /// Somebody stopped it.
    Stopped,
}

/// How far a first guess of a meter's clock can be wrong.
const SEARCH_NS: i64 = 3_000_000_000;

/// Does what is left of a study. `tell` takes messages for a person.
///
/// # Errors
///
/// - if a source that is needed cannot be read, a training fails, or nothing can be written.
pub fn conduct(
    folder: &mut Folder,
    progress: &Progress,
    tell: &(impl Fn(&str) + Clone + Send + 'static),
) -> Result<Conducted> {
    // A recording that was killed has not been aligned.
    for part in folder.parts() {
        let run = Run::open(&folder.dir().join(&part.run))?;
        if run.alignment()?.0.is_empty() {
            align(&run, tell);
        }
    }
    for experiment in folder.plan().experiments.clone() {
        loop {
            let done = folder.done(experiment.id);
            if done >= experiment.trainings {
                break;
            }
            let ended = part(folder, &experiment, done, progress, tell)?;
            if ended.recording.ended.starts_with("signal") {
                return Ok(Conducted::Stopped);
            }
            if let Some(failure) = ended.failure {
                return Err(failure);
            }
            if folder.done(experiment.id) == done {
                return Err(Error::new(format!("no training of {} was recorded as a whole", experiment.id.name()))
                    .mend("see that the training marks its epochs by lines `__epoch 3__`, and that the machine is not overloaded"));
            }
        }
    }
    Ok(Conducted::Whole)
}

/// One recording.
fn part(
    folder: &mut Folder,
    experiment: &Experiment,
    done: usize,
    progress: &Progress,
    tell: &(impl Fn(&str) + Clone + Send + 'static),
) -> Result<Ended> {
    let (number, dir) = folder.next(experiment.id);
    let count = (experiment.trainings - done).min(PART);
    progress.part_begins(experiment.id, done, experiment.trainings);
    let stage = Stage::set(folder, experiment, (number, done, count))?;
    let rig = sources::of_experiment(stage.rig, experiment.id);
    let mut settings = Settings::new(Some(dir.clone()), rig);
    settings.notes = vec![format!("study, {}: {}", experiment.id.name(), experiment.id.title())];
    let told = tell.clone();
    settings.tell = Box::new(move |text| told(text));
    let live = Live::default();
    progress.watch(&live);
    let scene = Scene {
        run: dir.clone(),
        live: live.clone(),
        stop: Arc::clone(&settings.stop),
        progress: progress.clone(),
    };
    let trainer = stage.trainer;
    let stop = Arc::clone(&settings.stop);
    let training = thread::Builder::new()
        .name("trainer".to_owned())
        .spawn(move || trainer.run(&scene))
        .map_err(|error| Error::new("no thread can be made to train").because(error))?;
    let ended = record(settings, &live);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let trained = training.join().unwrap_or_else(|_| Err(Error::new("the trainer panicked")));
    let ended = ended?;
    if let Some(run) = &ended.run {
        #[cfg(feature = "virtual")]
        if let Some(node) = &stage.node {
            crate::rig::virtual_node::write_truth(node, run)?;
        }
        align(run, tell);
    }
    folder.adopt(experiment.id, number, &dir)?;
    trained?;
    Ok(ended)
}

/// Aligns the meter's clock by the edges of all that is measured inside the node, where it has one of its own. A meter
/// that cannot be aligned is no reference, which the analysis says.
fn align(run: &Run, tell: &impl Fn(&str)) {
    let instruments = Instruments::of(run);
    let Some(meter) = instruments.meter else { return };
    let gpus = instruments.gpus.iter().filter_map(|gpu| gpu.ring.as_ref().or(gpu.counter.as_ref()));
    let gpus: Vec<&String> = gpus.collect();
    let mut why = None;
    // All that is measured explains the meter best; what is read late on a busy machine can spoil that.
    for others in [[&instruments.cpu[..], &instruments.dram[..]], [&instruments.cpu[..], &[]], [&[], &[]]] {
        let channels: Vec<String> = gpus.iter().copied().chain(others.concat().iter()).cloned().collect();
        if channels.is_empty() {
            continue;
        }
        let request = sync::Request {
            load: Some(Load::Channels { channels }),
            channels: vec![meter.clone()],
            search_ns: SEARCH_NS,
        };
        let found = sync::sync(run, &request).and_then(|found| {
            let aligned = found.clocks.iter().any(|clock| clock.alignment.is_some());
            if aligned {
                run.save_alignment(&found.alignment(run)?)?;
            }
            Ok(aligned || found.clocks.iter().all(|clock| !clock.failed))
        });
        match found {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => why = Some(error),
        }
    }
    let why = why.map_or_else(|| "no load fits its edges".to_owned(), |error| error.to_string());
    tell(&format!(
        "the clock of {meter} in {} could not be aligned, so that it is no reference there: {why}",
        run.name()
    ));
}

/// What a part needs: sources and somebody who trains.
struct Stage {
    rig: Rig,
    trainer: Trainer,
    #[cfg(feature = "virtual")]
    node: Option<virtual_rig::VirtualRig>,
}

impl Stage {
    fn set(
        folder: &Folder,
        experiment: &Experiment,
        (number, first, count): (usize, usize, usize),
    ) -> Result<Self> {
        let plan = folder.plan();
        if plan.rig == RigChoice::Virtual {
            return Self::set_virtual(folder, experiment, number, count);
        }
        let trainer = match &plan.workload {
            Some(line) => {
                let log = folder.dir().join(format!("{}-trainings.log", experiment.id.name()));
                Trainer::Command(Command::new(line, first, count, log))
            }
            None => Trainer::BuiltIn(BuiltIn::new(plan, experiment.id, first, count)),
        };
        Ok(Self {
            rig: sources::rig(&plan.rig)?,
            trainer,
            #[cfg(feature = "virtual")]
            node: None,
        })
    }

    #[cfg(feature = "virtual")]
    fn set_virtual(folder: &Folder, experiment: &Experiment, number: usize, count: usize) -> Result<Self> {
        use super::trainer::{Script, virtual_description};
        use crate::rig::virtual_node;
        let plan = folder.plan();
        let description = virtual_description(plan, experiment.id, number, count);
        let node = virtual_node::start(description)?;
        let rig = virtual_node::sources(&node)?;
        let trainer = match &plan.workload {
            Some(line) => {
                let log = folder.dir().join(format!("{}-trainings.log", experiment.id.name()));
                Trainer::Command(Command::new(line, folder.done(experiment.id), count, log))
            }
            None => Trainer::Script(Script::new(&node.node().marks(node.origin_ns(), i64::MAX))),
        };
        Ok(Self { rig, trainer, node: Some(node) })
    }

    #[cfg(not(feature = "virtual"))]
    fn set_virtual(_: &Folder, _: &Experiment, _: usize, _: usize) -> Result<Self> {
        Err(Error::new("this program was built without the virtual rig")
            .mend("name the sources by --rig FILE"))
    }
}

/// Folder in which a study is kept where nobody names one.
pub fn default_folder() -> &'static Path {
    Path::new("wattproof-study")
}
