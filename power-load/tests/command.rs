//! A command as the load: all that it has started ends with it.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use power_load::{CommandLoad, Demand, Load};

const ON: Demand = Demand { cpu: 1.0, memory: 0.0, gpus: Vec::new() };

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is there and has not ended.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// A shell that starts another process, writes both numbers into a file, and does not end by itself.
fn group(folder: &Path, trap: &str) -> (CommandLoad, PathBuf) {
    let pids = folder.join("pids");
    let script =
        format!("{trap} sleep 600 & echo $$ $! > {}.new; mv {0}.new {0}; wait; wait", pids.display());
    (CommandLoad::started(["sh", "-c", &script]).unwrap(), pids)
}

#[test]
fn the_whole_group_ends_when_nothing_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (mut load, file) = group(folder.path(), "");
    load.set(&Demand::IDLE).unwrap();
    assert!(!file.exists(), "nothing was asked");
    for _ in 0..2 {
        load.set(&ON).unwrap();
        wait_for("the command", || file.exists());
        let pids = std::fs::read_to_string(&file).unwrap();
        assert!(pids.split_whitespace().all(runs), "{pids}");
        load.set(&Demand::IDLE).unwrap();
        assert!(!pids.split_whitespace().any(runs), "{pids}");
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn what_does_not_heed_sigterm_is_killed_also_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let (load, file) = group(folder.path(), "trap '' TERM;");
    let mut load = load.with_grace(Duration::from_millis(100));
    load.set(&ON).unwrap();
    wait_for("the command", || file.exists());
    let pids = std::fs::read_to_string(&file).unwrap();
    drop(load);
    wait_for("the end of both", || !pids.split_whitespace().any(runs));
}

#[test]
fn a_command_that_ends_by_itself_is_no_load() {
    let mut load = CommandLoad::started(["sh", "-c", "exit 3"]).unwrap();
    load.set(&ON).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let error = load.set(&Demand::IDLE).unwrap_err().to_string();
    assert!(error.starts_with("sh -c exit 3: ended before it was told to (exit status: 3)"), "{error}");
}

#[test]
fn a_persistent_command_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let heard = folder.path().join("heard");
    let script = format!("while read word; do echo $word >> {}; done", heard.display());
    let mut load = CommandLoad::told(["sh", "-c", &script]).unwrap();
    for demand in [&ON, &ON, &Demand::IDLE, &ON] {
        load.set(demand).unwrap();
    }
    wait_for("what was told", || std::fs::read_to_string(&heard).is_ok_and(|text| text == "on\noff\non\n"));
}

#[test]
fn what_cannot_be_started_is_said() {
    let nothing: [&str; 0] = [];
    assert!(CommandLoad::started(nothing).unwrap_err().to_string().contains("name the program"));
    let mut load = CommandLoad::started(["/nowhere/burn"]).unwrap();
    assert_eq!(load.set(&ON).unwrap_err().to_string(), "/nowhere/burn: cannot be started");
}
