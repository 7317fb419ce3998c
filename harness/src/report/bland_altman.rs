//! The figure of the difference against the level, after Bland and Altman.

use std::fmt::Write as _;

use power_analysis::Agreement;
use power_analysis::stats::{AgreementScale, BlandAltman, Estimate};

use super::axis::{Scale, round_range};
use super::curve::coordinate;
use super::figure::{Frame, X_PIXELS, Y_PIXELS};
use super::text::{grouped, plain};

/// Share of the points at either end beyond which the axis does not follow.
const TAIL: f64 = 0.005;

/// The figure and its caption, as HTML; `None` where the data do not allow one.
///
/// `pairs` are matched values (sensor, reference) in watts, perhaps fewer than the agreement rests on.
pub(super) fn figure(agreement: &Agreement, pairs: &[(f64, f64)]) -> Option<String> {
    let limits = agreement.bland_altman?;
    let ratio = limits.scale == AgreementScale::Ratio;
    let points: Vec<(f64, f64)> = pairs
        .iter()
        .map(|&(sensor, reference)| {
            let level = f64::midpoint(sensor, reference);
            (level, if ratio { sensor / reference } else { sensor - reference })
        })
        .filter(|(level, value)| level.is_finite() && value.is_finite() && (!ratio || *value > 0.0))
        .collect();
    let levels = || points.iter().map(|point| point.0);
    let (low, high) = (levels().reduce(f64::min)?, levels().reduce(f64::max)?);
    let x = Scale::linear(round_range(low, high, 5), X_PIXELS);
    let (least, most) = middle(points.iter().map(|point| point.1).collect());
    let least = least.min(limits.lower_limit.low);
    let most = most.max(limits.upper_limit.high);
    let neutral = if ratio { 1.0 } else { 0.0 };
    let y = if ratio {
        Scale::logarithmic((least.min(neutral) * 0.97, most.max(neutral) * 1.03), Y_PIXELS)
    } else {
        Scale::linear(round_range(least.min(neutral), most.max(neutral), 5), Y_PIXELS)
    };
    let mut frame = Frame::new(
        "Difference of sensor and reference against their mean, with bias and limits of agreement",
        x,
        y,
        "mean of both, W",
        if ratio { "sensor / reference" } else { "sensor - reference, W" },
    );
    let mut dots = String::new();
    let (bottom, top) = y.ends();
    let mut beyond = 0_usize;
    for (level, value) in &points {
        beyond += usize::from(*value < bottom || *value > top);
        let _ = write!(dots, "M{},{}h0", coordinate(x.at(*level)), coordinate(y.at(y.clip(*value))));
    }
    for limit in [limits.bias, limits.lower_limit, limits.upper_limit] {
        frame.path("limit-band", &stripe(limit, &y));
    }
    frame.path("dots", &dots);
    frame.level("neutral", neutral);
    frame.level("bias", limits.bias.value);
    frame.level("limit", limits.lower_limit.value);
    frame.level("limit", limits.upper_limit.value);
    Some(format!(
        "<figure>{}<figcaption><b>Agreement.</b> {}</figcaption></figure>",
        frame.finish(),
        caption(&limits, agreement.pairs, points.len(), beyond)
    ))
}

fn caption(limits: &BlandAltman, pairs: usize, drawn: usize, beyond: usize) -> String {
    let (unit, decimals) = match limits.scale {
        AgreementScale::Difference => (" W", 1),
        AgreementScale::Ratio => ("", 3),
    };
    let estimate = |estimate: Estimate| {
        format!(
            "{}{unit} [{}, {}]",
            plain(estimate.value, decimals),
            plain(estimate.low, decimals),
            plain(estimate.high, decimals)
        )
    };
    let what = match limits.scale {
        AgreementScale::Difference => "difference sensor - reference",
        AgreementScale::Ratio => "ratio sensor / reference, as the difference grows with the level,",
    };
    let mut caption = format!(
        "The {what} is {} on average (solid line); 95 % of the pairs lie between {} and {} (dashed).",
        estimate(limits.bias),
        estimate(limits.lower_limit),
        estimate(limits.upper_limit)
    );
    if drawn < pairs {
        let _ = write!(
            caption,
            " {} of {} pairs are drawn, evenly spaced in time.",
            grouped(drawn),
            grouped(pairs)
        );
    }
    if beyond > 0 {
        let _ = write!(caption, " {} beyond the axis, drawn at its edge.", grouped(beyond));
    }
    caption
}

/// A horizontal stripe over an estimate's interval.
fn stripe(estimate: Estimate, y: &Scale) -> String {
    let (from, to) = (coordinate(y.at(y.clip(estimate.high))), coordinate(y.at(y.clip(estimate.low))));
    let (left, right) = X_PIXELS;
    format!("M{left},{from}H{right}V{to}H{left}z")
}

/// The range of values without the outermost [`TAIL`] at both ends.
pub(super) fn middle(mut values: Vec<f64>) -> (f64, f64) {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return (0.0, 0.0) };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count of points is a count of points"
    )]
    let cut = (last as f64 * TAIL) as usize;
    (values[cut], values[last - cut])
}
