//! The table that `nvidia-smi` prints without arguments, and the list of `-L`.

use std::fmt::Write as _;

use super::fields;
use super::local_time::LocalTime;
use super::view::{View, failure};

/// The list of GPUs.
pub(super) fn list(view: &mut View, gpus: &[usize]) -> String {
    let mut report = String::new();
    for index in gpus {
        let gpu = view.gpu(*index);
        let _ = writeln!(report, "GPU {index}: {} (UUID: {})", gpu.model.name, gpu.uuid);
        for (instance, profile) in gpu.mig.iter().enumerate() {
            let uuid = gpu.mig_uuid(instance);
            let _ = writeln!(report, "  MIG {profile:<11} Device {instance:>2}: (UUID: {uuid})");
        }
    }
    report
}

/// The table.
pub(super) fn table(view: &mut View, gpus: &[usize]) -> String {
    if view.generation() < 535 { narrow(view, gpus) } else { wide(view, gpus) }
}

/// What the table shows of a GPU.
struct Row {
    name: String,
    bus_id: String,
    temperature: String,
    power: String,
    memory: String,
    utilisation: String,
    ecc: &'static str,
    mig: &'static str,
}

fn row(view: &mut View, index: usize) -> Row {
    let mut get = |name: &str| match fields::find(name, u32::MAX).map(|field| view.read(index, field)) {
        Some(Ok(fields::Shown::Watts(watts))) => format!("{watts:.0}"),
        Some(Ok(shown)) => shown.to_string(),
        Some(Err(3)) | None => "N/A".to_owned(),
        Some(Err(code)) => if code == 15 { "ERR!" } else { failure(code) }.to_owned(),
    };
    let unit = |text: String, unit: &str| {
        if text.starts_with(|c: char| c.is_ascii_digit()) { text + unit } else { text }
    };
    let temperature = unit(get("temperature.gpu"), "C");
    let power = format!("{} / {:>5}", unit(get("power.draw"), "W"), unit(get("power.limit"), "W"));
    let (used, total) = (unit(get("memory.used"), "MiB"), unit(get("memory.total"), "MiB"));
    let utilisation = unit(get("utilization.gpu"), "%");
    let gpu = view.gpu(index);
    Row {
        name: gpu.model.name.to_owned(),
        bus_id: gpu.bus_id(),
        temperature,
        power,
        memory: format!("{used} / {total}"),
        utilisation,
        ecc: if gpu.model.data_centre { "0" } else { "N/A" },
        mig: match (gpu.model.mig, gpu.mig.len()) {
            (0, _) => "N/A",
            (_, 0) => "Disabled",
            _ => "Enabled",
        },
    }
}

fn wide(view: &mut View, gpus: &[usize]) -> String {
    const RULE: &str =
        "+-----------------------------------------+------------------------+----------------------+\n";
    let whole = format!("+{}+\n", "-".repeat(89));
    let driver = view.node.description.driver.clone();
    let cuda = view.node.description.cuda.clone();
    let mut report = format!("{}       \n{whole}", LocalTime::now().words());
    let _ = writeln!(
        report,
        "| {:<33} {:<30} {:<22} |",
        format!("NVIDIA-SMI {driver}"),
        format!("Driver Version: {driver}"),
        format!("CUDA Version: {cuda}")
    );
    report.push_str(RULE);
    report.push_str(
        "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |\n\
         | Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |\n\
         |                                         |                        |               MIG M. |\n\
         |=========================================+========================+======================|\n",
    );
    for index in gpus {
        let row = row(view, *index);
        let _ = writeln!(
            report,
            "| {index:>3}  {:<31.31}{:<3} |   {} {:<3} | {:>20} |",
            row.name, "On", row.bus_id, "Off", row.ecc
        );
        let _ = writeln!(
            report,
            "| {:<3}{:>6}    {:<4}{:>22} | {:>22} | {:>7}{:>13} |",
            "N/A", row.temperature, "P0", row.power, row.memory, row.utilisation, "Default"
        );
        let _ = writeln!(report, "|{:41}|{:24}| {:>20} |", "", "", row.mig);
        report.push_str(RULE);
    }
    let _ = write!(report, "\n{whole}");
    for line in [
        "Processes:",
        " GPU   GI   CI              PID   Type   Process name                        GPU Memory",
        "       ID   ID                                                               Usage",
    ] {
        let _ = writeln!(report, "| {line:<87} |");
    }
    let _ = writeln!(report, "|{}|\n|  {:<86} |\n{whole}", "=".repeat(89), "No running processes found");
    report.truncate(report.trim_end().len());
    report.push('\n');
    report
}

fn narrow(view: &mut View, gpus: &[usize]) -> String {
    const RULE: &str = "+-------------------------------+----------------------+----------------------+\n";
    let whole = format!("+{}+\n", "-".repeat(77));
    let driver = view.node.description.driver.clone();
    let cuda = view.node.description.cuda.clone();
    let mut report = format!("{}       \n{whole}", LocalTime::now().words());
    let _ = writeln!(
        report,
        "| {:<23} {:<28} {:<22} |",
        format!("NVIDIA-SMI {driver}"),
        format!("Driver Version: {driver}"),
        format!("CUDA Version: {cuda}")
    );
    report.push_str("|-------------------------------+----------------------+----------------------+\n");
    report.push_str(
        "| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |\n\
         | Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |\n\
         |                               |                      |               MIG M. |\n\
         |===============================+======================+======================|\n",
    );
    for index in gpus {
        let row = row(view, *index);
        let name: String =
            if row.name.len() > 18 { format!("{}...", &row.name[..15]) } else { row.name.clone() };
        let _ = writeln!(
            report,
            "| {index:>3}  {name:<18}  {:<4} | {} {:<3} | {:>20} |",
            "On", row.bus_id, "Off", row.ecc
        );
        let power = row.power.replace(" /  ", " / ");
        let _ = writeln!(
            report,
            "| {:<3}{:>6}    {:<4}{:>12} | {:>20} | {:>7}{:>13} |",
            "N/A", row.temperature, "P0", power, row.memory, row.utilisation, "Default"
        );
        let _ = writeln!(report, "|{:31}|{:22}| {:>20} |", "", "", row.mig);
        report.push_str(RULE);
    }
    report
}
