//! Others' recordings, made runs of this program's.
//!
//! Every format is read by a pure function from a reader of bytes into a [`RowSink`](sink::RowSink), row by row and
//! in constant memory; [`import`] finds the files, makes the run, and tells what came in. Nothing is dropped without
//! a note, nothing is shifted in time, and a fault leaves no run behind.

mod anchors;
pub mod carbontracker;
pub(crate) mod cell;
pub mod code_carbon;
pub mod csv;
pub(crate) mod delimited;
mod format;
mod input;
mod maps;
pub mod marks;
mod nearest;
pub mod pmd;
pub mod ptdaemon;
pub mod quantity;
mod request;
mod run_sink;
pub mod sink;
#[cfg(feature = "smi")]
pub mod smi_xml;
mod summary;
pub mod table;
pub mod time;
pub mod unit;

pub use anchors::read as read_anchors;
pub use format::Format;
pub(crate) use input::{file_name, read_small};
pub use maps::{ShippedMap, find_map, maps};
pub(crate) use nearest::{hint as nearest_hint, nearest as nearest_name};
pub use request::{ImportRequest, import};
pub use summary::{SourceSummary, Summary};
