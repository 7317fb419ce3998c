//! Sentences on what figures show, computed from them.

use std::fmt::Write as _;

use power_analysis::study::{Known, Standing};

use super::plan::ExperimentId;
use super::results::{ExperimentResults, StudyResults, Tool};

/// A number with so many decimals.
pub(super) fn number(known: Option<&Known>, decimals: usize) -> String {
    known.map_or_else(|| "unknown".to_owned(), |known| format!("{:.decimals$}", known.value))
}

pub(super) fn percent(known: &Known) -> String {
    format!("{:.0} %", known.value * 100.0)
}

/// The verdict, the most important first.
pub fn verdict(results: &StudyResults) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(first) = results.experiment(ExperimentId::E1) {
        said.extend(tracer_against_nvml(results, first));
        said.extend(range(results));
    }
    said.extend(cost(results));
    said
}

/// Principle (i): what the paper's comparison shows here.
fn tracer_against_nvml(results: &StudyResults, first: &ExperimentResults) -> Option<String> {
    let smi = first.row(Tool::SmiTracer)?;
    let nvml =
        [Tool::NvmlRing, Tool::NvmlCounter, Tool::NvmlPolled].into_iter().find_map(|tool| first.row(tool))?;
    let sampling = smi.sampling.as_ref()?;
    let alpha = results.plan.thresholds.ks_alpha;
    let test = |cell: &power_analysis::study::Cell| match cell.ks {
        Some(test) if test.p_value >= alpha => "passes",
        Some(_) => "fails",
        None => "has no",
    };
    Some(format!(
        "Over {} epochs nvidia-smi in EA-HAS-Bench's way correlates with the reference by r = {} in power and {} in energy \
         and {} the Kolmogorov-Smirnov test of energy; {} by r = {} and {}, and it {}. nvidia-smi under-samples {} of the \
         epochs (fewer than {} readings).",
        sampling.epochs,
        number(smi.epoch_power.pearson.as_ref(), 2),
        number(smi.epoch_energy.pearson.as_ref(), 2),
        test(&smi.epoch_energy),
        nvml.tool.name(),
        number(nvml.epoch_power.pearson.as_ref(), 2),
        number(nvml.epoch_energy.pearson.as_ref(), 2),
        test(&nvml.epoch_energy),
        percent(&sampling.under_sampled),
        results.plan.thresholds.fewest_readings,
    ))
}

/// Principle (ii).
fn range(results: &StudyResults) -> Option<String> {
    let of = |id: ExperimentId| results.experiment(id)?.power;
    let one = of(ExperimentId::E1)?;
    let share = |share: Option<f64>| {
        share.map_or_else(|| "an unknown share".into(), |share| format!("{:.0} %", 100.0 * share))
    };
    let mut said = format!(
        "One GPU is used from {:.0} to {:.0} W, {} of what lies between rest ({}) and its limit ({})",
        one.low_w,
        one.high_w,
        share(one.span_share),
        one.idle_w.map_or_else(|| "unknown".into(), |watts| format!("{watts:.0} W")),
        one.limit_w.map_or_else(|| "unknown".into(), |watts| format!("{watts:.0} W")),
    );
    if let Some(all) = of(ExperimentId::E3) {
        let narrower =
            if all.high_w - all.low_w < one.high_w - one.low_w { "narrower" } else { "not narrower" };
        let _ = write!(said, ", on all GPUs from {:.0} to {:.0} W each, {narrower}", all.low_w, all.high_w);
    }
    Some(format!("{said}."))
}

/// Principle (iii).
fn cost(results: &StudyResults) -> Option<String> {
    let of =
        |tool: Tool| results.boxes.iter().find(|found| found.tool == tool).map(|found| found.total_percent);
    let (two, three) = (of(Tool::CodeCarbon2)?, of(Tool::CodeCarbon3)?);
    let mut said =
        format!("Against the meter Code Carbon 2 is {two:+.1} % off and Code Carbon 3 {three:+.1} %");
    if let (Some(low), Some(high), Some(prior)) =
        (of(Tool::IdleBound), of(Tool::BusyBound), of(Tool::LoadPrior))
    {
        let _ = write!(
            said,
            "; with what only the meter sees, calibrated once, {low:+.1} % to {high:+.1} %, by load {prior:+.1} %"
        );
    }
    Some(format!("{said}."))
}

/// A principle's standing in words.
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Met => "met",
        Standing::Partly => "partly met",
        Standing::NotMet => "not met",
        Standing::Unknown => "cannot be told",
    }
}

/// The three principles, each in a line.
pub fn principles(results: &StudyResults) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (tool, principle) in &results.reliable {
        lines.push((
            format!("(i) {}, {}", principle.name, tool.name()),
            standing(principle.standing).to_owned(),
        ));
    }
    for (id, principle) in &results.range {
        let gpus = if id.is_on_all_gpus() { "all GPUs" } else { "one GPU" };
        lines.push((format!("(ii) {}, {gpus}", principle.name), standing(principle.standing).to_owned()));
    }
    let holistic = &results.holistic;
    lines.push((format!("(iii) {}", holistic.name), standing(holistic.standing).to_owned()));
    lines
}

/// Largest step of a distribution function in a range of power that another one fills: a plateau of the other.
fn plateau(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let widest = points.windows(2).max_by(|a, b| (a[1].0 - a[0].0).total_cmp(&(b[1].0 - b[0].0)))?;
    Some((widest[0].0, widest[1].0))
}

/// What Fig. 1 shows.
pub fn switching(results: &StudyResults) -> Option<String> {
    let shown = results.switching.as_ref()?;
    let swing = |watts: &[f64]| {
        let mut sorted = watts.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share| power_analysis::stats::quantile(&sorted, share);
        Some((at(0.05)?, at(0.95)?))
    };
    let (low, high) = swing(&shown.reference.watts)?;
    let mut said =
        format!("Within the figure the reference goes from {low:.0} to {high:.0} W (5th to 95th percentile)");
    for sensor in &shown.sensors {
        let (low, high) = swing(&sensor.watts)?;
        let _ =
            write!(said, "; {} from {low:.0} to {high:.0} W by {} values", sensor.name, sensor.watts.len());
    }
    Some(format!("{said}."))
}

/// What Fig. 2 shows.
pub fn one_training(results: &StudyResults) -> Option<String> {
    let (name, curves) = results.one_training.as_ref()?;
    let parts = curves.iter().map(|curve| {
        let widest = plateau(&curve.points);
        let widest =
            widest.map_or_else(String::new, |(low, high)| format!(", none between {low:.0} and {high:.0} W"));
        format!("{} has {} values{widest}", curve.name, curve.values)
    });
    Some(format!(
        "In {name}, the one with the shortest epochs, {}: powers that were never sampled are a plateau.",
        parts.collect::<Vec<_>>().join("; ")
    ))
}

/// What Fig. 3 shows.
pub fn ratio(results: &StudyResults) -> Option<String> {
    let first = results.experiment(ExperimentId::E1)?;
    let row = first.row(Tool::SmiTracer)?;
    let sampling = row.sampling.as_ref()?;
    let period = row.period_s?;
    Some(format!(
        "nvidia-smi was to read every 0.1 s and read every {period:.2} s (median), since the sleep of 0.1 s comes on top of its own \
         {:.2} s: the sample ratio is {} on average; {} of {} epochs have fewer than {} readings. The paper has 39 % of epochs \
         with low sampling.{}",
        period - 0.1,
        number(sampling.mean_ratio.as_ref(), 2),
        percent(&sampling.under_sampled),
        sampling.epochs,
        results.plan.thresholds.fewest_readings,
        why_under_sampled(results, first, period).unwrap_or_default(),
    ))
}

/// Why the share of under-sampled epochs is what it is.
fn why_under_sampled(results: &StudyResults, first: &ExperimentResults, period: f64) -> Option<String> {
    let fewest = u32::try_from(results.plan.thresholds.fewest_readings).ok()?;
    let enough = f64::from(fewest) * period;
    let lengths: Vec<f64> = first.epochs.iter().map(|epoch| epoch.stretch.seconds).collect();
    let short = lengths.iter().filter(|length| **length < enough).count();
    let median = power_analysis::stats::median(&lengths)?;
    Some(format!(
        " Here {short} of {} epochs are shorter than the {enough:.2} s that {fewest} readings take (median {median:.2} s): the \
         share follows from the length of epochs and of nvidia-smi's run, and is another with other networks.",
        lengths.len()
    ))
}

/// What Fig. 4 shows.
pub fn distributions(results: &StudyResults) -> Option<String> {
    let of = |id: ExperimentId| {
        let curve = results.experiment(id)?.distributions.first()?;
        let at = |share: f64| curve.points.iter().find(|point| point.1 >= share).map(|point| point.0);
        Some((at(0.05)?, at(0.95)?))
    };
    let (low, high) = of(ExperimentId::E1)?;
    let mut said = format!("Nine tenths of the time one GPU that trains alone takes {low:.0} to {high:.0} W");
    if let Some((low, high)) = of(ExperimentId::E3) {
        let _ = write!(said, ", and each GPU that trains with all others {low:.0} to {high:.0} W");
    }
    Some(format!("{said}."))
}

/// What Fig. 5 shows.
pub fn utilisation(results: &StudyResults, id: ExperimentId, memory: bool) -> Option<String> {
    let found = results.experiment(id)?;
    let pairs: Vec<(f64, f64)> = found
        .epochs
        .iter()
        .filter_map(|epoch| Some((if memory { epoch.memory_used } else { epoch.used }?, epoch.gpu_w?)))
        .collect();
    let (used, watts): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let range = if memory { found.memory_used } else { found.used }?;
    let r = power_analysis::stats::pearson(&used, &watts);
    Some(format!(
        "{} utilisation from {:.0} to {:.0} % in {} epochs; with power r = {}.",
        if memory { "Memory" } else { "GPU" },
        100.0 * range.low,
        100.0 * range.high,
        pairs.len(),
        r.map_or_else(|| "unknown".to_owned(), |r| format!("{r:.2}"))
    ))
}

/// What Fig. 8 shows.
pub fn boxes(results: &StudyResults) -> Option<String> {
    let of = |tool: Tool| results.boxes.iter().find(|found| found.tool == tool);
    let (two, three) = (of(Tool::CodeCarbon2)?, of(Tool::CodeCarbon3)?);
    let memory = results
        .memory_gib
        .map_or_else(|| "an unknown memory".into(), |gib| format!("{gib:.0} GiB of memory"));
    let bounds = of(Tool::IdleBound).zip(of(Tool::BusyBound)).map_or_else(String::new, |(low, high)| {
        format!(
            " The paper's bounds enclose it from {:+.1} to {:+.1} % (paper: -3.6 to 8.9 %).",
            low.total_percent, high.total_percent
        )
    });
    Some(format!(
        "Code Carbon 2 is {:+.1} % off over {} trainings and Code Carbon 3 {:+.1} %: by their rules {memory} takes \
         different powers, and neither knows fans, board and power supplies (paper: 10.3 % off).{bounds}",
        two.total_percent, two.percent.values, three.total_percent
    ))
}
