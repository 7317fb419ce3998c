//! A map made fit for one file: every channel with its column, every column with its meaning.

use std::borrow::Cow;
use std::path::Path;

use jiff::tz::Offset;
use power_core::{Averaging, Channel, Delivery, Quantity, Scope};

use super::header::Header;
use super::map::{ChannelMap, OneOrMany, TableMap};
use super::template::Template;
use super::times::{ColumnTime, RowTimes};
use crate::import::cell::Measure;
use crate::import::nearest::hint;
use crate::import::quantity::{self, duration};
use crate::import::unit::{WireUnit, spellings_for};
use crate::{Error, Result};

/// What to do with each row of one file.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) times: RowTimes,
    pub(crate) device_time: Option<ColumnTime>,
    pub(crate) channels: Vec<Planned>,
    /// For a long table: the columns of channel and value.
    pub(crate) long: Option<(usize, usize)>,
    pub(crate) group: Vec<usize>,
    pub(crate) source: Option<Template>,
    pub(crate) device: Option<Template>,
    pub(crate) details: Vec<(usize, String)>,
}

/// One channel of one file.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) channel: Channel,
    /// Its column; in a long table the column of the values.
    pub(crate) column: usize,
    pub(crate) measure: Measure,
    /// Whether the device's own time belongs to it.
    pub(crate) has_device_time: bool,
    /// Names of the channels that it may be an alias of.
    pub(crate) alias_of: Vec<String>,
    /// Name of the channel that contains it.
    pub(crate) part_of: Option<String>,
}

impl Plan {
    pub(crate) fn new(
        path: &Path,
        map: &TableMap,
        header: &mut Header<'_>,
        utc_offset: Option<Offset>,
    ) -> Result<Self> {
        let times = RowTimes::find(&map.time, header, utc_offset).map_err(|error| in_file(path, &error))?;
        let device_time = match &map.device_time {
            None => None,
            Some(device) => {
                let column = header.need_any(&device.column, "the device's own time")?;
                Some(ColumnTime::number(column, &header.names()[column].clone(), device.unit.parse()?))
            }
        };
        let group = map.group.0.iter().filter_map(|name| header.find(name)).collect();
        let details = map
            .detail_columns
            .0
            .iter()
            .filter_map(|name| header.find(name).map(|column| (column, name.clone())))
            .collect();
        let template = |text: &Option<String>, header: &mut Header<'_>| -> Result<Option<Template>> {
            let Some(text) = text else { return Ok(None) };
            let found = Template::find(text, header.names()).map_err(|error| in_file(path, &error))?;
            if let Some(found) = &found {
                header.mark_used(found.columns());
            }
            Ok(found)
        };
        let source = template(&map.source, header)?;
        let device = template(&map.device, header)?;
        let long = match &map.long {
            None => None,
            Some(long) => Some((
                header.need_any(&OneOrMany(vec![long.channel.clone()]), "the name of the channel")?,
                header.need_any(&OneOrMany(vec![long.value.clone()]), "the value")?,
            )),
        };
        let mut plan =
            Self { times, device_time, channels: Vec::new(), long, group, source, device, details };
        if long.is_none() {
            plan.find_channels(path, map, header)?;
        }
        Ok(plan)
    }

    fn find_channels(&mut self, path: &Path, map: &TableMap, header: &mut Header<'_>) -> Result<()> {
        for channel in &map.channels {
            let mut found = Vec::new();
            if let Some(column) = header.find_any(&channel.column) {
                found.push((column, String::new()));
            } else {
                let patterns = channel.column.0.iter().filter(|pattern| pattern.contains('*'));
                patterns.for_each(|pattern| found.extend(header.find_all(pattern)));
            }
            if found.is_empty() && !(channel.optional || map.optional_channels) {
                return Err(header.lacks(&channel.column, "a channel"));
            }
            for (column, capture) in found {
                let name = channel_name(channel, &capture).unwrap_or_else(|| header.names()[column].clone());
                let unit = header.unit(column).map(ToOwned::to_owned);
                let planned = Planned::new(map, channel, &name, column, unit.as_deref());
                self.push(planned.map_err(|error| in_file(path, &error))?, path)?;
            }
        }
        if self.channels.is_empty() {
            let names: Vec<_> = map.channels.iter().flat_map(|channel| channel.column.0.clone()).collect();
            return Err(header.lacks(&OneOrMany(names), "any channel"));
        }
        Ok(())
    }

    /// Adds a channel.
    pub(crate) fn push(&mut self, planned: Planned, path: &Path) -> Result<()> {
        if self.channels.iter().any(|other| other.channel.name == planned.channel.name) {
            let what = format!("the map names two channels `{}`", planned.channel.name);
            return Err(Error::file(path, what).mend("give each its own name"));
        }
        self.channels.push(planned);
        Ok(())
    }
}

/// The name that a map gives a channel, its `*` filled in.
pub(crate) fn channel_name(channel: &ChannelMap, capture: &str) -> Option<String> {
    channel.name.as_ref().map(|name| name.replacen('*', capture, 1))
}

fn in_file(path: &Path, error: &Error) -> Error {
    Error::file(path, error)
}

impl Planned {
    /// A channel of the map; `header_unit` is the unit that the column's name ends with.
    pub(crate) fn new(
        table: &TableMap,
        map: &ChannelMap,
        name: &str,
        column: usize,
        header_unit: Option<&str>,
    ) -> Result<Self> {
        let fault = |what: String| Error::new(format!("channel `{name}`: {what}"));
        let wire = quantity::parse(&map.quantity).map_err(|error| fault(error.to_string()))?;
        let quantity = match (map.window_ms, wire.quantity) {
            (None, quantity) => quantity,
            (Some(window), Quantity::Power { .. }) => match duration(window * 1e-3) {
                Some(window) if !window.is_zero() => Quantity::Power { averaging: Averaging::Over(window) },
                _ => return Err(fault("window_ms is no positive time".into())),
            },
            (Some(_), other) => return Err(fault(format!("window_ms has no meaning for {other}"))),
        };
        let find_unit = |symbol: &str| {
            WireUnit::find(symbol).filter(|unit| unit.factor_for(quantity).is_some()).ok_or_else(|| {
                fault(format!("`{symbol}` is no unit of {quantity}")).mend(
                    match spellings_for(quantity).as_str() {
                        "" => "leave the unit out".to_owned(),
                        fitting => format!("known are {fitting}"),
                    },
                )
            })
        };
        // What stands in brackets need not be a unit; one that is has to fit.
        let header_unit = header_unit.filter(|symbol| WireUnit::find(symbol).is_some());
        let unit = match header_unit.or(map.unit.as_deref()) {
            Some(symbol) => Some(find_unit(symbol)?),
            None => wire.unit,
        };
        let measure = Measure::new(quantity, unit).ok_or_else(|| fault("its unit does not fit".into()))?;
        let mut channel = Channel::new(name.to_owned(), quantity);
        if let Some(scope) = &map.scope {
            channel = channel.with_scope(parse_scope(scope).map_err(|error| fault(error.to_string()))?);
        }
        match map.delivery.as_deref() {
            None | Some("polled") => {}
            Some("streamed") => channel = channel.with_delivery(Delivery::Streamed),
            Some(other) => return Err(fault(format!("delivery `{other}` is neither polled nor streamed"))),
        }
        if let Some(period) = map.update_period_ms {
            let period = duration(period * 1e-3).filter(|period| !period.is_zero());
            let period = period.ok_or_else(|| fault("update_period_ms is no positive time".into()))?;
            channel = channel.with_update_period(period);
        }
        if let Some(resolution) = map.resolution {
            channel = channel.with_resolution(resolution);
        }
        let device = table.device_time.as_ref();
        let has_device_time = device.is_some_and(|device| {
            device.channels.0.is_empty() || device.channels.0.iter().any(|it| it == name)
        });
        Ok(Self {
            channel,
            column,
            measure,
            has_device_time,
            alias_of: map.alias_of.0.clone(),
            part_of: map.part_of.clone(),
        })
    }
}

/// The scope of these words.
pub(crate) fn parse_scope(words: &str) -> Result<Scope> {
    const SCOPES: [(&str, Scope); 12] = [
        ("unknown", Scope::Unknown),
        ("board", Scope::Board),
        ("module", Scope::Module),
        ("chip", Scope::Chip),
        ("package", Scope::Package),
        ("core", Scope::Core),
        ("uncore", Scope::Uncore),
        ("dram", Scope::Dram),
        ("platform", Scope::Platform),
        ("node_ac", Scope::NodeAc),
        ("node_dc", Scope::NodeDc),
        ("rail NAME", Scope::Unknown),
    ];
    if let Some(rail) = words.strip_prefix("rail ") {
        return Ok(Scope::Rail(Cow::Owned(rail.trim().to_owned())));
    }
    match SCOPES.iter().find(|(name, _)| *name == words) {
        Some((_, scope)) => Ok(scope.clone()),
        None => {
            Err(Error::new(format!("unknown scope `{words}`"))
                .mend(hint(words, &SCOPES.map(|(name, _)| name))))
        }
    }
}
