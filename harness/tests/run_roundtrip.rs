//! What was written is read back, bit for bit and in order.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use harness::run::{Row, RowValue, Run, RunWriter};
use power_core::Flags;
use proptest::prelude::*;
use run_support::{descriptor, new_run};

fn any_row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 2.0),
        Just(100.0),
    ];
    let value = prop_oneof![
        number.prop_map(|number| (0, RowValue::Number(number))),
        any::<u64>().prop_map(|count| (1, RowValue::Count(count))),
        (0..2_u16).prop_map(|channel| (channel, RowValue::Missing)),
    ];
    let time = || prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..1000_i64];
    (value, time(), time(), proptest::option::of(time()), any::<u16>()).prop_map(
        |((channel, value), t_start_ns, t_end_ns, t_device_ns, flags)| Row {
            channel,
            t_start_ns,
            t_end_ns,
            t_device_ns,
            value,
            flags: Flags::from_bits(flags),
        },
    )
}

/// Rows as bits, so that NaN equals itself.
fn bits(row: &Row) -> (u16, i64, i64, Option<i64>, Option<u64>, Option<u64>, u16) {
    let (number, count) = match row.value {
        RowValue::Number(number) => (Some(number.to_bits()), None),
        RowValue::Count(count) => (None, Some(count)),
        RowValue::Missing => (None, None),
    };
    (row.channel, row.t_start_ns, row.t_end_ns, row.t_device_ns, number, count, row.flags.bits())
}

fn expected(rows: &[(usize, Row)], source: usize, channel: u16) -> Vec<Row> {
    let own = rows.iter().filter(|(of, row)| *of == source && row.channel == channel);
    own.map(|(_, row)| match row.value {
        RowValue::Missing => Row { flags: row.flags | Flags::MISSING, ..*row },
        RowValue::Number(_) | RowValue::Count(_) => *row,
    })
    .collect()
}

fn check(run: &Run, rows: &[(usize, Row)]) {
    for (source, id) in ["a", "b", "c"].iter().enumerate() {
        for (channel, name) in (0..).zip(["power_w", "energy"]) {
            let read = run.rows(&format!("{id}/{name}")).unwrap();
            let wrote = expected(rows, source, channel);
            assert_eq!(read.iter().map(bits).collect::<Vec<_>>(), wrote.iter().map(bits).collect::<Vec<_>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_rows_come_back(
        rows in proptest::collection::vec((0..3_usize, any_row()), 0..200),
        flush_every in 1..50_usize,
        atomic: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("run");
        let mut writer = if atomic {
            RunWriter::create_atomic(&dir, new_run()).unwrap()
        } else {
            RunWriter::create(&dir, new_run()).unwrap()
        };
        // Two sources share a lane; the third comes later.
        let mut sources = vec![
            writer.add_source("a", descriptor("shared")).unwrap(),
            writer.add_source("b", descriptor("shared")).unwrap(),
        ];
        let (early, late): (Vec<_>, Vec<_>) = rows.iter().partition(|(source, _)| *source < 2);
        let rows: Vec<(usize, Row)> = early.into_iter().chain(late).copied().collect();
        for (index, &(source, row)) in rows.iter().enumerate() {
            if source == 2 && sources.len() == 2 {
                sources.push(writer.add_source("c", descriptor("shared")).unwrap());
            }
            writer.push(sources[source], row).unwrap();
            if index % flush_every == 0 {
                writer.flush().unwrap();
            }
        }
        if sources.len() == 2 {
            writer.add_source("c", descriptor("own")).unwrap();
        }
        if !atomic {
            writer.sync().unwrap();
            check(&Run::open(&dir).unwrap(), &rows);
        }
        let run = writer.finish().unwrap();
        check(&run, &rows);
        let wrote: u64 = run.manifest().files.iter().filter_map(|file| file.rows).sum();
        prop_assert_eq!(usize::try_from(wrote).unwrap(), rows.len());
    }
}
