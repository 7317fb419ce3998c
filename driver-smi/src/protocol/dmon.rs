//! What `nvidia-smi dmon` prints: a table of one line per GPU and second, its header again and again.

use super::{Cell, Kind, LocalTime, Malformed, parse_cell, parse_date_and_time};

/// A column of `dmon` that this crate knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// How its values are printed.
    pub kind: Kind,
}

/// The columns that this crate knows, in the order in which `-s pucm` prints them.
pub const COLUMNS: &[Column] = &[
    Column { name: "pwr", kind: Kind::Power },
    Column { name: "gtemp", kind: Kind::Temperature },
    Column { name: "mtemp", kind: Kind::Temperature },
    Column { name: "sm", kind: Kind::Share },
    Column { name: "mem", kind: Kind::Share },
    Column { name: "enc", kind: Kind::Share },
    Column { name: "dec", kind: Kind::Share },
    Column { name: "jpg", kind: Kind::Share },
    Column { name: "ofa", kind: Kind::Share },
    Column { name: "mclk", kind: Kind::Clock },
    Column { name: "pclk", kind: Kind::Clock },
    Column { name: "fb", kind: Kind::Memory },
    Column { name: "bar1", kind: Kind::Memory },
];

/// The headings of the table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    names: Vec<String>,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DmonError {
    /// It has another number of cells than the table has columns.
    #[error("{found} cells where the table has {expected} columns")]
    Cells {
        /// Cells in the line.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
    /// The log ends within it, or right behind it: its last value may have lost digits.
    #[error("the log ends without ending this line, and its last value may be cut off")]
    CutOff,
    /// Its GPU is no number.
    #[error("the GPU is no number")]
    Gpu,
    /// One cell is neither a value nor an absence.
    #[error("{name}: {malformed}")]
    Cell {
        /// The heading of that cell.
        name: &'static str,
        /// What it should have been.
        malformed: Malformed,
    },
}

impl Header {
    /// Reads the line of headings, `#Date Time gpu pwr …`; `None` if it is another line, such as that of units.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.strip_prefix('#')?;
        // Looked for first, so that the line of units, which comes as often, costs no allocation.
        line.split_whitespace()
            .any(|name| name == "gpu")
            .then(|| Self { names: line.split_whitespace().map(str::to_owned).collect() })
    }

    /// The columns that this crate knows, in the table's order.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.names.iter().filter_map(|name| known(name))
    }

    /// Whether the line that this was read from says the same. Allocates nothing.
    pub fn is(&self, line: &str) -> bool {
        line.strip_prefix('#')
            .is_some_and(|line| line.split_whitespace().eq(self.names.iter().map(String::as_str)))
    }

    /// Takes one line as a row; `None` for a line of headings or units. Allocates nothing.
    ///
    /// # Errors
    ///
    /// - [`DmonError::Cells`] if it has another number of cells: it is cut off, or a message.
    pub fn row<'a>(&'a self, line: &'a str) -> Result<Option<Row<'a>>, DmonError> {
        if line.trim_start().starts_with('#') {
            return Ok(None);
        }
        let (found, expected) = (line.split_whitespace().count(), self.names.len());
        if found == expected {
            Ok(Some(Row { header: self, line }))
        } else {
            Err(DmonError::Cells { found, expected })
        }
    }
}

fn known(name: &str) -> Option<Column> {
    COLUMNS.iter().copied().find(|column| column.name == name)
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    header: &'a Header,
    line: &'a str,
}

impl<'a> Row<'a> {
    /// The cells as printed, with their headings.
    pub fn texts(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.header.names.iter().map(String::as_str).zip(self.line.split_whitespace())
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.texts().find(|(heading, _)| *heading == name).map(|(_, text)| text)
    }

    /// Index of the GPU.
    ///
    /// # Errors
    ///
    /// - [`DmonError::Gpu`] if it is no number.
    pub fn gpu(self) -> Result<u32, DmonError> {
        self.text("gpu").and_then(|text| text.parse().ok()).ok_or(DmonError::Gpu)
    }

    /// Local time of the row in whole seconds; `None` where the table has none (`-o DT` was not given).
    pub fn time(self) -> Option<LocalTime> {
        parse_date_and_time(self.text("Date")?, self.text("Time")?)
    }

    /// The columns that this crate knows; each an error if its cell is neither a value nor an absence.
    pub fn cells(self) -> impl Iterator<Item = Result<(Column, Cell), DmonError>> {
        self.texts().filter_map(|(name, text)| {
            let column = known(name)?;
            let cell = parse_cell(column.kind, text);
            Some(
                cell.map(|cell| (column, cell))
                    .map_err(|malformed| DmonError::Cell { name: column.name, malformed }),
            )
        })
    }
}

/// One row of a saved log: its time, the GPU's index, the columns that this crate knows.
pub type LogRow = (Option<LocalTime>, u32, Vec<(Column, Cell)>);

/// Reads a saved log: its rows, and the lines that could not be read by number from 1. A last line that neither a line
/// feed nor a space ends is no row.
pub fn parse_log(log: &str) -> (Vec<LogRow>, Vec<(usize, String)>) {
    let mut header = None;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let lines = log.split_inclusive('\n').enumerate();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        header = Header::parse(line).or(header);
        let outcome = match &header {
            Some(_) if !line.ends_with(char::is_whitespace) => Err(DmonError::CutOff.to_string()),
            None => Err("no headings yet".to_owned()),
            Some(header) => {
                header.row(line).and_then(|row| row.map(log_row).transpose()).map_err(|e| e.to_string())
            }
        };
        match outcome {
            Ok(row) => rows.extend(row),
            Err(problem) => problems.push((number + 1, problem)),
        }
    }
    (rows, problems)
}

fn log_row(row: Row<'_>) -> Result<LogRow, DmonError> {
    Ok((row.time(), row.gpu()?, row.cells().collect::<Result<_, _>>()?))
}
