//! What holds for every value that a parser of nvidia-smi's output gives, whatever it was given.

use driver_smi::protocol::{Cell, Field, Kind, LocalTime, Report};
use power_core::Value;

/// A value is finite, and power, shares and clocks are not negative.
pub(crate) fn cell(kind: Kind, cell: Cell) {
    let value = match cell {
        Cell::Absent(_) => return assert_eq!(cell.value(), Value::Missing),
        Cell::Value(value) => value,
    };
    match (kind, value) {
        (Kind::PowerLimit | Kind::Memory | Kind::PState | Kind::Mask, Value::Count(_)) => {}
        (Kind::Power | Kind::Clock, value) => assert!(value.number().is_some_and(|number| number.is_finite() && number >= 0.0)),
        (Kind::Share, value) => assert!(value.number().is_some_and(|number| (0.0..=1.0).contains(&number))),
        (Kind::Temperature, value) => assert!(value.number().is_some_and(f64::is_finite)),
        other => panic!("{other:?}"),
    }
}

/// A time can be put into any zone.
pub(crate) fn time(time: Option<LocalTime>) {
    for zone in [i32::MIN, 0, i32::MAX] {
        let _ = time.map(|time| time.in_zone(zone));
    }
}

/// A GPU has each field at most once.
#[allow(dead_code, reason = "not every target has reports")]
pub(crate) fn report(report: &Report) {
    time(report.time);
    for gpu in &report.gpus {
        for (number, (field, found)) in gpu.cells.iter().enumerate() {
            cell(field.kind(), *found);
            assert!(!field.is_identity());
            assert!(gpu.cells[..number].iter().all(|(before, _): &(Field, Cell)| before != field));
        }
    }
}
