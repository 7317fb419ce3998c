//! The figures of the paper, each with the sentence that says what it shows.

use super::chart::{Axes, Point, boxes, distributions, legend, scatter};
use crate::report::text::{escape, plain};
use crate::study::plan::ExperimentId;
use crate::study::results::{Epoch, StudyResults, Tool};
use crate::study::sentences;

/// A figure of the page.
#[derive(Debug)]
pub(super) struct Drawn {
    /// Name of its file, and of its place in the page.
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) svg: String,
    /// Keys and notes below it, as HTML.
    pub(super) below: String,
    pub(super) sentence: String,
}

/// All small figures, in the order of the paper.
pub(super) fn all(results: &StudyResults) -> Vec<Drawn> {
    let mut drawn = Vec::new();
    drawn.extend(one_training(results));
    drawn.extend(ratio(results));
    drawn.extend(aggregated(results));
    drawn.extend(utilisation(results));
    drawn.extend(estimators(results));
    drawn
}

fn one_training(results: &StudyResults) -> Option<Drawn> {
    let (name, curves) = results.one_training.as_ref()?;
    Some(Drawn {
        name: "figure-2",
        title: format!("Fig. 2. Distribution of power in {name}"),
        svg: distributions(curves, "Distribution functions of power in one training", None)?,
        below: legend(curves.iter().map(|curve| curve.name.as_str())),
        sentence: sentences::one_training(results)?,
    })
}

fn ratio(results: &StudyResults) -> Option<Drawn> {
    let found = results.experiment(ExperimentId::E1)?;
    let points: Vec<Point> = found
        .epochs
        .iter()
        .filter_map(|epoch| {
            let seen = epoch.stretch.seen.get(Tool::SmiTracer.position())?;
            let (ratio, watts) = (seen.sample_ratio()?, epoch.gpu_w?);
            Some(Point {
                x: ratio,
                y: watts,
                shade: None,
                words: words(epoch, &format!("sample ratio {ratio:.2}")),
            })
        })
        .collect();
    let axes = Axes {
        label: "Power of the GPU against the sample ratio of nvidia-smi",
        x: "sample ratio of nvidia-smi, EA-HAS-Bench",
        y: "power of the GPU, W",
        x_range: Some((0.0, 1.0)),
        y_range: None,
    };
    Some(Drawn {
        name: "figure-3",
        title: "Fig. 3. Power against sample ratio".into(),
        svg: scatter(&points, &axes)?,
        below: String::new(),
        sentence: sentences::ratio(results)?,
    })
}

fn aggregated(results: &StudyResults) -> Vec<Drawn> {
    let of = |id: ExperimentId| results.experiment(id).map(|found| &found.distributions[..]);
    // Both have the same axis, so that the eye compares.
    let all = [ExperimentId::E1, ExperimentId::E3].into_iter().filter_map(of).flatten();
    let watts: Vec<f64> = all.flat_map(|curve| curve.points.iter().map(|point| point.0)).collect();
    let range = watts.iter().copied().reduce(f64::min).zip(watts.iter().copied().reduce(f64::max));
    let draw = |id: ExperimentId, name, title: &str| {
        let curves = of(id)?;
        Some(Drawn {
            name,
            title: format!("Fig. 4. Power over all epochs, {title}"),
            svg: distributions(
                curves,
                &format!("Distribution functions of power over all epochs, {title}"),
                range,
            )?,
            below: legend(curves.iter().map(|curve| curve.name.as_str())),
            sentence: sentences::distributions(results)?,
        })
    };
    [draw(ExperimentId::E1, "figure-4-one", "one GPU"), draw(ExperimentId::E3, "figure-4-all", "all GPUs")]
        .into_iter()
        .flatten()
        .collect()
}

fn utilisation(results: &StudyResults) -> Vec<Drawn> {
    let spreads = [ExperimentId::E1, ExperimentId::E3].into_iter().filter_map(|id| results.experiment(id));
    let most =
        spreads.flat_map(|found| found.epochs.iter().filter_map(|epoch| epoch.spread_w)).fold(0.0, f64::max);
    let powers =
        [ExperimentId::E1, ExperimentId::E3].into_iter().filter_map(|id| results.experiment(id)?.power);
    let y_range = powers.map(|power| (power.low_w, power.high_w)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let draw = |id: ExperimentId, memory: bool, name: &'static str| {
        let found = results.experiment(id)?;
        let points: Vec<Point> = found
            .epochs
            .iter()
            .filter_map(|epoch| {
                let (used, watts) = (if memory { epoch.memory_used } else { epoch.used }?, epoch.gpu_w?);
                let shade = epoch.spread_w.filter(|_| most > 0.0).map(|spread| spread / most);
                let spread =
                    epoch.spread_w.map_or_else(|| "unknown".to_owned(), |watts| format!("{watts:.1} W"));
                let said = format!("utilisation {:.0} %, standard deviation {spread}", 100.0 * used);
                Some(Point { x: 100.0 * used, y: watts, shade, words: words(epoch, &said) })
            })
            .collect();
        let what = if memory { "memory" } else { "GPU" };
        let gpus = if id.is_on_all_gpus() { "all GPUs" } else { "one GPU" };
        let label = format!("Power against {what} utilisation, {gpus}");
        let x = format!("{what} utilisation, %");
        let axes =
            Axes { label: &label, x: &x, y: "power of one GPU, W", x_range: Some((0.0, 100.0)), y_range };
        Some(Drawn {
            name,
            title: format!("Fig. 5. Power and {what} utilisation, {gpus}"),
            svg: scatter(&points, &axes)?,
            below: format!(
                "<ul class=\"legend\"><li><svg class=\"shades\" viewBox=\"0 0 90 10\" aria-hidden=\"true\"><path class=\"c0\" d=\"M0,5h18\"/>\
                 <path class=\"c1\" d=\"M18,5h18\"/><path class=\"c2\" d=\"M36,5h18\"/><path class=\"c3\" d=\"M54,5h18\"/>\
                 <path class=\"c4\" d=\"M72,5h18\"/></svg>standard deviation, 0 to {} W</li></ul>",
                plain(most, 0)
            ),
            sentence: sentences::utilisation(results, id, memory)?,
        })
    };
    [
        draw(ExperimentId::E1, false, "figure-5-gpu-one"),
        draw(ExperimentId::E3, false, "figure-5-gpu-all"),
        draw(ExperimentId::E1, true, "figure-5-memory-one"),
        draw(ExperimentId::E3, true, "figure-5-memory-all"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn estimators(results: &StudyResults) -> Option<Drawn> {
    Some(Drawn {
        name: "figure-8",
        title: "Fig. 8. Estimators against the meter, one GPU".into(),
        svg: boxes(&results.boxes)?,
        below: String::new(),
        sentence: sentences::boxes(results)?,
    })
}

/// What the pointer says of an epoch.
fn words(epoch: &Epoch, more: &str) -> String {
    let watts = epoch.gpu_w.map_or_else(|| "unknown".to_owned(), |watts| format!("{watts:.1} W"));
    format!("{}: {watts}, {:.2} s, {more}", epoch.name, epoch.stretch.seconds)
}

impl Drawn {
    /// The figure as HTML.
    pub(super) fn html(&self) -> String {
        format!(
            "<figure class=\"chart\" id=\"{}\"><div class=\"stage\">{}<div class=\"tip\" hidden></div></div>{}\
             <figcaption><b>{}.</b> {}</figcaption></figure>",
            self.name,
            self.svg,
            self.below,
            escape(&self.title),
            escape(&self.sentence)
        )
    }
}
