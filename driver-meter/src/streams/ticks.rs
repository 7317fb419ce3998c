//! A device's tick counter that wraps many times a second, made into one that does not.
//!
//! What is lost between two records shows as a step of the counter, up to whole wraps: those only the host's clock
//! can tell. The delay from a record's device time to its arrival is never below a certain least, which is the same
//! from one second to the next as long as nothing is lost. When the least delay of a second is longer than that of the
//! second before by half a wrap or more, whole wraps were lost.

/// How long delays are gathered before their least is judged.
const GATHER_NS: i64 = 1_000_000_000;
/// A rise of the least delay below this is the host's, or that of a clock which is not quite as fast as its maker says.
const LEAST_RISE_NS: i64 = 20_000_000;

/// Unwraps a counter, and finds whole wraps that are missing.
#[derive(Debug, Clone)]
pub struct Ticks {
    modulus: u64,
    /// Nanoseconds of one tick as a fraction.
    tick_ns: (u64, u64),
    last: Option<u64>,
    total: u64,
    delays: Delays,
    restarted: bool,
}

#[derive(Debug, Clone, Default)]
struct Delays {
    /// All in nanoseconds: when gathering began, and the least delay since then.
    began: Option<i64>,
    least: Option<i64>,
    /// The least of the second before.
    usual: Option<i64>,
}

impl Ticks {
    /// A counter that returns to 0 at `modulus`, whose ticks last `tick_ns.0 / tick_ns.1` nanoseconds.
    pub const fn new(modulus: u64, tick_ns: (u64, u64)) -> Self {
        let delays = Delays { began: None, least: None, usual: None };
        Self { modulus, tick_ns, last: None, total: 0, delays, restarted: false }
    }

    /// Takes the next count and gives the step from the one before; 0 for the first.
    ///
    /// A count that is none, beyond the modulus, is taken modulo it.
    pub fn advance(&mut self, count: u64) -> u64 {
        let count = count % self.modulus;
        let step = match self.last.replace(count) {
            None => 0,
            Some(last) if count >= last => count - last,
            Some(last) => self.modulus - last + count,
        };
        self.total = self.total.saturating_add(step);
        step
    }

    /// Forgets the last count: the device may have counted any far meanwhile, or begun anew.
    pub fn restart(&mut self) {
        self.last = None;
        self.delays.usual = self.delays.usual.or(self.delays.least);
        self.delays.began = None;
        self.delays.least = None;
        self.restarted = true;
    }

    /// After a restart, carries the time on to `host_ns`, when the device began to send again, by the usual delay.
    ///
    /// The time that passed is known no better than the delay varies, so that the next sample has to be marked as one
    /// after a loss. Does nothing otherwise.
    pub fn resume(&mut self, host_ns: i64) {
        if !std::mem::take(&mut self.restarted) {
            return;
        }
        let Some(usual) = self.delays.usual else { return };
        let gap = host_ns.saturating_sub(usual).saturating_sub(self.nanos());
        let ticks = u128::from(u64::try_from(gap).unwrap_or(0)) * u128::from(self.tick_ns.1)
            / u128::from(self.tick_ns.0.max(1));
        self.total = self.total.saturating_add(u64::try_from(ticks).unwrap_or(0));
    }

    /// Ticks since the first count, with every wrap that is known.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Device time of the last count, in nanoseconds since the first.
    pub fn nanos(&self) -> i64 {
        let nanos = u128::from(self.total) * u128::from(self.tick_ns.0) / u128::from(self.tick_ns.1);
        i64::try_from(nanos).unwrap_or(i64::MAX)
    }

    /// Notes that everything up to the last count had arrived at `host_ns`.
    ///
    /// Gives the number of whole wraps that turned out to be missing; they are added, and times are right from here.
    pub fn arrived(&mut self, host_ns: i64) -> u64 {
        let delay = host_ns.saturating_sub(self.nanos());
        let delays = &mut self.delays;
        let began = *delays.began.get_or_insert(host_ns);
        delays.least = Some(delays.least.map_or(delay, |least| least.min(delay)));
        if host_ns.saturating_sub(began) < GATHER_NS {
            return 0;
        }
        let least = delays.least.take().unwrap_or(delay);
        delays.began = Some(host_ns);
        let rise = delays.usual.map_or(0, |usual| least.saturating_sub(usual));
        let wrap_ns =
            i64::try_from(u128::from(self.modulus) * u128::from(self.tick_ns.0) / u128::from(self.tick_ns.1))
                .unwrap_or(i64::MAX)
                .max(1);
        let missing = if rise >= LEAST_RISE_NS.max(wrap_ns / 2) {
            u64::try_from(rise.saturating_add(wrap_ns / 2) / wrap_ns).unwrap_or(0)
        } else {
            0
        };
        let before = self.nanos();
        self.total = self.total.saturating_add(missing.saturating_mul(self.modulus));
        let added = self.nanos().saturating_sub(before);
        self.delays.usual = Some(least.saturating_sub(added));
        missing
    }

    /// Whether a record of this device time had arrived before `host_ns`, by the usual delay; `false` while that is
    /// unknown.
    pub fn was_there_before(&self, host_ns: i64) -> bool {
        self.delays.usual.is_some_and(|usual| self.nanos().saturating_add(usual) < host_ns)
    }
}
