//! Straight lines by least squares.

use serde::{Deserialize, Serialize};

use super::estimate::Estimate;
use super::numeric::{assert_finite, count, finite, is_level, student_p_value, student_two_sided, sum};

/// A leverage from here on leaves no residual to judge the error by.
const FULL_LEVERAGE: f64 = 1.0 - 1e-9;

/// A fitted line y = intercept + slope × x.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// y at x = 0, in the unit of y.
    pub intercept: Estimate,
    /// Change of y per unit of x.
    pub slope: Estimate,
    /// Probability of a slope at least as far from 0 if there were none.
    pub slope_p: f64,
    /// Standard deviation of the residuals (divisor n - 2), in the unit of y.
    pub residual_sd: f64,
    /// Share of the variance of y that the line explains; 0 where y does not vary.
    pub r_squared: f64,
    /// Number of points.
    pub n: usize,
}

/// Fits a line by ordinary least squares, with errors that hold when the scatter grows with the level.
///
/// Standard errors are HC3 (`MacKinnon` and White 1985, *Some heteroskedasticity-consistent covariance matrix
/// estimators with improved finite sample properties*, Journal of Econometrics 29; recommended by Long and
/// Ervin 2000, The American Statistician 54(3)), because the error of a power sensor is often a share of the
/// reading. Where one point alone fixes the line, they are the classic ones. Intervals and p-value use
/// Student's t.
///
/// For correlated series `n_eff` is the effective number of points: errors are widened by sqrt(n / `n_eff`),
/// and t has `n_eff` - 2 degrees of freedom, at least 1. It is clipped to [1, n].
///
/// `None` below three points, for different lengths, where x does not vary, and for a confidence outside (0,
/// 1).
pub fn ordinary_least_squares(x: &[f64], y: &[f64], n_eff: Option<f64>, confidence: f64) -> Option<Line> {
    assert_finite(x);
    assert_finite(y);
    if x.len() != y.len() || x.len() < 3 || !is_level(confidence) {
        return None;
    }
    let fit = Fit::new(x, y)?;
    let effective = n_eff.unwrap_or(fit.n).clamp(1.0, fit.n);
    let widening = (fit.n / effective).sqrt();
    let freedom = (effective - 2.0).max(1.0);
    let t = student_two_sided(confidence, freedom);
    let (intercept_error, slope_error) = fit.errors(x, y);
    let slope_error = finite(slope_error * widening)?;
    let intercept_error = finite(intercept_error * widening)?;
    let intercept = finite(fit.mean_y - fit.slope * fit.mean_x)?;
    let slope_p = if fit.slope == 0.0 { 1.0 } else { student_p_value(fit.slope / slope_error, freedom) };
    Some(Line {
        intercept: Estimate::symmetric(intercept, t * intercept_error, confidence),
        slope: Estimate::symmetric(fit.slope, t * slope_error, confidence),
        slope_p,
        residual_sd: (fit.residual_squares / (fit.n - 2.0)).sqrt(),
        r_squared: if fit.yy > 0.0 { (1.0 - fit.residual_squares / fit.yy).clamp(0.0, 1.0) } else { 0.0 },
        n: x.len(),
    })
}

/// The line through the means, with the sums that its errors need.
struct Fit {
    n: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    yy: f64,
    slope: f64,
    residual_squares: f64,
}

impl Fit {
    fn new(x: &[f64], y: &[f64]) -> Option<Self> {
        let n = count(x.len());
        let (mean_x, mean_y) = (sum(x.iter().copied()) / n, sum(y.iter().copied()) / n);
        let squares = |values: &[f64], mean: f64| sum(values.iter().map(|v| (v - mean).powi(2)));
        let (xx, yy) = (finite(squares(x, mean_x))?, finite(squares(y, mean_y))?);
        if xx <= n * (2.0 * f64::EPSILON * mean_x).powi(2) {
            return None;
        }
        let slope = finite(sum(x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y))) / xx)?;
        let mut fit = Self { n, mean_x, mean_y, xx, yy, slope, residual_squares: 0.0 };
        fit.residual_squares = sum(x.iter().zip(y).map(|(&x, &y)| fit.residual(x, y).powi(2)));
        Some(fit)
    }

    fn residual(&self, x: f64, y: f64) -> f64 {
        (y - self.mean_y) - self.slope * (x - self.mean_x)
    }

    /// Standard errors of intercept and slope.
    fn errors(&self, x: &[f64], y: &[f64]) -> (f64, f64) {
        let (mut intercept, mut slope) = (0.0, 0.0);
        for (&x, &y) in x.iter().zip(y) {
            let dx = x - self.mean_x;
            let leverage = 1.0 / self.n + dx * dx / self.xx;
            if leverage > FULL_LEVERAGE {
                return self.classic_errors();
            }
            let residual = self.residual(x, y) / (1.0 - leverage);
            let on_slope = dx / self.xx;
            slope += (on_slope * residual).powi(2);
            intercept += ((1.0 / self.n - self.mean_x * on_slope) * residual).powi(2);
        }
        (intercept.sqrt(), slope.sqrt())
    }

    /// Standard errors under a scatter that is the same everywhere.
    fn classic_errors(&self) -> (f64, f64) {
        let variance = self.residual_squares / (self.n - 2.0);
        let intercept = variance * (1.0 / self.n + self.mean_x.powi(2) / self.xx);
        (intercept.sqrt(), (variance / self.xx).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 8] = [80.0, 120.0, 120.0, 180.0, 240.0, 300.0, 310.0, 90.0];
    const Y: [f64; 8] = [85.0, 118.0, 131.0, 170.0, 251.0, 280.0, 280.0, 99.0];

    fn close(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 1e-7 * expected.abs(), "{got} for {expected}");
    }

    #[test]
    fn agrees_with_numpy() {
        // M = np.c_[np.ones(8), X]; b = lstsq(M, Y); C = inv(M.T @ M); h = diag(M @ C @ M.T);
        // V = C @ (M.T * (Y - M @ b)**2 / (1 - h)**2) @ M @ C; b ± scipy.stats.t.ppf(0.975, 6) * sqrt(diag(V))
        let line = ordinary_least_squares(&X, &Y, None, 0.95).unwrap();
        close(line.intercept.value, 19.145_348_837_209_36);
        close(line.intercept.half_width(), 16.213_543_227_076_16);
        close(line.slope.value, 0.875_581_395_348_836_8);
        close(line.slope.half_width(), 0.120_913_564_662_857_53);
        close(line.residual_sd, 11.072_523_433_878_954);
        close(line.r_squared, 0.984_311_284_432_678_3);
        assert_eq!(line.n, 8);
        assert!(line.slope_p < 1e-4);
    }

    #[test]
    fn fewer_effective_points_widen() {
        // Half the points: errors × sqrt(2), t with 2 instead of 6 degrees of freedom.
        let all = ordinary_least_squares(&X, &Y, None, 0.95).unwrap();
        let half = ordinary_least_squares(&X, &Y, Some(4.0), 0.95).unwrap();
        let factor = 2.0_f64.sqrt() * 4.302_652_729_749_464 / 2.446_911_851_144_979;
        close(half.slope.half_width(), factor * all.slope.half_width());
        assert_eq!(ordinary_least_squares(&X, &Y, Some(99.0), 0.95), Some(all));
    }

    #[test]
    fn an_exact_line_has_no_error() {
        let y = X.map(|x| 2.0 + 0.5 * x);
        let line = ordinary_least_squares(&X, &y, None, 0.95).unwrap();
        close(line.slope.value, 0.5);
        close(line.intercept.value, 2.0);
        assert!(line.slope.half_width() < 1e-12 && line.slope_p < 1e-12);
        close(line.r_squared, 1.0);
    }

    #[test]
    fn one_point_that_fixes_the_line_gets_classic_errors() {
        let line = ordinary_least_squares(&[0.0, 0.0, 0.0, 1.0], &[1.0, 2.0, 3.0, 5.0], None, 0.95).unwrap();
        // Residuals -1, 0, 1, 0: variance 1; Sxx 3/4; t(0.975, 2) = 4.3027.
        close(line.slope.value, 3.0);
        close(line.slope.half_width(), 4.302_652_729_749_464 * (4.0_f64 / 3.0).sqrt());
    }

    #[test]
    fn degenerate() {
        let flat = ordinary_least_squares(&X, &[7.0; 8], None, 0.95).unwrap();
        assert_eq!((flat.slope.value, flat.slope_p, flat.r_squared), (0.0, 1.0, 0.0));
        assert_eq!(ordinary_least_squares(&[0.1; 8], &Y, None, 0.95), None);
        assert_eq!(ordinary_least_squares(&X[..2], &Y[..2], None, 0.95), None);
        assert_eq!(ordinary_least_squares(&X, &Y[..7], None, 0.95), None);
        assert_eq!(ordinary_least_squares(&X, &Y, None, 0.0), None);
        assert_eq!(ordinary_least_squares(&[f64::MAX, -f64::MAX, 0.0], &Y[..3], None, 0.95), None);
    }
}
