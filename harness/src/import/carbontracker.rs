//! carbontracker's figures in EC-NAS-Bench's `results.json`.
//!
//! Energies there are cumulative over the evaluations, in kilowatt-hours, and a power usage effectiveness of 1.59 is in
//! every one of them; both are undone, and what was found is noted. Each evaluation becomes a source with a counter over
//! its own window, and so does the whole: nothing is claimed of the pauses between.
//!
//! Format: `github.com/saintslab/EC-NAS-Bench`, with carbontracker as it vendors it (one reading each 10 s).

use std::path::Path;

use jiff::tz::Offset;
use power_analysis::estimators::CARBONTRACKER_PUE;
use power_core::{Channel, ChannelId, Descriptor, Joules, Quantity};
use serde::Deserialize;

use super::input::file_name;
use super::sink::RowSink;
use super::time::TextTime;
use crate::run::{Mark, MarkEvent, Row, RowValue, TimeBase};
use crate::{Error, Result};

/// A found factor within this share of a known one is that one.
const SAME: f64 = 0.005;

/// Joules in a kilowatt-hour.
pub(crate) const KWH_J: f64 = 3.6e6;

/// The counters' quantum in joules.
const QUANTUM_J: f64 = 1e-3;

/// A window up to this long saw at most one reading, in nanoseconds: one each 10 s, after a second for RAPL.
const ONE_READING_NS: i64 = 11_000_000_000;

/// No energy of computers is greater, in kilowatt-hours.
const MOST_KWH: f64 = 1e8;

/// What such a file holds, as it says it.
#[derive(Debug, Deserialize)]
pub(crate) struct Results {
    pub(crate) total_time: f64,
    #[serde(rename = "total_energy (kWh)")]
    pub(crate) total_energy_kwh: f64,
    start_emission: String,
    /// The key has a colon at its end in every published file.
    #[serde(rename = "avg_power_usages:", alias = "avg_power_usages")]
    pub(crate) usages: Option<Usages>,
    #[serde(rename = "evaluation_results")]
    pub(crate) evaluations: Vec<Evaluation>,
}

/// Devices by kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Usages {
    pub(crate) gpu: Option<Usage>,
    pub(crate) cpu: Option<Usage>,
}

/// What the devices of a kind took: by epoch, then by device.
#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    #[serde(rename = "avg_power_usages (W)", default)]
    pub(crate) power_w: Vec<Vec<f64>>,
    #[serde(rename = "avg_energy_usages (J)")]
    pub(crate) energy_j: Vec<Vec<f64>>,
    #[serde(default)]
    pub(crate) devices: Vec<String>,
}

/// One evaluation of a training.
#[derive(Debug, Deserialize)]
pub(crate) struct Evaluation {
    pub(crate) epochs: f64,
    pub(crate) training_time: Option<f64>,
    #[serde(rename = "energy (kWh)")]
    pub(crate) energy_kwh: f64,
    pub(crate) start_emission: String,
    pub(crate) stop_emission: String,
}

/// The content of a `results.json`; `path` is for messages.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Results> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::file(path, format!("is no results.json of carbontracker in EC-NAS-Bench, {error}"))
            .mend("name a file of https://github.com/saintslab/EC-NAS-Bench")
    })
}

/// How its times are written, in local time.
pub(crate) fn times(utc_offset: Offset) -> Result<TextTime> {
    TextTime::new("%Y-%m-%d %H:%M:%S", Some(utc_offset))
}

/// How such a file is to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Prefix of the sources' ids; none where empty.
    pub source: String,
    /// Zone of the times, which are local and do not say theirs.
    pub utc_offset: Offset,
}

/// Reads a `results.json` into `sink`; `path` is for messages.
///
/// # Errors
///
/// - it is no such file, or an energy in it falls from one evaluation to the next
/// - those of the sink
pub fn read(bytes: &[u8], path: &Path, options: &Options, sink: &mut dyn RowSink) -> Result<()> {
    let fault = |what: String| Error::file(path, what);
    let results = parse(bytes, path)?;
    let time = times(options.utc_offset)?;
    let at = |text: &str| time.parse(text.as_bytes()).map_err(|what| fault(format!("`{text}` {what}")));
    let believable = |kwh: f64| (0.0..MOST_KWH).contains(&kwh);
    let energies = results.evaluations.iter().map(|evaluation| evaluation.energy_kwh);
    if let Some(kwh) = energies.chain([results.total_energy_kwh]).find(|kwh| !believable(*kwh)) {
        return Err(fault(format!("{kwh} kWh is no energy of computers")).mend("check the file"));
    }
    sink.begin(TimeBase::Unix)?;
    let prefix = if options.source.is_empty() { String::new() } else { format!("{}-", options.source) };
    let file = Names { prefix, label: file_name(path) };

    let devices = devices(&results);
    let pue = pue(&results, &devices);
    sink.note(pue.note(&file, &results))?;
    let begin_ns = at(&results.start_emission)?;
    let length_ns = nanos(results.total_time)
        .filter(|length| *length > 0)
        .ok_or_else(|| fault(format!("total_time is {} s", results.total_time)))?;
    let end_ns = begin_ns.checked_add(length_ns).ok_or_else(|| fault("ends after all calendars".into()))?;
    let total_j = results.total_energy_kwh * KWH_J / pue.divisor();
    file.whole(begin_ns, end_ns, total_j, &devices, sink)?;

    let (mut before_kwh, mut short) = (0.0, 0);
    for evaluation in &results.evaluations {
        let (begin_ns, end_ns) = (at(&evaluation.start_emission)?, at(&evaluation.stop_emission)?);
        let energy_kwh = evaluation.energy_kwh - before_kwh;
        if energy_kwh < 0.0 {
            return Err(fault(format!(
                "the energy falls from {before_kwh} to {} kWh at epoch {}, but it is cumulative",
                evaluation.energy_kwh, evaluation.epochs
            ))
            .mend("check the file"));
        }
        before_kwh = evaluation.energy_kwh;
        short += usize::from(end_ns.saturating_sub(begin_ns) <= ONE_READING_NS);
        file.evaluation(evaluation.epochs, begin_ns, end_ns, energy_kwh * KWH_J / pue.divisor(), sink)?;
    }
    if short > 0 {
        sink.note(format!(
            "{}: evaluations of at most 11 s, in which carbontracker took one reading at most: {short}",
            file.label
        ))?;
    }
    Ok(())
}

/// Energies by device in joules, over all epochs.
fn devices(results: &Results) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    let Some(usages) = &results.usages else { return found };
    for (kind, usage) in [("gpu", &usages.gpu), ("cpu", &usages.cpu)] {
        let Some(usage) = usage else { continue };
        let columns = usage.energy_j.iter().map(Vec::len).max().unwrap_or(0);
        for column in 0..columns {
            let energy: f64 = usage.energy_j.iter().filter_map(|epoch| epoch.get(column)).sum();
            let words = usage.devices.get(column).map_or("", |device| device.trim());
            if (0.0..MOST_KWH * KWH_J).contains(&energy) {
                found.push((format!("{kind}{column} {words}").trim().replace('/', "-"), energy));
            }
        }
    }
    found
}

/// What multiplies every kilowatt-hour.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pue {
    /// As found from the joules of all devices.
    Found(f64),
    /// There are no joules to find it from.
    Unknown,
}

fn pue(results: &Results, devices: &[(String, f64)]) -> Pue {
    let sum_j: f64 = devices.iter().map(|(_, energy)| energy).sum();
    let factor = results.total_energy_kwh * KWH_J / sum_j;
    if sum_j <= 0.0 || !factor.is_finite() || factor <= 0.0 { Pue::Unknown } else { Pue::Found(factor) }
}

impl Pue {
    /// What energies are divided by.
    fn divisor(self) -> f64 {
        match self {
            Self::Unknown => 1.0,
            Self::Found(factor) => [1.0, CARBONTRACKER_PUE]
                .into_iter()
                .find(|known| (factor / known - 1.0).abs() < SAME)
                .unwrap_or(factor),
        }
    }

    fn note(self, file: &Names, results: &Results) -> String {
        let kwh = results.total_energy_kwh;
        match self {
            Self::Unknown => format!(
                "{}: whether the energies hold a PUE is unknown, since no device's joules stand beside them",
                file.label
            ),
            Self::Found(factor) => format!(
                "{}: every kWh is {factor:.4} times what the devices' joules say: PUE {} taken out, {kwh} kWh became \
                 {:.1} J",
                file.label,
                self.divisor(),
                kwh * KWH_J / self.divisor()
            ),
        }
    }
}

/// How sources are named.
struct Names {
    prefix: String,
    label: String,
}

impl Names {
    /// The source of the whole, with a channel for each device.
    fn whole(
        &self,
        begin_ns: i64,
        end_ns: i64,
        total_j: f64,
        devices: &[(String, f64)],
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let mut channels = vec![Channel::new("energy", counter())];
        channels.extend(
            devices.iter().map(|(name, _)| Channel::new(name.clone(), counter()).with_part_of(ChannelId(0))),
        );
        let source = sink.add_source(
            &format!("{}total", self.prefix),
            Descriptor::new("carbontracker", format!("carbontracker, {}total", self.prefix), channels),
        )?;
        let energies = [total_j].into_iter().chain(devices.iter().map(|(_, energy)| *energy));
        for (channel, energy) in (0_u16..).zip(energies) {
            sink.push(source, Row::at(channel, begin_ns, RowValue::Count(0)))?;
            sink.push(source, Row::at(channel, end_ns, RowValue::Count(counts(energy))))?;
        }
        Ok(())
    }

    /// The source of one evaluation, and its phase; a window without length has no known energy.
    fn evaluation(
        &self,
        epochs: f64,
        begin_ns: i64,
        end_ns: i64,
        energy_j: f64,
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let name = format!("{}epochs-{epochs}", self.prefix);
        let descriptor = Descriptor::new(
            "carbontracker",
            format!("carbontracker, {name}"),
            vec![Channel::new("energy", counter())],
        );
        let source = sink.add_source(&name, descriptor)?;
        if end_ns <= begin_ns {
            sink.note(format!("{}: {name} ends before it begins; its energy is unknown", self.label))?;
            return sink.push(source, Row::at(0, begin_ns, RowValue::Missing));
        }
        sink.push(source, Row::at(0, begin_ns, RowValue::Count(0)))?;
        sink.push(source, Row::at(0, end_ns, RowValue::Count(counts(energy_j))))?;
        sink.mark(Mark { t_ns: begin_ns, event: MarkEvent::Begin, name: name.clone() })?;
        sink.mark(Mark { t_ns: end_ns, event: MarkEvent::End, name })
    }
}

const fn counter() -> Quantity {
    Quantity::EnergyCounter { quantum: Joules::from_joules(QUANTUM_J), modulus: None }
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be within what fits")]
fn nanos(seconds: f64) -> Option<i64> {
    (seconds.is_finite() && seconds.abs() < 9e9).then(|| (seconds * 1e9).round() as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to 1e8 kWh, below 2^63 mJ"
)]
fn counts(energy_j: f64) -> u64 {
    (energy_j / QUANTUM_J).round() as u64
}
