//! The instruments of a rig besides the GPUs' own: meters, energy counters, and the host's load.

use std::path::Path;
use std::sync::Arc;

use super::host;
use super::periodic::Periodic;
use super::powercap::Powercap;
use crate::Result;
use crate::description::{CpuLoad, Description, MeterKind};
use crate::meter::{Address, Instrument, Server};
use crate::node::{MeterModel, MeterTruth, Shared};

/// All of them, until dropped.
#[derive(Debug)]
pub(super) struct Instruments {
    // In this order they end: first who asks, then what is asked.
    servers: Vec<(MeterTruth, Server)>,
    powercap: Option<Powercap>,
    _host: Option<Periodic>,
}

/// A meter of a rig, and where it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Meter {
    /// What it is like.
    pub truth: MeterTruth,
    /// Where it is.
    pub address: Address,
}

impl Instruments {
    pub(super) fn start(
        directory: &Path,
        description: &Description,
        origin_ns: i64,
        shared: &Arc<Shared>,
    ) -> Result<Self> {
        let host = match description.node.cpu_load {
            CpuLoad::Host => Some(host::start(&description.node, Arc::clone(shared))?),
            CpuLoad::Workload => None,
        };
        let powercap = description
            .rapl
            .as_ref()
            .map(|rapl| Powercap::start(directory, description, rapl, Arc::clone(shared)))
            .transpose()?;
        let mut servers = Vec::new();
        for described in &description.meters {
            let model = MeterModel::new(described, description.seed, origin_ns);
            let truth = model.truth(origin_ns);
            let meter = Instrument::new(model, Arc::clone(shared), description.node.mains_v);
            servers.push((truth, Server::start(meter, directory)?));
        }
        Ok(Self { servers, powercap, _host: host })
    }

    pub(super) fn meters(&self) -> Vec<Meter> {
        let meter = |(truth, server): &(MeterTruth, Server)| Meter {
            truth: truth.clone(),
            address: server.address().clone(),
        };
        self.servers.iter().map(meter).collect()
    }

    pub(super) fn powercap_root(&self) -> Option<&Path> {
        self.powercap.as_ref().map(Powercap::root)
    }
}

impl Meter {
    /// How `driver-meter` opens it.
    pub fn device(&self) -> String {
        let profile = match self.truth.kind {
            MeterKind::Lmg450 => "zes-lmg450",
            MeterKind::Lmg670 => "zes-lmg670",
            MeterKind::Wt310 => "yokogawa-wt300",
            MeterKind::Sdm630Tcp | MeterKind::Sdm630Rtu => "sdm630",
            MeterKind::Ptdaemon => "ptdaemon",
            MeterKind::WattsUp => "watts-up-pro",
        };
        match &self.address {
            Address::Tcp(address) => format!("{profile}@tcp:{address}"),
            Address::Tty(path) => format!("{profile}@serial:{}", path.display()),
        }
    }
}
