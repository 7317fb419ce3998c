//! The figure of both distribution functions.

use std::fmt::Write as _;

use power_analysis::{Agreement, Distribution, Matching};

use super::axis::{Scale, round_range};
use super::curve::coordinate;
use super::figure::{self, Frame, X_PIXELS, Y_PIXELS};
use super::text::{number, plain, significant};

/// The figure and its caption, as HTML; `None` without distributions.
pub(super) fn figure(agreement: &Agreement) -> Option<String> {
    let distribution = agreement.distribution.as_ref()?;
    let (sensor, reference) = (&distribution.sensor_curve, &distribution.reference_curve);
    let watts = || sensor.iter().chain(reference).map(|point| point.0).filter(|watts| watts.is_finite());
    let (low, high) = (watts().reduce(f64::min)?, watts().reduce(f64::max)?);
    let x = Scale::linear(round_range(low, high, 5), X_PIXELS);
    let y = Scale::linear((0.0, 1.0), Y_PIXELS);
    let share = if agreement.matching == Matching::Rows { "share of rows" } else { "share of time" };
    let mut frame = Frame::new(
        "Distribution functions of power by sensor and reference, with their 95 % bands",
        x,
        y,
        "power, W",
        &format!("{share} at or below"),
    );
    for (class, curve) in [("band reference", reference), ("band sensor", sensor)] {
        frame.path(class, &band(curve, distribution.band_half_width, &x, &y));
    }
    for (class, curve) in [("line reference", reference), ("line sensor", sensor)] {
        frame.path(class, &staircase(curve, 0.0, &x, &y));
    }
    let ks = distribution.kolmogorov_smirnov;
    if ks.statistic.is_finite() && ks.location.is_finite() {
        let at = coordinate(x.at(x.clip(ks.location)));
        let (a, b) = (share_at(sensor, ks.location), share_at(reference, ks.location));
        let (a, b) = (coordinate(y.at(a)), coordinate(y.at(b)));
        frame.path("ks", &format!("M{at},{a}V{b}m-4,0h8M{at},{a}m-4,0h8"));
    }
    Some(format!(
        "<figure>{}{}<figcaption><b>Distribution.</b> {}</figcaption></figure>",
        frame.finish(),
        figure::legend([("line sensor", "sensor"), ("line reference", "reference")]),
        caption(agreement, distribution)
    ))
}

fn caption(agreement: &Agreement, distribution: &Distribution) -> String {
    let ks = distribution.kolmogorov_smirnov;
    let w = distribution.wasserstein;
    let mut caption = format!(
        "At {} W they are furthest apart, D = {}",
        significant(ks.location),
        number(Some(ks.statistic), 3)
    );
    match &distribution.permutation {
        Some(test) => {
            let _ = write!(
                caption,
                " (p = {} by {} permutations of {} blocks)",
                plain(test.p_value, 3),
                test.permutations,
                test.blocks
            );
        }
        None => caption.push_str(" (p unknown: too few blocks)"),
    }
    let _ = write!(
        caption,
        ", marked by the bar. The area between them is W<sub>1</sub> = {} W: a bias of {} W and {} W of other shape. \
         Bands: 95 %, ±{} for {} independent pairs of {}. {}.",
        significant(w.distance),
        significant(w.bias),
        significant(w.shape),
        plain(distribution.band_half_width, 3),
        plain(agreement.effective_pairs, 0),
        agreement.pairs,
        matched(agreement.matching)
    );
    caption
}

/// How the bandwidths were matched, as a sentence without its full stop.
pub(super) fn matched(matching: Matching) -> String {
    match matching {
        Matching::Window { window_ms } if window_ms <= 0.0 => {
            "Matched: the reference at each publication of the sensor, both being point values".into()
        }
        Matching::Window { window_ms } => format!(
            "Matched bandwidth: at each publication of the sensor, the reference's mean over the sensor's window of {} ms",
            plain(window_ms, 0)
        ),
        Matching::Steps => {
            "Matched bandwidth: at each step of the counter, the reference's mean since the step before"
                .into()
        }
        Matching::Blocks { block_ms } => format!(
            "Matched bandwidth: means of both over blocks of {} s, since the sensor's window is unknown",
            significant(block_ms * 1e-3)
        ),
        Matching::Rows => "Matched row by row, since the data has no time".into(),
    }
}

/// A distribution function as a staircase, moved up by `offset`, within 0 and 1.
fn staircase(curve: &[(f64, f64)], offset: f64, x: &Scale, y: &Scale) -> String {
    let mut data = String::new();
    let floor = coordinate(y.at((0.0 + offset).clamp(0.0, 1.0)));
    for &(watts, share) in curve {
        let across = coordinate(x.at(x.clip(watts)));
        if data.is_empty() {
            let _ = write!(data, "M{},{floor}", coordinate(x.at(x.ends().0)));
        }
        let _ = write!(data, "H{across}V{}", coordinate(y.at((share + offset).clamp(0.0, 1.0))));
    }
    if !data.is_empty() {
        let _ = write!(data, "H{}", coordinate(x.at(x.ends().1)));
    }
    data
}

/// The band around a distribution function, as a closed path.
fn band(curve: &[(f64, f64)], half_width: f64, x: &Scale, y: &Scale) -> String {
    let upper = staircase(curve, half_width, x, y);
    if upper.is_empty() {
        return upper;
    }
    // Back along the lower edge, from right to left.
    let mut data = upper;
    for (index, &(watts, share)) in curve.iter().enumerate().rev() {
        let lower = |share: f64| coordinate(y.at((share - half_width).clamp(0.0, 1.0)));
        let before = index.checked_sub(1).map_or(0.0, |index| curve[index].1);
        let _ = write!(data, "V{}H{}V{}", lower(share), coordinate(x.at(x.clip(watts))), lower(before));
    }
    let _ = write!(data, "H{}z", coordinate(x.at(x.ends().0)));
    data
}

/// The share at or below `watts` by a thinned curve.
fn share_at(curve: &[(f64, f64)], watts: f64) -> f64 {
    let above = curve.partition_point(|&(value, _)| value <= watts);
    above.checked_sub(1).map_or(0.0, |index| curve[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staircase_and_band() {
        let (x, y) = (Scale::linear((0.0, 100.0), (0.0, 100.0)), Scale::linear((0.0, 1.0), (100.0, 0.0)));
        let curve = [(20.0, 0.5), (60.0, 1.0)];
        assert_eq!(staircase(&curve, 0.0, &x, &y), "M0,100H20V50H60V0H100");
        assert_eq!(band(&curve, 0.1, &x, &y), "M0,90H20V40H60V0H100V10H60V60V60H20V100H0z");
        assert_eq!(band(&[], 0.1, &x, &y), "");
        assert!((share_at(&curve, 19.0)).abs() < 1e-12 && (share_at(&curve, 60.0) - 1.0).abs() < 1e-12);
    }
}
