//! Cases about the descriptor.

use std::collections::BTreeSet;

use power_core::{Channel, Descriptor, Quantity, Scope};

use crate::conformance::{Expectations, Findings, Transcript};

pub(super) fn named(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let Descriptor { driver, device, .. } = &transcript.descriptor;
    findings.check(!driver.trim().is_empty(), || "the driver has no name".into());
    findings.check(!device.trim().is_empty(), || "the device has no name".into());
}

pub(super) fn stable(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (number, call) in transcript.calls.iter().enumerate() {
        findings.check(call.same_descriptor, || format!("it is another one after read {number}"));
    }
}

pub(super) fn channels(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    findings.check(!transcript.descriptor.channels.is_empty(), || "the descriptor lists no channel".into());
}

pub(super) fn unique_names(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for Channel { name, .. } in &transcript.descriptor.channels {
        findings.check(!name.trim().is_empty(), || "a channel has no name".into());
        findings.check(seen.insert(name), || format!("two channels are called {name:?}"));
    }
}

pub(super) fn tree(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let descriptor = &transcript.descriptor;
    for channel in descriptor.channels.iter().filter(|channel| channel.part_of.is_some()) {
        let mut at = channel;
        let mut steps = 0;
        while let Some(whole) = at.part_of {
            let Some(next) = descriptor.channel(whole) else {
                findings
                    .fail(|| format!("{:?} is part of channel {}, which does not exist", at.name, whole.0));
                return;
            };
            steps += 1;
            if steps > descriptor.channels.len() {
                findings.fail(|| format!("{:?} is part of itself, directly or through others", channel.name));
                return;
            }
            at = next;
        }
        findings.pass();
    }
}

pub(super) fn scopes(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let descriptor = &transcript.descriptor;
    for part in &descriptor.channels {
        let Some(whole) = part.part_of.and_then(|whole| descriptor.channel(whole)) else { continue };
        if let (Some(narrow), Some(wide)) = (width(&part.scope), width(&whole.scope)) {
            findings.check(narrow <= wide, || {
                format!(
                    "{:?} ({}) cannot be part of {:?} ({})",
                    part.name, part.scope, whole.name, whole.scope
                )
            });
        }
    }
}

/// How wide a scope is compared with others; `None` where that cannot be said.
const fn width(scope: &Scope) -> Option<u8> {
    match scope {
        Scope::Core | Scope::Uncore => Some(1),
        Scope::Chip | Scope::Package | Scope::Dram => Some(2),
        Scope::Board => Some(3),
        Scope::Module | Scope::Platform => Some(4),
        Scope::NodeDc => Some(5),
        Scope::NodeAc => Some(6),
        // A rail may feed a core or a node, and a scope that this crate does not know may be of any width.
        _ => None,
    }
}

pub(super) fn nominal(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for channel in &transcript.descriptor.channels {
        let mut above = |what: &str, right: Option<bool>| {
            if let Some(right) = right {
                findings.check(right, || format!("{:?} has a {what} that is not above 0", channel.name));
            }
        };
        above("update period", channel.update_period.map(|period| !period.is_zero()));
        above("window", channel.window().map(|window| !window.is_zero()));
        above("resolution", channel.resolution.map(positive));
        if let Quantity::EnergyCounter { quantum, modulus } = channel.quantity {
            above("quantum", Some(positive(quantum.get())));
            above("modulus", modulus.map(|modulus| modulus > 0));
        }
        if let Some(accuracy) = &channel.accuracy {
            let parts = [accuracy.percent_of_reading, accuracy.percent_of_range];
            above("limit of error", Some(parts.iter().all(|part| *part == 0.0 || positive(*part))));
            findings.check(!accuracy.source.trim().is_empty(), || {
                format!("{:?} does not say where its accuracy stands", channel.name)
            });
        }
    }
}

fn positive(number: f64) -> bool {
    number > 0.0 && number.is_finite()
}

pub(super) fn ranges(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for channel in &transcript.descriptor.channels {
        if let Some(range) = channel.range {
            let right = range.low.is_finite() && range.high.is_finite() && range.low < range.high;
            findings
                .check(right, || format!("{:?} ranges from {} to {}", channel.name, range.low, range.high));
        }
    }
}
