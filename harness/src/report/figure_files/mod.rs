//! The figures of a page as files of their own, each as SVG and as PNG.
//!
//! A page holds every figure as SVG, so its figures are found in the page itself: whatever has a page has its figures
//! as files, and they cannot differ from what the page shows. Only what [`escape`](super::text::escape) let through
//! and what this program wrote stands in a page, so a tag begins and ends where it seems to.

mod figure;
mod legend;
#[cfg(feature = "png")]
mod png;
mod style;

use std::path::Path;

pub use self::figure::{FigureFile, figures_of};
#[cfg(feature = "png")]
pub use self::png::Painter;
use crate::{Error, Result};

/// Whether figures are written as PNG as well: the feature `png`, which is on by default.
pub const HAS_PNG: bool = cfg!(feature = "png");

/// Writes every figure of a page into a folder, which is made: `NAME.svg`, and `NAME.png` where there is [`HAS_PNG`].
///
/// Returns how many figures there are. The PNGs are twice as wide and high as the SVGs, on white.
///
/// # Errors
///
/// - if a file cannot be written;
/// - if the fonts of this system lack what a figure says: then there is its SVG, and no PNG.
pub fn write_figures(page: &str, dir: &Path) -> Result<usize> {
    let figures = figures_of(page);
    std::fs::create_dir_all(dir).map_err(|error| Error::io(dir, "make", error))?;
    let write = |figure: &FigureFile, extension: &str, bytes: &[u8]| {
        let path = dir.join(format!("{}.{extension}", figure.name));
        std::fs::write(&path, bytes).map_err(|error| Error::io(&path, "write", error))
    };
    // All of these first: they need no fonts.
    for figure in &figures {
        write(figure, "svg", figure.svg.as_bytes())?;
    }
    #[cfg(feature = "png")]
    if !figures.is_empty() {
        let painter = Painter::of_system()?;
        for figure in &figures {
            write(figure, "png", &painter.png(&figure.svg)?)?;
        }
    }
    Ok(figures.len())
}
