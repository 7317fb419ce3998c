//! The formats that can be imported.

use std::fmt;
use std::str::FromStr;

use super::nearest::hint;
use crate::{Error, Result};

/// A format that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
#[value(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// The neutral format: `t_ns,channel,quantity,value[,t_end_ns]`
    Csv,
    /// Any CSV or Parquet table by a column map
    Table,
    /// Logs of `nvidia-smi --query-gpu … --format=csv`
    NvidiaSmi,
    /// Outputs of `nvidia-smi -q -x`, one after another
    SmiXml,
    /// ElmorLabs PMD-USB: `PMD_data.bin` with `PMD_start_ts.txt`
    Pmd,
    /// SPEC PTDaemon: `spl.txt`, with the logs beside it
    Ptdaemon,
    /// Code Carbon's `emissions.csv`, of all versions
    CodeCarbon,
    /// carbontracker's figures in EC-NAS-Bench's `results.json`
    Carbontracker,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] = [
        Self::Csv,
        Self::Table,
        Self::NvidiaSmi,
        Self::SmiXml,
        Self::Pmd,
        Self::Ptdaemon,
        Self::CodeCarbon,
        Self::Carbontracker,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Table => "table",
            Self::NvidiaSmi => "nvidia-smi",
            Self::SmiXml => "smi-xml",
            Self::Pmd => "pmd",
            Self::Ptdaemon => "ptdaemon",
            Self::CodeCarbon => "code-carbon",
            Self::Carbontracker => "carbontracker",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            Error::new(format!("unknown format `{text}`")).mend(hint(text, &Self::ALL.map(Self::name)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn names_are_those_of_the_command_line() {
        for format in Format::ALL {
            assert_eq!(format.name().parse::<Format>().unwrap(), format);
            assert_eq!(format.to_possible_value().unwrap().get_name(), format.name());
        }
        assert_eq!(Format::value_variants(), Format::ALL);
        assert!(
            "nvidia_smi".parse::<Format>().unwrap_err().to_string().contains("did you mean `nvidia-smi`")
        );
    }
}
