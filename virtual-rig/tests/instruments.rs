//! Each meter, asked over plain sockets and lines, shows the truth as its window and delay have it.

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{address, connect, mean_w, modbus_tcp, now_ns, number, rig, steady};
use virtual_rig::{Address, MeterDescription, MeterKind, Rail, RigControl, StampPosition};

fn close(shown: f64, truth: f64, within: f64) {
    assert!((shown - truth).abs() <= within, "{shown} W shown, {truth} W true");
}

#[test]
fn an_lmg450_sends_a_line_each_cycle() {
    let rig = steady(MeterKind::Lmg450);
    let mut client = connect(&rig);
    assert!(client.ask("*idn?").contains("LMG450"));
    client.send("syst:lang short\r\nactn;P?;UTRMS?;ITRMS?;PF?\r\ncont on\r\n");
    let begun = now_ns();
    for _ in 0..10 {
        let line = client.line();
        let values: Vec<f64> = line.split(';').map(|value| value.parse().unwrap()).collect();
        let &[power, volts, amps, factor] = values.as_slice() else { panic!("{line}") };
        close(power, mean_w(&rig, 105, 5), 0.1);
        assert!((power / (volts * amps) - factor).abs() < 1e-4, "{line}");
        assert!((225.0..235.0).contains(&volts));
    }
    let took_ms = (now_ns() - begun) / 1_000_000;
    assert!(took_ms >= 890, "10 cycles in {took_ms} ms");
    client.send("cont off\r\n");
    assert_eq!(client.ask("syst:err:all?"), "0,\"No error\"");
    client.send("tsnorm?\r\n");
    assert!(client.ask("syst:err:all?").contains("tsnorm"), "an LMG450 has no time of its own");
}

#[test]
fn an_lmg670_stamps_the_end_of_its_window_by_its_own_clock() {
    let meter = MeterDescription::new("wall", MeterKind::Lmg670).with_clock(100.0, 2_000.0).perfect();
    let rig = rig(meter, true);
    let mut client = connect(&rig);
    client.send("*zlang short\nactn;tsnorm1?;durnorm1?;p1?\ncont on\n");
    let mut stamps = Vec::new();
    for _ in 0..30 {
        let line = client.line();
        let [stamp, length, power] = line.split(';').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(length, "0.100000000");
        let power: f64 = power.parse().unwrap();
        // The last 9 digits before the zone are the ns of the second; minutes and seconds are before.
        let of_hour = &stamp[14..29];
        let [minute, second] = of_hour.split(':').collect::<Vec<_>>().try_into().unwrap();
        let s = minute.parse::<f64>().unwrap() * 60.0 + second.parse::<f64>().unwrap();
        stamps.push((s, power));
    }
    for pair in stamps.windows(2) {
        let step = (pair[1].0 - pair[0].0).rem_euclid(3_600.0);
        assert!((step - 0.1).abs() < 1e-6, "a cycle is 100 ms of the meter's own time, not {step}");
    }
    // Back to host time by the truth about its clock, the values are the means of their windows.
    let truth = &rig.meters()[0].truth;
    assert_eq!((truth.clock_offset_s, truth.drift_ppm), (100.0, 2_000.0));
    let unix_offset_ns = realtime_offset_ns();
    for (s, power) in stamps {
        let now = now_ns();
        let own_now = now + unix_offset_ns + 100_000_000_000 + (now - rig.origin_ns()) / 500;
        let own_s = float(own_now) / 1e9;
        let ago_s = (own_s.rem_euclid(3_600.0) - s).rem_euclid(3_600.0);
        let end = now - i64::try_from(Duration::from_secs_f64(ago_s / 1.002).as_nanos()).unwrap();
        let near = |shift_ms: i64| {
            let end = end + shift_ms * 1_000_000;
            rig.node().mean_w(Rail::NodeAc, end - 99_800_399, end).unwrap()
        };
        let (low, high) = (-3..=3).map(near).fold((f64::MAX, f64::MIN), |(l, h), m| (l.min(m), h.max(m)));
        assert!((low - 0.5..=high + 0.5).contains(&power), "{power} W shown, {low} to {high} W true");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a test to a fraction of a ms")]
fn float(value: i64) -> f64 {
    value as f64
}

fn realtime_offset_ns() -> i64 {
    let anchor = power_core::SystemClock.anchor();
    anchor.realtime_ns - anchor.monotonic_ns
}

#[test]
fn a_wt310_gives_the_items_that_it_was_told_to() {
    let rig = steady(MeterKind::Wt310);
    let mut client = connect(&rig);
    assert!(client.ask("*IDN?").starts_with("YOKOGAWA,WT310E"));
    assert_eq!(client.ask(":NUM:NORM:ITEM1?"), ":NUMERIC:NORMAL:ITEM1 U,1");
    client.send(":COMM:HEAD OFF\n:NUMERIC:NORMAL:ITEM1 P,1;ITEM2 LAMBDA,1\n:NUM:NORM:NUMBER 2\n");
    assert_eq!(client.ask(":NUM:NORM:ITEM1?;ITEM2?"), "P,1;LAMBDA,1");
    let values = client.ask(":NUM:NORM:VAL?");
    let (power, factor) = values.split_once(',').unwrap();
    let power: f64 = power.parse().unwrap();
    close(power, mean_w(&rig, 120, 20), 0.1);
    assert!((0.9..1.0).contains(&factor.parse::<f64>().unwrap()), "{values}");
    assert_eq!(client.ask(":RATE?"), "100.00E-03");
    assert_eq!(client.ask(":NUM:NORM:VAL? 3").matches('E').count(), 1);
    assert_eq!(client.ask(":INPUT:CURRENT:AUTO?;:MEAS:AVER:STAT?;:INPUT:CFACTOR?"), "1;0;3");
    client.send(":INPUT:CURRENT:RANGE 0.5A\n:NUM:NORM:ITEM1 P,1\n");
    assert_eq!(client.ask(":INPUT:CURRENT:RANGE?;AUTO?"), "500.00E-03;0");
    assert_eq!(client.ask(":NUM:NORM:VAL? 1"), "INF");
    client.send(":INPUT:CURRENT:AUTO ON;:RATE 100MS\n");
    assert_ne!(client.ask(":NUM:NORM:VAL? 1"), "INF");
    client.send(":NUM:NORM:ITEM1 NONSENSE,1\n");
    assert!(client.ask(":STAT:ERR?").starts_with("141"));
}

#[test]
fn an_sdm630_has_its_registers() {
    let rig = steady(MeterKind::Sdm630Tcp);
    let mut client = connect(&rig);
    let read = |client: &mut common::Client, address| {
        let reply = client.exchange(&modbus_tcp(1, 4, address, 2), 13);
        assert_eq!(reply[..9], [0x12, 0x34, 0, 0, 0, 7, 1, 4, 4]);
        f64::from(number(&reply))
    };
    let total = read(&mut client, 0x0034);
    close(total, mean_w(&rig, 1_500, 500), 0.1);
    let phases: f64 = [0x000C, 0x000E, 0x0010].map(|address| read(&mut client, address)).iter().sum();
    close(phases, total, 0.1);
    assert!((225.0..235.0).contains(&read(&mut client, 0x0000)));
    assert!((49.9..50.1).contains(&read(&mut client, 0x0046)));
    // Refused: an address that is not there, too many registers, a function that it has not, another unit.
    for (unit, function, address, count, code) in
        [(1, 4, 0x4000, 2, 2), (1, 4, 0, 126, 3), (1, 4, 0, 0, 3), (1, 6, 0, 2, 1), (9, 4, 0, 2, 0x0B)]
    {
        let reply = client.exchange(&modbus_tcp(unit, function, address, count), 9);
        assert_eq!(reply[4..], [0, 3, unit, function | 0x80, code]);
    }
    // The whole map in blocks, as a client that reads adjacent registers does.
    let block = client.exchange(&modbus_tcp(1, 4, 0, 80), 9 + 160);
    assert_eq!(block[8], 160);
}

#[test]
fn a_slow_meter_follows_a_step() {
    let rig = steady(MeterKind::Sdm630Tcp);
    let mut client = connect(&rig);
    let read =
        |client: &mut common::Client| f64::from(number(&client.exchange(&modbus_tcp(1, 4, 0x0034, 2), 13)));
    let before = read(&mut client);
    rig.set_loads(&[(0, 600.0), (1, 600.0)]).unwrap();
    std::thread::sleep(Duration::from_millis(3_200));
    close(read(&mut client), mean_w(&rig, 1_100, 50), 8.0);
    assert!(read(&mut client) > before + 800.0);
}

#[test]
fn an_sdm630_on_a_serial_line_checks_sums() {
    let rig = steady(MeterKind::Sdm630Rtu);
    let Address::Tty(path) = address(&rig) else { panic!("not serial") };
    let mut port =
        serialport::new(path.to_str().unwrap(), 9_600).timeout(Duration::from_millis(500)).open().unwrap();
    // 01 04 00 34 00 02, checksum by a table of the specification's algorithm: 30 05.
    port.write_all(&[0x01, 0x04, 0x00, 0x34, 0x00, 0x02, 0x30, 0x05]).unwrap();
    let mut reply = [0; 9];
    port.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..3], [1, 4, 4]);
    let power = f32::from_be_bytes([reply[3], reply[4], reply[5], reply[6]]);
    close(f64::from(power), mean_w(&rig, 1_500, 500), 0.1);
    // A wrong checksum is not answered, and the next request is.
    port.write_all(&[0x01, 0x04, 0x00, 0x34, 0x00, 0x02, 0x30, 0x04]).unwrap();
    assert!(port.read_exact(&mut reply).is_err());
    port.write_all(&[0x01, 0x04, 0x00, 0x34, 0x00, 0x02, 0x30, 0x05]).unwrap();
    port.read_exact(&mut reply).unwrap();
}

#[test]
fn a_ptdaemon_measures_between_go_and_stop() {
    let meter = MeterDescription::new("wall", MeterKind::Ptdaemon).with_period_ms(100.0, 100.0).perfect();
    let rig = rig(meter, false);
    let mut client = connect(&rig);
    assert_eq!(client.ask("Hello"), "Hello, PTDaemon here!");
    assert!(client.ask("Identify").contains("version=1.10.0-"));
    assert_eq!(client.ask("RR"), "Ranges,1,-1.000000,1,-1.000000");
    assert_eq!(client.ask("SR,V,300"), "Range V changed");
    assert_eq!(client.ask("SR,A,Auto"), "Range A changed");
    assert_eq!(client.ask("RR"), "Ranges,1,-1.000000,0,300.000000");
    assert_eq!(client.ask("Watts"), "No data");
    assert_eq!(
        client.ask("Go,1000,0,run_1"),
        "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples"
    );
    std::thread::sleep(Duration::from_millis(1_400));
    let head = client.ask("RL");
    let count: usize = head.strip_prefix("Last ").unwrap().strip_suffix(" samples").unwrap().parse().unwrap();
    assert!((1..=2).contains(&count), "{head}");
    for _ in 0..count {
        let line = client.line();
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!([fields[0], fields[2], fields[4], fields[10]], ["Time", "Watts", "Volts", "Mark"]);
        assert_eq!(fields[11], "run_1");
        close(fields[3].parse().unwrap(), mean_w(&rig, 1_000, 500), 0.1);
    }
    let watts = client.ask("Watts");
    close(watts.split(',').nth(1).unwrap().parse().unwrap(), mean_w(&rig, 1_000, 500), 0.1);
    assert!(watts.ends_with(",0,1") || watts.ends_with(",0,2"), "{watts}");
    let uncertainty: f64 = client.ask("Uncertainty").split(',').nth(1).unwrap().parse().unwrap();
    assert!((0.1..1.0).contains(&uncertainty), "{uncertainty} %");
    assert_eq!(client.ask("RL,*,*"), "Error: Invalid number of parameters");
    assert_eq!(client.ask("Stop"), "Stopping untimed measurement");
    assert_eq!(client.ask("Stop"), "Error: no measurement to stop");
}

#[test]
fn a_watts_up_sends_records_until_told_to_stop() {
    let meter = MeterDescription::new("wall", MeterKind::WattsUp).with_period_ms(100.0, 100.0).perfect();
    let rig = rig(meter, false);
    let Address::Tty(path) = address(&rig) else { panic!("not serial") };
    let mut port =
        serialport::new(path.to_str().unwrap(), 115_200).timeout(Duration::from_millis(500)).open().unwrap();
    port.write_all(b"#V,3;#L,W,3,E,,1;").unwrap();
    let mut text = String::new();
    while text.matches('\n').count() < 4 {
        let mut bytes = [0; 256];
        let count = port.read(&mut bytes).unwrap();
        text.push_str(std::str::from_utf8(&bytes[..count]).unwrap());
    }
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("#v,"));
    let fields: Vec<&str> = lines.next().unwrap().trim_end_matches(';').split(',').collect();
    assert_eq!((fields[0], fields[2], fields.len()), ("#d", "18", 21));
    close(fields[3].parse::<f64>().unwrap() / 10.0, mean_w(&rig, 500, 100), 0.2);
    port.write_all(b"#L,R,0;").unwrap();
    std::thread::sleep(Duration::from_millis(250));
    port.clear(serialport::ClearBuffer::Input).unwrap();
    assert!(port.read(&mut [0; 16]).is_err(), "it has stopped");
}

#[test]
fn two_clients_see_the_same_meter() {
    let meter = MeterDescription::new("wall", MeterKind::Wt310).with_period_ms(5_000.0, 100.0);
    let rig = rig(meter.with_stamps(false, StampPosition::End), true);
    let (mut one, mut two) = (connect(&rig), connect(&rig));
    let agree = (0..5).filter(|_| one.ask(":NUM:NORM:VAL? 3") == two.ask(":NUM:NORM:VAL? 3")).count();
    assert!(agree >= 4);
}

#[test]
fn another_process_can_have_the_truth() {
    let rig = rig(MeterDescription::new("wall", MeterKind::Lmg670), true);
    let mut control = RigControl::connect(&rig.socket()).unwrap();
    let (from, to) = (rig.origin_ns(), rig.origin_ns() + 30_000_000_000);
    let ac = control.rail_energy_j(Rail::NodeAc, from, to).unwrap();
    let dc = control.rail_energy_j(Rail::NodeDc, from, to).unwrap();
    let loss = control.rail_energy_j(Rail::PsuLoss, from, to).unwrap();
    assert!((ac - dc - loss).abs() < 1e-6);
    assert!(control.rail_energy_j(Rail::Gpu(9), from, to).is_err());
    let directory = tempfile::tempdir().unwrap();
    control.write_truth(directory.path(), from, to).unwrap();
    let csv = std::fs::read_to_string(directory.path().join("truth.csv")).unwrap();
    let mut energy = 0.0;
    let mut last: Option<(i64, f64)> = None;
    let mut counted = 0;
    for line in csv.lines().skip(1) {
        let [t, channel, quantity, value] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        if channel == "truth/node_ac" {
            assert_eq!(quantity, "instantaneous power");
            let (t, value) = (t.parse().unwrap(), value.parse().unwrap());
            energy += last.map_or(0.0, |(t0, power): (i64, f64)| power * float(t - t0) / 1e9);
            last = Some((t, value));
        }
        if channel == "truth/node_ac.energy" {
            assert_eq!(quantity, "energy counter uJ");
            counted = value.parse::<i64>().unwrap();
        }
    }
    assert!((energy - ac).abs() < 1e-3, "{energy} {ac}");
    assert!((float(counted) / 1e6 - ac).abs() < 1e-3, "{counted} {ac}");
    let meters = std::fs::read_to_string(directory.path().join("truth-meters.toml")).unwrap();
    assert!(meters.contains("drift_ppm") && meters.contains("name = \"wall\""));
    assert!(directory.path().join("truth-marks.csv").is_file());
}

#[test]
fn the_sources_name_every_instrument() {
    let description = virtual_rig::Description::paper_node();
    let rig = virtual_rig::VirtualRig::start(description).unwrap();
    let sources: toml::Table = rig.sources().parse().unwrap();
    assert_eq!(sources["reference"].as_str(), Some("wall/power"));
    let sources = sources["source"].as_array().unwrap();
    let of =
        |driver: &str| sources.iter().filter(|s| s["driver"].as_str() == Some(driver)).collect::<Vec<_>>();
    assert_eq!([of("nvml").len(), of("smi").len(), of("rapl").len(), of("meter").len()], [12, 1, 1, 2]);
    let wall = of("meter")[0]["device"].as_str().unwrap();
    assert!(wall.starts_with("zes-lmg670@tcp:127.0.0.1:"), "{wall}");
    let library = of("nvml")[0]["options"]["library"].as_str().unwrap();
    assert_eq!(std::path::Path::new(library), rig.nvml_path());
}

#[test]
fn a_rig_by_hand_says_what_is_needed() {
    let mut said = Vec::new();
    let asked = std::cell::Cell::new(0);
    let until = || asked.replace(asked.get() + 1) > 2;
    virtual_rig::serve(virtual_rig::Description::paper_node(), &mut said, &until).unwrap();
    let said = String::from_utf8(said).unwrap();
    for needed in [
        "export WATTPROOF_RIG='",
        "export PATH='",
        "export WATTPROOF_RIG_SOURCES='",
        "# powercap: ",
        "# meter modbus: sdm630@tcp:",
    ] {
        assert!(said.contains(needed), "{needed} is not in {said}");
    }
    assert!(asked.get() > 2);
}
