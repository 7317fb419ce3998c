//! Fig. 1: how sensors follow a GPU that switches between states of low and high power.

use power_analysis::{Interval, Publications, Readings};

use super::observe::Observed;
use super::reference::Calibration;
use super::results::{Series, Switching, Tool};
use crate::Result;
use crate::run::Run;

/// Time of the figure around its first training, in ns.
const BEFORE_NS: i64 = 1_500_000_000;
const LENGTH_NS: i64 = 40_000_000_000;

/// Half of the time over which CPUs and memory are taken away from one value of the meter: its own window.
const HALF_NS: i64 = 50_000_000;

/// Most points of one series.
const MOST: usize = 4000;

/// The figure of the first trainings of a run; `None` without any, or without a reference.
///
/// # Errors
///
/// - if the run's marks cannot be read.
pub fn of(run: &Run, one: &Observed, calibration: Option<&Calibration>) -> Result<Option<Switching>> {
    let Some((first, _)) = one.whole.first() else { return Ok(None) };
    let begin = first.begin_ns.saturating_sub(BEFORE_NS);
    let window = Interval::new(begin, begin.saturating_add(LENGTH_NS));
    let Some(reference) = reference(one, calibration) else { return Ok(None) };
    let sensors = [Tool::NvmlPolled, Tool::SmiTracer].into_iter().filter_map(|tool| {
        let readings = one.readings(tool)?;
        // One GPU trains here; of several the first is shown.
        Some(cut(&shown(tool, readings.first()?), window))
    });
    let phases = run.phases()?.into_iter().filter(|phase| {
        let kind = phase.name.split_whitespace().next();
        kind == Some(super::folder::EPOCH)
            && window.begin_ns <= phase.begin_ns
            && phase.end_ns <= window.end_ns
    });
    Ok(Some(Switching {
        sensors: sensors.filter(|series| series.times_ns.len() > 1).collect(),
        reference: cut(&reference, window),
        phases: phases.map(|phase| (phase.name, phase.begin_ns, phase.end_ns)).collect(),
    }))
}

/// Power of the GPUs in use by the reference, value by value.
pub fn reference(one: &Observed, calibration: Option<&Calibration>) -> Option<Series> {
    let traces = &one.traces;
    if let (Some(calibration), Some(meter)) = (calibration, &traces.meter) {
        let (mut times_ns, mut watts) = (Vec::new(), Vec::new());
        for time in meter.times_ns() {
            let around = Interval::new(time - HALF_NS, time + HALF_NS);
            if let Some(joules) = calibration.gpus_j(traces, &one.gpus, around) {
                times_ns.push(*time);
                watts.push(joules / around.seconds());
            }
        }
        return Some(Series { name: "meter, by the paper's way".into(), holds: false, times_ns, watts });
    }
    let rings = one.readings(Tool::NvmlRing)?;
    let [ring] = rings else {
        // Rings of several GPUs have times of their own: the first one's count.
        let first = traces.gpus.get(*one.gpus.first()?)?.as_ref()?;
        let watts = first.times_ns().iter().filter_map(|time| {
            let around = Interval::new(time - HALF_NS, time + HALF_NS);
            Some((*time, traces.gpus_j(&one.gpus, around)? / around.seconds()))
        });
        let (times_ns, watts) = watts.unzip();
        return Some(Series { name: "sample rings".into(), holds: false, times_ns, watts });
    };
    Some(Series { name: "sample ring".into(), holds: false, ..shown(Tool::NvmlRing, ring) })
}

/// What a sensor showed, by its publications; of the tracer, by its readings, since it sees no publication twice.
fn shown(tool: Tool, readings: &Readings) -> Series {
    let publications = Publications::find(readings);
    Series {
        name: tool.name().into(),
        holds: tool != Tool::NvmlRing,
        times_ns: publications.times_ns().to_vec(),
        watts: publications.watts().to_vec(),
    }
}

/// The part of a series within a window, with at most so many points.
fn cut(series: &Series, window: Interval) -> Series {
    let from = series.times_ns.partition_point(|time| *time < window.begin_ns);
    let to = series.times_ns.partition_point(|time| *time <= window.end_ns).min(from + MOST);
    Series {
        name: series.name.clone(),
        holds: series.holds,
        times_ns: series.times_ns.get(from..to).unwrap_or_default().to_vec(),
        watts: series.watts.get(from..to).unwrap_or_default().to_vec(),
    }
}
