//! The spread of a ratio of two sums over a correlated, paired series.

use rand::RngExt;

use super::block_length::block_length;
use super::descriptive::quantile;
use super::numeric::{count, generator, student_two_sided, sum};

/// Longer series are first summed over bins: this bounds the cost of a replicate and leaves the ratio as it is.
const MAX_BINS: usize = 1 << 14;

/// Batches of the t interval. With 10 they are longest, thus least correlated; fewer make t wide.
pub(super) const BATCHES: usize = 10;

/// Numerator and denominator, summed over bins, as residuals from the ratio of their totals.
pub(super) struct Pairs {
    /// numerator - ratio × denominator per bin; adds up to 0.
    residuals: Vec<f64>,
    denominators: Vec<f64>,
    denominator: f64,
    /// Values in a bin.
    bin: usize,
    /// Total of the numerators over total of the denominators.
    pub(super) ratio: f64,
    /// Whether both totals are positive, so that the ratio has a logarithm.
    pub(super) positive: bool,
}

impl Pairs {
    /// Pairs of a numerator and a denominator; `None` below [`BATCHES`] pairs or where there is no ratio.
    pub(super) fn new(numerator: &[f64], denominator: &[f64]) -> Option<Self> {
        if numerator.len() != denominator.len() {
            return None;
        }
        Self::binned(numerator, |bin| denominator.chunks(bin).map(|c| c.iter().sum()).collect())
    }

    /// Values with a denominator of 1 each, so that the ratio is their mean.
    pub(super) fn mean(values: &[f64]) -> Option<Self> {
        Self::binned(values, |bin| values.chunks(bin).map(|c| count(c.len())).collect())
    }

    fn binned(numerator: &[f64], denominators: impl FnOnce(usize) -> Vec<f64>) -> Option<Self> {
        if numerator.len() < BATCHES {
            return None;
        }
        let bin = numerator.len().div_ceil(MAX_BINS);
        let mut residuals: Vec<f64> = numerator.chunks(bin).map(|c| c.iter().sum()).collect();
        let denominators = denominators(bin);
        let total = sum(residuals.iter().copied());
        let denominator = sum(denominators.iter().copied());
        let ratio = total / denominator;
        for (residual, denominator) in residuals.iter_mut().zip(&denominators) {
            *residual -= ratio * denominator;
        }
        if !ratio.is_finite() || residuals.iter().any(|residual| !residual.is_finite()) {
            return None;
        }
        let positive = total > 0.0 && denominator > 0.0;
        Some(Self { residuals, denominators, denominator, bin, ratio, positive })
    }

    /// Number of bins.
    pub(super) const fn len(&self) -> usize {
        self.residuals.len()
    }

    /// Automatic block length of the residuals, in bins.
    pub(super) fn block(&self) -> usize {
        block_length(&self.residuals)
    }

    /// A number of bins as a number of values.
    pub(super) const fn values(&self, bins: usize) -> usize {
        bins.saturating_mul(self.bin)
    }

    /// Half width by the symmetric studentised circular block bootstrap, on the scale of the ratio or its log.
    pub(super) fn studentised(
        &self,
        block: usize,
        replicates: usize,
        confidence: f64,
        seed: u64,
        log: bool,
    ) -> Option<f64> {
        let starts = self.block_sums(block);
        let share = count(block) / count(self.len());
        let squares = starts.iter().map(|(e, _)| e * e).sum::<f64>() / count(starts.len());
        // A block mean varies less around the mean of its own series than around the truth: by 1 - share.
        let error = (squares / share / (1.0 - share)).sqrt() / self.denominator.abs();
        let mut random = generator(seed);
        let drawn = self.len().div_ceil(block).max(2);
        let mut distances: Vec<f64> = (0..replicates)
            .filter_map(|_| {
                let blocks = (0..drawn).map(|_| starts[random.random_range(0..starts.len())]);
                self.distance(blocks, drawn, log)
            })
            .collect();
        distances.sort_unstable_by(f64::total_cmp);
        let scale = if log { self.ratio } else { 1.0 };
        Some(quantile(&distances, confidence)? * error / scale)
    }

    /// How many of its own standard errors a replicate is away from the ratio; `None` where it has no scale.
    fn distance(&self, blocks: impl Iterator<Item = (f64, f64)>, drawn: usize, log: bool) -> Option<f64> {
        let [mut e, mut d, mut ee, mut ed, mut dd] = [0.0; 5];
        for (residual, denominator) in blocks {
            e += residual;
            d += denominator;
            ee += residual * residual;
            ed += residual * denominator;
            dd += denominator * denominator;
        }
        // The replicate's ratio is the ratio plus this; its residuals are those drawn minus this × denominator.
        let shift = e / d;
        let squares = (ee - 2.0 * shift * ed + shift * shift * dd).max(0.0);
        let error = (squares * count(drawn) / (count(drawn) - 1.0)).sqrt() / d.abs();
        let away = if log {
            let change = shift / self.ratio;
            change.ln_1p() * self.ratio * (1.0 + change)
        } else {
            shift
        };
        let distance = if away == 0.0 { 0.0 } else { away.abs() / error };
        distance.is_finite().then_some(distance)
    }

    /// Sums of residual and denominator over the circular block that starts at each bin.
    fn block_sums(&self, block: usize) -> Vec<(f64, f64)> {
        let n = self.len();
        let window = |values: &[f64]| {
            let mut before = Vec::with_capacity(n + block + 1);
            let mut running = 0.0;
            before.push(running);
            for i in 0..n + block {
                running += values[i % n];
                before.push(running);
            }
            before
        };
        let (residuals, denominators) = (window(&self.residuals), window(&self.denominators));
        let over = |before: &[f64], start: usize| before[start + block] - before[start];
        (0..n).map(|start| (over(&residuals, start), over(&denominators, start))).collect()
    }

    /// Half width by Student's t over batches, on the scale of the ratio; wider where batches are correlated.
    pub(super) fn batch_means(&self, confidence: f64) -> f64 {
        let n = self.len();
        let batches: Vec<f64> = (0..BATCHES)
            .map(|i| sum(self.residuals[i * n / BATCHES..(i + 1) * n / BATCHES].iter().copied()))
            .collect();
        let (m, squares) = (count(BATCHES), batches.iter().map(|e| e * e).sum::<f64>());
        if squares <= 0.0 {
            return 0.0;
        }
        let neighbours = batches.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        // The autocorrelation of m deviations from their own mean is about 1/m too low.
        let correlation = (neighbours / squares + 1.0 / m).clamp(0.0, 0.95);
        let inflation = (1.0 + correlation) / (1.0 - correlation);
        let error = (squares * m / (m - 1.0) * inflation).sqrt() / self.denominator.abs();
        student_two_sided(confidence, m - 1.0) * error
    }
}
