//! The neutral format, its marks and its anchors.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use harness::import::sink::MemorySink;
use harness::import::{csv, marks};
use harness::run::{Mark, MarkEvent, RowValue, TimeBase};
use power_core::{ClockDomain, Flags, Joules, Quantity};
use proptest::prelude::*;

fn read_with(bytes: &[u8], options: &csv::Options) -> harness::Result<MemorySink> {
    let mut sink = MemorySink::default();
    csv::read(bytes, Path::new("node.csv"), options, &mut sink)?;
    Ok(sink)
}

fn read(text: &str) -> MemorySink {
    read_with(text.as_bytes(), &csv::Options::default()).unwrap()
}

fn fault(text: &str) -> String {
    read_with(text.as_bytes(), &csv::Options::default()).unwrap_err().to_string()
}

#[test]
fn columns_come_in_any_order() {
    let sink = read(
        "value,t_ns,quantity,channel,t_end_ns,flags,t_device_ns\n\
         78450,10,power mW,gpu0/power,12,8,7\n\
         5,11,energy counter mJ,gpu0/energy,,,\n\
         ,12,power,meter,13,,\n",
    );
    assert_eq!(sink.time_base, Some(TimeBase::HostMonotonic));
    let power = sink.channel("gpu0/power")[0];
    assert_eq!((power.t_start_ns, power.t_end_ns, power.t_device_ns), (10, 12, Some(7)));
    assert_eq!((power.value, power.flags), (RowValue::Number(78.45), Flags::STALE));
    assert_eq!(sink.channel("gpu0/energy")[0].value, RowValue::Count(5));
    let quantum = Joules::from_joules(1e-3);
    let energy = sink.source("gpu0").unwrap().channels[1].quantity;
    assert_eq!(energy, Quantity::EnergyCounter { quantum, modulus: None });
    let missing = sink.channel("node/meter")[0];
    assert_eq!((missing.value, missing.flags), (RowValue::Missing, Flags::MISSING));
    assert_eq!(sink.source("gpu0").unwrap().clock, ClockDomain::Device { tick_hz: None });
    assert_eq!(sink.source("node").unwrap().clock, ClockDomain::HostBracket);
}

#[test]
fn windows_and_units_are_kept() {
    let sink = read("t_ns,channel,quantity,value\n1,a,average power 25 ms,7\n2,b,utilisation %,55\n");
    let source = sink.source("node").unwrap();
    assert_eq!(source.channels[0].window(), Some(Duration::from_millis(25)));
    assert_eq!(sink.channel("node/b")[0].value, RowValue::Number(0.55));
}

#[test]
fn the_time_base_is_found_and_said() {
    let unix = read("t_ns,channel,quantity,value\n1795520826400100148,a,power,1\n");
    assert_eq!(unix.time_base, Some(TimeBase::Unix));
    assert!(unix.notes[0].contains("taken for Unix times"), "{:?}", unix.notes);
    let stated = csv::Options { source: Some("m".into()), time_base: Some(TimeBase::Unix) };
    let stated = read_with(b"t_ns,channel,quantity,value\n1,a,power,1\n", &stated).unwrap();
    assert_eq!(stated.time_base, Some(TimeBase::Unix));
    assert!(stated.notes.is_empty());
    assert_eq!(stated.channel("m/a").len(), 1);
    let both = fault("t_ns,channel,quantity,value\n1,a,power,1\n1795520826400100148,a,power,1\n");
    assert!(both.contains("line 3") && both.contains("one time base"), "{both}");
}

#[test]
fn textual_nan_is_missing_and_infinity_over_range() {
    let sink = read("t_ns,channel,quantity,value\n1,a,power,NaN\n2,a,power,-inf\n");
    let rows = sink.channel("node/a");
    assert_eq!((rows[0].value, rows[0].flags), (RowValue::Missing, Flags::MISSING));
    assert_eq!((rows[1].value, rows[1].flags), (RowValue::Missing, Flags::MISSING | Flags::OVERRANGE));
}

#[test]
fn faults_say_where_and_what_to_do() {
    const HEAD: &str = "t_ns,channel,quantity,value\n";
    for (text, words) in [
        ("", &["node.csv: is empty"][..]),
        (HEAD, &["has a header and no rows"]),
        ("t_ns,chanel,quantity,value\n1,a,power,1\n", &["line 1", "`chanel`", "did you mean `channel`"]),
        ("t_ns,channel,quantity\n1,a,power\n", &["no column `value`"]),
        ("1,a,power,1\n2,a,power,1\n", &["two columns named `1`"]),
        ("t_ns,channel,quantity,value\n1,a,pwoer,1\n", &["line 2", "unknown quantity `pwoer`", "`power`"]),
        ("t_ns,channel,quantity,value\n1,a,power °C,1\n", &["line 2", "`°C` is no unit of power"]),
        ("t_ns,channel,quantity,value\n1,a,power,one\n", &["line 2", "`one` is no number", "channel `a`"]),
        ("t_ns,channel,quantity,value\nx,a,power,1\n", &["line 2", "t_ns `x` is no time"]),
        ("t_ns,channel,quantity,value\n99999999999999999999,a,power,1\n", &["line 2", "64 bits"]),
        ("t_ns,channel,quantity,value\n1,a,power,1e999\n", &["line 2", "too large"]),
        ("t_ns,channel,quantity,value\n1,a,energy counter J,1.5\n", &["line 2", "counts of 1 J"]),
        ("t_ns,channel,quantity,value\n1,a,power,1\n2,a,voltage,1\n", &["line 3", "`voltage` here"]),
        ("t_ns,channel,quantity,value\n1,a,power,1\n2,node/a,power,1\n", &["line 3", "`node/a` too"]),
        ("t_ns,channel,quantity,value\n1,/a,power,1\n", &["line 2", "no name"]),
        ("t_ns,channel,quantity,value,t_end_ns\n5,a,power,1,4\n", &["line 2", "is before"]),
        ("t_ns,channel,quantity,value,flags\n5,a,power,1,-1\n", &["line 2", "no bits"]),
        ("t_ns,channel,quantity,value\n1,a,power\n2,a,power,1\n", &["line 2", "3 cells"]),
    ] {
        let said = fault(text);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    let bytes = [HEAD.as_bytes(), b"1,\xff,power,1\n"].concat();
    let said = read_with(&bytes, &csv::Options::default()).unwrap_err().to_string();
    assert!(said.contains("line 2") && said.contains("not UTF-8"), "{said}");
}

#[test]
fn marks() {
    let mut sink = MemorySink::default();
    let text = b"t_ns,event,name\n5,begin,epoch 1\n6,point,\"a, b\"\n7,end,epoch 1\n";
    marks::read(&text[..], Path::new("m.csv"), &mut sink).unwrap();
    assert_eq!(sink.marks[1], Mark { t_ns: 6, event: MarkEvent::Point, name: "a, b".into() });
    for (text, words) in [
        ("t_ns,event,name\n5,start,x\n", "known are begin, end, point"),
        ("t_ns,event,name\n5,begin,\n", "no name"),
        ("t_ns,event\n", "no column `name`"),
        ("t_ns,event,name\n,begin,x\n", "is no time"),
    ] {
        let said = marks::read(text.as_bytes(), Path::new("m.csv"), &mut sink).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_with(&bytes, &csv::Options::default());
        let _ = marks::read(&bytes[..], Path::new("m.csv"), &mut MemorySink::default());
    }

    #[test]
    fn a_damaged_file_is_rows_or_a_fault(at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..120) {
        let mut bytes = b"t_ns,channel,quantity,value,t_end_ns,t_device_ns,flags\n\
            1,gpu0/power,average power 1 s,300.25,2,3,0\n2,gpu0/energy,energy counter mJ,17,3,,1\n".to_vec();
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        let _ = read_with(&bytes, &csv::Options::default());
    }
}
