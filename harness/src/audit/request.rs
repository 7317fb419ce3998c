//! What to audit, and the audit itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use power_analysis::audit::{Audit, Hardware, PrincipleVerdict, audit as judge};
use serde::Serialize;

use super::table::ColumnChoice;
use super::{AuditFormat, Gathered, code_carbon, ea_has, ec_nas, find, hw_gpt, polls, sweep, table};
use crate::import::{file_name, read_small};
use crate::{Error, Result};

/// No published file of figures is longer.
const LONGEST: u64 = 1 << 30;

/// What to audit, and what is known beside it.
#[derive(Debug, Clone, Default)]
pub struct AuditRequest {
    /// Files, or folders of them.
    pub paths: Vec<PathBuf>,
    /// Their format; by their content where it is not given.
    pub format: Option<AuditFormat>,
    /// For tables: what columns are.
    pub columns: Vec<ColumnChoice>,
    /// A table of the readings that the tool took.
    pub polls: Option<PathBuf>,
    /// Marks of the epochs, on the time base of the polls.
    pub epochs: Option<PathBuf>,
    /// What is known of the machine.
    pub hardware: Hardware,
}

/// An audit with what was read for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchmarkAudit {
    /// Program and version.
    pub written_by: String,
    /// The verdict in a sentence.
    pub verdict: String,
    /// Files by format.
    pub files: BTreeMap<&'static str, usize>,
    /// What a reader has to know.
    pub notes: Vec<String>,
    /// What was found.
    #[serde(flatten)]
    pub audit: Audit,
}

/// Reads and judges a published benchmark.
///
/// # Errors
///
/// - a file is missing, damaged, or of no known format; the message names file, line and what to do
/// - the options do not fit the format
pub fn audit(request: &AuditRequest) -> Result<BenchmarkAudit> {
    if request.polls.is_some() != request.epochs.is_some() {
        return Err(Error::new("--polls and --epochs go together")
            .mend("give both: the readings, and when epochs were"));
    }
    let (files, passed) = find::find(&request.paths, request.format)?;
    if files.is_empty() {
        let named = request.paths.first().map_or_else(|| "nothing".into(), |path| path.display().to_string());
        return Err(Error::new(format!("{named}: holds no file of a format that is known"))
            .mend("name a file, or its format by --format"));
    }
    if !request.columns.is_empty() && files.iter().all(|(_, format)| *format != AuditFormat::Table) {
        return Err(
            Error::new("--column has no meaning for these files").mend("leave it out; it is for tables")
        );
    }
    let mut gathered = Gathered::default();
    let logged = files.iter().any(|(_, format)| *format == AuditFormat::EaHasBench);
    let mut by_format: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (path, format) in &files {
        if logged && *format == AuditFormat::Sweep {
            gathered.notes.push(format!("{}: not used, the log has the same times", file_name(path)));
            continue;
        }
        read(path, *format, request, logged, &mut gathered)?;
        *by_format.entry(format.name()).or_default() += 1;
    }
    ec_nas::finish(&mut gathered);
    if passed > 0 {
        gathered.notes.push(format!("files of no known format, passed over: {passed}"));
    }
    if let Some((polls_path, epochs_path)) = request.polls.as_ref().zip(request.epochs.as_ref()) {
        let polls = polls::read(&read_small(polls_path, LONGEST)?, polls_path)?;
        let spans = polls::spans(&read_small(epochs_path, LONGEST)?, epochs_path)?;
        let column = polls::attach(&mut gathered.benchmark, &polls, &spans)?;
        gathered
            .notes
            .push(format!("readings are those of the column `{column}` of {}", file_name(polls_path)));
    }
    let benchmark = &mut gathered.benchmark;
    benchmark.name = request.paths.first().map(|path| file_name(path)).unwrap_or_default();
    let words: Vec<String> = by_format.iter().map(|(format, files)| format!("{files} of {format}")).collect();
    benchmark.source = words.join(", ");
    let audit = judge(benchmark, &request.hardware);
    Ok(BenchmarkAudit {
        written_by: format!("wattproof {}", env!("CARGO_PKG_VERSION")),
        verdict: verdict(&audit),
        files: by_format,
        notes: gathered.notes,
        audit,
    })
}

fn read(
    path: &Path,
    format: AuditFormat,
    request: &AuditRequest,
    logged: bool,
    into: &mut Gathered,
) -> Result<()> {
    let bytes = read_small(path, LONGEST)?;
    match format {
        AuditFormat::EaHasBench => ea_has::read(&bytes, path, into),
        AuditFormat::EcNasBench => ec_nas::read(&bytes, path, into),
        AuditFormat::HwGptBench => hw_gpt::read(&bytes, path, into),
        AuditFormat::Sweep => sweep::read(&bytes, path, into),
        AuditFormat::CodeCarbon => code_carbon::read(&bytes, path, into),
        AuditFormat::Table => table::read(&bytes, path, &request.columns, into),
        #[cfg(feature = "smi")]
        AuditFormat::SmiXml => super::smi_xml::read(&bytes, path, logged, into),
        #[cfg(not(feature = "smi"))]
        AuditFormat::SmiXml if logged => Ok(()),
        #[cfg(not(feature = "smi"))]
        AuditFormat::SmiXml => Err(Error::file(path, "needs the feature `smi`").mend("build with it")),
    }
}

/// The verdict in a sentence.
fn verdict(audit: &Audit) -> String {
    let faults = audit.faults();
    let notes = audit.findings.len() - faults;
    let counted = |count: usize, word: &str| match count {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let kept = audit.principles.iter().filter(|one| one.verdict == PrincipleVerdict::Met).count();
    let unknown = audit.principles.iter().filter(|one| one.verdict == PrincipleVerdict::CannotBeTold).count();
    format!(
        "{} and {} found in {}; {} could not be told. Of the three principles {kept} are met, {} not, and {unknown} cannot \
         be told.",
        counted(faults, "fault"),
        counted(notes, "note"),
        counted(audit.records, "record"),
        counted(audit.open.len(), "check"),
        audit.principles.len() - kept - unknown
    )
}
