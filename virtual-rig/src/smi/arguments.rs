//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::dmon::Monitor;

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Mode {
    /// The table.
    Table,
    /// `-L`
    List,
    /// `-q`, with the sections of `-d`; all if empty.
    Log { xml: bool, display: Vec<String> },
    /// `--query-gpu`
    Query(QueryArguments),
    /// `--help-query-gpu`
    HelpQueryGpu,
    /// `dmon`
    Monitor(Monitor),
    /// Nothing: shows that the executable can be run.
    Probe,
}

/// What to query and how to print it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct QueryArguments {
    pub(super) fields: String,
    pub(super) header: bool,
    pub(super) units: bool,
}

/// The command line, understood.
#[derive(Debug, PartialEq)]
pub(super) struct Arguments {
    pub(super) mode: Mode,
    /// Values of `-i`: which GPUs; all if empty.
    pub(super) ids: Vec<String>,
    /// Time between reports; only one report without it.
    pub(super) every: Option<Duration>,
    /// How many reports; no end without it.
    pub(super) count: Option<u64>,
    pub(super) output: Option<PathBuf>,
}

const INVALID: &str = "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n";

/// Options that are the same: their first name stands for them.
const SAME: [&[&str]; 12] = [
    &["-q", "--query"],
    &["-x", "--xml-format"],
    &["-d", "--display", "--delay"],
    &["-i", "--id"],
    &["-f", "--filename"],
    &["-l", "--loop"],
    &["-lms", "--loop-ms"],
    &["-L", "--list-gpus"],
    &["-s", "--select"],
    &["-c", "--count"],
    &["-o", "--options"],
    &["--help-query-gpu"],
];

impl Arguments {
    pub(super) fn parse(arguments: &[OsString]) -> Result<Self, String> {
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let monitor = words.first().is_some_and(|word| word == "dmon");
        let mut words = words.into_iter().skip(usize::from(monitor)).peekable();
        let (mut log, mut xml, mut list, mut help, mut probe) = (false, false, false, false, false);
        let (mut display, mut select, mut options) = (None, None, String::new());
        let (mut query, mut format) = (None, None);
        let mut parsed = Self { mode: Mode::Table, ids: Vec::new(), every: None, count: None, output: None };
        while let Some(word) = words.next() {
            let (name, joined) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let first = SAME
                .iter()
                .find(|names| names.contains(&name.as_str()))
                .map_or(name.as_str(), |names| names[0]);
            let mut value = || joined.clone().or_else(|| words.next()).ok_or(INVALID);
            match first {
                "-q" => log = true,
                "-x" => xml = true,
                "-L" => list = true,
                "--help-query-gpu" => help = true,
                "--probe" => probe = true,
                "-d" => display = Some(value()?),
                "-i" => parsed.ids.extend(value()?.split(',').map(str::to_owned)),
                "-f" => parsed.output = Some(PathBuf::from(value()?)),
                "-s" => select = Some(value()?),
                "-o" => options = value()?,
                "-c" => parsed.count = Some(value()?.parse().map_err(|_| INVALID)?),
                "-lms" => parsed.every = Some(Duration::from_millis(value()?.parse().map_err(|_| INVALID)?)),
                // A loop without a number is one of 5 s.
                "-l" => {
                    let number = joined.or_else(|| words.next_if(|next| next.parse::<u64>().is_ok()));
                    let seconds = number.map_or(Ok(5), |number| number.parse().map_err(|_| INVALID))?;
                    parsed.every = Some(Duration::from_secs(seconds));
                }
                "--query-gpu" => query = Some(value()?),
                "--format" => format = Some(value()?),
                _ => return Err(INVALID.to_owned()),
            }
        }
        parsed.mode = if probe {
            Mode::Probe
        } else if help {
            Mode::HelpQueryGpu
        } else if monitor {
            let seconds = display.map_or(Ok(1), |text| text.parse().map_err(|_| INVALID))?;
            parsed.every = Some(Duration::from_secs(seconds));
            Mode::Monitor(Monitor::parse(select.as_deref().unwrap_or("puc"), &options).ok_or(INVALID)?)
        } else if let Some(fields) = query {
            let format =
                format.ok_or("\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help.\n")?;
            Mode::Query(QueryArguments::parse(fields, &format).ok_or(INVALID)?)
        } else if list {
            Mode::List
        } else if log || xml {
            let display = display.unwrap_or_default();
            let display = display.split(',').filter(|word| !word.is_empty()).map(str::to_uppercase).collect();
            Mode::Log { xml, display }
        } else {
            Mode::Table
        };
        Ok(parsed)
    }
}

impl QueryArguments {
    fn parse(fields: String, format: &str) -> Option<Self> {
        let mut query = Self { fields, header: true, units: true };
        let mut csv = false;
        for word in format.split(',').map(str::trim) {
            match word {
                "csv" => csv = true,
                "noheader" => query.header = false,
                "nounits" => query.units = false,
                _ => return None,
            }
        }
        csv.then_some(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn options_in_each_of_their_forms() {
        let long = parse("--query-gpu=power.draw --format=csv,noheader --loop-ms=100 --id=0,2").unwrap();
        let short = parse("--query-gpu power.draw --format csv,noheader -lms 100 -i 0 -i 2").unwrap();
        assert_eq!(long, short);
        assert_eq!(long.every, Some(Duration::from_millis(100)));
        assert_eq!(parse("-q -l").unwrap().every, Some(Duration::from_secs(5)));
        assert_eq!(parse("-l 2 -q -x").unwrap().mode, Mode::Log { xml: true, display: Vec::new() });
        let mode = parse("-q -d power,clock").unwrap().mode;
        assert_eq!(mode, Mode::Log { xml: false, display: vec!["POWER".into(), "CLOCK".into()] });
        assert_eq!(parse("dmon -s pu -d 2 -c 3 -i 0").unwrap().count, Some(3));
        for wrong in
            ["--query-gpu=name", "--query-gpu=name --format=xml", "-i", "--odd", "-lms x", "dmon -s z"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
