//! The report: one self-contained page that opens offline, prints, and can be read without scripts.
//!
//! There is one way to draw. Every figure is SVG made here, so that the page is whole where scripts are blocked, in
//! print and in an archive. The script does not draw figures of its own: it makes the one of the traces again, with
//! the same classes and measures, when the reader zooms, and adds what paper cannot do (values under the pointer,
//! sorting, filters). A canvas would need a second way for print, and pictures made by scripts alone would be missing
//! wherever scripts are.
//!
//! Nothing from the data becomes markup: text is escaped on its way into HTML, and the script makes text nodes only.

mod audit;
mod axis;
mod bland_altman;
mod box_plot;
mod cap;
mod corrections;
mod curve;
mod data;
mod distribution;
mod drawn;
mod figure;
mod figure_files;
mod head;
mod method;
mod node;
#[cfg(unix)]
mod overhead;
mod overlay;
mod parts;
mod phase_errors;
mod phase_table;
mod sensor;
mod sensor_card;
#[cfg(unix)]
mod study;
mod summary;
mod text;
mod thin;
mod verdict;

use std::fmt::Write as _;

pub use self::audit::audit_page;
use self::curve::{Corners, Curve};
use self::drawn::Drawn;
#[cfg(feature = "png")]
pub use self::figure_files::Painter;
pub use self::figure_files::{FigureFile, HAS_PNG, figures_of, write_figures};
pub use self::node::NodeSection;
#[cfg(unix)]
pub use self::overhead::overhead_page;
pub use self::sensor_card::card_page;
#[cfg(unix)]
pub use self::study::study_page;
use self::text::{escape, name};
use crate::Result;
use crate::comparison::RunComparison;
use crate::run::{Manifest, Run};

/// What the page may load and run: its own styles and script, nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

const STYLE: &str = include_str!("assets/style.css");

/// The script's parts, in the order in which they need each other.
const SCRIPT: [&str; 10] = [
    include_str!("assets/data.js"),
    include_str!("assets/curve.js"),
    include_str!("assets/axis.js"),
    include_str!("assets/trace.js"),
    include_str!("assets/zoom.js"),
    include_str!("assets/hover.js"),
    include_str!("assets/points.js"),
    include_str!("assets/corrections.js"),
    include_str!("assets/table.js"),
    include_str!("assets/main.js"),
];

/// The comparison of a run as one HTML page without any external resource.
///
/// The page stays below 6 MB for a few dozen sensors, whatever the length of the run: traces are thinned so that no
/// spike is lost, long lists are cut, and it says so where that was done.
///
/// # Errors
///
/// If the traces of the run cannot be read.
pub fn page(run: &Run, comparison: &RunComparison) -> Result<String> {
    page_with_node(run, comparison, None)
}

/// As [`page`], with a section on the whole node where a model was applied to the run.
///
/// # Errors
///
/// If the traces of the run cannot be read.
pub fn page_with_node(run: &Run, comparison: &RunComparison, node: Option<&NodeSection>) -> Result<String> {
    let drawn = Drawn::load(run, comparison)?;
    assemble(comparison, run.manifest(), &drawn, node)
}

fn assemble(
    comparison: &RunComparison,
    manifest: &Manifest,
    drawn: &Drawn,
    node: Option<&NodeSection>,
) -> Result<String> {
    let (capped, whole) = cap::cap(comparison);
    let reference = drawn.reference.as_ref().map_or_else(Corners::default, Curve::corners);
    let title = format!("{}: sensors against {}", comparison.run, comparison.reference.name);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><meta name=\"generator\" content=\"{}\">\
         <title>{}</title><style>\n{STYLE}</style></head>\n<body><a class=\"skip\" href=\"#summary\">To the summary</a>",
        escape(&comparison.written_by),
        escape(&title)
    );
    html.push_str(&navigation(comparison, node.is_some()));
    html.push_str("<main>");
    // What the whole node took comes first: its parts are no rivals of a meter that sees them all.
    let node = node.map_or_else(String::new, node::html);
    html.push_str(&head::html(comparison, manifest, &node));
    html.push_str(&summary::html(comparison));
    let sections = capped.sensors.iter().zip(&whole).enumerate();
    for (index, (listed, whole)) in sections.filter(|(_, (listed, _))| !parts::holds(listed)) {
        html.push_str(&sensor::html(comparison, index, listed, *whole, drawn, &reference));
    }
    html.push_str(&method::html(comparison));
    html.push_str("</main>\n");
    let _ = write!(
        html,
        "<script type=\"application/json\" id=\"report-data\">{}</script>\n<script>(() => {{\n\"use strict\";\n{}}})();</script>\n\
         </body></html>\n",
        data::json(comparison, &capped, drawn)?,
        SCRIPT.concat()
    );
    Ok(html)
}

/// Links to the parts of the page.
fn navigation(comparison: &RunComparison, node: bool) -> String {
    let mut html = String::from("<nav aria-label=\"Parts of the report\">");
    if node {
        html.push_str("<a href=\"#node\">The whole node</a>");
    }
    html.push_str("<a href=\"#summary\">Summary</a>");
    if comparison.sensors.iter().any(parts::holds) {
        html.push_str("<a href=\"#parts\">Beside the reference</a>");
    }
    for (index, judged) in comparison.sensors.iter().enumerate().filter(|(_, judged)| !parts::holds(judged)) {
        let _ = write!(html, "<a href=\"#sensor-{index}\">{}</a>", name(&judged.sensor.name));
    }
    html.push_str(
        "<a href=\"#notes\">Notes</a><a href=\"#method\">Method</a><a href=\"#data\">Data</a></nav>",
    );
    html
}
