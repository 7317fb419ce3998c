//! What calls cost, measured when a source is opened: costs differ by GPU and driver by a factor of ten thousand.

use std::time::Duration;

use power_core::{Clock, SystemClock};

use crate::error::Failure;

/// Calls of which the median is taken.
const CALLS: usize = 5;

/// No more calls once these have taken so long: a slow call, which keeps a CPU busy, is made once.
const MOST: Duration = Duration::from_millis(2);

/// Median time of a few calls.
///
/// # Errors
///
/// - the first failure of a call.
pub(crate) fn median<T>(mut call: impl FnMut() -> Result<T, Failure>) -> Result<Duration, Failure> {
    let start = SystemClock.now();
    let mut times = Vec::with_capacity(CALLS);
    while times.len() < CALLS {
        let before = SystemClock.now();
        call()?;
        let after = SystemClock.now();
        times.push(after.since(before).unwrap_or_default());
        if after.since(start).is_some_and(|passed| passed > MOST) {
            break;
        }
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// Microseconds with two digits behind the point, as they stand in the details.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn slow_calls_are_few() {
        let mut calls = 0;
        let slow = median(|| {
            calls += 1;
            thread::sleep(Duration::from_millis(15));
            Ok(())
        });
        assert!(slow.unwrap() >= Duration::from_millis(15));
        assert_eq!(calls, 1);
        assert_eq!(median(|| Err::<(), _>(Failure::NotSupported)), Err(Failure::NotSupported));
        assert_eq!(micros(Duration::from_nanos(3_456_789)), "3456.79");
    }
}
