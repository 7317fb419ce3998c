//! One simulated meter of each kind. All measure [`WATTS`], 230 V and the current that goes with it.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::lines::watts_up;
use driver_meter::ptdaemon::server::Ptd;
use driver_meter::scpi::number::Scalar;
use driver_meter::scpi::yokogawa::items::Function;
use driver_meter::scpi::yokogawa::server::Wt310e;
use driver_meter::scpi::zes::server::Lmg;
use driver_meter::streams::power_sensor3_config::{SENSORS, Sensor};
use driver_meter::streams::{pmd, power_sensor3};
use driver_meter::usb::{fnb58, km003c};

use super::packets::Plug;
use super::{Server, send};

pub(crate) const WATTS: f64 = 460.0;
pub(crate) const VOLTS: f64 = 230.0;
pub(crate) const AMPERES: f64 = 2.0;

/// A WT310E as the maker sets it.
pub(crate) fn yokogawa() -> Server {
    yokogawa_with(Wt310e::default(), |function| match function {
        Function::Power | Function::Apparent => Scalar::Number(WATTS),
        Function::Voltage => Scalar::Number(VOLTS),
        Function::Current => Scalar::Number(AMPERES),
        Function::PowerFactor => Scalar::Number(1.0),
        Function::Frequency => Scalar::Number(50.0),
        _ => Scalar::Number(0.0),
    })
}

/// A WT310E that measures what `measure` says.
pub(crate) fn yokogawa_with(
    mut meter: Wt310e,
    mut measure: impl FnMut(Function) -> Scalar + Send + 'static,
) -> Server {
    Server::answering(b"\n", move |command| {
        let answer = meter.answer(command, |item| measure(item.function))?;
        Some(format!("{answer}\n").into_bytes())
    })
}

/// Its own time, for an LMG670: 20 ms further at each line.
fn lmg_time(line: u64) -> String {
    let nanos = line * 20_000_000;
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    format!("2026:11:24D12:{:02}:{:02}.{fraction:09}+0100", seconds / 60, seconds % 60)
}

/// An LMG that sends a line each `cycle` while it is told to.
pub(crate) fn lmg(identity: &'static str, end: &'static [u8], cycle: Duration) -> Server {
    let lines = Arc::new(Mutex::new(0_u64));
    let meter = Arc::new(Mutex::new(Lmg { cycle_s: cycle.as_secs_f64(), ..Lmg::new(identity) }));
    // It has one interface: a host that comes waits until the one before has gone.
    let interface = Arc::new(Mutex::new(()));
    Server::start(move |mut stream, faults, gone| {
        let _host = interface.lock().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(1)))?;
        let mut waiting = Vec::new();
        let mut next = Instant::now();
        while !gone.load(std::sync::atomic::Ordering::Relaxed) {
            let mut chunk = [0; 512];
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => waiting.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let mut meter = meter.lock().unwrap();
            while let Some(at) = waiting.windows(end.len()).position(|window| window == end) {
                let command = String::from_utf8_lossy(&waiting[..at]).into_owned();
                waiting.drain(..at + end.len());
                if let Some(answer) = meter.answer(&command) {
                    stream.write_all(&[answer.as_bytes(), end].concat())?;
                }
            }
            if meter.continuous && Instant::now() >= next {
                next = Instant::now() + cycle;
                let mut number = lines.lock().unwrap();
                *number += 1;
                let line =
                    meter.line(|value| match value.trim_end_matches(|digit: char| digit.is_ascii_digit()) {
                        "tsnorm" => lmg_time(*number),
                        "durnorm" => "0.020000".into(),
                        "utrms" => format!("{VOLTS:.6E}"),
                        "itrms" => format!("{AMPERES:.6E}"),
                        "p" => format!("{WATTS:.6E}"),
                        _ => "1.000000E+00".into(),
                    });
                let fault = faults.lock().unwrap().pop_front();
                send(&mut stream, &[line.as_bytes(), end].concat(), fault, gone)?;
            }
        }
        Ok(())
    })
}

pub(crate) fn lmg450() -> Server {
    lmg("ZES ZIMMER Electronic Systems GmbH,LMG450,04690506,3.090", b"\r\n", Duration::from_millis(20))
}

pub(crate) fn lmg670() -> Server {
    lmg("ZES ZIMMER Electronic Systems GmbH,LMG670,12345678,1.2.3", b"\n", Duration::from_millis(20))
}

/// A Watts up? that sends a frame every 10 ms once it is told to.
pub(crate) fn watts_up() -> Server {
    Server::start(|mut stream, faults, gone| {
        stream.set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut waiting = Vec::new();
        let mut sends = false;
        let mut energy = 1000;
        while !gone.load(std::sync::atomic::Ordering::Relaxed) {
            let mut chunk = [0; 64];
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => waiting.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            while let Some(at) = waiting.iter().position(|byte| *byte == b';') {
                let command: Vec<u8> = waiting.drain(..=at).collect();
                if command == watts_up::VERSION {
                    stream.write_all(b"#v,-,8,0,32768,3,0,1,64,2013082113,0;\r\n")?;
                }
                sends |= command == watts_up::START;
                sends &= command != watts_up::STOP;
            }
            if sends {
                energy += 1;
                let frame = watts_up::Frame {
                    power_dw: Some(4600),
                    voltage_dv: Some(2300),
                    current_ma: Some(2000),
                    energy_dwh: Some(energy / 50),
                    power_factor_percent: Some(100),
                    frequency_dhz: Some(500),
                    apparent_dva: Some(4600),
                };
                let fault = faults.lock().unwrap().pop_front();
                send(&mut stream, watts_up::encode(&frame).as_bytes(), fault, gone)?;
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    })
}

/// PTDaemon with a sample every 5 ms.
pub(crate) fn ptdaemon(mut daemon: Ptd) -> Server {
    let mut number = 0_u32;
    Server::answering(b"\r\n", move |command| {
        if command == "RL" {
            for _ in 0..2 {
                number += 1;
                let time = format!(
                    "11-24-2026 12:{:02}:{:02}.{:03}",
                    number / 60_000,
                    number / 1000 % 60,
                    number % 1000
                );
                daemon.sample(&time, [WATTS, VOLTS, AMPERES, 1.0], Some(0.2));
            }
        }
        Some(format!("{}\r\n", daemon.answer(command)).into_bytes())
    })
}

/// An HTTP answer.
pub(crate) fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The same in chunks.
pub(crate) fn chunked(body: &str) -> Vec<u8> {
    let (first, second) = body.split_at(body.len() / 2);
    format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x};x=y\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    )
    .into_bytes()
}

/// A Shelly that answers these paths; others are not known.
pub(crate) fn shelly(paths: &'static [(&'static str, &'static str)]) -> Server {
    Server::answering(b"\r\n\r\n", move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let known = paths.iter().find(|(known, _)| *known == path);
        Some(known.map_or_else(|| http("404 Not Found", ""), |(_, body)| http("200 OK", body)))
    })
}

pub(crate) const SHELLY_PLUG: &[(&str, &str)] = &[
    (
        "/shelly",
        r#"{"id":"shellyplusplugs-e465b8f1a2b4","mac":"E465B8F1A2B4","model":"SNPL-00112EU","gen":2,"ver":"1.4.4"}"#,
    ),
    (
        "/rpc/Switch.GetStatus?id=0",
        r#"{"id":0,"source":"init","output":true,"apower":460.0,"voltage":230.0,"current":2.0,"aenergy":{"total":51.2,"by_minute":[1.0,2.0]},"temperature":{"tC":41.5,"tF":106.7}}"#,
    ),
];

pub(crate) const SHELLY_3EM: &[(&str, &str)] = &[
    ("/shelly", r#"{"id":"shellypro3em-841fe891e27c","model":"SPEM-003CEBEU","gen":2,"ver":"1.7.1"}"#),
    (
        "/rpc/EM.GetStatus?id=0",
        r#"{"id":0,"a_current":1.0,"a_voltage":230.0,"a_act_power":230.0,"a_aprt_power":230.0,"a_pf":1.0,"b_act_power":130.0,"c_act_power":100.0,"n_current":null,"total_current":2.0,"total_act_power":460.0,"total_aprt_power":461.0,"user_calibrated_phase":[]}"#,
    ),
];

pub(crate) const TASMOTA: &str = r#"{"StatusSNS":{"Time":"2026-11-24T22:47:39","ENERGY":{"TotalStartTime":"2026-02-10T16:47:09","Total":0.904,"Yesterday":0.636,"Today":0.258,"Power":460,"ApparentPower":461,"ReactivePower":33,"Factor":0.99,"Voltage":230,"Current":2.000}}}"#;

pub(crate) fn tasmota() -> Server {
    Server::answering(b"\r\n\r\n", |request| {
        let known = request.starts_with("GET /cm?cmnd=Status%208 HTTP/1.1\r\n");
        Some(if known { chunked(TASMOTA) } else { http("404 Not Found", "") })
    })
}

/// The record of a PMD on whose first rail flow 12.0 V and 10.0 A, as near as it can tell.
pub(crate) fn pmd_record(number: u64) -> pmd::Record {
    // Every seventh comes late, as in recordings some do; the mean is 614 ticks.
    let ticks = number * 602 + number / 7 * 84;
    pmd::Record {
        tick: u16::try_from(ticks % 65_536).unwrap(),
        rails: [(1586, 205), (1586, 102), (0, 0), (0, -1)],
    }
}

/// The sensors of a `PowerSensor3` with two pairs.
pub(crate) fn ps3_sensors() -> [Sensor; SENSORS] {
    std::array::from_fn(|number| Sensor {
        kind: if number % 2 == 0 { "MLX91221-20".into() } else { "ACPL-C87B".into() },
        pair: ["PCIe8pin", "12V slot", "3V3 slot", ""][number / 2].into(),
        reference_v: if number % 2 == 0 { 1.65 } else { 0.0 },
        sensitivity: if number % 2 == 0 { 0.0625 } else { 0.114 },
        in_use: number < 4,
    })
}

/// The levels that it sends.
pub(crate) const PS3_LEVELS: [u16; SENSORS] = [700, 430, 560, 425, 0, 0, 0, 0];

/// The bytes of a stream, from record to record.
pub(crate) type Records = fn(u64, &mut Vec<u8>);

pub(crate) fn pmd_bytes(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(&pmd_record(number).encode());
}

pub(crate) fn ps3_bytes(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(&power_sensor3::encode(number * 50, &PS3_LEVELS));
}

/// What the firmware of a stream's device does with a byte of the host.
pub(crate) trait Firmware: Send {
    /// Takes a command; gives what it answers at once.
    fn take(&mut self, byte: u8) -> Vec<u8>;
    /// Whether it sends records.
    fn sends(&self) -> bool;
}

/// The firmware of a PMD.
#[derive(Debug, Default)]
pub(crate) struct PmdFirmware {
    command: Vec<u8>,
    sends: bool,
}

impl Firmware for PmdFirmware {
    fn take(&mut self, byte: u8) -> Vec<u8> {
        self.command.push(byte);
        let length = match self.command[0] {
            0x07 => 4,
            0x08 => 17,
            _ => 1,
        };
        if self.command.len() < length {
            return Vec::new();
        }
        let command = std::mem::take(&mut self.command);
        match command[0] {
            0x07 => self.sends = command[1] == 1,
            0x00 => return pmd::WELCOME.to_vec(),
            _ => {}
        }
        Vec::new()
    }

    fn sends(&self) -> bool {
        self.sends
    }
}

/// The firmware of a `PowerSensor3`.
#[derive(Debug, Default)]
pub(crate) struct Ps3Firmware {
    /// The sensor whose configuration is sent next.
    config: Option<usize>,
    sends: bool,
}

impl Firmware for Ps3Firmware {
    fn take(&mut self, byte: u8) -> Vec<u8> {
        let sensors = ps3_sensors();
        if let Some(next) = self.config {
            let next_after = next + 1;
            self.config = (next < SENSORS).then_some(next_after);
            return sensors.get(next).map_or_else(|| b"D".to_vec(), |sensor| sensor.encode().to_vec());
        }
        match byte {
            b'R' => {
                self.config = Some(1);
                sensors[0].encode().to_vec()
            }
            b'V' => b"F411-1.5.0\r\n".to_vec(),
            b'S' => {
                self.sends = true;
                Vec::new()
            }
            b'T' => {
                self.sends = false;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn sends(&self) -> bool {
        self.sends
    }
}

/// Plays a device that sends `rate_hz` records a second, in bursts of a millisecond; ends when the host is gone.
///
/// `lose` says which records are not sent.
pub(crate) fn play(
    port: &mut (impl Read + Write),
    firmware: &mut dyn Firmware,
    (records, rate_hz): (Records, f64),
    lose: impl Fn(u64) -> bool,
) -> std::io::Result<()> {
    let (mut began, mut sent) = (Instant::now(), 0_u64);
    let mut bytes = Vec::new();
    loop {
        let mut command = [0; 64];
        match port.read(&mut command) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                for byte in &command[..count] {
                    let answer = firmware.take(*byte);
                    write_all(port, &answer)?;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
        if !firmware.sends() {
            (began, sent) = (Instant::now(), 0);
            continue;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of records")]
        let due = (began.elapsed().as_secs_f64() * rate_hz) as u64;
        bytes.clear();
        for number in sent..due {
            if !lose(number) {
                records(number, &mut bytes);
            }
        }
        sent = due;
        write_all(port, &bytes)?;
    }
}

/// Writes all, however long the host takes to read.
fn write_all(port: &mut impl Write, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match port.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The FNB58: sends packets while it is kept alive.
pub(crate) fn fnb58() -> Plug {
    fnb58_with(|_, packet| packet.to_vec())
}

/// An FNB58 whose packets go through `change`, by number; an empty one is the end of the link.
pub(crate) fn fnb58_with<C>(change: C) -> Plug
where
    C: Fn(u64, [u8; fnb58::PACKET_BYTES]) -> Vec<u8> + Send + Sync + 'static,
{
    let change = Arc::new(change);
    Arc::new(Mutex::new(move |socket: UnixDatagram| {
        let change = change.clone();
        thread::spawn(move || {
            socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            let sample = fnb58::Sample { voltage: 2_000_000, current: 300_000, temperature: 285 };
            let (mut kept, mut going) = (Instant::now(), false);
            for number in 0.. {
                let mut packet = [0; 64];
                match socket.recv(&mut packet) {
                    Ok(0) => return,
                    Ok(count) => match fnb58::Command::parse(&packet[..count]) {
                        Some(fnb58::Command::Go) => (going, kept) = (true, Instant::now()),
                        Some(_) => kept = Instant::now(),
                        None => panic!("no command of an FNB58"),
                    },
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
                // As the real one, it falls silent when nobody asks.
                going &= kept.elapsed() < Duration::from_secs(1);
                let packet = change(number, fnb58::encode(&[sample; 4]));
                if going && socket.send(&packet).is_err() {
                    return;
                }
            }
        });
    }))
}

/// The KM003C.
pub(crate) fn km003c() -> Plug {
    km003c_with(|id, adc| vec![km003c::encode(id, &adc).to_vec()])
}

/// A KM003C whose answers `change` makes.
pub(crate) fn km003c_with<C>(change: C) -> Plug
where
    C: Fn(u8, km003c::Adc) -> Vec<Vec<u8>> + Send + Sync + 'static,
{
    let change = Arc::new(change);
    Arc::new(Mutex::new(move |socket: UnixDatagram| {
        let change = change.clone();
        thread::spawn(move || {
            let mut packet = [0; 64];
            while let Ok(count @ 1..) = socket.recv(&mut packet) {
                let Some(id) = km003c::parse_request(&packet[..count]) else { panic!("no request") };
                let adc = km003c::Adc { voltage_uv: 20_000_000, current_ua: 3_000_000, temperature: 3_700 };
                for answer in change(id, adc) {
                    if socket.send(&answer).is_err() {
                        return;
                    }
                }
            }
        });
    }))
}
