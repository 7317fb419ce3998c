//! From a run on disk to the readings that the analysis works on: one channel at a time, on one time base.

use power_analysis::{Raw, Readings, ReadingsBuilder};
use power_core::{Delivery, Flags};

use crate::alignment::AlignedTimes;
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
    /// By how much the times can be wrong as a whole, where the clock was aligned and somebody knows; 0 where the times
    /// are those of the time base.
    pub uncertainty_ns: i64,
}

/// What a channel's values stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Publications: a time is when a value was published, the end of its averaging window.
    Sensor,
    /// Power over time: a time is the middle of the averaging window, where the alignment knows it.
    Power,
}

/// Loads the channel named `source/channel`.
///
/// # Errors
///
/// If there is no such channel, it has no energy, or the run cannot be read.
pub fn load(run: &Run, key: &str) -> Result<Loaded> {
    load_as(run, key, Role::Sensor)
}

/// Loads the channel named `source/channel` in a role.
///
/// # Errors
///
/// If there is no such channel, it has no energy, or the run cannot be read.
pub fn load_as(run: &Run, key: &str, role: Role) -> Result<Loaded> {
    let channel = run.channel(key)?;
    let (map, remark) = clock_map(run, channel)?;
    let described = run.describe(channel);
    let mut builder = ReadingsBuilder::new(described.clone()).ok_or_else(|| {
        Error::new(format!("{key} is a channel of {}, which has no energy", described.quantity))
            .mend(format!("choose one of {}", power_channels(run).join(", ")))
    })?;
    // A device that is asked for its latest value stamps the asking; only what it hands over by itself has a time.
    let timed = described.delivery == Delivery::Streamed || is_by_device(&map);
    let early = match (&map, role) {
        (ClockMap::Aligned(clock), Role::Power) => clock.window_ns.unwrap_or(0) / 2,
        _ => 0,
    };
    let by_host = matches!(map, ClockMap::Bracket);
    run.visit_with(&[channel], timed && !by_host, |batch| {
        // Most readings are numbers by the host's own clock, and go by column.
        if let (true, Some(numbers)) = (by_host, batch.plain_numbers()) {
            builder.extend(batch.t_start_ns(), batch.t_end_ns(), numbers);
            return Ok(());
        }
        for row in batch.rows() {
            let device = row.t_device_ns.filter(|_| timed);
            let (start, end) = map.bracket(row.t_start_ns, row.t_end_ns, device);
            let raw = match row.value {
                RowValue::Number(number) => Raw::Number(number),
                RowValue::Count(count) => Raw::Count(count),
                RowValue::Missing => Raw::Missing,
            };
            let (start, end) = (start.saturating_sub(early), end.saturating_sub(early));
            if row.flags.contains(Flags::BREAK) {
                builder.push_break(start);
            }
            builder.push(start, end, raw);
        }
        Ok(())
    })?;
    let readings = builder.finish();
    let uncertainty_ns = uncertainty_ns(&map, &readings);
    let remark = match (remark, early) {
        (Some(remark), 1..) => Some(format!(
            "{remark}; {key} counts at the middle of its averaging window of {:.0} ms",
            milliseconds(early) * 2.0
        )),
        (remark, _) => remark,
    };
    Ok(Loaded { readings, remark, uncertainty_ns })
}

/// Whether the alignment is about the device's own times, which then are the better ones for a polled channel, too.
fn is_by_device(map: &ClockMap) -> bool {
    matches!(map, ClockMap::Aligned(clock) if clock.times == AlignedTimes::Device)
}

/// The largest error of a mapped time over the readings; 0 where it is unknown, which the remark says.
fn uncertainty_ns(map: &ClockMap, readings: &Readings) -> i64 {
    let (ClockMap::Aligned(clock), Some(span)) = (map, readings.span()) else { return 0 };
    let ends = [span.begin_ns, span.end_ns].map(|time| time.saturating_sub(clock.offset_ns));
    let worst = ends.into_iter().filter_map(|own| clock.uncertainty_at_ns(own)).max();
    worst.and_then(|nanos| i64::try_from(nanos).ok()).unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "printed")]
fn milliseconds(nanos: i64) -> f64 {
    nanos as f64 * 1e-6
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
            let drift = match (clock.drift_ppm, clock.drift_uncertainty_ppm) {
                (_, Some(half)) => format!(", drift {:.2} ± {half:.2} ppm", clock.drift_ppm),
                (drift, None) if drift.abs() > 0.0 => format!(", drift {drift:.2} ppm"),
                _ => String::new(),
            };
            Some(format!(
                "{}: clock aligned by {}; uncertainty {uncertainty}{drift}",
                source.id, clock.method
            ))
        }
        _ => None,
    });
    Ok((map, remark))
}
