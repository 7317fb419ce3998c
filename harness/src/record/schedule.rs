//! When a source is read: absolute times, so that lateness never adds up.

use std::time::Duration;

use power_core::HostTime;

/// The due times of one source: every `period` from an origin on, each with a random delay if that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    origin_ns: i64,
    period_ns: i64,
    /// The random delay of each tick is below this.
    jitter_ns: u64,
    /// Number of the tick that is due next.
    tick: i64,
    delay_ns: i64,
    random: u64,
}

impl Schedule {
    /// A schedule whose first tick is at `origin`. `jitter` is the greatest random delay as a share of the period,
    /// from 0 to 1.
    pub(super) fn new(origin: HostTime, period: Duration, jitter: f64, seed: u64) -> Self {
        let period_ns = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX).max(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a period is a period, roughly is enough, and negative ones become 0"
        )]
        let jitter_ns = (period_ns as f64 * jitter.clamp(0.0, 1.0)) as u64;
        let mut schedule = Self {
            origin_ns: origin.nanos(),
            period_ns,
            jitter_ns,
            tick: 0,
            delay_ns: 0,
            // Xorshift needs a state that is not 0.
            random: seed | 1,
        };
        schedule.draw();
        schedule
    }

    /// Moves the first tick to `origin`, or the first after `now` that is whole periods from it: sources that begin
    /// together are due together, so that one wake-up serves all.
    pub(super) fn begin(&mut self, origin: HostTime, now: HostTime) {
        let passed = now.nanos().saturating_sub(origin.nanos()).max(0);
        let periods = passed / self.period_ns + i64::from(passed % self.period_ns > 0);
        self.origin_ns = origin.nanos().saturating_add(self.period_ns.saturating_mul(periods));
        self.tick = 0;
    }

    /// When the next read is due.
    pub(super) fn due(&self) -> HostTime {
        HostTime::from_nanos(self.nominal(self.tick).saturating_add(self.delay_ns))
    }

    /// Moves to the next tick after a read that ended at `now`; gives how many ticks were missed meanwhile.
    ///
    /// A tick is missed once the one after it is due as well; a read that is merely late is made.
    pub(super) fn advance(&mut self, now: HostTime) -> u64 {
        let next = self.tick.saturating_add(1);
        let late = now.nanos().saturating_sub(self.nominal(next));
        let missed = (late / self.period_ns).max(0);
        self.tick = next.saturating_add(missed);
        self.draw();
        missed.unsigned_abs()
    }

    fn nominal(&self, tick: i64) -> i64 {
        self.origin_ns.saturating_add(self.period_ns.saturating_mul(tick))
    }

    /// The delay of the next tick, uniform, by xorshift64 (Marsaglia 2003).
    fn draw(&mut self) {
        if self.jitter_ns == 0 {
            return;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.delay_ns = i64::try_from(self.random % self.jitter_ns).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(nanos: i64) -> HostTime {
        HostTime::from_nanos(nanos)
    }

    #[test]
    fn lateness_does_not_add_up_and_missed_ticks_are_told() {
        let mut schedule = Schedule::new(at(1_000), Duration::from_nanos(100), 0.0, 1);
        assert_eq!(schedule.due(), at(1_000));
        assert_eq!(schedule.advance(at(1_070)), 0);
        assert_eq!(schedule.due(), at(1_100));
        // Late by more than half a period, but the next is not due yet: it is made.
        assert_eq!(schedule.advance(at(1_290)), 0);
        assert_eq!(schedule.due(), at(1_200));
        // 1300, 1400 passed; 1500 has just come.
        assert_eq!(schedule.advance(at(1_500)), 2);
        assert_eq!(schedule.due(), at(1_500));
    }

    #[test]
    fn who_begins_later_is_due_together_with_the_others() {
        let mut schedule = Schedule::new(at(7), Duration::from_nanos(100), 0.0, 1);
        schedule.begin(at(1_000), at(1_000));
        assert_eq!(schedule.due(), at(1_000));
        schedule.begin(at(1_000), at(1_201));
        assert_eq!(schedule.due(), at(1_300));
    }

    proptest! {
        #[test]
        fn every_tick_is_taken_or_missed_and_in_order(
            period in 1_u64..1_000_000,
            jitter in 0.0_f64..1.0,
            reads in prop::collection::vec(0_i64..5_000_000, 1..100),
            seed: u64,
        ) {
            let mut schedule = Schedule::new(at(0), Duration::from_nanos(period), jitter, seed);
            let (mut now, mut asked) = (0_i64, 0_u64);
            for took in reads {
                let due = schedule.due();
                let nominal = i64::try_from(asked * period).unwrap();
                prop_assert!((nominal..=nominal + i64::try_from(period).unwrap()).contains(&due.nanos()));
                now = now.max(due.nanos()) + took;
                asked += 1 + schedule.advance(at(now));
                // Never two periods behind: that tick would have been missed.
                prop_assert!(now - i64::try_from(asked * period).unwrap() < i64::try_from(period).unwrap());
            }
        }
    }
}
