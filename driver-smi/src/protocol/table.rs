//! The table that the bare command prints.
//!
//! It rounds power to whole watts and has no time below a second: [`csv`](super::csv) says the same better. It is
//! read because logs of it are what people have.

use super::{Cell, Field, Malformed, parse_cell, parse_log_time};
use super::{GpuReport, Report};

/// Reads one table.
///
/// # Errors
///
/// - [`Malformed`] if a value makes no sense.
pub fn parse(table: &str) -> Result<Report, Malformed> {
    let mut report = Report::default();
    let mut first: Option<Vec<&str>> = None;
    for line in table.lines() {
        let Some(row) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            report.time = report.time.or_else(|| parse_log_time(line));
            first = None;
            continue;
        };
        if row.contains("Processes:") {
            break;
        }
        if let Some((_, version)) = row.split_once("Driver Version:") {
            report.driver_version = version.split_whitespace().next().map(str::to_owned);
        }
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        // A GPU has two lines: one with its number, name and bus id, one with its values.
        match first.take() {
            Some(heading) => report.gpus.extend(gpu(&heading, &cells)?),
            None => first = is_heading(&cells).then_some(cells),
        }
    }
    Ok(report)
}

/// Whether a line begins a GPU: a number first, and a bus id in the middle.
fn is_heading(cells: &[&str]) -> bool {
    let numbered = cells[0].split_whitespace().next().is_some_and(|word| word.parse::<u32>().is_ok());
    cells.len() == 3 && numbered && bus_id(cells[1]).is_some()
}

fn bus_id(cell: &str) -> Option<&str> {
    cell.split_whitespace().next().filter(|word| word.contains(':') && word.contains('.'))
}

fn gpu(heading: &[&str], cells: &[&str]) -> Result<Option<GpuReport>, Malformed> {
    let [fan_to_power, memory, share] = cells else { return Ok(None) };
    let words: Vec<_> = fan_to_power.split_whitespace().collect();
    // Fan, temperature, performance state, power, slash, limit; `N/A` stands for any of them.
    let [_fan, temperature, state, power, "/", limit] = words[..] else { return Ok(None) };
    let Some((used, total)) = memory.split_once('/') else { return Ok(None) };
    let mut found = GpuReport {
        bus_id: bus_id(heading[1]).unwrap_or_default().to_owned(),
        name: name(heading[0]),
        ..GpuReport::default()
    };
    let share = share.split_whitespace().next().unwrap_or_default();
    for (field, text, unit) in [
        (Field::PowerDraw, power, "W"),
        (Field::EnforcedLimit, limit, "W"),
        (Field::Utilisation, share, "%"),
        (Field::MemoryUsed, used.trim(), "MiB"),
        (Field::MemoryTotal, total.trim(), "MiB"),
        (Field::Temperature, temperature, "C"),
        (Field::PState, state, ""),
    ] {
        // Units stand right behind the number here.
        let number = text.strip_suffix(unit).unwrap_or(text);
        let cell: Cell = parse_cell(field.kind(), number)?;
        found.cells.push((field, cell));
    }
    Ok(Some(found))
}

/// The name without the number before it and the persistence mode behind it.
fn name(cell: &str) -> Option<String> {
    let (_, rest) = cell.split_once(char::is_whitespace)?;
    let name = rest.rsplit_once(char::is_whitespace).map_or(rest, |(name, _persistence)| name);
    Some(name.trim().to_owned())
}
