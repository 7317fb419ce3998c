//! The frame of an Arrow IPC stream: how far a file that was cut off can be read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use arrow_ipc::{Buffer, MessageHeader, root_as_message};

/// The part of an IPC stream that consists of whole messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WholePart {
    /// Bytes up to the end of the last whole message.
    pub(super) bytes: u64,
    /// Rows in the whole batches.
    pub(super) rows: u64,
    /// Bytes after it: the beginning of a message, or no message at all.
    pub(super) rest: u64,
    /// Whether the stream was ended properly.
    pub(super) ended: bool,
}

/// Longest metadata of one message that is believed; ours have less than a kilobyte.
const LONGEST_METADATA: u64 = 1 << 20;

/// Walks from message to message without reading their bodies.
pub(super) fn whole_part(file: &File) -> io::Result<WholePart> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let mut whole = WholePart::default();
    let mut metadata = Vec::new();
    while let Some(step) = step(&mut reader, length - whole.bytes, &mut metadata)? {
        whole.bytes += step.bytes;
        whole.rows = whole.rows.saturating_add(step.rows);
        if step.last {
            whole.ended = true;
            break;
        }
    }
    whole.rest = length - whole.bytes;
    Ok(whole)
}

struct Step {
    bytes: u64,
    rows: u64,
    last: bool,
}

/// Passes over one message; `None` where no whole one follows in the `left` bytes.
fn step(reader: &mut BufReader<&File>, left: u64, metadata: &mut Vec<u8>) -> io::Result<Option<Step>> {
    const PREFIX: u64 = 8;
    if left < PREFIX {
        return Ok(None);
    }
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix)?;
    let [marker @ .., a, b, c, d] = prefix;
    let metadata_bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    if marker != [0xff; 4] || metadata_bytes > LONGEST_METADATA.min(left - PREFIX) {
        return Ok(None);
    }
    if metadata_bytes == 0 {
        return Ok(Some(Step { bytes: PREFIX, rows: 0, last: true }));
    }
    metadata.clear();
    reader.take(metadata_bytes).read_to_end(metadata)?;
    let Ok(message) = root_as_message(metadata) else { return Ok(None) };
    let Ok(body) = u64::try_from(message.bodyLength()) else { return Ok(None) };
    let bytes = PREFIX + metadata_bytes;
    if body > left - bytes {
        return Ok(None);
    }
    let (rows, buffers) = match message.header_type() {
        MessageHeader::RecordBatch => {
            message.header_as_record_batch().map_or((0, None), |b| (b.length(), b.buffers()))
        }
        MessageHeader::DictionaryBatch => (
            0,
            message
                .header_as_dictionary_batch()
                .and_then(|batch| batch.data())
                .and_then(|data| data.buffers()),
        ),
        _ => (0, None),
    };
    // The decoder of Arrow trusts these.
    if buffers.is_some_and(|buffers| !buffers.iter().all(|buffer| lies_within(buffer, body))) {
        return Ok(None);
    }
    let Ok(rows) = u64::try_from(rows) else { return Ok(None) };
    let Ok(skip) = i64::try_from(body) else { return Ok(None) };
    reader.seek_relative(skip)?;
    Ok(Some(Step { bytes: bytes + body, rows, last: false }))
}

/// Whether a buffer lies within a body of this length, aligned as the format demands.
fn lies_within(buffer: &Buffer, body: u64) -> bool {
    const ALIGNMENT: u64 = 8;
    let (Ok(offset), Ok(length)) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length())) else {
        return false;
    };
    offset.is_multiple_of(ALIGNMENT) && offset.checked_add(length).is_some_and(|end| end <= body)
}
