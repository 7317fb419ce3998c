//! `-q` and `-q -x`: templates in which live values are filled in.

use std::fmt::Write as _;

use super::fields::{self, Unit};
use super::local_time::LocalTime;
use super::view::{View, failure};
use crate::node::{mean, now_ns};

const TEXT: &str = include_str!("../../templates/gpu.txt");
const XML: &str = include_str!("../../templates/gpu.xml");

/// Sections that `-d` can choose: its word, the headings in the text and the elements in XML.
const SECTIONS: [(&str, &[&str], &[&str]); 6] = [
    (
        "POWER",
        &["Power Readings", "GPU Power Readings", "GPU Memory Power Readings", "Module Power Readings"],
        &["power_readings", "gpu_power_readings", "gpu_memory_power_readings", "module_power_readings"],
    ),
    ("UTILIZATION", &["Utilization"], &["utilization"]),
    ("TEMPERATURE", &["Temperature"], &["temperature", "supported_gpu_target_temp"]),
    (
        "CLOCK",
        &["Clocks", "Applications Clocks", "Default Applications Clocks", "Deferred Clocks", "Max Clocks"],
        &["clocks", "applications_clocks", "default_applications_clocks", "deferred_clocks", "max_clocks"],
    ),
    (
        "MEMORY",
        &["FB Memory Usage", "BAR1 Memory Usage", "Conf Compute Protected Memory Usage"],
        &["fb_memory_usage", "bar1_memory_usage", "cc_protected_memory_usage"],
    ),
    (
        "PERFORMANCE",
        &["Performance State", "Clocks Event Reasons", "Clocks Throttle Reasons"],
        &["performance_state", "clocks_event_reasons", "clocks_throttle_reasons"],
    ),
];

/// A report in XML.
pub(super) fn xml(view: &mut View, gpus: &[usize], display: &[String]) -> String {
    let description = &view.node.description;
    let schema = match view.generation() {
        ..525 => 11,
        525..560 => 12,
        _ => 13,
    };
    let mut report = format!(
        "<?xml version=\"1.0\" ?>\n\
         <!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v{schema}.dtd\">\n\
         <nvidia_smi_log>\n\
         \t<timestamp>{}</timestamp>\n\
         \t<driver_version>{}</driver_version>\n\
         \t<cuda_version>{}</cuda_version>\n\
         \t<attached_gpus>{}</attached_gpus>\n",
        LocalTime::now().words(),
        description.driver,
        description.cuda,
        view.node.gpus.len(),
    );
    let lines = lines(XML, view.generation());
    for gpu in gpus {
        let _ = writeln!(report, "\t<gpu id=\"{}\">", view.gpu(*gpu).bus_id());
        let mut wanted = display.is_empty();
        for line in &lines {
            if !display.is_empty() && line.starts_with("\t\t<") && !line.starts_with("\t\t</") {
                let tag = line.trim_start_matches(['\t', '<']).split('>').next().unwrap_or("");
                wanted = chosen(display, |(_, _, tags)| tags.contains(&tag));
            }
            match line.trim() {
                _ if !wanted => {}
                "{{mig_devices}}" => report.push_str(&mig_devices(view, *gpu)),
                "{{supported_clocks}}" => report.push_str(&supported_clocks(view, *gpu)),
                _ => {
                    let filled = fill(view, *gpu, line);
                    report.push_str(&filled);
                    report.push('\n');
                }
            }
        }
        report.push_str("\t</gpu>\n\n");
    }
    report.push_str("</nvidia_smi_log>\n");
    report
}

/// A report in text.
pub(super) fn text(view: &mut View, gpus: &[usize], display: &[String]) -> String {
    // Drivers before 570 put the values nearer.
    let width = if view.generation() < 570 { 42 } else { 55 };
    let description = &view.node.description;
    let mut report = String::from("\n==============NVSMI LOG==============\n\n");
    let mut head = |label: &str, value: &str| {
        let _ = writeln!(report, "{label:width$}: {value}");
    };
    head("Timestamp", &LocalTime::now().words());
    head("Driver Version", &description.driver);
    head("CUDA Version", &description.cuda);
    report.push('\n');
    let _ = writeln!(report, "{:width$}: {}", "Attached GPUs", view.node.gpus.len());
    let lines = lines(TEXT, view.generation());
    for gpu in gpus {
        let _ = writeln!(report, "GPU {}", view.gpu(*gpu).bus_id());
        let mut wanted = display.is_empty();
        let mut last_heading = "";
        for line in &lines {
            if line.starts_with("    ") && !line.starts_with("     ") {
                let heading = line.trim().split(" : ").next().unwrap_or("");
                if matches!(last_heading, "GPU Power Readings" | "Power Readings")
                    && wanted
                    && !display.is_empty()
                {
                    report.push_str(&power_samples(view, *gpu, width));
                }
                last_heading = heading;
                wanted =
                    display.is_empty() || chosen(display, |(_, headings, _)| headings.contains(&heading));
            }
            if wanted {
                let filled = fill(view, *gpu, line);
                match filled.split_once(" : ") {
                    Some((label, value)) => {
                        let _ = writeln!(report, "{label:width$}: {value}");
                    }
                    None => {
                        let _ = writeln!(report, "{filled}");
                    }
                }
            }
        }
        report.push('\n');
    }
    report
}

fn chosen(display: &[String], has: impl Fn(&(&str, &[&str], &[&str])) -> bool) -> bool {
    SECTIONS.iter().any(|section| display.iter().any(|word| word == section.0) && has(section))
}

/// The lines of a template that a driver generation has. A line that some do not have begins with the first and last
/// generation that does, as in `535-569|`.
fn lines(template: &'static str, generation: u32) -> Vec<&'static str> {
    let within = |marks: &str| {
        let (first, last) = marks.split_once('-')?;
        let first = if first.is_empty() { 0 } else { first.parse().ok()? };
        let last = if last.is_empty() { u32::MAX } else { last.parse().ok()? };
        Some((first..=last).contains(&generation))
    };
    let keep = |line: &'static str| match line.split_once('|').map(|(marks, rest)| (within(marks), rest)) {
        Some((Some(true), rest)) => Some(rest),
        Some((Some(false), _)) => None,
        Some((None, _)) | None => Some(line),
    };
    template.lines().filter_map(keep).collect()
}

/// A line with its value filled in.
fn fill(view: &mut View, gpu: usize, line: &str) -> String {
    let Some((before, rest)) = line.split_once("{{") else { return line.to_owned() };
    let Some((key, after)) = rest.split_once("}}") else { return line.to_owned() };
    format!("{before}{}{after}", value(view, gpu, key))
}

fn value(view: &mut View, gpu: usize, key: &str) -> String {
    let model = view.gpu(gpu).model;
    match key {
        "brand" => return model.brand.to_owned(),
        "architecture" => return model.architecture.to_owned(),
        "board_id" => return format!("0x{:x}", u32::from(view.gpu(gpu).pci_bus) << 8),
        "module_id" => return gpu.to_string(),
        _ => {}
    }
    // Older generations have some of what they show by names that their queries do not know yet.
    let old = key.replace("clocks_event_reasons", "clocks_throttle_reasons");
    let Some(field) = fields::find(key, u32::MAX).or_else(|| fields::find(&old, u32::MAX)) else {
        return "N/A".to_owned();
    };
    match view.read(gpu, field) {
        Ok(shown) if field.unit == Unit::None => {
            let shown = shown.to_string();
            // The templates have the prefix where it is shown.
            if key.starts_with("pci.") { shown.trim_start_matches("0x").to_owned() } else { shown }
        }
        Ok(shown) => format!("{shown} {}", field.unit.text()),
        Err(code) => failure(code).to_owned(),
    }
}

/// The section that only `-d POWER` has.
fn power_samples(view: &mut View, gpu: usize, width: usize) -> String {
    let now = now_ns();
    let samples = view.gpu(gpu).power_ring(false, now).unwrap_or_default();
    let mut report = String::from("    Power Samples\n");
    let mut line = |label: &str, value: String| {
        let _ = writeln!(report, "{:width$}: {value}", format!("        {label}"));
    };
    let watts: Vec<f64> = samples.iter().map(|sample| sample.1).collect();
    match (samples.first(), samples.last()) {
        (Some(first), Some(last)) => {
            line("Duration", format!("{:.2} sec", crate::num::seconds(last.0 - first.0)));
            line("Number of Samples", samples.len().to_string());
            line("Max", format!("{:.2} W", watts.iter().copied().fold(f64::MIN, f64::max)));
            line("Min", format!("{:.2} W", watts.iter().copied().fold(f64::MAX, f64::min)));
            line("Avg", format!("{:.2} W", mean(&watts)));
        }
        _ => {
            for label in ["Duration", "Number of Samples", "Max", "Min", "Avg"] {
                line(label, "Not Found".to_owned());
            }
        }
    }
    report
}

fn mig_devices(view: &mut View, gpu: usize) -> String {
    let gpu = view.gpu(gpu);
    if gpu.mig.is_empty() {
        return "\t\t\tNone\n".to_owned();
    }
    let share = gpu.model.memory_mib / 7;
    let mut report = String::new();
    for instance in 0..gpu.mig.len() {
        let _ = write!(
            report,
            "\t\t\t<mig_device>\n\
             \t\t\t\t<index>{instance}</index>\n\
             \t\t\t\t<gpu_instance_id>{}</gpu_instance_id>\n\
             \t\t\t\t<compute_instance_id>0</compute_instance_id>\n\
             \t\t\t\t<fb_memory_usage>\n\
             \t\t\t\t\t<total>{share} MiB</total>\n\
             \t\t\t\t\t<reserved>0 MiB</reserved>\n\
             \t\t\t\t\t<used>0 MiB</used>\n\
             \t\t\t\t\t<free>{share} MiB</free>\n\
             \t\t\t\t</fb_memory_usage>\n\
             \t\t\t</mig_device>\n",
            instance + 1
        );
    }
    report
}

/// Each memory clock with every graphics clock in steps of 15 MHz.
fn supported_clocks(view: &mut View, gpu: usize) -> String {
    let model = view.gpu(gpu).model;
    let mut report = String::from("\t\t<supported_clocks>\n");
    for memory in [model.memory_mhz, model.memory_mhz.saturating_sub(1000)] {
        let _ = writeln!(report, "\t\t\t<supported_mem_clock>\n\t\t\t\t<value>{memory} MHz</value>");
        let mut clock = model.sm_mhz;
        while clock >= model.idle_mhz {
            let _ =
                writeln!(report, "\t\t\t\t<supported_graphics_clock>{clock} MHz</supported_graphics_clock>");
            clock -= 15;
        }
        report.push_str("\t\t\t</supported_mem_clock>\n");
    }
    report.push_str("\t\t</supported_clocks>\n");
    report
}
