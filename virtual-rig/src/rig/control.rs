//! What drives a rig: the one writer of its journal.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::description::{Fault, Load, RAPL};
use crate::node::{Entry, LEAD_NS, Node, Shared, Truth, now_ns};
use crate::{Error, Result};

/// The writer of a rig's journal, and a node that takes in each entry too.
#[derive(Debug)]
pub(super) struct Control(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    journal: File,
    node: Node,
    shared: Arc<Shared>,
    next_fault: u64,
    latest_ns: i64,
}

impl Control {
    /// Begins a journal.
    pub(super) fn new(journal: &Path, mut node: Node) -> Result<Self> {
        let journal = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(journal)
            .map_err(|error| Error::because(format!("cannot write {}", journal.display()), error))?;
        let shared = Arc::new(Shared::new(&mut node));
        Ok(Self(Mutex::new(Inner { journal, node, shared, next_fault: 1, latest_ns: i64::MIN })))
    }

    /// What the rig's instruments look at.
    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.lock().shared)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_loads(&self, loads: &[(usize, f64)]) -> Result<i64> {
        let mut inner = self.lock();
        for (gpu, power_w) in loads {
            inner.check_gpu(*gpu)?;
            Load::constant(*power_w).check()?;
        }
        inner.write(|t_ns| {
            let entry = |(gpu, power_w): &(usize, f64)| Entry::Load { t_ns, gpu: *gpu, power_w: *power_w };
            loads.iter().map(entry).collect()
        })
    }

    pub(super) fn fault(&self, fault: Fault) -> Result<u64> {
        fault.check()?;
        let mut inner = self.lock();
        fault.gpu.map_or(Ok(()), |gpu| inner.check_gpu(gpu))?;
        if let Some(meter) = &fault.meter {
            let described = &inner.node.description;
            let has_rapl = described.rapl.is_some() && meter == RAPL;
            if !has_rapl && !described.meters.iter().any(|own| own.name == *meter) {
                return Err(Error::new(format!("the rig has no meter {meter:?}")));
            }
        }
        let id = inner.next_fault;
        inner.next_fault += 1;
        inner.write(|t_ns| vec![Entry::Fault { t_ns, id, fault }])?;
        Ok(id)
    }

    pub(super) fn clear(&self, id: Option<u64>) -> Result<()> {
        self.lock().write(|t_ns| vec![Entry::Clear { t_ns, id }]).map(drop)
    }

    pub(super) fn gpu_count(&self) -> usize {
        self.lock().node.gpus.len()
    }

    pub(super) fn truth(&self, gpu: usize) -> Option<Truth> {
        self.lock().node.gpus.get(gpu).map(|gpu| gpu.truth.clone())
    }
}

impl Inner {
    fn check_gpu(&self, gpu: usize) -> Result<()> {
        if gpu < self.node.gpus.len() { Ok(()) } else { Err(Error::new(format!("the rig has no GPU {gpu}"))) }
    }

    /// Writes entries for one time, takes them in, and waits until that time has passed.
    fn write(&mut self, entries: impl FnOnce(i64) -> Vec<Entry>) -> Result<i64> {
        let t_ns = (now_ns() + LEAD_NS).max(self.latest_ns.saturating_add(1));
        self.latest_ns = t_ns;
        let entries = entries(t_ns);
        let lines: String = entries.iter().map(Entry::line).collect();
        // One write of whole lines to a file opened for appending.
        self.journal
            .write_all(lines.as_bytes())
            .map_err(|error| Error::because("cannot write the rig's journal", error))?;
        for entry in &entries {
            self.node.take(entry);
            self.shared.take(entry, &self.node);
        }
        while now_ns() <= t_ns {
            std::thread::sleep(Duration::from_micros(100));
        }
        Ok(t_ns)
    }
}
