//! A lattice through moments: t = phase + k × period, with points missing and the phase broken by gaps.

use crate::stats::{count, effective_sample_size, median, whole};

/// Moments that a stretch needs before its lattice is fitted.
const FEWEST: usize = 8;
/// Share of a residual that the tracked phase follows.
const FOLLOW: f64 = 0.2;
/// Residuals beyond this share of a period, this many in a row, are a broken phase.
const BROKEN: (f64, usize) = (0.35, 3);
/// A period of the comb below this strength is none.
const WEAKEST_COMB: f64 = 0.3;

/// Moments on one unbroken lattice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    /// Index of its first moment.
    pub(super) first: usize,
    /// Number of each moment on the lattice, from 0.
    pub(super) numbers: Vec<i64>,
    /// Moment number 0, in seconds.
    pub(super) phase: f64,
    /// Its own period, in seconds.
    pub(super) period: f64,
}

/// A lattice through all stretches.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lattice {
    pub(super) period: f64,
    /// Standard error of the period.
    pub(super) error: f64,
    /// Degrees of freedom of the error.
    pub(super) freedom: f64,
    /// Standard deviation of the moments about it.
    pub(super) residual: f64,
    pub(super) stretches: Vec<Stretch>,
}

/// The period of moments whose distances are multiples of it: the longest one at which the comb
/// `mean of cos(2π distance / period)` is nearly as strong as anywhere. `None` where no comb is strong.
///
/// Distances within (`shortest`, …) only; those of a gap are left out by the caller.
pub(super) fn comb(distances: &[f64], shortest: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = distances.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let low_quartile = *sorted.get(sorted.len() / 4)?;
    let longest = 1.3 * low_quartile;
    let least = shortest.max(0.2 * low_quartile);
    if longest <= least || longest.is_nan() {
        return None;
    }
    let strength = |period: f64| {
        let turn = std::f64::consts::TAU / period;
        sorted.iter().map(|distance| (turn * distance).cos()).sum::<f64>() / count(sorted.len())
    };
    let steps = whole((longest / least).ln() / 0.002).clamp(8, 2_000);
    let ratio = (longest / least).powf(1.0 / count(steps));
    let mut period = least;
    let mut scan = Vec::with_capacity(steps + 1);
    for _ in 0..=steps {
        scan.push((period, strength(period)));
        period *= ratio;
    }
    let peaks: Vec<(f64, f64)> =
        scan.windows(3).filter(|w| w[1].1 >= w[0].1 && w[1].1 >= w[2].1).map(|w| w[1]).collect();
    let strongest = peaks.iter().map(|peak| peak.1).fold(f64::NEG_INFINITY, f64::max);
    let chosen = peaks.iter().rev().find(|peak| peak.1 >= 0.8 * strongest)?;
    (chosen.1 >= WEAKEST_COMB).then_some(chosen.0)
}

/// The lattice of `moments` (ascending, in seconds) near `period`, broken where a distance exceeds `gap`.
pub(super) fn fit(moments: &[f64], period: f64, gap: f64) -> Option<Lattice> {
    let mut stretches: Vec<Stretch> = track(moments, period, gap);
    stretches.retain(|stretch| stretch.numbers.len() >= FEWEST);
    for stretch in &mut stretches {
        refine(stretch, moments);
    }
    let mut all = Vec::new();
    let (mut products, mut spread, mut squares, mut points) = (0.0, 0.0, 0.0, 0.0);
    for stretch in &stretches {
        let sums = Sums::of(stretch, moments);
        products += sums.products;
        spread += sums.spread;
        squares += sums.squares;
        points += sums.n - 2.0;
        all.extend(residuals(stretch, moments));
    }
    if spread <= 0.0 || points <= 0.0 {
        return None;
    }
    let period = products / spread;
    let variance = squares / points;
    // Stretches that differ by more than their residuals say: the sensor's clock is not that even.
    let between: f64 = stretches
        .iter()
        .map(|stretch| (stretch.period - period).powi(2) * Sums::of(stretch, moments).spread)
        .sum();
    let excess = match stretches.len() {
        0 | 1 => 1.0,
        several => (between / (variance * count(several - 1))).max(1.0),
    };
    let widening = count(all.len()) / effective_sample_size(&all).max(1.0);
    let error = (variance / spread * excess.max(1.0) * widening.max(1.0)).sqrt();
    let error = if error.is_finite() { error } else { 0.0 };
    Some(Lattice {
        period,
        error,
        freedom: (points / widening).max(1.0),
        residual: variance.sqrt(),
        stretches,
    })
}

/// Numbers the moments one after another, following the phase so that one late moment does not shift all that come.
fn track(moments: &[f64], period: f64, gap: f64) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    let mut numbers: Vec<i64> = Vec::new();
    let (mut first, mut expected, mut bad) = (0, 0.0, 0);
    let mut close = |first: usize, numbers: &mut Vec<i64>| {
        if !numbers.is_empty() {
            stretches.push(Stretch { first, numbers: std::mem::take(numbers), phase: 0.0, period });
        }
    };
    for (index, &moment) in moments.iter().enumerate() {
        let last = numbers.last().copied();
        let broken = bad >= BROKEN.1;
        let Some(last) = last.filter(|_| moment - moments[index - 1] <= gap && !broken) else {
            close(first, &mut numbers);
            (first, expected, bad) = (index, moment, 0);
            numbers.push(0);
            continue;
        };
        let steps = ((moment - expected) / period).round().max(1.0);
        expected += steps * period;
        let off = moment - expected;
        expected += FOLLOW * off;
        bad = if off.abs() > BROKEN.0 * period { bad + 1 } else { 0 };
        numbers.push(last.saturating_add(i64::try_from(whole(steps)).unwrap_or(1)));
    }
    close(first, &mut numbers);
    stretches
}

/// Fits phase and period of a stretch, and numbers its moments by the fit, until both agree.
fn refine(stretch: &mut Stretch, moments: &[f64]) {
    for _ in 0..4 {
        let sums = Sums::of(stretch, moments);
        if sums.spread <= 0.0 {
            return;
        }
        stretch.period = sums.products / sums.spread;
        stretch.phase = sums.mean_moment - stretch.period * sums.mean_number;
        let own = &moments[stretch.first..stretch.first + stretch.numbers.len()];
        let mut again = Vec::with_capacity(own.len());
        for moment in own {
            #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates; numbers are small")]
            let number = ((moment - stretch.phase) / stretch.period).round() as i64;
            // Two moments are never one publication.
            again.push(again.last().map_or(number, |&last: &i64| number.max(last + 1)));
        }
        if again == stretch.numbers {
            return;
        }
        stretch.numbers = again;
    }
}

struct Sums {
    n: f64,
    mean_number: f64,
    mean_moment: f64,
    spread: f64,
    products: f64,
    squares: f64,
}

impl Sums {
    fn of(stretch: &Stretch, moments: &[f64]) -> Self {
        let own = &moments[stretch.first..stretch.first + stretch.numbers.len()];
        let n = count(own.len());
        let number = |k: i64| crate::time::seconds(k) * 1e9;
        let mean_number = stretch.numbers.iter().map(|&k| number(k)).sum::<f64>() / n;
        let mean_moment = own.iter().sum::<f64>() / n;
        let (mut spread, mut products, mut total) = (0.0, 0.0, 0.0);
        for (&k, &moment) in stretch.numbers.iter().zip(own) {
            let (dk, dm) = (number(k) - mean_number, moment - mean_moment);
            spread += dk * dk;
            products += dk * dm;
            total += dm * dm;
        }
        let squares = if spread > 0.0 { (total - products * products / spread).max(0.0) } else { total };
        Self { n, mean_number, mean_moment, spread, products, squares }
    }
}

/// Distances of the moments from their stretch's lattice.
pub(super) fn residuals(stretch: &Stretch, moments: &[f64]) -> Vec<f64> {
    let own = &moments[stretch.first..stretch.first + stretch.numbers.len()];
    own.iter().zip(&stretch.numbers).map(|(moment, &k)| moment - stretch.at(k)).collect()
}

impl Stretch {
    /// Time of number `k`.
    pub(super) fn at(&self, k: i64) -> f64 {
        self.phase + self.period * (crate::time::seconds(k) * 1e9)
    }
}

/// The distance from which on two neighbouring moments do not belong together.
pub(super) fn gap(distances: &[f64], poll: f64) -> f64 {
    (8.0 * median(distances).unwrap_or(0.0)).max(5.0 * poll)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(period: f64, keep: impl Fn(u32) -> bool) -> Vec<f64> {
        (0..400_u32).filter(|&k| keep(k)).map(|k| 0.3 + period * f64::from(k)).collect()
    }

    fn distances(moments: &[f64]) -> Vec<f64> {
        moments.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn the_comb_finds_a_period_of_which_publications_are_missing() {
        for keep in
            [|_| true, |k: u32| k.is_multiple_of(2) || k.is_multiple_of(7), |k: u32| !k.is_multiple_of(5)]
        {
            let moments = moments(0.1, keep);
            let period = comb(&distances(&moments), 0.002).unwrap();
            assert!((period - 0.1).abs() < 5e-4, "{period}");
        }
    }

    #[test]
    fn distances_without_order_have_no_comb() {
        let mut at = 0.0;
        let moments: Vec<f64> = (0..500_u64)
            .map(|k| {
                let share =
                    f64::from(u32::try_from((k * k * 7_919 + k * 104_729) % 1_000).unwrap()) / 1_000.0;
                at += 0.05 + 0.1 * share;
                at
            })
            .collect();
        assert_eq!(comb(&distances(&moments), 0.01), None);
    }

    #[test]
    fn a_gap_breaks_the_phase_but_not_the_period() {
        let mut all = moments(0.02, |_| true);
        all.extend(moments(0.02, |_| true).iter().map(|moment| moment + 9.0137));
        let lattice = fit(&all, 0.02003, gap(&distances(&all), 0.001)).unwrap();
        assert_eq!(lattice.stretches.len(), 2);
        assert!((lattice.period - 0.02).abs() < 1e-9 && lattice.residual < 1e-9, "{lattice:?}");
    }
}
