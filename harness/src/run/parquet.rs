//! Writes readings as Parquet, with the SHA-256 of what was written.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use sha2::{Digest, Sha256};

use super::{reader, schema};
use crate::{Error, Result};

/// Rows of one Parquet row group: a few megabytes.
const ROW_GROUP_ROWS: usize = 1024 * 1024;

/// Writes one Parquet file and its SHA-256.
#[derive(Debug)]
pub(super) struct ParquetWriter {
    path: PathBuf,
    writer: ArrowWriter<Hashing<File>>,
    rows: u64,
}

impl ParquetWriter {
    /// Creates the file, or replaces it.
    pub(super) fn create(path: &Path) -> Result<Self> {
        Self::with(path, properties())
    }

    /// As [`create`](Self::create), for so few rows that compressing them saves less than a block of the disk.
    pub(super) fn create_small(path: &Path) -> Result<Self> {
        let plain = WriterPropertiesBuilder::from(properties()).set_compression(Compression::UNCOMPRESSED);
        Self::with(path, plain.build())
    }

    fn with(path: &Path, properties: WriterProperties) -> Result<Self> {
        // A file that an earlier end of the run left half-written is of no use.
        let file = File::create(path).map_err(|error| Error::io(path, "create", error))?;
        let hashing = Hashing { inner: file, hasher: Sha256::new() };
        let writer = ArrowWriter::try_new(hashing, schema::readings(), Some(properties))
            .map_err(|error| cannot_write(path, error))?;
        Ok(Self { path: path.to_owned(), writer, rows: 0 })
    }

    /// Adds a batch of the columns of readings.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += reader::rows_of(batch);
        self.writer.write(batch).map_err(|error| cannot_write(&self.path, error))
    }

    /// Ends the file and makes it durable; gives rows and SHA-256.
    pub(super) fn finish(self) -> Result<(u64, String)> {
        let hashing = self.writer.into_inner().map_err(|error| cannot_write(&self.path, error))?;
        hashing.inner.sync_all().map_err(|error| Error::io(&self.path, "write", error))?;
        Ok((self.rows, hex(&hashing.hasher.finalize())))
    }
}

/// How readings are encoded: what was measured to be smallest without slowing down reading.
pub(crate) fn properties() -> WriterProperties {
    let column = |name: &str| ColumnPath::from(name);
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Sensors show few distinct values, and many times the same; where they do not, the bytes of the numbers
        // are parted, which lets zstd see that their exponents hardly change.
        .set_column_encoding(column(schema::VALUE), Encoding::BYTE_STREAM_SPLIT);
    for times in [schema::T_START, schema::T_END, schema::T_DEVICE, schema::COUNT] {
        builder = builder
            .set_column_dictionary_enabled(column(times), false)
            .set_column_encoding(column(times), Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
}

/// Passes bytes on and hashes them.
#[derive(Debug)]
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// SHA-256 of a file, in hex.
pub(super) fn sha256_of(path: &Path) -> Result<String> {
    let mut hashing = Hashing { inner: io::sink(), hasher: Sha256::new() };
    let mut file = File::open(path).map_err(|error| Error::io(path, "read", error))?;
    io::copy(&mut file, &mut hashing).map_err(|error| Error::io(path, "read", error))?;
    Ok(hex(&hashing.hasher.finalize()))
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// An error of writing, with what the system says behind it.
pub(super) fn cannot_write(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        if let Some(system) = error.downcast_ref::<io::Error>() {
            return Error::io(path, "write", io::Error::new(system.kind(), system.to_string()));
        }
        cause = error.source();
    }
    Error::file(path, "cannot be written").because(error)
}
