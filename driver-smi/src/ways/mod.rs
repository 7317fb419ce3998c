//! The ways to read: each a source.

mod dmon;
mod looped;
mod query;
mod stream;
mod tracer;

pub(crate) use dmon::open_dmon;
pub(crate) use looped::open_loop;
pub(crate) use query::open_query;
pub(crate) use tracer::open_tracer;

use crate::inventory::Inventory;

/// What `--id` takes to get exactly these GPUs, however they are numbered then.
fn selection(inventory: &Inventory) -> String {
    let uuids: Vec<_> = inventory.gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
    uuids.join(",")
}
