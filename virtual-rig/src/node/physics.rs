//! From what GPUs, CPUs and memory do to the power of each rail: levels only, no state but heat and fans.

use super::rail::Layout;
use crate::description::NodeDescription;

/// How much of the CPUs and of the memory's bandwidth goes with a GPU at its limit that no workload is known of.
const CPU_PER_GPU: f64 = 0.3;
const MEMORY_PER_GPU: f64 = 0.25;

/// Temperatures in °C up to which the fans keep their lowest speed, and at which they have their highest.
const FAN_RAMP_C: (f64, f64) = (40.0, 80.0);

/// What there is to do, at one time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Demand {
    /// Power of each GPU in W.
    pub(super) gpus_w: Vec<f64>,
    /// How far each GPU is on its way from idle to limit, 0 to 1, where no workload says what goes with it.
    pub(super) followed: Vec<f64>,
    /// Utilisation of the CPUs and share of the memory's bandwidth that the workload asks for, 0 to 1.
    pub(super) cpu: f64,
    pub(super) memory: f64,
}

/// Heat and fans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Thermal {
    pub(super) temperature_c: f64,
    pub(super) fan_speed: f64,
}

/// Fills `row` with the power of each rail in W, and returns the heat that the fans carry away, in W.
pub(super) fn powers(
    node: &NodeDescription,
    layout: Layout,
    demand: &Demand,
    fan_speed: f64,
    row: &mut [f64],
) -> f64 {
    row[..layout.gpus].copy_from_slice(&demand.gpus_w);
    let mut host_w = 0.0;
    for package in 0..layout.packages {
        let of_package = (0..layout.gpus).filter(|gpu| gpu * layout.packages / layout.gpus.max(1) == package);
        let followed: f64 = of_package.map(|gpu| demand.followed[gpu]).sum();
        let cpu = (demand.cpu + CPU_PER_GPU * followed).clamp(0.0, 1.0);
        let memory = (demand.memory + MEMORY_PER_GPU * followed).clamp(0.0, 1.0);
        let at = layout.cores(package);
        row[at] = node.cores_idle_w + node.cores_busy_w * cpu * (1.35 - 0.35 * cpu);
        row[at + 1] = node.uncore_idle_w + node.uncore_busy_w * (0.3 * cpu + 0.7 * memory);
        row[at + 2] = node.dram_idle_w + node.dram_busy_w * memory;
        host_w += row[at] + row[at + 1] + row[at + 2];
    }
    let board_w = node.board_w + node.board_share * host_w;
    let heat_w = demand.gpus_w.iter().sum::<f64>() + host_w + board_w;
    let fans_w = node.fan_max_w * fan_speed.powi(3);
    let dc_w = heat_w + fans_w;
    let at = layout.board();
    row[at] = board_w;
    row[at + 1] = fans_w;
    row[at + 2] = dc_w;
    row[at + 3] = node.psu_a_w + node.psu_b * dc_w + node.psu_c_per_w * dc_w * dc_w;
    heat_w
}

impl Thermal {
    /// Where it settles with this heat.
    pub(super) fn settled(node: &NodeDescription, heat_w: f64) -> Self {
        let temperature_c = node.ambient_c + node.thermal_c_per_w * heat_w;
        Self { temperature_c, fan_speed: wanted_speed(node, temperature_c) }
    }

    /// After `seconds` more of this heat: exact, since the heat is constant.
    pub(super) fn heat(&mut self, node: &NodeDescription, heat_w: f64, seconds: f64) {
        let settled_c = node.ambient_c + node.thermal_c_per_w * heat_w;
        self.temperature_c += (self.temperature_c - settled_c) * (-seconds / node.thermal_tau_s).exp_m1();
    }

    /// The controller looks at the temperature, `seconds` after it did so before.
    pub(super) fn control(&mut self, node: &NodeDescription, seconds: f64) {
        let wanted = wanted_speed(node, self.temperature_c);
        self.fan_speed += (self.fan_speed - wanted) * (-seconds / node.fan_tau_s).exp_m1();
    }
}

fn wanted_speed(node: &NodeDescription, temperature_c: f64) -> f64 {
    let (low_c, high_c) = FAN_RAMP_C;
    let share = ((temperature_c - low_c) / (high_c - low_c)).clamp(0.0, 1.0);
    node.fan_min_speed + (1.0 - node.fan_min_speed) * share
}
