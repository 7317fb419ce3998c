//! From a run on disk to the readings that the analysis works on: one channel at a time, on one time base.

use power_analysis::{Raw, Readings, ReadingsBuilder};
use power_core::{Delivery, Flags};

use crate::clock_map::ClockMap;
use crate::run::{ChannelRef, RowValue, Run};
use crate::{Error, Result};

/// The readings of one channel, and what has to be said about their times.
#[derive(Debug)]
pub struct Loaded {
    /// The readings on the run's time base.
    pub readings: Readings,
    /// How the clock was mapped, where that deserves a word.
    pub remark: Option<String>,
}

/// Loads the channel named `source/channel`.
///
/// # Errors
///
/// If there is no such channel, it has no energy, or the run cannot be read.
pub fn load(run: &Run, key: &str) -> Result<Loaded> {
    let channel = run.channel(key)?;
    let (map, remark) = clock_map(run, channel)?;
    let described = run.describe(channel);
    let mut builder = ReadingsBuilder::new(described.clone()).ok_or_else(|| {
        Error::new(format!("{key} is a channel of {}, which has no energy", described.quantity))
            .mend(format!("choose one of {}", power_channels(run).join(", ")))
    })?;
    // A device that is asked for its latest value stamps the asking; only what it hands over by itself has a time.
    let streamed = described.delivery == Delivery::Streamed;
    run.visit(&[channel], |batch| {
        for row in batch.rows() {
            let device = row.t_device_ns.filter(|_| streamed);
            let (start, end) = map.bracket(row.t_start_ns, row.t_end_ns, device);
            let raw = match row.value {
                RowValue::Number(number) => Raw::Number(number),
                RowValue::Count(count) => Raw::Count(count),
                RowValue::Missing => Raw::Missing,
            };
            if row.flags.contains(Flags::BREAK) {
                builder.push_break(start);
            }
            builder.push(start, end, raw);
        }
        Ok(())
    })?;
    Ok(Loaded { readings: builder.finish(), remark })
}

/// Names of all channels of which an energy can be had, in the order of the run.
pub fn power_channels(run: &Run) -> Vec<String> {
    let powered = run.channels().filter(|&channel| run.describe(channel).quantity.has_energy());
    powered.map(|channel| run.key(channel)).collect()
}

fn clock_map(run: &Run, channel: ChannelRef) -> Result<(ClockMap, Option<String>)> {
    let source = run.source_of(channel);
    let alignment = run.alignment()?;
    let (map, remark) =
        ClockMap::of(&source.id, &source.descriptor.clock, run.manifest(), run.anchors(), &alignment);
    let remark = remark.or_else(|| match &map {
        ClockMap::Aligned(clock) => {
            #[expect(clippy::cast_precision_loss, reason = "printed to a millisecond")]
            let uncertainty = clock
                .uncertainty_ns
                .map_or_else(|| "unknown".to_owned(), |nanos| format!("±{:.3} ms", nanos as f64 * 1e-6));
            Some(format!("{}: clock aligned by {}; uncertainty {uncertainty}", source.id, clock.method))
        }
        _ => None,
    });
    Ok((map, remark))
}
