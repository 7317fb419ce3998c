//! `wattproof excite`: the load that tells most about power sensors.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, ValueEnum};
use power_load::{Demand, Excitation, GpuDemand, GpuId, Played, Schedule, play};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::loads::NamedLoad;
use super::output::{JsonOption, message, print};
use super::{Outcome, duration, share};
use crate::record::{load_error, marks, pulse_mark};
use crate::{Error, Result};

/// Put this machine under the load that tells most about its power sensors.
///
/// On and off for random times of three scales around the sensor's update period, then one long step, with rest at both
/// ends: no averaging window and no delay makes two parts of it look alike, as a periodic load does.
///
/// Within a recording it marks the phases `excite`: `wattproof record -o run -- wattproof excite --cuda 0`, and then
/// `wattproof characterise run --pulses excite`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Load the CPUs; this is what is loaded if nothing else is said.
    #[arg(long)]
    cpu: bool,
    /// Load an NVIDIA GPU: its number, UUID or PCI address; may be repeated; without a value, all.
    #[arg(long, value_name = "GPU", num_args = 0..=1, default_missing_value = "all", conflicts_with = "cpu")]
    cuda: Vec<String>,
    /// Load the memory.
    #[arg(long, conflicts_with_all = ["cpu", "cuda"])]
    memory: bool,
    /// Run a command of yours for each time on, by the shell.
    #[arg(long, value_name = "CMD", conflicts_with_all = ["cpu", "cuda", "memory"])]
    start: Option<String>,
    /// Run a command of yours that reads `on` and `off` from its stdin, each a line, by the shell.
    #[arg(long, value_name = "CMD", conflicts_with_all = ["cpu", "cuda", "memory", "start"])]
    tell: Option<String>,
    /// Load the GPUs of the virtual rig, within `wattproof record --rig virtual`.
    #[cfg(feature = "virtual")]
    #[arg(long = "virtual", conflicts_with_all = ["cpu", "cuda", "memory", "start", "tell"])]
    virtual_rig: bool,
    /// Only print the schedule, for a load of your own.
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "csv")]
    print: Option<Form>,
    /// Update period of the sensor, as far as it is known.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration::parse)]
    period: Duration,
    /// Length of the part at random; 20 s or more for each 100 ms of the period.
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    random: Duration,
    /// Length of the one long step: more than the averaging window.
    #[arg(long, value_name = "TIME", default_value = "6s", value_parser = duration::parse)]
    step: Duration,
    /// Rest before, between and after: more than the averaging window.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = duration::parse)]
    rest: Duration,
    /// Share of what the load can do, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = share)]
    level: f64,
    /// Start of all random numbers: the same seed gives the same load.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the run to mark, for a recording that this is not a part of.
    #[arg(long, value_name = "RUN")]
    run: Option<PathBuf>,
    #[command(flatten)]
    json: JsonOption,
}

/// How a schedule is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line a step: when it begins, its length, and how far the load is on.
    Csv,
    /// What `power-load` reads.
    Json,
    /// Likewise.
    Toml,
}

/// What was played, as JSON.
#[derive(Debug, Serialize)]
struct Outline {
    schema_version: u32,
    load: String,
    seed: u64,
    seconds: f64,
    steps: usize,
    /// Whether it was played to its end.
    whole: bool,
    /// Whether a recording got the marks.
    marked: bool,
    /// How long the load took to follow in the median, and at most, in milliseconds.
    followed_ms: f64,
    slowest_ms: f64,
}

impl Arguments {
    fn load(&self) -> NamedLoad {
        #[cfg(feature = "virtual")]
        if self.virtual_rig {
            return NamedLoad::VirtualRig;
        }
        match (&self.start, &self.tell, &self.cuda[..]) {
            (Some(command), ..) => NamedLoad::Started(command.clone()),
            (_, Some(command), _) => NamedLoad::Told(command.clone()),
            (.., []) if self.memory => NamedLoad::Memory,
            (.., []) => NamedLoad::Cpu,
            (.., gpus) if gpus.iter().any(|gpu| gpu == "all") => NamedLoad::Cuda(Vec::new()),
            (.., gpus) => NamedLoad::Cuda(gpus.iter().map(|gpu| GpuId::from(gpu.as_str())).collect()),
        }
    }

    fn schedule(&self, on: Demand) -> Result<Schedule> {
        if self.period < Duration::from_millis(5) || self.random.is_zero() || self.level <= 0.0 {
            return Err(Error::new("an excitation needs a period of 5 ms or more, some time, and a level")
                .mend("see `wattproof excite --help`"));
        }
        let excitation = Excitation {
            period_s: self.period.as_secs_f64(),
            random_s: self.random.as_secs_f64(),
            idle_s: self.rest.as_secs_f64(),
            long_s: self.step.as_secs_f64(),
            on,
        };
        Ok(Schedule::excite(self.seed, &excitation))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let named = arguments.load();
    if let Some(form) = arguments.print {
        let demand = match &named {
            NamedLoad::Cuda(gpus) => {
                let gpu = GpuDemand { compute: arguments.level, memory: 0.0 };
                Demand::IDLE.with_gpus(gpus.len().max(1), gpu)
            }
            NamedLoad::Memory => Demand { memory: arguments.level, ..Demand::IDLE },
            _ => Demand { cpu: arguments.level, ..Demand::IDLE },
        };
        print(&form.write(&arguments.schedule(demand)?)?)?;
        return Ok(Outcome::Fine);
    }
    // What is asked wrongly is said before anything is loaded.
    arguments.schedule(Demand::IDLE)?;
    let mut opened = named.open(arguments.level)?;
    let schedule = arguments.schedule(opened.on.clone())?;
    let socket = marks::find_socket(arguments.run.as_deref());
    if socket.is_err() {
        message(
            "wattproof: no recording listens, so nothing is marked; `wattproof record -- wattproof excite …` marks it",
        );
    }
    message(&format!("wattproof: {} on and off for {:.0} s", named.words(), schedule.seconds()));
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Error::new("signals cannot be watched").because(error))?;
    }
    let (mut took_ns, mut unmarked) = (Vec::new(), None);
    let played = play(&schedule, &mut *opened.load, &stop, &mut |event| {
        took_ns.push(event.end_ns - event.start_ns);
        if let Ok(socket) = &socket {
            unmarked = marks::send_at(socket, &pulse_mark(event)).err().or(unmarked.take());
        }
    });
    let played = played.map_err(load_error)?;
    drop(opened);
    if let Some(error) = unmarked {
        return Err(error);
    }
    took_ns.sort_unstable();
    let at = |index: usize| took_ns.get(index).copied().map_or(0.0, millis);
    let outline = Outline {
        schema_version: 1,
        load: named.words(),
        seed: arguments.seed,
        seconds: schedule.seconds(),
        steps: schedule.steps.len(),
        whole: played == Played::Whole,
        marked: socket.is_ok(),
        followed_ms: at(took_ns.len() / 2),
        slowest_ms: at(took_ns.len().saturating_sub(1)),
    };
    arguments.json.write(&outline, &outline.text())?;
    Ok(if outline.whole { Outcome::Fine } else { Outcome::Failed })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53 ns")]
fn millis(nanos: i64) -> f64 {
    nanos as f64 * 1e-6
}

impl Outline {
    fn text(&self) -> String {
        let whole = if self.whole { "" } else { ", and was stopped before" };
        format!(
            "{}: {} steps in {:.1} s, seed {}{whole}; it followed within {:.2} ms in the median, {:.1} ms at most\n",
            self.load, self.steps, self.seconds, self.seed, self.followed_ms, self.slowest_ms
        )
    }
}

impl Form {
    fn write(self, schedule: &Schedule) -> Result<String> {
        let cannot = |error: String| Error::new("the schedule cannot be printed").because(error);
        Ok(match self {
            Self::Csv => csv(schedule),
            Self::Json => {
                serde_json::to_string_pretty(schedule).map_err(|error| cannot(error.to_string()))? + "\n"
            }
            Self::Toml => toml::to_string(schedule).map_err(|error| cannot(error.to_string()))?,
        })
    }
}

/// A line a step. Names are words: nothing has to be quoted.
fn csv(schedule: &Schedule) -> String {
    let mut text = String::from("t_s,seconds,load,phase\n");
    let mut t_s = 0.0;
    for step in &schedule.steps {
        let demand = &step.demand;
        let gpus = demand.gpus.iter().flat_map(|gpu| [gpu.compute, gpu.memory]);
        let load = gpus.chain([demand.cpu, demand.memory]).fold(0.0, f64::max);
        let name = step.name.as_deref().unwrap_or_default();
        let _ = writeln!(text, "{t_s:.6},{:.6},{load},{name}", step.seconds);
        t_s += step.seconds;
    }
    text
}
