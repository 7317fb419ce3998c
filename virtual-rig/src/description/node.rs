//! The node around the GPUs.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// CPUs, memory, board, fans and power supplies of the node. The figures and their sources are in this crate's
/// README.
///
/// All powers are levels that change at known times, so every energy is exact:
///
/// ```text
/// cores   = cores_idle_w  + cores_busy_w  (1.35 u - 0.35 u^2)      u: CPU utilisation, 0 to 1
/// uncore  = uncore_idle_w + uncore_busy_w (0.3 u + 0.7 m)          m: share of the memory bandwidth, 0 to 1
/// package = cores + uncore
/// dram    = dram_idle_w   + dram_busy_w m
/// board   = board_w + board_share (packages + dram)
/// T'      = (ambient_c + thermal_c_per_w (GPUs + packages + dram + board) - T) / thermal_tau_s
/// fans    = fan_max_w speed^3; the speed follows T, each 0.5 s, with fan_tau_s
/// P_dc    = GPUs + packages + dram + board + fans
/// P_ac    = psu_a_w + psu_b P_dc + psu_c_per_w P_dc^2
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct NodeDescription {
    /// Number of CPU packages.
    pub packages: usize,
    /// Power of the cores of an idle package in W.
    pub cores_idle_w: f64,
    /// What a package's cores take more when all are busy, in W.
    pub cores_busy_w: f64,
    /// Power of the rest of an idle package in W.
    pub uncore_idle_w: f64,
    /// What it takes more when busy, in W.
    pub uncore_busy_w: f64,
    /// Memory of the node in GiB. No power follows from it: it is what estimators go by.
    pub dram_gib: f64,
    /// Power of the idle memory at one package in W.
    pub dram_idle_w: f64,
    /// What it takes more at full bandwidth, in W.
    pub dram_busy_w: f64,
    /// Power of disks, network, management and the board itself in W.
    pub board_w: f64,
    /// Loss of the board's voltage regulators per watt of packages and memory.
    pub board_share: f64,
    /// Temperature of the air that the node takes in, in °C.
    pub ambient_c: f64,
    /// Degrees above that per watt of heat.
    pub thermal_c_per_w: f64,
    /// Time constant of the temperature in s.
    pub thermal_tau_s: f64,
    /// Power of all fans at full speed in W.
    pub fan_max_w: f64,
    /// Lowest speed of the fans, 0 to 1; kept up to 40 °C. At 80 °C it is 1.
    pub fan_min_speed: f64,
    /// Time constant of the fans' speed in s.
    pub fan_tau_s: f64,
    /// Loss of the power supplies without a load in W.
    pub psu_a_w: f64,
    /// Watts taken from the mains per watt delivered, besides the quadratic part.
    pub psu_b: f64,
    /// Quadratic part of the power supplies' loss, per W.
    pub psu_c_per_w: f64,
    /// Voltage of the mains in V.
    pub mains_v: f64,
    /// What the CPUs do.
    pub cpu_load: CpuLoad,
    /// How often the host's load is looked at, in ms; each look holds from 2 ms after it until the next.
    pub host_period_ms: f64,
}

/// What drives the power of the virtual CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CpuLoad {
    /// The workload; of GPUs with a load of their own, what goes with that.
    #[default]
    Workload,
    /// In place of the workload's, the real load of this machine's CPUs, from `/proc/stat`.
    Host,
}

impl Default for NodeDescription {
    fn default() -> Self {
        Self {
            packages: 2,
            cores_idle_w: 14.0,
            cores_busy_w: 225.0,
            uncore_idle_w: 56.0,
            uncore_busy_w: 55.0,
            dram_gib: 2048.0,
            dram_idle_w: 30.0,
            dram_busy_w: 62.0,
            board_w: 130.0,
            board_share: 0.04,
            ambient_c: 24.0,
            thermal_c_per_w: 0.014,
            thermal_tau_s: 25.0,
            fan_max_w: 420.0,
            fan_min_speed: 0.35,
            fan_tau_s: 3.0,
            psu_a_w: 25.0,
            psu_b: 1.05,
            psu_c_per_w: 3e-5,
            mains_v: 230.0,
            cpu_load: CpuLoad::default(),
            host_period_ms: 50.0,
        }
    }
}

impl NodeDescription {
    /// Sets what drives the CPUs.
    #[must_use]
    pub const fn with_cpu_load(mut self, load: CpuLoad) -> Self {
        self.cpu_load = load;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=8).contains(&self.packages) {
            return Err(Error::new("a node has 1 to 8 packages"));
        }
        let powers = [
            self.cores_idle_w,
            self.cores_busy_w,
            self.uncore_idle_w,
            self.uncore_busy_w,
            self.dram_gib,
            self.dram_idle_w,
            self.dram_busy_w,
            self.board_w,
            self.fan_max_w,
            self.psu_a_w,
        ];
        if !powers.iter().all(|power| (0.0..=1e5).contains(power)) {
            return Err(Error::new("the powers and the memory of a node are 0 to 100000"));
        }
        let taus = [self.thermal_tau_s, self.fan_tau_s];
        if !taus.iter().all(|tau| (0.01..=1e4).contains(tau)) {
            return Err(Error::new("the time constants of a node are 0.01 to 10000 s"));
        }
        if !(0.0..=1.0).contains(&self.fan_min_speed) || !(0.0..=1.0).contains(&self.board_share) {
            return Err(Error::new("fan_min_speed and board_share of a node are 0 to 1"));
        }
        if !(-50.0..=60.0).contains(&self.ambient_c) || !(0.0..=1.0).contains(&self.thermal_c_per_w) {
            return Err(Error::new("ambient_c of a node is -50 to 60 °C, thermal_c_per_w 0 to 1"));
        }
        if !(1.0..=2.0).contains(&self.psu_b) || !(0.0..=1e-2).contains(&self.psu_c_per_w) {
            return Err(Error::new(
                "psu_b of a node is 1 to 2, psu_c_per_w 0 to 0.01: supplies give no energy",
            ));
        }
        if !(80.0..=500.0).contains(&self.mains_v) {
            return Err(Error::new("mains_v of a node is 80 to 500 V"));
        }
        if !(20.0..=10_000.0).contains(&self.host_period_ms) {
            return Err(Error::new("host_period_ms of a node is 20 to 10000 ms: /proc/stat counts 10 ms"));
        }
        Ok(())
    }
}
