//! Trainings of networks drawn at random, as a search for architectures runs them.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Doing, Mark, Writer, span};
use crate::description::Stage;
use crate::num::mix;

/// Mean power of training, in W: what the paper saw of single GPUs.
const POWER_W: (f64, f64) = (146.0, 305.0);

/// Number of epochs, and length of an epoch's training part in s, where a stage says none.
const EPOCHS: (usize, usize) = (4, 12);
const EPOCH_S: (f64, f64) = (0.3, 10.0);

/// How much of a GPU's dynamic power is left where a network is trained by several: they wait for each other.
const DISTRIBUTED: f64 = 0.62;

/// A network and what it asks of a GPU.
#[derive(Debug, Clone, Copy)]
struct Network {
    power_w: f64,
    /// Utilisation of GPU and memory in %.
    used: f64,
    memory_used: f64,
    epoch_s: f64,
    epochs: usize,
    /// What its data loader asks of the host.
    cpu: f64,
    memory: f64,
}

impl Network {
    /// Draws width, depth and batch size, and what follows from them.
    fn draw(stage: &Stage, random: &mut Xoshiro256PlusPlus) -> Self {
        let width: f64 = random.random_range(4.0..=8.0); // log2 of 16 to 256 channels
        let depth: f64 = random.random_range(8.0..=30.0);
        let batch: f64 = random.random_range(5.0..=8.0); // log2 of 32 to 256
        // How far the network fills a GPU, 0 to 1: wide layers and large batches do.
        let size = 0.45 * (width - 4.0) / 4.0 + 0.2 * (depth - 8.0) / 22.0 + 0.35 * (batch - 5.0) / 3.0;
        let used = (0.25 + 0.7 * size + random.random_range(-0.06..=0.06)).clamp(0.1, 0.99);
        let memory_used = (0.04 + 0.42 * size * random.random_range(0.75..=1.25)).clamp(0.02, 0.6);
        // Power goes with both; what is left is the kind of layers.
        let share = 0.5 * (used - 0.25) / 0.7 + 0.4 * memory_used / 0.5 + random.random_range(0.0..=0.1);
        let (low, high) = stage.power_w.unwrap_or(POWER_W);
        let (shortest, longest) = stage.epoch_s.unwrap_or(EPOCH_S);
        let length = (0.4 * size + 0.6 * random.random_range(0.0..=1.0_f64)).clamp(0.0, 1.0);
        let (fewest, most) = stage.epochs.unwrap_or(EPOCHS);
        Self {
            power_w: low + (high - low) * share.clamp(0.0, 1.0),
            used: used * 100.0,
            memory_used: memory_used * 100.0,
            epoch_s: shortest * (longest / shortest).powf(length),
            epochs: random.random_range(fewest..=most),
            // Small networks wait for their data, so their loaders work more.
            cpu: 0.03 + 0.09 * (1.0 - size),
            memory: 0.03 + 0.12 * size,
        }
    }
}

/// The GPUs that train one network, each with its idle power.
struct Team<'a> {
    writer: &'a mut Writer,
    gpus: Vec<usize>,
    stage: &'a Stage,
    depth: usize,
}

impl Team<'_> {
    /// Has the team do this from `t` on, with a share of the network's power above idling.
    fn set(&mut self, t: i64, network: &Network, power: f64, used: f64, cpu: f64) {
        let spread = if self.gpus.len() > 1 { DISTRIBUTED } else { 1.0 };
        let members = f64::from(u32::try_from(self.gpus.len()).unwrap_or(1));
        for gpu in &self.gpus {
            let (idle_w, limit_w) = self.writer.spans_w[*gpu];
            let above = (network.power_w - idle_w).max(0.0) * power * spread;
            self.writer.gpus[*gpu].set(
                t,
                Doing {
                    power_w: (idle_w + above).min(limit_w),
                    used: network.used * used * spread.sqrt(),
                    memory_used: network.memory_used * used * spread,
                    cpu: network.cpu * cpu / members.sqrt(),
                    memory: network.memory * used / members.sqrt(),
                },
            );
        }
    }

    /// One training from `t` on; its end.
    fn train(&mut self, t: i64, random: &mut Xoshiro256PlusPlus) -> i64 {
        let network = Network::draw(self.stage, random);
        let number = self.writer.trainings;
        self.writer.trainings += 1;
        let begin = t;
        // Loading: the host alone.
        self.set(t, &network, 0.08, 0.0, 1.6);
        let mut t = t + span(random.random_range(0.2..=0.6));
        for epoch in 0..network.epochs {
            let epoch_begin = t;
            t = self.epoch(t, &network, random);
            let mark = Mark {
                begin_ns: epoch_begin,
                end_ns: t,
                name: format!("epoch {epoch}"),
                depth: self.depth + 1,
            };
            self.writer.marks.push(mark);
            // Between epochs: a checkpoint, and the loader starts anew.
            self.set(t, &network, 0.12, 0.0, 1.2);
            t += span(random.random_range(0.05..=0.3));
        }
        let name = format!("training {number}");
        self.writer.marks.push(Mark { begin_ns: begin, end_ns: t, name, depth: self.depth });
        t
    }

    /// One epoch: training, in stretches that differ by a few per cent, then validation.
    fn epoch(&mut self, t: i64, network: &Network, random: &mut Xoshiro256PlusPlus) -> i64 {
        let training_s = network.epoch_s * random.random_range(0.95..=1.05);
        let stretches: u32 = random.random_range(2..=5);
        let mut t = t;
        for _ in 0..stretches {
            self.set(t, network, random.random_range(0.95..=1.05), 1.0, random.random_range(0.9..=1.1));
            t += span(training_s / f64::from(stretches));
        }
        self.set(t, network, random.random_range(0.45..=0.75), 0.7, 1.3);
        t + span(0.2 * training_s)
    }

    /// Has the team idle from `t` on.
    fn rest(&mut self, t: i64) {
        for gpu in &self.gpus {
            let (idle_w, _) = self.writer.spans_w[*gpu];
            self.writer.gpus[*gpu].idle(t, idle_w);
        }
    }
}

impl Writer {
    /// Writes a stage of trainings from `t` on; its end.
    pub(super) fn train(&mut self, stage: &Stage, gpus: &[usize], t: i64, seed: u64) -> i64 {
        self.cpu.set(t, stage.cpu.unwrap_or(0.0));
        self.memory.set(t, stage.memory.unwrap_or(0.0));
        let teams: Vec<Vec<usize>> =
            if stage.distributed { vec![gpus.to_vec()] } else { gpus.iter().map(|gpu| vec![*gpu]).collect() };
        let end = stage.seconds.map(|seconds| t + span(seconds));
        let mut latest = t;
        for team in teams {
            let first = team.first().copied().unwrap_or(0);
            let mut random =
                Xoshiro256PlusPlus::seed_from_u64(mix(&[seed, u64::try_from(first).unwrap_or(0)]));
            let mut team = Team { writer: self, gpus: team, stage, depth: 1 };
            latest = latest.max(team.run(t, end, &mut random));
        }
        end.unwrap_or(latest)
    }
}

impl Team<'_> {
    /// Trains one network after the other until `end`, or as many as the stage counts; the end.
    fn run(&mut self, start: i64, end: Option<i64>, random: &mut Xoshiro256PlusPlus) -> i64 {
        let mut t = start + span(random.random_range(0.1..=0.6));
        let mut done = 0;
        while end.map_or(self.stage.count.is_some_and(|count| done < count), |end| t < end) {
            let first_mark = self.writer.marks.len();
            t = self.train(t, random);
            done += 1;
            self.rest(t);
            if let Some(end) = end.filter(|end| t > *end) {
                self.cut(first_mark, end);
                return end;
            }
            t += span(random.random_range(0.5..=1.5));
        }
        t
    }

    /// Ends a training that a stage has no time for: what is after `end` does not happen.
    fn cut(&mut self, first_mark: usize, end: i64) {
        for gpu in &self.gpus {
            let tracks = &mut self.writer.gpus[*gpu];
            for track in [
                &mut tracks.power,
                &mut tracks.used,
                &mut tracks.memory_used,
                &mut tracks.cpu,
                &mut tracks.memory,
            ] {
                track.cut(end);
            }
        }
        let marks = self.writer.marks.split_off(first_mark);
        let cut = |mark: Mark| Mark { end_ns: mark.end_ns.min(end), ..mark };
        self.writer.marks.extend(marks.into_iter().filter(|mark| mark.begin_ns < end).map(cut));
    }
}
