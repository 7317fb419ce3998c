//! Clocks of a run, as a user meets them: a node with two meters whose clocks are wrong, and what later commands make of
//! the alignment.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use assert_cmd::Command;
use harness::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Channel, ClockDomain, Delivery, Descriptor, Flags, Lane, Quantity, Scope};
use power_testkit::{DeviceClock, Filter, SensorModel, Signal};
use serde_json::Value;

const SECOND: i64 = 1_000_000_000;
const SPAN_S: i64 = 90;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A node with pulses at both ends and a training in between that no pulse speaks of.
fn load() -> (Signal, Vec<(i64, f64)>) {
    let burst = |begin: i64, seed| {
        Signal::random_square(0.0, 1200.0, ms(1800), begin * SECOND..(begin + 16) * SECOND, seed)
    };
    let pulses = burst(4, 1) + burst(SPAN_S - 20, 2);
    let steps = pulses.edges_ns().into_iter().map(|edge| (edge, pulses.power_w(edge))).collect();
    let training = Signal::random_square(0.0, 700.0, ms(900), 28 * SECOND..60 * SECOND, 3);
    (Signal::constant(400.0) + pulses.with_rise(ms(4)) + training, steps)
}

struct Meter<'a> {
    id: &'a str,
    window: Duration,
    clock: DeviceClock,
    delivery: Delivery,
    /// Which moment of the window it stamps: 0 its end, 1 its start.
    stamps: f64,
}

impl Meter<'_> {
    fn write(&self, writer: &mut RunWriter, load: &Signal) {
        let channel = Channel::new("power", Quantity::average_power(self.window))
            .with_update_period(self.window)
            .with_scope(Scope::NodeAc)
            .with_delivery(self.delivery);
        let descriptor = Descriptor::new("meter", self.id, vec![channel])
            .with_lane(Lane::new(self.id))
            .with_clock(self.clock.domain());
        let source = writer.add_source(self.id, descriptor).unwrap();
        let model = SensorModel::new(load.clone(), self.window)
            .with_phase(ms(31))
            .with_filter(Filter::Boxcar(self.window))
            .with_noise(2.0)
            .with_seed(9);
        let early = i64::try_from(self.window.mul_f64(self.stamps).as_nanos()).unwrap();
        let row = |t_start_ns, t_end_ns, device, value| Row {
            channel: 0,
            t_start_ns,
            t_end_ns,
            t_device_ns: Some(device),
            value: RowValue::Number(value),
            flags: Flags::NONE,
        };
        if self.delivery == Delivery::Streamed {
            for publication in model.publications(0, SPAN_S * SECOND) {
                let heard = publication.t_ns + 4_000_000 + publication.index % 7 * 900_000;
                let device = self.clock.device_ns(publication.t_ns - early);
                writer.push(source, row(heard, heard + 50_000, device, publication.value.unwrap())).unwrap();
            }
            return;
        }
        // Asked every 40 ms, it answers with its latest publication and that one's time.
        for k in 0..SPAN_S * 25 {
            let (asked, answered) = (k * 40_000_000, k * 40_000_000 + 2_000_000);
            let publication = model.publication_at(asked + 1_000_000);
            let device = self.clock.device_ns(publication.t_ns - early);
            writer.push(source, row(asked, answered, device, publication.value.unwrap())).unwrap();
        }
    }
}

/// A run of a GPU that is read every 10 ms by the host's clock, and of two meters with clocks of their own.
fn run_with(dir: &Path, meters: &[Meter<'_>]) -> Signal {
    let origin = Origin::Recorded { command: vec!["train".to_owned()], exit_code: Some(0) };
    let mut writer = RunWriter::create(dir, NewRun::new(TimeBase::HostMonotonic, origin)).unwrap();
    let (load, steps) = load();
    let channel = Channel::new("power", Quantity::instantaneous_power()).with_delivery(Delivery::Streamed);
    let descriptor = Descriptor::new("sim", "gpu", vec![channel]).with_lane(Lane::new("gpu"));
    let gpu = writer.add_source("gpu", descriptor).unwrap();
    for k in 0..SPAN_S * 100 {
        let time = k * 10_000_000;
        writer.push(gpu, Row::at(0, time, RowValue::Number(load.power_w(time) - 300.0))).unwrap();
    }
    for meter in meters {
        meter.write(&mut writer, &load);
    }
    for (t_ns, power) in steps {
        let event = if power > 0.0 { MarkEvent::Begin } else { MarkEvent::End };
        writer.mark(Mark { t_ns, event, name: "sync pulse".to_owned() }).unwrap();
    }
    for (t_ns, event) in [(30 * SECOND, MarkEvent::Begin), (58 * SECOND, MarkEvent::End)] {
        writer.mark(Mark { t_ns, event, name: "train".to_owned() }).unwrap();
    }
    writer.finish().unwrap();
    load
}

fn wattproof(arguments: &[&str], run: &Path) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    let output = command.arg(arguments[0]).arg(run).args(&arguments[1..]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn two_meters() -> [Meter<'static>; 2] {
    let fast = Meter {
        id: "fast",
        window: ms(100),
        clock: DeviceClock::new(1_790_000_000 * SECOND + 123_456_789, 42.0),
        delivery: Delivery::Streamed,
        stamps: 0.0,
    };
    let slow = Meter {
        id: "slow",
        window: ms(1000),
        clock: DeviceClock::new(-77 * SECOND, -65.0),
        delivery: Delivery::Polled,
        stamps: 1.0,
    };
    [fast, slow]
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    (dir, path)
}

/// Error of the mapped end of the window in milliseconds at host time `host_ns`.
#[expect(clippy::cast_precision_loss, reason = "a small difference")]
fn off_ms(clock: &Value, meter: &Meter<'_>, host_ns: i64) -> f64 {
    let early = i64::try_from(meter.window.mul_f64(meter.stamps).as_nanos()).unwrap();
    let device = meter.clock.device_ns(host_ns - early);
    let origin = clock["origin_ns"].as_i64().unwrap();
    let drift = clock["drift_ppm"].as_f64().unwrap() * 1e-6 * (device - origin) as f64;
    ((device + clock["offset_ns"].as_i64().unwrap() - host_ns) as f64 + drift) * 1e-6
}

#[test]
fn both_meters_are_aligned_and_later_commands_say_so() {
    let (_guard, dir) = temporary();
    let meters = two_meters();
    run_with(&dir, &meters);
    let (out, err, code) = wattproof(&["sync", "--json", "-"], &dir);
    assert_eq!(code, Some(0), "{err}\n{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    for (meter, most_ms) in meters.iter().zip([3.0, 15.0]) {
        let clocks = found["clocks"].as_array().unwrap();
        let clock = clocks.iter().find(|clock| clock["source"] == meter.id).unwrap();
        let aligned = &clock["alignment"];
        for host in [8 * SECOND, 45 * SECOND, 85 * SECOND] {
            let off = off_ms(aligned, meter, host);
            assert!(off.abs() < most_ms, "{}: {off} ms at {host}\n{clock:#}", meter.id);
        }
        let half_ms = aligned["uncertainty_ns"].as_f64().unwrap() * 1e-6;
        assert!(off_ms(aligned, meter, 45 * SECOND).abs() < half_ms.max(0.05) * 1.5 && half_ms < most_ms);
    }
    // The slow one answers when asked: exchanges bound when it published.
    let clocks = found["clocks"].as_array().unwrap();
    let of = |id: &str| clocks.iter().find(|clock| clock["source"] == id).unwrap();
    assert_eq!(of("slow")["exchange"]["method"], "exchange");
    assert_eq!((&of("fast")["exchange"], &of("fast")["stamps"]), (&Value::Null, &Value::from("undecided")));
    assert_eq!(of("gpu")["alignment"], Value::Null);

    let alignment = Run::open(&dir).unwrap().alignment().unwrap();
    assert_eq!(alignment.0.keys().collect::<Vec<_>>(), ["fast", "slow"]);
    let (out, _, code) = wattproof(&["verify"], &dir);
    assert_eq!(code, Some(0), "{out}");

    let (text, _, _) = wattproof(&["compare", "--reference", "fast/power", "--sensor", "gpu/power"], &dir);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("fast: clock aligned by"), "{text}");
    assert!(text.contains("counts at the middle of its averaging window of 100 ms"), "{text}");
    let (json, _, _) =
        wattproof(&["compare", "--reference", "fast/power", "--sensor", "gpu/power", "--json", "-"], &dir);
    let json: Value = serde_json::from_str(&json).unwrap();
    let comparison = &json["sensors"][0]["comparison"];
    let method = comparison["energies"]["naive"]["error"]["method"].as_str().unwrap();
    assert!(method.contains("widened by what the clocks leave open"), "{method}");
    assert!(comparison["phases"][0]["clock_error"].as_f64().unwrap() > 0.0);

    let (json, _, _) = wattproof(&["energy", "--json", "-"], &dir);
    let json: Value = serde_json::from_str(&json).unwrap();
    let channels = json["channels"].as_array().unwrap();
    let bound = |name: &str| {
        let channel = channels.iter().find(|channel| channel["name"] == name).unwrap();
        let train = channel["phases"].as_array().unwrap().iter().find(|phase| phase["name"] == "train");
        train.unwrap()["energy"]["clock_bound_j"].as_f64()
    };
    assert!(
        bound("fast/power").unwrap() > 0.0 && bound("slow/power").unwrap() > bound("fast/power").unwrap()
    );
    assert_eq!(bound("gpu/power"), None);
}

#[test]
fn a_dry_run_writes_nothing_and_says_all() {
    let (_guard, dir) = temporary();
    run_with(&dir, &two_meters());
    let (out, _, code) = wattproof(&["sync", "--dry-run"], &dir);
    assert_eq!(code, Some(0));
    assert!(!dir.join("alignment.json").exists());
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "Its times are moved by",
        "drift +",
        "By 90 exchanges",
        "the load as commanded by the phases sync",
        "Its times are the host's: nothing to align.",
    ] {
        assert!(out.contains(said), "{said} is not in: {out}");
    }
}

#[test]
fn another_channel_can_be_the_load() {
    let (_guard, dir) = temporary();
    let meters = two_meters();
    run_with(&dir, &meters);
    let (out, err, code) = wattproof(&["sync", "--load", "gpu/power", "--json", "-"], &dir);
    assert_eq!(code, Some(0), "{err}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let clocks = found["clocks"].as_array().unwrap();
    for (meter, most_ms) in meters.iter().zip([3.0, 15.0]) {
        let clock = clocks.iter().find(|clock| clock["source"] == meter.id).unwrap();
        let off = off_ms(&clock["alignment"], meter, 45 * SECOND);
        // A load that is read every 10 ms has its edges 5 ms from where they are, at most.
        assert!(off.abs() < most_ms + 5.0, "{}: {off}\n{clock:#}", meter.id);
    }
}

#[test]
fn without_a_load_exchanges_bound_the_clock_and_a_streamed_one_fails() {
    let (_guard, dir) = temporary();
    let origin = Origin::Recorded { command: vec![], exit_code: None };
    let mut writer = RunWriter::create(&dir, NewRun::new(TimeBase::HostMonotonic, origin)).unwrap();
    let meters = two_meters();
    for meter in &meters {
        meter.write(&mut writer, &load().0);
    }
    writer.finish().unwrap();
    let (out, _, code) = wattproof(&["sync", "--json", "-"], &dir);
    assert_eq!(code, Some(1), "{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let clocks = found["clocks"].as_array().unwrap();
    let of = |id: &str| clocks.iter().find(|clock| clock["source"] == id).unwrap();
    assert_eq!((&of("fast")["alignment"], &of("fast")["failed"]), (&Value::Null, &Value::from(true)));
    let slow = &of("slow")["alignment"];
    let half = slow["uncertainty_ns"].as_i64().unwrap();
    assert!((1..40_000_000).contains(&half), "{slow}");
    assert!(off_ms(slow, &meters[1], 45 * SECOND).abs() < 40.0);
}

#[test]
fn a_run_without_clocks_of_its_own_needs_nothing() {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recordings/h200-short-epochs");
    let (out, _, code) = wattproof(&["sync", "--dry-run"], &bundled);
    assert_eq!(code, Some(0), "{out}");
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(out.contains("the run's anchors relate it to the time base"), "{out}");
    let (_, err, code) = wattproof(&["sync", "--dry-run", "--channel", "ring/powr"], &bundled);
    assert_eq!(code, Some(2));
    assert!(err.contains("did you mean ring/power"), "{err}");
}

#[test]
fn domains_are_named_as_they_are_written() {
    // What `sync` relies on: a clock of the device's own survives the manifest.
    let domain = DeviceClock::new(0, 0.0).with_tick(ms(1)).domain();
    assert_eq!(domain, ClockDomain::Device { tick_hz: Some(1_000.0) });
}
