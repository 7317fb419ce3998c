//! How well a host's clock is kept, as its kernel and what runs on it say; and what that means for a run.
//!
//! Nothing here moves a time: where readings come from another host, exchanges relate its clock to this one's
//! (`sync`). What is known of both clocks stands in the run, so that nobody has to assume that they agree.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;

use power_core::ClockDomain;

use crate::alignment::Alignment;
use crate::record::os::{self, KernelClock};
use crate::run::Manifest;

/// A clock that is known no better than this is worth a word: phases of seconds are off by a per cent.
pub const GOOD_NS: u64 = 5_000_000;

/// What the names of all facts begin with.
pub const PREFIX: &str = "clock.";

/// What the names of another host's facts begin with, in the details of its source.
pub const REMOTE: &str = "remote ";

const SYNCHRONISED: &str = "clock.synchronised";
const MAX_ERROR: &str = "clock.max_error_us";

/// Programs that keep a clock, by the names of their processes (15 characters are what the kernel keeps).
const KEEPERS: [&str; 8] =
    ["chronyd", "ntpd", "ntpd-rs", "ntp-daemon", "openntpd", "systemd-timesyn", "ptp4l", "phc2sys"];

/// How this host's clock is kept; what is not known is left out.
pub fn facts() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut add = |name: &str, value: String| facts.insert(name.to_owned(), value);
    if let Some(KernelClock { synchronised, max_error_us, estimated_error_us, frequency_ppm }) =
        os::kernel_clock()
    {
        add(SYNCHRONISED, if synchronised { "yes" } else { "no" }.to_owned());
        // Without anybody who keeps it these count up from nothing, and mean nothing.
        if synchronised {
            add(MAX_ERROR, max_error_us.to_string());
            add("clock.estimated_error_us", estimated_error_us.to_string());
        }
        add("clock.frequency_ppm", format!("{frequency_ppm:.3}"));
    }
    if let Some(found) = names("/proc", |process| {
        let name = name_of(process)?;
        KEEPERS.contains(&name.as_str()).then_some(name)
    }) {
        add("clock.kept_by", found);
    }
    if let Some(found) = names("/sys/class/ptp", |device| {
        let name = fs::read_to_string(format!("/sys/class/ptp/{device}/clock_name")).ok()?;
        Some(format!("{device} ({})", name.trim()))
    }) {
        add("clock.ptp_devices", found);
    }
    facts
}

/// The name of a process by its number; `None` for what is none. By as few calls as can be: a machine has hundreds.
fn name_of(process: &str) -> Option<String> {
    if !process.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut name = [0; 16];
    let length = File::open(format!("/proc/{process}/comm")).ok()?.read(&mut name).ok()?;
    Some(std::str::from_utf8(name.get(..length)?).ok()?.trim().to_owned())
}

/// What `of` says of the entries of a folder, in order and each once; `none seen` if nothing, `None` without the folder.
fn names(folder: &str, of: impl Fn(&str) -> Option<String>) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?;
    let mut found: Vec<String> = entries.filter_map(|entry| of(entry.ok()?.file_name().to_str()?)).collect();
    found.sort();
    found.dedup();
    Some(if found.is_empty() { "none seen".to_owned() } else { found.join(", ") })
}

/// How well a host's wall clock is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Within so many nanoseconds, as its kernel believes.
    Within(u64),
    /// Its kernel says that nobody keeps it.
    Not,
    /// Nobody says.
    Unknown,
}

impl Kept {
    /// What the facts say, whose names begin with `prefix`.
    pub fn of(facts: &BTreeMap<String, String>, prefix: &str) -> Self {
        let fact = |name: &str| facts.get(&format!("{prefix}{name}")).map(String::as_str);
        match (fact(SYNCHRONISED), fact(MAX_ERROR).and_then(|text| text.parse::<u64>().ok())) {
            (Some("yes"), Some(micros)) => Self::Within(micros.saturating_mul(1_000)),
            (Some("no"), _) => Self::Not,
            _ => Self::Unknown,
        }
    }

    /// In words, after "its wall clock is".
    pub fn words(self) -> String {
        match self {
            Self::Within(nanos) => format!("right within {}, as its kernel believes", millis(nanos)),
            Self::Not => "kept by nobody, as its kernel says: its error is unknown".to_owned(),
            Self::Unknown => "known to be right by nobody: its error is unknown".to_owned(),
        }
    }

    const fn is_good(self) -> bool {
        matches!(self, Self::Within(nanos) if nanos <= GOOD_NS)
    }
}

/// What has to be said of sources on the clock of another host: how well their times are known here, and where that is
/// worse than 5 ms or unknown, what NTP and PTP would have had to say.
pub fn remarks(manifest: &Manifest, alignment: &Alignment) -> Vec<String> {
    let mut said = Vec::new();
    for source in &manifest.sources {
        let ClockDomain::RemoteHost { host } = &source.descriptor.clock else { continue };
        let id = &source.id;
        let known = alignment.0.get(id).map(|clock| clock.uncertainty_ns);
        said.extend(match known {
            Some(Some(nanos)) if nanos <= GOOD_NS => None,
            Some(Some(nanos)) => Some(format!(
                "{id}: its times, on the clock of host {host}, are known here to {} only",
                millis(nanos)
            )),
            Some(None) => Some(format!(
                "{id}: how well its times, on the clock of host {host}, are known here is unknown"
            )),
            None => Some(format!(
                "{id}: its times are on the clock of host {host}, which nothing relates to this one yet (`wattproof sync` \
                 does): by how much they are off is unknown"
            )),
        });
        let (here, there) = (Kept::of(&manifest.host, ""), Kept::of(&source.descriptor.details, REMOTE));
        if !here.is_good() || !there.is_good() {
            said.push(format!(
                "{id}: the wall clock of the recording host is {}; that of host {host} is {}. Neither is relied on: only \
                 exchanges and edges relate the two",
                here.words(),
                there.words()
            ));
        }
    }
    said
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
fn millis(nanos: u64) -> String {
    format!("{:.1} ms", nanos as f64 * 1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(facts: &[(&str, &str)]) -> Kept {
        let facts = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Kept::of(&facts, REMOTE)
    }

    #[test]
    fn what_nobody_says_is_unknown() {
        assert_eq!(kept(&[]), Kept::Unknown);
        assert_eq!(kept(&[("remote clock.synchronised", "yes")]), Kept::Unknown);
        assert_eq!(
            kept(&[("remote clock.synchronised", "no"), ("remote clock.max_error_us", "5")]),
            Kept::Not
        );
        let good = kept(&[("remote clock.synchronised", "yes"), ("remote clock.max_error_us", "1200")]);
        assert_eq!((good, good.is_good()), (Kept::Within(1_200_000), true));
        let bad = kept(&[("remote clock.synchronised", "yes"), ("remote clock.max_error_us", "5001")]);
        assert!(!bad.is_good() && bad.words().contains("5.0 ms"), "{}", bad.words());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_host_says_whether_its_clock_is_kept() {
        let facts = facts();
        assert!(facts.keys().all(|name| name.starts_with(PREFIX)), "{facts:?}");
        assert!(matches!(facts[SYNCHRONISED].as_str(), "yes" | "no"));
        assert_eq!(facts.contains_key(MAX_ERROR), facts[SYNCHRONISED] == "yes");
        assert!(facts.contains_key("clock.kept_by"));
    }
}
