//! The section of one sensor: figures with a sentence each, reasons, tables.

use std::fmt::Write as _;

use power_analysis::{Comparison, PhaseVerdict};

use super::cap::Whole;
use super::curve::{Corners, Curve, Shape};
use super::data::MOST_PHASES;
use super::drawn::{Drawn, Sensor};
use super::head::standing;
use super::overlay::{self, Overlay};
use super::text::{UNKNOWN, counted, escape, grouped, name, number, plain, significant};
use super::{bland_altman, corrections, distribution, phase_errors, phase_table, summary, verdict};
use crate::comparison::{Judged, RunComparison};
use crate::run::TimeBase;

/// The section as HTML.
///
/// `listed` is what the page lists of the sensor, `whole` how much there is.
pub(super) fn html(
    comparison: &RunComparison,
    index: usize,
    listed: &Judged,
    whole: Whole,
    drawn: &Drawn,
    reference: &Corners,
) -> String {
    let judged = &comparison.sensors[index];
    let (word, class) = standing(judged);
    let mut html = format!(
        "<section class=\"sensor\" id=\"sensor-{index}\"><h2>{} <span class=\"badge {class}\">{word}</span></h2>",
        name(&judged.sensor.name)
    );
    html.push_str(&facts(judged));
    let (Some(compared), Some(listed)) = (&judged.comparison, &listed.comparison) else {
        let reason = escape(judged.refused.as_deref().unwrap_or("No reason is given."));
        let _ = write!(html, "<p>Nothing was compared. {reason}</p></section>");
        return html;
    };
    match (&drawn.sensors[index], &drawn.reference) {
        (Some(sensor), Some(curve)) => {
            html.push_str(&traces(comparison, index, listed, sensor, (curve, reference), drawn));
        }
        _ => html.push_str("<p>It has too few publications to draw.</p>"),
    }
    html.extend(corrections::figure(judged, comparison.sensors.len()));
    html.push_str("<div class=\"figures\">");
    if let Some(agreement) = &compared.agreement {
        html.extend(distribution::figure(agreement));
    }
    html.extend(phase_errors::figure(compared, comparison.sensors.len()));
    if let (Some(agreement), Some(sensor)) = (&compared.agreement, &drawn.sensors[index]) {
        html.extend(bland_altman::figure(agreement, &sensor.pairs));
    }
    html.push_str("</div>");
    if !drawn.ordinal {
        html.push_str(&phase_table::why(compared));
        html.push_str(&phase_table::phases(listed, judged.corrected.as_ref(), whole, drawn.origin_ns));
        html.push_str(&phase_table::faults(listed, whole, drawn.origin_ns));
    }
    html.push_str("</section>");
    html
}

fn facts(judged: &Judged) -> String {
    let subject = &judged.sensor;
    let mut html = format!(
        "<p class=\"facts\">{}; {}, {}, {}; {}",
        escape(&subject.device),
        escape(&summary::quantity(judged)),
        escape(&subject.channel.scope.to_string()),
        subject.channel.delivery,
        counted(subject.readings, "reading", "readings")
    );
    if let Some(sampling) = judged.comparison.as_ref().map(|compared| &compared.sampling) {
        let period = sampling.update_period.map(|period| period.median_ms);
        let _ = write!(
            html,
            ", {}; update period {}, read every {}, sample ratio {}, attention {}",
            counted(sampling.publications, "publication", "publications"),
            milliseconds(period),
            milliseconds(sampling.poll_period_ms),
            number(sampling.sample_ratio, 2),
            number(sampling.attention, 2)
        );
    }
    html.push_str(".</p>");
    html
}

fn milliseconds(value: Option<f64>) -> String {
    value.map_or_else(|| UNKNOWN.into(), |value| format!("{} ms", significant(value)))
}

/// The figure of both traces, with its tools and legend.
fn traces(
    comparison: &RunComparison,
    index: usize,
    listed: &Comparison,
    sensor: &Sensor,
    (reference, other): (&Curve, &Corners),
    drawn: &Drawn,
) -> String {
    let judged = &comparison.sensors[index];
    let own = sensor.curve.corners();
    let phases = judged.comparison.as_ref().map(|compared| overlay::phases(compared, drawn.origin_ns));
    let figure = Overlay {
        sensor: &judged.sensor.name,
        reference: &comparison.reference.name,
        own: &own,
        other,
        view: sensor.view,
        phases: phases.unwrap_or_default(),
        faults: overlay::faults(listed, drawn.origin_ns),
        ordinal: drawn.ordinal,
    };
    let mut html = format!(
        "<figure class=\"traces\" data-sensor=\"{index}\">{}\
         <div class=\"stage\">{}<div class=\"tip\" hidden></div></div><output class=\"spoken\" aria-live=\"polite\"></output>",
        super::data::TOOLS,
        figure.svg()
    );
    html.push_str(&legend(comparison, judged, sensor, reference, &figure));
    let _ = write!(
        html,
        "<figcaption><b>Traces.</b> {}</figcaption></figure>",
        caption(comparison, judged, sensor, reference)
    );
    html
}

fn legend(
    comparison: &RunComparison,
    judged: &Judged,
    sensor: &Sensor,
    reference: &Curve,
    figure: &Overlay<'_>,
) -> String {
    let mut html = String::from("<ul class=\"legend\">");
    for (class, subject, curve) in
        [("sensor", &judged.sensor.name, &sensor.curve), ("reference", &comparison.reference.name, reference)]
    {
        let _ = write!(
            html,
            "<li><svg class=\"key\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><path class=\"line {class}\" d=\"M0,5H24\"/></svg>\
             {} <span class=\"hint\">{class}, {}</span></li>",
            name(subject),
            shape(curve.shape)
        );
    }
    for (verdict, spans) in &figure.phases {
        let _ = write!(
            html,
            "<li title=\"{}\">{}{} <span class=\"hint\">{}</span></li>",
            verdict::meaning(*verdict),
            verdict::mark(*verdict),
            verdict.words(),
            grouped(spans.len())
        );
    }
    html.push_str("</ul>");
    html
}

const fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::Line => "straight between its values",
        Shape::Hold => "holds each publication until the next",
        Shape::Since => "mean since the counter's step before",
    }
}

fn caption(comparison: &RunComparison, judged: &Judged, sensor: &Sensor, reference: &Curve) -> String {
    let mut caption = String::new();
    let Some(compared) = &judged.comparison else { return caption };
    let seconds = compared.overlap.seconds();
    if let Some(energies) = compared.energies.as_ref().filter(|_| seconds > 0.0) {
        let naive = &energies.naive;
        let _ = write!(
            caption,
            "Over {} s the sensor shows {} W on average, the reference {} W.",
            plain(seconds, 1),
            significant(naive.sensor_j / seconds),
            significant(naive.reference_j / seconds)
        );
    } else {
        caption.push_str("Both as they were recorded.");
    }
    caption.push_str(" Below is the difference of the two lines, sensor less reference.");
    let rows = &compared.phases;
    if !rows.is_empty() {
        let ok = rows.iter().filter(|row| row.verdict == PhaseVerdict::Ok).count();
        let _ = write!(
            caption,
            " {} of {} can be believed; the lanes below show which, by verdict.",
            grouped(ok),
            counted(rows.len(), "phase", "phases")
        );
        if rows.len() > MOST_PHASES {
            let _ = write!(caption, " The first {} are shown.", grouped(MOST_PHASES));
        }
    }
    for (subject, curve) in [(&judged.sensor.name, &sensor.curve), (&comparison.reference.name, reference)] {
        let points = curve.times_us.len();
        if points < curve.of {
            let _ = write!(
                caption,
                " {} is thinned from {} to {} points: of every stretch its lowest and its highest, so no spike is lost.",
                name(subject),
                grouped(curve.of),
                grouped(points)
            );
        } else {
            let _ = write!(caption, " {}: all {}.", name(subject), counted(points, "point", "points"));
        }
    }
    if comparison.time_base != TimeBase::Ordinal {
        caption.push_str(" Times are rounded to 1 µs.");
    }
    caption
}
