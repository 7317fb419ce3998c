//! The fitted model, and what it says of a run without a meter.

use serde::{Deserialize, Serialize};

use super::candidates::{Candidate, candidates, choice};
use super::design::{Component, Merge, Rows, components};
use super::fit::dot;
use super::form::Form;
use super::held_out::{HeldOut, fit_form};
use super::refusal::{Refusal, refuse};
use crate::stats::{Estimate, count, student_two_sided};

/// Beyond its range by more than this share of the range, a level is extrapolated.
const MARGIN: f64 = 0.05;

/// The power of a node as a function of that of its components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeModel {
    /// Its form.
    pub form: Form,
    /// Coefficients in the order of the form: constant in watts, then those of components or of their sum, then that of
    /// the quadratic term in 1/kW.
    pub coefficients: Vec<f64>,
    /// Covariance of the coefficients, row by row.
    pub covariance: Vec<Vec<f64>>,
    /// Names of the measured components, in the order of the powers to predict from.
    pub measured: Vec<String>,
    /// The components, with the range within which the model holds.
    pub components: Vec<Component>,
    /// Which could not be told apart.
    pub merges: Vec<Merge>,
    /// Lowest and highest sum of all components, in watts.
    pub sum_range_w: (f64, f64),
    /// Standard uncertainty of the meter, in per cent of its reading; not averaged out by more runs. `None` where nobody
    /// says, and then it is in no interval.
    pub meter_percent: Option<f64>,
    /// Error on runs that the fit has not seen.
    pub held_out: HeldOut,
    /// All forms that were tried, the simplest first.
    pub tried: Vec<Candidate>,
}

/// What a model says of some time with known powers of the components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Energy of the node, in joules.
    pub energy_j: Estimate,
    /// Energy of each measured component as its sensor has it, in joules.
    pub components_j: Vec<f64>,
    /// Energy of what does not depend on the load, in joules.
    pub constant_j: f64,
    /// Energy that depends on the load and that no sensor has: loss of the power supply, fans, errors of gain; in joules.
    pub load_dependent_j: f64,
    /// Share of the time in which a component or their sum was outside what the model has seen, 0 to 1.
    pub extrapolated: f64,
}

/// Fits the form that predicts unseen runs best.
///
/// `meter_percent` is the standard uncertainty of the meter in per cent of its reading, where it is known.
///
/// # Errors
///
/// - a [`Refusal`] that names what to record next, where no model can be had.
pub fn calibrate(rows: &Rows, meter_percent: Option<f64>) -> Result<NodeModel, Refusal> {
    let sum_range_w = refuse(rows)?;
    let (components, merges) = components(rows);
    let tried = candidates(&components, rows);
    let too_few = || Refusal::too_few(rows, Form::Affine.parameters(components.len()));
    let chosen = choice(&tried).ok_or_else(too_few)?;
    let fit = fit_form(chosen.form, &components, rows, None).ok_or_else(too_few)?;
    let size = fit.coefficients.len();
    Ok(NodeModel {
        form: chosen.form,
        covariance: (0..size).map(|i| (0..size).map(|j| fit.covariance.get(i, j)).collect()).collect(),
        coefficients: fit.coefficients,
        measured: rows.names().to_vec(),
        sum_range_w,
        meter_percent,
        held_out: chosen.held_out.clone(),
        components,
        merges,
        tried,
    })
}

impl NodeModel {
    /// What contradicts itself in a model that comes from a file, so that it cannot be used; `None` if nothing does.
    pub fn contradiction(&self) -> Option<String> {
        let size = self.coefficients.len();
        let wanted = self.form.parameters(self.components.len());
        let mut members: Vec<usize> = self.components.iter().flat_map(|it| it.members.clone()).collect();
        members.sort_unstable();
        if size != wanted {
            Some(format!("its form has {wanted} coefficients, not {size}"))
        } else if !self.coefficients.iter().all(|coefficient| coefficient.is_finite()) {
            Some("a coefficient is no number".into())
        } else if self.covariance.len() != size || self.covariance.iter().any(|row| row.len() != size) {
            Some(format!("its covariance is not {size} by {size}"))
        } else if members != (0..self.measured.len()).collect::<Vec<_>>() {
            Some("its components are not made of each measured one once".into())
        } else {
            None
        }
    }

    /// Energy of the node over levels of some seconds each, from the powers of its measured components in watts.
    ///
    /// # Panics
    ///
    /// If a level has not one power for each measured component.
    pub fn predict(&self, levels: &[(f64, Vec<f64>)], confidence: f64) -> Prediction {
        let mut gradient = vec![0.0; self.coefficients.len()];
        let mut components_j = vec![0.0; self.measured.len()];
        let (mut fixed, mut seconds, mut outside) = (0.0, 0.0, 0.0);
        for (duration, measured_w) in levels {
            assert_eq!(measured_w.len(), self.measured.len(), "one power for each measured component");
            let watts: Vec<f64> = self.components.iter().map(|component| component.of(measured_w)).collect();
            for (total, regressor) in gradient.iter_mut().zip(self.form.regressors(&watts)) {
                *total += duration * regressor;
            }
            for (energy, watts) in components_j.iter_mut().zip(measured_w) {
                *energy += duration * watts;
            }
            fixed += duration * self.form.fixed(&watts);
            seconds += duration;
            outside += if self.holds(&watts) { 0.0 } else { *duration };
        }
        let energy = dot(&self.coefficients, &gradient) + fixed;
        let constant_j = self.coefficients.first().map_or(0.0, |constant| constant * seconds);
        Prediction {
            energy_j: self.interval(energy, &gradient, confidence),
            load_dependent_j: energy - constant_j - components_j.iter().sum::<f64>(),
            components_j,
            constant_j,
            extrapolated: outside / seconds,
        }
    }

    /// Whether the model has seen such powers of its components.
    fn holds(&self, watts: &[f64]) -> bool {
        let within = |watts: f64, low: f64, high: f64| {
            let margin = MARGIN * (high - low).max(MARGIN * high);
            (low - margin..=high + margin).contains(&watts)
        };
        let sum = within(watts.iter().sum(), self.sum_range_w.0, self.sum_range_w.1);
        sum && watts.iter().zip(&self.components).all(|(watts, part)| within(*watts, part.low_w, part.high_w))
    }

    /// u² = gᵀ·Cov·g + (E·u form)² + (E·u meter)²: errors of one run do not average out within it.
    fn interval(&self, energy: f64, gradient: &[f64], confidence: f64) -> Estimate {
        let coefficients: f64 =
            self.covariance.iter().zip(gradient).map(|(row, g)| g * dot(row, gradient)).sum();
        let model = energy * self.held_out.form_percent / 100.0;
        let meter = energy * self.meter_percent.unwrap_or(0.0) / 100.0;
        let uncertainty = (coefficients + model * model + meter * meter).sqrt();
        let sound = self.held_out.runs.saturating_sub(self.held_out.falsified_runs.len());
        let freedom = count(sound.saturating_sub(self.coefficients.len()).max(1));
        Estimate::symmetric(energy, student_two_sided(confidence, freedom) * uncertainty, confidence)
    }
}
