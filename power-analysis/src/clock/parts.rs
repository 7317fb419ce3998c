//! The offsets of parts of a run, by which a clock is judged.

use super::edges::{Model, TIME_STEP};
use super::shape::{PLAUSIBLE_PPM, Part};
use crate::fit::{Lag, Minimum, Problem, Sensitivity, fill_boxcar};
use crate::time::{nanoseconds, seconds};

impl Model<'_> {
    /// Offsets of parts of the run, each fitted alone with drift, window and rise held.
    pub(super) fn parts(&self, chosen: &[usize], best: &Minimum) -> Vec<Part> {
        let places = self.places(chosen);
        let mut x = Vec::new();
        self.response(&places, &best.at, &mut x);
        let (low, high) =
            x.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
        let changes: Vec<f64> =
            x.windows(2).map(|pair| (pair[1] - pair[0]).abs() / (high - low).max(1e-12)).collect();
        let total: f64 = changes.iter().sum();
        // Six whole swings fix an offset well enough to judge a line by.
        let wanted = (total / 6.0).floor().clamp(0.0, 12.0);
        if wanted < 2.0 {
            return Vec::new();
        }
        let mut parts = Vec::new();
        let (mut first, mut swung) = (0, 0.0);
        for (index, change) in changes.iter().enumerate() {
            swung += change;
            if swung >= total / wanted || index + 1 == changes.len() {
                parts.extend(self.part(&chosen[first..=index + 1], best));
                (first, swung) = (index + 1, 0.0);
            }
        }
        parts
    }

    fn part(&self, chosen: &[usize], best: &Minimum) -> Option<Part> {
        if chosen.len() < 8 {
            return None;
        }
        let [offset, drift, window, rise] = self.unpack(&best.at);
        // A clock that was set bends the common drift beyond what any clock does.
        let drift = if drift.abs() * 1e6 > PLAUSIBLE_PPM { 0.0 } else { drift };
        let origin = i64::midpoint(self.times_ns[chosen[0]], self.times_ns[chosen[chosen.len() - 1]]);
        let places = self.places(chosen);
        let y = self.values(chosen);
        let lag = (rise > 0.0).then(|| Lag::new(self.drive, rise, rise));
        let fill = |at: &[f64], out: &mut Vec<f64>| {
            let times = places.iter().map(|(since, place)| place + at[0] + drift * since);
            match &lag {
                Some(lag) => fill_boxcar(lag, times, window, 0.0, out),
                None => fill_boxcar(self.drive, times, window, 0.0, out),
            }
            true
        };
        let reach = seconds(self.settings.search_ns);
        let problem =
            Problem::new(&y, (0.0, f64::INFINITY), vec![(offset - 2.0 * reach, offset + 2.0 * reach)], &fill);
        let step = (0.5 * window).clamp(5e-3, 0.5);
        let half = (reach / step).ceil().clamp(1.0, 1_000.0);
        let mut x = Vec::new();
        let mut start = (f64::INFINITY, offset);
        let mut shift = -half;
        while shift <= half {
            let squares = problem.squares(&[offset + shift * step], &mut x);
            // Nearest first where the load repeats itself.
            if squares < 0.999 * start.0
                || (squares <= start.0 && shift.abs() * step < (start.1 - offset).abs())
            {
                start = (squares, offset + shift * step);
            }
            shift += 1.0;
        }
        let found = problem.polish(&[start.1], &[0.5 * step], 1e-5, 100);
        let sensitivity = Sensitivity::of(&problem, &found.at, &[TIME_STEP])?;
        let at = seconds(origin.saturating_sub(self.origin_ns));
        let mapped = self.times_ns[chosen[0]].saturating_add(self.settings.guess_ns);
        Some(Part {
            at,
            begin_ns: mapped.saturating_add(nanoseconds(found.at[0])),
            offset: found.at[0] + drift * at,
            error: sensitivity.errors[0],
        })
    }
}
