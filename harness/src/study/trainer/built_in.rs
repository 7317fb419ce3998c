//! Trainings that need no framework: kernels that load a real GPU as networks drawn at random do.
//!
//! They compute nothing of use. What a network is like decides how much of the multiprocessors and of the memory's
//! bandwidth it takes, and for how long; its host is left alone.

use power_load::{CudaLoad, CudaOptions, Demand, EventKind, GpuDemand, Played, Schedule, Step, play};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::Scene;
use super::command::{BETWEEN, REST};
use crate::Result;
use crate::record::load_error;
use crate::run::MarkEvent;
use crate::study::plan::{ExperimentId, Plan};
use crate::study::reference::RESTING;

/// Built-in trainings on real GPUs.
#[derive(Debug)]
pub struct BuiltIn {
    on_all_gpus: bool,
    /// Each with its number.
    trainings: Vec<(usize, Training)>,
}

/// One training: the demand of each of its steps, and the marks before each.
#[derive(Debug, Default)]
struct Training {
    steps: Vec<(f64, GpuDemand)>,
    marks: Vec<Vec<(MarkEvent, String)>>,
}

impl BuiltIn {
    /// `count` trainings of an experiment from number `first` on; the same plan gives the same.
    pub fn new(plan: &Plan, id: ExperimentId, first: usize, count: usize) -> Self {
        let (epochs, seconds) = plan.preset.epochs();
        let draw = |number| (number, Training::draw(super::seed(plan.seed, id, number), epochs, seconds));
        Self { on_all_gpus: id.is_on_all_gpus(), trainings: (first..first + count).map(draw).collect() }
    }

    pub(super) fn run(self, scene: &Scene) -> Result<()> {
        let there = CudaLoad::gpus_there(&CudaOptions::default()).map_err(load_error)?;
        let used = if self.on_all_gpus { there.len() } else { 1 };
        let gpus = there.iter().take(used).map(|gpu| gpu.uuid.as_str().into()).collect();
        let mut load =
            CudaLoad::start(&CudaOptions { gpus, ..CudaOptions::default() }).map_err(load_error)?;
        scene.wait_for_recording()?;
        scene.mark(MarkEvent::Begin, RESTING);
        scene.sleep(REST);
        scene.mark(MarkEvent::End, RESTING);
        for (number, training) in self.trainings {
            let name = format!("{} {number}", super::TRAINING);
            scene.mark(MarkEvent::Begin, &name);
            let played = training.play(&mut load, used, scene)?;
            if played == Played::Stopped {
                return Ok(());
            }
            scene.mark(MarkEvent::End, &name);
            scene.sleep(BETWEEN);
        }
        Ok(())
    }
}

impl Training {
    /// Draws a network's width, depth and batch size, and what follows from them.
    fn draw(seed: u64, epochs: (usize, usize), (shortest, longest): (f64, f64)) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (width, depth, batch): (f64, f64, f64) =
            (random.random_range(0.0..=1.0), random.random_range(0.0..=1.0), random.random_range(0.0..=1.0));
        // How far the network fills a GPU, 0 to 1: wide layers and large batches do.
        let size = 0.45 * width + 0.2 * depth + 0.35 * batch;
        let full = GpuDemand {
            compute: (0.05 + 0.6 * size).min(1.0),
            memory: (0.03 + 0.3 * size * random.random_range(0.75..=1.25)).min(1.0),
        };
        let length = 0.4 * size + 0.6 * random.random_range(0.0..=1.0);
        let epoch_s = shortest * (longest / shortest).powf(length);
        let mut training = Self::default();
        // Loading, on the host alone.
        training.step(random.random_range(0.2..=0.6), full, 0.0, Vec::new());
        let mut before = Vec::new();
        for epoch in 0..random.random_range(epochs.0..=epochs.1) {
            let name = format!("{} {epoch}", super::EPOCH);
            before.push((MarkEvent::Begin, name.clone()));
            for _ in 0..3 {
                let share = random.random_range(0.85..=1.0);
                training.step(epoch_s / 3.0, full, share, std::mem::take(&mut before));
            }
            // Validation is a pass without gradients.
            training.step(0.2 * epoch_s, full, random.random_range(0.45..=0.75), Vec::new());
            // A checkpoint, and the loader starts anew.
            let pause = random.random_range(0.05..=0.3);
            training.step(pause, full, 0.0, vec![(MarkEvent::End, name)]);
        }
        training
    }

    fn step(&mut self, seconds: f64, full: GpuDemand, share: f64, marks: Vec<(MarkEvent, String)>) {
        self.steps.push((seconds, GpuDemand { compute: full.compute * share, memory: full.memory * share }));
        self.marks.push(marks);
    }

    /// Trains on so many GPUs at once, each doing the same.
    fn play(&self, load: &mut CudaLoad, gpus: usize, scene: &Scene) -> Result<Played> {
        let step = |(seconds, gpu): &(f64, GpuDemand)| {
            Step::new(*seconds, Demand::IDLE.with_gpus(gpus, *gpu)).named(super::TRAINING)
        };
        let schedule = Schedule::steps(self.steps.iter().map(step));
        play(&schedule, load, &scene.stop, &mut |event| {
            if event.kind == EventKind::Begin {
                for (kind, name) in &self.marks[event.index] {
                    scene.mark(*kind, name);
                }
            }
        })
        .map_err(load_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_are_those_of_their_seed_and_their_epochs_lie_within() {
        let draw = |seed| Training::draw(seed, (3, 4), (0.2, 2.0));
        let (one, again, other) = (draw(1), draw(1), draw(2));
        assert_eq!(one.steps, again.steps);
        assert_ne!(one.steps, other.steps);
        for seed in 0..200 {
            let training = draw(seed);
            assert_eq!(training.steps.len(), training.marks.len());
            let kinds: Vec<MarkEvent> = training.marks.iter().flatten().map(|(kind, _)| *kind).collect();
            assert!((6..=8).contains(&kinds.len()), "{kinds:?}");
            for pair in kinds.chunks(2) {
                assert_eq!(pair, [MarkEvent::Begin, MarkEvent::End]);
            }
            for (seconds, gpu) in &training.steps {
                assert!(*seconds > 0.0);
                assert!((0.0..=1.0).contains(&gpu.compute) && (0.0..=1.0).contains(&gpu.memory), "{gpu:?}");
            }
        }
    }
}
