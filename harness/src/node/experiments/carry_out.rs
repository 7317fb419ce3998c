//! A plan carried out: one run for each experiment, and what is there already is not made again.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use power_load::{Load, Played, play};

use super::{Experiment, Plan, Thermometer, Warmth};
use crate::record::live::Live;
use crate::record::{Settings, load_error, pulse_mark, record};
use crate::rig::Rig;
use crate::run::{Mark, Run, State};
use crate::{Error, Result};

/// Makes the run of one experiment in a folder that is not there yet.
pub type Make<'a> = dyn FnMut(&Experiment, &Path) -> Result<Run> + 'a;

/// Makes the load of one experiment ready.
pub type Open<'a> = dyn FnMut(&Experiment) -> Result<Box<dyn Load>> + 'a;

/// Makes all runs of a plan below `dir`, one after the other, and returns them in their order.
///
/// A run that is there, whole and of this plan, is taken as it is; one that was broken off is made anew.
///
/// # Errors
///
/// - a run cannot be made; those before it stay, and are taken when this is called again
/// - a folder is in the way that is no run of this plan
/// - `stop` was set
pub fn carry_out(
    plan: &Plan,
    dir: &Path,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(&str),
    make: &mut Make<'_>,
) -> Result<Vec<Run>> {
    std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, "make", error))?;
    let mut runs = Vec::new();
    for (at, experiment) in plan.experiments.iter().enumerate() {
        let path = dir.join(&experiment.name);
        let count = format!("{}/{} {}", at + 1, plan.experiments.len(), experiment.name);
        if let Some(run) = reusable(plan, experiment, &path) {
            tell(&format!("{count}: is there already"));
            runs.push(run);
            continue;
        }
        clear(&path, experiment)?;
        tell(&count);
        runs.push(make(experiment, &path)?);
        if stop.load(Ordering::Relaxed) && at + 1 < plan.experiments.len() {
            return Err(Error::new(format!(
                "stopped after {} of {} experiments",
                at + 1,
                plan.experiments.len()
            ))
            .mend("the same command goes on where it was"));
        }
    }
    Ok(runs)
}

/// The run of an experiment, if it is there, whole, and was made as this plan has it.
pub fn reusable(plan: &Plan, experiment: &Experiment, path: &Path) -> Option<Run> {
    let run = Run::open(path).ok()?;
    let known = run.manifest().notes.contains(&note(plan, experiment));
    let whole = run.manifest().state == State::Finished
        && run.phases().ok()?.iter().any(|phase| phase.name == experiment.name);
    (known && whole).then_some(run)
}

/// What a run says of its experiment: the same words mean the same experiment.
pub(super) fn note(plan: &Plan, experiment: &Experiment) -> String {
    let demand = &experiment.demand;
    let gpu = demand.gpus.first().copied().unwrap_or_default();
    format!(
        "experiment {}: CPU {}, memory {}, {} GPUs at {} and their memory at {}; {} s, of which the first {} s do not count",
        experiment.name,
        demand.cpu,
        demand.memory,
        demand.gpus.len(),
        gpu.compute,
        gpu.memory,
        plan.settling.dwell_s,
        plan.settling.discard_s
    )
}

/// Removes a run of this experiment that was broken off.
fn clear(path: &Path, experiment: &Experiment) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let ours = |run: &Run| {
        run.manifest().notes.iter().any(|note| note.starts_with(&format!("experiment {}:", experiment.name)))
            && !run.phases().is_ok_and(|phases| phases.iter().any(|phase| phase.name == experiment.name))
    };
    if Run::open(path).is_ok_and(|run| ours(&run)) {
        return std::fs::remove_dir_all(path).map_err(|error| Error::io(path, "remove", error));
    }
    Err(Error::new(format!("{} is in the way, and is no run of this plan", path.display()))
        .mend("move it away, choose another folder, or give the --dwell and --discard that it was made with"))
}

/// Real sensors and a real load.
pub struct Bench<'a> {
    /// The sources.
    pub rig: Rig,
    /// Makes the load of an experiment ready.
    pub open: Box<Open<'a>>,
    /// How warm the GPUs are.
    pub thermometer: Thermometer,
    /// Between which temperatures experiments are made.
    pub warmth: Warmth,
    /// Ends the calibration.
    pub stop: Arc<AtomicBool>,
    /// Tells a person what happens.
    pub tell: Box<dyn FnMut(&str) + 'a>,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bench").field("rig", &self.rig).field("warmth", &self.warmth).finish_non_exhaustive()
    }
}

impl Bench<'_> {
    /// Records one experiment. Blocks for its time, and before that until the GPUs are cool.
    ///
    /// # Errors
    ///
    /// - the load or the recording fails
    /// - a GPU does not cool, or gets too warm; the run is removed then, for it is of no plateau
    pub fn make(&mut self, plan: &Plan, experiment: &Experiment, path: &Path) -> Result<Run> {
        self.thermometer.cool(self.warmth, &self.stop, &mut *self.tell)?;
        // At rest no load is even open: what a context on a GPU takes would count as idle.
        let mut load: Box<dyn Load> = if experiment.demand.is_idle() {
            Box::new(power_load::Loads::new())
        } else {
            (self.open)(experiment)?
        };
        let marks: Arc<Mutex<Vec<Mark>>> = Arc::default();
        let mut settings = Settings::new(Some(PathBuf::from(path)), self.rig.clone());
        settings.notes = vec![note(plan, experiment)];
        let late = Arc::clone(&marks);
        settings.late_marks =
            Some(Box::new(move |_, _| late.lock().unwrap_or_else(PoisonError::into_inner).clone()));
        let (stop, over) = (Arc::clone(&settings.stop), AtomicBool::new(false));
        let schedule = plan.schedule(experiment);
        let (thermometer, warmth) = (&mut self.thermometer, self.warmth);
        let (ended, played, hot) = thread::scope(|scope| {
            let playing = scope.spawn(|| {
                let played = play(&schedule, &mut *load, &stop, &mut |event| {
                    marks.lock().unwrap_or_else(PoisonError::into_inner).push(pulse_mark(event));
                });
                stop.store(true, Ordering::Relaxed);
                played
            });
            let guarding = scope.spawn(|| thermometer.guard(warmth, &over, &stop));
            let ended = record(settings, &Live::default());
            // A recording that failed or was interrupted ends the load, too.
            stop.store(true, Ordering::Relaxed);
            over.store(true, Ordering::Relaxed);
            (ended, playing.join(), guarding.join())
        });
        let ended = ended?;
        let remove = || std::fs::remove_dir_all(path).map_err(|error| Error::io(path, "remove", error));
        if let Ok(Some((celsius, name))) = hot {
            remove()?;
            return Err(Error::new(format!("{name} got to {celsius:.0} °C in {}", experiment.name))
                .mend("see to its cooling, or allow more by --end-above"));
        }
        match played {
            Ok(Ok(Played::Whole)) => {}
            Ok(Ok(Played::Stopped)) => {
                remove()?;
                return Err(Error::new(format!("{} was broken off", experiment.name))
                    .mend("the same command goes on where it was"));
            }
            Ok(Err(error)) => {
                remove()?;
                return Err(load_error(error));
            }
            Err(_) => return Err(Error::new("the thread of the load failed")),
        }
        match (ended.run, ended.failure) {
            (Some(run), None) => Ok(run),
            (_, Some(failure)) => Err(failure),
            (None, None) => {
                Err(Error::new(format!("{} left no run", experiment.name)).mend("check the disk"))
            }
        }
    }
}
