//! `wattproof estimate`: the energy of a node over a run without a meter.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::output::{JsonOption, message, paragraph, table};
use crate::correction::Cards;
use crate::node::{
    Assumptions, ComponentChannels, EstimateRequest, Estimator, RunEstimate, code_carbon_config, estimate,
    read_model,
};
use crate::run::Run;
use crate::{Error, Result, words};
use power_analysis::stats::Estimate;

/// State the energy of the whole node over a run by a model that `calibrate` made, with an interval.
///
/// Exit code 1 says that the run has a meter and the interval does not hold its energy.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of the run.
    run: PathBuf,
    /// The model.
    #[arg(short, long, value_name = "MODEL")]
    model: PathBuf,
    /// Channels of a component, where they are not those of the model; may be repeated.
    #[arg(short, long, value_name = "NAME=CHANNEL[,CHANNEL]", value_parser = super::calibrate::parse_component)]
    component: Vec<ComponentChannels>,
    /// Meter of this run to check the estimate against; by default the model's, where the run has it.
    #[arg(short, long, value_name = "CHANNEL")]
    reference: Option<String>,
    /// Sensor card to correct the phases by, or a folder of cards; may be repeated. Those in the run's folder `cards` and
    /// this user's own are used as well. Gain and offset stay as the model has them.
    #[arg(long, value_name = "CARD")]
    card: Vec<PathBuf>,
    /// Other tools' statements to stand beside: codecarbon-v2, codecarbon-v3, tdp.
    #[arg(long, value_delimiter = ',', value_name = "TOOL,…")]
    compare_with: Vec<Estimator>,
    /// Memory that the operating system shows, in GiB; by default as recorded.
    #[arg(long, value_name = "GIB", value_parser = super::number_at_least_0)]
    memory_gib: Option<f64>,
    /// Rated power of all CPUs together, in watts.
    #[arg(long, value_name = "WATTS", value_parser = super::number_at_least_0)]
    tdp_w: Option<f64>,
    /// Rated power of all GPUs together, in watts.
    #[arg(long, value_name = "WATTS", value_parser = super::number_at_least_0)]
    gpu_tdp_w: Option<f64>,
    /// Load of the CPUs, 0 to 1: Code Carbon 3 is then taken to be without RAPL, in its load mode.
    #[arg(long, value_name = "SHARE", value_parser = super::share)]
    cpu_load: Option<f64>,
    /// The node has an ARM processor.
    #[arg(long)]
    arm: bool,
    /// Also write a Code Carbon configuration that counts what its rules leave out.
    #[arg(long, value_name = "FILE")]
    code_carbon_config: Option<PathBuf>,
    /// List the phases.
    #[arg(long)]
    phases: bool,
    #[command(flatten)]
    json: JsonOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = Run::open(&arguments.run)?;
    let named = Cards::read(&arguments.card)?;
    named.check(&run)?;
    let request = EstimateRequest {
        cards: named.and_found(&arguments.run)?,
        components: arguments.component.clone(),
        reference: arguments.reference.clone(),
        compare_with: arguments.compare_with.clone(),
        assumptions: Assumptions {
            memory_gib: arguments.memory_gib,
            cpu_tdp_w: arguments.tdp_w,
            gpu_tdp_w: arguments.gpu_tdp_w,
            cpu_load: arguments.cpu_load,
            arm: arguments.arm,
        },
    };
    let found = estimate(&run, &read_model(&arguments.model)?, &request)?;
    if let Some(path) = &arguments.code_carbon_config {
        std::fs::write(path, code_carbon_config(&found, arguments.cpu_load))
            .map_err(|error| Error::io(path, "write", error))?;
        message(&format!("Code Carbon configuration: {}", path.display()));
    }
    arguments.json.write(&found, &text(&found, arguments.phases))?;
    let failed = found.meter.as_ref().is_some_and(|meter| !meter.within);
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}

fn text(found: &RunEstimate, phases: bool) -> String {
    let mut text = String::new();
    let energy = &found.energy_j;
    let _ = writeln!(
        text,
        "{}: {} [{}, {}] in {:.1} s, {:.0} W on average\n",
        found.run,
        words::joules(energy.value),
        words::joules(energy.low),
        words::joules(energy.high),
        found.seconds,
        found.mean_w
    );
    parts(&mut text, found);
    if let Some(meter) = &found.meter {
        text.push('\n');
        let verdict = if meter.within { "within" } else { "outside" };
        paragraph(
            &mut text,
            0,
            &format!(
                "{} shows {}: the estimate errs by {:+.2} %, the meter is {verdict} its interval.",
                meter.channel,
                words::joules(meter.energy_j),
                meter.error_percent
            ),
        );
    }
    others(&mut text, found);
    if phases {
        phase_table(&mut text, found);
    }
    if !found.warnings.is_empty() {
        text.push_str("\nWarnings\n");
    }
    for warning in &found.warnings {
        paragraph(&mut text, 2, warning);
    }
    if !found.notes.is_empty() {
        text.push_str("\nNotes\n");
    }
    for note in &found.notes {
        paragraph(&mut text, 2, note);
    }
    text
}

/// The phases: where a card corrects a sensor, beside it what the sensors show.
fn phase_table(text: &mut String, found: &RunEstimate) {
    let corrected = found.phases.iter().any(|phase| phase.shown_j.is_some());
    let joules = |energy: Option<f64>| energy.map_or_else(|| "unknown".to_owned(), words::joules);
    let rows: Vec<Vec<String>> = found
        .phases
        .iter()
        .map(|phase| {
            let ends = |energy: &Estimate| [energy.low, energy.high].map(words::joules).to_vec();
            let mut row = vec![phase.name.clone(), joules(phase.energy_j.map(|energy| energy.value))];
            row.extend(phase.energy_j.as_ref().map_or_else(|| vec![String::new(); 2], ends));
            row.extend(corrected.then(|| joules(phase.shown_j.map(|energy| energy.value))));
            row
        })
        .collect();
    let header = ["phase", "energy", "low", "high", "uncorrected"];
    text.push('\n');
    table(text, &header[..if corrected { 5 } else { 4 }], &rows);
    for phase in &found.phases {
        if let Some(unknown) = &phase.unknown {
            paragraph(text, 2, &format!("{}: {unknown}", phase.name));
        }
    }
}

fn parts(text: &mut String, found: &RunEstimate) {
    let row = |name: &str, joules: f64| {
        vec![
            name.to_owned(),
            words::joules(joules),
            format!("{:.1}", joules / found.seconds),
            format!("{:.1}", 100.0 * joules / found.energy_j.value),
        ]
    };
    let mut rows: Vec<Vec<String>> =
        found.components.iter().map(|component| row(&component.name, component.energy_j)).collect();
    rows.push(row("rest, constant", found.constant_j));
    rows.push(row("rest with the load, supply loss", found.load_dependent_j));
    table(text, &["part", "energy", "mean W", "%"], &rows);
}

fn others(text: &mut String, found: &RunEstimate) {
    let against = |said: f64, truth: f64| format!("{:+.1}", 100.0 * (said / truth - 1.0));
    let meter = found.meter.as_ref().map(|meter| meter.energy_j);
    let row = |name: String, joules: f64| {
        vec![
            name,
            words::joules(joules),
            against(joules, found.energy_j.value),
            meter.map_or_else(|| "no meter".into(), |metered| against(joules, metered)),
        ]
    };
    let mut rows = Vec::new();
    for assumed in &found.compared {
        rows.push(row(format!("{} ({})", assumed.estimator.name(), assumed.cpu), assumed.energy_j));
    }
    if let Some((low, high)) = found.paper_bounds_j {
        rows.push(row("the paper's lower bound".into(), low));
        rows.push(row("the paper's upper bound".into(), high));
    }
    rows.extend(found.paper_with_prior_j.map(|joules| row("the paper's, prior load".into(), joules)));
    if !rows.is_empty() {
        text.push('\n');
        table(text, &["others", "energy", "to model %", "to meter %"], &rows);
    }
}
