//! `methods --rig virtual`: the paper's node, calibrated and trained on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::methods::Judged;
use super::output::{message, paragraph, table};
use super::{duration, until};
use crate::node::experiments::{
    Parts, Plan, PlanRequest, Settling, carry_out, live, simulated, trainings, virtual_paper_node,
};
use crate::node::{
    CalibrationRequest, Cut, HoldOut, MethodsRequest, Sensitivity, calibrate, compare_methods, sensitivity,
    write_model,
};
use crate::run::Run;
use crate::sync::{Request, sync};
use crate::{Error, Result};

/// Powers of the board, in watts, over which the methods' errors are looked at: from next to nothing to what a node full of
/// disks, network and regulators takes.
const BOARDS_W: [f64; 7] = [20.0, 130.0, 250.0, 400.0, 600.0, 800.0, 1000.0];

/// What a falsified energy counter shows of the truth: below idle power at most loads, as the false-low readings of the
/// paper are.
const FALSIFIED_GAIN: f64 = 0.3;

/// How far a first guess of a meter's clock can be wrong.
const SEARCH: Duration = Duration::from_secs(3);

/// The paper's node made of software.
#[derive(Debug, Args)]
#[command(next_help_heading = "The paper's node, made of software")]
pub(super) struct Virtually {
    /// Calibrate and judge the virtual rig.
    #[arg(long, value_enum, requires = "output")]
    rig: Option<Only>,
    /// Folder for its runs and its model.
    #[arg(short, long, value_name = "DIR", requires = "rig")]
    output: Option<PathBuf>,
    /// In real time by the real interfaces, which takes half an hour; else on a virtual clock.
    #[arg(long, requires = "rig")]
    live: bool,
    /// How many trainings are judged.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, requires = "rig")]
    trainings: usize,
    /// Length of each training.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::parse, requires = "rig")]
    each: Duration,
    /// How long each load of the calibration lasts, and how much of it does not count.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "rig")]
    dwell: Option<Duration>,
    /// What of it does not count.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, requires = "rig")]
    discard: Option<Duration>,
    /// How often each load is taken.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "rig")]
    repeats: usize,
    /// Share of the calibration's GPU runs whose GPU counters show 0.3 of the truth; on the virtual clock only.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = super::share, conflicts_with = "live")]
    falsify: f64,
    /// Also show how the errors depend on what the node takes that no sensor has.
    #[arg(long, requires = "rig")]
    sensitivity: bool,
    /// Start of all random numbers.
    #[arg(long, default_value_t = 1, requires = "rig")]
    seed: u64,
}

/// The one rig that makes itself.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Only {
    /// The paper's node: 2 TB of memory, four GPUs, a ZES meter
    Virtual,
}

impl Virtually {
    /// Calibrates and judges, where that is asked for.
    pub(super) fn judge(&self, request: &mut MethodsRequest) -> Result<Option<Judged>> {
        let (Some(Only::Virtual), Some(dir)) = (self.rig, &self.output) else { return Ok(None) };
        let stop = Arc::new(AtomicBool::new(false));
        until::signalled(&stop)?;
        let node = virtual_paper_node(self.seed);
        let plan = self.plan(node.gpu_count())?;
        let falsified = self.falsified(&plan);
        let mut tell = |what: &str| message(&format!("wattproof: {what}"));
        let runs = carry_out(&plan, &dir.join("calibration"), &stop, &mut tell, &mut |experiment, path| {
            let gain = if falsified.contains(&experiment.name) { FALSIFIED_GAIN } else { 1.0 };
            if self.live {
                live(&plan, experiment, &node, path)
            } else {
                simulated(&plan, experiment, &node, gain, path)
            }
        })?;
        let first = runs.first().ok_or_else(|| Error::new("the plan has no experiment"))?;
        let calibration = calibrate(
            &runs,
            &CalibrationRequest {
                reference: super::compare::own_reference(first)?,
                components: request.estimate.components.clone(),
                cut: Cut { block_ns: 30_000_000_000, discard_ns: 0, phases: true },
                hold_out: HoldOut::Run,
                meter_percent: None,
                valid_days: 180,
                prior_load: None,
                seed: self.seed,
            },
        )?;
        write_model(&dir.join("node-model.toml"), &calibration.file)?;
        let judged = self.judged_runs(dir, &node)?;
        request.phases = Some("search ".to_owned());
        // The host of a live run is this machine, whose memory is not that of the virtual one.
        request.estimate.assumptions.memory_gib.get_or_insert(node.node.dram_gib);
        let boards = if self.sensitivity { &BOARDS_W[..] } else { &[] };
        let dependent = || sensitivity(&plan, &node, boards, (self.trainings, self.each.as_secs_f64()));
        Ok(Some(Judged {
            table: compare_methods(&[judged], &calibration.file, request)?,
            falsified: calibration.file.falsified,
            sensitivity: self.sensitivity.then(dependent).transpose()?,
        }))
    }

    fn plan(&self, gpus: usize) -> Result<Plan> {
        let default = Settling::default();
        let seconds = |time: Option<Duration>, default: f64| time.map_or(default, |time| time.as_secs_f64());
        let settling = Settling {
            dwell_s: seconds(self.dwell, default.dwell_s),
            discard_s: seconds(self.discard, default.discard_s),
            ..default
        };
        let parts = Parts { cpu: true, memory: true, gpus };
        Plan::new(&PlanRequest { parts, settling, repeats: self.repeats, seed: self.seed })
    }

    /// The first of the plan's GPU runs, which are in random order, so that at least this share of them is falsified.
    fn falsified(&self, plan: &Plan) -> Vec<String> {
        let gpus = plan.experiments.iter().filter(|it| !it.demand.gpus.is_empty());
        let names: Vec<String> = gpus.map(|experiment| experiment.name.clone()).collect();
        let total: f64 = names.iter().map(|_| 1.0).sum();
        let mut taken = 0.0;
        let enough = |_: &String| {
            let more = taken < self.falsify * total;
            taken += 1.0;
            more
        };
        names.into_iter().take_while(enough).collect()
    }

    fn judged_runs(&self, dir: &std::path::Path, node: &virtual_rig::Description) -> Result<Run> {
        let path = dir.join("trainings");
        if path.exists() {
            message("wattproof: the trainings are there already");
            return Run::open(&path);
        }
        message(&format!("wattproof: {} trainings", self.trainings));
        let run = trainings(self.trainings, self.each.as_secs_f64(), node, self.live, &path)?;
        if self.live { aligned(&run) } else { Ok(run) }
    }
}

/// A run whose meter is on a clock of its own, aligned: else what a training begins and ends with is counted to its neighbour.
fn aligned(run: &Run) -> Result<Run> {
    let search_ns = duration::nanos(SEARCH);
    let found = sync(run, &Request { load: None, channels: Vec::new(), search_ns })?;
    for clock in found.clocks.iter().filter(|clock| clock.failed) {
        message(&format!("wattproof: {} is not aligned: {}", clock.source, clock.verdict.join(" ")));
    }
    run.save_alignment(&found.alignment(run)?)?;
    Run::open(run.dir())
}

/// How the errors depend on the rest, in words.
pub(super) fn sensitivity_text(text: &mut String, found: &Sensitivity) {
    text.push_str("Greatest error in per cent by what no sensor has\n\n");
    let rows: Vec<Vec<String>> = found
        .rows
        .iter()
        .map(|row| {
            let yes = |holds: bool| if holds { "yes" } else { "no" };
            let mut cells = vec![format!("{:.0} W", row.unmeasured_w)];
            let errors = [row.code_carbon_2, row.code_carbon_3, row.upper_bound, row.prior, row.model];
            cells.extend(errors.map(|error| format!("{error:+.1}")));
            cells.push(format!("{}, {}", yes(row.papers_order_2), yes(row.papers_order_3)));
            cells
        })
        .collect();
    table(text, &["unmeasured", "CC 2", "CC 3", "upper", "prior", "model", "paper's order, CC 2, 3"], &rows);
    text.push('\n');
    for (version, at) in [2, 3].into_iter().zip(&found.as_the_paper_w) {
        let at: Vec<String> = at.iter().map(|watts| format!("{watts:.0} W")).collect();
        let said = if at.is_empty() {
            format!("Code Carbon {version} errs by the paper's 10.3 % at no power between these rows.")
        } else {
            format!(
                "Code Carbon {version} errs by the paper's 10.3 % where no sensor has {}.",
                at.join(" or ")
            )
        };
        paragraph(text, 0, &said);
    }
    paragraph(
        text,
        0,
        &format!(
            "Memory takes {:.0} W here; version 2 assumes 3/8 W for each of {:.0} GiB, version 3 counts modules.",
            found.memory_w, found.memory_gib
        ),
    );
}
