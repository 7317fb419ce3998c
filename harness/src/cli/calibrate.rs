//! `wattproof calibrate`: a model of the node from runs with sensors and a meter.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use power_analysis::node::{MethodError, NodeModel, PaperMethod};

use super::output::{JsonOption, message, paragraph, table};
use super::{Outcome, duration};
use crate::Result;
use crate::node::{Calibration, CalibrationRequest, ComponentChannels, Cut, HoldOut, calibrate, write_model};
use crate::run::Run;

/// Fit a model of the whole node's power to runs that have its sensors and a meter.
///
/// --plan says which experiments it takes and for how long, --run DIR makes them and fits; or name runs of your own: idle,
/// CPU, memory and GPU loads at several strengths, each for a minute or more. The model is judged on runs that its fit has
/// not seen; `estimate` then gives the energy of runs without a meter.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders of runs that are there.
    #[cfg_attr(unix, arg(required_unless_present_any = ["plan", "run"], conflicts_with_all = ["plan", "run"]))]
    #[cfg_attr(not(unix), arg(required = true))]
    runs: Vec<PathBuf>,
    #[cfg(unix)]
    #[command(flatten)]
    experiments: super::experiments::Experiments,
    /// The meter's channel, as `source/channel`; by default the one that the first run names.
    #[arg(short, long, value_name = "CHANNEL")]
    reference: Option<String>,
    /// The model to write.
    #[arg(short, long, value_name = "MODEL", default_value = "node-model.toml")]
    output: PathBuf,
    /// Channels of a component; may be repeated. By default all GPUs, CPU packages and memories, each counted once.
    #[arg(short, long, value_name = "NAME=CHANNEL[,CHANNEL]", value_parser = parse_component)]
    component: Vec<ComponentChannels>,
    /// Length of the blocks whose means are fitted, 10 to 60 s.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_block)]
    block: Duration,
    /// Take each innermost phase as one plateau in place of blocks.
    #[arg(long)]
    phases: bool,
    /// Leave out so much at the beginning of each run, phase or experiment, until fans and temperatures have settled; by
    /// default nothing of runs that are there, and 20 s or more of experiments.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    discard: Option<Duration>,
    /// What is left out of the fit, one after another, to judge it.
    #[arg(long, value_enum, default_value_t)]
    hold_out: HoldOut,
    /// Standard uncertainty of the meter in per cent of its reading; by default from the run's data-sheet accuracy.
    #[arg(long, value_name = "PERCENT", value_parser = super::number_at_least_0)]
    meter_percent: Option<f64>,
    /// Load that the paper's method is to assume, 0 to 1; by default each run's own by its components.
    #[arg(long, value_name = "SHARE", value_parser = super::share)]
    prior_load: Option<f64>,
    /// Days after which the model is no longer to be believed.
    #[arg(long, value_name = "DAYS", default_value_t = 180)]
    valid_days: u32,
    /// Start of all random numbers: the same seed gives the same result.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    json: JsonOption,
}

/// Parses the length of a block: below a second, sensors have hardly a reading in it.
fn parse_block(text: &str) -> Result<Duration, String> {
    match duration::parse(text)? {
        block if block >= Duration::from_secs(1) => Ok(block),
        _ => Err(format!("{text} is too short for means of all sensors: use 10s to 60s")),
    }
}

/// Parses `gpu=nvml0/energy,nvml1/energy`.
pub(super) fn parse_component(text: &str) -> Result<ComponentChannels, String> {
    let (name, channels) =
        text.split_once('=').ok_or("write NAME=CHANNEL[,CHANNEL], such as gpu=nvml0/energy")?;
    let channels: Vec<String> = channels.split(',').map(|channel| channel.trim().to_owned()).collect();
    if name.trim().is_empty() || channels.iter().any(String::is_empty) {
        return Err("write NAME=CHANNEL[,CHANNEL], such as gpu=nvml0/energy".into());
    }
    Ok(ComponentChannels { name: name.trim().to_owned(), channels })
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    #[cfg(unix)]
    {
        let request = super::experiments::Request {
            discard: arguments.discard,
            seed: arguments.seed,
            reference: arguments.reference.as_deref(),
        };
        if arguments.experiments.plan {
            let plan = arguments.experiments.plan(&request)?;
            arguments.json.write(&plan, &super::experiments::text(&plan))?;
            return Ok(Outcome::Fine);
        }
        if let Some(runs) = arguments.experiments.carry_out(&request)? {
            // A plateau is a phase, which begins when the load has settled.
            let cut = Cut { block_ns: duration::nanos(arguments.block), discard_ns: 0, phases: true };
            return fit(arguments, &runs, cut);
        }
    }
    let runs = arguments.runs.iter().map(|path| Run::open(path)).collect::<Result<Vec<_>>>()?;
    let cut = Cut {
        block_ns: duration::nanos(arguments.block),
        discard_ns: arguments.discard.map_or(0, duration::nanos),
        phases: arguments.phases,
    };
    fit(arguments, &runs, cut)
}

fn fit(arguments: &Arguments, runs: &[Run], cut: Cut) -> Result<Outcome> {
    let reference = match &arguments.reference {
        Some(named) => named.clone(),
        None => super::compare::own_reference(&runs[0])?,
    };
    let request = CalibrationRequest {
        reference,
        components: arguments.component.clone(),
        cut,
        hold_out: arguments.hold_out,
        meter_percent: arguments.meter_percent,
        valid_days: arguments.valid_days,
        prior_load: arguments.prior_load,
        seed: arguments.seed,
    };
    let calibration = calibrate(runs, &request)?;
    write_model(&arguments.output, &calibration.file)?;
    message(&format!("model: {}", arguments.output.display()));
    arguments.json.write(&calibration, &text(&calibration))?;
    Ok(Outcome::Fine)
}

fn text(calibration: &Calibration) -> String {
    let file = &calibration.file;
    let model = &file.model;
    let levels: usize = calibration.runs.iter().map(|run| run.levels).sum();
    let mut text = String::new();
    paragraph(
        &mut text,
        0,
        &format!(
            "{levels} levels of {} runs against {} ({})",
            calibration.runs.len(),
            file.reference,
            file.meter
        ),
    );
    for component in &file.channels {
        paragraph(&mut text, 2, &format!("{} = {}", component.name, component.channels.join(" + ")));
    }
    text.push('\n');
    forms(&mut text, model);
    text.push('\n');
    paragraph(&mut text, 0, &equation(model));
    paragraph(
        &mut text,
        0,
        &format!(
            "On unseen runs it errs by {:.2} % at most, {:.2} % in the median. It holds from {:.0} to {:.0} W of all \
             components, on this machine, until {}.",
            model.held_out.max_percent,
            model.held_out.median_percent,
            model.sum_range_w.0,
            model.sum_range_w.1,
            file.expires.strftime("%Y-%m-%d")
        ),
    );
    for merge in &model.merges {
        paragraph(
            &mut text,
            0,
            &format!("{} and {} count as one: {}.", merge.first, merge.second, merge.reason),
        );
    }
    if !file.falsified.is_empty() {
        let runs = file.falsified.join(", ");
        paragraph(
            &mut text,
            0,
            &format!("These speak against all others and hardly count; check their sensors: {runs}."),
        );
    }
    if let Some(paper) = &file.paper {
        text.push('\n');
        paper_method(&mut text, calibration, paper);
    }
    let left_out: Vec<String> = calibration
        .runs
        .iter()
        .flat_map(|run| run.left_out.iter().map(|why| format!("{}: left out {why}", run.run)))
        .collect();
    if !left_out.is_empty() || !calibration.notes.is_empty() {
        text.push_str("\nNotes\n");
    }
    for note in left_out.iter().chain(&calibration.notes) {
        paragraph(&mut text, 2, note);
    }
    text
}

fn forms(text: &mut String, model: &NodeModel) {
    let rows: Vec<Vec<String>> = model
        .tried
        .iter()
        .map(|tried| {
            vec![
                format!("{}{}", tried.form.words(), if tried.form == model.form { " *" } else { "" }),
                tried.parameters.to_string(),
                format!("{:.2}", tried.held_out.max_percent),
                format!("{:.2}", tried.held_out.median_percent),
                format!("{:+.2}", tried.held_out.bias_percent),
            ]
        })
        .collect();
    table(text, &["form (* chosen)", "coefficients", "max %", "median %", "bias %"], &rows);
}

/// The model as a formula in watts.
fn equation(model: &NodeModel) -> String {
    let mut names: Vec<String> = vec!["W".into()];
    let parts = || model.components.iter().map(|component| format!("× {}", component.name));
    let sum = model.components.iter().map(|component| component.name.clone()).collect::<Vec<_>>().join(" + ");
    let quadratic = format!("/kW × ({sum})²");
    match model.form {
        power_analysis::node::Form::Offset => {}
        power_analysis::node::Form::Affine => names.extend(parts()),
        power_analysis::node::Form::ScaleQuadratic => names.extend([format!("× ({sum})"), quadratic]),
        power_analysis::node::Form::AffineQuadratic => names.extend(parts().chain([quadratic])),
    }
    let mut text = String::from("P node = ");
    if model.form == power_analysis::node::Form::Offset {
        let _ = write!(text, "{sum} + ");
    }
    for (at, (coefficient, name)) in model.coefficients.iter().zip(&names).enumerate() {
        let plus = if at == 0 { "" } else { " + " };
        let digits = if at == 0 { 1 } else { 4 };
        let _ = write!(text, "{plus}{coefficient:.digits$} {name}");
    }
    text
}

fn paper_method(text: &mut String, calibration: &Calibration, paper: &PaperMethod) {
    paragraph(
        text,
        0,
        &format!(
            "The paper's method on the same runs: no sensor sees {:.0} W at idle and {:.0} W when busy. Over {} other \
             runs:",
            paper.bounds.idle_w, paper.bounds.busy_w, paper.runs
        ),
    );
    let row = |name: &str, error: &MethodError| {
        vec![
            name.to_owned(),
            format!("{:+.2}", error.worst_percent),
            format!("{:.2}", error.median_percent),
            format!("{:+.2}", error.bias_percent),
        ]
    };
    let prior = |load: f64| format!("prior of the prime run, load {load:.2}");
    let prior = calibration.file.prime_load.map_or_else(|| "with a prior load".to_owned(), prior);
    let rows =
        [row("lower bound", &paper.low), row("upper bound", &paper.high), row(&prior, &paper.with_prior)];
    table(text, &["method", "worst %", "median %", "bias %"], &rows);
}
