//! The real load of this machine's CPUs, as what drives the virtual ones.

use std::sync::Arc;
use std::time::Duration;

use super::periodic::Periodic;
use crate::Result;
use crate::description::NodeDescription;
use crate::node::{Shared, now_ns};
use crate::num::{float, nanos_of_ms};

/// How long after a look what was seen begins to hold, in ns: by then every instrument knows.
const LEAD_NS: i64 = 2_000_000;

/// Looks at `/proc/stat` every `host_period_ms`. What was seen of one period is the truth of the next.
pub(super) fn start(node: &NodeDescription, shared: Arc<Shared>) -> Result<Periodic> {
    let mut before = None;
    let period = Duration::from_nanos(nanos_of_ms(node.host_period_ms).unsigned_abs());
    Periodic::start("host load", period, move || {
        let Some(now) = std::fs::read_to_string("/proc/stat").ok().as_deref().and_then(jiffies) else {
            return;
        };
        if let Some((idle, total)) = before.replace(now)
            && now.1 > total
        {
            let busy = 1.0 - float(now.0 - idle) / float(now.1 - total);
            shared.truth().set_cpu(now_ns() + LEAD_NS, busy.clamp(0.0, 1.0));
        }
    })
}

/// Idle and whole time of all CPUs since the machine's start, in hundredths of a second.
fn jiffies(stat: &str) -> Option<(i64, i64)> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    // user nice system idle iowait irq softirq steal; guests are in user and nice already.
    let times: Vec<i64> =
        line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
    let idle = times.get(3)? + times.get(4).copied().unwrap_or(0);
    Some((idle, times.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_kernel_writes_them() {
        let stat = "cpu  100 5 50 800 40 3 2 10 7 0\ncpu0 1 2 3 4 5 6 7 8 9 0\nintr 5\n";
        assert_eq!(jiffies(stat), Some((840, 1_010)));
        assert_eq!(jiffies("cpu0 1 2 3 4\n"), None);
        assert_eq!(jiffies("cpu  1 2 3\n"), None);
    }
}
