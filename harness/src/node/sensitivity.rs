//! What a node must be like for each method to err as it does: the paper's node with other rests and other memory rules.
//!
//! The paper states neither what its node takes beside GPUs, CPUs and memory, nor which version of Code Carbon it used. So
//! nothing can be claimed from one choice of either; this is the error of each method as a function of both.

use power_analysis::estimators::{CodeCarbon, Processor};
use power_analysis::node::{MethodError, Row, Rows, calibrate, judge};
use serde::{Deserialize, Serialize};
use virtual_rig::{Description, Rail, Simulated, Simulation, Workload};

use super::experiments::{Plan, is_prime, training_load};
use crate::rig::virtual_load;
use crate::{Error, Result};

/// How the power of what no sensor has moves each method's greatest error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Memory of the node in GiB.
    pub memory_gib: f64,
    /// Power of the memory in the trainings, in watts.
    pub memory_w: f64,
    /// One for each power of the board.
    pub rows: Vec<SensitivityRow>,
    /// Unmeasured powers at which Code Carbon 2 and 3 err by the paper's 10.3 %, in watts; between two rows by a line. Empty
    /// where no row comes to it.
    pub as_the_paper_w: [Vec<f64>; 2],
}

/// The greatest errors on a node with one rest, with their signs, in per cent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensitivityRow {
    /// Power of board, disks and network, in watts.
    pub board_w: f64,
    /// Mean power of what no sensor has in the trainings, in watts.
    pub unmeasured_w: f64,
    /// Code Carbon 2: 3/8 W for each GiB.
    pub code_carbon_2: f64,
    /// Code Carbon 3: by modules.
    pub code_carbon_3: f64,
    /// The upper of the bounds without a prior.
    pub upper_bound: f64,
    /// With the prior of the prime run.
    pub prior: f64,
    /// The model of this program.
    pub model: f64,
    /// Whether the order is the paper's for version 2: its assumption worst, the prior best of its three.
    pub papers_order_2: bool,
    /// The same for version 3.
    pub papers_order_3: bool,
}

/// Trains `count` networks of `each_s` seconds on nodes that differ in the power of their boards, after the plan's
/// experiments on each. Sensors and meter are perfect: what errs is the method. Some seconds for each board.
///
/// # Errors
///
/// - the virtual rig cannot take the plan, or the levels bear no model
pub fn sensitivity(
    plan: &Plan,
    node: &Description,
    boards_w: &[f64],
    (count, each_s): (usize, f64),
) -> Result<Sensitivity> {
    let memory_gib = node.node.dram_gib;
    let (mut rows, mut memory_w) = (Vec::new(), 0.0);
    for &board_w in boards_w {
        let mut described = node.clone();
        described.node.board_w = board_w;
        let (row, dram_w) = one(plan, &described, (count, each_s))?;
        memory_w = dram_w;
        rows.push(row);
    }
    let mut fine = rows.clone();
    for _ in 0..REFINEMENTS {
        let Some(position) = fine.windows(2).position(hides_a_crossing) else { break };
        let mut described = node.clone();
        described.node.board_w = f64::midpoint(fine[position].board_w, fine[position + 1].board_w);
        fine.insert(position + 1, one(plan, &described, (count, each_s))?.0);
    }
    let at = |error: fn(&SensitivityRow) -> f64| crossings(&fine, error, super::PAPER_PERCENT[0]);
    let as_the_paper_w = [at(|row| row.code_carbon_2), at(|row| row.code_carbon_3)];
    Ok(Sensitivity { memory_gib, memory_w, rows, as_the_paper_w })
}

/// Most rows that are added where an error changes its sign: each halves a gap.
const REFINEMENTS: usize = 12;

/// Whether a greatest error goes from one sign to the other between two rows, one of which is beyond the paper's: it jumps
/// there from the most that is too high to the most that is too low, so that no line between the two tells where it was as
/// great as the paper's.
fn hides_a_crossing(pair: &[SensitivityRow]) -> bool {
    let of = |error: fn(&SensitivityRow) -> f64| {
        let (from, to) = (error(&pair[0]), error(&pair[1]));
        from * to < 0.0 && from.abs().max(to.abs()) > super::PAPER_PERCENT[0]
    };
    of(|row| row.code_carbon_2) || of(|row| row.code_carbon_3)
}

/// Mean powers in watts of GPUs, CPUs and memory, and at the mains.
fn level(truth: &Simulated, from_ns: i64, to_ns: i64, run: usize) -> Result<Row> {
    let mut parts = [0.0; 3];
    let mut meter_w = 0.0;
    for rail in truth.truth.rails() {
        let watts = truth
            .truth
            .mean_w(rail, from_ns, to_ns)
            .ok_or_else(|| Error::new("a phase of the simulated node lies outside of what was simulated"))?;
        match rail {
            Rail::Gpu(_) => parts[0] += watts,
            Rail::Package(_) => parts[1] += watts,
            Rail::Dram(_) => parts[2] += watts,
            Rail::NodeAc => meter_w = watts,
            _ => {}
        }
    }
    Ok(Row { run, components_w: parts.to_vec(), meter_w, meter_error_w: None })
}

fn play(node: &Description, load: Workload) -> Result<Simulated> {
    let seconds: f64 = load.stages.iter().filter_map(|stage| stage.seconds).sum();
    let seed = node.seed;
    let mut bare = node.clone().with_workload(load);
    bare.meters.clear();
    Simulation::new(bare)
        .gpu_hz(0.0)
        .rapl_hz(0.0)
        .run(seconds, seed)
        .map_err(|error| Error::new("the virtual rig cannot be simulated").because(error))
}

fn one(plan: &Plan, node: &Description, (count, each_s): (usize, f64)) -> Result<(SensitivityRow, f64)> {
    let mut rows = Rows::new(["gpu", "cpu", "dram"]);
    let mut primes = Vec::new();
    for (run, experiment) in plan.experiments.iter().enumerate() {
        let load = Workload::once(virtual_load::stages(&plan.schedule(experiment), node)?);
        let truth = play(node, load)?;
        let marks = truth.truth.marks(truth.origin_ns, truth.end_ns);
        let Some(mark) = marks.iter().find(|mark| mark.name == experiment.name) else { continue };
        let row = level(&truth, mark.begin_ns, mark.end_ns, run)?;
        if is_prime(&experiment.name) {
            primes.push(row.components_w.clone());
        }
        rows.push(row);
    }
    let truth = play(node, training_load(count, each_s))?;
    let marks = truth.truth.marks(truth.origin_ns, truth.end_ns);
    let trainings: Vec<Row> = marks
        .iter()
        .filter(|mark| mark.name.starts_with("search "))
        .map(|mark| level(&truth, mark.begin_ns, mark.end_ns, 0))
        .collect::<Result<_>>()?;
    let model = calibrate(&rows, None).map_err(|refusal| Error::new(format!("no model: {refusal}")))?;
    let (paper, true) = (judge(&rows, None), !trainings.is_empty()) else {
        return Err(Error::new("no training lies within the simulated time"));
    };
    let paper = paper.ok_or_else(|| Error::new("the plan has no idle and no busy level"))?;
    let loads: Vec<f64> = primes.iter().map(|parts| paper.load(parts)).collect();
    let prior = power_analysis::stats::mean(&loads)
        .ok_or_else(|| Error::new("the plan has no calculation of prime numbers"))?;
    let worst = |power_w: &dyn Fn(&Row) -> f64| {
        let errors: Vec<f64> =
            trainings.iter().map(|row| 100.0 * (power_w(row) / row.meter_w - 1.0)).collect();
        MethodError::of(&errors).map_or(f64::NAN, |error| error.worst_percent)
    };
    let sum = |row: &Row| row.components_w.iter().sum::<f64>();
    let assumed = |version: CodeCarbon| {
        let memory_w = version.ram_power_w(node.node.dram_gib, Processor::X86);
        worst(&|row| row.components_w[0] + row.components_w[1] + memory_w)
    };
    let mean = |of: &dyn Fn(&Row) -> f64| {
        power_analysis::stats::mean(&trainings.iter().map(of).collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    let mut row = SensitivityRow {
        board_w: node.node.board_w,
        unmeasured_w: mean(&|row| row.meter_w - sum(row)),
        code_carbon_2: assumed(CodeCarbon::V2),
        code_carbon_3: assumed(CodeCarbon::V3),
        upper_bound: worst(&|row| paper.bounds.without_prior(sum(row)).1),
        prior: worst(&|row| paper.bounds.with_prior(sum(row), prior)),
        model: worst(&|row| model.predict(&[(1.0, row.components_w.clone())], 0.95).energy_j.value),
        papers_order_2: false,
        papers_order_3: false,
    };
    let order =
        |assumption: f64| assumption.abs() > row.upper_bound.abs() && row.upper_bound.abs() > row.prior.abs();
    (row.papers_order_2, row.papers_order_3) = (order(row.code_carbon_2), order(row.code_carbon_3));
    Ok((row, mean(&|row| row.components_w[2])))
}

/// Unmeasured powers at which the size of an error is `percent`.
fn crossings(rows: &[SensitivityRow], error: fn(&SensitivityRow) -> f64, percent: f64) -> Vec<f64> {
    let mut found = Vec::new();
    for pair in rows.windows(2) {
        for wanted in [percent, -percent] {
            let (from, to) = (error(&pair[0]) - wanted, error(&pair[1]) - wanted);
            // A change of sign of the error itself between two greatest errors is no crossing of the wanted one.
            if from * to < 0.0 && error(&pair[0]) * error(&pair[1]) > 0.0 {
                let share = from / (from - to);
                found.push(pair[0].unmeasured_w + share * (pair[1].unmeasured_w - pair[0].unmeasured_w));
            }
        }
    }
    found
}
