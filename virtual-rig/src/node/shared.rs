//! What the instruments of a rig look at: the truth of the node, and what is wrong with them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use power_core::{Anchor, SystemClock};

use super::{Entry, Faults, Node, NodeTruth};
use crate::description::Fault;

/// Truth and faults, shared by the threads of a rig.
#[derive(Debug)]
pub(crate) struct Shared {
    truth: Mutex<NodeTruth>,
    faults: Mutex<Faults>,
    /// From host time to Unix time in ns, as it was when the rig started.
    unix_offset_ns: i64,
}

impl Shared {
    pub(crate) fn new(node: &mut Node) -> Self {
        let Anchor { monotonic_ns, realtime_ns, .. } = SystemClock.anchor();
        Self {
            truth: Mutex::new(node.truth()),
            faults: Mutex::new(node.faults.clone()),
            unix_offset_ns: realtime_ns - monotonic_ns,
        }
    }

    pub(crate) const fn unix_offset_ns(&self) -> i64 {
        self.unix_offset_ns
    }

    /// The truth, for a moment: nothing that waits may be done with it.
    pub(crate) fn truth(&self) -> MutexGuard<'_, NodeTruth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with a meter, or with the powercap tree as `rapl`.
    pub(crate) fn faults(&self, meter: &str, now_ns: i64) -> Vec<Fault> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).of_meter(meter, now_ns)
    }

    /// Takes in an entry of the journal that `node` has taken in.
    pub(crate) fn take(&self, entry: &Entry, node: &Node) {
        match entry {
            Entry::Load { t_ns, gpu, .. } => {
                if let Some(of_node) = node.gpus.get(*gpu) {
                    self.truth().set_gpu(*gpu, of_node.truth.clone(), *t_ns);
                }
            }
            Entry::Fault { .. } | Entry::Clear { .. } | Entry::Hide { .. } => {
                *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = node.faults.clone();
            }
        }
    }
}
