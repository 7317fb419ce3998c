//! Binary streams: nothing is lost unnoticed, and full rate costs little.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod simulated;

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::instrument::catalogue::find;
use driver_meter::link::Link;
use driver_meter::link::serial::{SerialLink, SerialSettings};
use driver_meter::streams::pmd::{self, RECORD_BYTES};
use driver_meter::streams::power_sensor3::{self, FRAME_BYTES};
use driver_meter::streams::ticks::Ticks;
use power_core::{ErrorKind, Flags, Options, PowerSource, Reading, Recorder, SystemClock};
use serialport::{SerialPort, TTYPort};
use simulated::peers::{self, Firmware, PmdFirmware, Ps3Firmware, Records, play};
use simulated::{Server, of, read, read_until_well};

/// A stream at a fraction of its rate, so that a loaded machine can follow.
fn slow(model: &'static str, lose: fn(u64) -> bool) -> Server {
    Server::start(move |mut stream, _, _| {
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        match model {
            "elmorlabs-pmd" => {
                play(&mut stream, &mut PmdFirmware::default(), (peers::pmd_bytes, 1000.0), lose)
            }
            _ => play(&mut stream, &mut Ps3Firmware::default(), (peers::ps3_bytes, 1000.0), lose),
        }
    })
}

fn open(model: &str, server: &Server) -> Box<dyn PowerSource> {
    (find(model).unwrap().open)(server.link(), &Options::new()).unwrap()
}

/// Reads until `count` readings of the channel `power` have come.
fn collect(source: &mut dyn PowerSource, count: usize) -> Vec<Reading> {
    let mut readings = Vec::new();
    while readings.len() < count {
        let more = read(source).unwrap();
        readings.extend(of(source, &more, "power").into_iter().copied());
    }
    readings
}

#[test]
fn records_that_are_lost_are_flagged() {
    // One, then some, then so many that the counters wrap.
    fn lose(number: u64) -> bool {
        matches!(number, 50 | 80..=90 | 120..=125)
    }
    // Where readings come after a loss, and how many are missing before them. A record beside a loss may have been put
    // together of two, so that it is left out as well.
    for (model, step_ns, losses) in [
        ("elmorlabs-pmd", 209_300, [(48, 3), (75, 13), (102, 8)]),
        ("powersensor3", 50_000, [(49, 2), (77, 12), (105, 7)]),
    ] {
        let server = slow(model, lose);
        let mut source = open(model, &server);
        let power = collect(&mut source, 150);
        let expected = power[0].value;
        assert!(power.iter().all(|reading| reading.value == expected));
        let flagged: Vec<usize> =
            (0..power.len()).filter(|index| power[*index].flags.contains(Flags::OVERRUN)).collect();
        assert_eq!(flagged, losses.map(|(index, _)| index), "{model}");
        for (pair, index) in power.windows(2).zip(1..) {
            let step = pair[1].device_time.unwrap().nanos() - pair[0].device_time.unwrap().nanos();
            let missing = losses.iter().find(|(at, _)| *at == index).map_or(0, |(_, missing)| *missing);
            let expected = step_ns * (missing + 1);
            assert!((step - expected).abs() < step_ns / 2, "{model} {index}: {step} ns, not some {expected}");
        }
    }
}

#[test]
fn a_decoder_finds_its_place_again() {
    // Bytes missing at every place of a record in turn; the decoders never give a wrong record.
    for missing in 1..RECORD_BYTES {
        let mut bytes = Vec::new();
        for number in 0..400 {
            peers::pmd_bytes(number, &mut bytes);
        }
        bytes.drain(150 * RECORD_BYTES + 5..150 * RECORD_BYTES + 5 + missing);
        let mut decoder = pmd::Decoder::new();
        let (mut at, mut samples, mut flagged) = (0, 0, 0);
        while let (used, Some(sample)) = decoder.next(&bytes[at..]) {
            at += used;
            assert_eq!(sample.record.rails, peers::pmd_record(0).rails);
            samples += 1;
            flagged += usize::from(sample.after_loss);
        }
        assert!((385..400).contains(&samples), "{missing} missing: {samples}");
        assert_eq!(flagged, 1, "{missing} missing");
    }
    for missing in 1..FRAME_BYTES {
        let mut bytes = Vec::new();
        for number in 0..400 {
            peers::ps3_bytes(number, &mut bytes);
        }
        bytes.drain(150 * FRAME_BYTES + 5..150 * FRAME_BYTES + 5 + missing);
        let mut decoder = power_sensor3::Decoder::new();
        let (mut at, mut frames, mut flagged) = (0, 0, 0);
        while let (used, Some(frame)) = decoder.next(&bytes[at..]) {
            at += used;
            assert_eq!(frame.levels, peers::PS3_LEVELS);
            frames += 1;
            flagged += usize::from(frame.after_loss);
        }
        assert!((396..400).contains(&frames), "{missing} missing: {frames}");
        assert_eq!(flagged, 1, "{missing} missing");
    }
}

#[test]
fn values_are_those_of_the_calibration() {
    let server = slow("powersensor3", |_| false);
    let options = Options::new().with("detail", "true");
    let mut source = (find("powersensor3").unwrap().open)(server.link(), &options).unwrap();
    let names: Vec<_> = source.descriptor().channels.iter().map(|channel| channel.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "power",
            "PCIe8pin power",
            "PCIe8pin voltage",
            "PCIe8pin current",
            "12V slot power",
            "12V slot voltage",
            "12V slot current"
        ]
    );
    let readings = read_until_well(&mut source);
    let number = |name: &str| of(&source, &readings, name)[0].value.number().unwrap();
    assert!((number("PCIe8pin current") - (3.3 * 700.0 / 1023.0 - 1.65) / 0.0625).abs() < 1e-5);
    assert!((number("PCIe8pin voltage") - 3.3 * 430.0 / 1023.0 / 0.114).abs() < 1e-5);
    let sum = number("PCIe8pin power") + number("12V slot power");
    assert!((number("power") - sum).abs() < 1e-9);
    let server = slow("elmorlabs-pmd", |_| false);
    let options = Options::new().with("detail", "true").with("rails", "pcie1,EPS2");
    let mut source = (find("elmorlabs-pmd").unwrap().open)(server.link(), &options).unwrap();
    let readings = read_until_well(&mut source);
    let number = |name: &str| of(&source, &readings, name)[0].value.number().unwrap();
    assert!((number("PCIE1 power") - 1586.0 * 0.007_568 * 205.0 * 0.048_8).abs() < 1e-9);
    assert!((number("EPS2 current") + 0.048_8).abs() < 1e-9, "a value below 0 is given as it is");
    assert!((number("power") - number("PCIE1 power") - number("EPS2 power")).abs() < 1e-9);
    let bad = (find("elmorlabs-pmd").unwrap().open)(server.link(), &Options::new().with("rails", "PCIE9"));
    assert!(bad.unwrap_err().to_string().contains("EPS2"));
}

#[test]
fn a_converter_at_its_end_is_flagged() {
    fn clipped(number: u64, into: &mut Vec<u8>) {
        let mut levels = peers::PS3_LEVELS;
        levels[0] = 1023;
        into.extend_from_slice(&power_sensor3::encode(number * 50, &levels));
    }
    let server = Server::start(|mut stream, _, _| {
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        play(&mut stream, &mut Ps3Firmware::default(), (clipped, 1000.0), |_| false)
    });
    let mut source = open("powersensor3", &server);
    let readings = read_until_well(&mut source);
    assert!(of(&source, &readings, "PCIe8pin power")[0].flags.contains(Flags::OVERRANGE));
    assert!(of(&source, &readings, "power")[0].flags.contains(Flags::OVERRANGE));
    assert!(!of(&source, &readings, "12V slot power")[0].flags.contains(Flags::OVERRANGE));
}

#[test]
fn whole_wraps_that_are_missing_are_found_by_the_hosts_clock() {
    // 0.5 ms a record, a counter that wraps every 22.34 ms, jitter of arrival up to 3 ms.
    let mut ticks = Ticks::new(65_536, pmd::TICK_NS);
    let mut found = Vec::new();
    for millisecond in 0..6_000_u64 {
        // 200 ms are missing after 2.5 s: nine wraps less 1 ms.
        if (2_500..2_700).contains(&millisecond) {
            continue;
        }
        ticks.advance(millisecond * 2_933 + millisecond / 2);
        let jitter = (millisecond * 7_919 % 3_000) * 1_000;
        let host = i64::try_from(millisecond * 1_000_000 + jitter).unwrap();
        let missing = ticks.arrived(host);
        if missing > 0 {
            found.push((millisecond, missing));
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    // 200 ms are 8.95 wraps: the step shows the rest of the last one, eight are missing.
    assert_eq!(found[0].1, 8);
    assert!((2_700..4_800).contains(&found[0].0), "{found:?}");
    let error = ticks.nanos() - 5_999_000_000;
    assert!(error.abs() < 1_000_000, "off by {error} ns after all");
}

#[test]
fn a_slow_reader_is_no_loss() {
    // Reads every 300 ms, with everything that came since: delays vary, their least does not.
    let mut ticks = Ticks::new(1024, (1000, 1));
    for block in 1..40_u64 {
        for frame in (block - 1) * 6_000..block * 6_000 {
            ticks.advance(frame * 50);
        }
        assert_eq!(ticks.arrived(i64::try_from(block * 300_000_000).unwrap()), 0);
    }
}

#[test]
fn time_goes_on_after_a_link_was_lost() {
    // At its real rate, since the host's clock tells how long the link was away; lost once, after 1.5 s.
    let connections = AtomicUsize::new(0);
    let server = Server::start(move |mut stream, _, _| {
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        let cut = stream.try_clone()?;
        let first = connections.fetch_add(1, Ordering::Relaxed) == 0;
        play(&mut stream, &mut Ps3Firmware::default(), (peers::ps3_bytes, 20_000.0), |number| {
            if first && number == 30_000 {
                let _ = cut.shutdown(Shutdown::Both);
            }
            false
        })
    });
    let mut source = open("powersensor3", &server);
    let (mut power, mut losses) = (Vec::new(), 0);
    while losses == 0 || power.len() < 40_000 {
        match read(&mut source) {
            Ok(readings) => power.extend(of(&source, &readings, "power").into_iter().copied()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
                losses += 1;
            }
        }
    }
    assert_eq!(losses, 1);
    let steps = power.windows(2).map(|pair| {
        let [before, after] = [pair[0], pair[1]].map(|reading| reading.device_time.unwrap().nanos());
        (after - before, pair[1])
    });
    let gaps: Vec<_> = steps.filter(|(step, _)| *step != 50_000).collect();
    assert!(gaps.iter().all(|(step, after)| *step > 0 && after.flags.contains(Flags::OVERRUN)), "{gaps:?}");
    assert!(!gaps.is_empty());
    let (first, last) = (power[0], power[power.len() - 1]);
    let device = last.device_time.unwrap().nanos() - first.device_time.unwrap().nanos();
    let host = last.stamp.end().nanos() - first.stamp.end().nanos();
    assert!((device - host).abs() < 300_000_000, "{device} ns by the device, {host} by the host");
}

/// A PMD on a line whose two ends may run at different rates; then neither understands the other.
#[derive(Debug)]
struct RatedLink {
    host: u32,
    device: u32,
    firmware: PmdFirmware,
    said: Vec<u8>,
    sent: u64,
}

impl Link for RatedLink {
    fn name(&self) -> &'static str {
        "a line"
    }

    fn send(&mut self, bytes: &[u8], _deadline: Instant) -> power_core::Result<()> {
        if self.host == self.device {
            for byte in bytes {
                self.said.extend(self.firmware.take(*byte));
            }
            if bytes.len() == 17 && bytes[0] == 8 {
                self.device = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> power_core::Result<usize> {
        if self.said.is_empty() && self.firmware.sends() {
            thread::sleep(Duration::from_millis(2));
            for _ in 0..10 {
                peers::pmd_bytes(self.sent, &mut self.said);
                self.sent += 1;
            }
        }
        if self.said.is_empty() {
            thread::sleep(deadline.saturating_duration_since(Instant::now()));
            return Err(power_core::Error::new(ErrorKind::Timeout, "silence"));
        }
        let count = self.said.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(self.said.drain(..count)) {
            *place = if self.host == self.device { byte } else { byte.wrapping_mul(37) };
        }
        Ok(count)
    }

    fn discard_input(&mut self) -> power_core::Result<()> {
        self.said.clear();
        Ok(())
    }

    fn reopen(&mut self, _deadline: Instant) -> power_core::Result<()> {
        Ok(())
    }

    fn set_rate(&mut self, baud: u32) -> power_core::Result<bool> {
        self.host = baud;
        Ok(true)
    }
}

#[test]
fn a_pmd_is_found_at_either_rate() {
    // Fresh from the socket, and left sending at full rate by a program that was killed.
    for (device, sends) in [(115_200, false), (921_600, true)] {
        let mut firmware = PmdFirmware::default();
        if sends {
            for byte in pmd::START {
                firmware.take(*byte);
            }
        }
        let link = RatedLink { host: 115_200, device, firmware, said: Vec::new(), sent: 0 };
        let mut source = (find("elmorlabs-pmd").unwrap().open)(Box::new(link), &Options::new()).unwrap();
        assert!(!read_until_well(&mut source).is_empty());
    }
}

/// Plays a device at full rate on a pseudo terminal, and reads it by a serial line for `time`.
fn at_full_rate(
    model: &str,
    mut firmware: impl Firmware + 'static,
    records: Records,
    rate_hz: f64,
    time: Duration,
) -> (usize, f64) {
    let (mut master, slave) = TTYPort::pair().unwrap();
    let path = slave.name().unwrap();
    master.set_timeout(Duration::from_millis(1)).unwrap();
    // Whoever opens the line takes it over.
    drop(slave);
    let held = SerialLink::open(&path, SerialSettings::new(921_600), Instant::now()).unwrap();
    let player = thread::spawn(move || {
        // Ends with the line.
        let _ = play(&mut master, &mut firmware, (records, rate_hz), |_| false);
        let _ = master.flush();
    });
    let mut source = (find(model).unwrap().open)(Box::new(held), &Options::new()).unwrap();
    let channels = source.descriptor().channels.len();
    let mut readings = Vec::with_capacity(1 << 20);
    let (mut taken, mut last, mut worst) = (0, None, 0);
    let began = Instant::now();
    let spent = cpu();
    while began.elapsed() < time {
        readings.clear();
        source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap();
        for reading in readings.iter().filter(|reading| reading.channel.0 == 0) {
            assert!(!reading.flags.contains(Flags::OVERRUN), "{model}: lost after {taken}");
            let now = reading.device_time.unwrap().nanos();
            worst = worst.max(last.replace(now).map_or(0, |last| now - last));
            taken += 1;
        }
    }
    let share = cpu().saturating_sub(spent).as_secs_f64() / began.elapsed().as_secs_f64();
    assert!(worst < 400_000, "{model}: {worst} ns between two records");
    drop(source);
    player.join().unwrap();
    assert!(channels > 1);
    (taken, share)
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn streams_over_a_terminal_lose_nothing() {
    let time = Duration::from_millis(700);
    let (taken, _) = at_full_rate("elmorlabs-pmd", PmdFirmware::default(), peers::pmd_bytes, 4_778.0, time);
    assert!(taken > 1_000, "{taken}");
    let (taken, _) = at_full_rate("powersensor3", Ps3Firmware::default(), peers::ps3_bytes, 20_000.0, time);
    assert!(taken > 4_000, "{taken}");
}

#[test]
#[ignore = "takes 20 s; for figures, with --release: run by .ci/run"]
#[expect(clippy::print_stdout, reason = "its figures are what it is run for")]
fn full_rate_for_ten_seconds() {
    let time = Duration::from_secs(10);
    for (model, rate) in [("elmorlabs-pmd", 4_778.0), ("powersensor3", 20_000.0)] {
        let (taken, share) = match model {
            "elmorlabs-pmd" => at_full_rate(model, PmdFirmware::default(), peers::pmd_bytes, rate, time),
            _ => at_full_rate(model, Ps3Firmware::default(), peers::ps3_bytes, rate, time),
        };
        let wanted = rate * 10.0;
        #[expect(clippy::cast_precision_loss, reason = "a number of records")]
        let got = taken as f64 / wanted * 100.0;
        println!(
            "{model}: {taken} records in 10 s, {got:.1} % of the nominal, {:.2} % of a core",
            share * 100.0
        );
        assert!(got > 90.0);
    }
}
