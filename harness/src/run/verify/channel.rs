//! What the rows of one channel show, and what is wrong with it.

use power_core::{Channel, ClockDomain, Flags, Quantity};

use super::Check;

/// How often something happened, and at which row first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    times: u64,
    first: u64,
}

impl Tally {
    fn add(&mut self, row: u64) {
        if self.times == 0 {
            self.first = row;
        }
        self.times += 1;
    }
}

/// What one row of a channel holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) row: u64,
    pub(super) t_start: i64,
    pub(super) t_end: i64,
    pub(super) t_device: Option<i64>,
    pub(super) value: Option<f64>,
    pub(super) count: Option<u64>,
    pub(super) flags: Flags,
}

/// What the rows of one channel show.
#[derive(Debug, Clone)]
pub(super) struct ChannelCheck {
    quantity: Quantity,
    clock: ClockDomain,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) nan: Tally,
    infinite: Tally,
    improbable: Tally,
    misheld: Tally,
    unflagged: Tally,
    backwards: Tally,
    reversed: Tally,
    device_times: u64,
    device_backwards: Tally,
    last_start: Option<i64>,
    last_device: Option<i64>,
}

impl ChannelCheck {
    /// The check of a channel whose device times belong to `clock`.
    pub(super) fn new(channel: &Channel, clock: &ClockDomain) -> Self {
        let none = Tally::default();
        Self {
            quantity: channel.quantity,
            clock: clock.clone(),
            rows: 0,
            missing: 0,
            nan: none,
            infinite: none,
            improbable: none,
            misheld: none,
            unflagged: none,
            backwards: none,
            reversed: none,
            device_times: 0,
            device_backwards: none,
            last_start: None,
            last_device: None,
        }
    }

    /// Takes in one row.
    pub(super) fn see(&mut self, seen: &Seen) {
        self.rows += 1;
        if self.last_start.is_some_and(|last| seen.t_start < last) {
            self.backwards.add(seen.row);
        }
        self.last_start = Some(seen.t_start);
        if seen.t_end < seen.t_start {
            self.reversed.add(seen.row);
        }
        if let Some(device) = seen.t_device {
            self.device_times += 1;
            if self.last_device.is_some_and(|last| device < last) {
                self.device_backwards.add(seen.row);
            }
            self.last_device = Some(device);
        }
        self.see_value(seen);
    }

    fn see_value(&mut self, seen: &Seen) {
        match (seen.value, seen.count, self.quantity.is_counted()) {
            (None, None, _) => {
                self.missing += 1;
                if !seen.flags.contains(Flags::MISSING) {
                    self.unflagged.add(seen.row);
                }
            }
            (None, Some(count), true) => {
                if matches!(self.quantity, Quantity::EnergyCounter { modulus: Some(modulus), .. } if count >= modulus)
                {
                    self.improbable.add(seen.row);
                }
            }
            (Some(number), None, false) if number.is_nan() => self.nan.add(seen.row),
            (Some(number), None, false) if number.is_infinite() => self.infinite.add(seen.row),
            (Some(number), None, false) => {
                let probable = match self.quantity {
                    Quantity::Utilisation => (0.0..=1.0).contains(&number),
                    Quantity::PowerFactor => (-1.0..=1.0).contains(&number),
                    // Absolute zero.
                    Quantity::Temperature => number >= -273.15,
                    _ => true,
                };
                if !probable {
                    self.improbable.add(seen.row);
                }
            }
            (Some(_), _, _) | (None, Some(_), false) => self.misheld.add(seen.row),
        }
    }
}

impl Check<'_> {
    /// Says what is wrong with a channel whose rows have all been seen.
    pub(super) fn channel(&mut self, name: &str, channel: &ChannelCheck) {
        self.counts.missing += channel.missing;
        self.counts.nan += channel.nan.times;
        if channel.rows == 0 {
            return self.remark(name, "has no reading", "see the notes of the run for why");
        }
        let of = |tally: Tally, what: &str| {
            format!("{} of {} readings {what}, first at row {}", tally.times, channel.rows, tally.first)
        };
        let quantity = channel.quantity;
        let held =
            if quantity.is_counted() { "are not held as raw counts" } else { "are not held as numbers" };
        let infinite_power = matches!(quantity, Quantity::Power { .. } | Quantity::EstimatedPower);
        let improbable = match quantity {
            Quantity::EnergyCounter { .. } => "reach the count at which the counter is said to wrap",
            Quantity::Temperature => "are below absolute zero",
            Quantity::PowerFactor => "are not between -1 and 1",
            _ => "are not between 0 and 1",
        };
        let faults = [
            (channel.misheld, held, "another program wrote them: import them instead"),
            (
                channel.backwards,
                "start before the one before them",
                "see whether the clock was set back or files were joined out of order, and import them in order",
            ),
            (channel.reversed, "end before they start", "see whether start and end were exchanged"),
        ];
        for (tally, what, mend) in faults {
            if tally.times > 0 {
                self.fault(name, of(tally, what), mend);
            }
        }
        if channel.infinite.times > 0 {
            let what = of(channel.infinite, "are infinite");
            let mend = "see what the device writes there; such readings have no energy";
            if infinite_power { self.fault(name, what, mend) } else { self.remark(name, what, mend) }
        }
        let remarks = [
            (channel.nan, "are not a number (NaN)", "they count as missing"),
            (channel.improbable, improbable, "check the unit, and what is said of the channel"),
            (channel.unflagged, "have no value and are not flagged as missing", "they count as missing"),
            (
                channel.device_backwards,
                "have a device time before that of the one before them",
                "see whether the device's clock was set back",
            ),
        ];
        for (tally, what, mend) in remarks {
            if tally.times > 0 {
                self.remark(name, of(tally, what), mend);
            }
        }
        match (&channel.clock, channel.device_times) {
            (ClockDomain::HostBracket, 1..) => self.remark(
                name,
                format!(
                    "{} of {} readings have a device time, and its clock is not said",
                    channel.device_times, channel.rows
                ),
                "name the clock of the source to make use of them",
            ),
            (ClockDomain::HostBracket, 0) | (_, 1..) => {}
            (clock, 0) => {
                let what = format!("no reading has a device time, though the source has one on {clock}");
                self.remark(name, what, "the host's bracket is used");
            }
        }
    }
}
