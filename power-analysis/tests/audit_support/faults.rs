//! Faults, each put in as the tool that has it would leave it.

use power_analysis::audit::{Benchmark, Check, Evaluation, Oddity, Part, Poll, Record, held_mean_w};
use power_analysis::estimators::{CodeCarbon, Processor};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::printed;

/// A fault that can be put into a benchmark without faults.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    WattHoursAsKilowattHours,
    WattHoursWithoutPower,
    PowerOfTheLastInterval,
    SumsOverFourGpus,
    FailedReadingsAsZero,
    PueOf159,
    CumulativeSummedAgain,
    EvaluationInTheWindow,
    NeighboursPower,
    ShortEpochs,
    SleepBeforeTheFirstReading,
    ReadingAfterTheEnd,
    PlainMeanOfIrregularReadings,
    MemoryByModules,
    MemoryBySize,
    HalfTheRatedCpu,
    EpochsLost,
    RepeatsOfAnotherDay,
    NamesInTwoSpellings,
}

impl Fault {
    pub(crate) const ALL: [Self; 19] = [
        Self::WattHoursAsKilowattHours,
        Self::WattHoursWithoutPower,
        Self::PowerOfTheLastInterval,
        Self::SumsOverFourGpus,
        Self::FailedReadingsAsZero,
        Self::PueOf159,
        Self::CumulativeSummedAgain,
        Self::EvaluationInTheWindow,
        Self::NeighboursPower,
        Self::ShortEpochs,
        Self::SleepBeforeTheFirstReading,
        Self::ReadingAfterTheEnd,
        Self::PlainMeanOfIrregularReadings,
        Self::MemoryByModules,
        Self::MemoryBySize,
        Self::HalfTheRatedCpu,
        Self::EpochsLost,
        Self::RepeatsOfAnotherDay,
        Self::NamesInTwoSpellings,
    ];

    /// The check that is to find it.
    pub(crate) const fn check(self) -> Check {
        match self {
            Self::WattHoursAsKilowattHours | Self::WattHoursWithoutPower => Check::EnergyUnit,
            Self::PowerOfTheLastInterval => Check::EnergyMismatch,
            Self::SumsOverFourGpus => Check::GpuSums,
            Self::FailedReadingsAsZero => Check::ZeroPower,
            Self::PueOf159 => Check::PueInside,
            Self::CumulativeSummedAgain => Check::CumulativeEnergy,
            Self::EvaluationInTheWindow => Check::LongWindow,
            Self::NeighboursPower => Check::Imputed,
            Self::ShortEpochs => Check::FewSamples,
            Self::SleepBeforeTheFirstReading => Check::BlindStart,
            Self::ReadingAfterTheEnd => Check::LateReading,
            Self::PlainMeanOfIrregularReadings => Check::PlainMean,
            Self::MemoryByModules | Self::MemoryBySize => Check::AssumedMemory,
            Self::HalfTheRatedCpu => Check::ConstantCpu,
            Self::EpochsLost => Check::MissingFigures,
            Self::RepeatsOfAnotherDay => Check::RepeatsScatter,
            Self::NamesInTwoSpellings => Check::Spelling,
        }
    }

    /// Puts the fault in.
    pub(crate) fn put_into(self, benchmark: &mut Benchmark, seed: u64) {
        let random = &mut Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5eed);
        match self {
            Self::WattHoursAsKilowattHours => records(benchmark, |record| scale(&mut record.energy_j, 1e3)),
            Self::WattHoursWithoutPower => records(benchmark, |record| {
                scale(&mut record.energy_j, 1e3);
                record.power_w = None;
            }),
            Self::PowerOfTheLastInterval => records(benchmark, |record| {
                scale(&mut record.power_w, random.random_range(0.6..0.9));
                record.polls.clear();
            }),
            Self::SumsOverFourGpus => records(benchmark, |record| {
                let figures = [
                    &mut record.energy_j,
                    &mut record.power_w,
                    &mut record.gpu_percent,
                    &mut record.memory_percent,
                    &mut record.temperature_c,
                ];
                figures.into_iter().for_each(|figure| scale(figure, 4.0));
                record.polls.clear();
            }),
            Self::FailedReadingsAsZero => records(benchmark, |record| {
                if random.random_bool(0.2) {
                    (record.energy_j, record.power_w) = (Some(0.0), Some(0.0));
                }
            }),
            Self::PueOf159 => benchmark.evaluations.iter_mut().for_each(|evaluation| {
                scale(&mut evaluation.total_j, 1.59);
                evaluation.pue = None;
            }),
            Self::CumulativeSummedAgain => benchmark.evaluations.iter_mut().for_each(sum_twice),
            Self::EvaluationInTheWindow => {
                records(benchmark, |record| scale(&mut record.training_s, random.random_range(0.6..0.9)));
            }
            Self::NeighboursPower => benchmark.evaluations.iter_mut().for_each(copy_neighbour),
            Self::ShortEpochs => records(benchmark, |record| {
                if record.polls.is_empty() && random.random_bool(0.1) {
                    record.window_s = Some(0.015);
                    record.training_s = Some(0.015);
                    record.energy_j = record.power_w.map(|power| printed(power * 0.015, 2));
                }
            }),
            Self::SleepBeforeTheFirstReading => records(benchmark, |record| {
                average(
                    record,
                    |poll, span| poll.begin_s >= span.0 + 0.1 && poll.end_s <= span.1,
                    held_mean_w,
                );
            }),
            Self::ReadingAfterTheEnd => records(benchmark, |record| {
                average(
                    record,
                    |poll, span| poll.begin_s >= span.0 && poll.begin_s < span.1 + super::PERIOD_S,
                    plain,
                );
            }),
            Self::PlainMeanOfIrregularReadings => records(benchmark, |record| {
                record.polls.retain(|_| random.random_bool(0.5));
                average(record, |poll, span| poll.begin_s >= span.0 && poll.end_s <= span.1, plain);
            }),
            Self::MemoryByModules => rule(benchmark, CodeCarbon::V3),
            Self::MemoryBySize => rule(benchmark, CodeCarbon::V2),
            Self::HalfTheRatedCpu => part(benchmark, Part::Cpu, 42.5),
            Self::EpochsLost => records(benchmark, |record| {
                if record.polls.is_empty() && random.random_bool(0.05) {
                    (record.energy_j, record.power_w) = (None, None);
                }
            }),
            Self::RepeatsOfAnotherDay => benchmark.evaluations.iter_mut().step_by(2).for_each(|evaluation| {
                let times = 1.0 + random.random_range(0.08..0.15);
                scale(&mut evaluation.total_j, times);
                evaluation.components.iter_mut().for_each(|component| scale(&mut component.energy_j, times));
            }),
            Self::NamesInTwoSpellings => {
                benchmark.oddities.push(Oddity { what: "two spellings".into(), affected: 7 });
            }
        }
    }
}

fn records(benchmark: &mut Benchmark, change: impl FnMut(&mut Record)) {
    benchmark.evaluations.iter_mut().flat_map(|evaluation| &mut evaluation.records).for_each(change);
}

fn scale(figure: &mut Option<f64>, by: f64) {
    *figure = figure.map(|value| value * by);
}

fn sum_twice(evaluation: &mut Evaluation) {
    let (mut so_far, mut running) = (0.0, 0.0);
    for record in &mut evaluation.records {
        so_far += record.energy_j.unwrap_or(0.0);
        running += so_far;
        record.energy_j = Some(so_far);
        record.running_j = Some(running);
    }
}

/// Every fifth epoch had no reading: it takes the power of the one before.
fn copy_neighbour(evaluation: &mut Evaluation) {
    for at in (4..evaluation.records.len()).step_by(5) {
        let power = evaluation.records[at - 1].power_w;
        let record = &mut evaluation.records[at];
        record.power_w = power;
        record.energy_j = power.zip(record.window_s).map(|(power, window)| printed(power * window, 2));
        record.polls.clear();
    }
}

type Mean = fn(&[Poll], (f64, f64)) -> Option<f64>;

fn plain(polls: &[Poll], _span: (f64, f64)) -> Option<f64> {
    let count = u32::try_from(polls.len()).ok().filter(|count| *count > 0)?;
    Some(polls.iter().map(|poll| poll.power_w).sum::<f64>() / f64::from(count))
}

/// Makes the record's power the mean of the readings that `taken` says.
fn average(record: &mut Record, taken: impl Fn(&Poll, (f64, f64)) -> bool, mean: Mean) {
    let Some(span) = record.span_s.filter(|_| !record.polls.is_empty()) else { return };
    let polls: Vec<Poll> = record.polls.iter().filter(|poll| taken(poll, span)).copied().collect();
    record.power_w = mean(&polls, span).map(|power| printed(power, 4));
    record.energy_j = record.power_w.zip(record.window_s).map(|(power, window)| printed(power * window, 2));
}

fn rule(benchmark: &mut Benchmark, version: CodeCarbon) {
    let memory = benchmark.hardware.memory_gib.unwrap_or(503.0);
    part(benchmark, Part::Memory, version.ram_power_w(memory, Processor::X86));
}

/// Gives a part the same power in every evaluation, and totals that hold it.
fn part(benchmark: &mut Benchmark, part: Part, watts: f64) {
    for evaluation in &mut benchmark.evaluations {
        let seconds = evaluation.total_s.unwrap_or(0.0);
        for component in evaluation.components.iter_mut().filter(|component| component.part == part) {
            component.energy_j = Some(printed(watts * seconds, 2));
        }
        evaluation.total_j = evaluation.components.iter().map(|component| component.energy_j).sum();
    }
}
