//! The values of a source on its own clock, ready to be fitted.

use power_analysis::characterise::{changes, update_period};
use power_analysis::clock::Exchange;
use power_analysis::{CONFIDENCE, Raw, Readings, ReadingsBuilder, Values};
use power_core::{Channel, ClockDomain, Delivery, Quantity};

use super::{is_own, power_nanos};
use crate::run::{ChannelRef, RowValue, Run};
use crate::{Error, Result};

/// Update period that is assumed where nobody says, in nanoseconds.
const PERIOD_NS: i64 = 100_000_000;

/// A source to be aligned, with its values.
pub(super) struct Target {
    pub(super) source: String,
    pub(super) channel: String,
    pub(super) clock: ClockDomain,
    pub(super) window_ns: Option<i64>,
    pub(super) period_ns: i64,
    /// Its own times (or the host's, where it has none) and watts.
    pub(super) times_ns: Vec<i64>,
    pub(super) watts: Vec<f64>,
    pub(super) exchanges: Vec<Exchange>,
    /// Whether the exchanges bound when it published, rather than when it answered.
    pub(super) by_publication: bool,
    /// Highest offset that causality allows: no value was heard before it was made.
    pub(super) latest_ns: Option<i64>,
    pub(super) tick_ns: i64,
    /// By how much its own times can be wrong against its own clock: half a read by whoever stamps them; `None` where
    /// nobody says how long that takes.
    pub(super) own_ns: Option<i64>,
}

pub(super) fn targets(run: &Run, wanted: &[ChannelRef]) -> Result<Vec<Target>> {
    wanted.iter().map(|&channel| target(run, channel)).collect()
}

fn target(run: &Run, channel: ChannelRef) -> Result<Target> {
    let (source, described) = (run.source_of(channel), run.describe(channel));
    let nanos = |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let mut rows: Vec<(i64, i64, Option<i64>, Raw)> = Vec::new();
    run.visit(&[channel], |batch| {
        rows.extend(batch.rows().map(|row| {
            let raw = match row.value {
                RowValue::Number(number) => Raw::Number(number),
                RowValue::Count(count) => Raw::Count(count),
                RowValue::Missing => Raw::Missing,
            };
            (row.t_start_ns, row.t_end_ns, row.t_device_ns, raw)
        }));
        Ok(())
    })?;
    rows.sort_by_key(|row| row.0);
    let own = is_own(&source.descriptor.clock) && rows.iter().any(|row| row.2.is_some());
    let key = run.key(channel);
    let no_power = || {
        Error::new(format!("{key} is a channel of {}, which has no edges", described.quantity))
            .mend("name a channel of power")
    };
    let tick_ns = match source.descriptor.clock {
        ClockDomain::Device { tick_hz: Some(hz) } if hz > 0.0 => power_nanos(1e3 / hz).max(1),
        _ => 1,
    };
    let mut found = Target {
        source: source.id.clone(),
        channel: key.clone(),
        clock: source.descriptor.clock.clone(),
        window_ns: described.window().map(nanos),
        period_ns: described.update_period.map_or(PERIOD_NS, nanos),
        times_ns: Vec::new(),
        watts: Vec::new(),
        exchanges: Vec::new(),
        by_publication: false,
        latest_ns: None,
        tick_ns,
        own_ns: Some(0),
    };
    let readings = if own {
        let stamped: Vec<(i64, i64, i64, Raw)> =
            rows.iter().filter_map(|row| Some((row.0, row.1, row.2?, row.3))).collect();
        found.latest_ns = stamped.iter().map(|row| row.1.saturating_sub(row.2)).min();
        let readings = own_readings(described, stamped, &mut found).ok_or_else(no_power)?;
        if let Some(exchanges) = handed_over(run, channel, Quantity::ClockExchange)? {
            // Its readings were taken before anybody asked for them: only these tell of its clock.
            found.exchanges = exchanges;
            (found.by_publication, found.latest_ns) = (false, None);
            if described.delivery == Delivery::Polled {
                let reads = handed_over(run, channel, Quantity::ReadTime)?.unwrap_or_default();
                let longest =
                    reads.iter().map(|read| read.device_end_ns.saturating_sub(read.device_start_ns));
                found.own_ns = longest.max().map(|longest| longest / 2);
            }
        }
        readings
    } else {
        let mut builder = ReadingsBuilder::new(described.clone()).ok_or_else(no_power)?;
        for row in &rows {
            builder.push(row.0, row.1, row.3);
        }
        builder.finish()
    };
    let changes = changes(&readings);
    let (period, published) = update_period(&readings, &changes, CONFIDENCE);
    if described.update_period.is_none()
        && let Some(typical) = period.period_ms.map(|ms| ms.value).or(period.interval_ms.map(|ms| ms[1]))
    {
        found.period_ns = power_nanos(typical).max(1);
    }
    if !matches!(readings.values(), Values::Power(_)) {
        return Err(no_power());
    }
    found.times_ns = published.times_ns;
    found.watts = changes.iter().map(|change| change.watts).collect();
    Ok(found)
}

/// What the source of `channel` hands over as times on its own clock with a length, in its channel of `quantity`; `None`
/// where it has no such channel.
fn handed_over(run: &Run, channel: ChannelRef, quantity: Quantity) -> Result<Option<Vec<Exchange>>> {
    let beside =
        |other: &ChannelRef| other.source() == channel.source() && run.describe(*other).quantity == quantity;
    let Some(wanted) = run.channels().find(beside) else { return Ok(None) };
    let mut found = Vec::new();
    run.visit(&[wanted], |batch| {
        found.extend(batch.rows().filter_map(|row| {
            let (RowValue::Count(length), Some(device_start_ns)) = (row.value, row.t_device_ns) else {
                return None;
            };
            let device_end_ns = device_start_ns.checked_add_unsigned(length)?;
            Some(Exchange { start_ns: row.t_start_ns, end_ns: row.t_end_ns, device_start_ns, device_end_ns })
        }));
        Ok(())
    })?;
    Ok(Some(found))
}

/// The readings of a source by its own times, and its exchanges.
///
/// A device that repeats a time shows when it published, however often it is asked; then the first answer with that time
/// and the answer before it bound the moment. One that never repeats stamps the answer itself.
fn own_readings(
    described: &Channel,
    stamped: Vec<(i64, i64, i64, Raw)>,
    found: &mut Target,
) -> Option<Readings> {
    let repeats = stamped.windows(2).filter(|pair| pair[0].2 == pair[1].2).count();
    let by_publication = described.delivery == Delivery::Streamed || repeats * 5 > stamped.len();
    found.by_publication = by_publication;
    if described.delivery == Delivery::Polled {
        found.exchanges = stamped
            .iter()
            .enumerate()
            .filter(|(index, row)| !by_publication || (*index > 0 && stamped[index - 1].2 != row.2))
            .map(|(index, row)| {
                let start_ns = if by_publication { stamped[index - 1].0 } else { row.0 };
                Exchange::stamped_once(start_ns, row.1, row.2)
            })
            .collect();
    }
    let mut channel = described.clone();
    if by_publication {
        channel = channel.with_delivery(Delivery::Streamed);
    }
    let mut builder = ReadingsBuilder::new(channel)?;
    let mut last = None;
    for (_, _, device, raw) in stamped {
        if by_publication && last == Some(device) {
            continue;
        }
        last = Some(device);
        builder.push(device, device, raw);
    }
    Some(builder.finish())
}
