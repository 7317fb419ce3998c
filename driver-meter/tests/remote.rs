//! A served meter over loopback: the conformance suite, clocks of known truth, and what a network does.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::DRIVER;
use driver_meter::remote::protocol::{Head, Hello, Question, Refusal, VERSION, Welcome};
use driver_meter::remote::{Served, Server, Token};
use power_core::{
    Clock, ClockDomain, Driver, ErrorKind, Flags, HostTime, Options, PowerSource, Quantity, Reading,
    Recorder, Result, SystemClock,
};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{Expectations, conformance};
use virtual_rig::{Description, Load, Meter, MeterDescription, MeterKind, VirtualRig};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const TOKEN: &str = "a-token-of-tests";
const PERIOD: Duration = Duration::from_millis(20);

/// A node with one meter that publishes every 100 ms.
fn rig(kind: MeterKind) -> VirtualRig {
    let meter = MeterDescription::new("wall", kind).with_period_ms(100.0, 100.0);
    let load = Load::random(100.0, 400.0, 0.2);
    VirtualRig::start(Description::node(2).with_load(load).with_meter(meter)).unwrap()
}

fn served(meter: &Meter) -> Served {
    let device = meter.device();
    let open =
        move || DRIVER.open(&device, &Options::new().with("timeout_ms", "30000").with("reconnect_s", "0"));
    Served::new(open, PERIOD, Token::new(TOKEN).unwrap(), "other-host")
}

fn serve(served: Served) -> Server {
    Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), served).unwrap()
}

fn open_with(address: &str, more: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
    let options: Options = [("token", TOKEN), ("timeout_ms", "30000")].iter().chain(more).copied().collect();
    DRIVER.open(&format!("wattproof-remote@tcp:{address}"), &options)
}

fn open(server: &Server) -> Result<Box<dyn PowerSource>> {
    open_with(&server.address().to_string(), &[])
}

fn read(source: &mut dyn PowerSource) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    Ok(readings)
}

/// Reads until there are readings of the meter itself.
fn some(source: &mut dyn PowerSource) -> Vec<Reading> {
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
struct Wrong {
    offset_ns: i64,
    ppm: i64,
}

impl Wrong {
    fn of(&self, host_ns: i64) -> i64 {
        host_ns + self.offset_ns + host_ns / 1_000_000 * self.ppm
    }
}

impl Clock for Wrong {
    fn now(&self) -> HostTime {
        HostTime::from_nanos(self.of(SystemClock.now().nanos()))
    }
}

fn conforms(kind: MeterKind) {
    let rig = rig(kind);
    let server = serve(served(&rig.meters()[0]));
    let expectations = || Expectations::default().with_reads(12).with_pause(Duration::from_millis(60));
    // A server that goes after the source has read a few times.
    let breaking = expectations().with_pause(Duration::from_millis(100)).with_disconnecting({
        let meter = rig.meters()[0].clone();
        move || {
            let server = (kind != MeterKind::Lmg450).then(|| serve(served(&meter)));
            let own = server.as_ref().map(|server| open(server)).transpose()?;
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(400));
                drop(server);
            });
            own.ok_or_else(|| power_core::Error::new(ErrorKind::Busy, "one line serves one server"))
        }
    });
    // Who has a serial line has it alone.
    let expectations = if kind == MeterKind::Lmg450 { expectations() } else { breaking };
    let report = conformance(|| open(&server), expectations);
    assert!(report.ran() > 15, "{report}");
}

#[test]
fn a_served_lmg450_conforms() {
    conforms(MeterKind::Lmg450);
}

#[test]
fn a_served_sdm630_conforms() {
    conforms(MeterKind::Sdm630Tcp);
}

#[test]
fn times_are_those_of_the_servers_clock_and_exchanges_bound_it() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let clock = Arc::new(Wrong { offset_ns: -7_000_000_000_123, ppm: 80 });
    let wrong = Served { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..served(&rig.meters()[0]) };
    let server = serve(wrong);
    let mut source = open(&server).unwrap();
    let descriptor = source.descriptor().clone();
    assert_eq!(descriptor.clock, ClockDomain::RemoteHost { host: "other-host".to_owned() });
    assert!(descriptor.device.ends_with("of other-host"), "{descriptor}");
    let named =
        |quantity| descriptor.channels.iter().position(|channel| channel.quantity == quantity).unwrap();
    let (exchange, read_time) = (named(Quantity::ClockExchange), named(Quantity::ReadTime));
    let mut seen = 0;
    for _ in 0..20 {
        for reading in some(&mut *source) {
            let (start, end) =
                (clock.of(reading.stamp.start().nanos()), clock.of(reading.stamp.end().nanos()));
            let device = reading.device_time.unwrap().nanos();
            if usize::from(reading.channel.0) == exchange {
                // Asked after the question left, answered before the answer came.
                let answered = device + i64::try_from(reading.value.count().unwrap()).unwrap();
                assert!(start <= device && device <= answered && answered <= end, "{reading:?}");
                seen += 1;
            } else {
                // Taken before anybody heard of it, by the server's clock.
                assert!(device < end && end - device < 40_000_000_000, "{reading:?}");
            }
            if usize::from(reading.channel.0) == read_time {
                assert!(reading.value.count().unwrap() > 0);
            }
        }
    }
    assert!(seen >= 20);
}

#[test]
fn every_reader_gets_every_reading_once() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let (mut one, mut other) = (open(&server).unwrap(), open(&server).unwrap());
    let until = Instant::now() + Duration::from_millis(1500);
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    let mut turn = 0;
    while Instant::now() < until {
        of_one.extend(read(&mut *one).unwrap());
        turn += 1;
        if turn % 4 == 0 {
            of_other.extend(read(&mut *other).unwrap());
        }
        thread::sleep(Duration::from_millis(30));
    }
    of_one.extend(read(&mut *one).unwrap());
    of_other.extend(read(&mut *other).unwrap());
    let power = |readings: &[Reading]| -> Vec<i64> {
        let own = readings.iter().filter(|reading| reading.channel.0 == 0);
        own.map(|reading| reading.device_time.unwrap().nanos()).collect()
    };
    let (of_one, of_other) = (power(&of_one), power(&of_other));
    assert!(of_one.len() > 10 && of_one.windows(2).all(|pair| pair[0] < pair[1]), "{of_one:?}");
    // They begin and end at different readings; in between nothing is missing and nothing twice.
    let common = of_one.iter().filter(|time| of_other.contains(time)).count();
    let within =
        |times: &[i64], of: &[i64]| times.iter().filter(|t| of[0] <= **t && **t <= of[of.len() - 1]).count();
    assert_eq!((within(&of_one, &of_other), within(&of_other, &of_one)), (common, common));
    assert_eq!(server.readers(), 2);
}

#[test]
fn a_wrong_token_is_refused_and_no_token_is_asked_for() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let address = server.address().to_string();
    let error = open_with(&address, &[("token", "another-token")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:#}");
    assert!(error.to_string().contains("the token is wrong"), "{error:#}");
    let device = format!("wattproof-remote@tcp:{address}");
    let error = DRIVER.open(&device, &Options::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{error:#}");
    assert!(error.message().contains("token_file"), "{error:#}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let with_file = Options::new().with("token_file", path.display().to_string());
    assert!(DRIVER.open(&device, &with_file).is_ok());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(DRIVER.open(&device, &with_file).unwrap_err().kind(), ErrorKind::NotFound);
}

/// A connection that speaks the protocol by hand.
fn by_hand(server: &Server) -> (TcpStream, BufReader<TcpStream>) {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap());
    (stream, lines)
}

fn line(lines: &mut BufReader<TcpStream>) -> Vec<u8> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line).unwrap();
    line
}

#[test]
fn the_protocol_can_be_spoken_by_hand() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let (mut to, mut from) = by_hand(&server);
    to.write_all(format!("{{\"wattproof\":1,\"token\":\"{TOKEN}\"}}\n").as_bytes()).unwrap();
    let welcome = Welcome::parse(&line(&mut from)).unwrap();
    assert_eq!((welcome.wattproof, welcome.host.as_str()), (1, "other-host"));
    assert_eq!(welcome.descriptor, server.descriptor());
    to.write_all(b"{\"from\":0}\n").unwrap();
    let head = Head::parse(&line(&mut from)).unwrap();
    assert!(head.is_sound(), "{head:?}");
    (0..head.count).for_each(|_| assert!(line(&mut from).starts_with(b"[")));
}

#[test]
fn another_version_and_what_is_no_question_are_refused() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    for (said, reason) in [
        (format!("{{\"wattproof\":{},\"token\":\"{TOKEN}\"}}\n", VERSION + 1), "version 1"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "wattproof serve-meter"),
        (format!("{{\"wattproof\":1,\"token\":\"{TOKEN}\"}}\n{{\"write\":1}}\n"), "the question is none"),
    ] {
        let (mut to, mut from) = by_hand(&server);
        to.write_all(said.as_bytes()).unwrap();
        let mut answer = line(&mut from);
        if Welcome::parse(&answer).is_some() {
            answer = line(&mut from);
        }
        let refusal = Refusal::parse(&answer).unwrap();
        assert!(refusal.message.contains(reason), "{refusal:?}");
        assert!(line(&mut from).is_empty(), "it hangs up");
    }
    // A line without end is cut off, whatever it holds.
    let (mut to, mut from) = by_hand(&server);
    let _ = to.write_all(&[b'x'; 100_000]);
    let mut rest = Vec::new();
    let _ = from.read_to_end(&mut rest);
    assert!(rest.is_empty());
    // Others are served all the same.
    some(&mut *open(&server).unwrap());
}

/// A server that answers what a test wants.
fn peer(answers: impl Fn(usize) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            for number in 0.. {
                if line(&mut lines).is_empty() || stream.write_all(&answers(number)).is_err() {
                    break;
                }
            }
        }
    });
    address
}

fn welcome() -> Vec<u8> {
    let text = r#"{"wattproof":1,"host":"h","clock":"c","session":1,"next":5,"descriptor":{"driver":"meter",
        "device":"x","lane":"l","channels":[{"name":"power","quantity":{"kind":"power","averaging":"unknown"}}]}}"#;
    let mut line = text.replace('\n', "").into_bytes();
    line.push(b'\n');
    line
}

#[test]
fn a_server_of_another_version_is_said_to_be_one() {
    let address =
        peer(|_| String::from_utf8(welcome()).unwrap().replace(":1,\"host", ":9,\"host").into_bytes());
    let error = open_with(&address, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
    assert!(error.message().contains("version 9"), "{error:#}");
    let address = peer(|_| b"HTTP/1.1 400 Bad Request\n".to_vec());
    assert_eq!(open_with(&address, &[]).unwrap_err().kind(), ErrorKind::Protocol);
}

#[test]
fn answers_that_make_no_sense_give_no_reading() {
    for answer in [
        "{\"t2\":5,\"t3\":4,\"first\":5,\"count\":0,\"lost\":0}\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":4000000000,\"lost\":0}\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[7,1,2,3.5,null,0]\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[0,1,2,null,9,0]\n",
        "{\"t2\":5,\"t3\":6,\"first\":5,\"count\":1,\"lost\":0}\n[0,2,1,3.5,null,0]\n",
        "nonsense\n",
    ] {
        let address = peer(move |number| if number == 0 { welcome() } else { answer.as_bytes().to_vec() });
        let mut source = open_with(&address, &[]).unwrap();
        let mut readings = Vec::new();
        let error = source.read(&mut Recorder::new(&SystemClock, &mut readings)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{answer} {error:#}");
        assert!(readings.iter().all(|reading| reading.channel.0 == 1), "{answer} {readings:?}");
    }
}

#[test]
fn a_slow_server_is_a_timeout_and_what_it_lost_is_flagged() {
    let address = peer(|number| match number {
        0 => welcome(),
        1 => {
            thread::sleep(Duration::from_millis(1500));
            Vec::new()
        }
        _ => b"{\"t2\":5,\"t3\":6,\"first\":9,\"count\":1,\"lost\":4}\n[0,1,2,3.5,null,0]\n".to_vec(),
    });
    let mut source = open_with(&address, &[("timeout_ms", "200")]).unwrap();
    assert_eq!(read(&mut *source).unwrap_err().kind(), ErrorKind::Timeout);
    let address = peer(|number| match number {
        0 => welcome(),
        _ => b"{\"t2\":5,\"t3\":6,\"first\":9,\"count\":1,\"lost\":4}\n[0,1,2,3.5,null,0]\n".to_vec(),
    });
    let mut source = open_with(&address, &[]).unwrap();
    let readings = read(&mut *source).unwrap();
    assert!(readings[1].flags.contains(Flags::OVERRUN), "{readings:?}");
}

#[test]
fn a_meter_that_its_server_loses_is_disconnected_and_comes_back() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let mut source = open(&server).unwrap();
    some(&mut *source);
    drop(server);
    let error = read(&mut *source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:#}");
    assert_eq!(read(&mut *source).unwrap_err().kind(), ErrorKind::Disconnected, "for good");
}

#[test]
fn whoever_serves_says_that_its_meter_is_away() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let mut tries = 0;
    let mut open_meter = served(&rig.meters()[0]).open;
    let going = move || {
        tries += 1;
        if tries == 2 {
            return Err(power_core::Error::new(ErrorKind::Unavailable, "the cable is out"));
        }
        let source = open_meter()?;
        Ok(if tries == 1 { Box::new(Going { source, reads: 5 }) as Box<dyn PowerSource> } else { source })
    };
    let server = serve(Served::new(going, PERIOD, Token::new(TOKEN).unwrap(), "other-host"));
    let mut source = open(&server).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    let error = loop {
        match read(&mut *source) {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < until),
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:#}");
    // Opened again, as a recorder does until it works.
    let mut again = loop {
        match open(&server) {
            Ok(source) => break source,
            Err(error) => {
                assert!(error.kind() == ErrorKind::Disconnected && Instant::now() < until, "{error:#}")
            }
        }
        thread::sleep(Duration::from_millis(20));
    };
    some(&mut *again);
}

/// A meter that is unplugged after some reads.
#[derive(Debug)]
struct Going {
    source: Box<dyn PowerSource>,
    reads: u32,
}

impl PowerSource for Going {
    fn descriptor(&self) -> &power_core::Descriptor {
        self.source.descriptor()
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.reads = self.reads.saturating_sub(1);
        if self.reads == 0 {
            return Err(power_core::Error::new(ErrorKind::Disconnected, "the cable is out"));
        }
        self.source.read(recorder)
    }
}

#[test]
fn a_served_meter_is_not_served_again() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let first = serve(served(&rig.meters()[0]));
    let address = first.address().to_string();
    let second = Served::new(move || open_with(&address, &[]), PERIOD, Token::new(TOKEN).unwrap(), "third");
    let error = Server::start(TcpListener::bind("127.0.0.1:0").unwrap(), second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:#}");
}

#[test]
fn questions_and_greetings_have_the_form_that_is_documented() {
    assert_eq!(Question::parse(b"{\"from\":3}"), Some(Question { from: 3 }));
    let hello = Hello::parse(b"{\"wattproof\":1,\"token\":\"t\"}").unwrap();
    assert_eq!((hello.wattproof, hello.token.as_str()), (1, "t"));
}
