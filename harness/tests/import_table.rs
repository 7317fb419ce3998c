//! Tables by column map.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::import::sink::MemorySink;
use harness::import::table::{Map, TableOptions, read_parquet, read_text};
use harness::import::time::parse_utc_offset;
use harness::import::{find_map, maps, read_anchors};
use harness::run::{MarkEvent, RowValue, TimeBase};
use power_core::{ClockDomain, Delivery, Flags, Scope};
use proptest::prelude::*;

fn read_with(map: &str, text: &[u8], options: &TableOptions) -> harness::Result<MemorySink> {
    let map = Map::parse(map, Path::new("map.toml"))?;
    let mut sink = MemorySink::default();
    read_text(text, Path::new("log.csv"), &map.tables[0], options, &mut sink)?;
    Ok(sink)
}

fn read(map: &str, text: &str) -> MemorySink {
    read_with(map, text.as_bytes(), &TableOptions::default()).unwrap()
}

fn fault(map: &str, text: &str) -> String {
    read_with(map, text.as_bytes(), &TableOptions::default()).unwrap_err().to_string()
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

/// A map with one power channel in mW, after `head`.
fn map(head: &str) -> String {
    format!(
        "about = \"t\"\n[[table]]\n{head}\n[[table.channel]]\ncolumn = \"p*\"\nquantity = \"power\"\nunit = \"mW\"\n"
    )
}

const AT: &str = "time.at = { column = \"t\", unit = \"ms\" }";

#[test]
fn the_shipped_maps_are_maps() {
    for shipped in maps() {
        assert!(!shipped.map().unwrap().about.is_empty());
    }
    assert!(find_map("nvidia_smi").unwrap_err().to_string().contains("did you mean `nvidia-smi`"));
}

#[test]
fn the_example_of_the_guide_is_a_map() {
    let guide = include_str!("../maps/README.md");
    let toml = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    Map::parse(toml, Path::new("README.md")).unwrap();
}

#[test]
fn wide_tables() {
    let sink = read(&map(AT), "t,p1,other,p2 [W]\n1.5,1000,x,2\n2,,x,3 kW\n");
    let ids: Vec<_> =
        sink.source("log").unwrap().channels.iter().map(|channel| channel.name.as_ref()).collect();
    assert_eq!(ids, ["p1", "p2"]);
    let p1 = sink.channel("log/p1");
    assert_eq!((p1[0].t_start_ns, p1[0].value), (1_500_000, RowValue::Number(1.0)));
    assert_eq!((p1[1].value, p1[1].flags), (RowValue::Missing, Flags::MISSING));
    let p2: Vec<_> = sink.channel("log/p2").iter().map(|row| row.value).collect();
    assert_eq!(p2, [RowValue::Number(2.0), RowValue::Number(3_000.0)]);
    assert!(sink.notes.iter().any(|note| note == "log.csv: columns left out: other"), "{:?}", sink.notes);
}

#[test]
fn long_tables() {
    let head = format!("{AT}\nlong = {{ channel = \"sensor\", value = \"v\" }}\ngroup = \"host\"");
    let sink = read(&map(&head), "t,host,sensor,v\n1,a,p1,5\n1,b,p2,6\n2,a,p2,7\n3,a,fan,1\n");
    assert_eq!(sink.channel("a/p1").len(), 1);
    assert_eq!(sink.channel("a/p2")[0].value, RowValue::Number(0.007));
    assert_eq!(sink.channel("b/p2")[0].t_start_ns, 1_000_000);
    assert!(
        sink.notes.iter().any(|note| note.contains("rows left out: 1, of the channels fan")),
        "{:?}",
        sink.notes
    );
    assert!(
        fault(&map(&head), "t,host,sensor,v\n1,a,fan,5\n").contains("none of its channels is in the map")
    );
}

#[test]
fn names_descriptions_and_devices() {
    let map = "about = \"t\"\n[[table]]\nsource = \"gpu{index}\"\ndevice = \"{name}\"\ngroup = \"index\"\n\
               detail_columns = \"limit\"\ndriver = \"x\"\ndelimiter = \";\"\nmissing = [\"-1\", \"n*a\"]\n\
               time.ordinal = true\n[[table.channel]]\ncolumn = \"power_*\"\nname = \"* power\"\n\
               quantity = \"power\"\nwindow_ms = 100\nupdate_period_ms = 20\nscope = \"rail 12 V\"\n\
               delivery = \"streamed\"\n[[table.channel]]\ncolumn = \"fan\"\nquantity = \"utilisation %\"\n\
               optional = true\n";
    let sink = read(map, "index;name;limit;power_slot\n0;A;300;5\n1;B;400;-1\n0;A;350;not a\n");
    let gpu0 = sink.source("gpu0").unwrap();
    assert_eq!((gpu0.device.as_str(), gpu0.driver.as_str()), ("A", "x"));
    assert_eq!(gpu0.details["limit"], "300");
    let channel = &gpu0.channels[0];
    assert_eq!(channel.name, "slot power");
    assert_eq!(channel.window(), Some(Duration::from_millis(100)));
    assert_eq!(channel.scope, Scope::Rail("12 V".into()));
    assert_eq!(channel.delivery, Delivery::Streamed);
    assert_eq!(sink.time_base, Some(TimeBase::Ordinal));
    assert_eq!(sink.channel("gpu1/slot power")[0].value, RowValue::Missing);
    assert_eq!(sink.channel("gpu0/slot power")[1].value, RowValue::Missing);
    assert_eq!(sink.channel("gpu0/slot power")[1].t_start_ns, 2_000_000_000);
    assert!(sink.notes.iter().any(|note| note.contains("describes gpu0 changes")), "{:?}", sink.notes);
    let named = TableOptions { source: Some("n".into()), ..TableOptions::default() };
    let named = read_with(map, b"index;name;limit;power_slot\n0;A;300;5\n", &named).unwrap();
    assert!(named.source("n-gpu0").is_some());
}

#[test]
fn times_as_text() {
    let local = map("time.at = { column = \"t\", format = \"%d.%m.%Y %H:%M:%S\", zone = \"local\" }");
    let text = "t,p\n08.07.2023 19:28:27,1\n";
    assert!(fault(&local, text).contains("--utc-offset +01:00"));
    let options =
        TableOptions { utc_offset: Some(parse_utc_offset("+01:00").unwrap()), ..Default::default() };
    let sink = read_with(&local, text.as_bytes(), &options).unwrap();
    assert_eq!(sink.channel("log/p")[0].t_start_ns, 1_688_840_907_000_000_000);
    assert_eq!(sink.time_base, Some(TimeBase::Unix));
    let monotonic = TableOptions { time_base: Some(TimeBase::HostMonotonic), ..options };
    let said = read_with(&local, text.as_bytes(), &monotonic).unwrap_err().to_string();
    assert!(said.contains("its times are Unix times, not"), "{said}");
}

#[test]
fn files_without_header() {
    let options = TableOptions { columns: Some(vec!["t".into(), "p".into()]), ..Default::default() };
    let sink = read_with(&map(AT), b"1,5\n2,6\n", &options).unwrap();
    assert_eq!(sink.channel("log/p").len(), 2);
    assert!(fault(&map(AT), "1,5\n2,6\n").contains("by --columns"));
}

#[test]
fn faults_say_where_and_what_to_do() {
    let plain = map(AT);
    for (map, text, words) in [
        (&plain, "", &["log.csv: is empty"][..]),
        (&plain, "t,p\n", &["no rows"]),
        (&plain, "time,p\n1,1\n", &["no column `t`", "the time"]),
        (&plain, "t,watts\n1,1\n", &["no column `p*`"]),
        (&plain, "t,p\n,1\n", &["line 2", "`t` is empty"]),
        (&plain, "t,p\nnow,1\n", &["line 2", "`now` is no time"]),
        (&plain, "t,p\n1,x\n", &["line 2", "channel `p`", "`x` is no number"]),
        (&plain, "t,p\n1,5 °C\n", &["line 2", "`°C` is no unit of power"]),
        (&plain, "t,p [°C]\n1,5\n", &["channel `p`", "`°C` is no unit of power", "known are W"]),
        (&map("time.at = { column = \"t\" }"), "t,p\n1,1\n", &["either a unit or a format"]),
        (&map("time.at = { column = \"t\", unit = \"h\" }"), "t,p\n1,1\n", &["unit of time `h`"]),
        (&map("time = {}"), "t,p\n1,1\n", &["neither `at`"]),
        (&plain.replace("mW", "V"), "t,p\n1,1\n", &["`V` is no unit of power"]),
        (&plain.replace("\"power\"", "\"pwr\""), "t,p\n1,1\n", &["unknown quantity `pwr`"]),
        (&format!("{plain}scope = \"bord\"\n"), "t,p\n1,1\n", &["did you mean `board`"]),
        (&format!("{plain}window_ms = -1\n"), "t,p\n1,1\n", &["no positive time"]),
        (&format!("{plain}delivery = \"sent\"\n"), "t,p\n1,1\n", &["neither polled nor streamed"]),
        (&format!("{plain}name = \"a\"\n"), "t,p1,p2\n1,1,1\n", &["two channels `a`"]),
    ] {
        let said = fault(map, text);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn brackets_run_forward() {
    let bracket =
        map("time.start = { column = \"a\", unit = \"ns\" }\ntime.end = { column = \"b\", unit = \"ns\" }");
    assert_eq!(read(&bracket, "a,b,p\n1,3,1\n").channel("log/p")[0].t_end_ns, 3);
    assert!(fault(&bracket, "a,b,p\n3,1,1\n").contains("line 2: `b` 1 is before `a` 3"));
}

#[test]
fn marks_of_edges_and_intervals() {
    let edges = "about = \"t\"\n[[table]]\ntime.at = { column = \"t\", unit = \"ns\" }\n\
                 marks = { mode = \"edges\", name = \"{phase} {n}\", state = \"s\" }\n";
    let sink = read(edges, "t,phase,n,s\n1,idle,,0\n2,load,a,1\n3,load,a,0\n4,end,,0\n");
    let marks: Vec<_> = sink.marks.iter().map(|mark| (mark.t_ns, mark.event, mark.name.as_str())).collect();
    let wanted = [
        (1, MarkEvent::Point, "idle"),
        (2, MarkEvent::Begin, "load a"),
        (3, MarkEvent::End, "load a"),
        (4, MarkEvent::Point, "end"),
    ];
    assert_eq!(marks, wanted);
    let intervals = "about = \"t\"\n[[table]]\ntime.start = { column = \"a\", unit = \"ns\" }\n\
                     time.end = { column = \"b\", unit = \"ns\" }\nmarks = { mode = \"intervals\", name = \"{job}\" }\n";
    let sink = read(intervals, "job,a,b\nx,1,5\n");
    assert_eq!((sink.marks[1].t_ns, sink.marks[1].event), (5, MarkEvent::End));
    assert!(fault(intervals, "jbo,a,b\nx,1,5\n").contains("names the column `job`"));
    let plain = edges.replace(", state = \"s\"", "").replace("{phase} {n}", "edge");
    assert!(read(&plain, "t\n1\n1\n").marks.iter().all(|mark| mark.event == MarkEvent::Point));
}

fn excerpt(file: &str, anchored: bool) -> harness::Result<MemorySink> {
    let map = find_map("h200").unwrap();
    let table = map.tables.iter().find(|table| table.files.0[0] == file).unwrap();
    let anchors = data("h200-excerpt/clocks.txt");
    let anchors = read_anchors(File::open(&anchors).unwrap(), &anchors).unwrap();
    let options =
        TableOptions { anchors: if anchored { anchors } else { Vec::new() }, ..TableOptions::default() };
    let path = data("h200-excerpt").join(file);
    let mut sink = MemorySink::default();
    let opened = File::open(&path).unwrap();
    if Path::new(file).extension().is_some_and(|extension| extension == "csv") {
        read_text(opened, &path, table, &options, &mut sink)?;
    } else {
        read_parquet(opened, &path, table, &options, &mut sink)?;
    }
    Ok(sink)
}

#[test]
fn the_clock_of_the_sample_ring_is_detected() {
    let sink = excerpt("sample_ring.parquet", true).unwrap();
    let ring = sink.source("ring").unwrap();
    assert_eq!(ring.clock, ClockDomain::HostRealtime);
    assert!(ring.details["clock of device times"].contains("156 of 156 reads"), "{:?}", ring.details);
    assert_eq!(sink.channel("ring/power").len(), 2_000);
    let said = excerpt("sample_ring.parquet", false).unwrap_err().to_string();
    assert!(said.contains("fit no clock") && said.contains("CLOCK_REALTIME: no anchors"), "{said}");
}

#[test]
fn the_other_tables_of_the_h200() {
    let polled = excerpt("polled.parquet", true).unwrap();
    let usage = polled.channel("nvml/power_usage");
    let instant = polled.channel("nvml/power_instant");
    assert_eq!((usage.len(), instant.len()), (4_000, 4_000));
    assert!(usage.iter().all(|row| row.t_device_ns.is_none()));
    assert!(instant.iter().all(|row| row.t_device_ns.is_some()));
    let energy = excerpt("energy_counter.parquet", true).unwrap();
    let counts: Vec<_> = energy.channel("counter/energy").iter().map(|row| row.value).collect();
    assert!(counts.windows(2).all(|pair| match (pair[0], pair[1]) {
        (RowValue::Count(before), RowValue::Count(after)) => before <= after,
        _ => false,
    }));
    assert_eq!(excerpt("smi_xml_poll.csv", true).unwrap().channel("smi/power_average").len(), 59);
    assert_eq!(excerpt("load_edges.csv", true).unwrap().marks.len(), 99);
}

#[test]
fn samples_that_come_twice_are_kept_once() {
    let map =
        map("time.start = { column = \"a\", unit = \"ns\" }\ntime.end = { column = \"b\", unit = \"ns\" }\n\
         device_time = { column = \"d\", unit = \"ns\", clock = \"detect\", once = true }");
    let sink = read(&map, "a,b,d,p\n90,100,70,1\n90,100,80,2\n190,200,80,2\n190,200,180,3\n");
    let devices: Vec<_> = sink.channel("log/p").iter().map(|row| row.t_device_ns).collect();
    assert_eq!(devices, [Some(70), Some(80), Some(180)]);
    assert!(
        sink.notes.iter().any(|note| note.contains("values of log that came in several reads, kept once: 1")),
        "{:?}",
        sink.notes
    );
    assert_eq!(sink.source("log").unwrap().clock, ClockDomain::HostMonotonic);
}

#[test]
fn a_truncated_parquet_file_is_an_error() {
    let whole = std::fs::read(data("h200-excerpt/energy_counter.parquet")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("energy_counter.parquet");
    let table = &find_map("h200").unwrap().tables[2];
    for length in [4, 8, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let mut sink = MemorySink::default();
        let opened = File::open(&path).unwrap();
        let said =
            read_parquet(opened, &path, table, &TableOptions::default(), &mut sink).unwrap_err().to_string();
        assert!(said.contains("no whole Parquet file") || said.contains("damaged"), "{said}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for shipped in maps() {
            for table in &shipped.map().unwrap().tables {
                let options = TableOptions { utc_offset: Some(parse_utc_offset("Z").unwrap()), ..Default::default() };
                let _ = read_text(&bytes[..], Path::new("log.csv"), table, &options, &mut MemorySink::default());
            }
        }
    }

    #[test]
    fn a_damaged_file_is_rows_or_a_fault(at in 0_usize..2_300, byte in any::<u8>(), cut in 0_usize..300) {
        let map = find_map("h200").unwrap();
        for (file, table) in [("smi_xml_poll.csv", 3), ("load_edges.csv", 4)] {
            let mut bytes = std::fs::read(data("h200-excerpt").join(file)).unwrap();
            bytes[at] = byte;
            bytes.truncate(bytes.len() - cut);
            let mut sink = MemorySink::default();
            let _ = read_text(&bytes[..], Path::new(file), &map.tables[table], &TableOptions::default(), &mut sink);
        }
    }
}
