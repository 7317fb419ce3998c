//! The truth of a rig, written beside a run.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::node::{MeterTruth, NodeTruth};
use crate::num::rounded;
use crate::{Error, Result};

/// Length of the stretches in which the truth is written, in ns.
const STRETCH_NS: i64 = 10_000_000_000;

/// How often energies and the temperature are written, and powers at the least, in ns.
const GRID_NS: i64 = 100_000_000;

/// What `meters.toml` holds.
#[derive(Serialize)]
struct Meters<'a> {
    meters: &'a [MeterTruth],
}

/// Writes into `directory`, which exists:
///
/// - `truth.csv`, in the neutral format `t_ns,channel,quantity,value`: the power of every rail, each time it changes
///   and each 100 ms, so that the power between two rows is that of the first; its energy since `from_ns`, and the
///   temperature, each 100 ms and at the end
/// - `truth-marks.csv`: the phases that began and ended within, as `t_ns,event,name`
/// - `truth-meters.toml`: clock, window and errors of each meter
///
/// # Errors
///
/// If a file cannot be written.
pub(crate) fn write(
    directory: &Path,
    truth: &NodeTruth,
    meters: &[MeterTruth],
    from_ns: i64,
    to_ns: i64,
) -> Result<()> {
    let file = |name: &str, fill: &dyn Fn(&mut dyn Write) -> io::Result<()>| {
        let path = directory.join(name);
        File::create(&path)
            .map(BufWriter::new)
            .and_then(|mut out| fill(&mut out).and_then(|()| out.flush()))
            .map_err(|error| Error::because(format!("cannot write {}", path.display()), error))
    };
    file("truth.csv", &|out| powers(out, truth, from_ns, to_ns))?;
    file("truth-marks.csv", &|out| marks(out, truth, from_ns, to_ns))?;
    let text = toml::to_string(&Meters { meters })
        .map_err(|error| Error::because("the meters' truth cannot be written as TOML", error))?;
    file("truth-meters.toml", &|out| out.write_all(text.as_bytes()))
}

/// What a row says.
#[derive(Debug, Clone, Copy)]
enum Row {
    Power(f64),
    Energy(f64),
    Temperature(f64),
}

fn powers(out: &mut dyn Write, truth: &NodeTruth, from_ns: i64, to_ns: i64) -> io::Result<()> {
    writeln!(out, "t_ns,channel,quantity,value")?;
    let rails = truth.rails();
    let mut begin = from_ns;
    while begin < to_ns {
        let end = (begin + STRETCH_NS).min(to_ns);
        let mut grid: Vec<i64> =
            (begin..end).step_by(usize::try_from(GRID_NS).unwrap_or(usize::MAX)).collect();
        if end == to_ns {
            grid.push(to_ns);
        }
        let mut rows: Vec<(i64, usize, Row)> = Vec::new();
        for (index, rail) in rails.iter().enumerate() {
            let steps = truth.steps(*rail, begin, end).unwrap_or_default();
            rows.extend(steps.iter().map(|(t, power)| (*t, index, Row::Power(*power))));
            for t in &grid {
                if steps.binary_search_by_key(t, |step| step.0).is_err() {
                    rows.extend(truth.power_w(*rail, *t).map(|power| (*t, index, Row::Power(power))));
                }
                rows.extend(truth.energy_j(*rail, from_ns, *t).map(|j| (*t, index, Row::Energy(j))));
            }
        }
        rows.extend(grid.iter().map(|t| (*t, rails.len(), Row::Temperature(truth.temperature_c(*t)))));
        rows.sort_by_key(|(t, index, _)| (*t, *index));
        for (t, index, row) in rows {
            match (rails.get(index), row) {
                (Some(rail), Row::Power(power)) => {
                    writeln!(out, "{t},truth/{rail},instantaneous power,{power}")?;
                }
                (Some(rail), Row::Energy(joules)) => {
                    writeln!(out, "{t},truth/{rail}.energy,energy counter uJ,{}", rounded(joules * 1e6))?;
                }
                (_, Row::Power(value) | Row::Energy(value) | Row::Temperature(value)) => {
                    writeln!(out, "{t},truth/exhaust,temperature,{value}")?;
                }
            }
        }
        begin = end;
    }
    Ok(())
}

fn marks(out: &mut dyn Write, truth: &NodeTruth, from_ns: i64, to_ns: i64) -> io::Result<()> {
    writeln!(out, "t_ns,event,name")?;
    let marks = truth.marks(from_ns, to_ns);
    let mut events = Vec::new();
    for mark in &marks {
        let depth = i64::try_from(mark.depth).unwrap_or(i64::MAX);
        // At one time, what is within ends first and begins last.
        events.push((mark.begin_ns, 1, depth, "begin", &mark.name));
        events.push((mark.end_ns, 0, -depth, "end", &mark.name));
    }
    events.sort_by_key(|(t, ends_first, depth, _, _)| (*t, *ends_first, *depth));
    for (t, _, _, event, name) in events {
        writeln!(out, "{t},{event},{}", quoted(name))?;
    }
    Ok(())
}

/// A cell of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
