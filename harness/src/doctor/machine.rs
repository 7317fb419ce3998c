//! What the machine itself lets a recorder do: rights, device files, clocks and frequency.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Finding, Level};
use crate::record::os;
use crate::timekeeping::{self, Kept};

/// All findings about the machine.
pub(super) fn findings() -> Vec<Finding> {
    let mut findings = Vec::new();
    if cfg!(target_os = "linux") {
        findings.extend(perf_events());
        findings.extend(device_files());
        findings.push(realtime());
        findings.extend(governor());
        findings.extend(clock_source());
        findings.push(wall_clock());
    }
    findings
}

/// A file of one line without its end; `None` where there is none.
fn line(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// The path of this program, for lines to be typed.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("wattproof"));
    path.display().to_string()
}

/// Whether RAPL can be read by `perf_event_open`, where the CPU has it.
fn perf_events() -> Option<Finding> {
    if !Path::new("/sys/bus/event_source/devices/power").exists() {
        return None;
    }
    let about = "perf events";
    let paranoid: i32 = line("/proc/sys/kernel/perf_event_paranoid")?.parse().ok()?;
    // perf_event_open(2): counters of a whole CPU need 0 or less, or CAP_PERFMON.
    if paranoid <= 0 || os::has_capability(os::CAP_PERFMON) || os::has_capability(os::CAP_SYS_ADMIN) {
        let what = format!("RAPL can be read by perf (perf_event_paranoid is {paranoid})");
        return Some(Finding::new(Level::Fine, about, what, None));
    }
    let what = format!(
        "perf_event_paranoid is {paranoid}, so that RAPL cannot be read by perf; the kernel keeps it from users since \
         power betrays secrets (PLATYPUS, CVE-2020-8694)"
    );
    Some(Finding::new(Level::Problem, about, what, Some(format!("sudo setcap cap_perfmon=ep {}", program()))))
}

/// Serial and USB devices that are there and that this user may not open.
fn device_files() -> Vec<Finding> {
    // Not hidraw: a keyboard is one, too, and nobody need be able to read that.
    const KINDS: [(&str, &str); 3] = [("ttyUSB", "tty"), ("ttyACM", "tty"), ("usbtmc", "usbmisc")];
    let Ok(entries) = fs::read_dir("/dev") else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((kind, subsystem)) = KINDS.iter().find(|(kind, _)| name.starts_with(kind)) else { continue };
        let denied = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(entry.path())
            .is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        if denied {
            found.push(denied_file(&entry.path(), kind, subsystem));
        }
    }
    found.sort_by(|a, b| a.about.cmp(&b.about));
    found
}

fn denied_file(path: &Path, kind: &str, subsystem: &str) -> Finding {
    let about = path.display().to_string();
    let mend = match group_of(path) {
        Some(group) if group != "root" => format!("sudo usermod -aG {group} \"$USER\" && newgrp {group}"),
        _ => format!(
            "echo 'SUBSYSTEM==\"{subsystem}\", KERNEL==\"{kind}*\", TAG+=\"uaccess\"' | sudo tee \
             /etc/udev/rules.d/70-wattproof.rules && sudo udevadm control --reload && sudo udevadm trigger"
        ),
    };
    Finding::new(Level::Problem, about, "this user may not read and write it", Some(mend))
}

/// The name of the group that a file belongs to.
#[cfg(unix)]
fn group_of(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let gid = fs::metadata(path).ok()?.gid().to_string();
    let groups = fs::read_to_string("/etc/group").ok()?;
    let fields = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.into_iter().find_map(|fields| (*fields.get(2)? == gid).then(|| fields[0].to_owned()))
}

#[cfg(not(unix))]
fn group_of(_: &Path) -> Option<String> {
    None
}

/// Whether `record --realtime` will work.
fn realtime() -> Finding {
    let about = "real-time scheduling";
    if os::may_be_realtime() {
        return Finding::new(Level::Fine, about, "record --realtime can use SCHED_FIFO", None);
    }
    let mend = format!("sudo setcap cap_sys_nice,cap_ipc_lock=ep {}", program());
    Finding::new(Level::Note, about, "not permitted; only record --realtime needs it", Some(mend))
}

/// A frequency governor that changes the clock while it is measured.
fn governor() -> Option<Finding> {
    let governor = line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")?;
    let about = "CPU frequency";
    if governor == "performance" {
        return Some(Finding::new(Level::Fine, about, "governor performance", None));
    }
    let what =
        format!("governor {governor}: frequency, and with it power and wake-up times, vary with the load");
    Some(Finding::new(
        Level::Note,
        about,
        what,
        Some("sudo cpupower frequency-set -g performance".to_owned()),
    ))
}

/// Whether the wall clock is kept, which matters where readings of several hosts meet.
fn wall_clock() -> Finding {
    let kept = Kept::of(&timekeeping::facts(), "");
    let about = "wall clock";
    let what = format!("it is {}", kept.words());
    match kept {
        Kept::Within(nanos) if nanos <= timekeeping::GOOD_NS => Finding::new(Level::Fine, about, what, None),
        _ => {
            let what =
                format!("{what}; only recordings of several hosts would need it, and `sync` relates those");
            Finding::new(Level::Note, about, what, Some("sudo timedatectl set-ntp true".to_owned()))
        }
    }
}

/// A clock that takes a system call or a bus access to read.
fn clock_source() -> Option<Finding> {
    let source = line("/sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    let fast = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"];
    let about = "clock";
    if fast.contains(&source.as_str()) {
        return Some(Finding::new(Level::Fine, about, format!("clock source {source}"), None));
    }
    let what = format!("clock source {source}: each stamp may cost a microsecond");
    let there =
        line("/sys/devices/system/clocksource/clocksource0/available_clocksource").unwrap_or_default();
    let mend = there.split_whitespace().any(|source| source == "tsc").then(|| {
        "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource".to_owned()
    });
    Some(Finding::new(Level::Note, about, what, mend))
}
