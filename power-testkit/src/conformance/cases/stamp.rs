//! Cases about stamps and device times.

use power_core::{ClockDomain, Delivery};

use crate::conformance::transcript::Call;
use crate::conformance::{Expectations, Findings, Transcript};

pub(super) fn ordered(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for reading in transcript.successes().flat_map(|call| transcript.of(call)) {
        let stamp = reading.stamp;
        findings.check(stamp.start() <= stamp.end(), || {
            format!("a stamp starts at {} ns and ends at {} ns", stamp.start().nanos(), stamp.end().nanos())
        });
    }
}

pub(super) fn within_call(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for call in transcript.successes() {
        for reading in transcript.of(call) {
            findings.check(lies_within(reading.stamp, call), || outside(reading.stamp, call));
        }
    }
}

pub(super) fn lies_within(stamp: power_core::Stamp, call: &Call) -> bool {
    [stamp.start(), stamp.end()].iter().all(|time| call.before <= *time && *time <= call.after)
}

fn outside(stamp: power_core::Stamp, call: &Call) -> String {
    format!(
        "a stamp of {} to {} ns in a call from {} to {} ns",
        stamp.start().nanos(),
        stamp.end().nanos(),
        call.before.nanos(),
        call.after.nanos()
    )
}

pub(super) fn forwards(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let mut last = None;
    for reading in transcript.successes().flat_map(|call| transcript.of(call)) {
        let start = reading.stamp.start();
        if let Some(earlier) = last.replace(start) {
            findings.check(earlier <= start, || {
                format!("a stamp at {} ns follows one at {} ns", start.nanos(), earlier.nanos())
            });
        }
    }
}

pub(super) fn device_times(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    let domain = &transcript.descriptor.clock;
    let claimed = *domain != ClockDomain::HostBracket;
    let mut timed = 0_usize;
    let mut readings = 0_usize;
    for (channel, reading) in transcript.sound() {
        readings += 1;
        timed += usize::from(reading.device_time.is_some());
        if !claimed {
            findings.check(reading.device_time.is_none(), || {
                format!("{:?} has a device time; the source claims no clock", channel.name)
            });
        } else if channel.delivery == Delivery::Streamed {
            findings.check(reading.device_time.is_some(), || {
                format!("{:?} is streamed without device time; the source claims {domain}", channel.name)
            });
        }
    }
    if claimed && readings > 0 {
        findings.check(timed > 0, || format!("no reading has a device time; the source claims {domain}"));
    }
}

pub(super) fn device_forwards(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (position, channel) in transcript.descriptor.channels.iter().enumerate() {
        if channel.delivery != Delivery::Streamed {
            continue;
        }
        let mut last = None;
        for time in transcript.channel(position).filter_map(|reading| reading.device_time) {
            if let Some(earlier) = last.replace(time) {
                findings.check(earlier <= time, || {
                    format!("{:?} gave {} ns after {} ns", channel.name, time.nanos(), earlier.nanos())
                });
            }
        }
    }
}
