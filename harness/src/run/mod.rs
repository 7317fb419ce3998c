//! A run on disk: writing, opening, reading and verifying it.
//!
//! A run is a folder. While it is being recorded, each lane of readings is an Arrow IPC stream that only grows, so
//! that nothing before the last flush is lost if the recorder dies; a clean end turns each into Parquet. Both have
//! the same columns, and any program that reads Arrow or Parquet reads them without this one.

mod batch;
mod disk;
mod lane;
mod lines;
mod manifest;
mod mark;
mod open;
mod parquet;
mod reader;
mod recording;
mod recover;
mod row;
mod rows;
mod schema;
mod stream;
mod verify;
mod writer;

pub use batch::{Batch, BatchRow};
pub(crate) use disk::MANIFEST;
pub use lines::{BadLine, Lines};
pub use manifest::{Input, Manifest, Origin, ReadingsFile, SCHEMA_VERSION, SourceEntry, State, TimeBase};
pub use mark::{Mark, MarkEvent, Pairing, Phase};
pub use open::{ChannelRef, Run};
pub use recording::{Interruption, LaneRecord, Latency, Recording, SourceRecord, WriterRecord};
pub use recover::{Recovery, recover};
pub use row::{Row, RowValue};
pub use verify::{Counts, Finding, Severity, Verification, verify};
pub use writer::{NewRun, RunWriter, SourceIndex};

pub(crate) use self::parquet::properties;
pub(crate) use manifest::id_problem;
pub(crate) use reader::{Columns, LaneBatch, LaneReader};
pub(crate) use rows::Rows;
pub(crate) use schema::readings as readings_schema;
