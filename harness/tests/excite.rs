//! `excite`: its schedule, its marks, and that what it drives can be characterised where a periodic load cannot tell.

#![cfg(all(target_os = "linux", feature = "virtual", feature = "nvml"))]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod record_support;

use std::path::Path;
use std::time::Duration;

use harness::characterise::RunCharacter;
use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Channel, Descriptor, Flags, Lane, Quantity};
use power_load::{Demand, Excitation, Schedule, Step};
use power_testkit::{Filter, SensorModel, Signal};
use record_support::{said, text, wattproof};

#[test]
fn a_printed_schedule_is_the_one_that_is_played() {
    let print = |form: &str| {
        let print = format!("--print={form}");
        let output = wattproof().args(["excite", "--seed", "5", "--for", "3s", &print]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        text(&output.stdout)
    };
    let on = Demand { cpu: 1.0, ..Demand::IDLE };
    let expected = Schedule::excite(5, &Excitation { random_s: 3.0, ..Excitation::new(on) });
    assert_eq!(serde_json::from_str::<Schedule>(&print("json")).unwrap(), expected);
    assert_eq!(toml::from_str::<Schedule>(&print("toml")).unwrap(), expected);
    let csv = print("csv");
    let rows: Vec<Vec<&str>> = csv.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!((csv.lines().next(), rows.len()), (Some("t_s,seconds,load,phase"), expected.steps.len()));
    let mut t_s = 0.0;
    for (row, step) in rows.iter().zip(&expected.steps) {
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        assert!((number(0) - t_s).abs() < 1e-5 && (number(1) - step.seconds).abs() < 1e-6);
        assert!((number(2) - step.demand.cpu).abs() < 1e-9);
        assert_eq!(row[3], step.name.as_deref().unwrap_or(""));
        t_s += step.seconds;
    }
}

#[test]
fn wrong_wishes_are_told_with_what_to_do() {
    let fails = |arguments: &[&str], expected: &str| {
        let output = wattproof()
            .arg("excite")
            .args(arguments)
            .env_remove("WATTPROOF_RIG")
            .env("POWER_LOAD_CUDA_LIBRARY", "/nowhere/libcuda.so.1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(text(&output.stderr).contains(expected), "{}", said(&output));
    };
    fails(&["--cuda", "0"], "NVIDIA's driver is not installed here");
    fails(&["--virtual"], "run this within `wattproof record --rig virtual -- …`");
    fails(&["--period", "1ms"], "a period of 5 ms or more");
    fails(&["--level", "0"], "see `wattproof excite --help`");
    fails(&["--cpu", "--start", "burn"], "cannot be used with");
}

#[test]
fn its_steps_are_phases_of_the_recording_it_runs_in() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("run");
    let excite = [
        "excite",
        "--virtual",
        "--for",
        "1s",
        "--step",
        "1s",
        "--rest",
        "200ms",
        "--seed",
        "9",
        "--json",
        "-",
    ];
    let output = wattproof()
        .args(["record", "--rig", "virtual", "-o"])
        .arg(&dir)
        .arg("--")
        .arg(env!("CARGO_BIN_EXE_wattproof"))
        .args(excite)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let played: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&played["whole"], &played["marked"]), (&true.into(), &true.into()));
    let excitation = Excitation {
        random_s: 1.0,
        idle_s: 0.2,
        long_s: 1.0,
        ..Excitation::new(Demand { cpu: 1.0, ..Demand::IDLE })
    };
    let schedule = Schedule::excite(9, &excitation);
    let asked = schedule.steps.iter().filter(|step| step.name.is_some()).count();
    let phases = Run::open(&dir).unwrap().phases().unwrap();
    let excited: Vec<_> = phases.iter().filter(|phase| phase.name == "excite").collect();
    assert_eq!(excited.len(), asked);
    let command = phases.iter().find(|phase| phase.name == "command").unwrap();
    assert!(excited.iter().all(|p| command.begin_ns <= p.begin_ns && p.end_ns <= command.end_ns));
}

/// A run of a sensor with a window of 25 ms each 100 ms, read every 4 ms, under a schedule that was commanded.
fn run_under(dir: &Path, schedule: &Schedule) {
    let ms = Duration::from_millis;
    let origin = Origin::Recorded { command: vec![], exit_code: None };
    let mut writer = RunWriter::create(dir, NewRun::new(TimeBase::HostMonotonic, origin)).unwrap();
    let channel = Channel::new("power", Quantity::average_power(ms(25)));
    let source = writer
        .add_source("gpu", Descriptor::new("sim", "gpu", vec![channel]).with_lane(Lane::new("gpu")))
        .unwrap();
    let (mut t_s, mut steps) = (1.0, Vec::new());
    let nanos = |seconds: f64| i64::try_from(Duration::from_secs_f64(seconds).as_nanos()).unwrap();
    for step in &schedule.steps {
        steps.push((nanos(t_s), if step.demand.is_idle() { 80.0 } else { 300.0 }));
        for (event, at) in [(MarkEvent::Begin, t_s), (MarkEvent::End, t_s + step.seconds)] {
            if let Some(name) = step.name.clone() {
                writer.mark(Mark { t_ns: nanos(at), event, name }).unwrap();
            }
        }
        t_s += step.seconds;
    }
    let model = SensorModel::new(Signal::steps(80.0, steps), ms(100))
        .with_phase(ms(37))
        .with_filter(Filter::Boxcar(ms(25)))
        .with_noise(0.5)
        .with_seed(4);
    for poll in 0..nanos(t_s + 1.0) / 4_000_000 {
        let t = poll * 4_000_000;
        let Some(value) = model.publication_at(t).value else { continue };
        let row = Row {
            channel: 0,
            t_start_ns: t,
            t_end_ns: t + 20_000,
            t_device_ns: None,
            value: RowValue::Number(value),
            flags: Flags::NONE,
        };
        writer.push(source, row).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn a_periodic_load_is_refused_and_an_excitation_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let on = Demand { cpu: 1.0, ..Demand::IDLE };
    let wave = (0..150).flat_map(|_| {
        let half = 0.1 * 2.0 / 3.0;
        [Step::new(half, on.clone()).named("excite"), Step::new(half, Demand::IDLE)]
    });
    let characterise = |name: &str, schedule: &Schedule| {
        let dir = folder.path().join(name);
        run_under(&dir, schedule);
        let save = format!("--save={}", folder.path().join(format!("{name}-cards")).display());
        let output =
            wattproof().arg("characterise").arg(&dir).args(["--pulses", "excite", &save]).output().unwrap();
        (output.status.code(), said(&output).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let (code, words) = characterise("wave", &Schedule::steps(wave));
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("cannot be told by this load, which repeats itself"), "{words}");
    assert!(
        words.contains("as `wattproof excite` makes") && words.contains("no card of gpu/power"),
        "{words}"
    );
    assert!(!folder.path().join("wave-cards").exists());

    let (code, words) = characterise("excitation", &Schedule::excite(2, &Excitation::new(on)));
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(folder.path().join("excitation-cards").read_dir().unwrap().count(), 1);
    let output = wattproof()
        .arg("characterise")
        .arg(folder.path().join("excitation"))
        .args(["--pulses", "excite", "--json", "-"])
        .output()
        .unwrap();
    let found: RunCharacter = serde_json::from_slice(&output.stdout).unwrap();
    let window = found.sensors[0].character.transient.as_ref().unwrap().window_ms.unwrap();
    // Command only, with the load's own rise fitted: 3 ms is what the method is held to.
    assert!((window.value - 25.0).abs() < 3.0, "{window:?}");
}
