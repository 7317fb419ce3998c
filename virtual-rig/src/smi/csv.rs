//! `--query-gpu`.

use super::arguments::QueryArguments;
use super::fields::{self, Field, Unit};
use super::view::{View, failure};

/// A query, with its fields found.
pub(super) struct Query {
    columns: Vec<Column>,
    header: bool,
    units: bool,
}

/// A column: a field, or a name that this node knows but never has a value for.
enum Column {
    Field(&'static Field),
    Empty(String),
}

/// First driver generation of the fields whose names begin so.
const SINCE: [(&str, u32); 8] = [
    ("module.", 535),
    ("gpu.power.", 535),
    ("clocks_event_reasons", 535),
    ("protected_memory.", 535),
    ("fabric.", 525),
    ("platform.", 560),
    ("power_smoothing.", 570),
    ("gpu_recovery_action", 570),
];

impl Query {
    pub(super) fn parse(query: &QueryArguments, generation: u32) -> Result<Self, String> {
        let column = |name: &str| {
            let too_new = SINCE.iter().any(|(prefix, since)| name.starts_with(prefix) && generation < *since);
            match fields::find(name, generation) {
                Some(field) if !too_new && field.names[0] != "memory.power.draw.average" => {
                    Ok(Column::Field(field))
                }
                None if !too_new && fields::listed(name) && !known_later(name) => {
                    Ok(Column::Empty(name.to_owned()))
                }
                _ => Err(format!("Field \"{name}\" is not a valid field to query.\n")),
            }
        };
        let columns: Result<Vec<Column>, String> =
            query.fields.split(',').map(str::trim).map(column).collect();
        Ok(Self { columns: columns?, header: query.header, units: query.units })
    }

    /// One report: a line for each GPU, with the header before the first.
    pub(super) fn report(&self, view: &mut View, gpus: &[usize], first: bool) -> String {
        let mut report = String::new();
        if first && self.header {
            report.push_str(
                &self.columns.iter().map(|column| self.title(column)).collect::<Vec<_>>().join(", "),
            );
            report.push('\n');
        }
        for gpu in gpus {
            let values: Vec<String> =
                self.columns.iter().map(|column| self.value(view, *gpu, column)).collect();
            report.push_str(&values.join(", "));
            report.push('\n');
        }
        report
    }

    fn title(&self, column: &Column) -> String {
        match column {
            Column::Field(field) => match (self.units, field.unit) {
                (_, Unit::None | Unit::Celsius) => field.names[0].to_owned(),
                (_, unit) => format!("{} [{}]", field.names[0], unit.text()),
            },
            Column::Empty(name) if name.contains("power.") => format!("{name} [W]"),
            Column::Empty(name) => name.clone(),
        }
    }

    fn value(&self, view: &mut View, gpu: usize, column: &Column) -> String {
        let Column::Field(field) = column else { return "[N/A]".to_owned() };
        match view.read(gpu, field) {
            Ok(shown) if self.units && !matches!(field.unit, Unit::None | Unit::Celsius) => {
                format!("{shown} {}", field.unit.text())
            }
            Ok(shown) => shown.to_string(),
            Err(code) => format!("[{}]", failure(code)),
        }
    }
}

/// Whether a later driver generation than the node's has a field of this name.
fn known_later(name: &str) -> bool {
    fields::find(name, u32::MAX).is_some()
}
