//! Everything that one run of reads showed.

use std::ops::Range;

use power_core::{Channel, Descriptor, ErrorKind, HostTime, PowerSource, Reading, Recorder};

use super::Expectations;

/// Everything that one run of reads showed.
#[derive(Debug)]
pub(super) struct Transcript {
    /// How the source was held.
    pub(super) form: &'static str,
    /// The descriptor before the first read.
    pub(super) descriptor: Descriptor,
    pub(super) calls: Vec<Call>,
    pub(super) readings: Vec<Reading>,
}

/// One call of `read`.
#[derive(Debug)]
pub(super) struct Call {
    /// Caller's clock just before and just after.
    pub(super) before: HostTime,
    pub(super) after: HostTime,
    /// The readings that it added, by position in the transcript.
    pub(super) added: Range<usize>,
    /// What it failed with: kind and message.
    pub(super) error: Option<(ErrorKind, String)>,
    /// Whether the descriptor was the same afterwards.
    pub(super) same_descriptor: bool,
    /// Whether the readings from before were still there, and the recorder still wrote to the caller's
    /// buffer.
    pub(super) only_appended: bool,
}

impl Transcript {
    pub(super) fn record<S: PowerSource>(
        form: &'static str,
        mut source: S,
        expectations: &Expectations,
    ) -> Self {
        let descriptor = source.descriptor().clone();
        let mut transcript = Self { form, descriptor, calls: Vec::new(), readings: Vec::new() };
        for _ in 0..expectations.reads() {
            transcript.call(&mut source, expectations);
            expectations.pause();
        }
        transcript
    }

    fn call<S: PowerSource>(&mut self, source: &mut S, expectations: &Expectations) {
        let clock = expectations.clock();
        let earlier = self.readings.clone();
        let before = clock.now();
        let (outcome, counted) = {
            let mut recorder = Recorder::new(clock, &mut self.readings);
            let outcome = source.read(&mut recorder);
            (outcome, recorder.len())
        };
        let after = clock.now();
        let start = earlier.len().min(self.readings.len());
        self.calls.push(Call {
            before,
            after,
            added: start..self.readings.len(),
            error: outcome.err().map(|error| (error.kind(), error.to_string())),
            same_descriptor: same_descriptor(source.descriptor(), &self.descriptor),
            only_appended: self.readings.len() == counted && same(&self.readings[..start], &earlier),
        });
    }

    /// The calls that succeeded.
    pub(super) fn successes(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().filter(|call| call.error.is_none())
    }

    /// The readings of one call.
    pub(super) fn of(&self, call: &Call) -> &[Reading] {
        &self.readings[call.added.clone()]
    }

    /// The readings of calls that succeeded, with the channel that each belongs to. Those of an unknown
    /// channel are left out: another case finds them.
    pub(super) fn sound(&self) -> impl Iterator<Item = (&Channel, &Reading)> {
        self.successes()
            .flat_map(|call| self.of(call))
            .filter_map(|reading| Some((self.descriptor.channel(reading.channel)?, reading)))
    }

    /// The readings of one channel, by its position, in calls that succeeded.
    pub(super) fn channel(&self, position: usize) -> impl Iterator<Item = &Reading> {
        let belongs = move |reading: &&Reading| usize::from(reading.channel.0) == position;
        self.successes().flat_map(|call| self.of(call)).filter(belongs)
    }
}

/// Whether two descriptors are the same. A number that is none does not equal itself, but its text does; that
/// it is none is for another case to say.
pub(super) fn same_descriptor(a: &Descriptor, b: &Descriptor) -> bool {
    a == b || format!("{a:?}") == format!("{b:?}")
}

/// Whether two rows of readings are the same, numbers bit by bit.
fn same(a: &[Reading], b: &[Reading]) -> bool {
    let key = |reading: &Reading| {
        let bits = reading.value.number().map(f64::to_bits);
        (reading.channel, bits, reading.value.count(), reading.stamp, reading.device_time, reading.flags)
    };
    a.len() == b.len() && a.iter().map(key).eq(b.iter().map(key))
}
