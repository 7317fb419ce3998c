//! `calibrate` and `estimate` as a user meets them, on runs of a node whose truth is known.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, RunWriter, SourceIndex, TimeBase};
use power_core::{Accuracy, Channel, ChannelId, Descriptor, Joules, Quantity, Scope};
use serde_json::Value;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;

/// Powers of one plateau: GPUs together, CPU, memory, in watts.
type Plateau = (f64, f64, f64);

/// What the meter sees: a rest of 110 W and a supply with a loss quadratic in its load.
fn wall_w((gpu, cpu, dram): Plateau) -> f64 {
    let dc = gpu + cpu + dram + 110.0;
    25.0 + 1.05 * dc + 3e-5 * dc * dc
}

/// Small changes that are not the load's: ±0.1 %, the same every time.
fn wobble(step: i64, phase: i64) -> f64 {
    let x = (step * 7919 + phase * 104_729).rem_euclid(1000);
    1.0 + 0.002 * (f64::from(i32::try_from(x).unwrap()) / 1000.0 - 0.5)
}

/// How a run differs from a plain one.
#[derive(Clone, Copy)]
struct Options {
    hostname: &'static str,
    meter: bool,
    meter_scale: f64,
    gap: bool,
    written_at: &'static str,
}

const PLAIN: Options = Options {
    hostname: "node1",
    meter: true,
    meter_scale: 1.0,
    gap: false,
    written_at: "2026-01-02T03:04:05Z",
};

fn counter(name: &'static str, scope: Scope) -> Channel {
    Channel::new(name, Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None })
        .with_scope(scope)
}

struct Counter {
    source: SourceIndex,
    channel: u16,
    millijoules: f64,
}

impl Counter {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive energy far below 2^63 mJ"
    )]
    fn push(&mut self, run: &mut RunWriter, t_ns: i64, watts: f64) {
        run.push(self.source, Row::at(self.channel, t_ns, RowValue::Count(self.millijoules as u64))).unwrap();
        self.millijoules += watts * 1000.0;
    }
}

/// A run of 60 s plateaus, read once a second: two GPUs (each with counter and power), RAPL with package, cores and
/// memory, and a meter.
fn write(dir: &Path, plateaus: &[Plateau], options: Options) {
    let origin = Origin::Recorded { command: Vec::new(), exit_code: Some(0) };
    let mut new = NewRun::new(TimeBase::HostMonotonic, origin);
    new.written_at = options.written_at.into();
    let mut run = RunWriter::create_atomic(dir, new).unwrap();
    run.host("hostname", options.hostname);
    run.host("memory", "1048576 kB");
    let mut counters = Vec::new();
    let mut powers = Vec::new();
    for gpu in 0..2 {
        let power = Channel::new("power", Quantity::power()).with_scope(Scope::Board);
        let channels = vec![power, counter("energy", Scope::Board)];
        let descriptor = Descriptor::new("nvml", format!("NVIDIA T1 GPU-{gpu}"), channels);
        let source = run.add_source(&format!("nvml{gpu}"), descriptor).unwrap();
        powers.push(source);
        counters.push(Counter { source, channel: 1, millijoules: 0.0 });
    }
    let rapl = Descriptor::new(
        "rapl",
        "a CPU",
        vec![
            counter("package-0", Scope::Package),
            counter("core-0", Scope::Core).with_part_of(ChannelId(0)),
            counter("dram-0", Scope::Dram),
        ],
    );
    let rapl = run.add_source("rapl", rapl).unwrap();
    counters.extend((0..3).map(|channel| Counter { source: rapl, channel, millijoules: 0.0 }));
    let meter = Channel::new("power", Quantity::power())
        .with_scope(Scope::NodeAc)
        .with_range(0.0, 3000.0)
        .with_accuracy(Accuracy {
            percent_of_reading: 0.07,
            percent_of_range: 0.04,
            source: "LMG450 data sheet".into(),
        });
    let meter = options
        .meter
        .then(|| run.add_source("meter", Descriptor::new("meter", "a meter", vec![meter])).unwrap());
    let mut step = 0;
    for (at, &plateau) in plateaus.iter().enumerate() {
        let name = format!("plateau {at}");
        run.mark(Mark { t_ns: step * SECOND, event: MarkEvent::Begin, name: name.clone() }).unwrap();
        for _ in 0..60 {
            let t_ns = step * SECOND;
            let (gpu, cpu, dram) = plateau;
            let seen = [gpu / 2.0, gpu / 2.0, cpu, 0.8 * cpu, dram];
            for (counter, watts) in counters.iter_mut().zip(seen) {
                counter.push(&mut run, t_ns, watts);
            }
            for source in &powers {
                run.push(*source, Row::at(0, t_ns, RowValue::Number(gpu / 2.0))).unwrap();
            }
            if let Some(source) = meter
                && !(options.gap && (70..90).contains(&step))
            {
                let watts = options.meter_scale * wall_w(plateau) * wobble(step, 1);
                run.push(source, Row::at(0, t_ns, RowValue::Number(watts))).unwrap();
            }
            step += 1;
        }
        run.mark(Mark { t_ns: (step - 1) * SECOND, event: MarkEvent::End, name }).unwrap();
    }
    if meter.is_some() {
        run.set_reference("meter/power").unwrap();
    }
    run.finish().unwrap();
}

const PLAN: [Plateau; 12] = [
    (150.0, 120.0, 40.0),
    (150.0, 480.0, 60.0),
    (150.0, 300.0, 160.0),
    (600.0, 130.0, 50.0),
    (1200.0, 140.0, 60.0),
    (1800.0, 150.0, 70.0),
    (2200.0, 160.0, 80.0),
    (900.0, 400.0, 100.0),
    (1500.0, 250.0, 150.0),
    (2000.0, 450.0, 140.0),
    (400.0, 350.0, 45.0),
    (150.0, 125.0, 42.0),
];

struct Lab {
    dir: TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// One run for each two plateaus of the plan.
    fn runs(&self, options: Options) -> Vec<PathBuf> {
        let write_one = |(at, plateaus): (usize, &[Plateau])| {
            let dir = self.path(&format!("run{at}"));
            write(&dir, plateaus, options);
            dir
        };
        PLAN.chunks(2).enumerate().map(write_one).collect()
    }

    fn wattproof(&self, arguments: &[&str], runs: &[PathBuf]) -> (String, String, Option<i32>) {
        let output = Command::new(env!("CARGO_BIN_EXE_wattproof"))
            .current_dir(self.dir.path())
            .args(arguments)
            .args(runs)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    }

    fn json(&self, arguments: &[&str], runs: &[PathBuf]) -> Value {
        let (out, err, _) = self.wattproof(&[arguments, &["--json", "-"]].concat(), runs);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"))
    }

    fn calibrated(&self) -> Value {
        self.json(&["calibrate", "-o", "model.toml"], &self.runs(PLAIN))
    }

    fn refusal(&self, arguments: &[&str], runs: &[PathBuf]) -> String {
        let (out, err, code) = self.wattproof(arguments, runs);
        assert_eq!((out.as_str(), code), ("", Some(2)), "{err}");
        assert!(!self.path("model.toml").exists(), "a refused model was written");
        err
    }
}

fn near(value: &Value, expected: f64, within: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= within, "{value}, expected {expected} within {within}");
}

#[test]
fn every_watt_is_counted_once() {
    let lab = Lab::new();
    let calibration = lab.calibrated();
    let channels: Vec<(&str, Vec<&str>)> = calibration["file"]["channels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|component| {
            let keys = component["channels"].as_array().unwrap();
            (component["name"].as_str().unwrap(), keys.iter().map(|key| key.as_str().unwrap()).collect())
        })
        .collect();
    assert_eq!(
        channels,
        [
            ("gpu", vec!["nvml0/energy", "nvml1/energy"]),
            ("cpu", vec!["rapl/package-0"]),
            ("dram", vec!["rapl/dram-0"])
        ]
    );
}

#[test]
fn a_run_without_a_meter_gets_the_energy_that_a_meter_would_show() {
    let lab = Lab::new();
    let calibration = lab.calibrated();
    assert!(calibration["file"]["model"]["held_out"]["max_percent"].as_f64().unwrap() < 1.0, "{calibration}");
    let unseen = [(1000.0, 200.0, 90.0), (1700.0, 300.0, 60.0)];
    write(&lab.path("job"), &unseen, Options { meter: false, ..PLAIN });
    let found = lab.json(&["estimate", "job", "-m", "model.toml"], &[]);
    // The last second has no reading after it.
    let truth = 60.0 * wall_w(unseen[0]) + 59.0 * wall_w(unseen[1]);
    near(&found["energy_j"]["value"], truth, 0.005 * truth);
    let (low, high) =
        (found["energy_j"]["low"].as_f64().unwrap(), found["energy_j"]["high"].as_f64().unwrap());
    assert!(low < truth && truth < high && high - low < 0.05 * truth, "{low} {truth} {high}");
    let parts: f64 = found["components"]
        .as_array()
        .unwrap()
        .iter()
        .chain([&serde_json::json!({"energy_j": found["constant_j"]})])
        .chain([&serde_json::json!({"energy_j": found["load_dependent_j"]})])
        .map(|part| part["energy_j"].as_f64().unwrap())
        .sum();
    near(&found["energy_j"]["value"], parts, 1e-6 * truth);
    assert_eq!(found["warnings"], serde_json::json!([]));
    assert_eq!(found["phases"].as_array().unwrap().len(), 2);
    assert_eq!(found["meter"], Value::Null);
}

#[test]
fn a_meter_in_the_run_checks_the_estimate() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], PLAIN);
    let (out, _, code) = lab.wattproof(&["estimate", "job", "-m", "model.toml"], &[]);
    assert_eq!(code, Some(0), "{out}");
    let words = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the meter is within its interval"), "{out}");
    write(&lab.path("off"), &[(1000.0, 200.0, 90.0)], Options { meter_scale: 1.2, ..PLAIN });
    let (out, _, code) = lab.wattproof(&["estimate", "off", "-m", "model.toml"], &[]);
    assert_eq!(code, Some(1), "{out}");
}

#[test]
fn other_tools_stand_beside() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], PLAIN);
    let arguments =
        ["estimate", "job", "-m", "model.toml", "--compare-with", "codecarbon-v2,codecarbon-v3,tdp"];
    let more = ["--memory-gib", "2015", "--tdp-w", "700", "--gpu-tdp-w", "2800"];
    let found = lab.json(&[&arguments[..], &more[..]].concat(), &[]);
    let seconds = found["seconds"].as_f64().unwrap();
    for (at, watts) in [1200.0 + 2015.0 * 0.375, 1200.0 + 70.0, 3500.0].into_iter().enumerate() {
        near(&found["compared"][at]["energy_j"], watts * seconds, 1.0);
    }
    near(
        &found["compared"][0]["against_meter_percent"],
        100.0 * (1955.6 / wall_w((1000.0, 200.0, 90.0)) - 1.0),
        0.1,
    );
    // The memory of the host is recorded, the rated power is not.
    let found = lab.json(&["estimate", "job", "-m", "model.toml", "--compare-with", "codecarbon-v3"], &[]);
    near(&found["compared"][0]["memory_w"], 10.0, 1e-9);
    let (_, err, code) =
        lab.wattproof(&["estimate", "job", "-m", "model.toml", "--compare-with", "tdp"], &[]);
    assert_eq!(code, Some(2));
    assert!(err.contains("pass --tdp-w"), "{err}");
}

#[test]
fn the_code_carbon_configuration_carries_the_rest() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0)], Options { meter: false, ..PLAIN });
    let arguments =
        ["estimate", "job", "-m", "model.toml", "--code-carbon-config", "cc.config", "--cpu-load", "0.5"];
    lab.json(&arguments, &[]);
    let text = std::fs::read_to_string(lab.path("cc.config")).unwrap();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap();
        line.parse::<f64>().unwrap()
    };
    assert!((value("force_ram_power") - (wall_w((1000.0, 200.0, 90.0)) - 1200.0)).abs() < 8.0, "{text}");
    assert!((value("force_cpu_power") - 200.0 / (0.1 + 0.9 * 0.125)).abs() < 0.1, "{text}");
}

#[test]
fn outside_its_range_machine_and_time_a_model_warns() {
    let lab = Lab::new();
    lab.calibrated();
    let strange = Options { hostname: "node2", written_at: "2027-01-02T03:04:05Z", meter: false, ..PLAIN };
    write(&lab.path("job"), &[(4000.0, 200.0, 90.0)], strange);
    let found = lab.json(&["estimate", "job", "-m", "model.toml"], &[]);
    let warnings = found["warnings"].to_string();
    for said in
        ["another machine: hostname node2 instead of node1", "In 100 % of the time", "expired on 2026-07-01"]
    {
        assert!(warnings.contains(said), "{warnings}");
    }
}

#[test]
fn one_recording_of_all_plateaus_is_held_out_plateau_by_plateau() {
    let lab = Lab::new();
    write(&lab.path("all"), &PLAN, PLAIN);
    let one = [lab.path("all")];
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml", "--phases", "--discard", "20s"], &one);
    assert!(refusal.contains("--hold-out plateau"), "{refusal}");
    let arguments =
        ["calibrate", "-o", "model.toml", "--phases", "--discard", "20s", "--hold-out", "plateau"];
    let calibration = lab.json(&arguments, &one);
    assert_eq!(calibration["file"]["model"]["held_out"]["runs"], 12);
    assert_eq!(calibration["runs"][0]["levels"], 12);
}

#[test]
fn what_bears_no_model_is_refused_with_what_to_do() {
    let lab = Lab::new();
    let runs = lab.runs(Options { meter_scale: 1e-3, ..PLAIN });
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &runs);
    assert!(refusal.contains("it seems to be in kW"), "{refusal}");
    let lab = Lab::new();
    let runs = lab.runs(PLAIN);
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &runs[..2]);
    assert!(refusal.contains("record at least"), "{refusal}");
    let refusal =
        lab.refusal(&["calibrate", "-o", "model.toml", "-c", "gpu=rapl/package-0,rapl/core-0"], &runs);
    assert!(refusal.contains("is part of the other"), "{refusal}");
    let refusal =
        lab.refusal(&["calibrate", "-o", "model.toml", "-r", "nvml0/power", "-c", "gpu=nvml9/energy"], &runs);
    assert!(refusal.contains("has no channel nvml9/energy"), "{refusal}");
    write(&lab.path("other"), &PLAN[..2], Options { hostname: "node2", ..PLAIN });
    let refusal = lab.refusal(&["calibrate", "-o", "model.toml"], &[runs[0].clone(), lab.path("other")]);
    assert!(refusal.contains("another machine"), "{refusal}");
}

#[test]
fn a_gap_of_the_meter_leaves_a_level_out_and_says_so() {
    let lab = Lab::new();
    let mut runs = lab.runs(PLAIN);
    write(&lab.path("gap"), &[PLAN[3], PLAN[4]], Options { gap: true, ..PLAIN });
    runs.push(lab.path("gap"));
    let (out, err, code) = lab.wattproof(&["calibrate", "-o", "model.toml"], &runs);
    assert_eq!(code, Some(0), "{err}");
    let text = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("gap: left out at") && text.contains("meter/power has a gap of"), "{out}");
    for line in out.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn the_model_file_is_read_back_or_refused() {
    let lab = Lab::new();
    lab.calibrated();
    let text = std::fs::read_to_string(lab.path("model.toml")).unwrap();
    let model = harness::node::ModelFile::parse(&text).unwrap();
    assert_eq!(model.to_toml().unwrap(), text);
    let coefficient = text.lines().position(|line| line.starts_with("coefficients")).unwrap();
    for line in 0..text.lines().count() {
        let damaged: Vec<&str> =
            text.lines().enumerate().filter(|(at, _)| *at != line).map(|(_, it)| it).collect();
        let parsed = harness::node::ModelFile::parse(&damaged.join("\n"));
        assert!(line != coefficient || parsed.is_err());
    }
    let newer = text.replace("schema_version = 1", "schema_version = 9");
    assert!(harness::node::ModelFile::parse(&newer).unwrap_err().to_string().contains("update wattproof"));
}

#[test]
fn what_code_carbon_stated_is_corrected_by_the_model() {
    let lab = Lab::new();
    let named = ["-c", "gpu=nvml0/energy,nvml1/energy", "-c", "cpu=rapl/package-0"];
    lab.json(&[&["calibrate", "-o", "model.toml"], &named[..]].concat(), &lab.runs(PLAIN));
    // 600 s with GPUs at 1000 W and CPUs at 200 W, as energy counters gave them, and memory by Code Carbon 2's rule.
    let rows = "timestamp,project_name,run_id,duration,cpu_energy,gpu_energy,ram_energy,energy_consumed\n\
                2026-01-02T03:04:05,job,b,600,0.0333333333,0.1666666667,0.1259375,0.3259375\n";
    std::fs::write(lab.path("emissions.csv"), rows).unwrap();
    let (_, err, code) = lab.wattproof(&["import", "code-carbon", "emissions.csv", "-o", "stated"], &[]);
    assert_eq!(code, Some(0), "{err}");
    let components = ["-c", "gpu=job-b/gpu_energy", "-c", "cpu=job-b/cpu_energy"];
    let found = lab.json(&[&["estimate", "stated", "-m", "model.toml"], &components[..]].concat(), &[]);
    // Memory of 40 to 160 W is not told by these sensors: the constant and the interval hold it.
    let truth = 600.0 * wall_w((1000.0, 200.0, 90.0));
    let (low, high) =
        (found["energy_j"]["low"].as_f64().unwrap(), found["energy_j"]["high"].as_f64().unwrap());
    assert!(low < truth && truth < high, "{low} {truth} {high}");
    near(&found["energy_j"]["value"], truth, 0.05 * truth);
    assert!(found["notes"].to_string().contains("too slow for blocks of 30 s"), "{}", found["notes"]);
}

#[test]
fn the_report_shows_the_node_by_parts_and_methods() {
    let lab = Lab::new();
    lab.calibrated();
    write(&lab.path("job"), &[(1000.0, 200.0, 90.0), (1700.0, 300.0, 60.0)], PLAIN);
    let (_, err, code) = lab.wattproof(&["report", "job", "-m", "model.toml", "-o", "page.html"], &[]);
    assert_ne!(code, Some(2), "{err}");
    let page = std::fs::read_to_string(lab.path("page.html")).unwrap();
    let section = page.split("<section id=\"node\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(section.matches("<svg").count(), 3, "{section}");
    for said in
        ["From below: gpu, cpu, dram", "codecarbon-v3", "upper bound", "(chosen)", "the model errs by"]
    {
        assert!(section.contains(said), "{said}: {section}");
    }
    assert!(!section.contains("NaN") && !section.contains("inf"), "{section}");
}
