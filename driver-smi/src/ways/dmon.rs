//! Way `dmon`: the maker's own monitor, a line a GPU and second.

use power_core::{
    Averaging, Channel, ChannelId, Error, ErrorKind, Flags, Lane, PowerSource, Recorder, Result, Scope, Stamp,
};

use super::stream::{Call, Look, StreamSource, Table};
use crate::config::Config;
use crate::describe::{Taken, head, is_lost, prefix, quantity, resolution};
use crate::error::SmiError;
use crate::inventory::Inventory;
use crate::port;
use crate::protocol::{Absence, Cell, Field, Kind, dmon};

/// Opens the monitor.
pub(crate) fn open_dmon(
    config: &Config,
    several: bool,
    survey: impl Fn(&[Field]) -> Result<Inventory>,
) -> Result<Box<dyn PowerSource>> {
    let inventory = survey(&[])?;
    let indices: Vec<_> = inventory.gpus.iter().map(|gpu| gpu.index.to_string()).collect();
    let mut arguments: Vec<String> = ["dmon", "-s", "pucm", "-o", "DT", "-d"].map(str::to_owned).into();
    arguments.push(config.period.as_secs().to_string());
    arguments.extend(["-i".to_owned(), indices.join(",")]);

    let once: Vec<_> = arguments.iter().map(String::as_str).chain(["-c", "1"]).collect();
    let trial = port::ask(&config.binary, &once, config.deadline + config.period)?.success()?;
    let (rows, problems) = dmon::parse_log(&trial);
    let mut targets = Vec::new();
    let mut channels = Vec::new();
    let mut details = Vec::new();
    for gpu in &inventory.gpus {
        let prefix = prefix(several, gpu);
        let mut target = Target { index: gpu.index, channels: Vec::new() };
        let row = rows.iter().find(|(_, index, _)| *index == gpu.index);
        let (_, _, cells) = row.ok_or_else(|| {
            let said = problems.first().map_or("", |(_, said)| said);
            SmiError::nonsense(format!("no line of GPU {}", gpu.index), said)
        })?;
        let wanted =
            |name: &str| config.fields.as_ref().is_none_or(|fields| fields.iter().any(|field| field == name));
        for (column, cell) in cells.iter().filter(|(column, _)| wanted(column.name)) {
            let name = format!("{prefix}{}", column.name);
            match (cell, u16::try_from(channels.len())) {
                (Cell::Absent(absence), _) if !absence.is_passing() => {
                    details.push((format!("no {name}"), absence.to_string()));
                }
                (_, Ok(id)) => {
                    channels.push(channel(name, *column));
                    target.channels.push((column.name, ChannelId(id)));
                }
                (_, Err(_)) => {}
            }
        }
        targets.push(target);
    }
    if channels.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "no GPU here gives any column that is read"));
    }
    let lane = Lane::new(format!("nvidia-smi dmon {}", super::selection(&inventory)));
    let mut descriptor = head(&inventory, several, channels)
        .with_lane(lane)
        .with_detail("way", "dmon")
        .with_detail("period_ms", config.period.as_millis().to_string())
        .with_detail("path", config.binary.display().to_string());
    descriptor.details.extend(details);
    let gpus = targets.len();
    let table = DmonTable { targets, header: None };
    let call = Call { binary: config.binary.clone(), arguments, deadline: config.deadline };
    Ok(Box::new(StreamSource::open(descriptor, table, call, gpus)?))
}

fn channel(name: String, column: dmon::Column) -> Channel {
    // Which of the power fields it shows the maker does not say.
    let mut channel = Channel::new(name, quantity(column.kind, || Averaging::Unknown));
    let power = column.kind == Kind::Power;
    channel.resolution = if power { Some(1.0) } else { resolution(column.kind) };
    if power { channel.with_scope(Scope::Board) } else { channel }
}

/// Where the readings of one GPU go.
#[derive(Debug)]
struct Target {
    index: u32,
    channels: Vec<(&'static str, ChannelId)>,
}

/// Rows of `dmon`.
#[derive(Debug)]
struct DmonTable {
    targets: Vec<Target>,
    header: Option<dmon::Header>,
}

impl Table for DmonTable {
    fn reset(&mut self) {
        self.header = None;
    }

    fn is_ready(&self) -> std::result::Result<bool, SmiError> {
        let Some(header) = &self.header else { return Ok(false) };
        let mut names = self.targets.iter().flat_map(|target| target.channels.iter().map(|(name, _)| *name));
        match names.find(|name| header.columns().all(|column| column.name != *name)) {
            None => Ok(true),
            Some(name) => Err(SmiError::nonsense(format!("no column {name}"), "")),
        }
    }

    fn look(&mut self, line: &[u8]) -> Look {
        let Ok(line) = str::from_utf8(line) else { return Look::Bad(SmiError::nonsense("not UTF-8", "")) };
        if line.trim_start().starts_with('#') {
            // The headings come again and again; only new ones are taken.
            if self.header.as_ref().is_none_or(|header| !header.is(line)) {
                self.header = dmon::Header::parse(line).or_else(|| self.header.take());
            }
            return Look::Other;
        }
        let Some(header) = &self.header else { return Look::Message };
        match header.row(line).map(|row| row.map(dmon::Row::gpu)) {
            Ok(Some(Ok(gpu))) => {
                self.targets.iter().position(|target| target.index == gpu).map_or(Look::Other, Look::Row)
            }
            Ok(Some(Err(_))) | Err(_) => Look::Message,
            Ok(None) => Look::Other,
        }
    }

    fn push(
        &self,
        line: &[u8],
        gpu: usize,
        (stamp, flags): (Stamp, Flags),
        recorder: &mut Recorder<'_>,
    ) -> std::result::Result<bool, SmiError> {
        let line = str::from_utf8(line).unwrap_or_default();
        let nonsense = |error| SmiError::nonsense(error, line);
        let Some(row) = self.header.as_ref().map(|header| header.row(line)) else { return Ok(false) };
        let Some(row) = row.map_err(nonsense)? else { return Ok(false) };
        row.cells().try_for_each(|cell| cell.map(drop)).map_err(nonsense)?;
        // Its time is in whole seconds, the bracket narrower.
        let taken = Taken { stamp, device: None, flags };
        for (column, cell) in row.cells().flatten() {
            let channels = self.targets[gpu].channels.iter();
            for (_, channel) in channels.filter(|(name, _)| *name == column.name) {
                taken.push(recorder, *channel, cell);
            }
        }
        Ok(is_lost(row.cells().flatten().map(|(_, cell)| cell)))
    }

    fn push_lost(&self, gpu: usize, (stamp, flags): (Stamp, Flags), recorder: &mut Recorder<'_>) {
        for (_, channel) in &self.targets[gpu].channels {
            let taken = Taken { stamp, device: None, flags };
            taken.push(recorder, *channel, Cell::Absent(Absence::GpuLost));
        }
    }
}
