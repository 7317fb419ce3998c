//! Scales and ticks of a figure.

use super::text::plain;

/// A scale from data to pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Scale {
    /// Maps `low` to `from` and `high` to `to`; a range without width gets some around it.
    pub(super) fn linear((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        Self { low, high, from, to, logarithmic: false }
    }

    /// The same on a logarithmic axis; both ends must be positive.
    pub(super) fn logarithmic((low, high): (f64, f64), pixels: (f64, f64)) -> Self {
        let high = if high > low { high } else { low * 2.0 };
        Self { low, high, from: pixels.0, to: pixels.1, logarithmic: true }
    }

    /// Where `value` is, in pixels.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share * (self.to - self.from)
    }

    /// The value within the scale that is nearest to `value`.
    pub(super) fn clip(&self, value: f64) -> f64 {
        value.clamp(self.low, self.high)
    }

    /// Both ends, in data.
    pub(super) const fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Round values along the scale, about `wanted`, each with its label.
    pub(super) fn ticks(&self, wanted: u32) -> Vec<(f64, String)> {
        if self.logarithmic { self.log_ticks() } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: u32) -> Vec<(f64, String)> {
        let step = round_step((self.high - self.low) / f64::from(wanted.max(1)));
        let decimals = decimals(step);
        let first = (self.low / step - 1e-9).ceil();
        let mut ticks = Vec::new();
        for index in 0..=2 * wanted {
            let value = (first + f64::from(index)) * step;
            if value > self.high + step * 1e-9 {
                break;
            }
            ticks.push((value, plain(value, decimals)));
        }
        ticks
    }

    fn log_ticks(&self) -> Vec<(f64, String)> {
        let decades = (self.high / self.low).log10();
        let leads: &[f64] = if decades > 3.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(self.low.log10().floor());
        while decade <= self.high && decade > 0.0 {
            for lead in leads {
                let value = lead * decade;
                if value >= self.low * (1.0 - 1e-9) && value <= self.high * (1.0 + 1e-9) {
                    ticks.push((value, plain(value, decimals(decade))));
                }
            }
            decade *= 10.0;
        }
        // A short stretch of a logarithmic axis is nearly linear.
        if ticks.len() < 3 { self.linear_ticks(4) } else { ticks }
    }
}

/// The round step (1, 2 or 5 times a power of ten) that is not smaller than `rough`.
fn round_step(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let decade = 10_f64.powf(rough.log10().floor());
    let lead = rough / decade;
    let lead = [1.0, 2.0, 5.0].into_iter().find(|&round| lead <= round * (1.0 + 1e-9)).unwrap_or(10.0);
    lead * decade
}

/// Decimals that tell two ticks `step` apart.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 12")]
fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
}

/// A range around `low` to `high` whose ends are round; 0 belongs to it where it is near.
pub(super) fn round_range(low: f64, high: f64, wanted: u32) -> (f64, f64) {
    let low = if low > 0.0 && low < 0.4 * high { 0.0 } else { low };
    let high = if high > low { high } else { low + low.abs().max(1.0) * 0.1 };
    let step = round_step((high - low) / f64::from(wanted.max(1)));
    ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: Scale, wanted: u32) -> Vec<String> {
        scale.ticks(wanted).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(Scale::linear((0.0, 10.0), (0.0, 1.0)), 5), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(labels(Scale::linear((1.23, 1.26), (0.0, 1.0)), 3), ["1.23", "1.24", "1.25", "1.26"]);
        assert_eq!(
            labels(Scale::linear((-0.1, 0.1), (0.0, 1.0)), 4),
            ["-0.10", "-0.05", "0.00", "0.05", "0.10"]
        );
        assert_eq!(labels(Scale::logarithmic((1.0, 50.0), (0.0, 1.0)), 5), ["1", "2", "5", "10", "20", "50"]);
        assert_eq!(labels(Scale::logarithmic((0.5, 2.0), (0.0, 1.0)), 5), ["0.5", "1", "2"]);
        assert_eq!(labels(Scale::logarithmic((0.6, 1.1), (0.0, 1.0)), 5), ["0.6", "0.8", "1.0"]);
    }

    #[test]
    fn ranges_are_round_and_near_0_begin_there() {
        assert_eq!(round_range(75.0, 692.0, 5), (0.0, 800.0));
        assert_eq!(round_range(560.0, 692.0, 4), (550.0, 700.0));
        assert_eq!(round_range(-3.0, 8.0, 5), (-5.0, 10.0));
    }

    proptest! {
        #[test]
        fn ticks_lie_within(low in -1e6..1e6_f64, width in 1e-6..1e6_f64, wanted in 1..12_u32) {
            let scale = Scale::linear((low, low + width), (0.0, 100.0));
            let ticks = scale.ticks(wanted);
            prop_assert!(ticks.len() <= usize::try_from(2 * wanted + 1).unwrap());
            for (value, label) in ticks {
                prop_assert!(scale.at(value) > -1.0 && scale.at(value) < 101.0, "{label}");
            }
        }

        #[test]
        fn a_round_range_holds_its_values(low in -1e6..1e6_f64, width in 0.0..1e6_f64) {
            let (from, to) = round_range(low, low + width, 5);
            prop_assert!(from <= low + 1e-6 && to >= low + width - 1e-6 && to > from);
        }
    }
}
