//! `wattproof record`: records all sources around a command or for a time.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use power_load::{Burst, Demand, Schedule};
use serde::Serialize;

use super::loads::NamedLoad;
use super::output::{self, JsonOption};
use super::progress::Progress;
use super::{Outcome, duration};
use crate::alignment::Alignment;
use crate::inventory::Inventory;
use crate::record::live::Live;
use crate::record::{Ended, Pulses, Settings, record, summary};
use crate::rig::Rig;
use crate::run::{Recording, Run};
use crate::{Result, timekeeping};

/// Record every sensor around a command, for a time, or until Ctrl-C.
///
/// Without --rig, everything that `wattproof list` finds is recorded; where that is nothing, the virtual rig.
/// The command's exit code is passed on; 2 where the recording failed and the command did not.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run; a name with the present time by default.
    #[arg(short, long, value_name = "RUN")]
    output: Option<PathBuf>,
    /// How long to record: `60s`, `10min`.
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, conflicts_with = "command")]
    time: Option<Duration>,
    #[command(flatten)]
    sampling: Sampling,
    /// Put pulses of a load before and after, by which `wattproof sync` aligns clocks: `cpu`, `cuda`, `cuda:0`, or a
    /// command that reads `on` and `off` from its stdin. Each burst takes some 20 s.
    #[arg(long, value_name = "LOAD", num_args = 0..=1, default_missing_value = "cpu", value_parser = NamedLoad::parse)]
    sync_pulses: Option<NamedLoad>,
    /// Leave the command's stdout alone: no marks from lines `__NAME__`.
    #[arg(long)]
    no_stdout_marks: bool,
    #[command(flatten)]
    json: JsonOption,
    /// The command, with its arguments.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// What is read, and how often.
#[derive(Debug, Clone, Args)]
pub(super) struct Sampling {
    /// File that names the sources, or `virtual` for a node made of software.
    #[arg(long, value_name = "FILE|virtual")]
    pub(super) rig: Option<PathBuf>,
    /// Reads a second: `1000` for all polled sources without a rate of their own, `gpu0=100` for one.
    #[arg(long, value_name = "HZ|SOURCE=HZ")]
    pub(super) rate: Vec<String>,
    /// Delay each read at random by up to this share of its period, so that polling never beats with a sensor.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(super) jitter: f64,
    /// Real-time priority and locked memory, where that is permitted.
    #[arg(long)]
    pub(super) realtime: bool,
}

fn share(text: &str) -> std::result::Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("{text} is not from 0 to 1")) }
}

/// What a recording gave, as JSON.
#[derive(Debug, Serialize)]
struct Outline<'a> {
    schema_version: u32,
    run: Option<&'a Path>,
    exit_code: Option<i32>,
    recording: &'a Recording,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let chosen = arguments.choose()?;
    let dir = arguments.output.clone().unwrap_or_else(default_folder);
    let mut settings = Settings::new(Some(dir), chosen.rig.clone());
    settings.jitter = arguments.sampling.jitter;
    settings.realtime = arguments.sampling.realtime;
    settings.duration = chosen.whole.or(arguments.time);
    settings.pulses = arguments.pulses(&chosen)?;
    settings.command.clone_from(&arguments.command);
    settings.stdout_marks = !arguments.no_stdout_marks;
    settings.notes.clone_from(&chosen.notes);
    #[cfg(feature = "virtual")]
    if let Some(node) = &chosen.node {
        settings.environment = node.env();
        settings.late_marks = Some(crate::rig::virtual_node::workload_marks(node));
    }
    let live = Live::default();
    // A command that writes to the same terminal would fight with the line for it.
    let wanted = arguments.command.is_empty() || !io::stdout().is_terminal();
    let progress = Progress::start(&live, arguments.whole_time(&chosen), wanted);
    settings.tell = progress.teller();
    let ended = record(settings, &live);
    drop(progress);
    let ended = ended?;
    #[cfg(feature = "virtual")]
    if let (Some(node), Some(run)) = (&chosen.node, &ended.run) {
        crate::rig::virtual_node::write_truth(node, run)?;
    }
    tell(&ended);
    let outline = Outline {
        schema_version: 1,
        run: ended.run.as_ref().map(Run::dir),
        exit_code: ended.exit_code,
        recording: &ended.recording,
    };
    arguments.json.write(&outline, "")?;
    Ok(outcome(&ended))
}

impl Arguments {
    /// Finds the sources. The virtual rig makes pulses of its own where it is known how long the recording takes.
    fn choose(&self) -> Result<Chosen> {
        #[cfg(feature = "virtual")]
        if let (Some(_), Some(time)) = (&self.sync_pulses, self.time) {
            let (node, whole) = crate::rig::virtual_node::pulsing(time)?;
            let mut chosen = self.sampling.choose_on(node)?;
            if chosen.node.is_some() {
                output::message(
                    "wattproof: the virtual rig makes the pulses itself, before and after trainings",
                );
                chosen.whole = Some(whole);
            }
            return Ok(chosen);
        }
        self.sampling.choose()
    }

    /// The load of the pulses, which real parts need; around a command those of the virtual rig, too.
    fn pulses(&self, chosen: &Chosen) -> Result<Option<Pulses>> {
        let Some(named) = self.sync_pulses.clone().filter(|_| chosen.whole.is_none()) else {
            return Ok(None);
        };
        #[cfg(feature = "virtual")]
        if let Some(node) = &chosen.node {
            use crate::rig::virtual_load::VirtualLoad;
            output::message("wattproof: the virtual rig's GPUs make the pulses, and rest between them");
            let (socket, file) = (node.socket(), node.file());
            return Ok(Some(Pulses::new(move || Ok(VirtualLoad::connect(&socket, &file)?.opened(0.5)))));
        }
        // Whether it is to be had at all is said before anything is opened.
        drop(named.open(1.0)?);
        Ok(Some(Pulses::new(move || named.open(1.0))))
    }

    /// How long the recording takes, with its pulses, where that is known.
    fn whole_time(&self, chosen: &Chosen) -> Option<Duration> {
        let played = self.sync_pulses.as_ref().map_or(0.0, |_| {
            Pulses::schedules(&Burst::new(Demand::IDLE)).iter().map(Schedule::seconds).sum()
        });
        chosen.whole.or(self.time.map(|time| time + Duration::from_secs_f64(played)))
    }
}

/// The command's code where it failed, 2 where the recording did.
fn outcome(ended: &Ended) -> Outcome {
    match (ended.exit_code, &ended.failure) {
        (Some(0) | None, Some(_)) => Outcome::Unable,
        (None | Some(0), None) => Outcome::Fine,
        (Some(code), _) => Outcome::Code(u8::try_from(code).unwrap_or(1)),
    }
}

fn tell(ended: &Ended) {
    for what in summary::shortcomings(&ended.recording) {
        output::message(&format!("wattproof: {what}"));
    }
    let rest = ended.run.as_ref().map(|run| {
        let files = run.manifest().files.iter();
        files
            .filter_map(|file| std::fs::metadata(run.dir().join(&file.path)).ok())
            .map(|file| file.len())
            .sum()
    });
    output::message(summary::cost(&ended.recording, rest).trim_end());
    if let Some(run) = &ended.run {
        // Nothing has aligned it yet.
        for what in timekeeping::remarks(run.manifest(), &Alignment::default()) {
            output::message(&format!("wattproof: {what}"));
        }
        output::message(&format!("run: {}", run.dir().display()));
    }
    if let Some(failure) = &ended.failure {
        output::message(&format!("wattproof: {}", failure.in_full()));
    }
}

/// A folder whose name has the present time, in UTC.
fn default_folder() -> PathBuf {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ").to_string();
    PathBuf::from(format!("wattproof-{now}"))
}

/// The sources that were chosen, and the node made of software that some of them may need.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) rig: Rig,
    pub(super) notes: Vec<String>,
    /// How long a node whose workload has an end takes for it.
    pub(super) whole: Option<Duration>,
    #[cfg(feature = "virtual")]
    pub(super) node: Option<virtual_rig::VirtualRig>,
}

impl Sampling {
    /// Finds the sources: those of the rig file, those of the virtual rig, or everything that can be read here.
    pub(super) fn choose(&self) -> Result<Chosen> {
        #[cfg(feature = "virtual")]
        return self.choose_on(virtual_rig::Description::paper_node());
        #[cfg(not(feature = "virtual"))]
        self.choose_on(())
    }

    /// As [`choose`](Self::choose), with another virtual node.
    fn choose_on(&self, node: Node) -> Result<Chosen> {
        let mut chosen = match &self.rig {
            Some(path) if path == Path::new("virtual") => software(node)?,
            Some(path) => real(Rig::read(path)?),
            None => {
                let found = Rig::found(&Inventory::discover());
                if found.sources.is_empty() {
                    output::message(
                        "wattproof: nothing can be read here (`wattproof doctor` says why): this is the virtual rig, \
                         whose sensors are made of software",
                    );
                    software(node)?
                } else {
                    real(found)
                }
            }
        };
        chosen.rig.set_rates(&self.rate)?;
        Ok(chosen)
    }
}

fn real(rig: Rig) -> Chosen {
    Chosen {
        rig,
        notes: Vec::new(),
        whole: None,
        #[cfg(feature = "virtual")]
        node: None,
    }
}

/// What the virtual rig is made of.
#[cfg(feature = "virtual")]
type Node = virtual_rig::Description;
#[cfg(not(feature = "virtual"))]
type Node = ();

#[cfg(feature = "virtual")]
fn software(node: Node) -> Result<Chosen> {
    use crate::rig::virtual_node;
    let node = virtual_node::start(node)?;
    let notes = vec!["the sensors are those of the virtual rig, which is made of software".to_owned()];
    Ok(Chosen { rig: virtual_node::sources(&node)?, notes, whole: None, node: Some(node) })
}

#[cfg(not(feature = "virtual"))]
fn software(_: Node) -> Result<Chosen> {
    Err(crate::Error::new("this program was built without the virtual rig")
        .mend("name the sources by --rig FILE"))
}
