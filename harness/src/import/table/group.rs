//! One device of a table: its source, what its columns say of it, and what is found out on the way.

use std::collections::BTreeSet;
use std::path::Path;

use power_core::{ChannelId, Descriptor, Lane};

use super::alias::{AliasWatch, Verdict};
use super::detect::Detector;
use super::map::TableMap;
use super::plan::{Plan, Planned};
use super::reader::{alias_words, stated_clock};
use super::rows::{Cell, RowRef};
use crate::import::sink::{RowSink, SourceHandle};
use crate::{Error, Result};

/// One device of a table.
#[derive(Debug)]
pub(crate) struct Group {
    id: String,
    pub(crate) handle: SourceHandle,
    pub(crate) detector: Option<Detector>,
    pub(crate) aliases: Vec<AliasWatch>,
    /// Index in the source of each planned channel.
    slots: Vec<Option<u16>>,
    channels: u16,
    newest_device_ns: Option<i64>,
    repeats: u64,
    /// The first cells of the columns that describe the device, and which of them changed later.
    details: Vec<Vec<u8>>,
    changed: BTreeSet<usize>,
}

impl Group {
    /// Adds the source to `sink`.
    pub(crate) fn new(
        id: &str,
        device: Option<&str>,
        map: &TableMap,
        plan: &Plan,
        row: RowRef<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<Self> {
        let mut channels: Vec<_> = plan.channels.iter().map(|planned| planned.channel.clone()).collect();
        let count = u16::try_from(channels.len()).map_err(|_| {
            Error::new("the table has over 65 535 channels").mend("narrow the pattern in the map")
        })?;
        let place = |name: &str| {
            plan.channels.iter().zip(0..).find(|(it, _)| it.channel.name == name).map(|(_, at)| at)
        };
        for (channel, planned) in channels.iter_mut().zip(&plan.channels) {
            channel.part_of = planned.part_of.as_deref().and_then(place).map(ChannelId);
        }
        let watch = |(planned, channel): (&Planned, u16)| {
            let candidates: Vec<u16> = planned.alias_of.iter().filter_map(|name| place(name)).collect();
            (!candidates.is_empty()).then(|| AliasWatch::new(channel, &candidates))
        };
        let aliases = plan.channels.iter().zip(0..).filter_map(watch).collect();
        let driver = map.driver.as_deref().unwrap_or("table");
        let mut descriptor = Descriptor::new(driver, device.unwrap_or(id), channels).with_lane(Lane::new(id));
        if let Some(device) = &map.device_time
            && let Some(clock) = stated_clock(device.clock, device.tick_hz)
        {
            descriptor = descriptor.with_clock(clock);
        }
        for (key, value) in &map.details {
            descriptor = descriptor.with_detail(key.as_str(), value.as_str());
        }
        let mut details = Vec::new();
        for (column, key) in &plan.details {
            let cell = row.cell(*column).show();
            if !cell.is_empty() {
                descriptor = descriptor.with_detail(key.as_str(), cell.as_str());
            }
            details.push(cell.into_bytes());
        }
        let handle = sink.add_source(id, descriptor)?;
        if let Some(period_ms) = map.asked_period_ms {
            sink.asked_period(handle, u64::from(period_ms) * 1_000_000)?;
        }
        Ok(Self {
            id: id.to_owned(),
            handle,
            detector: None,
            aliases,
            slots: (0..count).map(Some).collect(),
            channels: count,
            newest_device_ns: None,
            repeats: 0,
            details,
            changed: BTreeSet::new(),
        })
    }

    /// Whether a device time came before; counts it if so.
    pub(crate) fn is_repeat(&mut self, device_ns: i64) -> bool {
        if self.newest_device_ns.is_some_and(|newest| device_ns <= newest) {
            self.repeats += 1;
            return true;
        }
        self.newest_device_ns = Some(device_ns);
        false
    }

    /// Notes which of the columns that describe the device changed.
    pub(crate) fn watch_details(&mut self, row: RowRef<'_>, plan: &Plan) {
        for (index, ((column, _), first)) in plan.details.iter().zip(&self.details).enumerate() {
            let same = match row.cell(*column) {
                Cell::Text(text) => text == first.as_slice(),
                Cell::Null => true,
                cell => cell.show().as_bytes() == first.as_slice(),
            };
            if !same {
                self.changed.insert(index);
            }
        }
    }

    /// The index of a planned channel in the source; the channel is added when it is first seen.
    pub(crate) fn slot(&mut self, place: usize, planned: &Planned, sink: &mut dyn RowSink) -> Result<u16> {
        if let Some(Some(slot)) = self.slots.get(place) {
            return Ok(*slot);
        }
        let slot = self.channels;
        self.channels = slot.checked_add(1).ok_or_else(|| {
            Error::new("the table has over 65 535 channels").mend("narrow the pattern in the map")
        })?;
        sink.describe(self.handle, &mut |descriptor| descriptor.channels.push(planned.channel.clone()))?;
        if self.slots.len() <= place {
            self.slots.resize(place + 1, None);
        }
        self.slots[place] = Some(slot);
        Ok(slot)
    }

    /// Says what was found out: the clock, aliases, repeats.
    pub(crate) fn finish(
        self,
        file: &str,
        path: &Path,
        planned: &[Planned],
        sink: &mut dyn RowSink,
    ) -> Result<()> {
        let id = &self.id;
        if self.repeats > 0 {
            let repeats = self.repeats;
            sink.note(format!("{file}: values of {id} that came in several reads, kept once: {repeats}"))?;
        }
        for index in &self.changed {
            let first = String::from_utf8_lossy(&self.details[*index]);
            sink.note(format!(
                "{file}: a column that describes {id} changes; its first value, {first}, is kept"
            ))?;
        }
        if let Some(detector) = self.detector {
            let found =
                detector.finish().map_err(|error| Error::file(path, format!("source {id}: {error}")))?;
            sink.describe(self.handle, &mut |descriptor| {
                descriptor.clock = found.clock.clone();
                descriptor.details.insert("clock of device times".into(), found.why.clone());
            })?;
        }
        for watch in &self.aliases {
            let verdict = watch.verdict();
            let name = |channel: u16| {
                planned.get(usize::from(channel)).map_or_else(String::new, |it| it.channel.name.to_string())
            };
            let Some(words) = alias_words(verdict, name) else { continue };
            sink.describe(self.handle, &mut |descriptor| {
                let quantity = match verdict {
                    Verdict::Alias(of, _) => {
                        descriptor.channel(ChannelId(of)).map(|channel| channel.quantity)
                    }
                    _ => None,
                };
                let Some(channel) = descriptor.channels.get_mut(usize::from(watch.channel)) else { return };
                channel.quantity = quantity.unwrap_or(channel.quantity);
                let key = channel.name.to_string();
                descriptor.details.insert(key, words.clone());
            })?;
        }
        Ok(())
    }
}
