//! Recordings of an ElmorLabs PMD-USB by the tool `GPU_Power_Benchmark`: `PMD_data.bin` and `PMD_start_ts.txt`.
//!
//! Records of 18 bytes, little-endian: a 16-bit tick counter, then voltage and current of four rails. A raw value
//! holds 12 bits above four that are unused; bit 11 set means 0. Tick rate, scales and the 50 ms between the start
//! stamp and the first record are the constants of that tool (`PMD.cpp`, `plotting/figure_plotting.py`).

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use power_core::{Channel, ClockDomain, Delivery, Descriptor, Lane, Quantity, Scope};

use super::cell::show;
use super::input::{file_name, source_id_of};
use super::sink::{RowSink, SourceHandle};
use super::time::{TimeUnit, decimal_ns};
use crate::alignment::AlignedClock;
use crate::run::{Row, RowValue, TimeBase};
use crate::{Error, Result};

const RECORD_BYTES: usize = 18;
const RAILS: usize = 4;
const TICK_HZ: f64 = 2_933_500.0;
/// Nanoseconds of one tick as a fraction: 10^9 / 2 933 500.
const TICK_NS: (u64, u64) = (2_000_000, 5_867);
const VOLTS_PER_STEP: f64 = 0.007_568;
const AMPERES_PER_STEP: f64 = 0.048_8;
/// From the host's start stamp back to the first record, by the tool's authors.
const START_LEAD_NS: i64 = 50_000_000;
/// Records by which a file is judged to be a recording.
const JUDGED: usize = 256;
/// A step between two records that is longer than this on the median is none of this device: it sends 4 780 a second.
const LONGEST_MEDIAN_STEP: u16 = 10_000;
/// A step above this many ticks (1 ms) is counted as a gap: records come every 0.209 ms.
const GAP_TICKS: u16 = 2_934;

/// How a recording is to be read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Id of the source; the file's stem by default.
    pub source: Option<String>,
    /// Whether voltage and current of each rail become channels too.
    pub rails: bool,
    /// Content of the start file.
    pub start: Vec<u8>,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The tick counter, which wraps at 65 536.
    pub tick: u16,
    /// Raw voltage and current of each rail, 0 to 2 047.
    pub rails: [(u16, u16); RAILS],
}

impl Record {
    /// Reads one record. Takes any bytes.
    pub fn parse(bytes: &[u8; RECORD_BYTES]) -> Self {
        let word = |index: usize| u16::from_le_bytes([bytes[2 * index], bytes[2 * index + 1]]);
        let raw = |index: usize| {
            let raw = word(index) >> 4;
            if raw & 0x800 == 0 { raw } else { 0 }
        };
        Self { tick: word(0), rails: std::array::from_fn(|rail| (raw(1 + 2 * rail), raw(2 + 2 * rail))) }
    }

    fn volts(self, rail: usize) -> f64 {
        f64::from(self.rails[rail].0) * VOLTS_PER_STEP
    }

    fn amperes(self, rail: usize) -> f64 {
        f64::from(self.rails[rail].1) * AMPERES_PER_STEP
    }

    /// Power of all rails, in watts.
    pub fn watts(self) -> f64 {
        (0..RAILS).map(|rail| self.volts(rail) * self.amperes(rail)).sum()
    }
}

/// The host's start stamp in nanoseconds of Unix time, from the content of a start file.
///
/// # Errors
///
/// - it is no whole number of microseconds
pub fn parse_start(bytes: &[u8], path: &Path) -> Result<i64> {
    let text = bytes.trim_ascii();
    decimal_ns(text, TimeUnit::Micros).map_err(|fault| {
        Error::file(path, format!("`{}` {fault}", show(text)))
            .mend("a start file holds the Unix time of the start in microseconds, and nothing else")
    })
}

/// Reads a recording into `sink`, record by record.
///
/// # Errors
///
/// - the start file has no time, or the recording is none
/// - those of the sink
pub fn read(
    input: impl Read,
    path: &Path,
    start_path: &Path,
    options: &Options,
    sink: &mut dyn RowSink,
) -> Result<()> {
    let start_ns = parse_start(&options.start, start_path)?;
    let mut input = BufReader::with_capacity(1 << 17, input);
    let mut head = Vec::new();
    let mut rest = 0;
    while head.len() < JUDGED {
        match next(&mut input, path)? {
            Next::Record(record) => head.push(record),
            Next::End(bytes) => {
                rest = bytes;
                break;
            }
        }
    }
    judge(&head, path)?;
    let id = options.source.clone().unwrap_or_else(|| source_id_of(path));
    sink.begin(TimeBase::Unix)?;
    let source = sink.add_source(&id, descriptor(&id, options.rails))?;
    let offset_ns = start_ns.checked_sub(START_LEAD_NS);
    let mut stream = Stream { source, rails: options.rails, start_ns, ticks: 0, last: None, gaps: 0 };
    for record in &head {
        stream.push(*record, path, sink)?;
    }
    if head.len() == JUDGED {
        rest = loop {
            match next(&mut input, path)? {
                Next::Record(record) => stream.push(record, path, sink)?,
                Next::End(bytes) => break bytes,
            }
        };
    }
    let Some(offset_ns) = offset_ns else {
        return Err(Error::file(start_path, "holds a time that is out of range"));
    };
    let method = "start file less 50 ms, the constant its authors use (GPU_Power_Benchmark, figure_plotting.py); \
                  nobody states how sure it is";
    sink.align(&id, AlignedClock { offset_ns, method: method.into(), ..AlignedClock::default() })?;
    let name = file_name(path);
    sink.note(format!(
        "{name}: a gap of 22 ms or more between two records cannot be seen, its tick counter wraps"
    ))?;
    if stream.gaps > 0 {
        sink.note(format!("{name}: gaps of 1 to 22 ms between two records: {}", stream.gaps))?;
    }
    if rest > 0 {
        sink.note(format!("{name}: its last record is cut off ({rest} of 18 bytes) and left out"))?;
    }
    Ok(())
}

/// Refuses what is no recording of this device.
fn judge(head: &[Record], path: &Path) -> Result<()> {
    let mut steps: Vec<u16> = head.windows(2).map(|pair| pair[1].tick.wrapping_sub(pair[0].tick)).collect();
    let what = if head.is_empty() {
        "has not one whole record of 18 bytes".to_owned()
    } else if steps.is_empty() {
        "has one record only".to_owned()
    } else {
        let middle = steps.len() / 2;
        let median = *steps.select_nth_unstable(middle).1;
        if median != 0 && median <= LONGEST_MEDIAN_STEP {
            return Ok(());
        }
        format!(
            "is no PMD recording: between two records the counter steps by {median} ticks, not by some 600"
        )
    };
    Err(Error::file(path, what).mend("name the file PMD_data.bin of a recording by GPU_Power_Benchmark"))
}

enum Next {
    Record(Record),
    /// The end, and how many bytes of a record stand before it.
    End(usize),
}

fn next(input: &mut impl Read, path: &Path) -> Result<Next> {
    let mut bytes = [0; RECORD_BYTES];
    let mut filled = 0;
    while filled < RECORD_BYTES {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => return Ok(Next::End(filled)),
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(path, "read", error)),
        }
    }
    Ok(Next::Record(Record::parse(&bytes)))
}

fn descriptor(id: &str, rails: bool) -> Descriptor {
    let streamed = |name: String, quantity, scope| {
        Channel::new(name, quantity).with_scope(scope).with_delivery(Delivery::Streamed)
    };
    let mut channels = vec![streamed("power".into(), Quantity::instantaneous_power(), Scope::Board)];
    for rail in 1..=if rails { RAILS } else { 0 } {
        let scope = Scope::Rail(format!("rail {rail}").into());
        channels.push(
            streamed(format!("rail{rail} voltage"), Quantity::Voltage, scope.clone())
                .with_resolution(VOLTS_PER_STEP),
        );
        channels.push(
            streamed(format!("rail{rail} current"), Quantity::Current, scope)
                .with_resolution(AMPERES_PER_STEP),
        );
    }
    Descriptor::new("pmd", "ElmorLabs PMD-USB", channels)
        .with_lane(Lane::new(id))
        .with_clock(ClockDomain::Device { tick_hz: Some(TICK_HZ) })
        .with_detail(
            "power",
            "sum of voltage times current of four rails; the 3.3 V rail of the slot is not measured",
        )
        .with_detail(
            "time",
            "t_start_ns and t_end_ns are the host's start stamp plus the device time, not shifted",
        )
}

/// The records on their way into the sink.
struct Stream {
    source: SourceHandle,
    rails: bool,
    start_ns: i64,
    ticks: u64,
    last: Option<u16>,
    gaps: u64,
}

impl Stream {
    fn push(&mut self, record: Record, path: &Path, sink: &mut dyn RowSink) -> Result<()> {
        if let Some(last) = self.last.replace(record.tick) {
            let step = record.tick.wrapping_sub(last);
            self.ticks += u64::from(step);
            self.gaps += u64::from(step > GAP_TICKS);
        }
        let device_ns =
            self.ticks.checked_mul(TICK_NS.0).and_then(|ticks| i64::try_from(ticks / TICK_NS.1).ok());
        let Some((device_ns, t_ns)) = device_ns.and_then(|ns| Some((ns, self.start_ns.checked_add(ns)?)))
        else {
            return Err(Error::file(path, "its times go out of range").mend("check its start file"));
        };
        let mut push = |channel, value| {
            let row = Row::at(channel, t_ns, RowValue::Number(value));
            sink.push(self.source, Row { t_device_ns: Some(device_ns), ..row })
        };
        push(0, record.watts())?;
        if self.rails {
            for (rail, channel) in (0..RAILS).zip((1..).step_by(2)) {
                push(channel, record.volts(rail))?;
                push(channel + 1, record.amperes(rail))?;
            }
        }
        Ok(())
    }
}
