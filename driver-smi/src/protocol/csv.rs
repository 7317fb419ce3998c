//! What `--query-gpu=… --format=csv` prints: with units and header or without, once, in a loop, or saved.

use super::cell::is_whole;
use super::{Cell, Field, LocalTime, Malformed, parse_cell, parse_csv_time};

/// The columns of a table: from its header line, or from the fields that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    columns: Vec<Column>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name as printed.
    pub name: String,
    /// The field of that name, where this crate knows it.
    pub field: Option<Field>,
}

/// Why a line cannot be read as a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// It has another number of cells than the table has columns: it is cut off, or a message.
    #[error("{found} cells where the table has {expected} columns")]
    Cells {
        /// Cells in the line.
        found: usize,
        /// Columns of the table.
        expected: usize,
    },
    /// Its time is none.
    #[error("the first column is no time")]
    Time,
    /// One cell is neither a value nor an absence.
    #[error("{}: {malformed}", .field.name())]
    Cell {
        /// The field of that cell.
        field: Field,
        /// What it should have been.
        malformed: Malformed,
    },
    /// It is not UTF-8.
    #[error("not UTF-8")]
    Text,
    /// The log ends within it, or right behind it: its last value may have lost digits.
    #[error("the log ends without ending this line, and its last value may be cut off")]
    CutOff,
}

impl Header {
    /// The columns of fields asked for by name, for output without header.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let column = |name: &str| Column { name: name.to_owned(), field: Field::named(name) };
        Self { columns: names.into_iter().map(column).collect() }
    }

    /// Reads a header line such as `timestamp, power.draw [W]`; `None` if it is none.
    ///
    /// A line is a header if the first column is a field that this crate knows, every name could be a field's, and
    /// every unit is that of its field.
    pub fn parse(line: &str) -> Option<Self> {
        let columns: Option<Vec<_>> = line.split(',').map(|cell| column(cell.trim())).collect();
        let columns = columns?;
        columns.first()?.field.is_some().then_some(Self { columns })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether there is a column of this field.
    pub fn has(&self, field: Field) -> bool {
        self.columns.iter().any(|column| column.field == Some(field))
    }

    /// Takes one line as a row of this table. Allocates nothing.
    ///
    /// # Errors
    ///
    /// - [`RowError::Text`] if it is not UTF-8.
    /// - [`RowError::Cells`] if it has another number of cells.
    pub fn row<'a>(&'a self, line: &'a [u8]) -> Result<Row<'a>, RowError> {
        let line = str::from_utf8(line).map_err(|_| RowError::Text)?;
        let (found, expected) = (line.split(',').count(), self.columns.len());
        if found == expected {
            Ok(Row { header: self, line })
        } else {
            Err(RowError::Cells { found, expected })
        }
    }
}

fn column(cell: &str) -> Option<Column> {
    let (name, unit) = match cell.split_once(' ') {
        None => (cell, None),
        Some((name, unit)) => (name, Some(unit.strip_prefix('[')?.strip_suffix(']')?)),
    };
    let plausible = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
    let field = Field::named(name);
    let right_unit = match (unit, field) {
        (Some(unit), Some(field)) => field.kind().unit() == Some(unit),
        _ => true,
    };
    let right = name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(plausible);
    (right && right_unit).then(|| Column { name: name.to_owned(), field })
}

/// One row: as many cells as the table has columns.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    header: &'a Header,
    line: &'a str,
}

impl<'a> Row<'a> {
    /// The cells as printed, with their columns.
    pub fn texts(self) -> impl Iterator<Item = (&'a Column, &'a str)> {
        self.header.columns.iter().zip(self.line.split(',').map(str::trim))
    }

    /// Whether its last cell shows that it was not cut off.
    fn is_whole(self) -> bool {
        self.texts()
            .last()
            .is_some_and(|(column, text)| column.field.is_some_and(|field| is_whole(field.kind(), text)))
    }

    /// The text of one field's cell; `None` if the table has no such column.
    pub fn text(self, field: Field) -> Option<&'a str> {
        self.texts().find(|(column, _)| column.field == Some(field)).map(|(_, text)| text)
    }

    /// The local time of the row; `None` if the table has no such column.
    ///
    /// # Errors
    ///
    /// - [`RowError::Time`] if it is no time.
    pub fn time(self) -> Result<Option<LocalTime>, RowError> {
        self.text(Field::Timestamp).map(|text| parse_csv_time(text).ok_or(RowError::Time)).transpose()
    }

    /// The measured fields of the row, in order.
    ///
    /// Each is an error if its cell is neither a value nor an absence.
    pub fn cells(self) -> impl Iterator<Item = Result<(Field, Cell), RowError>> {
        self.texts().filter_map(|(column, text)| {
            let field = column.field.filter(|field| !field.is_identity())?;
            let cell = parse_cell(field.kind(), text);
            Some(cell.map(|cell| (field, cell)).map_err(|malformed| RowError::Cell { field, malformed }))
        })
    }

    /// The cell of one measured field; `None` if the table has no such column.
    ///
    /// # Errors
    ///
    /// - [`RowError::Cell`] if it is neither a value nor an absence.
    pub fn cell(self, field: Field) -> Result<Option<Cell>, RowError> {
        let cell = self.text(field).map(|text| parse_cell(field.kind(), text));
        cell.transpose().map_err(|malformed| RowError::Cell { field, malformed })
    }
}

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub enum Line<'a> {
    /// A header; the table's columns are set by it from here on.
    Header,
    /// A row.
    Row(Row<'a>),
    /// Neither: a warning or another message.
    Message(&'a str),
    /// A row that cannot be read.
    Bad(RowError),
}

/// Tells what a line is, given the columns so far, and takes new columns from a header line.
///
/// A line before any header is a message. A line with a time, or with as many cells as there are columns, is a row,
/// good or bad; every other one is a message. Allocates only for a header that differs from the one before.
pub fn classify<'a>(header: &'a mut Option<Header>, line: &'a [u8]) -> Line<'a> {
    let Ok(text) = str::from_utf8(line) else { return Line::Bad(RowError::Text) };
    let starts_table = text.split(',').next().and_then(|cell| column(cell.trim())?.field).is_some();
    if let Some(new) = starts_table.then(|| Header::parse(text)).flatten() {
        *header = Some(new);
        return Line::Header;
    }
    let Some(header) = header.as_ref() else { return Line::Message(text) };
    let timed = text.split(',').next().and_then(parse_csv_time).is_some();
    let has_time = header.columns.first().is_some_and(|column| column.field == Some(Field::Timestamp));
    match header.row(line) {
        Ok(row) if !has_time || timed => Line::Row(row),
        Err(error) if timed => Line::Bad(error),
        _ => Line::Message(text),
    }
}

/// The rows of a saved log and the lines that could not be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Log {
    /// The rows in order.
    pub rows: Vec<LogRow>,
    /// Lines that are no rows, by number from 1, and why: messages, rows cut off, bad cells.
    pub problems: Vec<(usize, String)>,
}

/// One row of a saved log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// Its local time, where the log has one.
    pub time: Option<LocalTime>,
    /// Which GPU: its uuid, else bus id, else index; `None` where the log does not say.
    pub gpu: Option<String>,
    /// The measured fields that this crate knows.
    pub cells: Vec<(Field, Cell)>,
}

/// Reads a saved log: header, rows, headers again where it was appended to, messages in between.
///
/// A log without header needs the names of its columns in `columns`. A log appended to by a query without time
/// keeps its rows in order all the same. A last line that no line feed ends is a row only if its last value shows that
/// it is whole, by its unit or as an absence.
///
/// ```
/// use driver_smi::protocol::csv::parse_log;
/// let log = parse_log(b"timestamp, power.draw [W]\n2026/11/24 11:21:58.071, 78.45 W\n2026/11", &[]);
/// assert_eq!(log.rows.len(), 1);
/// assert_eq!(log.problems[0].0, 3); // cut off
/// ```
pub fn parse_log(log: &[u8], columns: &[&str]) -> Log {
    let mut header = (!columns.is_empty()).then(|| Header::of_names(columns.iter().copied()));
    let mut parsed = Log::default();
    for (number, line) in log.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let ended = line.ends_with(b"\n");
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let problem = match classify(&mut header, line) {
            Line::Header => None,
            Line::Row(row) if !ended && !row.is_whole() => Some(RowError::CutOff.to_string()),
            Line::Row(row) => match log_row(row) {
                Ok(row) => {
                    parsed.rows.push(row);
                    None
                }
                Err(error) => Some(error.to_string()),
            },
            Line::Message(text) => Some(text.to_owned()),
            Line::Bad(error) => Some(error.to_string()),
        };
        parsed.problems.extend(problem.map(|problem| (number + 1, problem)));
    }
    parsed
}

fn log_row(row: Row<'_>) -> Result<LogRow, RowError> {
    let gpu = [Field::Uuid, Field::BusId, Field::Index].into_iter().find_map(|field| row.text(field));
    let cells = row.cells().collect::<Result<_, _>>()?;
    Ok(LogRow { time: row.time()?, gpu: gpu.map(str::to_owned), cells })
}
