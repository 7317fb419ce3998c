//! Pages on their way out: the page itself, and its figures one by one.

use std::path::{Path, PathBuf};

use super::output::message;
use crate::report::{HAS_PNG, write_figures};
use crate::{Error, Result};

/// Where the figures of a page go, beside or instead of the page.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct FiguresOption {
    /// Write every figure of the page into DIR, as SVG and as PNG.
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
}

impl FiguresOption {
    /// Writes the page to `report` and its figures into their folder, where either was asked for.
    ///
    /// To be called when all else is written: without fonts there are no PNGs, which is an error.
    pub(super) fn write(&self, report: Option<&Path>, page: impl FnOnce() -> Result<String>) -> Result<()> {
        if report.is_none() && self.figures.is_none() {
            return Ok(());
        }
        let page = page()?;
        if let Some(path) = report {
            std::fs::write(path, &page).map_err(|error| Error::io(path, "write", error))?;
            message(&format!("report: {}", path.display()));
        }
        if let Some(dir) = &self.figures {
            let count = write_figures(&page, dir)?;
            let formats = if HAS_PNG {
                "as SVG and PNG"
            } else {
                "as SVG only, since this program was built without the feature png"
            };
            message(&format!("figures: {count} in {}, {formats}", dir.display()));
        }
        Ok(())
    }
}
