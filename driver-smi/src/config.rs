//! The options of this driver.

use std::path::PathBuf;
use std::time::Duration;

use power_core::{Error, ErrorKind, Options, Result};

use crate::protocol::{Field, dmon};

/// Environment variable that names the binary where no option does.
pub(crate) const BINARY_VARIABLE: &str = "WATTPROOF_NVIDIA_SMI";

const KNOWN: &[&str] = &["mode", "period_ms", "fields", "binary", "deadline_ms", "keys"];

/// How the sensors are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Loop,
    Query,
    Tracer,
    Dmon,
}

/// The options of this driver, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    /// Time between two lines of the loop and of `dmon`; the tracer's sleep.
    pub(crate) period: Duration,
    /// The fields or `dmon` columns that were asked for; `None` for all that there are.
    pub(crate) fields: Option<Vec<String>>,
    pub(crate) binary: PathBuf,
    pub(crate) deadline: Duration,
    /// Whether the tracer looks for power only where drivers before 535 have it.
    pub(crate) old_keys: bool,
}

impl Config {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        options.only(KNOWN)?;
        let mode = match options.text("mode").unwrap_or("loop") {
            "loop" => Mode::Loop,
            "query" => Mode::Query,
            "tracer" => Mode::Tracer,
            "dmon" => Mode::Dmon,
            other => return invalid(format!("option mode = {other:?}: it is loop, query, tracer or dmon")),
        };
        let usual = if mode == Mode::Dmon { 1_000 } else { 100 };
        let period = options.parse::<u32>("period_ms")?;
        if period.is_some() && mode == Mode::Query {
            return invalid("option period_ms: mode query has no period, its caller sets the rate".into());
        }
        let period = period.unwrap_or(usual);
        if period == 0 || (mode == Mode::Dmon && period % 1_000 != 0) {
            return invalid(format!("option period_ms = {period}: 1 or more, for dmon whole seconds"));
        }
        let deadline = options.parse::<u32>("deadline_ms")?.unwrap_or_else(|| period.saturating_add(10_000));
        if deadline == 0 || (matches!(mode, Mode::Loop | Mode::Dmon) && deadline <= period) {
            return invalid(format!(
                "option deadline_ms = {deadline}: it has to be above period_ms = {period}"
            ));
        }
        let old_keys = match (options.text("keys"), mode) {
            (None, _) | (Some("any"), Mode::Tracer) => false,
            (Some("power_readings"), Mode::Tracer) => true,
            (Some(other), Mode::Tracer) => {
                return invalid(format!("option keys = {other:?}: it is any or power_readings"));
            }
            (Some(_), _) => return invalid("option keys: only mode tracer has it".into()),
        };
        let fields = options.text("fields").map(|text| fields(mode, text)).transpose()?;
        Ok(Self {
            mode,
            period: Duration::from_millis(period.into()),
            fields,
            binary: binary(options.text("binary")),
            deadline: Duration::from_millis(deadline.into()),
            old_keys,
        })
    }

    /// Whether this field was asked for.
    pub(crate) fn wants(&self, field: Field) -> bool {
        self.fields.as_ref().is_none_or(|fields| fields.iter().any(|name| Field::named(name) == Some(field)))
    }
}

/// The binary: by option, by environment, else whichever is found.
pub(crate) fn binary(option: Option<&str>) -> PathBuf {
    let variable = || std::env::var_os(BINARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    option.map(PathBuf::from).or_else(variable).unwrap_or_else(|| PathBuf::from("nvidia-smi"))
}

fn fields(mode: Mode, text: &str) -> Result<Vec<String>> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    for name in &names {
        let known = match mode {
            Mode::Dmon => dmon::COLUMNS.iter().any(|column| column.name == name),
            _ => Field::named(name).is_some_and(|field| !field.is_identity()),
        };
        if !known {
            let known: Vec<_> = match mode {
                Mode::Dmon => dmon::COLUMNS.iter().map(|column| column.name).collect(),
                _ => {
                    Field::ALL.iter().filter(|field| !field.is_identity()).map(|field| field.name()).collect()
                }
            };
            let known = known.join(", ");
            return invalid(format!("option fields: no field {name:?}; this driver knows {known}"));
        }
    }
    Ok(names)
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidConfig, message))
}
