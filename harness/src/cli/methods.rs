//! `wattproof methods`: every method for the energy of a node in one table.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::Outcome;
use super::output::{JsonOption, paragraph, table};
use crate::correction::Cards;
use crate::node::{
    Assumptions, ComponentChannels, EstimateRequest, MethodTable, MethodsRequest, compare_methods, read_model,
};
use crate::run::Run;
use crate::{Error, Result};

/// Judge every method for the energy of the whole node on runs with a meter that no fit has seen: Code Carbon's
/// assumptions, the bounds of the paper with and without a prior load, and the model of `calibrate`.
///
/// With --rig virtual it first calibrates the paper's node and trains networks on it, all made of software.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folders of the runs.
    #[cfg_attr(
        all(unix, feature = "virtual"),
        arg(required_unless_present = "rig", conflicts_with = "rig", requires = "model")
    )]
    #[cfg_attr(not(all(unix, feature = "virtual")), arg(required = true, requires = "model"))]
    runs: Vec<PathBuf>,
    /// The model.
    #[arg(short, long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[cfg(all(unix, feature = "virtual"))]
    #[command(flatten)]
    virtually: super::methods_virtual::Virtually,
    /// Judge the phases whose names begin so one by one, in place of whole runs.
    #[arg(long, value_name = "NAME")]
    phases: Option<String>,
    /// Channels of a component, where they are not those of the model; may be repeated.
    #[arg(short, long, value_name = "NAME=CHANNEL[,CHANNEL]", value_parser = super::calibrate::parse_component)]
    component: Vec<ComponentChannels>,
    /// The meter's channel; by default the model's.
    #[arg(short, long, value_name = "CHANNEL")]
    reference: Option<String>,
    /// Memory that the operating system shows, in GiB; by default as recorded.
    #[arg(long, value_name = "GIB", value_parser = super::number_at_least_0)]
    memory_gib: Option<f64>,
    /// Rated power of all CPUs together, in watts.
    #[arg(long, value_name = "WATTS", value_parser = super::number_at_least_0)]
    tdp_w: Option<f64>,
    /// Rated power of all GPUs together, in watts.
    #[arg(long, value_name = "WATTS", value_parser = super::number_at_least_0)]
    gpu_tdp_w: Option<f64>,
    #[command(flatten)]
    json: JsonOption,
}

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    #[serde(flatten)]
    pub(super) table: MethodTable,
    /// Runs that the fit found to speak against all others.
    pub(super) falsified: Vec<String>,
    #[cfg(all(unix, feature = "virtual"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sensitivity: Option<crate::node::Sensitivity>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut request = arguments.request();
    #[cfg(all(unix, feature = "virtual"))]
    if let Some(judged) = arguments.virtually.judge(&mut request)? {
        arguments.json.write(&judged, &text(&judged))?;
        return Ok(Outcome::Fine);
    }
    let model = arguments.model.as_ref().ok_or_else(|| {
        Error::new("no model is named").mend("pass --model MODEL, as `wattproof calibrate` writes it")
    })?;
    let runs = arguments.runs.iter().map(|path| Run::open(path)).collect::<Result<Vec<_>>>()?;
    let file = read_model(model)?;
    let judged = Judged {
        table: compare_methods(&runs, &file, &request)?,
        falsified: file.falsified,
        #[cfg(all(unix, feature = "virtual"))]
        sensitivity: None,
    };
    arguments.json.write(&judged, &text(&judged))?;
    Ok(Outcome::Fine)
}

impl Arguments {
    fn request(&self) -> MethodsRequest {
        MethodsRequest {
            phases: self.phases.clone(),
            estimate: EstimateRequest {
                cards: Cards::default(),
                components: self.component.clone(),
                reference: self.reference.clone(),
                compare_with: Vec::new(),
                assumptions: Assumptions {
                    memory_gib: self.memory_gib,
                    cpu_tdp_w: self.tdp_w,
                    gpu_tdp_w: self.gpu_tdp_w,
                    ..Assumptions::default()
                },
            },
        }
    }
}

fn text(judged: &Judged) -> String {
    let found = &judged.table;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} runs or phases that no fit has seen, {:.0} W on average by the meter\n",
        found.judged.len(),
        found.meter_w
    );
    let rows: Vec<Vec<String>> = found
        .methods
        .iter()
        .map(|method| {
            vec![
                method.method.clone(),
                format!("{:+.2}", method.error.worst_percent),
                format!("{:.2}", method.error.median_percent),
                format!("{:+.2}", method.error.bias_percent),
                method.paper_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}")),
            ]
        })
        .collect();
    table(&mut text, &["method", "worst %", "median %", "bias %", "the paper's worst %"], &rows);
    for unknown in &found.unknown {
        paragraph(&mut text, 0, &format!("Unknown: {unknown}."));
    }
    if !judged.falsified.is_empty() {
        paragraph(
            &mut text,
            0,
            &format!("The fit found these to speak against all others: {}.", judged.falsified.join(", ")),
        );
    }
    for left_out in &found.left_out {
        paragraph(&mut text, 0, &format!("Left out: {left_out}."));
    }
    text.push_str("\nWhat differs from the paper\n");
    for why in &found.differs {
        paragraph(&mut text, 2, why);
    }
    #[cfg(all(unix, feature = "virtual"))]
    if let Some(found) = &judged.sensitivity {
        text.push('\n');
        super::methods_virtual::sensitivity_text(&mut text, found);
    }
    text
}
