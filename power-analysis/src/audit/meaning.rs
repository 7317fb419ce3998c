//! Whether figures are of each record alone or of all up to it: told by the figures, since labels do not say.

use serde::Serialize;

use super::benchmark::{Benchmark, Evaluation, Record};
use super::limits::NEARLY_ALL;
use super::robust::{median, variance};
use super::words::as_f64;

/// What a figure beside each record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Of the record alone.
    PerRecord,
    /// Of all records up to it.
    Cumulative,
}

/// Totals agree within this share: they are printed with few digits.
const SAME_TOTAL: f64 = 0.005;

/// What the energies of records are, with the evaluations that say so and those that could.
pub(super) fn of_energy(benchmark: &Benchmark) -> (Meaning, usize, usize) {
    let with_total: Vec<&Evaluation> = benchmark
        .evaluations
        .iter()
        .filter(|evaluation| evaluation.total_j.is_some() && energies(evaluation).len() >= 2)
        .collect();
    let says: usize = with_total.iter().filter(|evaluation| exceeds_total(evaluation)).count();
    if !with_total.is_empty() && as_f64(says) >= NEARLY_ALL * as_f64(with_total.len()) {
        return (Meaning::Cumulative, says, with_total.len());
    }
    let size = |record: &Record| record.window_s.or(record.training_s).unwrap_or(1.0);
    by_growth(benchmark, |record| Some((record.energy_j?, size(record))))
}

/// Whether the energies never fall, the last one is within the total, and their sum is not.
fn exceeds_total(evaluation: &Evaluation) -> bool {
    let energies = energies(evaluation);
    let (Some(total), Some(last)) = (evaluation.total_j, energies.last()) else { return false };
    energies.is_sorted()
        && *last <= total * (1.0 + SAME_TOTAL)
        && energies.iter().sum::<f64>() > total * (1.0 + 2.0 * SAME_TOTAL)
}

fn energies(evaluation: &Evaluation) -> Vec<f64> {
    evaluation.records.iter().filter_map(|record| record.energy_j).collect()
}

/// Cumulative figures grow with the records: their steps go with the records' sizes better than they do themselves.
fn by_growth(
    benchmark: &Benchmark,
    figure: impl Fn(&Record) -> Option<(f64, f64)>,
) -> (Meaning, usize, usize) {
    let (mut says, mut of) = (0, 0);
    for evaluation in &benchmark.evaluations {
        let figures: Vec<(f64, f64)> =
            evaluation.records.iter().filter_map(&figure).filter(|(_, size)| *size > 0.0).collect();
        if figures.len() < 4 {
            continue;
        }
        of += 1;
        let own = spread(figures.iter().map(|(value, size)| value / size));
        let steps = figures.windows(2).map(|pair| (pair[1].0 - pair[0].0) / pair[1].1);
        if let (Some(own), Some(steps)) = (own, spread(steps)) {
            says += usize::from(steps < 0.5 * own);
        }
    }
    let all = of > 0 && as_f64(says) >= NEARLY_ALL * as_f64(of);
    (if all { Meaning::Cumulative } else { Meaning::PerRecord }, says, of)
}

/// Standard deviation of logarithms; `None` if one has none.
fn spread(values: impl Iterator<Item = f64>) -> Option<f64> {
    let logs: Option<Vec<f64>> = values.map(|value| (value > 0.0).then(|| value.ln())).collect();
    variance(&logs?).map(f64::sqrt)
}

/// What the lengths of training are: their growth against that of the epochs tells.
pub(super) fn of_training(benchmark: &Benchmark) -> Meaning {
    let (mut own, mut steps) = (Vec::new(), Vec::new());
    for evaluation in &benchmark.evaluations {
        let mut before = (0.0, 0.0);
        let mut first = None;
        for record in &evaluation.records {
            let (Some(epochs), Some(training)) = (record.epochs, record.training_s) else { continue };
            let (of_own, of_step) =
                (training / (epochs - before.0), (training - before.1) / (epochs - before.0));
            before = (epochs, training);
            if !(of_own > 0.0 && of_own.is_finite()) {
                continue;
            }
            // Relative to the first: architectures differ, their epochs hardly do.
            match first {
                None => first = Some(of_own),
                Some(first) => {
                    own.push((of_own / first).ln().abs());
                    steps.push(if of_step > 0.0 { (of_step / first).ln().abs() } else { f64::MAX });
                }
            }
        }
    }
    match (median(&own), median(&steps)) {
        (Some(own), Some(steps)) if steps < 0.5 * own => Meaning::Cumulative,
        _ => Meaning::PerRecord,
    }
}

/// What one record adds, whatever its figures are of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub(super) energy_j: Option<f64>,
    pub(super) training_s: Option<f64>,
}

/// What each record of an evaluation adds.
pub(super) fn steps(evaluation: &Evaluation, energy: Meaning, training: Meaning) -> Vec<Step> {
    let (mut energy_before, mut training_before) = (Some(0.0), Some(0.0));
    let step = |value: Option<f64>, before: &mut Option<f64>, meaning: Meaning| match meaning {
        Meaning::PerRecord => value,
        Meaning::Cumulative => {
            let step = value.zip(*before).map(|(value, before)| value - before);
            // A gap loses the step after it, too.
            *before = value;
            step
        }
    };
    let step_of = |record: &Record| Step {
        energy_j: step(record.energy_j, &mut energy_before, energy),
        training_s: step(record.training_s, &mut training_before, training),
    };
    evaluation.records.iter().map(step_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn benchmark(energies: &[f64], training: &[(f64, f64)], total: Option<f64>) -> Benchmark {
        let record = |(energy, (epochs, training)): (&f64, &(f64, f64))| Record {
            energy_j: Some(*energy),
            window_s: Some(10.0),
            epochs: Some(*epochs),
            training_s: Some(*training),
            ..Record::default()
        };
        let records = energies.iter().zip(training).map(record).collect();
        Benchmark {
            evaluations: vec![Evaluation { records, total_j: total, ..Evaluation::default() }],
            ..Benchmark::default()
        }
    }

    #[test]
    fn cumulative_by_the_total_and_by_growth() {
        let epochs = [(0.0, 0.0), (1.0, 18.0), (4.0, 71.4)];
        let found = benchmark(&[3.1, 6.7, 16.0], &epochs, Some(18.7));
        assert_eq!(of_energy(&found).0, Meaning::Cumulative);
        assert_eq!(of_training(&found), Meaning::Cumulative);
        let epochs = [(1.0, 9.0), (2.0, 9.1), (3.0, 8.9), (4.0, 9.0)];
        let grows = benchmark(&[101.0, 199.0, 302.0, 400.0], &epochs, None);
        assert_eq!(of_energy(&grows).0, Meaning::Cumulative);
        assert_eq!(of_training(&grows), Meaning::PerRecord);
        let flat = benchmark(&[101.0, 99.0, 102.0, 100.0], &epochs, Some(402.0));
        assert_eq!(of_energy(&flat).0, Meaning::PerRecord);
    }

    #[test]
    fn a_gap_loses_the_step_after_it() {
        let mut evaluation = benchmark(&[1.0, 3.0, 6.0], &[(1.0, 1.0); 3], None).evaluations.remove(0);
        evaluation.records[1].energy_j = None;
        let steps: Vec<_> = steps(&evaluation, Meaning::Cumulative, Meaning::PerRecord)
            .into_iter()
            .map(|step| step.energy_j)
            .collect();
        assert_eq!(steps, [Some(1.0), None, None]);
    }
}
