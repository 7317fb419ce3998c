//! Experiments on the virtual rig: the plan is its workload, in real time by real interfaces, or on a virtual clock.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use power_core::{Channel, ChannelId, Descriptor, Quantity, Scope};
use power_load::Schedule;
use virtual_rig::{Description, Rail, Simulated, Simulation, Stage, StageKind, Workload};

use super::carry_out::note;
use super::{Experiment, Plan};
use crate::record::live::Live;
use crate::record::{Settings, record};
use crate::rig::{virtual_load, virtual_node};
use crate::run::{Mark, MarkEvent, NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use crate::{Error, Result};

/// How often counters are read on the virtual clock, in Hz: they lose nothing between.
const COUNTERS_HZ: f64 = 5.0;

/// Rest around trainings, in seconds.
const REST_S: f64 = 5.0;

/// What a recording takes longer than its workload, in seconds: the last phase lies within as a whole.
const TAIL_S: f64 = 1.0;

/// The paper's node with meters that err the same in every run, by half of what their makers allow: a calibration has one
/// meter, while a seed would draw another for each run.
pub fn virtual_paper_node(seed: u64) -> Description {
    let mut node = Description::paper_node().with_seed(seed);
    for meter in &mut node.meters {
        (meter.gain, meter.offset_w) = (Some(1.000_3), Some(0.6));
    }
    node
}

/// The node with the load of one experiment.
fn description(plan: &Plan, experiment: &Experiment, node: &Description) -> Result<(Description, Schedule)> {
    let schedule = plan.schedule(experiment);
    let stages = virtual_load::stages(&schedule, node)?;
    Ok((node.clone().with_workload(Workload::once(stages)), schedule))
}

/// Records an experiment on a virtual node in real time, by its real interfaces. Blocks for its time.
///
/// # Errors
///
/// - the virtual rig does not start, or the recording fails
pub fn live(plan: &Plan, experiment: &Experiment, node: &Description, path: &Path) -> Result<Run> {
    let (described, schedule) = description(plan, experiment, node)?;
    let name = experiment.name.clone();
    record_live(described, schedule.seconds(), path, note(plan, experiment), move |phase| phase == name)
}

/// Records a virtual node in real time; of the phases of its workload those that `keep` names become marks.
fn record_live(
    described: Description,
    seconds: f64,
    path: &Path,
    note: String,
    keep: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Run> {
    let node = virtual_node::start(described)?;
    let mut settings = Settings::new(Some(path.to_owned()), virtual_node::sources(&node)?);
    settings.notes =
        vec!["the sensors are those of the virtual rig, which is made of software".to_owned(), note];
    settings.duration = Some(Duration::from_secs_f64(seconds + TAIL_S));
    let mut all = virtual_node::workload_marks(&node);
    settings.late_marks = Some(Box::new(move |from_ns, to_ns| {
        let mut marks = all(from_ns, to_ns);
        marks.retain(|mark| keep(&mark.name));
        marks
    }));
    let ended = record(settings, &Live::default())?;
    match (ended.run, ended.failure) {
        (Some(run), None) => Ok(run),
        (_, Some(failure)) => Err(failure),
        (None, None) => Err(Error::new("the recording left no run").mend("check the disk")),
    }
}

/// Makes the run of an experiment on a virtual clock: some ms for a minute. What a recorder would have read stands in it.
/// Energies of GPUs are `gpu_gain` times the truth.
///
/// # Errors
///
/// - the virtual rig cannot take the load, or the run cannot be written
pub fn simulated(
    plan: &Plan,
    experiment: &Experiment,
    node: &Description,
    gpu_gain: f64,
    path: &Path,
) -> Result<Run> {
    let (described, schedule) = description(plan, experiment, node)?;
    // Noise differs from run to run.
    let seed =
        experiment.name.bytes().fold(node.seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let run = simulate(&described, schedule.seconds() + TAIL_S, seed)?;
    let name = experiment.name.clone();
    write(&run, &described, gpu_gain, path, note(plan, experiment), &|phase| phase == name)
}

/// Trainings that no plan has, one after the other: every other one distributed over all GPUs, the others on the first.
/// Each is a phase `search N`. In real time if `live`, else on the virtual clock.
///
/// # Errors
///
/// - as [`live`] and [`simulated`]
pub fn trainings(count: usize, each_s: f64, node: &Description, live: bool, path: &Path) -> Result<Run> {
    let described = node.clone().with_workload(training_load(count, each_s));
    let seconds: f64 =
        described.workload.iter().flat_map(|load| &load.stages).filter_map(|it| it.seconds).sum();
    let note = format!("{count} trainings of {each_s} s each, drawn at random by seed {}", node.seed);
    let keep = |phase: &str| phase.starts_with("search ");
    if live {
        return record_live(described, seconds, path, note, keep);
    }
    let run = simulate(&described, seconds + TAIL_S, node.seed.wrapping_add(1))?;
    write(&run, &described, 1.0, path, note, &keep)
}

/// The workload of [`trainings`].
pub(in crate::node) fn training_load(count: usize, each_s: f64) -> Workload {
    let mut stages = vec![Stage::new(StageKind::Idle, REST_S)];
    for number in 1..=count {
        let stage = Stage::new(StageKind::Trainings, each_s).named(format!("search {number}"));
        let stage = stage.epochs((4, 8), (0.3, 3.0));
        stages.push(if number % 2 == 0 { stage.distributed() } else { stage.on_gpus([0]) });
        stages.push(Stage::new(StageKind::Idle, REST_S));
    }
    Workload::once(stages)
}

fn simulate(described: &Description, seconds: f64, seed: u64) -> Result<Simulated> {
    Simulation::new(described.clone())
        .gpu_hz(COUNTERS_HZ)
        .rapl_hz(COUNTERS_HZ)
        .run(seconds, seed)
        .map_err(|error| Error::new("the virtual rig cannot be simulated").because(error))
}

/// Writes what a simulated recorder has read as a run.
fn write(
    simulated: &Simulated,
    described: &Description,
    gpu_gain: f64,
    path: &Path,
    note: String,
    keep: &dyn Fn(&str) -> bool,
) -> Result<Run> {
    let mut new =
        NewRun::new(TimeBase::HostMonotonic, Origin::Recorded { command: Vec::new(), exit_code: None });
    new.notes = vec!["the sensors are those of the virtual rig, on a virtual clock".to_owned(), note];
    new.host.insert("hostname".to_owned(), "virtual-node".to_owned());
    let kib = described.node.dram_gib * 1024.0 * 1024.0;
    new.host.insert("memory".to_owned(), format!("{kib:.0} kB"));
    let mut run = RunWriter::create_atomic(path, new)?;
    let mut sources: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for channel in &simulated.channels {
        let (source, name) = channel.name.split_once('/').unwrap_or((&channel.name, "power"));
        if channel.quantity.has_energy() && (name != "instant") {
            sources.entry(source).or_default().push((name, channel));
        }
    }
    for (source, channels) in &sources {
        let described = channels
            .iter()
            .map(|(name, channel)| {
                Channel::new(named(name), channel.quantity).with_scope(scope(channel.rail))
            })
            .collect();
        let (driver, device) = device(source);
        let index = run.add_source(source, Descriptor::new(driver, device, described))?;
        let mut rows: Vec<Row> = Vec::new();
        for (number, (_, channel)) in (0_u16..).zip(channels) {
            let gain = if matches!(channel.rail, Rail::Gpu(_)) { gpu_gain } else { 1.0 };
            rows.extend(channel.readings.iter().map(|reading| Row {
                t_end_ns: reading.t_end_ns,
                ..Row::at(
                    ChannelId(number).0,
                    reading.t_start_ns,
                    value(channel.quantity, gain * reading.value),
                )
            }));
        }
        rows.sort_by_key(|row| row.t_start_ns);
        rows.into_iter().try_for_each(|row| run.push(index, row))?;
    }
    for phase in simulated.truth.marks(simulated.origin_ns, simulated.end_ns) {
        if keep(&phase.name) {
            run.mark(Mark { t_ns: phase.begin_ns, event: MarkEvent::Begin, name: phase.name.clone() })?;
            run.mark(Mark { t_ns: phase.end_ns, event: MarkEvent::End, name: phase.name })?;
        }
    }
    if let Some(meter) = described.meters.first() {
        run.set_reference(&format!("{}/power", meter.name))?;
    }
    run.finish()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and a count is positive"
)]
fn value(quantity: Quantity, value: f64) -> RowValue {
    if quantity.is_counted() { RowValue::Count(value as u64) } else { RowValue::Number(value) }
}

/// The driver and the device that a recorder would name.
fn device(source: &str) -> (&'static str, String) {
    match source {
        "rapl" => ("rapl", "virtual CPUs".to_owned()),
        gpu if gpu.starts_with("gpu") => ("nvml", format!("virtual GPU-{gpu}")),
        meter => ("meter", format!("virtual meter {meter}")),
    }
}

/// `package-0/dram` as the RAPL driver has it.
fn named(channel: &str) -> String {
    match channel.split_once('/') {
        Some((package, domain)) => package.replace("package", domain),
        None => channel.to_owned(),
    }
}

const fn scope(rail: Rail) -> Scope {
    match rail {
        Rail::Gpu(_) => Scope::Board,
        Rail::Package(_) => Scope::Package,
        Rail::Cores(_) => Scope::Core,
        Rail::Uncore(_) => Scope::Uncore,
        Rail::Dram(_) => Scope::Dram,
        Rail::NodeDc => Scope::NodeDc,
        Rail::NodeAc => Scope::NodeAc,
        _ => Scope::Unknown,
    }
}
