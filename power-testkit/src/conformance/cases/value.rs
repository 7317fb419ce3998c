//! Cases about readings and their values.

use std::collections::BTreeSet;

use power_core::{Channel, Delivery, Flags, Quantity, Reading, Value};

use crate::conformance::{Expectations, Findings, Transcript};

pub(super) fn succeed(transcript: &Transcript, expectations: &Expectations, findings: &mut Findings) {
    for (number, call) in transcript.calls.iter().enumerate() {
        match &call.error {
            Some((kind, message)) if !expectations.tolerates(*kind) => {
                findings.fail(|| format!("read {number}: {message}"));
            }
            _ => findings.pass(),
        }
    }
}

pub(super) fn known_channel(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let descriptor = &transcript.descriptor;
    for reading in transcript.successes().flat_map(|call| transcript.of(call)) {
        findings.check(descriptor.channel(reading.channel).is_some(), || {
            format!("a reading of channel {}; there are {}", reading.channel.0, descriptor.channels.len())
        });
    }
}

pub(super) fn every_channel(transcript: &Transcript, expectations: &Expectations, findings: &mut Findings) {
    for (position, channel) in transcript.descriptor.channels.iter().enumerate() {
        if !expectations.lets_be_quiet(&channel.name) {
            findings.check(transcript.channel(position).next().is_some(), || {
                format!(
                    "{:?} gave no reading in {} reads (see Expectations::with_pause and with_quiet)",
                    channel.name,
                    transcript.calls.len()
                )
            });
        }
    }
}

pub(super) fn fits(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, reading) in transcript.sound() {
        findings.check(reading.value.fits(channel.quantity), || {
            format!("{:?} measures {}, got {:?}", channel.name, channel.quantity, reading.value)
        });
    }
}

pub(super) fn missing_flagged(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, reading) in transcript.sound() {
        findings.check(flagged_rightly(reading), || {
            format!("{:?} gave {:?} with {:?}", channel.name, reading.value, reading.flags)
        });
    }
}

pub(super) fn flagged_rightly(reading: &Reading) -> bool {
    (reading.value == Value::Missing) == reading.flags.contains(Flags::MISSING)
}

/// The readings that are numbers and fit their channel.
fn numbers(transcript: &Transcript) -> impl Iterator<Item = (&Channel, &Reading, f64)> {
    transcript
        .sound()
        .filter(|(channel, reading)| reading.value.fits(channel.quantity))
        .filter_map(|(channel, reading)| Some((channel, reading, reading.value.number()?)))
}

pub(super) fn finite(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, _, number) in numbers(transcript) {
        findings.check(number.is_finite(), || format!("{:?} gave {number}", channel.name));
    }
}

pub(super) fn within_range(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, reading, number) in numbers(transcript) {
        let Some(range) = channel.range.filter(|range| range.low < range.high) else { continue };
        if number.is_finite() && !reading.flags.contains(Flags::OVERRANGE) {
            findings.check((range.low..=range.high).contains(&number), || {
                format!("{:?} gave {number}, outside {} to {}", channel.name, range.low, range.high)
            });
        }
    }
}

pub(super) fn ratios(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (channel, _, number) in numbers(transcript) {
        let bounds = match channel.quantity {
            Quantity::Utilisation => 0.0..=1.0,
            Quantity::PowerFactor => -1.0..=1.0,
            _ => continue,
        };
        if number.is_finite() {
            findings.check(bounds.contains(&number), || {
                format!("{:?} gave {number}; {} lies within {bounds:?}", channel.name, channel.quantity)
            });
        }
    }
}

pub(super) fn once(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (position, channel) in transcript.descriptor.channels.iter().enumerate() {
        if channel.delivery != Delivery::Polled {
            continue;
        }
        for call in transcript.successes() {
            let own = transcript.of(call).iter().filter(|reading| usize::from(reading.channel.0) == position);
            let (mut times, mut told_apart) = (0, BTreeSet::new());
            for reading in own {
                times += 1;
                told_apart.extend(reading.device_time);
            }
            // Somebody else polled it, and hands over what that gave: each reading has a time of its own.
            findings.check(times <= 1 || told_apart.len() == times, || {
                format!("{:?} came {times} times in one read", channel.name)
            });
        }
    }
}
