//! The page of `characterise`: one card a sensor, with what its numbers rest on.

use std::fmt::Write as _;

use power_analysis::characterise::{Pictures, PlateauFit, Surface, Transient};
use power_analysis::stats::Estimate;

use super::axis::{Scale, round_range};
use super::curve::coordinate;
use super::figure::{Frame, X_PIXELS, Y_PIXELS};
use super::text::{escape, name, plain};
use super::{POLICY, STYLE};
use crate::card::SensorCard;
use crate::characterise::RunCharacter;
use crate::load::Load;

/// The cards of a run as one HTML page without any external resource; `pictures` in the order of the sensors.
pub fn card_page(found: &RunCharacter, pictures: &[Pictures]) -> String {
    let by = found.reference.as_ref().map_or_else(|| "their own readings alone".to_owned(), Load::words);
    let title = format!("{}: sensor cards by {by}", found.run);
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{}</title><style>\n{STYLE}</style></head>\n<body>\
         <nav aria-label=\"Sensors\">",
        escape(&title)
    );
    for (index, card) in found.sensors.iter().enumerate() {
        let _ = write!(html, "<a href=\"#sensor-{index}\">{}</a>", name(&card.name));
    }
    let _ = write!(
        html,
        "</nav><main><header><p class=\"kicker\">wattproof sensor cards</p><h1>{}: by {}</h1></header>",
        name(&found.run),
        escape(&by)
    );
    let none = Pictures::default();
    for (index, card) in found.sensors.iter().enumerate() {
        html.push_str(&section(index, card, pictures.get(index).unwrap_or(&none)));
    }
    if !found.notes.is_empty() {
        html.push_str("<section><h2>Notes</h2><ul>");
        for note in &found.notes {
            let _ = write!(html, "<li>{}</li>", escape(note));
        }
        html.push_str("</ul></section>");
    }
    html.push_str("</main></body></html>\n");
    html
}

fn section(index: usize, card: &SensorCard, pictures: &Pictures) -> String {
    let mut html = format!("<section id=\"sensor-{index}\"><h2>{}</h2>", name(&card.name));
    let version = card.driver_version.as_deref().unwrap_or("of unknown version");
    let _ = write!(
        html,
        "<p>{}, {} {}, {} readings.</p>",
        escape(&card.device),
        escape(&card.driver),
        escape(version),
        card.character.readings
    );
    html.push_str(&numbers(card));
    html.push_str("<ul>");
    for sentence in &card.verdict {
        let _ = write!(html, "<li>{}</li>", escape(sentence));
    }
    html.push_str("</ul><div class=\"figures\">");
    let transient = card.character.transient.as_ref();
    html.extend(transient.and_then(|found| step_figure(pictures, found)));
    html.extend(lattice_figure(pictures));
    html.extend(transient.zip(pictures.surface.as_ref()).and_then(|(t, surface)| surface_figure(surface, t)));
    html.extend(card.character.plateaus.as_ref().and_then(plateau_figure));
    html.push_str("</div></section>");
    html
}

fn numbers(card: &SensorCard) -> String {
    let character = &card.character;
    let found = character.transient.as_ref();
    let shown = |estimate: Option<Estimate>, unit: &'static str| {
        estimate
            .map_or_else(|| "unknown".to_owned(), |estimate| escape(&estimate.with_unit(unit).to_string()))
    };
    let rows = [
        ("update period T", shown(character.update_period.period_ms, "ms")),
        ("averaging window W", shown(found.and_then(|found| found.window_ms), "ms")),
        ("time constant", shown(found.and_then(|found| found.rise_ms), "ms")),
        ("delay d", shown(found.map(|found| found.delay_ms), "ms")),
        ("gain", shown(found.map(|found| found.gain), "")),
        ("offset", shown(found.map(|found| found.offset_w), "W")),
    ];
    let mut html = String::from("<table><thead><tr><th>what</th><th>value [95 %]</th></tr></thead><tbody>");
    for (what, value) in rows {
        let _ = write!(html, "<tr><th scope=\"row\">{what}</th><td>{value}</td></tr>");
    }
    html.push_str("</tbody></table>");
    html
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let ends = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    (ends.0 <= ends.1).then_some(ends)
}

fn dots(points: &[(f64, f64)], x: &Scale, y: &Scale) -> String {
    let mut dots = String::new();
    for (at, value) in points {
        let _ = write!(dots, "M{},{}h0", coordinate(x.at(*at)), coordinate(y.at(y.clip(*value))));
    }
    dots
}

fn figure(frame: Frame, caption: &str) -> String {
    format!("<figure>{}<figcaption>{caption}</figcaption></figure>", frame.finish())
}

/// The response to a step, put together from many.
fn step_figure(pictures: &Pictures, found: &Transient) -> Option<String> {
    let (from, to) = ends(pictures.steps.iter().map(|point| point.0))?;
    let x = Scale::linear((from, to), X_PIXELS);
    let y = Scale::linear((-0.25, 1.25), Y_PIXELS);
    let mut frame =
        Frame::new("Response to a step", x, y, "time since the step, ms", "share of the step shown");
    frame.level("neutral", 0.0);
    frame.level("neutral", 1.0);
    frame.path("dots", &dots(&pictures.steps, &x, &y));
    let reached: Vec<(f64, f64)> = found.response_ms.into_iter().zip([0.1, 0.5, 0.9]).collect();
    let mut line = String::new();
    for (index, (at, share)) in reached.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(line, "{command}{},{}", coordinate(x.at(x.clip(*at))), coordinate(y.at(*share)));
    }
    frame.path("bias", &line);
    Some(figure(
        frame,
        &format!(
            "<b>Step response.</b> {} publications after steps that stand alone, each at its own time since the step. The \
             fitted shape reaches 10, 50 and 90 % after {} ms (line).",
            pictures.steps.len(),
            reached.iter().map(|(at, _)| plain(*at, 1)).collect::<Vec<_>>().join(", ")
        ),
    ))
}

/// Where changes of value were seen about the lattice.
fn lattice_figure(pictures: &Pictures) -> Option<String> {
    let (from, to) = ends(pictures.lattice.iter().map(|point| point.0))?;
    let (low, high) = super::bland_altman::middle(pictures.lattice.iter().map(|point| point.1).collect());
    let x = Scale::linear((from, to), X_PIXELS);
    let y = Scale::linear(round_range(low.min(-0.1), high.max(0.1), 5), Y_PIXELS);
    let mut frame = Frame::new("Publications about their lattice", x, y, "time, s", "off the lattice, ms");
    frame.level("neutral", 0.0);
    frame.path("dots", &dots(&pictures.lattice, &x, &y));
    Some(figure(
        frame,
        "<b>Lattice.</b> By how much each change of value was seen before or after the nearest point of a lattice that \
         follows them slowly. One band is a lattice; several are more than one; a cloud is none.",
    ))
}

/// How well windows and delays fit.
fn surface_figure(surface: &Surface, found: &Transient) -> Option<String> {
    let x = Scale::linear(ends(surface.delays_ms.iter().copied())?, X_PIXELS);
    let y = Scale::linear(ends(surface.seconds_ms.iter().copied())?, Y_PIXELS);
    let second = if surface.is_lag { "time constant, ms" } else { "window, ms" };
    let mut frame = Frame::new("How well windows and delays fit", x, y, "delay, ms", second);
    let (columns, rows) = (surface.delays_ms.len(), surface.seconds_ms.len());
    if columns < 2 || rows < 2 {
        return None;
    }
    let width = (x.at(surface.delays_ms[1]) - x.at(surface.delays_ms[0])).abs();
    let height = (y.at(surface.seconds_ms[1]) - y.at(surface.seconds_ms[0])).abs();
    let mut cells = String::from("<g class=\"surface\">");
    for (row, ratios) in surface.ratios.iter().enumerate() {
        for (column, ratio) in ratios.iter().enumerate() {
            // Full where the fit is best, gone where three times as much is left.
            let opacity = 1.0 - (ratio.ln() / 3.0_f64.ln()).clamp(0.0, 1.0);
            if opacity < 0.02 {
                continue;
            }
            let left = (x.at(surface.delays_ms[column]) - 0.5 * width).max(X_PIXELS.0);
            let right = (x.at(surface.delays_ms[column]) + 0.5 * width).min(X_PIXELS.1);
            let top = (y.at(surface.seconds_ms[row]) - 0.5 * height).max(Y_PIXELS.1);
            let bottom = (y.at(surface.seconds_ms[row]) + 0.5 * height).min(Y_PIXELS.0);
            let _ = write!(
                cells,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"{}\"/>",
                coordinate(left),
                coordinate(top),
                coordinate(right - left),
                coordinate(bottom - top),
                plain(opacity, 2)
            );
        }
    }
    cells.push_str("</g>");
    frame.raw(&cells);
    let own = if surface.is_lag { found.rise_ms } else { found.window_ms };
    let minima = own.map(|own| (found.delay_ms.value, own.value)).into_iter();
    let others = found.ambiguous.iter().map(|other| (other.delay_ms, other.window_ms));
    for (delay, length) in minima.chain(others) {
        let (low, high) = x.ends();
        if (low..=high).contains(&delay) {
            let (at_x, at_y) = (x.at(delay), y.at(y.clip(length)));
            frame.path(
                "bias",
                &format!(
                    "M{},{}h12M{},{}v12",
                    coordinate(at_x - 6.0),
                    coordinate(at_y),
                    coordinate(at_x),
                    coordinate(at_y - 6.0)
                ),
            );
        }
    }
    let ambiguous = match found.ambiguous.len() {
        0 => "no other fits as well".to_owned(),
        1 => "one other fits as well".to_owned(),
        count => format!("{count} others fit as well"),
    };
    Some(figure(
        frame,
        &format!(
            "<b>Fit.</b> The darker, the less is left; white is three times the least. The cross is the best; {ambiguous}."
        ),
    ))
}

/// The plateaus and the line through them.
fn plateau_figure(fit: &PlateauFit) -> Option<String> {
    let points: Vec<(f64, f64)> = fit
        .plateaus
        .iter()
        .map(|plateau| {
            let line = fit.offset_w.value + fit.gain.value * plateau.reference_w;
            (plateau.reference_w, plateau.sensor_w - line)
        })
        .collect();
    let (from, to) = ends(points.iter().map(|point| point.0))?;
    let (low, high) = ends(points.iter().map(|point| point.1))?;
    let x = Scale::linear(round_range(from, to, 5), X_PIXELS);
    let y = Scale::linear(round_range(low.min(-0.1), high.max(0.1), 5), Y_PIXELS);
    let mut frame = Frame::new("Plateaus about their line", x, y, "reference, W", "off the line, W");
    frame.level("neutral", 0.0);
    frame.path("dots", &dots(&points, &x, &y));
    Some(figure(
        frame,
        &format!(
            "<b>Plateaus.</b> {} levels that last, about the line sensor = {} × reference {} {} W. A bow is a sensor that is \
             not linear.",
            points.len(),
            plain(fit.gain.value, 4),
            if fit.offset_w.value < 0.0 { "-" } else { "+" },
            plain(fit.offset_w.value.abs(), 2)
        ),
    ))
}
