//! The columns of readings, the same in Arrow IPC and in Parquet.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::manifest::SCHEMA_VERSION;

/// Channel, `source/channel`.
pub(super) const CHANNEL: &str = "channel";
/// Start of the transaction on the time base.
pub(super) const T_START: &str = "t_start_ns";
/// End of the transaction on the time base.
pub(super) const T_END: &str = "t_end_ns";
/// The device's own time.
pub(super) const T_DEVICE: &str = "t_device_ns";
/// A measured number.
pub(super) const VALUE: &str = "value";
/// A raw count.
pub(super) const COUNT: &str = "count";
/// Flags, as bits.
pub(super) const FLAGS: &str = "flags";

/// The key under which the schema's metadata holds the version of the run format.
pub(super) const VERSION_KEY: &str = "schema_version";

static READINGS: LazyLock<SchemaRef> = LazyLock::new(|| {
    // 32-bit keys: the one dictionary index that every reader of Arrow takes.
    let channel = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = vec![
        Field::new(CHANNEL, channel, false),
        Field::new(T_START, DataType::Int64, false),
        Field::new(T_END, DataType::Int64, false),
        Field::new(T_DEVICE, DataType::Int64, true),
        Field::new(VALUE, DataType::Float64, true),
        Field::new(COUNT, DataType::UInt64, true),
        Field::new(FLAGS, DataType::UInt16, false),
    ];
    let metadata = HashMap::from([(VERSION_KEY.to_owned(), SCHEMA_VERSION.to_string())]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
});

/// The schema of every file of readings.
pub(crate) fn readings() -> SchemaRef {
    Arc::clone(&READINGS)
}

/// What is wrong with the schema of a file of readings, one sentence each; empty if nothing is.
pub(super) fn problems(found: &Schema) -> Vec<String> {
    let mut problems = Vec::new();
    let version = found.metadata().get(VERSION_KEY);
    if let Some(version) = version
        .filter(|version| version.parse().is_ok_and(|version: u64| version > u64::from(SCHEMA_VERSION)))
    {
        problems.push(format!("has format {version}, and this program reads up to {SCHEMA_VERSION}"));
    }
    for wanted in READINGS.fields() {
        match found.fields().iter().find(|field| field.name() == wanted.name()) {
            None => problems.push(format!("has no column {}", wanted.name())),
            Some(field) if field.data_type() != wanted.data_type() => problems.push(format!(
                "column {} is {}, not {}",
                wanted.name(),
                field.data_type(),
                wanted.data_type()
            )),
            Some(_) => {}
        }
    }
    problems
}
