//! Every value in the real recordings, against what another program read there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use driver_smi::protocol::{Cell, Field, GpuReport, csv, dmon, help, message, query, table, xml};
use power_core::Value;

fn data(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn recorded(name: &str) -> String {
    data(&format!("nvidia-smi-580/{name}"))
}

fn expected(name: &str) -> Vec<Vec<String>> {
    let text = data(&format!("expected/{name}"));
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// One value as `values.tsv` has it.
fn shown(cell: Cell) -> String {
    match cell {
        Cell::Value(Value::Count(count)) => count.to_string(),
        Cell::Value(value) => format!("{:?}", value.number().unwrap()),
        Cell::Absent(absence) => absence.to_string(),
    }
}

#[test]
fn every_text_of_the_tables_is_there() {
    let names: Vec<_> = expected("csv.txt.tsv").into_iter().map(|row| row[1].clone()).collect();
    for file in ["csv.txt", "csv_loop.txt", "csv_na.txt", "csv_nounits.txt"] {
        let text = recorded(file);
        let mut header =
            (file == "csv_nounits.txt").then(|| csv::Header::of_names(names.iter().map(String::as_str)));
        let mut found = Vec::new();
        let mut number = 0;
        for line in text.lines() {
            match csv::classify(&mut header, line.as_bytes()) {
                csv::Line::Header => {}
                csv::Line::Row(row) => {
                    let texts = row.texts().map(|(column, text)| (column.name.clone(), text.to_owned()));
                    found.extend(texts.map(|(column, text)| vec![format!("{number}"), column, text]));
                    number += 1;
                }
                other => panic!("{file}: {other:?}"),
            }
        }
        assert_eq!(found, expected(&format!("{file}.tsv")), "{file}");
    }
    let text = recorded("dmon.txt");
    let header = dmon::Header::parse(text.lines().next().unwrap()).unwrap();
    let rows = text.lines().filter_map(|line| header.row(line).unwrap());
    let found: Vec<_> = rows
        .enumerate()
        .flat_map(|(number, row)| {
            row.texts().map(move |(name, text)| [number.to_string(), name.into(), text.into()])
        })
        .map(Vec::from)
        .collect();
    assert_eq!(found, expected("dmon.txt.tsv"));
}

#[test]
fn every_text_of_the_logs_is_there() {
    let mut found = Vec::new();
    xml::visit::<xml::XmlError>(&recorded("q.xml"), |path, text| {
        found.push(vec![path.to_owned(), text.to_owned()]);
        Ok(())
    })
    .unwrap();
    assert_eq!(found, expected("q.xml.tsv"));
    for file in ["q.txt", "q_power.txt"] {
        let mut found = Vec::new();
        query::visit::<()>(&recorded(file), |_, entry| {
            match entry {
                query::Entry::Log => {}
                query::Entry::Gpu(bus_id) => found.push(vec!["GPU".to_owned(), bus_id.to_owned()]),
                query::Entry::Value(path, text) => found.push(vec![path.to_owned(), text.to_owned()]),
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(found, expected(&format!("{file}.tsv")), "{file}");
    }
}

#[test]
fn every_value_is_there() {
    let mut found: BTreeMap<(String, String, String), String> = BTreeMap::new();
    let mut add = |file: &str, row: usize, name: &str, cell: Cell| {
        let before = found.insert((file.to_owned(), row.to_string(), name.to_owned()), shown(cell));
        assert_eq!(before, None, "{file}, row {row}, {name} is there twice");
    };
    let names = expected("csv.txt.tsv");
    let names: Vec<_> = names.iter().map(|row| row[1].as_str()).collect();
    for (file, columns) in
        [("csv.txt", &[][..]), ("csv_loop.txt", &[]), ("csv_na.txt", &[]), ("csv_nounits.txt", &names[..])]
    {
        let log = csv::parse_log(recorded(file).as_bytes(), columns);
        assert_eq!(log.problems, [], "{file}");
        for (number, row) in log.rows.iter().enumerate() {
            assert!(row.time.is_some());
            for (field, cell) in &row.cells {
                add(file, number, field.name(), *cell);
            }
        }
    }
    let (rows, problems) = dmon::parse_log(&recorded("dmon.txt"));
    assert_eq!(problems, []);
    for (number, (time, gpu, cells)) in rows.iter().enumerate() {
        assert_eq!((time.is_some(), *gpu), (true, 0));
        for (column, cell) in cells {
            add("dmon.txt", number, column.name, *cell);
        }
    }
    let reports = [
        ("q.xml", xml::parse(&recorded("q.xml")).unwrap()),
        ("q.txt", query::parse(&recorded("q.txt")).unwrap()),
        ("q_power.txt", query::parse(&recorded("q_power.txt")).unwrap()),
        ("plain.txt", vec![table::parse(&recorded("plain.txt")).unwrap()]),
    ];
    for (file, reports) in &reports {
        let [report] = &reports[..] else { panic!("{file} has {} logs", reports.len()) };
        let [gpu] = &report.gpus[..] else { panic!("{file} has {} GPUs", report.gpus.len()) };
        for (field, cell) in &gpu.cells {
            add(file, 0, field.name(), *cell);
        }
        assert_eq!(report.driver_version.as_deref(), Some("580.159.04"), "{file}");
        assert_eq!(
            report.time.map(|time| time.in_zone(0).nanos()),
            Some(1_795_519_313_000_000_000),
            "{file}"
        );
    }
    let expected: BTreeMap<_, _> = expected("values.tsv")
        .into_iter()
        .map(|row| ((row[0].clone(), row[1].clone(), row[2].clone()), row[3].clone()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_gpu_is_named() {
    let uuid = "GPU-00000000-1111-2222-3333-444444444444";
    let gpu = |reports: Vec<driver_smi::protocol::Report>| -> GpuReport { reports[0].gpus[0].clone() };
    for gpu in [gpu(xml::parse(&recorded("q.xml")).unwrap()), gpu(query::parse(&recorded("q.txt")).unwrap())]
    {
        assert_eq!(gpu.bus_id, "00000000:00:06.0");
        assert_eq!(gpu.uuid.as_deref(), Some(uuid));
        assert_eq!(gpu.name.as_deref(), Some("NVIDIA H200"));
        assert_eq!(gpu.architecture.as_deref(), Some("Hopper"));
        assert_eq!(gpu.power_section.as_deref(), Some("gpu_power_readings"));
    }
    let gpu = gpu(vec![table::parse(&recorded("plain.txt")).unwrap()]);
    assert_eq!((gpu.bus_id.as_str(), gpu.name.as_deref()), ("00000000:00:06.0", Some("NVIDIA H200")));
}

#[test]
fn the_help_text_names_every_field() {
    let text = recorded("help_query_gpu.txt");
    let names: Vec<_> = help::names(&text).collect();
    // grep -c '^"'; alternatives on one line, three of which name the same field twice.
    assert_eq!(text.lines().filter(|line| line.starts_with('"')).count(), 218);
    for field in Field::ALL.iter().filter(|field| !field.is_log_only()) {
        assert!(names.contains(&field.name()), "{}", field.name());
    }
    for name in
        ["clocks_throttle_reasons.active", "gpu_uuid", "hostname", "power_smoothing.window_multiplier"]
    {
        assert!(names.contains(&name), "{name}");
    }
    assert!(names.iter().all(|name| !name.contains(['"', ' '])));
}

#[test]
fn failures_are_understood() {
    assert_eq!(message::unknown_field(&recorded("err_field.txt")), Some("power.drow"));
    assert_eq!(message::unknown_field(&recorded("err_index.txt")), None);
    assert_eq!(message::first_line(&recorded("err_index.txt")), Some("No devices were found"));
    assert!(matches!(xml::parse("<?xml version=\"1.0\" ?><>78.45 W</>"), Err(xml::XmlError::Syntax { .. })));
    for file in ["err_field.txt", "err_index.txt"] {
        assert!(xml::parse(&recorded(file)).is_err());
        assert_eq!(query::parse(&recorded(file)), Ok(Vec::new()));
        assert_eq!(csv::parse_log(recorded(file).as_bytes(), &[]).rows, []);
    }
}

#[test]
#[ignore = "needs ../shared/data/external"]
fn logs_of_others_are_read() {
    let root =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external/gpu-power-benchmark");
    for (file, field) in [
        ("units-and-errors/data.csv", Field::SmClock),
        ("transient/A100_TR/gpudata.csv", Field::PowerInstant),
        ("square-wave/3090/gpudata.csv", Field::PowerAverage),
    ] {
        let path = root.join(file);
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let log = csv::parse_log(&text, &[]);
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        assert_eq!((log.problems.len(), log.rows.len()), (0, lines - 1), "{file}");
        assert!(
            log.rows
                .iter()
                .all(|row| row.time.is_some() && row.cells.iter().any(|(found, _)| *found == field))
        );
    }
}
