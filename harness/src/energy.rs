//! `energy`: what each channel of a run says of the energy of the run and of its phases.

use power_analysis::correct::CorrectedPhase;
use power_analysis::{ChannelEnergy, Publications, Trace, channel_energy};
use serde::{Deserialize, Serialize};

use crate::comparison;
use crate::correction::Cards;
use crate::run::{Run, TimeBase};
use crate::traces::{self, Role, power_channels};
use crate::{Error, Result};

/// The energies of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEnergy {
    /// Version of this structure.
    pub schema_version: u32,
    /// Name of the run's folder.
    pub run: String,
    /// One entry a channel.
    pub channels: Vec<ChannelEnergies>,
    /// What a reader has to know about the data.
    pub notes: Vec<String>,
}

/// The energies by one channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelEnergies {
    /// `source/channel`.
    pub name: String,
    /// The device.
    pub device: String,
    /// From the first reading to the last; `None` where it cannot be stated.
    pub whole: Option<ChannelEnergy>,
    /// The phases, in order.
    pub phases: Vec<PhaseEnergy>,
}

/// The energy of one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseEnergy {
    /// The phase's name.
    pub name: String,
    /// `None` where it was not recorded from begin to end, or a counter was set back within it.
    pub energy: Option<ChannelEnergy>,
    /// What the channel's card makes of it; `None` where there is no card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrected: Option<CorrectedPhase>,
}

/// The energies of `channels`, or of all channels that have one if none is named; phases are corrected by `cards`.
///
/// # Errors
///
/// If a channel does not exist or has no energy, the run has no time, or it cannot be read.
pub fn energy(run: &Run, channels: &[String], cards: &Cards) -> Result<RunEnergy> {
    if run.manifest().time_base == TimeBase::Ordinal {
        return Err(Error::new(format!(
            "{} has no time, its rows are only numbered: there is no energy",
            run.name()
        ))
        .mend("`wattproof compare` compares its channels row by row"));
    }
    let names = if channels.is_empty() { power_channels(run) } else { channels.to_vec() };
    if names.is_empty() {
        return Err(Error::new(format!("{} has no channel of power or energy", run.name()))
            .mend("`wattproof verify` lists what it has"));
    }
    let phases = comparison::phases(run)?;
    let mut notes = run.manifest().notes.clone();
    let mut found = Vec::new();
    for name in names {
        let loaded = traces::load_as(run, &name, Role::Power)?;
        notes.extend(loaded.remark);
        let readings = &loaded.readings;
        let publications = Publications::find(readings);
        let trace = Trace::naive(readings);
        let of = |interval| {
            let trace = trace.as_ref()?;
            let energy = channel_energy(readings, &publications, trace, interval)?;
            Some(energy.with_clock(trace, loaded.uncertainty_ns))
        };
        let corrected = cards.correct(run, &name, readings, &phases);
        if let Some(reason) = corrected.as_ref().and_then(|corrected| corrected.refused.as_ref()) {
            notes.push(format!("{name} is not corrected by its card: {reason}"));
        }
        let mut corrected = corrected.map(|corrected| corrected.phases).unwrap_or_default().into_iter();
        found.push(ChannelEnergies {
            device: run.source_of(run.channel(&name)?).descriptor.device.clone(),
            name,
            whole: readings.span().and_then(of),
            phases: phases
                .iter()
                .map(|phase| PhaseEnergy {
                    name: phase.name.clone(),
                    energy: of(phase.interval),
                    corrected: corrected.next(),
                })
                .collect(),
        });
    }
    Ok(RunEnergy { schema_version: 1, run: run.name(), channels: found, notes })
}
