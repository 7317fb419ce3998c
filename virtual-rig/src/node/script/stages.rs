//! The stages that are no trainings: one shape for GPUs and host alike.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Doing, Writer, span};
use crate::description::{Stage, StageKind};
use crate::num::{mix, nanos};
use crate::{Error, Result};

/// Times on and off of random loads in s, where a stage says none.
const SCALES_S: [f64; 3] = [0.15, 0.6, 2.4];

/// What a high GPU is used and its memory is, in %, per share of the way from idle to limit.
const MEMORY_SHARE: f64 = 45.0;

impl Writer {
    /// Writes stage `index` from `t` on, and returns its end.
    pub(super) fn stage(&mut self, index: usize, stage: &Stage, t: i64) -> Result<i64> {
        let seed = mix(&[self.seed, u64::try_from(index).unwrap_or(0)]);
        let gpus: Vec<usize> = stage.gpus.clone().unwrap_or_else(|| (0..self.gpus.len()).collect());
        if stage.kind == StageKind::Trainings {
            return Ok(self.train(stage, &gpus, t, seed));
        }
        let end = t + span(stage.seconds.unwrap_or_default());
        if stage.kind == StageKind::Steps {
            for (second, power_w) in &stage.steps {
                let at = t + nanos(*second);
                if at < end {
                    self.set(stage, &gpus, at, Some(*power_w), *power_w > 0.0);
                }
            }
            return Ok(end);
        }
        let times = on_off(stage, end - t, seed);
        if times.len() > super::MOST_STEPS {
            return Err(Error::new("a stage has more than 2000000 steps: give it a longer dwell"));
        }
        for (at, high) in times {
            let power_w = if high { stage.high_w } else { stage.low_w };
            self.set(stage, &gpus, t + at, power_w, high);
        }
        Ok(end)
    }

    /// Gives these GPUs a power, or that of idling, and the host what goes with it.
    fn set(&mut self, stage: &Stage, gpus: &[usize], t: i64, power_w: Option<f64>, high: bool) {
        for gpu in gpus {
            let (idle_w, limit_w) = self.spans_w[*gpu];
            let power_w = power_w.unwrap_or(idle_w);
            let share = ((power_w - idle_w) / (limit_w - idle_w).max(1.0)).clamp(0.0, 1.0);
            self.gpus[*gpu].set(
                t,
                Doing {
                    power_w,
                    used: share * 100.0,
                    memory_used: share * MEMORY_SHARE,
                    cpu: 0.0,
                    memory: 0.0,
                },
            );
        }
        let when = |share: Option<f64>| if high { share.unwrap_or(0.0) } else { 0.0 };
        self.cpu.set(t, when(stage.cpu));
        self.memory.set(t, when(stage.memory));
    }
}

/// When a stage of `length` ns is high and when it is low, from its own beginning on.
fn on_off(stage: &Stage, length: i64, seed: u64) -> Vec<(i64, bool)> {
    let dwell = span(stage.dwell_s.unwrap_or(1.0));
    match stage.kind {
        StageKind::Idle => vec![(0, false)],
        StageKind::Square => dwells(length, || (dwell, None)),
        StageKind::Prbs => {
            // x^7 + x^6 + 1: all 127 states but 0.
            let mut state = u8::try_from(seed % 127 + 1).unwrap_or(1);
            dwells(length, || {
                let bit = ((state >> 6) ^ (state >> 5)) & 1;
                state = ((state << 1) | bit) & 0x7F;
                (dwell, Some(bit == 1))
            })
        }
        StageKind::Random => {
            let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
            let scales = stage.scales_s.unwrap_or(SCALES_S);
            dwells(length, || {
                let scale = scales[random.random_range(0..scales.len())];
                (span(scale * random.random_range(0.5..=1.5)), None)
            })
        }
        StageKind::Constant | StageKind::Steps | StageKind::Trainings => vec![(0, true)],
    }
}

/// Times of high and low, each of a length and a level of its own; in turns, high first, where it has no level.
fn dwells(length: i64, mut next: impl FnMut() -> (i64, Option<bool>)) -> Vec<(i64, bool)> {
    let (mut times, mut t, mut turn) = (Vec::new(), 0, false);
    while t < length && times.len() <= super::MOST_STEPS {
        turn = !turn;
        let (dwell, level) = next();
        times.push((t, level.unwrap_or(turn)));
        t += dwell;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_of_order_7_has_64_ones_in_127() {
        let stage = Stage::new(StageKind::Prbs, 127.0).high_w(300.0);
        let bits = on_off(&stage, span(127.0), 5);
        assert_eq!(bits.len(), 127);
        assert_eq!(bits.iter().filter(|(_, high)| *high).count(), 64);
    }

    #[test]
    fn random_dwells_are_of_three_scales_and_do_not_repeat() {
        let stage = Stage::new(StageKind::Random, 600.0).high_w(300.0);
        let times = on_off(&stage, span(600.0), 5);
        let mut dwells: Vec<i64> = times.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        for (low_ms, high_ms) in [(75, 225), (300, 900), (1_200, 3_600)] {
            let within = |dwell: &&i64| (low_ms * 1_000_000..=high_ms * 1_000_000).contains(*dwell);
            let share = dwells.iter().filter(within).count() * 100 / dwells.len();
            assert!((23..=43).contains(&share), "{low_ms}: {share} %");
        }
        let all = dwells.len();
        dwells.sort_unstable();
        dwells.dedup();
        assert_eq!(dwells.len(), all);
    }
}
