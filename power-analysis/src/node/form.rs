//! The forms that the model of a node can have.

use serde::{Deserialize, Serialize};

/// How the power at the wall P follows from the components x and their sum S.
///
/// All coefficients are at least 0: neither the rest of the node nor the loss of a power supply gives power back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// P = S + c: a constant for all that is not measured, as software estimators assume.
    Offset,
    /// P = c + Σ bᵢ·xᵢ.
    Affine,
    /// P = c + b·S + q·S²: all components alike, and the loss of a power supply, quadratic in its load.
    ScaleQuadratic,
    /// P = c + Σ bᵢ·xᵢ + q·S².
    AffineQuadratic,
}

impl Form {
    /// All forms, the simplest first.
    pub const ALL: [Self; 4] = [Self::Offset, Self::Affine, Self::ScaleQuadratic, Self::AffineQuadratic];

    /// Its name for readers.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Offset => "constant offset",
            Self::Affine => "affine",
            Self::ScaleQuadratic => "scale and supply curve",
            Self::AffineQuadratic => "affine and supply curve",
        }
    }

    /// How many coefficients it has for so many components.
    pub const fn parameters(self, components: usize) -> usize {
        match self {
            Self::Offset => 1,
            Self::Affine => 1 + components,
            Self::ScaleQuadratic => 3,
            Self::AffineQuadratic => 2 + components,
        }
    }

    /// What each coefficient multiplies, for components in watts; the quadratic term is in kW·W, so that all
    /// coefficients are of like size.
    pub(super) fn regressors(self, components: &[f64]) -> Vec<f64> {
        let sum: f64 = components.iter().sum();
        let quadratic = sum * sum / 1000.0;
        match self {
            Self::Offset => vec![1.0],
            Self::Affine => [&[1.0], components].concat(),
            Self::ScaleQuadratic => vec![1.0, sum, quadratic],
            Self::AffineQuadratic => [&[1.0], components, &[quadratic]].concat(),
        }
    }

    /// The part that has no coefficient, in watts.
    pub(super) fn fixed(self, components: &[f64]) -> f64 {
        match self {
            Self::Offset => components.iter().sum(),
            _ => 0.0,
        }
    }
}
