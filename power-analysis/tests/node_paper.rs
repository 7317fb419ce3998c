//! The paper's node made of formulas: 2 TB of memory, four GPUs, a meter at the wall; what each method says of trainings
//! that it has not seen ("Guidelines for the Quality Assessment of Energy-Aware NAS Benchmarks", arXiv 2505.15631).
//!
//! The paper finds 10.3 % for Code Carbon, 8.9 to -3.6 % for bounds without and 6.6 % with a prior load, and does not say
//! which version of Code Carbon, nor what its node takes beside GPUs, CPUs and memory. Here that is 500 W and fans, set so
//! that version 2 errs by about as much: with a smaller rest the order of the methods can differ.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a set-up that fails is a test that fails; the table is read with --nocapture"
)]

use power_analysis::estimators::{CodeCarbon, Processor};
use power_analysis::node::{MethodError, Row, Rows, calibrate, judge};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What the operating system of a node with 2 TB shows.
const MEMORY_GIB: f64 = 2015.0;

/// ZES ZIMMER LMG450 with 0.07 % of reading + 0.04 % of a range of 3 kW: standard uncertainties of its gain and of its
/// offset, which stay the same for all runs, in per cent and in watts.
const GAIN_PERCENT: f64 = 0.07 / 1.732;
const OFFSET_W: f64 = 0.000_4 * 3000.0 / 1.732;

/// Load of the parts, 0 to 1 each.
#[derive(Clone, Copy)]
struct Load {
    gpu: f64,
    cpu: f64,
    memory: f64,
}

/// Powers in watts: GPUs, CPUs and memory as their sensors show them, and the truth at the wall.
///
/// Four GPUs of 75 W idle and at most 350 W; two packages of 70 to 350 W, 32 modules of 4.5 to 9 W. What no sensor sees:
/// 500 W of board, network, disks and regulators, fans with the third power of their speed, which follows the heat, and
/// a power supply with 25 W, 2.5 % and 2·10⁻⁵/W of loss.
fn node(load: Load) -> ([f64; 3], f64) {
    let gpu = 4.0 * (75.0 + 275.0 * load.gpu);
    let cpu = 2.0 * (70.0 + 280.0 * load.cpu);
    let memory = 32.0 * (4.5 + 4.5 * load.memory);
    let heat = (gpu + cpu + memory - 584.0) / (2388.0 - 584.0);
    let fans = 60.0 + 240.0 * (0.4 + 0.6 * heat).powi(3);
    let dc = gpu + cpu + memory + 500.0 + fans;
    ([gpu, cpu, memory], 25.0 + 1.025 * dc + 2e-5 * dc * dc)
}

struct Rig {
    random: Xoshiro256PlusPlus,
    gain: f64,
    offset_w: f64,
}

impl Rig {
    fn new(seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let gain = 1.0 + 0.01 * GAIN_PERCENT * normal(&mut random);
        let offset_w = OFFSET_W * normal(&mut random);
        Self { random, gain, offset_w }
    }

    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random.random::<f64>()
    }

    /// A level as sensors and meter see it: sensors with 0.2 % of scatter, the meter with 0.1 %.
    fn level(&mut self, run: usize, load: Load) -> Row {
        let (parts, wall_w) = node(load);
        let components_w =
            parts.iter().map(|watts| watts * (1.0 + 0.002 * normal(&mut self.random))).collect();
        let scatter = 1.0 + 0.001 * normal(&mut self.random);
        let meter_w = wall_w * self.gain * scatter + self.offset_w;
        Row { run, components_w, meter_w, meter_error_w: Some(0.001 * wall_w) }
    }

    /// Levels of a training: the GPUs work at most at 40 %, as the paper saw, the CPUs feed them.
    fn training(&mut self, run: usize) -> Vec<Row> {
        let gpu = self.uniform(0.25, 0.85);
        let cpu = self.uniform(0.05, 0.3);
        (0..6)
            .map(|_| {
                let load = Load {
                    gpu: gpu * self.uniform(0.8, 1.15),
                    cpu: cpu * self.uniform(0.7, 1.3),
                    memory: self.uniform(0.1, 0.5),
                };
                self.level(run, load)
            })
            .collect()
    }

    /// The experiments of a calibration: idle twice, CPU, memory and GPU at several strengths, combinations.
    fn calibration(&mut self) -> Rows {
        let plan = [
            (0.0, 0.0, 0.0),
            (0.0, 0.0, 0.0),
            (0.0, 0.25, 0.1),
            (0.0, 0.5, 0.2),
            (0.0, 1.0, 0.3),
            (0.0, 0.3, 1.0),
            (0.0, 1.0, 1.0),
            (0.25, 0.05, 0.1),
            (0.5, 0.05, 0.1),
            (0.75, 0.05, 0.1),
            (1.0, 0.05, 0.1),
            (0.6, 0.1, 0.8),
            (0.5, 0.5, 0.3),
            (1.0, 0.5, 0.5),
            (1.0, 1.0, 1.0),
        ];
        let mut rows = Rows::new(["gpu", "cpu", "dram"]);
        for (run, (gpu, cpu, memory)) in plan.into_iter().enumerate() {
            for _ in 0..4 {
                let row = self.level(run, Load { gpu, cpu, memory });
                rows.push(row);
            }
        }
        rows
    }
}

fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// Error of the energy of each training by a rule for the power of a level, in per cent of the meter's.
fn errors(trainings: &[Vec<Row>], power_w: impl Fn(&Row) -> f64) -> MethodError {
    let errors: Vec<f64> = trainings
        .iter()
        .map(|levels| {
            let said: f64 = levels.iter().map(&power_w).sum();
            100.0 * (said / levels.iter().map(|row| row.meter_w).sum::<f64>() - 1.0)
        })
        .collect();
    MethodError::of(&errors).unwrap()
}

/// Greatest errors without their signs, in the order of the table.
struct Table {
    rows: Vec<(&'static str, MethodError)>,
}

impl Table {
    fn of(seed: u64) -> Self {
        let mut rig = Rig::new(seed);
        let calibration = rig.calibration();
        let trainings: Vec<Vec<Row>> = (0..20).map(|run| rig.training(run)).collect();
        let model = calibrate(&calibration, Some(GAIN_PERCENT)).unwrap();
        let paper = judge(&calibration, None).unwrap();
        let code_carbon = |version: CodeCarbon| {
            errors(&trainings, move |row| {
                row.components_w[0] + row.components_w[1] + version.ram_power_w(MEMORY_GIB, Processor::X86)
            })
        };
        let sum = |row: &Row| row.components_w.iter().sum::<f64>();
        let rows = vec![
            ("Code Carbon 2", code_carbon(CodeCarbon::V2)),
            ("Code Carbon 3", code_carbon(CodeCarbon::V3)),
            ("lower bound", errors(&trainings, |row| paper.bounds.without_prior(sum(row)).0)),
            ("upper bound", errors(&trainings, |row| paper.bounds.without_prior(sum(row)).1)),
            (
                "prior load",
                errors(&trainings, |row| paper.bounds.with_prior(sum(row), paper.load(&row.components_w))),
            ),
            (
                "model",
                errors(&trainings, |row| {
                    model.predict(&[(1.0, row.components_w.clone())], 0.95).energy_j.value
                }),
            ),
        ];
        Self { rows }
    }

    fn worst(&self, name: &str) -> f64 {
        self.rows.iter().find(|(found, _)| *found == name).unwrap().1.worst_percent.abs()
    }
}

#[test]
fn the_model_beats_the_papers_methods_in_the_papers_order() {
    let tables: Vec<Table> = (0..20).map(Table::of).collect();
    for (at, (name, _)) in tables[0].rows.iter().enumerate() {
        let worst: Vec<f64> = tables.iter().map(|table| table.rows[at].1.worst_percent).collect();
        let (low, high) =
            worst.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        println!("{name:14} {:+6.2} %, over all seeds {low:+.2} to {high:+.2} %", worst[0]);
    }
    for (seed, table) in tables.iter().enumerate() {
        let bounds = table.worst("lower bound").max(table.worst("upper bound"));
        for version in ["Code Carbon 2", "Code Carbon 3"] {
            assert!(table.worst(version) > bounds, "seed {seed}: {version} {} %", table.worst(version));
        }
        assert!(bounds > table.worst("prior load"), "seed {seed}: {bounds} %");
        assert!(table.worst("prior load") > table.worst("model"), "seed {seed}");
        assert!(table.worst("model") <= 1.5, "seed {seed}: {} %", table.worst("model"));
    }
}

#[test]
fn falsified_gpu_runs_cost_at_most_three_per_cent() {
    for seed in 0..20 {
        let mut rig = Rig::new(100 + seed);
        let mut rows = Rows::new(["gpu", "cpu", "dram"]);
        let calibration = rig.calibration();
        let mut runs = 0;
        // The calibration, and trainings enough that a tenth of all runs can be falsified: their GPUs read 0.3 of truth.
        for row in calibration.rows() {
            rows.push(row.clone());
            runs = runs.max(row.run + 1);
        }
        for run in runs..runs + 26 {
            for mut row in rig.training(run) {
                if run >= runs + 22 {
                    row.components_w[0] *= 0.3;
                }
                rows.push(row);
            }
        }
        let model = calibrate(&rows, Some(GAIN_PERCENT)).unwrap();
        assert_eq!(model.held_out.falsified_runs, [37, 38, 39, 40], "seed {seed}");
        let trainings: Vec<Vec<Row>> = (0..20).map(|run| rig.training(run)).collect();
        let error =
            errors(&trainings, |row| model.predict(&[(1.0, row.components_w.clone())], 0.95).energy_j.value);
        assert!(error.worst_percent.abs() <= 3.0, "seed {seed}: {error:?}");
    }
}
