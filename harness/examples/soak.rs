//! Records the virtual rig at 1 kHz for a time, and says whether memory stays flat and what it cost:
//! `soak [SECONDS [FOLDER]]`.
//!
//! The wake-ups are those of the machine that it runs on, with all else that runs there: its load is printed beside.

use std::error::Error;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use harness::record::live::Live;
use harness::record::{Settings, os, record, summary};
use harness::rig::virtual_node;
use harness::run::{Recording, verify};
use virtual_rig::Description;

/// Time between two looks at the memory.
const LOOK: Duration = Duration::from_secs(5);

/// Memory before this is that of starting.
const WARM_UP: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let seconds: u64 = words.next().map_or(Ok(60), |word| word.parse())?;
    // In the folder of temporary files memory may stand for a disk.
    let folder = words.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = folder.join(format!("wattproof-soak-{}", std::process::id()));
    let node = virtual_node::start(Description::paper_node())?;
    let mut rig = virtual_node::sources(&node)?;
    let rates: Vec<String> =
        (0..4).flat_map(|gpu| [format!("gpu{gpu}-gauges=1000"), format!("gpu{gpu}-counter=1")]).collect();
    rig.set_rates(&rates)?;
    let mut settings = Settings::new(Some(dir.clone()), rig);
    settings.duration = Some(Duration::from_secs(seconds));
    settings.tell = Box::new(say);
    let (ended_to, ended) = channel::<()>();
    let watching = thread::spawn(move || {
        let (began, mut seen) = (Instant::now(), Vec::new());
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            seen.extend(os::resident_bytes().map(|bytes| (began.elapsed(), bytes)));
        }
        seen
    });
    let outcome = record(settings, &Live::default())?;
    drop(ended_to);
    let memory = watching.join().map_err(|_| "the thread that looks at the memory failed")?;
    say_memory(&memory);
    let rest = outcome.run.as_ref().map(|run| {
        let files = run.manifest().files.iter();
        files.filter_map(|file| std::fs::metadata(dir.join(&file.path)).ok()).map(|file| file.len()).sum()
    });
    say(summary::cost(&outcome.recording, rest).trim_end());
    say_sources(&outcome.recording);
    let verification = verify(&dir)?;
    say(&format!("verify: {}", if verification.ok() { "whole" } else { "not whole" }));
    say(&format!(
        "load of the machine: {}",
        std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim()
    ));
    // A run of an hour is larger than what anybody wants to find there later.
    std::fs::remove_dir_all(&dir)?;
    match (outcome.failure, verification.ok()) {
        (Some(failure), _) => Err(failure.into()),
        (None, false) => Err("the run is not whole".into()),
        (None, true) => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "it is what this is for")]
fn say(what: &str) {
    println!("{what}");
}

/// Memory at the start, in the middle and at the end, its course, and its range from the warm-up on.
fn say_memory(memory: &[(Duration, u64)]) {
    let warm: Vec<&(Duration, u64)> = memory.iter().filter(|(time, _)| *time >= WARM_UP).collect();
    let (Some(first), Some(last)) = (warm.first(), warm.last()) else {
        say("memory: too short to tell");
        return;
    };
    let at =
        |(time, bytes): &(Duration, u64)| format!("{:.1} MiB at {:.0} s", mebi(*bytes), time.as_secs_f64());
    let middle = warm[warm.len() / 2];
    let course: Vec<String> = (0..=10)
        .filter_map(|tenth| warm.get(tenth * (warm.len() - 1) / 10))
        .map(|(_, bytes)| format!("{:.1}", mebi(*bytes)))
        .collect();
    say(&format!("memory in tenths of the time, MiB: {}", course.join(" ")));
    let lowest = warm.iter().map(|(_, bytes)| *bytes).min().unwrap_or_default();
    let highest = warm.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    say(&format!(
        "memory: {}, {}, {}; from {:.1} to {:.1} MiB over {} looks",
        at(first),
        at(middle),
        at(last),
        mebi(lowest),
        mebi(highest),
        warm.len()
    ));
}

/// The sample ratio of each source that was polled a thousand times a second.
fn say_sources(recording: &Recording) {
    for source in recording.sources.iter().filter(|source| source.rate_hz.is_some_and(|hz| hz > 999.0)) {
        let ratio = source.sample_ratio().map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.5}"));
        say(&format!(
            "{}: sample ratio {ratio}, {} reads missed, {} failed, {} readings dropped",
            source.id, source.reads_missed, source.reads_failed, source.readings_dropped
        ));
    }
}

#[expect(clippy::cast_precision_loss, reason = "for eyes")]
fn mebi(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
