//! Which field shows the same value as `power.draw`, by their values and not by their names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use power_core::Result;

use crate::config::Config;
use crate::inventory::{Gpu, Inventory};
use crate::protocol::{Cell, Field};

/// Binary, driver and uuid.
type Key = (PathBuf, Option<String>, String);

/// What was found so far. A second look may settle what the first one could not, so each GPU is looked at once in a
/// process: a source that is opened again says the same.
static FOUND: Mutex<BTreeMap<Key, Option<Field>>> = Mutex::new(BTreeMap::new());

/// The twins of `power.draw` by the position of their GPU; `again` asks the same once more, if that is needed.
pub(crate) fn twins(
    config: &Config,
    inventory: &Inventory,
    again: impl FnOnce() -> Result<Inventory>,
) -> Result<Vec<Option<Field>>> {
    let key = |gpu: &Gpu| (config.binary.clone(), inventory.driver_version.clone(), gpu.uuid.clone());
    let known = |gpu: &Gpu| {
        // Without the fields there is nothing to look at, and nothing to remember.
        let comparable = gpu.cell(Field::PowerDraw).is_some()
            && (gpu.cell(Field::PowerAverage).is_some() || gpu.cell(Field::PowerInstant).is_some());
        if comparable { found().get(&key(gpu)).copied() } else { Some(None) }
    };
    let known: Vec<_> = inventory.gpus.iter().map(known).collect();
    if known.iter().all(Option::is_some) {
        return Ok(known.into_iter().flatten().collect());
    }
    let second = again()?;
    let twins = inventory.gpus.iter().zip(known).map(|(gpu, known)| {
        let look = || twin(gpu, second.gpus.iter().find(|other| other.uuid == gpu.uuid)?);
        known.unwrap_or_else(|| *found().entry(key(gpu)).or_insert_with(look))
    });
    Ok(twins.collect())
}

fn found() -> std::sync::MutexGuard<'static, BTreeMap<Key, Option<Field>>> {
    FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The field that shows the same value as `power.draw`: equal in both answers, and not because all are equal or
/// nothing changes.
fn twin(first: &Gpu, second: &Gpu) -> Option<Field> {
    let values = |field| -> Option<[Cell; 2]> { Some([first.cell(field)?, second.cell(field)?]) };
    let draw = values(Field::PowerDraw)?;
    let present = draw.iter().all(|cell| cell.absence().is_none());
    let changes = draw[0] != draw[1];
    let twins = [(Field::PowerAverage, Field::PowerInstant), (Field::PowerInstant, Field::PowerAverage)];
    let twin = twins.into_iter().find(|(twin, other)| {
        let differs = values(*other).is_some_and(|other| other != draw);
        values(*twin) == Some(draw) && (differs || changes)
    });
    twin.filter(|_| present).map(|(twin, _)| twin)
}
