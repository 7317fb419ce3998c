//! What a read of a meter costs: the round trip of Modbus TCP on loopback beside the same exchange by a bare socket, against
//! one server; and how fast the decoders of binary streams are, beside the rate at which their meters send.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use driver_meter::modbus::Framing;
use driver_meter::profile;
use driver_meter::simulator::{Server, SimulatedMeter};
use driver_meter::streams::pmd::{self, RAILS, RECORD_BYTES, Record};
use driver_meter::streams::power_sensor3::{self, FRAME_BYTES};
use driver_meter::{DRIVER, streams::power_sensor3_config::SENSORS};
use power_core::{Driver, Options, PowerSource, Reading, Recorder, SystemClock};

/// A meter whose values are one block of registers, and that block's first register and length.
const METER: &str = "pzem-004t";
const FIRST: u8 = 0;
const REGISTERS: u8 = 9;
/// Bytes of a reply: header, function, length, registers.
const REPLY: usize = 9 + 2 * REGISTERS as usize;

/// Frames or records in the stream that is decoded.
const STREAM: u16 = 10_000;

/// The bytes that the driver sends and receives, by a bare socket, without deadline or check.
#[expect(clippy::expect_used, reason = "a bench that has lost its peer has nothing to measure")]
fn bare(stream: &mut TcpStream) {
    let mut reply = [0; REPLY];
    stream.write_all(&[0, 1, 0, 0, 0, 6, 1, 4, 0, FIRST, 0, REGISTERS]).expect("the request is sent");
    stream.read_exact(&mut reply).expect("the reply comes");
    assert_eq!(reply[7], 4, "the request is not refused");
    black_box(reply);
}

fn by_source(source: &mut dyn PowerSource, readings: &mut Vec<Reading>) {
    readings.clear();
    let outcome = source.read(&mut Recorder::new(&SystemClock, readings));
    assert!(outcome.is_ok() && !readings.is_empty(), "{outcome:?}");
}

#[expect(clippy::expect_used, reason = "a bench that cannot set up its peer has nothing to measure")]
fn round_trip(criterion: &mut Criterion) {
    let profile = profile::shipped(METER).expect("a shipped profile");
    let meter = SimulatedMeter::new(profile, |_| Some(0.5));
    let server = Server::on_loopback(meter, Framing::Mbap).expect("a free port");
    let mut stream = TcpStream::connect(server.address()).expect("the server accepts");
    stream.set_nodelay(true).expect("an option of every socket");
    let device = format!("{METER}@tcp:{}", server.address());
    let mut source = DRIVER.open(&device, &Options::new()).expect("the meter opens");
    let mut readings = Vec::with_capacity(16);
    alternate(&mut stream, &mut *source, &mut readings);
    let mut group = criterion.benchmark_group("meter, Modbus TCP on loopback");
    group.bench_function("bare socket", |bencher| bencher.iter(|| bare(&mut stream)));
    group.bench_function("PowerSource::read", |bencher| {
        bencher.iter(|| by_source(&mut *source, &mut readings));
    });
    group.finish();
}

/// Bare exchanges and reads in turns, so that whatever else the machine does meets both: prints the medians and their
/// ratio.
fn alternate(stream: &mut TcpStream, source: &mut dyn PowerSource, readings: &mut Vec<Reading>) {
    const TURNS: usize = 10_000;
    let mut times = [Vec::with_capacity(TURNS), Vec::with_capacity(TURNS)];
    for _ in 0..TURNS {
        let start = Instant::now();
        bare(stream);
        let middle = Instant::now();
        by_source(source, readings);
        times[0].push(middle - start);
        times[1].push(middle.elapsed());
    }
    let [bare, read] = times.map(|mut times| times.select_nth_unstable(TURNS / 2).1.as_secs_f64() * 1e6);
    let ratio = read / bare;
    let line = format!(
        "meter, Modbus TCP on loopback, in turns: read {read:.1} us, bare {bare:.1} us, ratio {ratio:.3}\n"
    );
    let _ = Write::write_all(&mut std::io::stdout(), line.as_bytes());
}

fn power_sensor3(criterion: &mut Criterion) {
    let mut bytes = Vec::with_capacity(usize::from(STREAM) * FRAME_BYTES);
    for number in 0..STREAM {
        let level = number % 1024;
        bytes.extend(power_sensor3::encode(u64::from(number) * 50, &[level; SENSORS]));
    }
    let mut group = criterion.benchmark_group("meter, decoding");
    group.throughput(Throughput::Elements(STREAM.into()));
    group.bench_function("PowerSensor3, frames (it sends 20 000/s)", |bencher| {
        bencher.iter(|| {
            let (mut decoder, mut at, mut count) = (power_sensor3::Decoder::new(), 0, 0);
            while let (used, Some(frame)) = decoder.next(black_box(&bytes[at..])) {
                (at, count) = (at + used, count + 1);
                black_box(frame);
            }
            // The last is given once the next begins.
            assert_eq!(count, STREAM - 1);
        });
    });
    group.finish();
}

fn pmd(criterion: &mut Criterion) {
    let mut bytes = Vec::with_capacity(usize::from(STREAM) * RECORD_BYTES);
    for number in 0..STREAM {
        // 614 ticks are the usual step.
        let tick = number.wrapping_mul(614);
        bytes.extend(Record { tick, rails: [(1_585, 340); RAILS] }.encode());
    }
    let mut group = criterion.benchmark_group("meter, decoding");
    group.throughput(Throughput::Elements(STREAM.into()));
    group.bench_function("PMD-USB, records (it sends 4778/s)", |bencher| {
        bencher.iter(|| {
            let (mut decoder, mut at, mut count) = (pmd::Decoder::new(), 0, 0);
            while let (used, Some(sample)) = decoder.next(black_box(&bytes[at..])) {
                (at, count) = (at + used, count + 1);
                black_box(sample);
            }
            // The first shows the decoder its place, the last is given once the next has come.
            assert_eq!(count, STREAM - 2);
        });
    });
    group.finish();
}

criterion_group!(all, round_trip, power_sensor3, pmd);
criterion_main!(all);
