//! Dense covariances: their square root, and what solves with it.

use crate::stats::count;

/// The lower triangle of a positive definite matrix's square root, after Cholesky.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    size: usize,
    /// Row by row, each up to its diagonal.
    cells: Vec<f64>,
}

impl Cholesky {
    /// The root of the matrix whose lower triangle `cells` gives row by row; `None` if it is not positive definite.
    pub(crate) fn of(mut cells: Vec<f64>, size: usize) -> Option<Self> {
        debug_assert_eq!(cells.len(), size * (size + 1) / 2, "a lower triangle");
        for row in 0..size {
            let (above, rest) = cells.split_at_mut(start(row));
            let own = &mut rest[..=row];
            for column in 0..row {
                let other = &above[start(column)..=start(column) + column];
                own[column] = (own[column] - dot(&own[..column], &other[..column])) / other[column];
            }
            let left = own[row] - dot(&own[..row], &own[..row]);
            if left.is_nan() || left <= 0.0 {
                return None;
            }
            own[row] = left.sqrt();
        }
        Some(Self { size, cells })
    }

    /// The root's inverse × `column`: what is uncorrelated in it, at variance 1.
    pub(crate) fn whiten(&self, mut column: Vec<f64>) -> Vec<f64> {
        for row in 0..self.size {
            let own = &self.cells[start(row)..=start(row) + row];
            column[row] = (column[row] - dot(&own[..row], &column[..row])) / own[row];
        }
        column
    }

    /// Half the logarithm of the determinant.
    pub(crate) fn half_log_determinant(&self) -> f64 {
        (0..self.size).map(|row| self.cells[start(row) + row].ln()).sum()
    }

    /// The negative logarithm of the likelihood of `values` under the normal law with mean 0 and this covariance.
    pub(crate) fn surprise(&self, values: Vec<f64>) -> f64 {
        let white = self.whiten(values);
        self.half_log_determinant()
            + 0.5 * dot(&white, &white)
            + 0.5 * count(self.size) * std::f64::consts::TAU.ln()
    }
}

/// Where a row begins.
const fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_times_itself_is_the_matrix() {
        let root = Cholesky::of(vec![4.0, 2.0, 5.0, -2.0, 1.0, 6.0], 3).unwrap();
        // A⁻¹ b by whitening both sides: bᵀ A⁻¹ b for b = (1, 2, 3), by hand from the adjugate: det 64.
        let white = root.whiten(vec![1.0, 2.0, 3.0]);
        assert!((root.half_log_determinant() - 0.5 * 64.0_f64.ln()).abs() < 1e-12);
        assert!((dot(&white, &white) - 173.0 / 64.0).abs() < 1e-12, "{}", dot(&white, &white) * 64.0);
        assert!(Cholesky::of(vec![1.0, 2.0, 1.0], 2).is_none());
    }
}
