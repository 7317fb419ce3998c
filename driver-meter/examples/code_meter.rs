//! A meter with a protocol of its own: it answers `P?` with a line such as `321.5 W`.
//!
//! `cargo run -p driver-meter --example code_meter` reads it from a simulated one, through the conformance suite.

#![expect(clippy::print_stdout, reason = "an example shows what it reads")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::link::{Link, receive_line};
use power_core::{
    Channel, ChannelId, Descriptor, Error, ErrorKind, Options, PowerSource, Quantity, Reading, Recorder,
    Result, Scope, Watts,
};

#[derive(Debug)]
struct LabMeter {
    link: Box<dyn Link>,
    timeout: Duration,
    in_step: bool,
    descriptor: Descriptor,
}

fn open(link: Box<dyn Link>, options: &Options) -> Result<Box<dyn PowerSource>> {
    options.only(&["timeout_ms"])?;
    let timeout = Duration::from_millis(options.parse("timeout_ms")?.unwrap_or(1_000));
    let power = Channel::new("power", Quantity::power()).with_scope(Scope::NodeAc);
    let descriptor = Descriptor::new("meter", format!("lab meter, {}", link.name()), vec![power]);
    Ok(Box::new(LabMeter { link, timeout, in_step: true, descriptor }))
}

impl PowerSource for LabMeter {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let deadline = Instant::now() + self.timeout;
        if !self.in_step {
            self.link.reopen(deadline)?;
        }
        self.in_step = false;
        let mut line = [0; 32];
        let (length, stamp) = recorder.bracket(|| {
            self.link.send(b"P?\n", deadline)?;
            receive_line(&mut *self.link, &mut line, b'\n', deadline)
        })?;
        let watts = watts(&line[..length])
            .ok_or_else(|| Error::new(ErrorKind::Protocol, "the lab meter's answer is no power"))?;
        self.in_step = true;
        recorder.push(Reading::new(ChannelId(0), Watts::from_watts(watts), stamp));
        Ok(())
    }
}

fn watts(line: &[u8]) -> Option<f64> {
    let number = str::from_utf8(line).ok()?.trim().strip_suffix(" W")?;
    number.parse().ok().filter(|watts: &f64| watts.is_finite())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(|| answer(stream));
        }
    });

    let open = || {
        let deadline = Instant::now() + Duration::from_secs(5);
        let link = driver_meter::link::tcp::TcpLink::open(&address, deadline)?;
        open(Box::new(link), &Options::new().with("timeout_ms", "5000"))
    };
    let report = power_testkit::conformance(open, power_testkit::Expectations::default());
    println!("{} readings of {}", report.readings, report.subject);
    Ok(())
}

/// The simulated meter's side.
fn answer(mut stream: TcpStream) {
    let Ok(reader) = stream.try_clone() else { return };
    for line in BufReader::new(reader).lines().map_while(Result::ok) {
        if line == "P?" && stream.write_all(b"321.5 W\n").is_err() {
            return;
        }
    }
}
