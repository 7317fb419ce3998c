//! `wattproof report`: the comparison as one self-contained page.

use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::compare::Choice;
use super::page::FiguresOption;
use crate::Result;
use crate::node::{EstimateRequest, estimate, method_errors, node_levels, read_model};
use crate::report::{NodeSection, page_with_node};

/// Write the comparison of a run as one HTML page that opens offline.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// The page to write.
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
    /// Model of the node, as `calibrate` writes it: adds a section on the whole node.
    #[arg(short, long, value_name = "MODEL")]
    model: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let (run, comparison) = arguments.choice.compare()?;
    let node = match &arguments.model {
        None => None,
        Some(path) => {
            let (file, request) = (read_model(path)?, EstimateRequest::default());
            let levels = node_levels(&run, &file, &request)?;
            Some(NodeSection {
                estimate: estimate(&run, &file, &request)?,
                methods: method_errors(&run, &file, &request, &levels),
                levels,
                file,
            })
        }
    };
    let page = || page_with_node(&run, &comparison, node.as_ref());
    arguments.figures.write(Some(&arguments.output), page)?;
    let failed = comparison.sensors.iter().any(|judged| judged.failed);
    Ok(if failed { Outcome::Failed } else { Outcome::Fine })
}
