//! What a `-q` or `-q -x` log says about each GPU, in the fields that this crate knows.

use power_core::Value;

use super::{Absence, Cell, Field, LocalTime, Malformed, parse_cell};

/// One log of `-q` or `-q -x`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Local time of the log, in whole seconds.
    pub time: Option<LocalTime>,
    /// Version of the driver.
    pub driver_version: Option<String>,
    /// How many GPUs the log says that it has.
    pub attached: Option<usize>,
    /// The GPUs in the log's order, which may change.
    pub gpus: Vec<GpuReport>,
}

/// What a log says about one GPU.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GpuReport {
    /// PCI bus id, from the heading.
    pub bus_id: String,
    /// Identity.
    pub uuid: Option<String>,
    /// Product name.
    pub name: Option<String>,
    /// Architecture in words, such as `Hopper`.
    pub architecture: Option<String>,
    /// The heading over the board's power: `power_readings` until driver 530, `gpu_power_readings` since 535.
    pub power_section: Option<String>,
    /// The measured fields that the log has. A field that is not here is not supported by this driver.
    pub cells: Vec<(Field, Cell)>,
    pub(super) reasons: Option<Cell>,
}

impl GpuReport {
    /// The cell of one field; `None` if the log does not have it, which is not the same as 0.
    pub fn cell(&self, field: Field) -> Option<Cell> {
        self.cells.iter().find(|(found, _)| *found == field).map(|(_, cell)| *cell)
    }

    /// The value of one field; `None` if the log does not have it or says that there is none.
    pub fn value(&self, field: Field) -> Option<Value> {
        match self.cell(field)? {
            Cell::Value(value) => Some(value),
            Cell::Absent(_) => None,
        }
    }
}

/// Which kind of log the paths are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Xml,
    Query,
}

impl GpuReport {
    /// Takes one entry of the log: a path below the GPU and the text there.
    pub(super) fn take(&mut self, form: Form, path: &str, text: &str) -> Result<(), (String, Malformed)> {
        let text = text.trim();
        let known = Field::ALL.iter().copied().find(|field| {
            let paths = match form {
                Form::Xml => field.xml_paths(),
                Form::Query => field.query_paths(),
            };
            paths.contains(&path)
        });
        if let Some((section, _)) = path.split_once('/')
            && self.power_section.is_none()
            && matches!(
                section,
                "power_readings" | "gpu_power_readings" | "Power Readings" | "GPU Power Readings"
            )
        {
            self.power_section = Some(section.to_ascii_lowercase().replace(' ', "_"));
        }
        match known {
            Some(Field::Uuid) => self.uuid = Some(text.to_owned()),
            Some(Field::Name) => self.name = Some(text.to_owned()),
            Some(field) if !field.is_identity() => {
                let cell = parse_cell(field.kind(), text).map_err(|error| (path.to_owned(), error))?;
                // A log has each field once; were it there twice, the first one holds.
                if self.cell(field).is_none() {
                    self.cells.push((field, cell));
                }
            }
            _ if matches!(path, "product_architecture" | "Product Architecture") => {
                self.architecture = Some(text.to_owned());
            }
            _ => self.reason(path, text),
        }
        Ok(())
    }

    /// Puts together the set of event reasons from its single lines.
    fn reason(&mut self, path: &str, text: &str) {
        let Some((section, rest)) = path.split_once('/') else { return };
        let sections = [
            "clocks_event_reasons",
            "clocks_throttle_reasons",
            "Clocks Event Reasons",
            "Clocks Throttle Reasons",
        ];
        if !sections.contains(&section) {
            return;
        }
        let name = rest.rsplit('/').next().unwrap_or(rest).to_ascii_lowercase().replace(' ', "_");
        let name = name.strip_prefix("clocks_event_reason_").unwrap_or(&name);
        let name = name.strip_prefix("clocks_throttle_reason_").unwrap_or(name);
        // Bits of nvmlClocksEventReasons in nvml.h.
        let bit = match name {
            "gpu_idle" | "idle" => 0x1,
            "applications_clocks_setting" => 0x2,
            "sw_power_cap" => 0x4,
            "hw_slowdown" => 0x8,
            "sync_boost" => 0x10,
            "sw_thermal_slowdown" => 0x20,
            "hw_thermal_slowdown" => 0x40,
            "hw_power_brake_slowdown" => 0x80,
            "display_clocks_setting" | "display_clock_setting" => 0x100,
            _ => return,
        };
        let so_far = match self.reasons {
            Some(Cell::Value(Value::Count(bits))) => bits,
            _ => 0,
        };
        self.reasons = match (text, Absence::parse(text)) {
            ("Active", _) => Some(Cell::Value(Value::Count(so_far | bit))),
            ("Not Active", _) => Some(Cell::Value(Value::Count(so_far))),
            (_, Some(absence)) if self.reasons.is_none() => Some(Cell::Absent(absence)),
            _ => self.reasons,
        };
    }

    /// Ends the GPU's part of the log.
    pub(super) fn finish(mut self) -> Self {
        self.cells.extend(self.reasons.take().map(|cell| (Field::EventReasons, cell)));
        self
    }
}
