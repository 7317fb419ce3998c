//! Cases about errors.

use power_core::{ErrorKind, Reading};

use super::{stamp, value};
use crate::conformance::transcript::Call;
use crate::conformance::{CaseResult, Expectations, Findings, Transcript};

/// What came of the source that is expected to disconnect.
pub(in crate::conformance) struct Breaking {
    /// Its run, if one was given and opened.
    pub(in crate::conformance) transcript: Option<Transcript>,
    error: Option<String>,
}

/// Runs the source that is expected to disconnect, if the test has given one.
pub(in crate::conformance) fn break_source(expectations: &mut Expectations) -> Breaking {
    match expectations.take_disconnecting().map(|mut open| open()) {
        None => Breaking { transcript: None, error: None },
        Some(Err(error)) => Breaking { transcript: None, error: Some(error.to_string()) },
        Some(Ok(source)) => {
            let transcript = Transcript::record("the disconnecting source", source, expectations);
            Breaking { transcript: Some(transcript), error: None }
        }
    }
}

pub(in crate::conformance) fn sticky(transcripts: &[Transcript], breaking: &Breaking) -> CaseResult {
    let mut findings = Findings::default();
    let gone = |call: &&Call| matches!(call.error, Some((ErrorKind::Disconnected, _)));
    for transcript in transcripts.iter().chain(&breaking.transcript) {
        findings.enter(transcript.form);
        let mut calls = transcript.calls.iter().enumerate().skip_while(|(_, call)| !gone(call));
        let first = calls.next().map(|(number, _)| number);
        for (number, call) in calls {
            findings.check(gone(&call), || {
                let now = call.error.as_ref().map_or("succeeded", |(kind, _)| kind.words());
                format!("read {} was disconnected, read {number}: {now}", first.unwrap_or_default())
            });
        }
    }
    if let Some(error) = &breaking.error {
        findings.fail(|| format!("the source that should disconnect does not open: {error}"));
    }
    if let Some(transcript) = &breaking.transcript {
        let reads = transcript.calls.len();
        let in_time = transcript.calls[..reads - 1].iter().any(|call| gone(&call));
        findings.check(in_time, || format!("it was not disconnected before the last of {reads} reads"));
    }
    findings.into_result_or(
        "disconnected stays disconnected",
        "a source that disconnects (Expectations::with_disconnecting)",
    )
}

pub(super) fn only_appended(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for (number, call) in transcript.calls.iter().enumerate() {
        findings.check(call.only_appended, || {
            format!("read {number} changed earlier readings, or wrote elsewhere than to the caller's buffer")
        });
    }
}

pub(super) fn whole_readings(transcript: &Transcript, _: &Expectations, findings: &mut Findings) {
    for call in transcript.calls.iter().filter(|call| call.error.is_some()) {
        let broken = transcript.of(call).iter().find(|reading| !is_whole(transcript, call, reading));
        findings.check(broken.is_none(), || {
            format!("a failed read left {:?}", broken.map(|reading| reading.value))
        });
    }
}

/// Whether a reading is all that a reading of a successful call must be.
fn is_whole(transcript: &Transcript, call: &Call, reading: &Reading) -> bool {
    let fits = transcript
        .descriptor
        .channel(reading.channel)
        .is_some_and(|channel| reading.value.fits(channel.quantity));
    let finite = reading.value.number().is_none_or(f64::is_finite);
    fits && finite && value::flagged_rightly(reading) && stamp::lies_within(reading.stamp, call)
}
