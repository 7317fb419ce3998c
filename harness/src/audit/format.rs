//! The formats of published benchmarks.

use std::fmt;

/// A format that can be audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum, serde::Serialize)]
#[value(rename_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AuditFormat {
    /// EA-HAS-Bench: the training's output, with the tracer's blocks and pycls' `json_stats` lines
    EaHasBench,
    /// EC-NAS-Bench: `results.json` of carbontracker, one file or a tree of them
    EcNasBench,
    /// HW-GPT-Bench: its columns, as CSV or JSON
    HwGptBench,
    /// pycls: `sweep.json`
    Sweep,
    /// Code Carbon: `emissions.csv`
    CodeCarbon,
    /// nvidia-smi: outputs of `nvidia-smi -q -x`, one after another
    SmiXml,
    /// Any CSV: columns by name, or by --column
    Table,
}

impl AuditFormat {
    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EaHasBench => "ea-has-bench",
            Self::EcNasBench => "ec-nas-bench",
            Self::HwGptBench => "hw-gpt-bench",
            Self::Sweep => "sweep",
            Self::CodeCarbon => "code-carbon",
            Self::SmiXml => "smi-xml",
            Self::Table => "table",
        }
    }

    /// The format of content that begins with `head`, by what is in it; `None` if it is none of these.
    pub fn of_content(head: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(head);
        let start = text.trim_start_matches('\u{feff}').trim_start();
        let first = start.lines().next().unwrap_or_default();
        let has = |word: &str| text.contains(word);
        // Lines of a log may begin with a bracket, as JSON does.
        if ["json_stats:", "excel compatible output", "No tracing info collected"].into_iter().any(has) {
            return Some(Self::EaHasBench);
        }
        match start.as_bytes().first()? {
            b'<' if has("nvidia_smi_log") => Some(Self::SmiXml),
            b'{' | b'[' if has("total_energy (kWh)") || has("\"evaluation_results\"") => {
                Some(Self::EcNasBench)
            }
            b'{' | b'[' if has("energy_gpu") => Some(Self::HwGptBench),
            b'[' if has("train_epoch") || has("test_epoch") => Some(Self::Sweep),
            _ if start.lines().any(|line| super::ea_has::block(line).is_some()) => Some(Self::EaHasBench),
            _ if first.contains("energy_consumed") && first.contains("duration") => Some(Self::CodeCarbon),
            _ if first.contains("energy_gpu") => Some(Self::HwGptBench),
            b'{' | b'[' | b'<' => None,
            _ if first.contains(',') => Some(Self::Table),
            _ => None,
        }
    }
}

impl fmt::Display for AuditFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_the_format() {
        use AuditFormat::{CodeCarbon, EaHasBench, EcNasBench, HwGptBench, SmiXml, Sweep, Table};
        for (head, format) in [
            ("<?xml version=\"1.0\" ?>\n<nvidia_smi_log>", Some(SmiXml)),
            ("{\"total_time\": 1, \"total_energy (kWh)\": 2}", Some(EcNasBench)),
            ("[{\"energy_gpu\": [1]}]", Some(HwGptBench)),
            ("[{\"train_epoch\": {}}]", Some(Sweep)),
            ("[logging.py: 1]: json_stats: {\"_type\": \"train_epoch\"}", Some(EaHasBench)),
            ("99.0000\t12.0000\t0.0278\t100.0000\t60.0000\t1.0000\n", Some(EaHasBench)),
            ("timestamp,run_id,duration,energy_consumed\n", Some(CodeCarbon)),
            ("arch,mean_energy_gpu,energy_gpu\n", Some(HwGptBench)),
            ("arch,energy_kwh\n", Some(Table)),
            ("{\"something\": 1}", None),
            ("", None),
        ] {
            assert_eq!(AuditFormat::of_content(head.as_bytes()), format, "{head}");
        }
    }
}
