//! A meter of the virtual rig, served and read.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::DRIVER;
use driver_meter::remote::{Served, Server, Token};
use power_core::{Clock, Driver, HostTime, Options, PowerSource, Reading, Recorder, Result, SystemClock};
use virtual_rig::{Description, Load, Meter, MeterDescription, MeterKind, VirtualRig};

pub(crate) const TOKEN: &str = "a-token-of-tests";
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// A node with one meter that publishes every 100 ms.
pub(crate) fn rig(kind: MeterKind) -> VirtualRig {
    let meter = MeterDescription::new("wall", kind).with_period_ms(100.0, 100.0);
    let load = Load::random(100.0, 400.0, 0.2);
    VirtualRig::start(Description::node(2).with_load(load).with_meter(meter)).unwrap()
}

pub(crate) fn served(meter: &Meter) -> Served {
    let device = meter.device();
    let open =
        move || DRIVER.open(&device, &Options::new().with("timeout_ms", "30000").with("reconnect_s", "0"));
    Served::new(open, PERIOD, Token::new(TOKEN).unwrap(), "other-host")
}

pub(crate) fn serve(served: Served) -> Server {
    Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), served).unwrap()
}

pub(crate) fn open_with(address: &str, more: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
    let options: Options = [("token", TOKEN), ("timeout_ms", "30000")].iter().chain(more).copied().collect();
    DRIVER.open(&format!("wattproof-remote@tcp:{address}"), &options)
}

pub(crate) fn open(server: &Server) -> Result<Box<dyn PowerSource>> {
    open_with(&server.address().to_string(), &[])
}

pub(crate) fn read(source: &mut dyn PowerSource) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

/// Reads until there are readings of the meter itself.
pub(crate) fn some(source: &mut dyn PowerSource) -> Vec<Reading> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let readings = read(source).unwrap();
        if readings.iter().any(|reading| reading.channel.0 == 0) {
            return readings;
        }
        assert!(Instant::now() < until, "the meter gives nothing");
        thread::sleep(PERIOD);
    }
}

/// A clock that is wrong by an offset and a drift that are known.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) offset_ns: i64,
    pub(crate) ppm: i64,
}

impl Wrong {
    pub(crate) fn of(&self, host_ns: i64) -> i64 {
        host_ns + self.offset_ns + host_ns / 1_000_000 * self.ppm
    }
}

impl Clock for Wrong {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(self.of(SystemClock.now().nanos()))
    }
}

pub(crate) fn line(lines: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line).unwrap();
    line
}
