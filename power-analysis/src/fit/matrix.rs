//! Small symmetric matrices.

/// A square matrix of few rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Matrix {
    size: usize,
    cells: Vec<f64>,
}

impl Matrix {
    pub(crate) fn zero(size: usize) -> Self {
        Self { size, cells: vec![0.0; size * size] }
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.size + column]
    }

    pub(crate) fn set(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.size + column] = value;
    }

    /// Adds `weight` times the product of `row` with itself.
    pub(crate) fn add_outer(&mut self, row: &[f64], weight: f64) {
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                self.cells[i * self.size + j] += weight * a * b;
            }
        }
    }

    /// The rows and columns `kept` of this.
    pub(crate) fn restricted(&self, kept: &[usize]) -> Self {
        let cells = kept.iter().flat_map(|&i| kept.iter().map(move |&j| self.get(i, j))).collect();
        Self { size: kept.len(), cells }
    }

    /// This × `column`.
    pub(crate) fn apply(&self, column: &[f64]) -> Vec<f64> {
        (0..self.size).map(|i| column.iter().enumerate().map(|(j, x)| self.get(i, j) * x).sum()).collect()
    }

    /// `row` × this × `row`.
    pub(crate) fn quadratic(&self, row: &[f64]) -> f64 {
        let mut total = 0.0;
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                total += a * b * self.get(i, j);
            }
        }
        total
    }

    /// This × `other` × this.
    pub(crate) fn sandwich(&self, other: &Self) -> Self {
        self.times(other).times(self)
    }

    fn times(&self, other: &Self) -> Self {
        let mut product = Self::zero(self.size);
        for i in 0..self.size {
            for j in 0..self.size {
                product.set(i, j, (0..self.size).map(|k| self.get(i, k) * other.get(k, j)).sum());
            }
        }
        product
    }

    /// The inverse of a positive definite matrix, by Gauss and Jordan after scaling; `None` if it is singular.
    pub(crate) fn inverse(&self) -> Option<Self> {
        let scales: Vec<f64> = (0..self.size).map(|i| self.get(i, i).sqrt()).collect();
        if scales.iter().any(|scale| !scale.is_finite() || *scale <= 0.0) {
            return None;
        }
        let mut left = self.clone();
        let mut right = Self::zero(self.size);
        for i in 0..self.size {
            right.set(i, i, 1.0);
            for j in 0..self.size {
                left.set(i, j, self.get(i, j) / (scales[i] * scales[j]));
            }
        }
        for pivot in 0..self.size {
            let value = left.get(pivot, pivot);
            // Scaled, every pivot begins at 1: what is left of one says how much of it the others explain.
            if value < 1e-12 {
                return None;
            }
            for column in 0..self.size {
                left.set(pivot, column, left.get(pivot, column) / value);
                right.set(pivot, column, right.get(pivot, column) / value);
            }
            for row in (0..self.size).filter(|&row| row != pivot) {
                let factor = left.get(row, pivot);
                for column in 0..self.size {
                    left.set(row, column, left.get(row, column) - factor * left.get(pivot, column));
                    right.set(row, column, right.get(row, column) - factor * right.get(pivot, column));
                }
            }
        }
        for i in 0..self.size {
            for j in 0..self.size {
                right.set(i, j, right.get(i, j) / (scales[i] * scales[j]));
            }
        }
        Some(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverse_of_a_badly_scaled_matrix() {
        let mut matrix = Matrix::zero(2);
        matrix.add_outer(&[1e6, 1e-3], 1.0);
        matrix.add_outer(&[-2e6, 3e-3], 1.0);
        let inverse = matrix.inverse().unwrap();
        let identity = matrix.times(&inverse);
        for i in 0..2 {
            for j in 0..2 {
                let expected = if i == j { 1.0 } else { 0.0 };
                let scale = if i == j { 1.0 } else { 1e9 };
                assert!((identity.get(i, j) - expected).abs() < 1e-9 * scale, "{identity:?}");
            }
        }
        let mut singular = Matrix::zero(2);
        singular.add_outer(&[1.0, 2.0], 1.0);
        assert_eq!(singular.inverse(), None);
    }
}
