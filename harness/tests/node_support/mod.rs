//! Runs of a node whose truth is known, and the command on them.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, RunWriter, SourceIndex, TimeBase};
use power_core::{Accuracy, Channel, ChannelId, Descriptor, Joules, Quantity, Scope};
use serde_json::Value;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000_000;

/// Powers of one plateau: GPUs together, CPU, memory, in watts.
pub(crate) type Plateau = (f64, f64, f64);

/// What the meter sees: a rest of 110 W and a supply with a loss quadratic in its load.
pub(crate) fn wall_w((gpu, cpu, dram): Plateau) -> f64 {
    let dc = gpu + cpu + dram + 110.0;
    25.0 + 1.05 * dc + 3e-5 * dc * dc
}

/// Small changes that are not the load's: ±0.1 %, the same every time.
fn wobble(step: i64, phase: i64) -> f64 {
    let x = (step * 7919 + phase * 104_729).rem_euclid(1000);
    1.0 + 0.002 * (f64::from(i32::try_from(x).unwrap()) / 1000.0 - 0.5)
}

/// How a run differs from a plain one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) hostname: &'static str,
    pub(crate) meter: bool,
    pub(crate) meter_scale: f64,
    pub(crate) gap: bool,
    pub(crate) written_at: &'static str,
}

pub(crate) const PLAIN: Options = Options {
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
pub(crate) fn write(dir: &Path, plateaus: &[Plateau], options: Options) {
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

pub(crate) const PLAN: [Plateau; 12] = [
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

#[derive(Debug)]
pub(crate) struct Lab {
    dir: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// One run for each two plateaus of the plan.
    pub(crate) fn runs(&self, options: Options) -> Vec<PathBuf> {
        let write_one = |(at, plateaus): (usize, &[Plateau])| {
            let dir = self.path(&format!("run{at}"));
            write(&dir, plateaus, options);
            dir
        };
        PLAN.chunks(2).enumerate().map(write_one).collect()
    }

    pub(crate) fn wattproof(&self, arguments: &[&str], runs: &[PathBuf]) -> (String, String, Option<i32>) {
        let output = Command::new(env!("CARGO_BIN_EXE_wattproof"))
            .current_dir(self.dir.path())
            .args(arguments)
            .args(runs)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    }

    pub(crate) fn json(&self, arguments: &[&str], runs: &[PathBuf]) -> Value {
        let (out, err, _) = self.wattproof(&[arguments, &["--json", "-"]].concat(), runs);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{err}"))
    }

    pub(crate) fn calibrated(&self) -> Value {
        self.json(&["calibrate", "-o", "model.toml"], &self.runs(PLAIN))
    }

    pub(crate) fn refusal(&self, arguments: &[&str], runs: &[PathBuf]) -> String {
        let (out, err, code) = self.wattproof(arguments, runs);
        assert_eq!((out.as_str(), code), ("", Some(2)), "{err}");
        assert!(!self.path("model.toml").exists(), "a refused model was written");
        err
    }
}
