//! Finding the figures in a page, and making each stand by itself.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::legend::Legend;
use super::style;
use crate::report::curve::coordinate;

/// Fonts of a figure that stands by itself: what browsers and office programs have, then what Linux has.
const FONTS: &str = "Helvetica Neue, Helvetica, Arial, Liberation Sans, DejaVu Sans, Noto Sans, sans-serif";

/// Most bytes of a file's name without its ending.
const LONGEST_NAME: usize = 120;

/// A figure as it stands by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureFile {
    /// Name of its files without their ending; no two of a page are alike, in whatever case.
    pub name: String,
    /// The figure with its legend, on white, with its styles in it.
    pub svg: String,
}

/// The figures of a page that this program wrote, in order.
pub fn figures_of(page: &str) -> Vec<FigureFile> {
    let sheet = between(page, "<style>", "</style>").unwrap_or_default();
    let mut names = BTreeSet::new();
    let begins =
        page.match_indices("<figure").filter(|(at, tag)| page[at + tag.len()..].starts_with([' ', '>']));
    let drawn = begins.filter_map(|(at, _)| {
        let (before, from) = page.split_at(at);
        let element = &from[..from.find("</figure>")?];
        let svg = alone(element, is_in_grid(before), sheet)?;
        Some(FigureFile { name: unused(&mut names, &name(element, before)), svg })
    });
    drawn.collect()
}

/// What lies between two tags, the first of them.
pub(super) fn between<'a>(html: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// The value of an attribute of a tag.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    between(tag, &format!(" {name}=\""), "\"")
}

/// Text of HTML without its tags; what is escaped stays so.
pub(super) fn text_of(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        // What stands before the first tag has no end of one.
        text.push_str(part.split_once('>').map_or(part, |(_, after)| after));
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether what follows stands in a grid of small figures, for which the style sheet has rules.
fn is_in_grid(before: &str) -> bool {
    let Some(at) = before.rfind("<div class=\"figures\">") else { return false };
    let within = &before[at..];
    within.matches("<div").count() > within.matches("</div>").count()
}

/// The figure's own name, or those of its sensor and of what it shows.
fn name(element: &str, before: &str) -> String {
    let tag = element.split_once('>').map_or(element, |(tag, _)| tag);
    if let Some(id) = attribute(tag, "id") {
        return slug(id);
    }
    let title = between(element, "<figcaption><b>", "</b>").map_or_else(String::new, text_of);
    let heading = before.rfind("<h2").and_then(|at| between(&before[at..], ">", "</h2>"));
    // A heading that names no sensor says nothing that the title does not.
    let sensor = heading.and_then(|heading| between(heading, "<bdi class=\"name\">", "</bdi>"));
    match sensor {
        Some(sensor) => slug(&format!("{} {title}", text_of(sensor))),
        None => slug(&title),
    }
}

/// A text as the name of a file: letters, digits, `.` and `_`, all else one `-`.
fn slug(text: &str) -> String {
    let mut name = String::new();
    for character in text.chars() {
        if name.len() >= LONGEST_NAME {
            break;
        }
        if character.is_alphanumeric() || matches!(character, '.' | '_') {
            name.extend(character.to_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "figure".into() } else { name.to_owned() }
}

/// The name, with a number where it is taken.
fn unused(names: &mut BTreeSet<String>, name: &str) -> String {
    let others = (2..).map(|number: usize| format!("{name}-{number}"));
    let free = std::iter::once(name.to_owned()).chain(others).find(|name| !names.contains(name));
    let free = free.unwrap_or_else(|| name.to_owned());
    names.insert(free.clone());
    free
}

/// The figure of a `figure` element with its legend below it; `None` where it has none.
fn alone(element: &str, in_grid: bool, sheet: &str) -> Option<String> {
    let (tag, _) = element.split_once('>')?;
    let pictures = element.match_indices("<svg").map(|(at, _)| &element[at..]);
    let mut pictures = pictures.filter_map(|picture| picture.split_once('>'));
    // The keys of legends are pictures, too; only a figure has a label.
    let (open, rest) = pictures.find(|(open, _)| open.contains("role=\"img\""))?;
    let content = rest.split_once("</svg>")?.0;
    let size: Vec<f64> =
        attribute(open, "viewBox")?.split(' ').filter_map(|number| number.parse().ok()).collect();
    let &[_, _, width, height] = size.as_slice() else { return None };
    let legend = Legend::of(element, width);
    let classes = [attribute(tag, "class"), attribute(open, "class"), in_grid.then_some("figures")];
    let classes = classes.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let [across, down] = [width, height + legend.height].map(coordinate);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {across} {down}\" width=\"{across}\" height=\"{down}\" \
         class=\"{classes}\" font-family=\"{FONTS}\"><title>{}</title><desc>{}</desc>",
        attribute(open, "aria-label").unwrap_or_default(),
        between(element, "<figcaption>", "</figcaption>").map_or_else(String::new, text_of)
    );
    let drawn = format!(
        "<rect width=\"{across}\" height=\"{down}\" fill=\"#fff\"/>{content}<g transform=\"translate(0 {})\">{}</g></svg>\n",
        coordinate(height),
        legend.svg
    );
    let style = style::of_figure(sheet, &format!("{svg}{drawn}"));
    let _ = write!(svg, "<style>{style}</style>");
    // Every font has this space; few have the narrow one that groups digits.
    Some((svg + &drawn).replace(|c: char| c.is_whitespace() && !c.is_ascii(), "\u{a0}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><style>\n:root { --ink: #123; }\n.line { stroke: var(--ink); }\n.figures .line { stroke-width: 2; }\n</style>\
        <h2>Rates</h2><figure>no picture</figure>\
        <h2><bdi class=\"name\">gpu0/<wbr>power.<wbr>draw</bdi> <span>ok</span></h2>\
        <figure class=\"traces\"><svg viewBox=\"0 0 100 50\" role=\"img\" aria-label=\"A &lt; B\"><path class=\"line\" d=\"M0,0H9\"/></svg>\
        <figcaption><b>Two traces.</b> Text.</figcaption></figure>\
        <div class=\"figures\"><figure><svg class=\"key\" viewBox=\"0 0 9 9\"></svg><svg viewBox=\"0 0 420 300\" role=\"img\">\
        <path class=\"line\" d=\"M0,0\"/></svg><figcaption><b>Two Traces.</b></figcaption></figure></div>\
        <figure id=\"figure-3\"><svg viewBox=\"0 0 9 9\" role=\"img\"><text>1\u{202f}000</text></svg></figure>";

    #[test]
    fn figures_have_names_sizes_and_styles() {
        let figures = figures_of(PAGE);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["gpu0-power.draw-two-traces", "gpu0-power.draw-two-traces-2", "figure-3"]);
        assert!(
            figures[0].svg.contains("viewBox=\"0 0 100 50\" width=\"100\" height=\"50\""),
            "{}",
            figures[0].svg
        );
        assert!(figures[0].svg.contains(
            "<title>A &lt; B</title><desc>Two traces. Text.</desc><style>.line{stroke:#123}</style>"
        ));
        assert!(figures[1].svg.contains("<style>.line{stroke:#123}.figures .line{stroke-width:2}</style>"));
        assert!(figures[2].svg.contains("<text>1\u{a0}000</text>"), "{}", figures[2].svg);
    }

    #[test]
    fn names_are_files_in_the_folder() {
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(slug("..."), "figure");
        assert_eq!(slug("C:\\a\u{0}b*?Ä"), "c-a-b-ä");
        assert!(slug(&"é".repeat(4000)).len() <= LONGEST_NAME + 4);
    }

    #[test]
    fn text_has_no_tags() {
        assert_eq!(text_of("a<wbr>b <span class=\"hint\">&lt;c</span>"), "ab &lt;c");
        assert_eq!(text_of("<i></i>"), "");
    }
}
