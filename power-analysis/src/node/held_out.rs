//! Error of a model on runs that its fit has not seen.

use serde::{Deserialize, Serialize};

use super::design::{Component, Rows};
use super::fit::{FALSIFIED, Fit, dot, fit};
use super::form::Form;
use crate::stats::{count, mean, median};

/// A level that the model misses by less than this speaks against no run: forms err by as much at the ends of the range.
const LEAST_FALSIFIED: f64 = 0.03;

/// Relative errors of the energy of whole runs, each predicted by a fit to all other runs (leave one run out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Number of runs.
    pub runs: usize,
    /// Greatest error without its sign, in per cent, of the runs that agree with the others.
    pub max_percent: f64,
    /// Median error without its sign, in per cent.
    pub median_percent: f64,
    /// Mean error, in per cent: positive where the model says too much.
    pub bias_percent: f64,
    /// Root of the mean squared error, in per cent, of the runs that agree with the others.
    pub rms_percent: f64,
    /// What of that neither the scatter of the meter nor the uncertainty of the coefficients explains, in per cent: the
    /// error of the form itself, which every prediction has.
    pub form_percent: f64,
    /// Runs most of whose levels speak against all others, such as those of a falsified sensor: they count for
    /// median and bias, not for the others.
    pub falsified_runs: Vec<usize>,
}

/// The levels as a form sees them.
pub(super) fn fit_form(
    form: Form,
    components: &[Component],
    rows: &Rows,
    without: Option<usize>,
) -> Option<Fit> {
    let (mut regressors, mut y) = (Vec::new(), Vec::new());
    for row in rows.rows().iter().filter(|row| Some(row.run) != without) {
        let watts: Vec<f64> = components.iter().map(|component| component.of(&row.components_w)).collect();
        regressors.push(form.regressors(&watts));
        y.push(row.meter_w - form.fixed(&watts));
    }
    (y.len() > form.parameters(components.len())).then(|| fit(&regressors, &y)).flatten()
}

/// One run by a fit to all others: its error, and the variance of it that is no fault of the form, in per cent.
struct Unseen {
    error: f64,
    explained: f64,
}

/// Leaves out one run after another; `None` if that leaves too few for a fit. What is `falsified` is the same for all
/// forms: one that accuses more runs would look better on the rest.
pub(super) fn held_out(
    form: Form,
    components: &[Component],
    rows: &Rows,
    falsified_runs: &[usize],
) -> Option<HeldOut> {
    let runs = rows.runs();
    let unseen: Option<Vec<Unseen>> = runs.iter().map(|&run| unseen(form, components, rows, run)).collect();
    let unseen = unseen?;
    let sound: Vec<&Unseen> = runs
        .iter()
        .zip(&unseen)
        .filter(|(run, _)| !falsified_runs.contains(run))
        .map(|(_, unseen)| unseen)
        .collect();
    let over_sound =
        |of: fn(&Unseen) -> f64| sound.iter().map(|unseen| of(unseen)).sum::<f64>() / count(sound.len());
    let errors: Vec<f64> = unseen.iter().map(|unseen| unseen.error).collect();
    let magnitudes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    (!sound.is_empty()).then_some(HeldOut {
        runs: runs.len(),
        max_percent: sound.iter().fold(0.0, |most, unseen| unseen.error.abs().max(most)),
        median_percent: median(&magnitudes)?,
        bias_percent: mean(&errors)?,
        rms_percent: over_sound(|unseen| unseen.error.powi(2)).sqrt(),
        form_percent: over_sound(|unseen| unseen.error.powi(2) - unseen.explained).max(0.0).sqrt(),
        falsified_runs: falsified_runs.to_vec(),
    })
}

fn unseen(form: Form, components: &[Component], rows: &Rows, run: usize) -> Option<Unseen> {
    let fit = fit_form(form, components, rows, Some(run))?;
    let mut gradient = vec![0.0; fit.coefficients.len()];
    let (mut fixed, mut metered, mut scatter) = (0.0, 0.0, 0.0);
    for row in rows.rows().iter().filter(|row| row.run == run) {
        let watts: Vec<f64> = components.iter().map(|component| component.of(&row.components_w)).collect();
        for (total, regressor) in gradient.iter_mut().zip(form.regressors(&watts)) {
            *total += regressor;
        }
        fixed += form.fixed(&watts);
        metered += row.meter_w;
        scatter += row.meter_error_w.map_or(0.0, |error| error * error);
    }
    let predicted = dot(&fit.coefficients, &gradient) + fixed;
    Some(Unseen {
        error: 100.0 * (predicted / metered - 1.0),
        explained: 1e4 * (fit.covariance.quadratic(&gradient) + scatter) / (metered * metered),
    })
}

/// Runs that speak against all others, whichever form has a coefficient for the components.
pub(super) fn falsified(components: &[Component], rows: &Rows) -> Vec<usize> {
    let forms = Form::ALL.into_iter().filter(|form| *form != Form::Offset);
    let accused = forms.filter_map(|form| {
        let fit = fit_form(form, components, rows, None)?;
        Some(falsified_by(form, components, &fit, rows))
    });
    accused
        .reduce(|mut all, runs| {
            all.retain(|run| runs.contains(run));
            all
        })
        .unwrap_or_default()
}

/// Runs of which more than half of the levels hardly weigh and are missed by more than any form errs.
fn falsified_by(form: Form, components: &[Component], fit: &Fit, rows: &Rows) -> Vec<usize> {
    let missed: Vec<bool> = rows
        .rows()
        .iter()
        .zip(&fit.weights)
        .map(|(row, weight)| {
            let watts: Vec<f64> =
                components.iter().map(|component| component.of(&row.components_w)).collect();
            let said = dot(&fit.coefficients, &form.regressors(&watts)) + form.fixed(&watts);
            *weight < FALSIFIED && (said / row.meter_w - 1.0).abs() > LEAST_FALSIFIED
        })
        .collect();
    let against = |run: usize| {
        let of_run = || rows.rows().iter().zip(&missed).filter(|(row, _)| row.run == run);
        2 * of_run().filter(|(_, missed)| **missed).count() > of_run().count()
    };
    rows.runs().into_iter().filter(|&run| against(run)).collect()
}
