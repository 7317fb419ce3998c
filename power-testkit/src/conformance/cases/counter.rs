//! Cases about energy counters.

use std::time::Duration;

use power_core::{Quantity, Reading, Step, step};

use crate::conformance::{Expectations, Findings, Transcript};
use crate::num::counts;

/// Update period that is assumed of a counter that states none.
const LONGEST_PERIOD: Duration = Duration::from_secs(1);

pub(super) fn below_modulus(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, reading) in transcript.sound() {
        let Quantity::EnergyCounter { modulus: Some(modulus), .. } = channel.quantity else { continue };
        if let Some(count) = reading.value.count() {
            findings
                .check(count < modulus, || format!("{:?} gave {count}; it wraps at {modulus}", channel.name));
        }
    }
}

pub(super) fn steps(transcript: &Transcript, expectations: &Expectations, findings: &mut Findings) {
    for (position, channel) in transcript.descriptor.channels.iter().enumerate() {
        let Quantity::EnergyCounter { quantum, modulus } = channel.quantity else { continue };
        let period = channel.update_period.unwrap_or(LONGEST_PERIOD);
        let inside = |count: &u64| modulus.is_none_or(|modulus| *count < modulus);
        let mut last: Option<(u64, &Reading)> = None;
        for reading in transcript.channel(position) {
            let Some(count) = reading.value.count().filter(inside) else { continue };
            if let Some((previous, earlier)) = last {
                let apart = reading.stamp.end().since(earlier.stamp.start()).unwrap_or_default();
                // The older count may be a whole update period old, and counts are cut down to whole ones.
                let energy = expectations.most_power() * (apart + period);
                let most = counts(energy / quantum).saturating_add(1);
                findings.check(step(previous, count, modulus, most) != Step::Reset, || {
                    format!("{:?} went from {previous} to {count} within {apart:?}", channel.name)
                });
            }
            last = Some((count, reading));
        }
    }
}
