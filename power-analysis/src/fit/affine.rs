//! The line between a response and what was read, with its slope kept within bounds.

use crate::stats::count;

/// A fitted line y = offset + gain × x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Affine {
    /// y at x = 0.
    pub(crate) offset: f64,
    /// Change of y per unit of x.
    pub(crate) gain: f64,
    /// Sum of squared residuals.
    pub(crate) squares: f64,
}

/// The least-squares line whose gain lies within `gains`; its squares are infinite where there is none.
pub(crate) fn affine(y: &[f64], x: &[f64], gains: (f64, f64)) -> Affine {
    let n = count(y.len());
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (dx, dy) = (x - mean_x, y - mean_y);
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    let free = if xx > 0.0 { xy / xx } else { gains.0 };
    let gain = free.clamp(gains.0, gains.1);
    let squares = (yy - gain * (2.0 * xy - gain * xx)).max(0.0);
    Affine {
        offset: mean_y - gain * mean_x,
        gain,
        squares: if squares.is_finite() { squares } else { f64::INFINITY },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gain_stays_within_its_bounds() {
        let x = [0.0, 1.0, 2.0, 3.0];
        let y = x.map(|x| 5.0 - 2.0 * x);
        let free = affine(&y, &x, (-9.0, 9.0));
        assert!((free.gain + 2.0).abs() < 1e-12 && free.squares < 1e-12 && (free.offset - 5.0).abs() < 1e-12);
        let positive = affine(&y, &x, (0.0, 9.0));
        assert!(positive.gain.abs() < 1e-12 && (positive.squares - 20.0).abs() < 1e-9);
    }
}
