//! A configuration that makes Code Carbon count what its rules leave out, on the calibrated node.

use std::fmt::Write as _;

use power_analysis::estimators::{CodeCarbon, CpuMode};

use super::estimation::RunEstimate;

/// The text of a `.codecarbon.config`.
///
/// `force_ram_power` becomes the mean power of all that is neither GPU nor CPU by the model, for only this entry of Code
/// Carbon is a constant that is added whatever else it measures. `force_cpu_power` is the rated power from which its
/// load rule gives the measured mean at `cpu_load`; setting it turns off RAPL, so that it stays a comment unless the load
/// is known.
pub fn code_carbon_config(estimate: &RunEstimate, cpu_load: Option<f64>) -> String {
    let mean_of = |name: &str| {
        let found = estimate.components.iter().find(|component| component.name == name);
        found.map(|component| component.energy_j / estimate.seconds)
    };
    let (gpu_w, cpu_w) = (mean_of("gpu"), mean_of("cpu"));
    let others_w = estimate.mean_w - gpu_w.unwrap_or(0.0) - cpu_w.unwrap_or(0.0);
    let mut text = String::from("[codecarbon]\n");
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# From {}, model of {}: valid for loads like this run's ({:.0} W on average).\n\
         # Memory, fans, board and loss of the power supply together, which Code Carbon has no other entry for.\n\
         force_ram_power = {others_w:.1}",
        estimate.run, estimate.model_date, estimate.mean_w
    );
    let rated_w = |mode| CodeCarbon::V3.cpu_power_w(1.0, mode).zip(cpu_w).map(|(share, watts)| watts / share);
    match (cpu_load, cpu_w) {
        (_, None) => {
            let _ = writeln!(
                text,
                "# No sensor of the CPU in this run: its power is within force_ram_power.\nforce_cpu_power = 0"
            );
        }
        (Some(load), Some(watts)) => {
            if let Some(rated) = rated_w(CpuMode::Load(load)) {
                let _ = writeln!(
                    text,
                    "# Rated power from which Code Carbon 3 makes {watts:.1} W at {:.0} % load. It turns off RAPL.\n\
                     force_cpu_power = {rated:.1}",
                    100.0 * load
                );
            }
        }
        (None, Some(watts)) => {
            if let Some(rated) = rated_w(CpuMode::Constant) {
                let _ = writeln!(
                    text,
                    "# Leave this out where Code Carbon can read RAPL. In constant mode it makes {watts:.1} W of it.\n\
                     # force_cpu_power = {rated:.1}"
                );
            }
        }
    }
    text
}
