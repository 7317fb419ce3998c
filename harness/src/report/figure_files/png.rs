//! A figure as PNG.

use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Group, Node, Options, Tree};

use crate::{Error, Result};

/// Pixels of a PNG for one unit of its SVG.
const SCALE: f32 = 2.0;

/// What figures are written in, by preference: widths near those that the figures are laid out for.
const FAMILIES: [&str; 8] = [
    "Helvetica Neue",
    "Helvetica",
    "Arial",
    "Liberation Sans",
    "DejaVu Sans",
    "Noto Sans",
    "Roboto",
    "Segoe UI",
];

/// Makes PNGs of figures, with the fonts of this system.
#[derive(Debug)]
pub struct Painter {
    fonts: Arc<Database>,
}

impl Painter {
    /// With the fonts that are installed here.
    ///
    /// # Errors
    ///
    /// - if there is none, with what to install.
    pub fn of_system() -> Result<Self> {
        let mut fonts = Database::new();
        fonts.load_system_fonts();
        Self::with(fonts)
    }

    fn with(mut fonts: Database) -> Result<Self> {
        let is_there = |name: &str| {
            let query = Query { families: &[Family::Name(name)], ..Query::default() };
            fonts.query(&query).is_some()
        };
        let known = FAMILIES.into_iter().find(|name| is_there(name)).map(str::to_owned);
        let any = || Some(fonts.faces().next()?.families.first()?.0.clone());
        let family = known.or_else(any).ok_or_else(|| {
            Error::new("no figure can be written as PNG, since no font is installed here to label it with").mend(
                "install one, such as the package fonts-dejavu-core (Debian, Ubuntu), dejavu-sans-fonts (Fedora, \
                 RHEL), font-dejavu (Alpine) or ttf-dejavu (Arch); the SVG files need none and are written",
            )
        })?;
        // The renderer falls back to serifs where none of a figure's fonts is there.
        fonts.set_sans_serif_family(family.clone());
        fonts.set_serif_family(family);
        Ok(Self { fonts: Arc::new(fonts) })
    }

    /// A figure that stands by itself as PNG, twice as wide and high, on white.
    ///
    /// # Errors
    ///
    /// - if it is no SVG;
    /// - if the fonts here lack a sign that it is labelled with.
    pub fn png(&self, svg: &str) -> Result<Vec<u8>> {
        let options = Options { fontdb: Arc::clone(&self.fonts), ..Options::default() };
        let tree = Tree::from_str(svg, &options)
            .map_err(|error| Error::new("a figure is no SVG that can be drawn").because(error))?;
        check_labels(&tree, svg)?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let mut pixels = size
            .and_then(|size| Pixmap::new(size.width(), size.height()))
            .ok_or_else(|| Error::new("a figure is too large to be drawn"))?;
        pixels.fill(Color::WHITE);
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| Error::new("a figure cannot be written as PNG").because(error))
    }
}

/// Fails if a label would be missing from the picture, in whole or in part.
fn check_labels(tree: &Tree, svg: &str) -> Result<()> {
    let mut drawn = 0;
    let missing = missing_sign(tree.root(), &mut drawn);
    let labels = svg.split("<text").skip(1).filter_map(|rest| rest.split_once('>')?.1.split_once("</text>"));
    let labels = labels.filter(|(words, _)| !words.trim().is_empty()).count();
    let what = match missing {
        Some(sign) => {
            format!("no figure can be written as PNG: no font here has the sign {sign:?} of its labels")
        }
        None if drawn < labels => format!(
            "no figure can be written as PNG: the fonts here can write {drawn} of its {labels} labels"
        ),
        None => return Ok(()),
    };
    Err(Error::new(what).mend(
        "install fonts for it, such as the packages fonts-dejavu-core, fonts-noto-core and fonts-noto-cjk (Debian, \
         Ubuntu); the SVG files are written",
    ))
}

/// The first sign that no font has; counts the labels that are written.
fn missing_sign(group: &Group, drawn: &mut usize) -> Option<String> {
    for node in group.children() {
        let missing = match node {
            Node::Group(group) => missing_sign(group, drawn),
            Node::Text(text) => {
                let glyphs = || text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
                *drawn += usize::from(glyphs().next().is_some());
                // By convention glyph 0 is that of what a font does not have.
                glyphs().find(|glyph| glyph.id.0 == 0).map(|glyph| glyph.text.clone())
            }
            Node::Path(_) | Node::Image(_) => None,
        };
        if missing.is_some() {
            return missing;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(words: &str) -> String {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 60 20\" width=\"60\" height=\"20\">\
             <text x=\"2\" y=\"15\">{words}</text></svg>"
        )
    }

    #[test]
    fn without_a_font_there_is_no_picture_but_what_to_install() {
        let error = Painter::with(Database::new()).unwrap_err().to_string();
        assert!(
            error.contains("no font") && error.contains("install") && error.contains("fonts-dejavu-core"),
            "{error}"
        );
    }

    #[test]
    #[ignore = "needs a font on the system"]
    fn a_label_that_no_font_can_write_is_no_picture() {
        let painter = Painter::of_system().unwrap();
        let picture = Pixmap::decode_png(&painter.png(&svg("12 W")).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (120, 40));
        assert!(picture.pixels().iter().any(|pixel| pixel.red() < 64), "the label is black on white");
        // Not a character, so that no font has it.
        let error = painter.png(&svg("\u{fdd0}")).unwrap_err().to_string();
        assert!(error.contains("fdd0") && error.contains("install"), "{error}");
    }

    #[test]
    #[ignore = "needs a font on the system"]
    fn what_is_no_figure_is_an_error() {
        let painter = Painter::of_system().unwrap();
        for text in
            ["", "<svg", "<p>", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"0\" height=\"9\"/>"]
        {
            assert!(painter.png(text).is_err(), "{text}");
        }
        let huge = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1e9\" height=\"1e9\"/>";
        assert!(painter.png(huge).is_err());
    }
}
