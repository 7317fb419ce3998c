//! Properties of the parsers: no input makes them panic, and what was printed comes back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use driver_smi::protocol::{
    Absence, Cell, Field, Kind, csv, dmon, help, message, parse_cell, parse_csv_time, parse_date_and_time,
    parse_log_time, query, table, xml,
};
use power_core::Value;
use proptest::prelude::*;
use proptest::sample::Index;

/// Every real output.
static OUTPUTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/nvidia-smi-580");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
});

/// Puts an input through every parser.
fn parse_everything(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let _ = csv::parse_log(input, &[]);
    let _ = csv::parse_log(input, &["timestamp", "power.draw", "uuid"]);
    let _ = xml::parse(&text);
    let _ = query::parse(&text);
    let _ = dmon::parse_log(&text);
    let _ = table::parse(&text);
    let _ = help::names(&text).count();
    let _ = (message::unknown_field(&text), message::first_line(&text));
    for line in text.lines().take(50) {
        let _ = (
            parse_csv_time(line),
            parse_log_time(line),
            parse_date_and_time(line, line),
            Absence::parse(line),
        );
        for kind in
            [Kind::Power, Kind::PowerLimit, Kind::Share, Kind::Memory, Kind::Clock, Kind::PState, Kind::Mask]
        {
            let _ = parse_cell(kind, line);
        }
    }
}

/// Changes, doubles, cuts out or replaces parts of a text.
#[derive(Debug, Clone)]
enum Mutation {
    Byte(Index, u8),
    Cut(Index, Index),
    Double(Index, Index),
    Insert(Index, &'static str),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let piece = prop::sample::select(vec![
        "[N/A]",
        "ERR!",
        "<gpu id=\"\">",
        "</gpu>",
        "&amp;",
        "&#0;",
        "]]>",
        "<!--",
        "-",
        "\n",
        ", ",
        " W",
        "\u{e9}",
        " : ",
        "99999999999999999999999999",
        "0x",
        "P",
        "GPU ",
        "#",
        "|",
        "    ",
        "1e308",
        "2026/11/24 11:21:58.071",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte(at, byte)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mutation::Cut(from, to)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mutation::Double(from, to)),
        (any::<Index>(), piece).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        any::<Index>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len() + 1;
    let range = |from: &Index, to: &Index| {
        let (a, b) = (from.index(length), to.index(length));
        // Short parts, so that most of the text stays what it is.
        let (a, b) = (a.min(b), a.max(b));
        a..b.min(a + 200)
    };
    match mutation {
        Mutation::Byte(at, byte) => {
            let at = at.index(length);
            if let Some(place) = bytes.get_mut(at) {
                *place = *byte;
            }
        }
        Mutation::Cut(from, to) => drop(bytes.drain(range(from, to))),
        Mutation::Double(from, to) => {
            let part = bytes[range(from, to)].to_vec();
            bytes.splice(range(from, to).start..range(from, to).start, part);
        }
        Mutation::Insert(at, piece) => {
            let at = at.index(length);
            bytes.splice(at..at, piece.bytes());
        }
        Mutation::Truncate(at) => bytes.truncate(at.index(length)),
    }
}

#[test]
fn a_dmon_line_without_its_end_is_no_row() {
    let table = "#gpu    pwr     fb\n    0    112    512 \n    1    113    512 \n";
    assert_eq!(dmon::parse_log(table).0.len(), 2);
    assert_eq!(dmon::parse_log(table.trim_end_matches('\n')).0.len(), 2, "its space shows that it is whole");
    for lost in 2..6 {
        let (rows, problems) = dmon::parse_log(&table[..table.len() - lost]);
        assert_eq!((rows.len(), problems.len()), (1, 1), "{lost} bytes lost");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_outputs_never_panic(
        which in any::<Index>(),
        mutations in prop::collection::vec(mutation(), 1..12),
    ) {
        let mut bytes = which.get(&OUTPUTS).clone();
        for mutation in &mutations {
            mutate(&mut bytes, mutation);
        }
        parse_everything(&bytes);
    }

    #[test]
    fn anything_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        parse_everything(&bytes);
    }

    /// Wherever a log is cut off, what is read from the rest is what was in it: no number of fewer digits.
    #[test]
    fn a_log_that_is_cut_off_gives_no_other_number(which in any::<Index>(), cut in any::<Index>()) {
        let whole = String::from_utf8(which.get(&OUTPUTS).clone()).unwrap();
        let cut = &whole[..(0..=cut.index(whole.len() + 1)).rev().find(|end| whole.is_char_boundary(*end)).unwrap()];
        let rows = csv::parse_log(whole.as_bytes(), &[]).rows;
        let cut_rows = csv::parse_log(cut.as_bytes(), &[]).rows;
        prop_assert_eq!(&cut_rows[..], &rows[..cut_rows.len()]);
        let (rows, (cut_rows, _)) = (dmon::parse_log(&whole).0, dmon::parse_log(cut));
        prop_assert_eq!(&cut_rows[..], &rows[..cut_rows.len()]);
        if let Ok(reports) = query::parse(cut) {
            let expected = query::parse(&whole).unwrap();
            for (report, expected) in reports.iter().zip(&expected) {
                for (gpu, expected) in report.gpus.iter().zip(&expected.gpus) {
                    let measured = gpu.cells.iter().filter(|(field, _)| *field != Field::EventReasons);
                    for (field, cell) in measured {
                        prop_assert_eq!(Some(*cell), expected.cell(*field), "{}", field.name());
                    }
                }
            }
        }
        if cut.trim_end().len() < whole.trim_end().len() {
            prop_assert!(xml::parse(cut).is_err() || !whole.contains("<?xml"));
        }
    }

    #[test]
    fn a_text_is_a_number_an_absence_or_malformed_but_never_zero_by_mistake(text in "[-+0-9.eEinfNaA/W% \\[\\]]{0,12}") {
        if let Ok(Cell::Value(value)) = parse_cell(Kind::Power, &text) {
            let number = text.trim().trim_end_matches('W').trim();
            prop_assert_eq!(value.number(), Some(number.parse::<f64>().unwrap()));
            prop_assert!(number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        }
    }

    #[test]
    fn a_table_comes_back_as_it_was_printed(
        rows in prop::collection::vec(
            (0_u32..100_000_000, 0_u32..=100, 0_u64..200_000, -50_i32..150, any::<u32>(), any::<bool>()),
            1..20,
        ),
        units in any::<bool>(),
    ) {
        let mut text = "timestamp, uuid, power.draw [W], utilization.gpu [%], memory.used [MiB], temperature.gpu, \
            clocks_event_reasons.active, pstate\n".to_owned();
        let unit = |unit| if units { unit } else { "" };
        for (number, (centiwatts, percent, mebibytes, degrees, mask, absent)) in rows.iter().enumerate() {
            let power = if *absent {
                "[N/A]".to_owned()
            } else {
                format!("{}.{:02}{}", centiwatts / 100, centiwatts % 100, unit(" W"))
            };
            writeln!(
                text,
                "2026/11/24 11:{:02}:58.071, GPU-{}, {power}, {percent}{}, {mebibytes}{}, {degrees}, {mask:#018x}, P{}",
                number % 60, number % 4, unit(" %"), unit(" MiB"), number % 16
            ).unwrap();
        }
        let log = csv::parse_log(text.as_bytes(), &[]);
        prop_assert_eq!(&log.problems, &[]);
        prop_assert_eq!(log.rows.len(), rows.len());
        for (number, (row, (centiwatts, percent, mebibytes, degrees, mask, absent))) in log.rows.iter().zip(&rows).enumerate() {
            let value = |field| row.cells.iter().find(|(found, _)| *found == field).unwrap().1.value();
            let power = (!absent).then(|| f64::from(*centiwatts) / 100.0);
            prop_assert_eq!(value(Field::PowerDraw).number(), power);
            prop_assert!((value(Field::Utilisation).number().unwrap() - f64::from(*percent) / 100.0).abs() < 1e-12);
            prop_assert_eq!(value(Field::MemoryUsed), Value::Count(mebibytes << 20));
            prop_assert_eq!(value(Field::Temperature).number(), Some(f64::from(*degrees)));
            prop_assert_eq!(value(Field::EventReasons), Value::Count(u64::from(*mask)));
            prop_assert_eq!(value(Field::PState), Value::Count(u64::try_from(number % 16).unwrap()));
            prop_assert_eq!(&row.gpu, &Some(format!("GPU-{}", number % 4)));
        }
    }
}
