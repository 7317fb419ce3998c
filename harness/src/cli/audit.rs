//! `wattproof audit`: others' published benchmarks by the three principles.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use power_analysis::audit::{Finding, Hardware, Severity};

use super::output::{JsonOption, paragraph};
use super::page::FiguresOption;
use super::{Outcome, number_at_least_0};
use crate::Result;
use crate::audit::table::ColumnChoice;
use crate::audit::{AuditFormat, AuditRequest, BenchmarkAudit, audit};
use crate::report::audit_page;

/// Judge a published energy-aware benchmark by its own figures: known faults by their traces, and what can be concluded.
///
/// Exit code 1 says that faults were found.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Files or folders of the benchmark.
    #[arg(required = true, value_name = "DATA")]
    paths: Vec<PathBuf>,
    /// Format of the files; by their content where it is not given.
    #[arg(short, long, value_enum)]
    format: Option<AuditFormat>,
    /// For tables: what a column is, such as `energy=epoch_kwh:kWh`; may be repeated.
    #[arg(short, long, value_name = "ROLE=COLUMN[:UNIT]")]
    column: Vec<ColumnChoice>,
    /// Readings that the tool took: CSV with `t_before_ns,t_after_ns,power_w`.
    #[arg(long, value_name = "FILE", requires = "epochs")]
    polls: Option<PathBuf>,
    /// When the records were, on the clock of the polls: CSV `t_ns,event,name` (event: `begin`, `end`).
    #[arg(long, value_name = "FILE", requires = "polls")]
    epochs: Option<PathBuf>,
    /// GPUs that took part.
    #[arg(long, value_name = "COUNT")]
    gpus: Option<u32>,
    /// Board limit of one GPU, in watts.
    #[arg(long, value_name = "W", value_parser = number_at_least_0)]
    gpu_limit_w: Option<f64>,
    /// Power of one idle GPU, in watts.
    #[arg(long, value_name = "W", value_parser = number_at_least_0)]
    gpu_idle_w: Option<f64>,
    /// Memory of the node, in GiB.
    #[arg(long, value_name = "GIB", value_parser = number_at_least_0)]
    ram_gb: Option<f64>,
    /// Rated power of all CPUs together, in watts.
    #[arg(long, value_name = "W", value_parser = number_at_least_0)]
    cpu_tdp_w: Option<f64>,
    #[command(flatten)]
    json: JsonOption,
    /// Write the audit as one HTML page.
    #[arg(short, long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: FiguresOption,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    let found = audit(&AuditRequest {
        paths: arguments.paths.clone(),
        format: arguments.format,
        columns: arguments.column.clone(),
        polls: arguments.polls.clone(),
        epochs: arguments.epochs.clone(),
        hardware: Hardware {
            gpus: arguments.gpus,
            gpu_limit_w: arguments.gpu_limit_w,
            gpu_idle_w: arguments.gpu_idle_w,
            memory_gib: arguments.ram_gb,
            cpu_tdp_w: arguments.cpu_tdp_w,
            gpu_names: Vec::new(),
        },
    })?;
    arguments.json.write(&found, &text(&found))?;
    arguments.figures.write(arguments.report.as_deref(), || Ok(audit_page(&found)))?;
    Ok(if found.audit.faults() > 0 { Outcome::Failed } else { Outcome::Fine })
}

fn text(found: &BenchmarkAudit) -> String {
    let audit = &found.audit;
    let mut text = String::new();
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let _ = writeln!(
        text,
        "{}: {}, {} ({})\n",
        audit.benchmark,
        counted(audit.evaluations, "evaluation"),
        counted(audit.records, "record"),
        audit.source
    );
    paragraph(&mut text, 0, &found.verdict);
    for (severity, heading) in [(Severity::Fault, "Faults"), (Severity::Note, "To know")] {
        let mut of_kind = audit.findings.iter().filter(|finding| finding.severity == severity).peekable();
        if of_kind.peek().is_some() {
            let _ = writeln!(text, "\n{heading}");
        }
        of_kind.for_each(|finding| write_finding(&mut text, finding));
    }
    text.push_str("\nPrinciples\n");
    for principle in &audit.principles {
        paragraph(
            &mut text,
            2,
            &format!("{}: {} ({})", principle.name, principle.verdict.words(), principle.why),
        );
        for (sign, sentences) in [('+', &principle.can), ('-', &principle.cannot)] {
            for sentence in sentences {
                paragraph(&mut text, 4, &format!("{sign} {sentence}"));
            }
        }
    }
    if !audit.open.is_empty() {
        text.push_str("\nCould not be told\n");
    }
    for open in &audit.open {
        paragraph(&mut text, 2, &format!("{}: {}", open.check.name(), open.reason));
    }
    if !audit.ruled_out.is_empty() {
        text.push_str("\nLooked for and not there\n");
    }
    for ruled in &audit.ruled_out {
        paragraph(&mut text, 2, &format!("{}: {}", ruled.check.name(), ruled.evidence));
    }
    if !found.notes.is_empty() {
        text.push_str("\nNotes\n");
    }
    found.notes.iter().for_each(|note| paragraph(&mut text, 2, note));
    text
}

fn write_finding(text: &mut String, finding: &Finding) {
    let head = format!(
        "{} ({}): {} of {} {}",
        finding.check.name(),
        finding.certainty.word(),
        finding.affected,
        finding.of,
        finding.units
    );
    paragraph(text, 2, &head);
    paragraph(text, 4, &finding.what);
    paragraph(text, 4, &finding.evidence);
    if let Some(worst) = &finding.worst {
        paragraph(text, 4, &format!("Worst: {}, {}.", worst.at, worst.figure));
    }
    paragraph(text, 4, &finding.consequence);
    if let Some(mend) = &finding.mend {
        let by = mend
            .divide_by
            .filter(|by| by.high > by.low)
            .map_or_else(String::new, |by| format!(" ({:.5} [{:.5}, {:.5}])", by.value, by.low, by.high));
        paragraph(text, 4, &format!("Mend: {}{by}.", mend.what));
    }
}
