//! What a served meter gives.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use driver_meter::remote::Served;
use power_core::{Clock, ClockDomain, ErrorKind, Quantity, Reading};
use power_testkit::{Expectations, conformance};
use virtual_rig::MeterKind;

use crate::support::{Wrong, open, read, rig, serve, served, some};

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
