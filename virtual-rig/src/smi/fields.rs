//! What can be asked of a GPU: the fields of `--query-gpu`, which the logs show too.

use super::local_time::LocalTime;
use super::view::View;
use crate::node::{Gpu, Sensors};
use power_testkit::SensorModel;

/// The output of `--help-query-gpu`: also the list of all names there are.
pub(super) const HELP: &str = include_str!("../../templates/help-query-gpu.txt");

/// A value before its unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shown {
    /// In W, of which two places are printed.
    Watts(f64),
    Number(i64),
    Text(String),
}

/// The unit of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Watt,
    Percent,
    MiB,
    MHz,
    /// Printed in logs, but not in CSV.
    Celsius,
}

impl Unit {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Watt => "W",
            Self::Percent => "%",
            Self::MiB => "MiB",
            Self::MHz => "MHz",
            Self::Celsius => "C",
        }
    }
}

/// How a field is read; nothing where the GPU does not have it.
type Read = fn(&mut View, usize, i64) -> Option<Shown>;

/// A field.
pub(super) struct Field {
    /// Its names; the header has the first one.
    pub(super) names: &'static [&'static str],
    pub(super) unit: Unit,
    /// First driver generation that has it.
    pub(super) since: u32,
    /// NVML's function behind it, whose faults it shares.
    pub(super) call: &'static str,
    pub(super) read: Read,
}

/// The field of a name, in a driver generation.
pub(super) fn find(name: &str, generation: u32) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.names.contains(&name) && field.since <= generation)
}

/// Whether `--help-query-gpu` lists a name.
pub(super) fn listed(name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    HELP.lines().any(|line| line.starts_with('"') && line.split(" or ").any(|listed| listed == quoted))
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Watts(watts) => write!(f, "{watts:.2}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

const fn field(names: &'static [&'static str], unit: Unit, call: &'static str, read: Read) -> Field {
    Field { names, unit, since: 0, call, read }
}

const fn since(since: u32, mut field: Field) -> Field {
    field.since = since;
    field
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a text is always there, and what reads a field returns an option"
)]
fn text(text: impl Into<String>) -> Option<Shown> {
    Some(Shown::Text(text.into()))
}

fn number(number: impl TryInto<i64>) -> Option<Shown> {
    number.try_into().ok().map(Shown::Number)
}

fn watts(
    view: &mut View,
    gpu: usize,
    now: i64,
    sensor: fn(&Sensors) -> Option<&SensorModel>,
) -> Option<Shown> {
    view.gpu(gpu).shown(now, sensor).map(Shown::Watts)
}

fn enabled(on: bool) -> Option<Shown> {
    text(if on { "Enabled" } else { "Disabled" })
}

fn active(view: &mut View, gpu: usize, now: i64, bit: u64) -> Option<Shown> {
    let reasons = view.gpu(gpu).clock_reasons(now);
    text(if reasons & bit == 0 { "Not Active" } else { "Active" })
}

/// Utilisation is not to be had where there are MIG instances.
fn utilisation(gpu: &mut Gpu, now: i64) -> Option<(u32, u32)> {
    if gpu.mig.is_empty() { Some(gpu.utilisation(now)) } else { None }
}

fn mig_mode(view: &mut View, gpu: usize, _now: i64) -> Option<Shown> {
    let gpu = view.gpu(gpu);
    if gpu.model.mig == 0 { None } else { enabled(!gpu.mig.is_empty()) }
}

fn ecc_mode(view: &mut View, gpu: usize, _now: i64) -> Option<Shown> {
    if view.gpu(gpu).model.data_centre { enabled(true) } else { None }
}

use Unit::{Celsius, MHz, MiB, None as NoUnit, Percent, Watt};

const AVERAGE: &str = "nvmlDeviceGetFieldValues:185";
const INSTANT: &str = "nvmlDeviceGetFieldValues:186";
const REASONS: &str = "nvmlDeviceGetCurrentClocksEventReasons";
const MEMORY: &str = "nvmlDeviceGetMemoryInfo_v2";
const CLOCK: &str = "nvmlDeviceGetClockInfo";
const MOST: &str = "nvmlDeviceGetMaxClockInfo";
const LIMIT: &str = "nvmlDeviceGetPowerManagementLimit";
const CONSTRAINTS: &str = "nvmlDeviceGetPowerManagementLimitConstraints";

const FIELDS: &[Field] = &[
    field(&["timestamp"], NoUnit, "", |_, _, _| text(LocalTime::now().stamp())),
    field(&["driver_version"], NoUnit, "nvmlSystemGetDriverVersion", |view, _, _| {
        text(view.node.description.driver.clone())
    }),
    field(&["count"], NoUnit, "nvmlDeviceGetCount_v2", |view, _, _| number(view.node.gpus.len())),
    field(&["name", "gpu_name"], NoUnit, "nvmlDeviceGetName", |view, gpu, _| text(view.gpu(gpu).model.name)),
    field(&["serial", "gpu_serial"], NoUnit, "nvmlDeviceGetSerial", |view, gpu, _| {
        let gpu = view.gpu(gpu);
        if gpu.model.data_centre { text(gpu.serial.clone()) } else { None }
    }),
    field(&["uuid", "gpu_uuid"], NoUnit, "nvmlDeviceGetUUID", |view, gpu, _| {
        text(view.gpu(gpu).uuid.clone())
    }),
    field(&["pci.bus_id", "gpu_bus_id"], NoUnit, "nvmlDeviceGetPciInfo_v3", |view, gpu, _| {
        text(view.gpu(gpu).bus_id())
    }),
    field(&["pci.domain"], NoUnit, "nvmlDeviceGetPciInfo_v3", |_, _, _| text("0x0000")),
    field(&["pci.bus"], NoUnit, "nvmlDeviceGetPciInfo_v3", |view, gpu, _| {
        text(format!("0x{:02X}", view.gpu(gpu).pci_bus))
    }),
    field(&["pci.device"], NoUnit, "nvmlDeviceGetPciInfo_v3", |_, _, _| text("0x00")),
    field(&["pci.device_id"], NoUnit, "nvmlDeviceGetPciInfo_v3", |view, gpu, _| {
        text(format!("0x{:08X}", view.gpu(gpu).model.pci_device))
    }),
    field(&["pci.sub_device_id"], NoUnit, "nvmlDeviceGetPciInfo_v3", |view, gpu, _| {
        text(format!("0x{:08X}", view.gpu(gpu).model.pci_subsystem))
    }),
    field(&["index"], NoUnit, "nvmlDeviceGetIndex", |_, gpu, _| number(gpu)),
    field(&["persistence_mode"], NoUnit, "nvmlDeviceGetPersistenceMode", |_, _, _| enabled(true)),
    field(&["display_active"], NoUnit, "nvmlDeviceGetDisplayActive", |_, _, _| enabled(false)),
    field(&["accounting.mode"], NoUnit, "nvmlDeviceGetAccountingMode", |_, _, _| enabled(false)),
    field(&["vbios_version"], NoUnit, "nvmlDeviceGetVbiosVersion", |_, _, _| text("96.00.A5.00.1A")),
    field(&["pstate"], NoUnit, "nvmlDeviceGetPerformanceState", |_, _, _| text("P0")),
    field(&["compute_mode"], NoUnit, "nvmlDeviceGetComputeMode", |_, _, _| text("Default")),
    field(&["compute_cap"], NoUnit, "nvmlDeviceGetCudaComputeCapability", |view, gpu, _| {
        let (major, minor) = view.gpu(gpu).model.compute;
        text(format!("{major}.{minor}"))
    }),
    field(&["mig.mode.current"], NoUnit, "nvmlDeviceGetMigMode", mig_mode),
    field(&["mig.mode.pending"], NoUnit, "nvmlDeviceGetMigMode", mig_mode),
    field(&["ecc.mode.current"], NoUnit, "nvmlDeviceGetEccMode", ecc_mode),
    field(&["ecc.mode.pending"], NoUnit, "nvmlDeviceGetEccMode", ecc_mode),
    since(
        535,
        field(
            &["clocks_event_reasons.supported", "clocks_throttle_reasons.supported"],
            NoUnit,
            REASONS,
            |_, _, _| text("0x00000000000001FF"),
        ),
    ),
    since(
        535,
        field(&["clocks_event_reasons.active", "clocks_throttle_reasons.active"], NoUnit, REASONS, mask),
    ),
    since(
        535,
        field(
            &["clocks_event_reasons.gpu_idle", "clocks_throttle_reasons.gpu_idle"],
            NoUnit,
            REASONS,
            |view, gpu, now| active(view, gpu, now, 1),
        ),
    ),
    since(
        535,
        field(
            &["clocks_event_reasons.sw_power_cap", "clocks_throttle_reasons.sw_power_cap"],
            NoUnit,
            REASONS,
            |view, gpu, now| active(view, gpu, now, 4),
        ),
    ),
    // Before 535 by their old names only.
    field(&["clocks_throttle_reasons.active"], NoUnit, REASONS, mask),
    field(&["clocks_throttle_reasons.gpu_idle"], NoUnit, REASONS, |view, gpu, now| active(view, gpu, now, 1)),
    field(&["clocks_throttle_reasons.sw_power_cap"], NoUnit, REASONS, |view, gpu, now| {
        active(view, gpu, now, 4)
    }),
    field(&["memory.total"], MiB, MEMORY, |view, gpu, _| number(view.gpu(gpu).model.memory_mib)),
    since(
        510,
        field(&["memory.reserved"], MiB, MEMORY, |view, gpu, _| number(view.gpu(gpu).model.reserved_mib)),
    ),
    field(&["memory.used"], MiB, MEMORY, |view, gpu, now| number(view.gpu(gpu).memory_used_mib(now))),
    field(&["memory.free"], MiB, MEMORY, |view, gpu, now| {
        let gpu = view.gpu(gpu);
        number(gpu.model.memory_mib - gpu.model.reserved_mib - gpu.memory_used_mib(now))
    }),
    field(&["utilization.gpu"], Percent, "nvmlDeviceGetUtilizationRates", |view, gpu, now| {
        utilisation(view.gpu(gpu), now).and_then(|(of_gpu, _)| number(of_gpu))
    }),
    field(&["utilization.memory"], Percent, "nvmlDeviceGetUtilizationRates", |view, gpu, now| {
        utilisation(view.gpu(gpu), now).and_then(|(_, of_memory)| number(of_memory))
    }),
    field(&["utilization.encoder"], Percent, "nvmlDeviceGetEncoderUtilization", |_, _, _| number(0)),
    field(&["utilization.decoder"], Percent, "nvmlDeviceGetDecoderUtilization", |_, _, _| number(0)),
    field(&["temperature.gpu"], Celsius, "nvmlDeviceGetTemperature", |view, gpu, now| {
        number(view.gpu(gpu).temperature(now).0)
    }),
    since(
        525,
        field(&["temperature.gpu.tlimit"], Celsius, "nvmlDeviceGetFieldValues:193", |view, gpu, now| {
            number(87 - i64::from(view.gpu(gpu).temperature(now).0))
        }),
    ),
    field(&["temperature.memory"], Celsius, "nvmlDeviceGetFieldValues:82", |view, gpu, now| {
        let gpu = view.gpu(gpu);
        if gpu.model.data_centre { number(gpu.temperature(now).1) } else { None }
    }),
    field(&["power.management"], NoUnit, "nvmlDeviceGetPowerManagementMode", |_, _, _| text("Supported")),
    field(&["power.draw"], Watt, "nvmlDeviceGetPowerUsage", |view, gpu, now| {
        watts(view, gpu, now, |sensors| Some(&sensors.usage))
    }),
    since(
        525,
        field(&["power.draw.average", "gpu.power.draw.average"], Watt, AVERAGE, |view, gpu, now| {
            watts(view, gpu, now, |sensors| sensors.average.as_ref())
        }),
    ),
    since(
        525,
        field(&["power.draw.instant", "gpu.power.draw.instant"], Watt, INSTANT, |view, gpu, now| {
            watts(view, gpu, now, |sensors| sensors.instant.as_ref())
        }),
    ),
    // In the logs only.
    field(&["memory.power.draw.average"], Watt, "nvmlDeviceGetFieldValues:185:2", |view, gpu, now| {
        watts(view, gpu, now, |sensors| sensors.memory_average.as_ref())
    }),
    since(
        535,
        field(&["module.power.draw.average"], Watt, "nvmlDeviceGetFieldValues:185:1", |view, gpu, now| {
            watts(view, gpu, now, |sensors| sensors.module_average.as_ref())
        }),
    ),
    since(
        535,
        field(&["module.power.draw.instant"], Watt, "nvmlDeviceGetFieldValues:186:1", |view, gpu, now| {
            watts(view, gpu, now, |sensors| sensors.module_instant.as_ref())
        }),
    ),
    field(&["power.limit", "gpu.power.requested_limit"], Watt, LIMIT, |view, gpu, _| {
        Some(Shown::Watts(view.gpu(gpu).limit_w))
    }),
    field(
        &["enforced.power.limit", "gpu.power.current_limit"],
        Watt,
        "nvmlDeviceGetEnforcedPowerLimit",
        |view, gpu, _| Some(Shown::Watts(view.gpu(gpu).limit_w)),
    ),
    field(
        &["power.default_limit", "gpu.power.default_limit"],
        Watt,
        "nvmlDeviceGetPowerManagementDefaultLimit",
        |view, gpu, _| Some(Shown::Watts(view.gpu(gpu).model.limit_w)),
    ),
    field(&["power.min_limit", "gpu.power.min_limit"], Watt, CONSTRAINTS, |view, gpu, _| {
        Some(Shown::Watts(view.gpu(gpu).model.min_limit_w))
    }),
    field(&["power.max_limit", "gpu.power.max_limit"], Watt, CONSTRAINTS, |view, gpu, _| {
        Some(Shown::Watts(view.gpu(gpu).model.limit_w))
    }),
    field(&["clocks.current.graphics", "clocks.gr"], MHz, CLOCK, |view, gpu, now| {
        number(view.gpu(gpu).sm_mhz(now))
    }),
    field(&["clocks.current.sm", "clocks.sm"], MHz, CLOCK, |view, gpu, now| {
        number(view.gpu(gpu).sm_mhz(now))
    }),
    field(&["clocks.current.memory", "clocks.mem"], MHz, CLOCK, |view, gpu, _| {
        number(view.gpu(gpu).model.memory_mhz)
    }),
    field(&["clocks.current.video", "clocks.video"], MHz, CLOCK, |view, gpu, now| {
        number(view.gpu(gpu).video_mhz(now))
    }),
    field(&["clocks.max.graphics", "clocks.max.gr"], MHz, MOST, |view, gpu, _| {
        number(view.gpu(gpu).model.sm_mhz)
    }),
    field(&["clocks.max.sm"], MHz, MOST, |view, gpu, _| number(view.gpu(gpu).model.sm_mhz)),
    field(&["clocks.max.memory", "clocks.max.mem"], MHz, MOST, |view, gpu, _| {
        number(view.gpu(gpu).model.memory_mhz)
    }),
    field(&["clocks.max.video"], MHz, MOST, |view, gpu, _| number(view.gpu(gpu).model.video_mhz)),
];

fn mask(view: &mut View, gpu: usize, now: i64) -> Option<Shown> {
    text(format!("0x{:016X}", view.gpu(gpu).clock_reasons(now)))
}
