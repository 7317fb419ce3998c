//! What a recording gave and what it cost, in words.

use std::fmt::Write as _;

use crate::run::{Recording, SourceRecord};

/// Where sources did not give all that was asked of them, one sentence each; empty if all is well.
pub fn shortcomings(recording: &Recording) -> Vec<String> {
    let mut found = Vec::new();
    for source in &recording.sources {
        let id = &source.id;
        if source.never_opened.is_some() {
            found.push(format!("{id} never opened"));
        }
        if source.readings_dropped > 0 {
            found.push(format!(
                "{id} lost {} of {} readings, since the disk was too slow",
                source.readings_dropped, source.readings
            ));
        }
        if source.reads_failed > 0 {
            found.push(format!("{id} answered {} reads by an error", source.reads_failed));
        }
    }
    for interruption in &recording.interruptions {
        let back = if interruption.to_ns.is_some() { "and came back" } else { "and did not come back" };
        found.push(format!("{} was lost {back}: {}", interruption.source, interruption.why));
    }
    if let Some(why) = &recording.writer.failed {
        found.push(format!("nothing could be written any more: {why}"));
    }
    found
}

/// The cost of a recording in a few lines. `rest_bytes` is what the readings take on disk.
pub fn cost(recording: &Recording, rest_bytes: Option<u64>) -> String {
    let mut text = String::new();
    let readings: u64 = recording.sources.iter().map(|source| source.readings).sum();
    let ratio = ratio(&recording.sources);
    let _ = write!(text, "{readings} readings in {:.1} s; ", recording.duration_s);
    let _ = match ratio {
        Some(ratio) => write!(text, "sample ratio {ratio:.4}"),
        None => write!(text, "sample ratio unknown"),
    };
    let missed: u64 = recording.sources.iter().map(|source| source.reads_missed).sum();
    let dropped: u64 = recording.sources.iter().map(|source| source.readings_dropped).sum();
    let _ = writeln!(text, ", {missed} reads missed, {dropped} readings dropped");
    let late = |micros: Option<f64>| micros.map_or_else(|| "unknown".to_owned(), |us| format!("{us:.0} µs"));
    for lane in &recording.lanes {
        // Some drivers name a lane by all that is in it.
        let name: String = lane.lane.chars().take(24).collect();
        let lateness = &lane.wake_up_lateness;
        let _ = writeln!(
            text,
            "lane {name}: {:.1} % of a core; {} wake-ups late by {} (p50), {} (p99), {} (worst)",
            lane.cpu_share * 100.0,
            lateness.count,
            late(lateness.p50_us),
            late(lateness.p99_us),
            late(lateness.max_us),
        );
    }
    let writer = &recording.writer;
    let _ = write!(
        text,
        "writer: {:.1} % of a core, slowest hand-over {:.0} ms",
        writer.cpu_share * 100.0,
        writer.slowest_sync_ms
    );
    #[expect(clippy::cast_precision_loss, reason = "for eyes")]
    let mebi = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    if let Some(peak) = recording.peak_resident_bytes {
        let _ = write!(text, "; memory {:.0} MiB at most", mebi(peak));
    }
    if let (Some(bytes), true) = (rest_bytes, writer.readings > 0) {
        #[expect(clippy::cast_precision_loss, reason = "for eyes")]
        let each = bytes as f64 / writer.readings as f64;
        let _ = write!(text, "; {:.1} MiB on disk, {each:.2} bytes a reading", mebi(bytes));
    }
    text.push('\n');
    text
}

/// Reads done, of those asked for, over all sources; `None` where none was asked for.
pub fn ratio(sources: &[SourceRecord]) -> Option<f64> {
    let sum = |of: fn(&SourceRecord) -> u64| sources.iter().map(of).sum::<u64>();
    let (done, asked) = (sum(|source| source.reads_done), sum(|source| source.reads_asked));
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts far below 2^53")]
    (asked > 0).then(|| done as f64 / asked as f64)
}
