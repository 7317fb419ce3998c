//! What a recording asked for, what came of it, and what it cost: a part of the manifest.

use serde::{Deserialize, Serialize};

/// How a recording went.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Recording {
    /// Time from the first read to the last, in seconds.
    #[serde(default)]
    pub duration_s: f64,
    /// How it ended, in words.
    #[serde(default)]
    pub ended: String,
    /// Each source, in the order of the manifest's sources or by its name where it never opened.
    #[serde(default)]
    pub sources: Vec<SourceRecord>,
    /// Each thread that read sources.
    #[serde(default)]
    pub lanes: Vec<LaneRecord>,
    /// The thread that wrote.
    #[serde(default)]
    pub writer: WriterRecord,
    /// When sources failed, and when they came back; the first thousand.
    #[serde(default)]
    pub interruptions: Vec<Interruption>,
    /// Memory of the recorder at the end, in bytes; `None` where the system does not say.
    #[serde(default)]
    pub resident_bytes: Option<u64>,
    /// The most that it was, in bytes.
    #[serde(default)]
    pub peak_resident_bytes: Option<u64>,
    /// CPU time of all threads of the recorder, in seconds.
    #[serde(default)]
    pub cpu_s: f64,
}

/// What was asked of one source, and what it gave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its name.
    pub id: String,
    /// What happens if it fails: `required` or `optional`.
    pub policy: String,
    /// Reads a second that were asked for; `None` where it was never opened, so that no rate was chosen.
    #[serde(default)]
    pub rate_hz: Option<f64>,
    /// Share of its period by which each read was delayed at random.
    pub jitter: f64,
    /// Reads that were due.
    pub reads_asked: u64,
    /// Reads that were made and gave readings, or found nothing new.
    pub reads_done: u64,
    /// Reads that were not made, since the one before took too long or the thread was woken too late.
    pub reads_missed: u64,
    /// Reads that the device answered by an error.
    pub reads_failed: u64,
    /// Reads that were due while the source was away.
    pub reads_away: u64,
    /// Readings that it gave.
    pub readings: u64,
    /// Readings that were lost since the writer could not keep up.
    pub readings_dropped: u64,
    /// How long a read took.
    pub read_latency: Latency,
    /// Why it never opened, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_opened: Option<String>,
}

impl SourceRecord {
    /// Reads done, of those asked for; `None` where none was.
    pub fn sample_ratio(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
        (self.reads_asked > 0).then(|| self.reads_done as f64 / self.reads_asked as f64)
    }
}

/// What one thread that reads sources cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LaneRecord {
    /// The lane.
    pub lane: String,
    /// How late the thread woke up.
    pub wake_up_lateness: Latency,
    /// CPU time of the thread, in seconds, that of the drivers' calls included.
    pub cpu_s: f64,
    /// CPU time as a share of one core.
    pub cpu_share: f64,
    /// Whether it ran with real-time priority.
    pub realtime: bool,
    /// The fullest that its ring was, as a share.
    pub ring_fullest: f64,
}

/// What the writing thread cost.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WriterRecord {
    /// Readings that it wrote.
    pub readings: u64,
    /// CPU time of the thread, in seconds.
    pub cpu_s: f64,
    /// CPU time as a share of one core.
    pub cpu_share: f64,
    /// The longest that handing readings to the disk took, in milliseconds.
    pub slowest_sync_ms: f64,
    /// Bytes of the streams before they became Parquet.
    pub stream_bytes: u64,
    /// Why it could write no more, where that was so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A distribution of times, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many there were.
    pub count: u64,
    /// The median; `None` if there was none, as for the others.
    pub p50_us: Option<f64>,
    /// The 99th percentile.
    pub p99_us: Option<f64>,
    /// The longest.
    pub max_us: Option<f64>,
}

/// A time in which a source gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// The source.
    pub source: String,
    /// When its read failed, on the run's time base; `None` if it did not open at the start.
    pub from_ns: Option<i64>,
    /// When it was read again; `None` if it never was.
    pub to_ns: Option<i64>,
    /// What went wrong.
    pub why: String,
}
