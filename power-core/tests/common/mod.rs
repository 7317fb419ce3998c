//! A source made of a closure.

use std::fmt;

use power_core::{
    Channel, ChannelId, Descriptor, Error, PowerSource, Quantity, Reading, Recorder, Result, Watts,
};

/// Calls its closure at every read.
pub(crate) struct FnSource<F> {
    descriptor: Descriptor,
    read: F,
}

impl<F: FnMut(&mut Recorder<'_>) -> Result<()> + Send> FnSource<F> {
    /// A source of one power channel.
    pub(crate) fn new(read: F) -> Self {
        let channels = vec![Channel::new("power", Quantity::power())];
        Self { descriptor: Descriptor::new("test", "closure", channels), read }
    }
}

impl<F: FnMut(&mut Recorder<'_>) -> Result<()> + Send> PowerSource for FnSource<F> {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        (self.read)(recorder)
    }
}

impl<F> fmt::Debug for FnSource<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FnSource").finish_non_exhaustive()
    }
}

/// Records one power reading.
pub(crate) fn push(recorder: &mut Recorder<'_>, watts: u32) -> Result<()> {
    let (value, stamp) = recorder.bracket(|| Ok::<_, Error>(Watts::from_watts(f64::from(watts))))?;
    recorder.push(Reading::new(ChannelId(0), value, stamp));
    Ok(())
}

/// A source that records 1 W, 2 W, 3 W and so on.
pub(crate) fn counting() -> impl PowerSource + 'static {
    let mut watts = 0;
    FnSource::new(move |recorder: &mut Recorder<'_>| {
        watts += 1;
        push(recorder, watts)
    })
}

/// The powers in `readings`, in watts.
pub(crate) fn powers(readings: &[Reading]) -> Vec<f64> {
    readings.iter().filter_map(|reading| reading.value.number()).collect()
}
