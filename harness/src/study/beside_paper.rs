//! What the paper found beside what is found here, and why they differ, computed.

use power_analysis::study::Cell;

use super::plan::ExperimentId;
use super::results::{StudyResults, Tool};
use super::sentences::{number, percent};

/// Where this study differs from the paper, and why, computed.
pub fn against_the_paper(results: &StudyResults) -> Vec<(String, String, String, String)> {
    let mut rows = Vec::new();
    let first = results.experiment(ExperimentId::E1);
    let mut row = |what: &str, paper: &str, here: Option<String>, why: String| {
        rows.push((what.to_owned(), paper.to_owned(), here.unwrap_or_else(|| "unknown".to_owned()), why));
    };
    let cell = |tool: Tool| first.and_then(|found| found.row(tool));
    let lengths: Vec<f64> =
        first.map_or_else(Vec::new, |found| found.epochs.iter().map(|epoch| epoch.stretch.seconds).collect());
    let spread = {
        let mean = power_analysis::stats::mean(&lengths);
        let sd = power_analysis::stats::variance(&lengths).map(f64::sqrt);
        sd.zip(mean).map_or_else(|| "unknown".to_owned(), |(sd, mean)| format!("{:.0} %", 100.0 * sd / mean))
    };
    let energy = cell(Tool::SmiTracer).map(|row| number(row.epoch_energy.pearson.as_ref(), 2));
    let power = cell(Tool::SmiTracer)
        .map_or_else(|| "unknown".into(), |row| number(row.epoch_power.pearson.as_ref(), 2));
    row(
        "Pearson of nvidia-smi, epochs",
        "0.64",
        energy.map(|energy| format!("{power} (power), {energy} (energy)")),
        format!(
            "energy goes with length whatever the tool reads, and lengths of epochs vary here by {spread}; power has no such help"
        ),
    );
    let median = power_analysis::stats::median(&lengths)
        .map_or_else(|| "an unknown length".into(), |s| format!("{s:.2} s"));
    let nvml = |tool: Tool| cell(tool).map(|row| number(row.epoch_power.pearson.as_ref(), 2));
    // Where the ring is the reference it is no tool.
    let best = if cell(Tool::NvmlRing).is_some() { Tool::NvmlRing } else { Tool::NvmlCounter };
    row(
        "Pearson of NVML, epochs",
        "0.99",
        nvml(best),
        nvml(Tool::NvmlPolled).map_or_else(String::new, |polled| {
            format!(
                "by the {}, in power; power.draw, polled, has {polled}: it averages 1 s, and the median epoch has {median}",
                best.name()
            )
        }),
    );
    let bias = cell(best).and_then(|row| row.epoch_power.bias);
    row(
        "Kolmogorov-Smirnov, epochs",
        "NVML passes, nvidia-smi fails",
        test_of(results, best)
            .zip(test_of(results, Tool::SmiTracer))
            .map(|(nvml, smi)| format!("{nvml}; {smi}")),
        bias.map_or_else(String::new, |bias| why_it_differs(best, 100.0 * bias.value, &median)),
    );
    row(
        "epochs with low sampling",
        "39 %",
        cell(Tool::SmiTracer)
            .and_then(|row| row.sampling.as_ref().map(|sampling| percent(&sampling.under_sampled))),
        "the paper's own definition is not known; here fewer than the readings in the table of thresholds"
            .into(),
    );
    let range = |id: ExperimentId| {
        results.experiment(id)?.power.map(|range| format!("{:.0} to {:.0} W", range.low_w, range.high_w))
    };
    row(
        "power of one GPU",
        "146 to 305 W",
        range(ExperimentId::E1),
        "mean of an epoch with its validation, which takes less than training".into(),
    );
    row(
        "power of each of four GPUs",
        "narrower",
        range(ExperimentId::E3),
        if results.experiment(ExperimentId::E3).is_some() {
            "GPUs that train one network wait for each other".into()
        } else {
            "there is one GPU here".into()
        },
    );
    let boxed = |tool: Tool| {
        results
            .boxes
            .iter()
            .find(|found| found.tool == tool)
            .map(|found| format!("{:+.1} %", found.total_percent))
    };
    row(
        "Code Carbon against the meter",
        "10.3 %",
        boxed(Tool::CodeCarbon2)
            .zip(boxed(Tool::CodeCarbon3))
            .map(|(two, three)| format!("{two} (2), {three} (3)")),
        "the paper's version is not known; the two rules for memory differ more than any other part".into(),
    );
    rows
}

/// How a tool's epochs fare in the Kolmogorov-Smirnov test.
fn test_of(results: &StudyResults, tool: Tool) -> Option<String> {
    let row = results.experiment(ExperimentId::E1)?.row(tool)?;
    let test = |cell: &Cell| {
        let passes = cell.ks?.p_value >= results.plan.thresholds.ks_alpha;
        Some(if passes { "passes" } else { "fails" })
    };
    Some(format!(
        "{} {} (energy), {} (power)",
        tool.name(),
        test(&row.epoch_energy)?,
        test(&row.epoch_power)?
    ))
}

/// Why NVML differs from the reference, by so many per cent.
fn why_it_differs(tool: Tool, percent: f64, median_epoch: &str) -> String {
    if tool == Tool::NvmlRing {
        return format!(
            "NVML lies {percent:+.1} % from the reference, whose P_busy does not follow the GPUs' share of the power supplies' loss; \
             with few networks of distinct power such a shift alone fails the test"
        );
    }
    format!(
        "the {} lies {percent:+.1} % from the sample ring, which is the reference here: it steps some ten times a second, and \
         the median epoch has {median_epoch}",
        tool.name()
    )
}
