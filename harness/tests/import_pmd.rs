//! Recordings of an ElmorLabs PMD.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use harness::import::pmd::{Options, Record, parse_start, read};
use harness::import::sink::MemorySink;
use harness::run::{RowValue, TimeBase};
use power_core::{ClockDomain, Delivery, Quantity};
use proptest::prelude::*;

const START: &[u8] = b"1689325827417571\n";

fn bytes_of(ticks: impl IntoIterator<Item = u16>, rails: [(u16, u16); 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for tick in ticks {
        bytes.extend(tick.to_le_bytes());
        for (volt, ampere) in rails {
            bytes.extend((volt << 4 | 7).to_le_bytes());
            bytes.extend((ampere << 4).to_le_bytes());
        }
    }
    bytes
}

fn read_all(bytes: &[u8], options: &Options) -> harness::Result<MemorySink> {
    let mut sink = MemorySink::default();
    read(bytes, Path::new("PMD_data.bin"), Path::new("PMD_start_ts.txt"), options, &mut sink)?;
    Ok(sink)
}

fn options() -> Options {
    Options { start: START.to_vec(), ..Options::default() }
}

fn fault(bytes: &[u8], options: &Options) -> String {
    read_all(bytes, options).unwrap_err().to_string()
}

/// Counter values of records 613 ticks apart.
fn ticks(count: u16) -> impl Iterator<Item = u16> {
    (0..count).map(|record| record.wrapping_mul(613))
}

#[test]
#[expect(clippy::float_cmp, reason = "zero rails give zero watts")]
fn raw_values_are_scaled() {
    let bytes: [u8; 18] =
        bytes_of([5], [(1_585, 205), (0, 9), (0x800, 100), (100, 0xfff)]).try_into().unwrap();
    let record = Record::parse(&bytes);
    assert_eq!(record.tick, 5);
    assert_eq!(record.rails, [(1_585, 205), (0, 9), (0, 100), (100, 0)]);
    assert!((record.watts() - 1_585.0 * 0.007_568 * 205.0 * 0.048_8).abs() < 1e-9);
    assert_eq!(Record::parse(&[0xff; 18]).watts(), 0.0);
}

#[test]
fn device_time_is_unrolled_and_nothing_is_shifted() {
    let sink = read_all(&bytes_of(ticks(1_000), [(1_585, 205); 4]), &options()).unwrap();
    assert_eq!(sink.time_base, Some(TimeBase::Unix));
    let rows = sink.channel("PMD_data/power");
    assert_eq!(rows.len(), 1_000);
    let last = rows[999];
    // 999 × 613 ticks of 1 / 2 933 500 s, nine wraps of the counter later.
    assert_eq!(last.t_device_ns, Some(208_756_434));
    assert_eq!(last.t_start_ns, 1_689_325_827_417_571_000 + 208_756_434);
    assert_eq!(last.t_end_ns, last.t_start_ns);
    let clock = &sink.alignment.0["PMD_data"];
    assert_eq!(clock.offset_ns, 1_689_325_827_417_571_000 - 50_000_000);
    assert_eq!(clock.uncertainty_ns, None);
    let source = sink.source("PMD_data").unwrap();
    assert_eq!(source.clock, ClockDomain::Device { tick_hz: Some(2_933_500.0) });
    assert_eq!(source.channels[0].quantity, Quantity::instantaneous_power());
    assert_eq!(source.channels[0].delivery, Delivery::Streamed);
    assert!(sink.notes.iter().any(|note| note.contains("22 ms")));
}

#[test]
fn rails_are_channels_on_request() {
    let with_rails = Options { rails: true, source: Some("m".into()), ..options() };
    let sink = read_all(&bytes_of(ticks(3), [(1_585, 205); 4]), &with_rails).unwrap();
    assert_eq!(sink.source("m").unwrap().channels.len(), 9);
    assert_eq!(sink.channel("m/rail4 voltage")[2].value, RowValue::Number(1_585.0 * 0.007_568));
}

#[test]
fn a_cut_record_and_gaps_are_noted() {
    let mut bytes = bytes_of([0, 613, 1_226, 9_000, 9_613], [(1, 1); 4]);
    bytes.extend([1, 2, 3]);
    let sink = read_all(&bytes, &options()).unwrap();
    assert_eq!(sink.rows.len(), 5);
    assert!(sink.notes.iter().any(|note| note.contains("3 of 18 bytes")), "{:?}", sink.notes);
    assert!(sink.notes.iter().any(|note| note.contains("between two records: 1")), "{:?}", sink.notes);
}

#[test]
fn what_is_no_recording_is_an_error() {
    assert!(fault(b"", &options()).contains("not one whole record"));
    assert!(fault(&bytes_of([1], [(1, 1); 4]), &options()).contains("one record only"));
    assert!(fault(&[b'x'; 1_800], &options()).contains("no PMD recording"));
    let far = (0..300_u16).map(|record| record.wrapping_mul(30_001));
    assert!(fault(&bytes_of(far, [(1, 1); 4]), &options()).contains("steps by 30001 ticks"));
    for start in ["", "now", "1e9", "99999999999999999999"] {
        let bad = Options { start: start.into(), ..Options::default() };
        assert!(fault(&bytes_of(ticks(9), [(1, 1); 4]), &bad).contains("PMD_start_ts.txt"), "{start}");
    }
    assert_eq!(parse_start(START, Path::new("s")).unwrap(), 1_689_325_827_417_571_000);
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_a_fault(
        bytes in proptest::collection::vec(any::<u8>(), 0..2_000),
        start in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let _ = read_all(&bytes, &options());
        let _ = read_all(&bytes, &Options { start, rails: true, ..Options::default() });
    }

    #[test]
    fn any_start_time_is_rows_or_a_fault(micros in any::<i64>()) {
        let start = micros.to_string().into_bytes();
        let _ = read_all(&bytes_of(ticks(5), [(1, 1); 4]), &Options { start, ..Options::default() });
    }
}
