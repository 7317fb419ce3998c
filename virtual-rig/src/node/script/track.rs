//! One quantity over time, as steps.

use power_testkit::Signal;

/// Levels, each from its time on until the next.
#[derive(Debug, Clone)]
pub(super) struct Track {
    steps: Vec<(i64, f64)>,
}

impl Track {
    /// `level` from 0 on.
    pub(super) fn new(level: f64) -> Self {
        Self { steps: vec![(0, level)] }
    }

    /// Sets the level from `t` on, which is not before the latest such time.
    pub(super) fn set(&mut self, t: i64, level: f64) {
        match self.steps.last_mut() {
            Some(last) if last.0 >= t => last.1 = level,
            Some(last) if last.1.to_bits() == level.to_bits() => {}
            _ => self.steps.push((t, level)),
        }
    }

    /// Takes out what is after `t`: there, the last level before it stays.
    pub(super) fn cut(&mut self, t: i64) {
        self.steps.retain(|step| step.0 < t);
    }

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// This, within limits.
    pub(super) fn clamped(mut self, low: f64, high: f64) -> Self {
        for step in &mut self.steps {
            step.1 = step.1.clamp(low, high);
        }
        self
    }

    pub(super) fn signal(&self) -> Signal {
        Signal::steps(self.steps.first().map_or(0.0, |step| step.1), self.steps.iter().copied())
    }
}

/// The sum of tracks.
pub(super) fn sum(tracks: impl IntoIterator<Item = Track>) -> Track {
    let tracks: Vec<Track> = tracks.into_iter().collect();
    let mut changes: Vec<(i64, usize, f64)> = Vec::new();
    for (index, track) in tracks.iter().enumerate() {
        changes.extend(track.steps.iter().map(|(t, level)| (*t, index, *level)));
    }
    changes.sort_by_key(|(t, index, _)| (*t, *index));
    let mut levels = vec![0.0; tracks.len()];
    let mut total = Track { steps: Vec::new() };
    for (t, index, level) in changes {
        levels[index] = level;
        total.set(t, levels.iter().sum());
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_the_sum_at_every_time() {
        let (mut one, mut two) = (Track::new(1.0), Track::new(10.0));
        one.set(5, 2.0);
        one.set(5, 3.0);
        two.set(5, 20.0);
        two.set(9, 10.0);
        assert_eq!(sum([one, two]).steps, [(0, 11.0), (5, 23.0), (9, 13.0)]);
    }
}
