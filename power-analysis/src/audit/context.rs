//! What all checks look at: the benchmark, and what follows from it for every record.

use serde::Serialize;

use super::benchmark::{Benchmark, Component, Evaluation, Measure, Part, Record};
use super::grid::fewest_readings;
use super::hardware::Hardware;
use super::meaning::{self, Meaning, Step};
use super::robust::quantile;
use super::words::as_f64;

/// The benchmark and what follows from it.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) benchmark: &'a Benchmark,
    pub(super) hardware: Hardware,
    /// What the energies of records are of.
    pub(super) energy: Meaning,
    /// How many evaluations say so, of how many that could.
    pub(super) energy_votes: (usize, usize),
    steps: Vec<Vec<Step>>,
    /// Time between two readings in seconds, and how it is known.
    pub(super) period: Option<(f64, String)>,
}

/// A record with what it adds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) evaluation: &'a Evaluation,
    pub(super) record: &'a Record,
    pub(super) step: Step,
}

impl Item<'_> {
    /// Where it stands, for messages.
    pub(super) fn at(&self) -> String {
        [self.evaluation.at.as_str(), self.record.name.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What the energy is of: its window where that is known, else the training.
    pub(super) fn seconds(&self) -> Option<f64> {
        self.record.window_s.or(self.step.training_s).filter(|seconds| *seconds > 0.0)
    }
}

/// What the page draws of one record: power as the energy says, against its length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ImpliedPower {
    /// Energy over window, in watts, by the label of the energy.
    pub implied_w: Option<f64>,
    /// Power as stated, in watts.
    pub stated_w: Option<f64>,
    /// Length of the window in seconds.
    pub window_s: Option<f64>,
    /// Length of the training in seconds.
    pub training_s: Option<f64>,
}

impl<'a> Context<'a> {
    pub(super) fn new(benchmark: &'a Benchmark, hardware: &Hardware) -> Self {
        let (energy, says, of) = meaning::of_energy(benchmark);
        let training = meaning::of_training(benchmark);
        let steps = benchmark
            .evaluations
            .iter()
            .map(|evaluation| meaning::steps(evaluation, energy, training))
            .collect();
        let mut context = Self {
            benchmark,
            hardware: hardware.or(&benchmark.hardware),
            energy,
            energy_votes: (says, of),
            steps,
            period: None,
        };
        context.period = context.find_period();
        context
    }

    /// All evaluations, each with what its records add.
    pub(super) fn evaluations(&self) -> impl Iterator<Item = (&'a Evaluation, &[Step])> {
        self.benchmark.evaluations.iter().zip(self.steps.iter().map(Vec::as_slice))
    }

    /// All records in order.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.evaluations().flat_map(|(evaluation, steps)| {
            evaluation.records.iter().zip(steps).map(move |(record, step)| Item {
                evaluation,
                record,
                step: *step,
            })
        })
    }

    /// All components of all evaluations.
    pub(super) fn components(&self) -> impl Iterator<Item = (&Evaluation, &Component)> {
        self.benchmark
            .evaluations
            .iter()
            .flat_map(|evaluation| evaluation.components.iter().map(move |component| (evaluation, component)))
    }

    /// The components of one part.
    pub(super) fn part(&self, part: Part) -> impl Iterator<Item = (&Evaluation, &Component)> {
        self.components().filter(move |(_, component)| component.part == part)
    }

    /// Half of the last digit of a kind of figure; 0 where it is not rounded.
    pub(super) fn half_digit(&self, measure: Measure) -> f64 {
        self.benchmark.column(measure).map_or(0.0, |column| column.half_digit)
    }

    /// The key and unit of a kind of figure, for messages.
    pub(super) fn label(&self, measure: Measure) -> String {
        self.benchmark.column(measure).map_or_else(
            || "figure".into(),
            |column| match column.unit.as_str() {
                "" => format!("`{}`", column.key),
                unit => format!("`{}` in {unit}", column.key),
            },
        )
    }

    /// The fewest readings whose means a record's figures can be.
    pub(super) fn fewest_readings(&self, record: &Record) -> Option<u32> {
        let figures = [
            (Measure::Power, record.power_w),
            (Measure::GpuUtilisation, record.gpu_percent),
            (Measure::MemoryUtilisation, record.memory_percent),
            (Measure::Temperature, record.temperature_c),
        ];
        let means: Vec<(f64, f64, f64)> = figures
            .into_iter()
            .filter_map(|(measure, value)| {
                let column = self.benchmark.column(measure)?;
                Some((value?, column.half_digit, column.reading_step?))
            })
            .collect();
        fewest_readings(&means)
    }

    /// Time between two readings: by the fractions of the means where those tell, else as the tool says.
    fn find_period(&self) -> Option<(f64, String)> {
        let of_component = |(evaluation, component): (&Evaluation, &Component)| {
            let [power] = component.power_w[..] else { return None };
            let n = fewest_readings(&[(power, component.half_digit_w, component.reading_step_w?)])?;
            Some((evaluation.total_s?, n))
        };
        let of_record = |item: Item<'_>| Some((item.record.window_s?, self.fewest_readings(item.record)?));
        let stated = || {
            let sampling = self.benchmark.sampling.as_ref()?;
            Some((sampling.period_s, sampling.from.clone()))
        };
        [
            self.part(Part::Gpu).filter_map(of_component).collect(),
            self.items().filter_map(of_record).collect(),
        ]
        .into_iter()
        .find_map(period_of)
        .or_else(stated)
    }

    /// What the page draws.
    pub(super) fn implied(&self) -> Vec<ImpliedPower> {
        let one = |item: Item<'_>| ImpliedPower {
            implied_w: item.step.energy_j.zip(item.seconds()).map(|(energy, seconds)| energy / seconds),
            stated_w: item.record.power_w,
            window_s: item.record.window_s,
            training_s: item.step.training_s,
        };
        self.items().map(one).collect()
    }
}

/// Means of fewer readings than this say little of the period.
const FEW: u32 = 3;

/// The period of readings from lengths and the fewest readings in them; `None` for fewer than five.
///
/// A mean may be a shorter fraction than its readings are: only those near the shortest period count. Of n readings at
/// even times the first may have come at once or a period later: n - 1/2 periods on average.
fn period_of(means: Vec<(f64, u32)>) -> Option<(f64, String)> {
    let usable: Vec<(f64, f64)> = means
        .into_iter()
        .filter(|(seconds, n)| *n >= FEW && *seconds > 0.0)
        .map(|(seconds, n)| (seconds, f64::from(n) - 0.5))
        .collect();
    let mut periods: Vec<f64> = usable.iter().map(|(seconds, n)| seconds / n).collect();
    periods.sort_by(f64::total_cmp);
    let shortest = quantile(&periods, 0.1).filter(|_| periods.len() >= 5)?;
    let near = usable.iter().filter(|(seconds, n)| seconds / n < 1.5 * shortest);
    let (seconds, n) = near.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Some((seconds / n, format!("by the fractions that {} means are", periods.len())))
}

/// Whether nearly all of `of` are affected.
pub(super) fn nearly_all(affected: usize, of: usize) -> bool {
    of > 0 && as_f64(affected) >= super::limits::NEARLY_ALL * as_f64(of)
}
