//! Recording as a user does it: around a command, for a time, until a signal; marks; what is wrongly asked for.

#![cfg(all(target_os = "linux", feature = "virtual", feature = "nvml", feature = "smi"))]

mod record_support;

use std::fs;
use std::os::unix::net::UnixDatagram;

use harness::run::{Origin, Run, verify};
use record_support::{Bench, is_finished, rows, said, signal, text, wait_for, wattproof};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn around_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let script = "echo hello; echo __begin train__; sleep 0.3; \"$W\" mark epoch --begin; sleep 0.3; \
                  \"$W\" mark epoch --end; sleep 0.3; echo __end train__; sleep 0.3; nvidia-smi -L | head -1; exit 7";
    let output = wattproof()
        .args(["record", "--rig", "virtual", "-o"])
        .arg(&dir)
        .args(["--", "sh", "-c", script])
        .env("W", env!("CARGO_BIN_EXE_wattproof"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", said(&output));
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with("hello\n__begin train__\n__end train__\nGPU 0: NVIDIA"), "{stdout}");
    assert!(text(&output.stderr).contains("bytes a reading"), "{}", said(&output));

    let run = Run::open(&dir).unwrap();
    assert!(verify(&dir).unwrap().ok(), "{:?}", verify(&dir));
    let phases = run.phases().unwrap();
    let names: Vec<_> = phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["command", "train", "epoch"]);
    assert!(phases.windows(2).all(|p| p[0].begin_ns <= p[1].begin_ns && p[0].end_ns >= p[1].end_ns));
    // One read of every source before the command, and one after it.
    for key in ["gpu0-gauges/power.draw", "gpu3-counter/energy.total", "smi/gpu1/power.draw"] {
        let rows = run.rows(key).unwrap();
        assert!(rows.first().unwrap().t_end_ns <= phases[0].begin_ns, "{key}");
        assert!(rows.last().unwrap().t_end_ns >= phases[0].end_ns, "{key}");
    }
    let Origin::Recorded { command, exit_code } = &run.manifest().origin else { panic!("it was recorded") };
    assert_eq!((command[0].as_str(), *exit_code), ("sh", Some(7)));
    let recording = run.manifest().recording.as_ref().unwrap();
    assert_eq!(recording.sources.len(), run.manifest().sources.len());
    for source in &recording.sources {
        assert_eq!(
            source.reads_asked,
            source.reads_done + source.reads_missed + source.reads_failed + source.reads_away
        );
        assert_eq!((source.reads_failed, source.readings_dropped), (0, 0), "{source:?}");
        assert!(source.read_latency.count > 0);
    }
    assert_eq!(recording.writer.readings, verify(&dir).unwrap().counts.rows);
    assert_eq!(recording.ended, "the command ended");
    assert!(run.manifest().notes.iter().any(|note| note.contains("virtual rig")));
    let truth = fs::read_to_string(dir.join("truth.csv")).unwrap();
    assert!(truth.lines().count() > 4, "{truth}");
    assert!(!dir.join("marks.sock").exists());
}

#[test]
fn for_a_time_by_a_rig_file() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required"), ("gpu2", "optional")], "");
    let with_reference = format!("reference = \"gpu0/power.draw\"\n{}", fs::read_to_string(&rig).unwrap());
    fs::write(&rig, with_reference).unwrap();
    let output =
        bench.record(&rig).args(["--for", "700ms", "--jitter", "0.5", "--json", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["recording"]["sources"][1]["id"], "gpu2");
    assert_eq!(result["recording"]["sources"][1]["policy"], "optional");
    assert_eq!(result["recording"]["ended"], "the time was over");
    let run = Run::open(&bench.run_dir()).unwrap();
    assert_eq!(run.manifest().reference.as_deref(), Some("gpu0/power.draw"));
    assert_eq!(run.manifest().sources[0].asked_period_ns, Some(10_000_000));
    assert!(run.manifest().recording.as_ref().unwrap().sources.iter().all(|source| source.jitter > 0.4));
    // Jitter: reads are not all the same time apart.
    let starts: Vec<_> = run.rows("gpu0/power.draw").unwrap().iter().map(|row| row.t_start_ns).collect();
    assert!(starts.windows(2).any(|pair| (pair[1] - pair[0] - 10_000_000).abs() > 1_000_000));
}

#[test]
fn sigterm_ends_a_recording_cleanly() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let child = bench.record(&rig).spawn().unwrap();
    wait_for("a reading", || rows(&bench.run_dir(), "gpu0/power.draw") > 0);
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(is_finished(&bench.run_dir()) && verify(&bench.run_dir()).unwrap().ok());
}

#[test]
fn a_signal_reaches_what_the_command_has_started() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let ready = bench.folder.path().join("ready");
    // The shell that is asked to end is a grandchild.
    let script = format!(
        "sh -c 'trap \"exit 5\" INT; touch {}; while :; do sleep 0.05; done'; exit $?",
        ready.display()
    );
    let script = format!("trap : INT; {script}");
    let child = bench.record(&rig).args(["--", "sh", "-c", &script]).spawn().unwrap();
    wait_for("the command", || ready.exists());
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(is_finished(&bench.run_dir()));
}

#[test]
fn marks_come_from_outside_by_the_runs_folder() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let child = bench.record(&rig).spawn().unwrap();
    let socket = bench.run_dir().join("marks.sock");
    wait_for("the socket", || socket.exists());
    UnixDatagram::unbound().unwrap().send_to(b"begin work", &socket).unwrap();
    let end = wattproof().args(["mark", "work", "--end", "--run"]).arg(bench.run_dir()).output().unwrap();
    assert_eq!(end.status.code(), Some(0), "{}", said(&end));
    wait_for("both marks", || Run::open(&bench.run_dir()).is_ok_and(|run| run.marks().len() == 2));
    signal(&child, Signal::INT);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    let phases = Run::open(&bench.run_dir()).unwrap().phases().unwrap();
    assert_eq!((phases.len(), phases[0].name.as_str()), (1, "work"));
}

#[test]
fn a_run_whose_path_is_too_long_for_a_socket_has_marks_too() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let dir = bench.folder.path().join("x".repeat(120));
    let output = wattproof()
        .args(["record", "--rig"])
        .arg(&rig)
        .arg("-o")
        .arg(&dir)
        .args(["--", env!("CARGO_BIN_EXE_wattproof"), "mark", "here", "--run"])
        .arg(&dir)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(Run::open(&dir).unwrap().marks().iter().any(|mark| mark.name == "here"));
}

#[test]
fn what_is_wrongly_asked_for_names_what_to_do() {
    let bench = Bench::new();
    let rig = bench.rig(&[("gpu0", "required")], "");
    let fails = |command: &mut std::process::Command, words: &[&str]| {
        let output = command.output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(words.iter().all(|word| stderr.contains(word)), "{words:?}: {stderr}");
    };
    fs::create_dir(bench.run_dir()).unwrap();
    fs::write(bench.run_dir().join("something"), "").unwrap();
    fails(bench.record(&rig).args(["--for", "1s"]), &["there is something already"]);
    fs::remove_dir_all(bench.run_dir()).unwrap();
    fails(bench.record(&rig).args(["--", "no-such-program-here"]), &["cannot start no-such-program-here"]);
    assert!(!bench.run_dir().exists());
    fails(bench.record(&rig).args(["--rate", "gpu1=5"]), &["no source gpu1", "gpu0"]);
    fails(&mut bench.record(&bench.rig(&[("gpu0", "required")], "rate = 5\n")), &["line 8", "`rate_hz`"]);
    fails(&mut bench.record(&bench.rig(&[("gpu9", "required")], "")), &["source gpu9 cannot be opened"]);
    fails(&mut bench.record(&bench.rig(&[("gpu9", "optional")], "")), &["no source can be opened"]);
    let wrong = bench.rig(&[("gpu0", "required")], "");
    let reference = format!("reference = \"gpu0/powr\"\n{}", fs::read_to_string(&wrong).unwrap());
    fs::write(&wrong, reference).unwrap();
    fails(
        bench.record(&wrong).args(["--for", "1s"]),
        &["gpu0/powr is no channel", "did you mean `gpu0/power.draw`"],
    );
    assert!(!bench.run_dir().exists());
    fails(wattproof().args(["mark", "x"]).env_remove("WATTPROOF_MARKS"), &["WATTPROOF_MARKS"]);
    fails(wattproof().args(["mark", "x", "--run"]).arg(bench.folder.path()), &["no recording listens"]);
}

#[test]
fn list_and_doctor_say_what_can_be_read() {
    let bench = Bench::new();
    let on_the_node = |arguments: &[&str]| {
        wattproof()
            .args(arguments)
            .env("WATTPROOF_NVML", bench.node.nvml_path())
            .env("WATTPROOF_NVIDIA_SMI", bench.node.nvidia_smi_path())
            .output()
            .unwrap()
    };
    let output = on_the_node(&["list", "--json", "-"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ids: Vec<_> = list["sources"].as_array().unwrap().iter().filter_map(|s| s["id"].as_str()).collect();
    for id in ["nvml0-gauges", "nvml3-ring", "smi3"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    let output = on_the_node(&["list"]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("average power in W, board, T 100 ms, W 1000 ms"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
    let output = on_the_node(&["doctor", "--json", "-"]);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(found["ready"].as_u64().unwrap() >= 16, "{found}");
    let nothing = wattproof()
        .arg("doctor")
        .env("WATTPROOF_NVML", "/nowhere/libnvidia-ml.so.1")
        .env("WATTPROOF_NVIDIA_SMI", "/nowhere/nvidia-smi")
        .output()
        .unwrap();
    assert!(text(&nothing.stdout).contains("WATTPROOF_NVML names no library"), "{}", said(&nothing));
}
