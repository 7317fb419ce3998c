//! A power signal as it is drawn: points, what lies between them, and the corners of the line through them.
//!
//! `assets/curve.js` does the same to redraw a part of it.

use power_analysis::{Interval, Publications, Readings};
use serde::Serialize;

use super::text::plain;
use super::thin;

/// What lies between two points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Shape {
    /// A straight line: a meter that streams its values.
    Line,
    /// The earlier value: a sensor that is polled shows its last publication until the next.
    Hold,
    /// The later value: a counter tells the mean since its step before.
    Since,
}

/// Points of one channel, rounded as they stand in the page: what Rust draws, the page's script draws.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) shape: Shape,
    /// Microseconds since the page's origin.
    pub(super) times_us: Vec<i64>,
    /// Power, in `per_watt`ths of a watt.
    pub(super) units: Vec<i64>,
    pub(super) per_watt: u32,
    /// Number of points before thinning.
    pub(super) of: usize,
}

/// Points before they are rounded: times in nanoseconds, power in watts.
#[derive(Debug, Clone)]
pub(super) struct Points {
    pub(super) shape: Shape,
    pub(super) times_ns: Vec<i64>,
    pub(super) watts: Vec<f64>,
    /// Number of points before thinning.
    pub(super) of: usize,
}

impl Points {
    /// The publications of a channel within `window`, with the one before it and the one after.
    ///
    /// `None` if there are fewer than two.
    pub(super) fn of(readings: &Readings, window: Interval) -> Option<Self> {
        let publications = Publications::find(readings);
        let span = readings.span()?;
        let shape = match (readings.is_counter(), readings.is_streamed()) {
            (true, _) => Shape::Since,
            (false, true) => Shape::Line,
            (false, false) => Shape::Hold,
        };
        let mut times_ns = publications.times_ns().to_vec();
        let mut watts = publications.watts().to_vec();
        match shape {
            // The first step covers the time from the first reading on.
            Shape::Since => {
                times_ns.insert(0, span.begin_ns);
                watts.insert(0, *watts.first()?);
            }
            // The last publication was read until the end.
            Shape::Hold if times_ns.last().is_some_and(|&last| last < span.end_ns) => {
                times_ns.push(span.end_ns);
                watts.push(*watts.last()?);
            }
            Shape::Hold | Shape::Line => {}
        }
        let from = times_ns.partition_point(|&time| time < window.begin_ns).saturating_sub(1);
        let to = (times_ns.partition_point(|&time| time <= window.end_ns) + 1).min(times_ns.len());
        let points = Self {
            shape,
            times_ns: times_ns.get(from..to)?.to_vec(),
            watts: watts[from..to].to_vec(),
            of: to - from,
        };
        (points.of >= 2).then_some(points)
    }

    /// At most `most` of the points, the lowest and highest of every stretch among them.
    pub(super) fn thinned(&self, most: usize) -> Self {
        let kept = thin::keep(&self.watts, most);
        Self {
            shape: self.shape,
            times_ns: kept.iter().map(|&index| self.times_ns[index]).collect(),
            watts: kept.iter().map(|&index| self.watts[index]).collect(),
            of: self.of,
        }
    }

    /// The points as they stand in the page, times since `origin_ns`.
    pub(super) fn rounded(&self, origin_ns: i64) -> Curve {
        let highest = self.watts.iter().fold(0.0, |highest: f64, watts| highest.max(watts.abs()));
        let per_watt = match highest {
            _ if highest < 10.0 => 1_000_000,
            _ if highest < 1e6 => 1000,
            _ => 1,
        };
        Curve {
            shape: self.shape,
            times_us: self.times_ns.iter().map(|&time| micros(time, origin_ns)).collect(),
            units: self.watts.iter().map(|&watts| units(watts, per_watt)).collect(),
            per_watt,
            of: self.of,
        }
    }
}

/// Whole microseconds from `origin_ns` to `time_ns`.
pub(super) fn micros(time_ns: i64, origin_ns: i64) -> i64 {
    let nanos = time_ns.saturating_sub(origin_ns);
    nanos.div_euclid(1000) + i64::from(nanos.rem_euclid(1000) >= 500)
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates; no power is near the limit")]
fn units(watts: f64, per_watt: u32) -> i64 {
    (watts * f64::from(per_watt)).round() as i64
}

/// Corners of a line: times in microseconds, upwards, two of the same time where it jumps; power in watts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Corners {
    pub(super) times: Vec<f64>,
    pub(super) watts: Vec<f64>,
}

impl Curve {
    /// The corners of the line through the points.
    #[expect(clippy::cast_precision_loss, reason = "285 years in microseconds are exact")]
    pub(super) fn corners(&self) -> Corners {
        let mut corners = Corners::default();
        let value = |index: usize| self.units[index] as f64 / f64::from(self.per_watt);
        for (index, &time) in self.times_us.iter().enumerate() {
            let time = time as f64;
            let next = (index + 1).min(self.units.len() - 1);
            match self.shape {
                Shape::Line => corners.push(time, value(index)),
                Shape::Hold => {
                    corners.push(time, value(index.saturating_sub(1)));
                    corners.push(time, value(index));
                }
                Shape::Since => {
                    corners.push(time, value(index));
                    corners.push(time, value(next));
                }
            }
        }
        corners
    }
}

impl Corners {
    /// Adds a corner, unless it is the last one again.
    fn push(&mut self, time: f64, watts: f64) {
        if self.times.last() != Some(&time) || self.watts.last() != Some(&watts) {
            self.times.push(time);
            self.watts.push(watts);
        }
    }

    /// First and last time; `None` without corners.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        Some((*self.times.first()?, *self.times.last()?))
    }

    /// Power just before and just after `time`; `None` outside the line.
    #[expect(clippy::float_cmp, reason = "times are whole microseconds")]
    pub(super) fn around(&self, time: f64) -> Option<(f64, f64)> {
        let (begin, end) = self.span()?;
        if !(begin..=end).contains(&time) {
            return None;
        }
        let from = self.times.partition_point(|&other| other < time);
        let to = self.times.partition_point(|&other| other <= time);
        if self.times[from] == time {
            return Some((self.watts[from], self.watts[to - 1]));
        }
        let (t0, t1) = (self.times[from - 1], self.times[from]);
        let (w0, w1) = (self.watts[from - 1], self.watts[from]);
        let between = w0 + (w1 - w0) * ((time - t0) / (t1 - t0));
        Some((between, between))
    }

    /// This line less another one, where there are both.
    pub(super) fn less(&self, other: &Self) -> Self {
        let mut times: Vec<f64> = self.times.iter().chain(&other.times).copied().collect();
        times.sort_by(f64::total_cmp);
        times.dedup();
        let mut difference = Self::default();
        for time in times {
            if let Some((own, others)) = self.around(time).zip(other.around(time)) {
                difference.push(time, own.0 - others.0);
                difference.push(time, own.1 - others.1);
            }
        }
        difference
    }

    /// Lowest and highest power from `begin` to `end`; `None` where there is none.
    pub(super) fn extremes(&self, begin: f64, end: f64) -> Option<(f64, f64)> {
        self.within(begin, end).fold(None, |extremes: Option<(f64, f64)>, (_, watts)| {
            Some(extremes.map_or((watts, watts), |(low, high)| (low.min(watts), high.max(watts))))
        })
    }

    /// The corners from `begin` to `end`, the line cut where it leaves that; a jump at an end belongs to it.
    fn within(&self, begin: f64, end: f64) -> impl Iterator<Item = (f64, f64)> {
        let from = self.times.partition_point(|&time| time <= begin);
        let to = self.times.partition_point(|&time| time < end).max(from);
        let edge = |time: f64| {
            let (before, after) = self.around(time).unzip();
            let after = after.filter(|&after| Some(after) != before);
            [before, after].into_iter().flatten().map(move |watts| (time, watts))
        };
        let inside = self.times[from..to].iter().copied().zip(self.watts[from..to].iter().copied());
        edge(begin).chain(inside).chain(edge(end))
    }

    /// The line from `begin` to `end` as SVG path data.
    ///
    /// Of all corners in one column of pixels only the first, lowest, highest and last are drawn, and of very many only
    /// the lowest and highest, which looks the same: nothing of the line is further away than a pixel.
    pub(super) fn path(
        &self,
        begin: f64,
        end: f64,
        x: impl Fn(f64) -> f64,
        y: impl Fn(f64) -> f64,
    ) -> String {
        let mut path = Path::default();
        let mut column: Vec<(f64, f64)> = Vec::new();
        for (time, watts) in self.within(begin, end) {
            let corner = (x(time), y(watts));
            if column.last().is_some_and(|last| last.0.floor() < corner.0.floor()) {
                path.column(&column);
                column.clear();
            }
            column.push(corner);
        }
        path.column(&column);
        path.0
    }
}

/// Corners in one column of pixels above which only the lowest and the highest can be seen.
const CROWDED: usize = 8;

/// SVG path data that grows.
#[derive(Debug, Default)]
struct Path(String);

impl Path {
    fn column(&mut self, corners: &[(f64, f64)]) {
        if corners.len() <= 4 {
            for &corner in corners {
                self.to(corner);
            }
            return;
        }
        let at = |better: fn(f64, f64) -> bool| {
            (1..corners.len())
                .fold(0, |best, index| if better(corners[index].1, corners[best].1) { index } else { best })
        };
        let (low, high) = (at(|new, old| new < old), at(|new, old| new > old));
        let mut kept =
            if corners.len() > CROWDED { [low, low, high, high] } else { [0, low, high, corners.len() - 1] };
        kept.sort_unstable();
        for (position, &index) in kept.iter().enumerate() {
            if position == 0 || kept[position - 1] != index {
                self.to(corners[index]);
            }
        }
    }

    fn to(&mut self, (x, y): (f64, f64)) {
        self.0.push(if self.0.is_empty() { 'M' } else { ' ' });
        self.0.push_str(&coordinate(x));
        self.0.push(',');
        self.0.push_str(&coordinate(y));
    }
}

/// A coordinate to a tenth of a pixel.
pub(super) fn coordinate(value: f64) -> String {
    let text = plain(value, 1);
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(shape: Shape, points: &[(i64, i64)]) -> Curve {
        let (times_us, units) = points.iter().copied().unzip();
        Curve { shape, times_us, units, per_watt: 1, of: points.len() }
    }

    fn pairs(corners: &Corners) -> Vec<(f64, f64)> {
        corners.times.iter().copied().zip(corners.watts.iter().copied()).collect()
    }

    #[test]
    fn shapes() {
        let points = [(0, 10), (10, 20), (20, 0)];
        assert_eq!(pairs(&curve(Shape::Line, &points).corners()), [(0.0, 10.0), (10.0, 20.0), (20.0, 0.0)]);
        assert_eq!(
            pairs(&curve(Shape::Hold, &points).corners()),
            [(0.0, 10.0), (10.0, 10.0), (10.0, 20.0), (20.0, 20.0), (20.0, 0.0)]
        );
        assert_eq!(
            pairs(&curve(Shape::Since, &points).corners()),
            [(0.0, 10.0), (0.0, 20.0), (10.0, 20.0), (10.0, 0.0), (20.0, 0.0)]
        );
    }

    #[test]
    fn difference_of_steps_and_a_line() {
        let held = curve(Shape::Hold, &[(0, 10), (10, 20), (20, 20)]).corners();
        let line = curve(Shape::Line, &[(-10, 0), (30, 40)]).corners();
        assert_eq!(pairs(&held.less(&line)), [(0.0, 0.0), (10.0, -10.0), (10.0, 0.0), (20.0, -10.0)]);
    }

    #[test]
    fn path_is_cut_at_the_edges() {
        let line = curve(Shape::Line, &[(0, 0), (100, 100)]).corners();
        assert_eq!(line.path(25.0, 75.0, |t| t, |w| w), "M25,25 75,75");
        assert_eq!(line.path(-50.0, 50.0, |t| t, |w| w), "M0,0 50,50");
        assert_eq!(line.path(200.0, 300.0, |t| t, |w| w), "");
    }

    #[test]
    fn rounding_keeps_small_powers() {
        let points = Points {
            shape: Shape::Line,
            times_ns: vec![1_000_499, 2_000_500],
            watts: vec![0.123_456, 1.5],
            of: 2,
        };
        let curve = points.rounded(1000);
        assert_eq!(
            (curve.times_us, curve.units, curve.per_watt),
            (vec![999, 2000], vec![123_456, 1_500_000], 1_000_000)
        );
    }

    proptest! {
        #[test]
        fn a_path_reaches_every_extreme(watts in prop::collection::vec(-500..500_i64, 2..2000), width in 10..300_u32) {
            let points: Vec<(i64, i64)> = (0..).zip(watts.iter().copied()).collect();
            let corners = curve(Shape::Hold, &points).corners();
            let (begin, end) = corners.span().unwrap();
            let path = corners.path(begin, end, |t| t * f64::from(width) / end, |w| w);
            let drawn: Vec<f64> =
                path[1..].split(' ').map(|corner| corner.split_once(',').unwrap().1.parse().unwrap()).collect();
            for (at, pick) in [(0, f64::min as fn(f64, f64) -> f64), (1, f64::max)] {
                let all = corners.watts.iter().copied().reduce(pick).unwrap();
                prop_assert!((drawn.iter().copied().reduce(pick).unwrap() - all).abs() < 0.06, "{at}");
            }
            let columns = usize::try_from(width).unwrap() + 1;
            prop_assert!(drawn.len() <= 4 * columns);
        }

        #[test]
        fn micros_round(time in any::<i32>(), origin in any::<i32>()) {
            let exact = (f64::from(time) - f64::from(origin)) / 1000.0;
            #[expect(clippy::cast_precision_loss, reason = "below 2^32")]
            let rounded = micros(i64::from(time), i64::from(origin)) as f64;
            prop_assert!((rounded - exact).abs() <= 0.5);
        }
    }
}
