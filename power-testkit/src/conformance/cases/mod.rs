//! The cases of the suite for sources.

pub(super) mod allocation;
mod counter;
mod descriptor;
pub(super) mod failure;
mod stamp;
mod value;

use super::{Expectations, Findings, Transcript};

/// One demand on a source.
pub(super) struct Case {
    /// The demand in words.
    pub(super) name: &'static str,
    /// What a source must have for the case to look at.
    pub(super) needs: &'static str,
    /// Whether it also judges the run of the source that disconnects.
    pub(super) on_broken: bool,
    /// Looks at one transcript.
    pub(super) check: fn(&Transcript, &Expectations, &mut Findings),
}

impl Case {
    const fn new(
        name: &'static str,
        needs: &'static str,
        check: fn(&Transcript, &Expectations, &mut Findings),
    ) -> Self {
        Self { name, needs, on_broken: false, check }
    }

    const fn on_broken_too(mut self) -> Self {
        self.on_broken = true;
        self
    }
}

/// Every case that judges transcripts, in the order of the report.
pub(super) const ALL: &[Case] = &[
    Case::new("driver and device have names", "a descriptor", descriptor::named),
    Case::new("descriptor stays the same", "a read", descriptor::stable).on_broken_too(),
    Case::new("there are channels", "a descriptor", descriptor::channels),
    Case::new("channel names are unique and not empty", "a channel", descriptor::unique_names),
    Case::new(
        "part_of names another channel, without a circle",
        "a channel that is part of one",
        descriptor::tree,
    ),
    Case::new(
        "a part's scope lies within the whole's",
        "a part and a whole of known scope",
        descriptor::scopes,
    ),
    Case::new(
        "nominal values are above 0",
        "a channel with an update period, a window, a quantum, a modulus, a resolution or an accuracy",
        descriptor::nominal,
    ),
    Case::new("ranges are ordered", "a channel with a range", descriptor::ranges),
    Case::new("reads succeed", "a read", value::succeed),
    Case::new("readings belong to a channel", "a reading", value::known_channel),
    Case::new(
        "every channel gives a reading",
        "a channel that is not expected to be quiet",
        value::every_channel,
    ),
    Case::new("values fit their quantity", "a reading", value::fits),
    Case::new("a missing value is flagged, and no other is", "a reading", value::missing_flagged),
    Case::new("numbers are finite", "a reading with a number", value::finite),
    Case::new(
        "numbers are within the channel's range",
        "a reading of a channel with a range",
        value::within_range,
    ),
    Case::new("ratios are plausible", "a channel of utilisation or power factor", value::ratios),
    Case::new("a polled channel is read at most once a read", "a polled channel", value::once),
    Case::new("counts stay below the modulus", "an energy counter with a modulus", counter::below_modulus),
    Case::new("energy counters step plausibly", "an energy counter read twice", counter::steps),
    Case::new("stamps are ordered", "a reading", stamp::ordered),
    Case::new("stamps lie within the call", "a reading", stamp::within_call),
    Case::new("stamps do not go back", "two readings", stamp::forwards),
    Case::new("device times are there as the clock domain claims", "a reading", stamp::device_times),
    Case::new(
        "device times of a stream do not go back",
        "a streamed channel with device times",
        stamp::device_forwards,
    ),
    Case::new("the buffer is only appended to", "a read", failure::only_appended).on_broken_too(),
    Case::new("an error leaves whole readings", "a read that fails", failure::whole_readings).on_broken_too(),
];
