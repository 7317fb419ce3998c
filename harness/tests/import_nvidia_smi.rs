//! Logs of nvidia-smi.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use harness::import::find_map;
use harness::import::sink::MemorySink;
use harness::import::table::{TableOptions, read_text};
use harness::import::time::parse_utc_offset;
use harness::run::{RowValue, TimeBase};
use power_core::{Averaging, Flags, Quantity, Scope};
use proptest::prelude::*;

fn read_with(bytes: &[u8], options: &TableOptions) -> harness::Result<MemorySink> {
    let map = find_map("nvidia-smi")?;
    let mut sink = MemorySink::default();
    read_text(bytes, Path::new("smi.csv"), &map.tables[0], options, &mut sink)?;
    Ok(sink)
}

fn utc() -> TableOptions {
    TableOptions { utc_offset: Some(parse_utc_offset("Z").unwrap()), ..TableOptions::default() }
}

fn recorded(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nvidia-smi-580").join(file)).unwrap()
}

fn log(header: &str, rows: &str, count: usize) -> Vec<u8> {
    let mut text = format!("timestamp, {header}\n");
    for row in 0..count {
        let rows = rows.replace('#', &row.to_string());
        writeln!(text, "2026/11/24 11:21:{:02}.{:03}, {rows}", row / 10, row % 10 * 100).unwrap();
    }
    text.into_bytes()
}

#[test]
fn a_query_with_units() {
    let sink = read_with(&recorded("csv.txt"), &utc()).unwrap();
    assert_eq!(sink.time_base, Some(TimeBase::Unix));
    let gpu = sink.source("gpu0").unwrap();
    assert_eq!(gpu.device, "NVIDIA H200 GPU-00000000-1111-2222-3333-444444444444");
    assert_eq!(gpu.details["power.limit"], "700.00 W");
    let value = |name: &str| sink.channel(&format!("gpu0/{name}"))[0].value;
    assert_eq!(value("power.draw"), RowValue::Number(112.58));
    assert_eq!(value("power.draw.instant"), RowValue::Number(78.99));
    assert_eq!(value("utilization.gpu"), RowValue::Number(0.0));
    assert_eq!(value("memory.used"), RowValue::Count(0));
    assert_eq!(value("temperature.gpu"), RowValue::Number(35.0));
    assert_eq!(value("clocks.current.memory"), RowValue::Number(3.201e9));
    assert_eq!(value("pstate"), RowValue::Count(0));
    assert_eq!(value("clocks_event_reasons.active"), RowValue::Count(1));
    assert_eq!(sink.channel("gpu0/power.draw")[0].t_start_ns, 1_795_519_313_866_000_000);
    let average = gpu.channel(gpu.find("power.draw.average").unwrap()).unwrap();
    assert_eq!((average.window(), &average.scope), (Some(Duration::from_secs(1)), &Scope::Board));
    let instant = gpu.channel(gpu.find("power.draw.instant").unwrap()).unwrap();
    assert_eq!(instant.quantity, Quantity::Power { averaging: Averaging::Unknown });
    // One row shows no alias.
    assert!(!gpu.details.contains_key("power.draw"));
}

#[test]
fn a_query_without_header_and_units() {
    let columns = "timestamp,index,uuid,name,power.draw,power.draw.average,power.draw.instant,power.limit,\
                   enforced.power.limit,utilization.gpu,utilization.memory,memory.used,memory.total,temperature.gpu,\
                   temperature.memory,clocks.current.sm,clocks.current.memory,pstate,clocks_event_reasons.active";
    let columns = Some(columns.split(',').map(|name| name.trim().to_owned()).collect());
    let sink = read_with(&recorded("csv_nounits.txt"), &TableOptions { columns, ..utc() }).unwrap();
    assert_eq!(sink.channel("gpu0/power.draw.instant")[0].value, RowValue::Number(78.29));
    assert_eq!(sink.channel("gpu0/clocks.current.sm")[0].value, RowValue::Number(3.75e8));
    let said = read_with(&recorded("csv_nounits.txt"), &utc()).unwrap_err().to_string();
    assert!(said.contains("two columns named") || said.contains("--columns"), "{said}");
}

#[test]
fn a_loop_and_fields_that_the_gpu_has_not() {
    let sink = read_with(&recorded("csv_loop.txt"), &utc()).unwrap();
    assert_eq!(sink.channel("smi/power.draw").len(), 30);
    let sink = read_with(&recorded("csv_na.txt"), &utc()).unwrap();
    let module = sink.channel("smi/module.power.draw.average")[0];
    assert_eq!((module.value, module.flags), (RowValue::Missing, Flags::MISSING));
    assert_eq!(sink.channel("smi/power.draw")[0].value, RowValue::Number(110.17));
    assert_eq!(sink.source("smi").unwrap().channels[1].scope, Scope::Module);
}

#[test]
fn words_for_no_value() {
    for word in [
        "[N/A]",
        "[Not Supported]",
        "[Unknown Error]",
        "[GPU requires reset]",
        "[Insufficient Permissions]",
        "N/A",
    ] {
        let sink = read_with(&log("power.draw [W], pstate", &format!("{word}, {word}"), 1), &utc()).unwrap();
        assert!(sink.rows.iter().all(|(_, row)| row.value == RowValue::Missing), "{word}");
    }
}

#[test]
fn local_time_wants_its_zone() {
    let said = read_with(&recorded("csv_loop.txt"), &TableOptions::default()).unwrap_err().to_string();
    assert!(said.contains("pass --utc-offset, such as --utc-offset +01:00"), "{said}");
}

#[test]
fn a_failed_query_is_no_log() {
    let said = read_with(&recorded("err_field.txt"), &utc()).unwrap_err().to_string();
    assert!(said.contains("has no column `timestamp`"), "{said}");
}

#[test]
fn every_gpu_is_a_source() {
    let bytes = b"timestamp, index, power.draw [W]\n2026/11/24 11:21:53.866, 0, 1 W\n2026/11/24 11:21:53.866, 1, 2 W\n\
                  2026/11/24 11:21:54.866, 0, 3 W\n";
    let sink = read_with(bytes, &utc()).unwrap();
    assert_eq!((sink.channel("gpu0/power.draw").len(), sink.channel("gpu1/power.draw").len()), (2, 1));
    let by_uuid = b"timestamp, uuid, power.draw [W]\n2026/11/24 11:21:53.866, GPU-a, 1 W\n";
    assert!(read_with(by_uuid, &utc()).unwrap().source("GPU-a").is_some());
}

#[test]
fn what_power_draw_means_is_found_out() {
    let header = "power.draw [W], power.draw.average [W], power.draw.instant [W]";
    let of = |rows| {
        let sink = read_with(&log(header, rows, 50), &utc()).unwrap();
        let gpu = sink.source("smi").unwrap();
        (gpu.channels[0].quantity, gpu.details.get("power.draw").cloned())
    };
    let (quantity, detail) = of("1#.5 W, 1#.5 W, 2#.5 W");
    assert_eq!(quantity.window(), Some(Duration::from_secs(1)));
    assert_eq!(detail.unwrap(), "alias of power.draw.average (100.00 % of rows equal)");
    let (quantity, detail) = of("1#.5 W, 2#.5 W, 1#.5 W");
    assert_eq!(quantity, Quantity::power());
    assert_eq!(detail.unwrap(), "alias of power.draw.instant (100.00 % of rows equal)");
    let (quantity, detail) = of("70 W, 70 W, 70 W");
    assert_eq!(quantity, Quantity::power());
    assert!(detail.unwrap().starts_with("unknown"));
    assert_eq!(of("1#.5 W, 2#.5 W, 3#.5 W"), (Quantity::power(), None));
}

proptest! {
    #[test]
    fn a_damaged_log_is_rows_or_a_fault(at in 0_usize..559, byte in any::<u8>(), cut in 0_usize..300) {
        let mut bytes = recorded("csv.txt");
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut);
        let _ = read_with(&bytes, &utc());
    }
}
