//! What a page can hold of a comparison: a run may have any number of phases and faults.

use power_analysis::Comparison;
use power_analysis::correct::CorrectedPhase;
use power_analysis::faults::Fault;

use crate::comparison::RunComparison;

/// Bytes of the page for the phases of all sensors, in tables and in JSON.
const PHASE_BYTES: usize = 2_000_000;

/// Bytes that a phase takes without its name.
const BYTES_A_PHASE: usize = 620;

/// Bytes that the correction of a phase takes without its name.
const BYTES_A_CORRECTION: usize = 420;

/// Bytes of the page for the faults of all sensors.
const FAULT_BYTES: usize = 300_000;

/// Bytes that a fault takes without its words.
const BYTES_A_FAULT: usize = 260;

/// Fewest of either that are listed, whatever the number of sensors.
const FEWEST: usize = 20;

/// How many phases and faults a sensor has, of which the page may list fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Whole {
    pub(super) phases: usize,
    pub(super) faults: usize,
}

/// The comparison as the page lists it, and by sensor how many phases and faults there really are.
///
/// Sums, groups and figures are those of the whole; only lists are cut, after the first ones that fit.
pub(super) fn cap(comparison: &RunComparison) -> (RunComparison, Vec<Whole>) {
    let sensors = comparison.sensors.len().max(1);
    let mut capped = comparison.clone();
    let whole = capped
        .sensors
        .iter_mut()
        .map(|judged| {
            let corrected = judged.corrected.as_mut().map(|found| &mut found.phases);
            judged
                .comparison
                .as_mut()
                .map_or_else(Whole::default, |compared| cut(compared, corrected, sensors))
        })
        .collect();
    (capped, whole)
}

fn cut(compared: &mut Comparison, corrected: Option<&mut Vec<CorrectedPhase>>, sensors: usize) -> Whole {
    let whole = Whole { phases: compared.phases.len(), faults: compared.faults.len() };
    let (bytes, names) = match &corrected {
        Some(_) => (BYTES_A_PHASE + BYTES_A_CORRECTION, 3),
        None => (BYTES_A_PHASE, 2),
    };
    let name = |row: &power_analysis::PhaseRow| bytes + names * row.phase.name.len();
    compared.phases.truncate(fitting(compared.phases.iter().map(name), PHASE_BYTES / sensors));
    if let Some(corrected) = corrected {
        corrected.truncate(compared.phases.len());
    }
    let words = |fault: &Fault| BYTES_A_FAULT + 3 * fault.detail.len();
    compared.faults.truncate(fitting(compared.faults.iter().map(words), FAULT_BYTES / sensors));
    whole
}

/// How many of the first items fit into `room`.
fn fitting(sizes: impl Iterator<Item = usize>, room: usize) -> usize {
    let mut used = 0_usize;
    let fits = sizes.take_while(|size| {
        used = used.saturating_add(*size);
        used <= room
    });
    fits.count().max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fit() {
        assert_eq!(fitting([100; 100].into_iter(), 3000), 30);
        assert_eq!(fitting([100; 100].into_iter(), 0), FEWEST);
        assert_eq!(fitting([usize::MAX; 3].into_iter(), 10), FEWEST);
    }
}
