//! Files of clock anchors: lines `mono N real N [boot N] [raw N] [width N]`, all in nanoseconds.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use power_core::Anchor;

use super::cell::show;
use super::delimited::line_error;
use super::nearest::hint;
use crate::{Error, Result};

const KEYS: [&str; 5] = ["mono", "real", "boot", "raw", "width"];

/// Longest line that is believed; a real one has about a hundred bytes.
const LONGEST_LINE: u64 = 4_096;

/// Reads all anchors of a file, in the order of the file.
///
/// A line that does not say how long reading the clocks took, or says 0, gives an anchor of unknown width.
///
/// # Errors
///
/// - a line is faulty; the message names the line
/// - the file has no anchors
pub fn read(input: impl Read, path: &Path) -> Result<Vec<Anchor>> {
    let mut input = BufReader::new(input);
    let mut anchors = Vec::new();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let count = (&mut input)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| Error::io(path, "read", error))?;
        if count == 0 {
            break;
        }
        let text = line.trim_ascii();
        if !text.is_empty() {
            anchors.push(parse_line(text).map_err(|(what, mend)| line_error(path, number, what).mend(mend))?);
        }
    }
    if anchors.is_empty() {
        return Err(Error::file(path, "has no anchors").mend("write lines `mono N real N boot N raw N`"));
    }
    Ok(anchors)
}

fn parse_line(line: &[u8]) -> Result<Anchor, (String, String)> {
    const FORM: &str = "write `mono N real N boot N raw N`, in nanoseconds";
    let text =
        std::str::from_utf8(line).map_err(|_| (format!("`{}` is not UTF-8", show(line)), FORM.into()))?;
    let mut values = [None; KEYS.len()];
    let mut words = text.split_ascii_whitespace();
    while let Some(key) = words.next() {
        let Some(place) = KEYS.iter().position(|known| *known == key) else {
            return Err((format!("unknown clock `{}`", show(key.as_bytes())), hint(key, &KEYS)));
        };
        let value = words.next().and_then(|word| word.parse::<i64>().ok());
        if value.is_none() || values[place].is_some() {
            return Err((format!("`{key}` has no time of its own"), FORM.into()));
        }
        values[place] = value;
    }
    let [Some(monotonic_ns), Some(realtime_ns), boottime_ns, raw_ns, width_ns] = values else {
        return Err(("needs both mono and real".into(), FORM.into()));
    };
    // As runs on disk have it: reading clocks takes some time.
    let width_ns = width_ns.filter(|width| *width != 0);
    Ok(Anchor { monotonic_ns, realtime_ns, boottime_ns, raw_ns, width_ns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_become_anchors() {
        let text = b"mono 22958005177 real 1795520826400100148 boot 22958004980 raw 22877951596\n\nmono 1 real 2 width 3";
        let anchors = read(&text[..], Path::new("clocks.txt")).unwrap();
        assert_eq!(anchors[0].boottime_ns, Some(22_958_004_980));
        assert_eq!(anchors[0].width_ns, None);
        let second =
            Anchor { monotonic_ns: 1, realtime_ns: 2, boottime_ns: None, raw_ns: None, width_ns: Some(3) };
        assert_eq!(anchors[1], second);
    }

    #[test]
    fn faults_name_the_line() {
        let says = |text: &str| read(text.as_bytes(), Path::new("clocks.txt")).unwrap_err().to_string();
        assert!(says("").contains("has no anchors"));
        assert!(says("mono 1 real 2\nmono 3").contains("line 2: needs both"));
        assert!(says("mono 1 rael 2").contains("did you mean `real`"));
        assert!(says("mono x real 2").contains("`mono` has no time"));
        assert!(says("mono 1 mono 2").contains("`mono` has no time"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_anchors_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes[..], Path::new("clocks.txt"));
        }
    }
}
