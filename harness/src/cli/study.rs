//! `wattproof study`: the paper's whole study on this machine, or on the virtual rig.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use power_analysis::study::Thresholds;

use super::Outcome;
use super::output::{JsonOption, message, paragraph};
use super::page::FiguresOption;
use crate::study::analyse::analyse;
use crate::study::conduct::{Conducted, conduct, default_folder};
use crate::study::folder::Folder;
use crate::study::plan::{Plan, Preset, RigChoice};
use crate::study::progress::Progress;
use crate::study::results::StudyResults;
use crate::study::{sentences, sources, tables};
use crate::{Error, Result, report};

/// Run the paper's study on this machine, or on the virtual rig, and leave one page.
///
/// Experiment 1 trains networks on one GPU, one after another, while every tool reads it at once; then with Code Carbon,
/// on all GPUs, and with NVML in place of nvidia-smi. A study that is stopped goes on where it stopped when the same
/// folder is named again. Reading as EA-HAS-Bench does (`nvidia-smi -q -x`) delays what other readers get of a real GPU:
/// E1 shows that, E4 is free of it.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File that names the sources, or `virtual` for a node made of software; by default what can be read here, or the
    /// virtual rig where there is no GPU.
    #[arg(long, value_name = "virtual|FILE")]
    rig: Option<PathBuf>,
    /// About one minute; the default.
    #[arg(long, conflicts_with_all = ["paper", "trainings"])]
    quick: bool,
    /// As in the paper: 500 trainings, and three times 20. Takes many hours.
    #[arg(long, conflicts_with = "trainings")]
    paper: bool,
    /// So many trainings in experiment 1.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    trainings: Option<u64>,
    /// Your own training, run by the shell; `{seed}` becomes its number. It marks epochs by lines `__epoch 3__` on
    /// stdout, or by datagrams as `wattproof mark` does.
    #[arg(long, value_name = "COMMAND")]
    workload: Option<String>,
    /// Folder of the study.
    #[arg(short, long, value_name = "DIR", default_value_os_t = default_folder().to_owned())]
    output: PathBuf,
    /// Start of all random numbers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// What decides the three principles, in TOML; unnamed ones keep their defaults.
    #[arg(long, value_name = "FILE.toml")]
    thresholds: Option<PathBuf>,
    /// The page to write; `report.html` in the study's folder by default.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write every table as CSV and LaTeX into DIR.
    #[arg(long, value_name = "DIR")]
    tables: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut folder = arguments.folder()?;
    if !folder.is_finished() {
        let plan = folder.plan();
        let done = plan.experiments.iter().map(|one| folder.done(one.id).min(one.trainings)).sum();
        let all = plan.experiments.iter().map(|one| one.trainings).sum();
        let progress = Progress::new(done, all, plan.preset.training_s());
        let bar = Bar::start(&progress);
        let tell = bar.teller();
        let conducted = conduct(&mut folder, &progress, &tell);
        drop(bar);
        if conducted? == Conducted::Stopped {
            let (done, all) = progress.trainings();
            return Err(Error::new(format!("the study was stopped after {done} of {all} trainings"))
                .mend(format!("`wattproof study -o {}` goes on with it", folder.dir().display())));
        }
    }
    let results = analyse(&folder)?;
    if let Some(dir) = &arguments.tables {
        tables::write(&results, dir)?;
    }
    let json = serde_json::to_vec(&results)
        .map_err(|error| Error::new("cannot write the results as JSON").because(error))?;
    let kept = folder.dir().join("results.json");
    std::fs::write(&kept, json).map_err(|error| Error::io(&kept, "write", error))?;
    arguments.json.write(&results, &text(&results))?;
    let page = arguments.report.clone().unwrap_or_else(|| folder.dir().join("report.html"));
    arguments.figures.write(Some(&page), || report::study_page(&results))?;
    Ok(Outcome::Fine)
}

/// The study in words.
fn text(results: &StudyResults) -> String {
    let mut text = String::new();
    for sentence in sentences::verdict(results) {
        paragraph(&mut text, 0, &sentence);
        text.push('\n');
    }
    for (name, standing) in sentences::principles(results) {
        paragraph(&mut text, 0, &format!("{name}: {standing}"));
    }
    text
}

impl Arguments {
    /// The study to do: a new one, or the one that is there.
    fn folder(&self) -> Result<Folder> {
        if Folder::is_there(&self.output) {
            let folder = Folder::open(&self.output)?;
            self.check_same(folder.plan())?;
            let done = if folder.is_finished() { "is done: its page is written anew" } else { "goes on" };
            message(&format!("wattproof: the study in {} {done}; -o names another", self.output.display()));
            return Ok(folder);
        }
        Folder::begin(&self.output, self.plan()?)
    }

    fn preset(&self) -> Option<Preset> {
        match (self.paper, self.trainings) {
            (true, _) => Some(Preset::Paper),
            (_, Some(number)) => Some(Preset::Trainings(usize::try_from(number).unwrap_or(usize::MAX))),
            _ => self.quick.then_some(Preset::Quick),
        }
    }

    /// A study that goes on has the plan that it began with.
    fn check_same(&self, plan: &Plan) -> Result<()> {
        let other = |what: &str| {
            Err(Error::file(&self.output, format!("is a study with {what}"))
                .mend("leave the options out to go on with it, or name another folder by -o"))
        };
        if self.preset().is_some_and(|preset| preset != plan.preset) {
            return other(&plan.preset.words());
        }
        if self.workload.is_some() && self.workload != plan.workload {
            return other("another --workload");
        }
        if self.rig.is_some() && self.rig.as_deref().map(choice) != Some(plan.rig.clone()) {
            return other("another --rig");
        }
        Ok(())
    }

    fn plan(&self) -> Result<Plan> {
        let thresholds = match &self.thresholds {
            None => Thresholds::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, "read", error))?;
                toml::from_str(&text).map_err(|error| {
                    let message = error.message().lines().collect::<Vec<_>>().join(" ");
                    Error::file(path, message).mend("the study's page lists all thresholds with their names")
                })?
            }
        };
        let preset = self.preset().unwrap_or(Preset::Quick);
        let (rig, gpus) = self.choose()?;
        Ok(Plan {
            seed: self.seed,
            preset,
            rig,
            workload: self.workload.clone(),
            experiments: preset.experiments(gpus),
            thresholds,
        })
    }

    /// The rig, and how many GPUs it has.
    fn choose(&self) -> Result<(RigChoice, usize)> {
        if let Some(path) = &self.rig {
            let chosen = choice(path);
            if chosen == RigChoice::Virtual {
                return Ok((chosen, VIRTUAL_GPUS));
            }
            let gpus = sources::gpu_count(&sources::rig(&chosen)?);
            if gpus == 0 {
                return Err(Error::file(path, "names no GPU by driver nvml")
                    .mend("add a [[source]] with driver = \"nvml\", as `wattproof list` shows them"));
            }
            return Ok((chosen, gpus));
        }
        let gpus = sources::gpu_count(&sources::rig(&RigChoice::Found)?);
        if gpus > 0 {
            return Ok((RigChoice::Found, gpus));
        }
        message(
            "wattproof: no GPU can be read here (`wattproof doctor` says why): this is the virtual rig, a node made of \
             software whose truth is known",
        );
        Ok((RigChoice::Virtual, VIRTUAL_GPUS))
    }
}

/// GPUs of the virtual node.
const VIRTUAL_GPUS: usize = 4;

fn choice(path: &Path) -> RigChoice {
    if path == Path::new("virtual") { RigChoice::Virtual } else { RigChoice::File(path.to_owned()) }
}

/// The progress bar on a terminal; elsewhere a line for each experiment.
struct Bar {
    line: Option<ProgressBar>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Time between two drawings.
const DRAW: Duration = Duration::from_millis(250);

impl Bar {
    fn start(progress: &Progress) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (_, all) = progress.trainings();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(all).unwrap_or(u64::MAX));
            if let Ok(style) = ProgressStyle::with_template("{bar:16} {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        let (drawn, seen, told) = (bar.clone(), progress.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut said = None;
            while !told.load(Ordering::Relaxed) {
                if let Some(bar) = &drawn {
                    bar.set_position(u64::try_from(seen.trainings().0).unwrap_or(u64::MAX));
                    bar.set_message(format!("{} {} {} left", seen.words(), seen.power(), time(seen.left())));
                } else if let Some(id) = seen.experiment().filter(|id| Some(*id) != said) {
                    message(&format!("{}: {} ({} left)", id.name(), id.title(), time(seen.left())));
                    said = Some(id);
                }
                thread::park_timeout(DRAW);
            }
        });
        Self { line: bar, stop, thread: Some(thread) }
    }

    fn teller(&self) -> impl Fn(&str) + Clone + Send + 'static {
        let bar = self.line.clone();
        move |text: &str| {
            let text = format!("wattproof: {text}");
            match &bar {
                Some(bar) => bar.suspend(|| message(&text)),
                None => message(&text),
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A drawing that panicked has said so.
            let _ = thread.join();
        }
        if let Some(bar) = &self.line {
            bar.finish_and_clear();
        }
    }
}

/// A time that is left: minutes and seconds, or hours.
fn time(left: Duration) -> String {
    let seconds = left.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}
