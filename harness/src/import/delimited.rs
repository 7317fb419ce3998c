//! Records of a delimited text file, with the faults that real files have: a byte-order mark, CRLF, quotes, ragged
//! rows, a header written twice, a last line that was cut off.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::cell::show;
use crate::{Error, Result};

/// A record longer than this has lost the twin of a quote.
const LONGEST_RECORD: usize = 1 << 22;

/// Watches what passes: the last byte, because a file that does not end with a line feed may have been cut, and how
/// much since the last record, because a quote without its twin would take the rest of the file for one cell.
#[derive(Debug)]
struct Watched<R> {
    inner: R,
    last: Option<u8>,
    since_record: usize,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_record > LONGEST_RECORD {
            return Err(io::Error::other("a row of over 4 MiB: has a quote lost its twin?"));
        }
        let count = self.inner.read(buffer)?;
        self.since_record += count;
        if let Some(last) = buffer[..count].last() {
            self.last = Some(*last);
        }
        Ok(count)
    }
}

/// A delimited text file whose columns are known.
#[derive(Debug)]
pub(crate) struct Delimited<R> {
    reader: csv::Reader<Watched<R>>,
    path: PathBuf,
    header: Vec<String>,
    header_record: Option<ByteRecord>,
    record: ByteRecord,
    /// A cut record stands in `record` until it is known whether another follows.
    following: ByteRecord,
    repeated_headers: u64,
    cut: bool,
}

impl<R: Read> Delimited<R> {
    /// Opens a file; `columns` names the columns of a file that has no header line.
    pub(crate) fn open(input: R, path: &Path, delimiter: u8, columns: Option<&[String]>) -> Result<Self> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(1 << 17)
            .from_reader(Watched { inner: input, last: None, since_record: 0 });
        let mut file = Self {
            reader,
            path: path.to_owned(),
            header: Vec::new(),
            header_record: None,
            record: ByteRecord::new(),
            following: ByteRecord::new(),
            repeated_headers: 0,
            cut: false,
        };
        file.header = match columns {
            Some(columns) => columns.iter().map(|name| name.trim().to_owned()).collect(),
            None => file.read_header()?,
        };
        file.check_header()?;
        Ok(file)
    }

    fn read_header(&mut self) -> Result<Vec<String>> {
        let mut record = ByteRecord::new();
        if !self.read_into(&mut record)? {
            return Err(Error::file(&self.path, "is empty").mend("check whether its recorder ran"));
        }
        let names = record.iter().map(|cell| {
            if cell.contains(&0) {
                return Err(Error::file(&self.path, "is binary or UTF-16, not a table in UTF-8")
                    .mend("save it as CSV in UTF-8, or name its own format"));
            }
            let name = std::str::from_utf8(cell).map_err(|_| {
                Error::file(&self.path, format!("line 1: the header is not UTF-8: `{}`", show(cell)))
                    .mend("save it in UTF-8")
            })?;
            Ok(name.trim().to_owned())
        });
        let names = names.collect::<Result<Vec<_>>>()?;
        self.header_record = Some(record);
        Ok(names)
    }

    fn check_header(&self) -> Result<()> {
        for (index, name) in self.header.iter().enumerate() {
            if !name.is_empty() && self.header[..index].contains(name) {
                return Err(Error::file(&self.path, format!("has two columns named `{name}`"))
                    .mend("rename one of them"));
            }
        }
        Ok(())
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// The next record with its line, both `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(&ByteRecord, u64)>> {
        loop {
            let mut record = std::mem::take(&mut self.record);
            let more = self.read_into(&mut record)?;
            self.record = record;
            if !more {
                return Ok(None);
            }
            let repeated = self.header_record.as_ref().is_some_and(|header| *header == self.record);
            if !repeated {
                break;
            }
            self.repeated_headers += 1;
        }
        let line = line_of(&self.record);
        if self.record.len() == self.header.len() {
            return Ok(Some((&self.record, line)));
        }
        let mut following = std::mem::take(&mut self.following);
        let more = self.read_into(&mut following)?;
        self.following = following;
        if !more && self.record.len() < self.header.len() && self.reader.get_ref().last != Some(b'\n') {
            self.cut = true;
            return Ok(None);
        }
        let what =
            format!("line {line}: has {} cells, the header has {}", self.record.len(), self.header.len());
        Err(Error::file(&self.path, what).mend("quote cells that hold the delimiter, or take the line out"))
    }

    fn read_into(&mut self, record: &mut ByteRecord) -> Result<bool> {
        self.reader.get_mut().since_record = 0;
        self.reader.read_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => Error::io(&self.path, "read", error),
            kind => Error::file(&self.path, format!("cannot be read as a table: {kind:?}")),
        })
    }

    /// What the file had that a reader of the run has to know.
    pub(crate) fn notes(&self) -> Vec<String> {
        let name = super::input::file_name(&self.path);
        let mut notes = Vec::new();
        if self.repeated_headers > 0 {
            notes.push(format!("{name}: headers repeated between the rows: {}", self.repeated_headers));
        }
        if self.cut {
            notes.push(format!("{name}: its last line is cut off and left out"));
        }
        notes
    }
}

fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}

/// An error about one line of a file.
pub(crate) fn line_error(path: &Path, line: u64, what: impl std::fmt::Display) -> Error {
    Error::file(path, format!("line {line}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<(Vec<Vec<String>>, Vec<String>)> {
        let mut file = Delimited::open(text, Path::new("t.csv"), b',', None)?;
        let mut rows = Vec::new();
        while let Some((record, _)) = file.next()? {
            rows.push(record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect());
        }
        Ok((rows, file.notes()))
    }

    fn fault(text: &[u8]) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn marks_of_editors_and_spreadsheets_are_read() {
        let (rows, notes) = read("\u{feff}a,b\r\n1,\"2,5\"\r\n\r\n3,4".as_bytes()).unwrap();
        assert_eq!(rows, [["1", "2,5"], ["3", "4"]]);
        assert!(notes.is_empty());
    }

    #[test]
    fn a_header_may_come_again_and_the_last_line_may_be_cut() {
        let (rows, notes) = read(b"a,b\n1,2\na,b\n3,4\n5").unwrap();
        assert_eq!(rows, [["1", "2"], ["3", "4"]]);
        assert_eq!(
            notes,
            ["t.csv: headers repeated between the rows: 1", "t.csv: its last line is cut off and left out"]
        );
    }

    #[test]
    fn faults_name_the_line() {
        assert_eq!(
            fault(b"a,b\n1,2\n3\n4,5\n"),
            "t.csv: line 3: has 1 cells, the header has 2: quote cells that hold the delimiter, or take the line out"
        );
        assert!(fault(b"a,b\n1,2,3").contains("line 2: has 3 cells"));
        assert!(fault(b"a,b\n1,2\n3\n").contains("line 3"));
        assert!(fault(b"").contains("is empty"));
        assert!(fault(b"\n\n").contains("is empty"));
        assert!(fault(b"a,b,a\n").contains("two columns named `a`"));
        assert!(fault(b"a,\xff\n1,2\n").contains("not UTF-8"));
        let quote = [&b"a,b\n1,\"2\n"[..], &vec![b'x'; LONGEST_RECORD * 2]].concat();
        assert!(fault(&quote).contains("cannot read"));
        assert!(fault(b"a\0,\0b\0\n").contains("UTF-16"));
    }
}
