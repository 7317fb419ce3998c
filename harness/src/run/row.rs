//! One reading as it stands in a run.

use power_core::Flags;

/// One reading of one channel, in the columns of a run: times in nanoseconds, value in the channel's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Index of the channel in its source's descriptor.
    pub channel: u16,
    /// Start of the transaction on the run's time base.
    pub t_start_ns: i64,
    /// End of the transaction on the run's time base.
    pub t_end_ns: i64,
    /// The device's own time, in the source's clock domain.
    pub t_device_ns: Option<i64>,
    /// What was read.
    pub value: RowValue,
    /// What is remarkable about it.
    pub flags: Flags,
}

/// What a row holds: a number in the channel's unit, a raw count, or nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowValue {
    /// A measured number.
    Number(f64),
    /// A raw count.
    Count(u64),
    /// The device had no value; stored as null, flagged [`Flags::MISSING`].
    Missing,
}

impl Row {
    /// A reading whose time is known only as one point `t_ns`.
    pub const fn at(channel: u16, t_ns: i64, value: RowValue) -> Self {
        let flags = match value {
            RowValue::Missing => Flags::MISSING,
            RowValue::Number(_) | RowValue::Count(_) => Flags::NONE,
        };
        Self { channel, t_start_ns: t_ns, t_end_ns: t_ns, t_device_ns: None, value, flags }
    }
}
