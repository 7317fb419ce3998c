//! A meter of another host, as a user meets it: served by one process, recorded by another, aligned by a third. Also the
//! virtual rig by hand, whose meter is served.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]
#![cfg(all(target_os = "linux", feature = "virtual", feature = "meter"))]

mod record_support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use driver_meter::remote::{Served, Server, Token};
use harness::record::live::Live;
use harness::record::{Settings, record};
use harness::rig::Rig;
use harness::run::Run;
use harness::sync::{Request, sync};
use power_core::{Clock, Driver, HostTime, Options, SystemClock};
use record_support::{rows, said, signal, text, wait_for, wattproof};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use virtual_rig::{Description, MeterDescription, MeterKind, VirtualRig};

const TOKEN: &str = "a-token-of-tests";

/// A node with a meter, and a folder.
struct Site {
    node: VirtualRig,
    folder: TempDir,
}

impl Site {
    fn new(kind: MeterKind) -> Self {
        let meter = MeterDescription::new("wall", kind).with_period_ms(100.0, 100.0);
        let node = VirtualRig::start(Description::node(1).with_meter(meter)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), TOKEN).unwrap();
        Self { node, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Arguments that serve the node's meter at `address`.
    fn serve(&self, address: &str) -> Vec<String> {
        let token = self.path("token").display().to_string();
        let device = self.node.meters()[0].device();
        ["serve-meter", &device, "--listen", address, "--token-file", &token].map(str::to_owned).to_vec()
    }
}

/// A process that is killed when the test ends.
struct Serving {
    child: Child,
    /// What it said of how to read it.
    rig: String,
}

impl Serving {
    /// Starts a server and waits until it says how it is read.
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut rig = String::new();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        while !rig.contains("options") {
            assert!(lines.read_line(&mut rig).unwrap() > 0, "it serves nothing: {:?}", child.wait());
        }
        Self { child, rig }
    }

    fn write_rig(&self, path: &Path, more: &str) {
        fs::write(path, format!("{}{more}", self.rig)).unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Records what `rig` names for some seconds, and aligns it: the one clock that there is, as `sync` says it.
fn recorded_and_aligned(site: &Site, rig: &Path) -> Value {
    let run = site.path("run");
    let output =
        wattproof().args(["record", "--for", "4s", "--rig"]).arg(rig).arg("-o").arg(&run).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = text(&output.stderr);
    assert!(told.contains("remote: its times are on the clock of host"), "{told}");
    assert!(told.contains("Neither is relied on") || told.contains("right within"), "{told}");
    let output = wattproof().arg("sync").arg(&run).args(["--json", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    found["clocks"][0].clone()
}

/// Asserts that a clock is known within 5 ms, and that its interval holds `truth_ns`; the drift is none.
fn holds(clock: &Value, truth_ns: i64) {
    let fit = &clock["exchange"];
    let number = |name: &str| fit[name].as_i64().unwrap();
    assert!(number("offset_low_ns") <= truth_ns && truth_ns <= number("offset_high_ns"), "{clock}");
    let drift = &fit["drift_ppm"];
    assert!(drift["low"].as_f64().unwrap() <= 0.0 && 0.0 <= drift["high"].as_f64().unwrap(), "{clock}");
    assert!(clock["alignment"]["uncertainty_ns"].as_u64().unwrap() < 5_000_000, "{clock}");
    assert!(number("points") > 10, "{clock}");
}

#[test]
fn a_served_meter_is_recorded_and_its_clock_is_bounded() {
    let site = Site::new(MeterKind::Lmg450);
    let mut command = wattproof();
    command.args(site.serve("127.0.0.1:0"));
    let served = Serving::start(command);
    let rig = site.path("rig.toml");
    served.write_rig(&rig, "");

    let output = wattproof().args(["list", "--json", "-", "--rig"]).arg(&rig).output().unwrap();
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let listed = &list["sources"][0];
    assert_eq!((listed["id"].as_str(), listed["access"].as_str()), (Some("remote"), Some("ready")), "{list}");
    assert!(!text(&output.stdout).contains(TOKEN));
    let output = wattproof().args(["doctor", "--json", "-", "--rig"]).arg(&rig).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["ready"], 1, "{found}");
    assert!(found["findings"].as_array().unwrap().iter().any(|finding| finding["about"] == "wall clock"));

    // Two processes of one boot of one host: their clocks are the same.
    holds(&recorded_and_aligned(&site, &rig), 0);
    let run = Run::open(&site.path("run")).unwrap();
    assert!(run.rows("remote/power").unwrap().len() > 20);
    let manifest = run.manifest();
    assert!(manifest.host.contains_key("clock.synchronised"), "{:?}", manifest.host);
    let details = &manifest.sources[0].descriptor.details;
    assert!(details.contains_key("remote clock.synchronised"), "{details:?}");
    assert_eq!(details["remote clock"], "CLOCK_MONOTONIC");
    assert!(!fs::read_to_string(site.path("run").join("manifest.json")).unwrap().contains(TOKEN));
}

/// The clock of the serving process is a thousand seconds ahead, by a time namespace of its own.
#[test]
#[ignore = "needs root: a time namespace is made by unshare"]
fn the_offset_of_a_clock_that_is_really_another_one_is_found() {
    let site = Site::new(MeterKind::Sdm630Tcp);
    let mut command = Command::new("unshare");
    command.args(["--time", "--monotonic", "1000", env!("CARGO_BIN_EXE_wattproof")]);
    command.args(site.serve("127.0.0.1:0"));
    let served = Serving::start(command);
    let rig = site.path("rig.toml");
    served.write_rig(&rig, "");
    holds(&recorded_and_aligned(&site, &rig), -1_000_000_000_000);
}

/// A clock with an offset and a drift that are known.
#[derive(Debug)]
struct Wrong;

impl Wrong {
    const OFFSET_NS: i64 = 86_400_000_000_000;
    const PPM: i64 = -60;

    fn of(host_ns: i64) -> i64 {
        host_ns + Self::OFFSET_NS + (host_ns / 1_000_000) * Self::PPM
    }
}

impl Clock for Wrong {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(Self::of(SystemClock.now().nanos()))
    }
}

#[test]
fn offset_and_drift_lie_within_what_exchanges_allow() {
    let site = Site::new(MeterKind::Sdm630Tcp);
    let device = site.node.meters()[0].device();
    let open = move || driver_meter::DRIVER.open(&device, &Options::new());
    let served = Served::new(open, Duration::from_millis(50), Token::new(TOKEN).unwrap(), "node7");
    let served = Served { clock: Arc::new(Wrong), ..served };
    let server = Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), served).unwrap();
    let rig = format!(
        "[[source]]\nname = \"far\"\ndriver = \"meter\"\ndevice = \"wattproof-remote@tcp:{}\"\n\
         options = {{ token = \"{TOKEN}\" }}\n",
        server.address()
    );
    let mut settings =
        Settings::new(Some(site.path("run")), Rig::parse(&rig, Path::new("rig.toml")).unwrap());
    settings.duration = Some(Duration::from_secs(6));
    let run = record(settings, &Live::default()).unwrap().run.unwrap();
    let request = Request { load: None, channels: Vec::new(), search_ns: 3_000_000_000 };
    let found = sync(&run, &request).unwrap();
    let fit = found.clocks[0].exchange.clone().unwrap();
    // What the server's clock showed at the origin, by the host's clock.
    let host_ns = (fit.origin_ns - Wrong::OFFSET_NS) / (1_000_000 + Wrong::PPM) * 1_000_000;
    let truth_ns = host_ns - Wrong::of(host_ns);
    let slack_ns = 200_000;
    assert!(
        (fit.offset_low_ns - slack_ns..=fit.offset_high_ns + slack_ns).contains(&truth_ns),
        "{fit:?} {truth_ns}"
    );
    assert!(fit.drift_ppm.unwrap().contains(60.004), "{fit:?}");
    // Reading the meter takes time, of which nobody knows when it looked: that is in the uncertainty, too.
    let aligned = found.clocks[0].alignment.clone().unwrap();
    assert!(aligned.uncertainty_ns.unwrap() > u64::try_from(fit.uncertainty_ns()).unwrap(), "{aligned:?}");
    // A reading lies where it was taken, before the exchange that brought it.
    let map = |time: i64| fit.map(time);
    for row in run.rows("far/power").unwrap() {
        let taken = map(row.t_device_ns.unwrap());
        assert!(taken < row.t_end_ns + 5_000_000 && row.t_end_ns - taken < 30_000_000_000, "{row:?}");
    }
}

#[test]
fn a_server_that_goes_leaves_a_gap_and_its_readers_come_back() {
    let site = Site::new(MeterKind::Sdm630Tcp);
    // A port that is free now, to be used twice.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let start = || {
        let mut command = wattproof();
        command.args(site.serve(&address));
        Serving::start(command)
    };
    let served = start();
    let rig = site.path("rig.toml");
    served.write_rig(&rig, "policy = \"optional\"\n");
    let run = site.path("run");
    let mut recorder = wattproof();
    recorder.args(["record", "--rig"]).arg(&rig).arg("-o").arg(&run);
    let recorder = recorder.spawn().unwrap();
    wait_for("readings", || rows(&run, "remote/power") > 5);
    drop(served);
    wait_for("the interruption in the manifest", || {
        let recording = Run::open(&run).unwrap().manifest().recording.clone();
        recording.is_some_and(|recording| !recording.interruptions.is_empty())
    });
    let again = start();
    let seen = rows(&run, "remote/power");
    wait_for("readings after the gap", || rows(&run, "remote/power") > seen + 5);
    signal(&recorder, Signal::INT);
    let output = recorder.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("remote was lost and came back"), "{}", said(&output));
    drop(again);
}

#[test]
fn what_a_beginner_does_first_is_answered_in_a_sentence() {
    let site = Site::new(MeterKind::Sdm630Tcp);
    let mut command = wattproof();
    command.args(site.serve("127.0.0.1:0"));
    let served = Serving::start(command);
    let rig = site.path("rig.toml");
    let record = |text: &str| {
        fs::write(&rig, text).unwrap();
        let mut command = wattproof();
        let command = command.args(["record", "--for", "1s", "--rig"]).arg(&rig).arg("-o");
        let output = command.arg(site.path("none")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        String::from_utf8(output.stderr).unwrap()
    };
    let with = |options: &str| {
        let lines = served.rig.lines().filter(|line| !line.starts_with("options"));
        format!("{}\n{options}\n", lines.collect::<Vec<_>>().join("\n"))
    };
    assert!(record(&with("")).contains("needs the option token_file"));
    assert!(record(&with("options = { token = \"not-the-token\" }")).contains("the token is wrong"));
    let output =
        wattproof().args(["serve-meter", "sdm630@tcp:127.0.0.1:1", "--token", "short"]).output().unwrap();
    assert!(
        output.status.code() == Some(2) && text(&output.stderr).contains("8 to 128"),
        "{}",
        said(&output)
    );
    let output = wattproof().arg("serve-meter").output().unwrap();
    assert!(text(&output.stderr).contains("METER@LINK"), "{}", said(&output));
    // Another server at the same place.
    let address = served.rig.lines().find_map(|line| line.split("tcp:").nth(1)).unwrap().trim_matches('"');
    let output = wattproof().args(site.serve(address)).output().unwrap();
    assert!(
        output.status.code() == Some(2) && text(&output.stderr).contains("--listen"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_rig_that_is_up_is_used_by_other_processes_until_it_is_told_to_end() {
    let mut child = wattproof().args(["rig", "up"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    while !told.last().is_some_and(|line: &String| line.contains("CLOCK_MONOTONIC")) {
        told.push(lines.next().unwrap().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "{}\nnvidia-smi -L | head -1\n\"$W\" record --rig \"$WATTPROOF_RIG_SOURCES\" --for 1s -o {}/run",
        told.join("\n"),
        folder.path().display()
    );
    let output =
        Command::new("sh").args(["-ec", &script]).env("W", env!("CARGO_BIN_EXE_wattproof")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stdout).starts_with("GPU 0: NVIDIA"), "{}", said(&output));
    let meter = told.iter().find_map(|line| line.strip_prefix("# meter modbus: ")).unwrap();
    let output = wattproof().args(["meter", "probe", meter]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for named in ["# nvidia-smi: ", "# NVML: ", "# powercap: "] {
        let path = told.iter().find_map(|line| line.strip_prefix(named)).unwrap();
        assert!(Path::new(path).exists(), "{path}");
    }
    signal(&child, Signal::INT);
    assert!(child.wait().unwrap().success());
    let library = told.iter().find_map(|line| line.strip_prefix("# NVML: ")).unwrap();
    assert!(!Path::new(library).exists(), "its directory is gone");
    let output = wattproof().args(["rig", "up", "--seconds", "0.2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let output = wattproof().args(["rig", "up", "--rig", "/nowhere.toml"]).output().unwrap();
    assert!(
        output.status.code() == Some(2) && text(&output.stderr).contains("/nowhere.toml"),
        "{}",
        said(&output)
    );
}
