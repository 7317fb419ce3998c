//! The whole node: components and rest against the meter, errors by load, and the errors of every method.

use std::fmt::Write as _;

use power_analysis::stats::quantile;

use super::axis::{Scale, round_range};
use super::box_plot::{self, BoxRow};
use super::curve::coordinate;
use super::figure::{Frame, X_PIXELS, Y_PIXELS};
use super::text::{counted, escape, number, plain};
use crate::node::{MethodErrors, ModelFile, NodeLevel, RunEstimate};
use crate::words;

/// What the section shows.
#[derive(Debug, Clone)]
pub struct NodeSection {
    /// The model.
    pub file: ModelFile,
    /// What it says of the run.
    pub estimate: RunEstimate,
    /// The same, level by level.
    pub levels: Vec<NodeLevel>,
    /// The errors of every method; empty without a meter.
    pub methods: Vec<MethodErrors>,
}

/// The section as HTML.
pub(super) fn html(node: &NodeSection) -> String {
    let estimate = &node.estimate;
    let energy = &estimate.energy_j;
    let mut html = String::from("<section id=\"node\"><h2>The whole node</h2>");
    let _ = write!(
        html,
        "<p>By the model of {}, fitted to {} and judged on runs that its fit has not seen, the node took {} [{}, {}] in \
         {} s, {} W on average.",
        node.file.date.strftime("%Y-%m-%d"),
        counted(node.file.runs.len(), "run", "runs"),
        words::joules(energy.value),
        words::joules(energy.low),
        words::joules(energy.high),
        plain(estimate.seconds, 1),
        plain(estimate.mean_w, 0)
    );
    if let Some(meter) = &estimate.meter {
        let _ = write!(
            html,
            " The meter {} shows {}: the model errs by {} %.",
            escape(&meter.channel),
            words::joules(meter.energy_j),
            plain(meter.error_percent, 2)
        );
    }
    html.push_str("</p>");
    for warning in &estimate.warnings {
        let _ = write!(html, "<p><strong>{}</strong></p>", escape(warning));
    }
    html.push_str("<div class=\"figures\">");
    html.extend(stack(node));
    html.extend(residuals(&node.levels));
    html.extend(boxes(&node.methods));
    html.push_str("</div>");
    html.push_str(&held_out(&node.file));
    html.push_str("</section>");
    html
}

/// Components, constant and load-dependent rest upon each other, and the meter.
fn stack(node: &NodeSection) -> Option<String> {
    let levels = &node.levels;
    let begin = levels.first()?.interval.begin_ns;
    let seconds = |time: i64| power_analysis::Interval::new(begin, time).seconds();
    let end = seconds(levels.last()?.interval.end_ns);
    let tops = levels.iter().flat_map(|level| [Some(level.model_w.value), level.meter_w]).flatten();
    let x = Scale::linear((0.0, end), X_PIXELS);
    let y = Scale::linear(round_range(0.0, tops.reduce(f64::max)?, 5), Y_PIXELS);
    let mut frame = Frame::new(
        "Power of components and rest upon each other, and the meter's",
        x,
        y,
        "time, s",
        "power, W",
    );
    let parts = node.file.model.measured.len() + 2;
    for part in 0..parts {
        let mut data = String::new();
        for level in levels {
            let powers = [&level.components_w[..], &[level.constant_w, level.load_dependent_w]].concat();
            let below: f64 = powers.iter().take(part).sum();
            let above = below + powers.get(part).copied().unwrap_or(0.0);
            let (from, to) = (x.at(seconds(level.interval.begin_ns)), x.at(seconds(level.interval.end_ns)));
            let _ = write!(
                data,
                "M{},{}H{}V{}H{}z",
                coordinate(from),
                coordinate(y.at(y.clip(below))),
                coordinate(to),
                coordinate(y.at(y.clip(above))),
                coordinate(from)
            );
        }
        frame.path(&format!("stack stack-{}", part % 6), &data);
    }
    let mut meter = String::new();
    for level in levels {
        let Some(watts) = level.meter_w else { continue };
        let (from, to) = (x.at(seconds(level.interval.begin_ns)), x.at(seconds(level.interval.end_ns)));
        let _ = write!(meter, "M{},{}H{}", coordinate(from), coordinate(y.at(watts)), coordinate(to));
    }
    frame.path("stack-meter", &meter);
    let names = node.file.model.measured.iter().map(|name| escape(name)).collect::<Vec<_>>().join(", ");
    let rest = ["constant rest", "rest that goes with the load"].map(str::to_owned);
    let words = node.file.model.measured.iter().chain(&rest).enumerate();
    let mut keys: Vec<String> = words
        .map(|(part, words)| key(&format!("stack stack-{}", part % 6), "M0,0H24V10H0z", words))
        .collect();
    if !meter.is_empty() {
        keys.push(key("stack-meter", "M0,5H24", "meter"));
    }
    let keys = keys.concat();
    let line = if meter.is_empty() { "" } else { "; the line is the meter" };
    Some(format!(
        "<figure>{}<ul class=\"legend\">{keys}</ul><figcaption><b>Components.</b> From below: {names}, the constant rest, the rest that goes with the load \
         (loss of the supply, fans){line}. Means of {} s.</figcaption></figure>",
        frame.finish(),
        plain(levels.first()?.interval.seconds(), 0)
    ))
}

/// A key of the legend.
fn key(class: &str, data: &str, words: &str) -> String {
    format!(
        "<li><svg class=\"key\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><path class=\"{class}\" d=\"{data}\"/></svg>{}</li>",
        escape(words)
    )
}

/// The model's error against the power of the node.
fn residuals(levels: &[NodeLevel]) -> Option<String> {
    let points: Vec<(f64, f64)> = levels
        .iter()
        .filter_map(|level| {
            let meter_w = level.meter_w?;
            Some((meter_w, 100.0 * (level.model_w.value / meter_w - 1.0)))
        })
        .filter(|(watts, error)| watts.is_finite() && error.is_finite())
        .collect();
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let (low, high) = ends(&mut points.iter().map(|point| point.0));
    let (least, most) = ends(&mut points.iter().map(|point| point.1));
    if points.is_empty() {
        return None;
    }
    let x = Scale::linear(round_range(low, high, 5), X_PIXELS);
    let y = Scale::linear(round_range(least.min(-0.1), most.max(0.1), 5), Y_PIXELS);
    let mut frame =
        Frame::new("Error of the model against the node's power", x, y, "meter, W", "model's error, %");
    frame.level("neutral", 0.0);
    let mut dots = String::new();
    for (watts, error) in &points {
        let _ = write!(dots, "M{},{}h0", coordinate(x.at(*watts)), coordinate(y.at(*error)));
    }
    frame.path("dots", &dots);
    Some(format!(
        "<figure>{}<figcaption><b>Errors by load.</b> One point a level of power; a slope or a bow shows what the form of \
         the model leaves out.</figcaption></figure>",
        frame.finish()
    ))
}

/// The errors of every method: whiskers from the least to the greatest, boxes from quartile to quartile.
fn boxes(methods: &[MethodErrors]) -> Option<String> {
    let five = |errors: &[f64]| {
        let at = |share| quantile(errors, share);
        Some([at(0.0)?, at(0.25)?, at(0.5)?, at(0.75)?, at(1.0)?])
    };
    let rows: Vec<BoxRow<'_>> = methods
        .iter()
        .filter_map(|method| {
            let mut errors = method.errors_percent.clone();
            errors.retain(|error| error.is_finite());
            errors.sort_by(f64::total_cmp);
            let values = counted(errors.len(), "level", "levels");
            Some(BoxRow { name: &method.method, five: five(&errors)?, outliers: &[], values })
        })
        .collect();
    let svg = box_plot::svg(&rows, "Errors of every method", "error against the meter, %")?;
    Some(format!(
        "<figure>{svg}<figcaption><b>Every method.</b> Boxes from quartile to quartile with the median, whiskers to the \
         least and the greatest error over all levels. The bounds are those of the paper (arXiv 2505.15631).</figcaption></figure>"
    ))
}

/// The forms that were tried, with their errors on unseen runs.
fn held_out(file: &ModelFile) -> String {
    let mut html = String::from(
        "<h3>Errors on runs that no fit has seen</h3><div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"Forms of the model\"><table><thead><tr><th scope=\"col\">Form</th>\
         <th scope=\"col\" class=\"num\">Coefficients</th><th scope=\"col\" class=\"num\">Greatest, %</th>\
         <th scope=\"col\" class=\"num\">Median, %</th><th scope=\"col\" class=\"num\">Bias, %</th></tr></thead><tbody>",
    );
    for tried in &file.model.tried {
        let chosen = if tried.form == file.model.form { " (chosen)" } else { "" };
        let _ = write!(
            html,
            "<tr><th scope=\"row\">{}{chosen}</th><td class=\"num\">{}</td>",
            tried.form.words(),
            tried.parameters
        );
        for value in [tried.held_out.max_percent, tried.held_out.median_percent, tried.held_out.bias_percent]
        {
            let _ = write!(html, "<td class=\"num\">{}</td>", number(Some(value), 2));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    for merge in &file.model.merges {
        let _ = write!(
            html,
            "<p>{} and {} count as one: {}.</p>",
            escape(&merge.first),
            escape(&merge.second),
            escape(&merge.reason)
        );
    }
    if !file.falsified.is_empty() {
        let _ = write!(html, "<p>Speak against all others: {}.</p>", escape(&file.falsified.join(", ")));
    }
    html
}
