//! Records of the ElmorLabs PMD-USB: a tick counter, then voltage and current of four rails, 4778 times a second.
//!
//! Commands, record, scales and tick rate are those of the tool `GPU_Power_Benchmark` (Yang, Adamek, Armour;
//! `source/PMD.cpp`, `plotting/figure_plotting.py`). A value is a signed number of 12 bits above four that are 0, which
//! is also how a reader that is out of step notices.

use super::Intake;
use super::ticks::Ticks;

/// Bytes of a record.
pub const RECORD_BYTES: usize = 18;
/// Rails of a record.
pub const RAILS: usize = 4;
/// The names of the rails, as printed on the device.
pub const RAIL_NAMES: [&str; RAILS] = ["PCIE1", "PCIE2", "EPS1", "EPS2"];
/// Ticks a second of its counter.
pub const TICK_HZ: f64 = 2_933_500.0;
/// Nanoseconds of one tick as a fraction: 10^9 / 2 933 500.
pub const TICK_NS: (u64, u64) = (2_000_000, 5_867);
/// Volts of one step of a voltage.
pub const VOLTS_PER_STEP: f64 = 0.007_568;
/// Amperes of one step of a current.
pub const AMPERES_PER_STEP: f64 = 0.048_8;

/// Command to which the device answers [`WELCOME`].
pub const HELLO: &[u8] = &[0x00];
/// What it answers.
pub const WELCOME: &[u8; 17] = b"ElmorLabs PMD-USB";
/// Command that makes it send records: two bytes of ticks and all eight values.
pub const START: &[u8] = &[0x07, 1, 2, 0xff];
/// Command that ends that.
pub const STOP: &[u8] = &[0x07, 0, 0, 0];

/// Shortest and longest step between two records that follow each other; recordings have 581 to 1017.
const STEPS: std::ops::RangeInclusive<u64> = 300..=1150;
/// Records that must fit together before a reader that was out of step believes them.
const CONVINCING: usize = 4;

/// Command that sets the rate of the serial line; it holds from the answer on.
pub fn rate_command(baud: u32) -> [u8; 17] {
    let mut command = [0; 17];
    command[0] = 0x08;
    command[1..5].copy_from_slice(&baud.to_le_bytes());
    // No parity; 8 data bits and 1 stop bit are both 0.
    command[5] = 2;
    command
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The tick counter, which wraps at 65 536.
    pub tick: u16,
    /// Voltage and current of each rail in steps, -2048 to 2047.
    pub rails: [(i16, i16); RAILS],
}

impl Record {
    /// Reads one record; `None` if the bits that are always 0 are not.
    pub fn parse(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let word = |index: usize| i16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]]);
        let padded = (1..=2 * RAILS).all(|index| word(index).trailing_zeros() >= 4);
        padded.then(|| Self {
            tick: u16::from_le_bytes([bytes[0], bytes[1]]),
            rails: std::array::from_fn(|rail| (word(1 + 2 * rail) >> 4, word(2 + 2 * rail) >> 4)),
        })
    }

    /// Writes the record as the device sends it, for a simulated one.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..2].copy_from_slice(&self.tick.to_le_bytes());
        let values = self.rails.iter().flat_map(|(voltage, current)| [voltage, current]);
        for (value, place) in values.zip(bytes[2..].chunks_exact_mut(2)) {
            place.copy_from_slice(&(value << 4).to_le_bytes());
        }
        bytes
    }

    /// Voltage of a rail in volts.
    pub fn volts(&self, rail: usize) -> f64 {
        f64::from(self.rails[rail].0) * VOLTS_PER_STEP
    }

    /// Current of a rail in amperes.
    pub fn amperes(&self, rail: usize) -> f64 {
        f64::from(self.rails[rail].1) * AMPERES_PER_STEP
    }

    /// Whether the converter is at the end of its range on this rail: the true value may lie beyond.
    pub fn is_clipped(&self, rail: usize) -> bool {
        let ends = |value: i16| value <= -2048 || value >= 2047;
        ends(self.rails[rail].0) || ends(self.rails[rail].1)
    }
}

/// A record in the order of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// What it holds.
    pub record: Record,
    /// Whether records before it were lost.
    pub after_loss: bool,
}

/// Cuts a stream into records, and finds its place again after a loss.
#[derive(Debug)]
pub struct Decoder {
    ticks: Ticks,
    /// Whether there has been a sample.
    started: bool,
    in_step: bool,
    lost: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that has to find its place first.
    pub fn new() -> Self {
        Self { ticks: Ticks::new(1 << 16, TICK_NS), started: false, in_step: false, lost: false }
    }

    /// The unwrapped counter, at the last sample.
    pub fn ticks(&self) -> &Ticks {
        &self.ticks
    }

    /// The same, to tell it when samples arrived.
    pub fn ticks_mut(&mut self) -> &mut Ticks {
        &mut self.ticks
    }

    /// Marks the next sample as one after a loss.
    pub fn note_loss(&mut self) {
        self.lost = true;
    }

    /// Forgets its place. The next sample is one after a loss, unless there was none before; time goes on from the last.
    pub fn restart(&mut self) {
        self.lost = self.started;
        self.in_step = false;
        self.ticks.restart();
    }

    /// Takes the next sample from the front of `bytes`: how many bytes were used, and the sample, if there is one.
    ///
    /// With no sample, more bytes are needed: a record is believed once the one before and the next one fit to it. A
    /// reader that is out of step by an even number of bytes takes a value for the counter, and one in 16 times its lower
    /// bits are 0; but from record to record values do not step as the counter does. Takes any bytes.
    pub fn next(&mut self, bytes: &[u8]) -> (usize, Option<Sample>) {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            if !self.in_step {
                let needed = CONVINCING * RECORD_BYTES;
                if rest.len() < needed {
                    return (used, None);
                }
                if !fit_together(&rest[..needed]) {
                    used += 1;
                    self.lost |= self.started;
                    continue;
                }
                self.in_step = true;
                // The first may have been put together of two, with a count that fits by chance.
                used += RECORD_BYTES;
                continue;
            }
            let Some((first, after)) = rest.split_first_chunk() else { return (used, None) };
            let Some(record) = Record::parse(first) else {
                self.in_step = false;
                continue;
            };
            let mut ahead = self.ticks.clone();
            let step = ahead.advance(u64::from(record.tick));
            let Some(next) = after.first_chunk() else { return (used, None) };
            let next = Record::parse(next).map(|next| u64::from(next.tick.wrapping_sub(record.tick)));
            let follows = self.lost || !self.started || STEPS.contains(&step);
            if !follows || !next.is_some_and(|step| STEPS.contains(&step)) {
                // Something is missing before it or after it, and it may have been put together of two.
                self.in_step = false;
                self.lost |= self.started;
                used += 1;
                continue;
            }
            self.started = true;
            self.ticks = ahead;
            let after_loss = std::mem::take(&mut self.lost);
            return (used + RECORD_BYTES, Some(Sample { record, after_loss }));
        }
    }

    /// Takes the next sample from an intake.
    pub(crate) fn pull(&mut self, intake: &mut Intake) -> Option<Sample> {
        let (used, sample) = self.next(intake.bytes());
        intake.take(used);
        sample
    }
}

/// Whether all of `bytes` are records that follow each other.
fn fit_together(bytes: &[u8]) -> bool {
    let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
    let mut last: Option<u16> = None;
    records.iter().all(|bytes| {
        let Some(record) = Record::parse(bytes) else { return false };
        let step = last.replace(record.tick).map(|last| u64::from(record.tick.wrapping_sub(last)));
        step.is_none_or(|step| STEPS.contains(&step))
    })
}
