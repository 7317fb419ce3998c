//! How often a source is read where nobody says.

use std::time::Duration;

use power_core::{Delivery, Descriptor};

/// Reads of one update period: enough to place each publication to a fifth of it (`sensors.md` §8: below T/5).
const READS_PER_UPDATE: u32 = 5;

/// A read may take one part in so many of the time, 1 %: an energy counter keeps a CPU busy for as long as a read takes.
const COST_SHARE: u32 = 100;

/// Where no channel says how often it is updated.
const UNKNOWN_UPDATE: Duration = Duration::from_millis(500);

/// The shortest period that is chosen unasked. Reading RAPL every millisecond costs an idle machine a watt, so
/// faster is for those who ask.
const SHORTEST: Duration = Duration::from_millis(10);

/// The longest period that is chosen unasked.
const LONGEST: Duration = Duration::from_secs(1);

/// A streamed source is asked for what it has so often: it loses nothing, and the live view stays live.
const STREAMED: Duration = Duration::from_millis(200);

/// Whether the reader sets the pace: a source that streams, or hands over lines as they come, has one of its own.
pub fn is_polled(descriptor: &Descriptor) -> bool {
    let polled = descriptor.channels.iter().any(|channel| channel.delivery == Delivery::Polled);
    polled && !descriptor.details.contains_key("period_ms")
}

/// Time between the starts of two reads of a source of which one read takes `cost`.
///
/// A source that hands over lines as they come (detail `period_ms`) is read as often as they come; one that streams
/// is read well before its buffer overruns (details `fetch_within_ms.CHANNEL`).
pub fn default_period(descriptor: &Descriptor, cost: Duration) -> Duration {
    if let Some(period) = descriptor.details.get("period_ms").and_then(|text| millis(text)) {
        return period;
    }
    let streamed = descriptor.channels.iter().all(|channel| channel.delivery == Delivery::Streamed);
    let wanted = if streamed {
        let details = descriptor.details.iter();
        let within = details.filter(|(name, _)| name.starts_with("fetch_within_ms"));
        let shortest = within.filter_map(|(_, text)| millis(text)).min();
        shortest.map_or(STREAMED, |within| STREAMED.min(within / 4))
    } else {
        let shortest = descriptor.channels.iter().filter_map(|channel| channel.update_period).min();
        shortest.unwrap_or(UNKNOWN_UPDATE) / READS_PER_UPDATE
    };
    round(wanted.max(cost * COST_SHARE).clamp(SHORTEST, LONGEST))
}

/// A duration from milliseconds in a descriptor's details; `None` if they are no positive number.
fn millis(text: &str) -> Option<Duration> {
    let millis: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(millis * 1e-3).ok().filter(|period| !period.is_zero())
}

/// The next of 1, 2, 5, 10, 20, … ms: rates that people recognise.
fn round(period: Duration) -> Duration {
    const STEPS: [u64; 7] = [10, 20, 50, 100, 200, 500, 1000];
    let steps = STEPS.map(Duration::from_millis);
    steps.into_iter().find(|step| *step >= period).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::{Channel, Quantity};

    fn polled(update_ms: Option<u64>) -> Descriptor {
        let channel = Channel::new("power", Quantity::power());
        let channel = match update_ms {
            Some(millis) => channel.with_update_period(Duration::from_millis(millis)),
            None => channel,
        };
        Descriptor::new("test", "device", vec![channel])
    }

    #[test]
    fn a_sensor_is_read_five_times_an_update_unless_that_costs_too_much() {
        let period =
            |update, cost_us| default_period(&polled(update), Duration::from_micros(cost_us)).as_millis();
        assert_eq!(period(Some(100), 5), 20);
        assert_eq!(period(Some(100), 3_000), 500);
        assert_eq!(period(Some(1), 5), 10);
        assert_eq!(period(None, 5), 100);
        assert_eq!(period(Some(20_000), 5), 1000);
        assert_eq!(period(Some(100), 90_000_000), 1000);
    }

    #[test]
    fn lines_are_taken_as_they_come_and_streams_before_they_overrun() {
        let lines = polled(Some(100)).with_detail("period_ms", "50");
        assert_eq!(default_period(&lines, Duration::from_millis(49)).as_millis(), 50);
        let mut stream = polled(Some(20)).with_detail("fetch_within_ms.power", "400");
        stream.channels[0].delivery = Delivery::Streamed;
        assert_eq!(default_period(&stream, Duration::ZERO).as_millis(), 100);
        stream.details.clear();
        assert_eq!(default_period(&stream, Duration::ZERO).as_millis(), 200);
    }
}
