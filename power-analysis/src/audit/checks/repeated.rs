//! Epochs with exactly their neighbour's power: figures that were copied where nothing was read.

use crate::audit::benchmark::{Evaluation, Measure};
use crate::audit::context::Context;
use crate::audit::finding::{Certainty, Check, Finding, Outcome, Severity, Worst};
use crate::audit::limits::CHANCE;
use crate::audit::robust::variance;
use crate::audit::words::{as_f64, percent, watts};

/// The powers of one series in order, by record.
type Series = Vec<Option<f64>>;

fn series(evaluation: &Evaluation) -> impl Iterator<Item = Series> + '_ {
    let records = evaluation.records.iter().map(|record| record.power_w).collect();
    let components = evaluation
        .components
        .iter()
        .map(|component| component.power_w.iter().map(|power| Some(*power)).collect());
    std::iter::once(records).chain(components)
}

/// Neighbours with a power above 0 each; a failed reading of 0 is another fault.
fn neighbours(series: &Series) -> Vec<(f64, f64)> {
    let pair = |pair: &[Option<f64>]| pair[0].zip(pair[1]).filter(|(a, b)| *a > 0.0 && *b > 0.0);
    series.windows(2).filter_map(pair).collect()
}

/// Step between values as they are printed: the largest power of ten of which all are multiples.
fn printed_step(values: &[(f64, f64)]) -> f64 {
    let mut step = 1.0;
    for _ in 0..12 {
        let multiple =
            |value: f64| ((value / step).round() * step - value).abs() <= 1e-12 * value.abs().max(1.0);
        if values.iter().all(|(a, b)| multiple(*a) && multiple(*b)) {
            break;
        }
        step /= 10.0;
    }
    step
}

#[expect(clippy::float_cmp, reason = "a copy is exactly its original")]
const fn is_copy(pair: &(f64, f64)) -> bool {
    pair.0 == pair.1
}

pub(super) fn check(context: &Context<'_>) -> Outcome {
    let (mut of, mut copies, mut expected) = (0, 0, 0.0);
    let mut worst: Option<(usize, Worst)> = None;
    let half = context.half_digit(Measure::Power);
    for evaluation in &context.benchmark.evaluations {
        for series in series(evaluation) {
            let pairs = neighbours(&series);
            let same = pairs.iter().filter(|pair| is_copy(pair)).count();
            of += pairs.len();
            copies += same;
            let steps: Vec<f64> = pairs.iter().filter(|pair| !is_copy(pair)).map(|(a, b)| b - a).collect();
            // How often two of a normal spread fall onto one printed step: step / (2 √π σ).
            if let Some(spread) =
                variance(&steps).map(|variance| (variance / 2.0).sqrt()).filter(|s| *s > 0.0)
            {
                let step = printed_step(&pairs).max(2.0 * half);
                expected +=
                    as_f64(pairs.len()) * (step / (2.0 * std::f64::consts::PI.sqrt() * spread)).min(1.0);
            }
            if same > worst.as_ref().map_or(0, |(most, _)| *most) {
                let power = pairs.iter().find(|pair| is_copy(pair)).map_or(0.0, |pair| pair.0);
                let figure = format!("{same} copies, such as of {}", watts(power));
                worst = Some((same, Worst { at: evaluation.at.clone(), figure }));
            }
        }
    }
    if of == 0 {
        return Outcome::open("no evaluation states the power of several epochs");
    }
    if copies < 3 || chance(copies, expected) > CHANCE {
        return Outcome::clear(format!(
            "{copies} of {of} neighbouring epochs have the same power, {expected:.1} by chance"
        ));
    }
    Finding {
        check: Check::Imputed,
        severity: Severity::Fault,
        certainty: if expected < 1e-2 * as_f64(copies) { Certainty::Certain } else { Certainty::Likely },
        what: "Epochs have exactly the power of a neighbour: they were not measured, but filled in.".into(),
        evidence: format!(
            "{copies} of {of} neighbouring epochs ({}) agree to the last digit; chance gives {expected:.2}.",
            percent(as_f64(copies) / as_f64(of))
        ),
        affected: copies,
        of,
        units: "pairs of epochs",
        worst: worst.map(|(_, worst)| worst),
        consequence: "The spread between epochs is too small, and short epochs show their neighbours.".into(),
        mend: None,
    }
    .into()
}

/// Above this probability no Poisson variable of that mean reaches `count`: mean^count / count!.
fn chance(count: usize, mean: f64) -> f64 {
    (1..=count).map(|k| mean / as_f64(k)).product::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_steps() {
        assert!((printed_step(&[(120.25, 119.5)]) - 0.01).abs() < 1e-12);
        assert!((printed_step(&[(191.351_727_27, 119.5)]) - 1e-8).abs() < 1e-14);
    }

    #[test]
    fn chance_bounds_the_tail() {
        // By hand: 0.1^3 / 6.
        assert!((chance(3, 0.1) - 1e-3 / 6.0).abs() < 1e-12);
        assert!((chance(3, 100.0) - 1.0).abs() < 1e-12);
    }
}
