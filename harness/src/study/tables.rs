//! Tables for a paper: CSV and LaTeX.

use std::path::Path;

use power_analysis::study::{Cell, Known};

use super::results::{StudyResults, TableRow};
use crate::{Error, Result};

/// A table as text: a name for files, a caption, columns and rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name of its files, without an end.
    pub name: &'static str,
    /// Its caption.
    pub caption: String,
    /// Heads of its columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// What stands where nobody knows.
const UNKNOWN: &str = "unknown";

/// A figure with its interval: `0.641 [0.512, 0.743]`.
pub fn known(known: Option<&Known>, decimals: usize, scale: f64) -> String {
    let Some(known) = known.filter(|known| known.value.is_finite()) else { return UNKNOWN.to_owned() };
    let number = |value: f64| {
        let text = format!("{:.decimals$}", value * scale);
        // Never `-0.00`.
        if text.trim_start_matches('-').chars().all(|c| matches!(c, '0' | '.')) {
            text.trim_start_matches('-').to_owned()
        } else {
            text
        }
    };
    match known.low.zip(known.high) {
        Some((low, high)) => format!("{} [{}, {}]", number(known.value), number(low), number(high)),
        None => number(known.value),
    }
}

impl StudyResults {
    /// Table I: agreement of every tool with the reference, in every experiment.
    pub fn table_one(&self) -> Table {
        let head = [
            "experiment",
            "tool",
            "figure",
            "of",
            "pairs",
            "without",
            "Pearson",
            "Spearman",
            "KS D",
            "KS p",
            "KS at alpha",
            "bias, %",
        ];
        let alpha = self.plan.thresholds.ks_alpha;
        let mut rows = Vec::new();
        for found in &self.experiments {
            for row in &found.rows {
                rows.extend(cells(row).into_iter().map(|(figure, of, cell)| {
                    let mut line = vec![
                        found.id.name().to_owned(),
                        row.tool.name().to_owned(),
                        figure.into(),
                        of.into(),
                    ];
                    line.extend(cell_texts(cell, alpha));
                    line
                }));
            }
        }
        Table {
            name: "table-1",
            caption: format!(
                "Agreement with the reference: {}. Kolmogorov-Smirnov at {alpha}; intervals of 95 %.",
                self.reference
            ),
            columns: head.map(str::to_owned).to_vec(),
            rows,
        }
    }

    /// How much of the epochs each tool looked at.
    pub fn table_of_sampling(&self) -> Table {
        let head = [
            "experiment",
            "tool",
            "epochs",
            "period, s",
            "sample ratio",
            "ratio too low, %",
            "under-sampled, %",
            "no reading",
        ];
        let mut rows = Vec::new();
        for found in &self.experiments {
            for row in &found.rows {
                let Some(sampling) = &row.sampling else { continue };
                rows.push(vec![
                    found.id.name().to_owned(),
                    row.tool.name().to_owned(),
                    sampling.epochs.to_string(),
                    row.period_s.map_or_else(|| UNKNOWN.to_owned(), |period| format!("{period:.3}")),
                    known(sampling.mean_ratio.as_ref(), 2, 1.0),
                    known(sampling.below_ratio.as_ref(), 0, 100.0),
                    known(Some(&sampling.under_sampled), 0, 100.0),
                    sampling.without_reading.to_string(),
                ]);
            }
        }
        let thresholds = &self.plan.thresholds;
        Table {
            name: "sampling",
            caption: format!(
                "Readings taken of the epochs. The ratio is to one reading every 0.1 s for nvidia-smi, as both ways are \
                 asked, and to each other tool's own period; too low is below {}; under-sampled are epochs with fewer than {} \
                 readings.",
                thresholds.sample_ratio, thresholds.fewest_readings
            ),
            columns: head.map(str::to_owned).to_vec(),
            rows,
        }
    }

    /// What was recovered of the truth, on the virtual rig.
    pub fn table_of_truth(&self) -> Option<Table> {
        let head = ["figure", "epochs", "energy, bias %", "Pearson, energy", "Pearson, power", "KS p, power"];
        let rows: Vec<_> = self
            .truth
            .iter()
            .map(|row| {
                vec![
                    row.name.clone(),
                    row.energy.pairs.to_string(),
                    known(row.energy.bias.as_ref(), 2, 100.0),
                    known(row.energy.pearson.as_ref(), 3, 1.0),
                    known(row.power.pearson.as_ref(), 3, 1.0),
                    row.power.ks.map_or_else(|| UNKNOWN.to_owned(), |test| format!("{:.3}", test.p_value)),
                ]
            })
            .collect();
        (!rows.is_empty()).then(|| Table {
            name: "truth",
            caption: "Epochs on one GPU against the true energies of the virtual rig.".into(),
            columns: head.map(str::to_owned).to_vec(),
            rows,
        })
    }

    /// All tables.
    pub fn tables(&self) -> Vec<Table> {
        [Some(self.table_one()), Some(self.table_of_sampling()), self.table_of_truth()]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The four cells of a row of Table I: figure, of what.
pub fn cells(row: &TableRow) -> [(&'static str, &'static str, &Cell); 4] {
    [
        ("energy", "epochs", &row.epoch_energy),
        ("power", "epochs", &row.epoch_power),
        ("energy", "trainings", &row.training_energy),
        ("power", "trainings", &row.training_power),
    ]
}

fn cell_texts(cell: &Cell, alpha: f64) -> Vec<String> {
    let p = cell.ks.map(|test| test.p_value);
    vec![
        cell.pairs.to_string(),
        cell.without.to_string(),
        known(cell.pearson.as_ref(), 3, 1.0),
        known(cell.spearman.as_ref(), 3, 1.0),
        known(cell.ks.as_ref().map(|test| &test.statistic), 3, 1.0),
        p.map_or_else(|| UNKNOWN.to_owned(), |p| format!("{p:.3}")),
        p.map_or(UNKNOWN, |p| if p >= alpha { "passes" } else { "fails" }).to_owned(),
        known(cell.bias.as_ref(), 2, 100.0),
    ]
}

impl Table {
    /// The table as CSV.
    ///
    /// # Errors
    ///
    /// - if it cannot be written, which memory always can.
    pub fn csv(&self) -> Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let failed = |error: csv::Error| Error::new("cannot write a table as CSV").because(error);
        writer.write_record(&self.columns).map_err(failed)?;
        for row in &self.rows {
            writer.write_record(row).map_err(failed)?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| Error::new("cannot write a table as CSV").because(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The table as LaTeX, with package `booktabs`.
    pub fn latex(&self) -> String {
        let line = |cells: &[String]| {
            format!("{} \\\\\n", cells.iter().map(|cell| tex(cell)).collect::<Vec<_>>().join(" & "))
        };
        let mut text = format!(
            "\\begin{{table}}\n\\caption{{{}}}\n\\begin{{tabular}}{{{}}}\n\\toprule\n",
            tex(&self.caption),
            "l".repeat(self.columns.len())
        );
        text.push_str(&line(&self.columns));
        text.push_str("\\midrule\n");
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text.push_str("\\bottomrule\n\\end{tabular}\n\\end{table}\n");
        text
    }
}

/// Text as LaTeX takes it literally.
fn tex(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '…' => escaped.push_str("\\ldots{}"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Writes every table as CSV and LaTeX into a folder, which is made.
///
/// # Errors
///
/// - if a file cannot be written.
pub fn write(results: &StudyResults, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, "make", error))?;
    for table in results.tables() {
        for (end, text) in [("csv", table.csv()?), ("tex", table.latex())] {
            let path = dir.join(format!("{}.{end}", table.name));
            std::fs::write(&path, text).map_err(|error| Error::io(&path, "write", error))?;
        }
    }
    Ok(())
}
