//! Which lane, and which number in it, each channel of a run that is being written has.

use std::path::Path;

use power_core::{Descriptor, Lane};

use super::{Place, RunWriter, SourceIndex};
use crate::run::lane::LaneWriter;
use crate::run::{Row, SourceEntry, disk};
use crate::{Error, Result};

/// The most characters of a lane's name that become its file's name.
const LONGEST_STEM: usize = 80;

impl RunWriter {
    /// The lane of a new source; made if it is the first of its lane.
    ///
    /// A lane that the run had before is whole: the descriptor then gets a lane of another name.
    pub(super) fn lane_for(&mut self, descriptor: &mut Descriptor) -> Result<usize> {
        let asked = descriptor.lane.name().to_owned();
        if let Some(&lane) = self.lane_of.get(&asked) {
            descriptor.lane = Lane::new(self.lanes[lane].name());
            return Ok(lane);
        }
        let taken = |name: &str| {
            self.manifest.files.iter().any(|file| file.lane == name)
                || self.lanes.iter().any(|lane| lane.name() == name)
        };
        let name = first_free(&asked, " ", taken);
        let stem = first_free(&sanitised(&name), "-", |stem| self.stems.contains(&stem.to_lowercase()));
        let folder = self.dir.join(disk::READINGS);
        let lane = match self.place {
            Place::Here => LaneWriter::streaming(&name, &folder, stem.clone()),
            Place::New(_) | Place::Instead(_) | Place::Done => {
                LaneWriter::direct(&name, &folder, stem.clone())
            }
        }?;
        self.stems.insert(stem.to_lowercase());
        self.lanes.push(lane);
        self.lane_of.insert(asked, self.lanes.len() - 1);
        descriptor.lane = Lane::new(name);
        Ok(self.lanes.len() - 1)
    }

    /// Numbers the channels of `entry` from the `known`th on, in their lane.
    pub(super) fn route(
        &mut self,
        lane: usize,
        entry: &SourceEntry,
        known: usize,
    ) -> Result<Vec<(i32, bool)>> {
        let lane = &mut self.lanes[lane];
        let new = entry.descriptor.channels.iter().skip(known);
        new.map(|channel| {
            let key = lane.add_channel(format!("{}/{}", entry.id, channel.name))?;
            Ok((key, channel.quantity.is_counted()))
        })
        .collect()
    }

    /// An error of a row whose value is not held as its channel's are.
    pub(super) fn misfit(&self, source: SourceIndex, row: &Row, held: &str) -> Error {
        let entry = &self.manifest.sources[source.position()];
        let name =
            entry.descriptor.channels.get(usize::from(row.channel)).map_or("", |channel| &channel.name);
        Error::new(format!("channel {}/{name} holds {held}", entry.id))
            .mend("give the channel the quantity that its values have")
    }
}

/// The name itself, or the first of `name2`, `name3`, … that is not taken.
fn first_free(name: &str, separator: &str, taken: impl Fn(&str) -> bool) -> String {
    if !taken(name) {
        return name.to_owned();
    }
    let mut numbers = 2_u64..;
    loop {
        let numbered = format!("{name}{separator}{}", numbers.next().unwrap_or(u64::MAX));
        if !taken(&numbered) {
            return numbered;
        }
    }
}

/// A file name of letters, digits, `.`, `_` and `-` that is not hidden.
fn sanitised(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let stem: String = name.trim_start_matches(['.', '/']).chars().take(LONGEST_STEM).map(fit).collect();
    if stem.is_empty() { "lane".to_owned() } else { stem }
}

/// The name of a readings file without its ending.
pub(super) fn stem_of(path: &str) -> String {
    Path::new(path).file_stem().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_plain_and_free() {
        assert_eq!(sanitised("/dev/ttyUSB0"), "dev_ttyUSB0");
        assert_eq!(sanitised("Größe 1"), "Gr__e_1");
        assert_eq!(sanitised("../.."), "lane");
        assert_eq!(sanitised(""), "lane");
        assert_eq!(sanitised(&"x".repeat(500)).len(), LONGEST_STEM);
        assert_eq!(first_free("a", "-", |name| matches!(name, "a" | "a-2")), "a-3");
    }
}
