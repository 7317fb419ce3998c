//! `energy`: what each channel of a run says of the energy of the run and of its phases.

use power_analysis::{ChannelEnergy, Interval, Publications, Trace, channel_energy};
use serde::{Deserialize, Serialize};

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
}

/// The energies of `channels`, or of all channels that have one if none is named.
///
/// # Errors
///
/// If a channel does not exist or has no energy, the run has no time, or it cannot be read.
pub fn energy(run: &Run, channels: &[String]) -> Result<RunEnergy> {
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
    let phases = run.phases()?;
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
        found.push(ChannelEnergies {
            device: run.source_of(run.channel(&name)?).descriptor.device.clone(),
            name,
            whole: readings.span().and_then(of),
            phases: phases
                .iter()
                .map(|phase| PhaseEnergy {
                    name: phase.name.clone(),
                    energy: of(Interval::new(phase.begin_ns, phase.end_ns)),
                })
                .collect(),
        });
    }
    Ok(RunEnergy { schema_version: 1, run: run.name(), channels: found, notes })
}
