//! The total energy counter of a GPU: a source of its own, since its call is the slow one.

use std::convert::Infallible;

use power_core::{Channel, ChannelId, Descriptor, PowerSource, Reading, Recorder, Result, Scope, Value};

use crate::architecture::{Figure, meaning};
use crate::config::{Class, Config};
use crate::cost;
use crate::details::Identity;
use crate::error::Gone;
use crate::port::Gpu;

/// The channel's name.
pub(crate) const ENERGY: &str = "energy.total";

const CANNOT_READ: &str = "cannot read the GPU's energy counter";

/// The open energy counter of one GPU. A read blocks for some milliseconds: NVIDIA's driver busy-waits.
#[derive(Debug)]
pub(crate) struct Counter {
    descriptor: Descriptor,
    gpu: Box<dyn Gpu>,
    gone: Gone,
}

impl Counter {
    /// Opens the counter; `measured` are details kept from an earlier opening.
    pub(crate) fn open(
        gpu: Box<dyn Gpu>,
        identity: &Identity,
        config: &Config,
        measured: Option<Vec<(String, String)>>,
    ) -> Result<(Self, Vec<(String, String)>)> {
        config.check_channels([ENERGY].into_iter())?;
        // A call takes milliseconds of CPU time: the one that shows that there is a counter is the one that is timed.
        let cost = cost::median(|| gpu.energy_mj())
            .map_err(|failure| failure.opening("the GPU gives no energy counter", &identity.device))?;
        let meaning = meaning(Figure::Energy, identity.architecture, identity.branch);
        let channel = Channel::new(ENERGY, meaning.quantity).with_scope(Scope::Board);
        let channel = match meaning.update_period {
            Some(period) => channel.with_update_period(period),
            None => channel,
        };
        let measured =
            measured.unwrap_or_else(|| vec![(format!("call_cost_us.{ENERGY}"), cost::micros(cost))]);
        let descriptor = identity.descriptor(Class::Counter, vec![channel]);
        let descriptor = descriptor.with_detail(format!("meaning.{ENERGY}"), meaning.why);
        let descriptor =
            measured.iter().fold(descriptor, |descriptor, (name, value)| descriptor.with_detail(name, value));
        Ok((Self { descriptor, gpu, gone: Gone::default() }, measured))
    }
}

impl PowerSource for Counter {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.gone.check(CANNOT_READ, &self.descriptor.device)?;
        let Ok((answer, stamp)) = recorder.bracket(|| Ok::<_, Infallible>(self.gpu.energy_mj()));
        let value = match answer {
            Ok(millijoules) => Value::Count(millijoules),
            Err(failure) if failure.is_no_value() => Value::Missing,
            Err(failure) => return Err(self.gone.note(failure, CANNOT_READ, &self.descriptor.device)),
        };
        recorder.push(Reading::new(ChannelId(0), value, stamp));
        Ok(())
    }
}
