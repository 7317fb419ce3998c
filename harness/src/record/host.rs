//! What machine this is, for the manifest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use crate::timekeeping;

/// The machine, as far as the system says; what is not known is left out.
pub(crate) fn facts() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.insert(name.to_owned(), value);
        }
    };
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    add("hostname", line("/proc/sys/kernel/hostname"));
    add("kernel", line("/proc/sys/kernel/osrelease"));
    add("boot_id", line("/proc/sys/kernel/random/boot_id"));
    add("os", entry("/etc/os-release", "PRETTY_NAME", '=').map(|name| name.trim_matches('"').to_owned()));
    add("cpu", entry("/proc/cpuinfo", "model name", ':'));
    add("memory", entry("/proc/meminfo", "MemTotal", ':'));
    add("cpus", std::thread::available_parallelism().ok().map(|cpus| cpus.to_string()));
    facts.extend(timekeeping::facts());
    facts
}

/// The value of the first line `key … value` of a file, which is read up to there: the kernel makes up the rest of
/// `/proc/cpuinfo` for as long as there are CPUs.
fn entry(path: &str, key: &str, separator: char) -> Option<String> {
    let mut lines = BufReader::new(File::open(path).ok()?).lines().map_while(Result::ok);
    lines.find_map(|line| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}
