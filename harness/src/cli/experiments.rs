//! `calibrate --plan` and `--run`: the experiments of a calibration.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use power_load::{CommandLoad, CpuLoad, CudaLoad, CudaOptions, Load, Loads, MemoryLoad};

use super::output::{message, paragraph, table};
use super::{duration, until};
use crate::inventory::Inventory;
use crate::node::experiments::{
    Bench, Experiment, Parts, Plan, PlanRequest, PrimeLoad, Settling, Thermometer, Warmth, carry_out,
    is_prime, settling,
};
use crate::record::load_error;
use crate::rig::Rig;
use crate::run::Run;
use crate::{Error, Result, drivers};

/// Which experiments, on what, by which loads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Experiments")]
pub(super) struct Experiments {
    /// Only print which experiments --run would make, and how long that takes.
    #[arg(long, conflicts_with = "run")]
    pub(super) plan: bool,
    /// Make the experiments, a run each in this folder, and fit; runs that are there already are taken as they are.
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// File that names the sensors and the meter, or `virtual` for the paper's node made of software; by default all that
    /// is found here.
    #[arg(long, value_name = "FILE|virtual")]
    rig: Option<PathBuf>,
    /// Do not wait: simulate the virtual rig on a clock of its own.
    #[cfg(feature = "virtual")]
    #[arg(long, requires = "rig")]
    virtual_clock: bool,
    /// What loads a part: `cpu`, `memory` or `gpu`, or a command of yours for it, in which `{percent}` and `{share}` stand
    /// for how much; may be repeated. By default all that can be loaded here.
    #[arg(long = "load", value_name = "PART[=CMD]")]
    loads: Vec<PartLoad>,
    /// How long each load lasts; by default 60 s, or more where sensors are slow.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    dwell: Option<Duration>,
    /// How often each load is taken.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    repeats: usize,
    /// Begin an experiment only when all GPUs are below this temperature, in °C.
    #[arg(long, value_name = "CELSIUS", default_value_t = 60.0)]
    cool_below: f64,
    /// End the calibration where a GPU gets warmer than this, in °C.
    #[arg(long, value_name = "CELSIUS", default_value_t = 90.0)]
    end_above: f64,
}

/// What the command has beside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) discard: Option<Duration>,
    pub(super) seed: u64,
    pub(super) reference: Option<&'a str>,
}

/// A part of the machine that a plan loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Cpu,
    Memory,
    Gpu,
}

/// What loads a part: what is built in, or a command.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PartLoad {
    part: Part,
    command: Option<String>,
}

impl FromStr for PartLoad {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, command) = match text.split_once('=') {
            Some((name, command)) => (name, Some(command.trim().to_owned())),
            None => (text, None),
        };
        let part = match name.trim() {
            "cpu" => Part::Cpu,
            "memory" | "dram" => Part::Memory,
            "gpu" => Part::Gpu,
            other => {
                return Err(format!("{other} is no part: write cpu, memory or gpu, or gpu='python burn.py'"));
            }
        };
        match command {
            Some(command) if command.is_empty() => Err(format!("name the command that loads {name}")),
            command => Ok(Self { part, command }),
        }
    }
}

impl PartLoad {
    /// How much an experiment asks of the part.
    fn asked(&self, experiment: &Experiment) -> f64 {
        let demand = &experiment.demand;
        match self.part {
            Part::Cpu => demand.cpu,
            Part::Memory => demand.memory,
            Part::Gpu => demand.gpus.iter().map(|gpu| gpu.compute.max(gpu.memory)).fold(0.0, f64::max),
        }
    }

    fn open(&self, experiment: &Experiment) -> Result<Box<dyn Load>> {
        let share = self.asked(experiment);
        let opened: power_load::Result<Box<dyn Load>> = match (&self.command, self.part) {
            (Some(command), _) => {
                let command = command
                    .replace("{percent}", &format!("{:.0}", 100.0 * share))
                    .replace("{share}", &share.to_string());
                CommandLoad::started(["sh".to_owned(), "-c".to_owned(), command])
                    .map(|load| Box::new(load) as _)
            }
            (None, Part::Cpu) if is_prime(&experiment.name) => Ok(Box::new(PrimeLoad::default())),
            (None, Part::Cpu) => CpuLoad::start().map(|load| Box::new(load) as _),
            (None, Part::Memory) => MemoryLoad::start().map(|load| Box::new(load) as _),
            (None, Part::Gpu) => CudaLoad::start(&CudaOptions::default()).map(|load| Box::new(load) as _),
        };
        opened.map_err(load_error)
    }
}

impl Experiments {
    /// The plan, without anything being loaded.
    pub(super) fn plan(&self, request: &Request<'_>) -> Result<Plan> {
        if self.is_virtual() {
            return self.virtual_plan(request);
        }
        self.real_plan(&self.rig()?, &self.loads()?, request)
    }

    /// Makes the experiments, where that is asked for.
    pub(super) fn carry_out(&self, request: &Request<'_>) -> Result<Option<Vec<Run>>> {
        let Some(dir) = &self.run else { return Ok(None) };
        let stop = Arc::new(AtomicBool::new(false));
        until::signalled(&stop)?;
        if self.is_virtual() {
            return self.carry_out_virtually(dir, request, &stop).map(Some);
        }
        let (mut rig, loads) = (self.rig()?, self.loads()?);
        rig.reference = request.reference.map(str::to_owned).or(rig.reference);
        if rig.reference.is_none() {
            return Err(Error::new(
                "no meter is named, and without one there is nothing to calibrate against",
            )
            .mend("write reference = \"SOURCE/CHANNEL\" into the rig file, or pass --reference"));
        }
        let plan = self.real_plan(&rig, &loads, request)?;
        begin(&plan);
        for load in &loads {
            let says_how_much =
                load.command.as_ref().is_none_or(|it| it.contains("{percent}") || it.contains("{share}"));
            if !says_how_much {
                message("wattproof: a command without {percent} or {share} always does all it can");
            }
        }
        let thermometer = Thermometer::open(&rig);
        if thermometer.is_blind() {
            message("wattproof: no source shows a temperature: nobody watches how warm it gets");
        }
        let mut bench = Bench {
            rig,
            open: Box::new(move |experiment| {
                let asked = loads.iter().filter(|load| load.asked(experiment) > 0.0);
                let opened = asked.map(|load| load.open(experiment));
                Ok(Box::new(opened.collect::<Result<Vec<_>>>()?.into_iter().fold(Loads::new(), Loads::with)))
            }),
            thermometer,
            warmth: Warmth { begin_below_c: self.cool_below, end_above_c: self.end_above },
            stop: Arc::clone(&stop),
            tell: Box::new(tell),
        };
        carry_out(&plan, dir, &stop, &mut tell, &mut |experiment, path| bench.make(&plan, experiment, path))
            .map(Some)
    }

    fn is_virtual(&self) -> bool {
        self.rig.as_deref() == Some(Path::new("virtual"))
    }

    fn rig(&self) -> Result<Rig> {
        if let Some(path) = &self.rig {
            return Rig::read(path);
        }
        let rig = Rig::found(&Inventory::discover());
        if rig.sources.is_empty() {
            return Err(Error::new("no sensor can be read here")
                .mend("see `wattproof doctor`, name them by --rig FILE, or try --rig virtual"));
        }
        Ok(rig)
    }

    /// The loads that were named, or all that are to be had.
    fn loads(&self) -> Result<Vec<PartLoad>> {
        for (at, load) in self.loads.iter().enumerate() {
            if self.loads[..at].iter().any(|other| other.part == load.part) {
                return Err(Error::new("a part has two loads")
                    .mend("name one --load for each of cpu, memory and gpu"));
            }
        }
        if !self.loads.is_empty() {
            return Ok(self.loads.clone());
        }
        let built_in = |part| PartLoad { part, command: None };
        let mut loads = vec![built_in(Part::Cpu), built_in(Part::Memory)];
        match CudaLoad::start(&CudaOptions::default()) {
            Ok(_) => loads.push(built_in(Part::Gpu)),
            Err(error) => message(&format!("wattproof: no GPU is loaded: {error}")),
        }
        Ok(loads)
    }

    fn real_plan(&self, rig: &Rig, loads: &[PartLoad], request: &Request<'_>) -> Result<Plan> {
        let has = |part| loads.iter().find(|load| load.part == part);
        let gpus = match has(Part::Gpu) {
            None => 0,
            Some(PartLoad { command: Some(_), .. }) => 1,
            Some(_) => CudaLoad::start(&CudaOptions::default()).map_err(load_error)?.gpus().count(),
        };
        let parts = Parts { cpu: has(Part::Cpu).is_some(), memory: has(Part::Memory).is_some(), gpus };
        let mut descriptors = Vec::new();
        for spec in &rig.sources {
            // One that does not open is told of when it is recorded.
            if let Some(Ok(source)) =
                drivers::find(&spec.driver).map(|driver| driver.open(&spec.device, &spec.options))
            {
                descriptors.push(source.descriptor().clone());
            }
        }
        Plan::new(&self.plan_request(parts, settling(&descriptors), request))
    }

    fn plan_request(&self, parts: Parts, suits: Settling, request: &Request<'_>) -> PlanRequest {
        let mut settling = suits;
        let plateau_s = suits.dwell_s - suits.discard_s;
        if let Some(discard) = request.discard {
            settling.discard_s = discard.as_secs_f64();
            settling.dwell_s = settling.discard_s + plateau_s;
        }
        if let Some(dwell) = self.dwell {
            settling.dwell_s = dwell.as_secs_f64();
        }
        PlanRequest { parts, settling, repeats: self.repeats, seed: request.seed }
    }

    #[cfg(feature = "virtual")]
    fn virtual_plan(&self, request: &Request<'_>) -> Result<Plan> {
        let gpus = virtual_rig::Description::paper_node().gpu_count();
        let parts = Parts { cpu: true, memory: true, gpus };
        // What the virtual rig's sensors are like: means over a second, ten times a second.
        Plan::new(&self.plan_request(parts, Settling::default(), request))
    }

    #[cfg(feature = "virtual")]
    fn carry_out_virtually(&self, dir: &Path, request: &Request<'_>, stop: &AtomicBool) -> Result<Vec<Run>> {
        use crate::node::experiments::{live, simulated, virtual_paper_node};
        let plan = self.virtual_plan(request)?;
        let node = virtual_paper_node(request.seed);
        if !self.virtual_clock {
            begin(&plan);
        }
        carry_out(&plan, dir, stop, &mut tell, &mut |experiment, path| {
            if self.virtual_clock {
                simulated(&plan, experiment, &node, 1.0, path)
            } else {
                live(&plan, experiment, &node, path)
            }
        })
    }

    #[cfg(not(feature = "virtual"))]
    fn virtual_plan(&self, _: &Request<'_>) -> Result<Plan> {
        Err(Error::new("this program was built without the virtual rig")
            .mend("name the sensors by --rig FILE"))
    }

    #[cfg(not(feature = "virtual"))]
    fn carry_out_virtually(&self, _: &Path, request: &Request<'_>, _: &AtomicBool) -> Result<Vec<Run>> {
        self.virtual_plan(request).map(|_| Vec::new())
    }
}

fn begin(plan: &Plan) {
    message(&format!("wattproof: {} experiments, {}", plan.experiments.len(), long(plan.seconds)));
}

fn tell(what: &str) {
    message(&format!("wattproof: {what}"));
}

/// A time of minutes in words.
fn long(seconds: f64) -> String {
    if seconds < 120.0 { format!("{seconds:.0} s") } else { format!("{:.0} min", (seconds / 60.0).ceil()) }
}

/// The plan as a table.
pub(super) fn text(plan: &Plan) -> String {
    let percent = |share: f64| if share > 0.0 { format!("{:.0}", 100.0 * share) } else { "-".to_owned() };
    let rows: Vec<Vec<String>> = plan
        .experiments
        .iter()
        .enumerate()
        .map(|(at, experiment)| {
            let demand = &experiment.demand;
            let gpu = demand.gpus.first().copied().unwrap_or_default();
            let shares = [demand.cpu, demand.memory, gpu.compute, gpu.memory].map(percent);
            [&[format!("{:>2} {}", at + 1, experiment.name)][..], &shares].concat()
        })
        .collect();
    let mut text = String::new();
    table(&mut text, &["experiment, in its order", "CPU %", "memory %", "GPU %", "GPU memory %"], &rows);
    let _ = writeln!(text);
    paragraph(
        &mut text,
        0,
        &format!(
            "{} runs, {} in all if no GPU has to cool. Each load lasts {:.0} s, of which the first {:.0} s do not count: \
             fans and heat settle, and the slowest sensor (every {:.1} s) shows the load alone.",
            plan.experiments.len(),
            long(plan.seconds),
            plan.settling.dwell_s,
            plan.settling.discard_s,
            plan.settling.slowest_s
        ),
    );
    text
}
