//! `wattproof serve-meter`: lets other hosts read a meter of this one.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use driver_meter::remote::{PORT, Served, Server, Token};
use power_core::{Delivery, Descriptor, Driver, Options, PowerSource};

use super::output::{message, print};
use super::{Outcome, duration, until};
use crate::import::nearest_hint;
use crate::rig::{Rig, rate};
use crate::{Error, Result, drivers, timekeeping};

/// How often it is looked whether to end, and how the meter is.
const LOOK: Duration = Duration::from_millis(100);

/// Let other hosts read a meter of this one, until Ctrl-C.
///
/// The meter is read here alone, and its readings are stamped by this host's clock; each reader finds out by exchanges
/// of times how that relates to its own. Readers can read and nothing else, and need the token. Listens on this host
/// only unless --listen says otherwise: `ssh -L 9775:127.0.0.1:9775 HOST` brings it to another host, encrypted.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// `METER@LINK`, such as `sdm120@serial:/dev/ttyUSB0`; METER is a name or the path of a profile.
    #[arg(value_name = "METER@LINK", required_unless_present = "rig", conflicts_with = "rig")]
    meter: Option<String>,
    /// Options of the driver, such as `unit=7` or `baud=9600`.
    #[arg(value_name = "NAME=VALUE")]
    options: Vec<String>,
    /// Rig file that has the meter, or any other source, as one of its own.
    #[arg(long, value_name = "FILE")]
    rig: Option<PathBuf>,
    /// Which source of the rig file, where it has several.
    #[arg(long, value_name = "NAME", requires = "rig")]
    source: Option<String>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)))]
    listen: SocketAddr,
    /// The token that readers need, 8 to 128 characters; others on this host can see it in the list of processes.
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    token: Option<String>,
    /// File that has the token. Without either a new one is made and printed.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Reads of the meter a second; by default what suits it.
    #[arg(long, value_name = "HZ", value_parser = hertz)]
    rate: Option<f64>,
    /// End after this time: `60s`, `10min`.
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse)]
    time: Option<Duration>,
}

fn hertz(text: &str) -> std::result::Result<f64, String> {
    let hz: f64 = text.parse().map_err(|_| format!("{text} is no number"))?;
    if (1e-3..=1e5).contains(&hz) { Ok(hz) } else { Err(format!("{text} is not from 0.001 to 100000")) }
}

/// What is to be opened.
#[derive(Debug, Clone)]
struct Wanted {
    driver: &'static str,
    device: String,
    options: Options,
    rate_hz: Option<f64>,
}

impl Wanted {
    fn open(&self) -> power_core::Result<Box<dyn PowerSource>> {
        let driver = drivers::find(self.driver).ok_or_else(|| {
            power_core::Error::new(power_core::ErrorKind::InvalidConfig, "there is no such driver")
        })?;
        driver.open(&self.device, &self.options)
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let wanted = wanted(arguments)?;
    let (token, made) = token(arguments)?;
    let listener = TcpListener::bind(arguments.listen).map_err(|error| {
        Error::new(format!("cannot listen on {}", arguments.listen))
            .mend("choose another by --listen ADDRESS:PORT; port 0 takes a free one")
            .because(error)
    })?;
    let stop = Arc::new(AtomicBool::new(false));
    until::signalled(&stop)?;
    let first = wanted.open().map_err(|error| Error::new("the meter cannot be opened").because(error))?;
    let hz = arguments.rate.or(wanted.rate_hz);
    let period = hz.map_or_else(|| period(first.descriptor()), |hz| Duration::from_secs_f64(1.0 / hz));
    let (mut first, again) = (Some(first), wanted);
    let open = move || first.take().map_or_else(|| again.open(), Ok);
    let mut served = Served::new(open, period, token, hostname());
    served.details = timekeeping::facts();
    let server = Server::start(listener, served)
        .map_err(|error| Error::new("the meter cannot be served").because(error))?;
    say(&server, period, arguments, made.as_deref())?;
    let over = arguments.time.map(|time| Instant::now() + time);
    let mut away = None;
    while !stop.load(Ordering::Relaxed) && over.is_none_or(|over| Instant::now() < over) {
        thread::sleep(LOOK);
        let now = server.away();
        if now.is_some() != away.is_some() {
            match &now {
                Some(why) => message(&format!("wattproof: the meter was lost and is sought: {why}")),
                None => message("wattproof: the meter is read again"),
            }
        }
        away = now;
    }
    Ok(Outcome::Fine)
}

fn wanted(arguments: &Arguments) -> Result<Wanted> {
    let Some(path) = &arguments.rig else {
        let pairs: Option<Options> = arguments.options.iter().map(|pair| pair.split_once('=')).collect();
        let options = pairs.ok_or_else(|| {
            Error::new("an option has no value").mend("write options as NAME=VALUE, such as baud=9600")
        })?;
        let device = arguments.meter.clone().unwrap_or_default();
        return Ok(Wanted { driver: driver_meter::DRIVER.id(), device, options, rate_hz: None });
    };
    let rig = Rig::read(path)?;
    let names: Vec<&str> = rig.sources.iter().map(|source| source.name.as_str()).collect();
    let chosen = match (&arguments.source, &rig.sources[..]) {
        (None, [only]) => only,
        (None, _) => {
            return Err(Error::file(path, format!("has {} sources", names.len()))
                .mend(format!("name the one to be served by --source; there are {}", names.join(", "))));
        }
        (Some(name), sources) => sources.iter().find(|source| source.name == *name).ok_or_else(|| {
            Error::file(path, format!("has no source {name}")).mend(nearest_hint(name, &names))
        })?,
    };
    // A rig file names only drivers that there are.
    let driver = drivers::find(&chosen.driver).map_or("", Driver::id);
    let (device, options) = (chosen.device.clone(), chosen.options.clone());
    Ok(Wanted { driver, device, options, rate_hz: chosen.rate_hz })
}

/// The token, and its text where it was made here and nobody knows it yet.
fn token(arguments: &Arguments) -> Result<(Token, Option<String>)> {
    let wrong = |error| Error::new("the token cannot be used").because(error);
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => {
            std::fs::read_to_string(path).map_err(|error| Error::io(path, "read", error))?
        }
        (None, None) => {
            let token = Token::generate().map_err(wrong)?;
            let text = token.reveal().to_owned();
            return Ok((token, Some(text)));
        }
    };
    Ok((Token::new(&text).map_err(wrong)?, None))
}

/// Time between two reads where nobody says: what hands its values over one by one is waited for, so that each is stamped
/// when it comes.
fn period(descriptor: &Descriptor) -> Duration {
    let streamed = descriptor.channels.iter().filter(|channel| channel.delivery == Delivery::Streamed);
    match streamed.filter_map(|channel| channel.update_period).min() {
        Some(update) => update / 2,
        None => rate::default_period(descriptor, Duration::ZERO),
    }
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "a host without a name".to_owned() } else { name.to_owned() }
}

/// Says what is served, and how it is read.
fn say(server: &Server, period: Duration, arguments: &Arguments, made: Option<&str>) -> Result<()> {
    let address = server.address();
    if !address.ip().is_loopback() {
        message(
            "wattproof: whoever reaches this address and has the token can read this meter; token and readings go over the \
             network as they are. `ssh -L` to a server on 127.0.0.1 encrypts them",
        );
    }
    let token = match (made, &arguments.token_file) {
        (Some(text), _) => format!("token = {}", quoted(text)),
        (None, Some(path)) => format!("token_file = {}", quoted(&shown(path))),
        (None, None) => "token = \"…\"".to_owned(),
    };
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => hostname(),
        IpAddr::V6(ip) if ip.is_unspecified() => hostname(),
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    };
    print(&format!(
        "# {} on {address}, read every {:.1} ms; Ctrl-C ends it.\n# In the rig file of who reads it:\n[[source]]\n\
         name = \"remote\"\ndriver = \"meter\"\ndevice = \"wattproof-remote@tcp:{host}:{}\"\noptions = {{ {token} }}\n",
        server.descriptor().device,
        period.as_secs_f64() * 1e3,
        address.port(),
    ))
}

fn shown(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// A string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
