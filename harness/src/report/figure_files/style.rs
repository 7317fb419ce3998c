//! The style sheet of one figure: what of the page's applies to it, in light colours, with no variables.
//!
//! Programs other than browsers know neither variables nor media queries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::figure::attribute;

/// Properties that SVG has; those of boxes and of text flow mean nothing in a figure.
const PROPERTIES: [&str; 11] = [
    "color",
    "fill",
    "fill-opacity",
    "font-size",
    "font-weight",
    "opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-width",
];

/// Elements that figures have.
const ELEMENTS: [&str; 5] = ["svg", "g", "path", "rect", "text"];

/// The rules of a page's sheet that apply to a figure.
pub(super) fn of_figure(sheet: &str, svg: &str) -> String {
    let rules = rules(sheet);
    let variables: BTreeMap<&str, &str> = rules
        .iter()
        .filter(|(selectors, _)| *selectors == ":root")
        .flat_map(|(_, body)| declarations(body))
        .filter(|(property, _)| property.starts_with("--"))
        .collect();
    let classes: BTreeSet<&str> = svg
        .split('<')
        .filter_map(|tag| attribute(tag.split_once('>')?.0, "class"))
        .flat_map(str::split_whitespace)
        .collect();
    let mut style = String::new();
    for (selectors, body) in rules {
        let fitting: Vec<&str> =
            selectors.split(',').map(str::trim).filter(|selector| fits(selector, &classes)).collect();
        let set: Vec<String> = declarations(body)
            .filter(|(property, _)| PROPERTIES.contains(property))
            .filter_map(|(property, value)| Some(format!("{property}:{}", resolved(value, &variables)?)))
            .collect();
        if !fitting.is_empty() && !set.is_empty() {
            let _ = write!(style, "{}{{{}}}", fitting.join(","), set.join(";"));
        }
    }
    style
}

/// Selectors and declarations of the rules of a sheet, without those of at-rules.
fn rules(sheet: &str) -> Vec<(&str, &str)> {
    let (mut rules, mut rest) = (Vec::new(), sheet);
    while let Some((head, body)) = rest.split_once('{') {
        let selectors = head.rsplit("*/").next().unwrap_or(head).trim();
        let end = end_of_block(body);
        if !selectors.starts_with('@') {
            rules.push((selectors, &body[..end]));
        }
        rest = body.get(end + 1..).unwrap_or_default();
    }
    rules
}

/// Where the block ends whose `{` stands just before `body`.
fn end_of_block(body: &str) -> usize {
    let mut depth = 1;
    for (at, character) in body.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    body.len()
}

/// Properties and values of a block.
fn declarations(body: &str) -> impl Iterator<Item = (&str, &str)> {
    let all = body.split(';').filter_map(|declaration| declaration.split_once(':'));
    all.map(|(property, value)| (property.trim(), value.trim()))
}

/// Whether a selector can match: elements and classes only, and those that the figure has.
fn fits(selector: &str, classes: &BTreeSet<&str>) -> bool {
    let compound = |word: &str| {
        let mut parts = word.split('.');
        let element = parts.next().unwrap_or_default();
        (element.is_empty() || ELEMENTS.contains(&element)) && parts.all(|class| classes.contains(class))
    };
    !selector.is_empty() && selector.split_whitespace().all(compound)
}

/// A value with its variables resolved; `None` if one is not known.
fn resolved(value: &str, variables: &BTreeMap<&str, &str>) -> Option<String> {
    // Renderers other than browsers mind the case.
    let mut value = value.replace("currentcolor", "currentColor");
    while let Some((before, rest)) = value.split_once("var(") {
        let (name, after) = rest.split_once(')')?;
        value = format!("{before}{}{after}", variables.get(name.trim())?);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHEET: &str = "/* a { b } */ :root { --ink: #123; --shade: 0.13; color-scheme: light; }
        @media (prefers-color-scheme: dark) { :root { --ink: #eee; } .a { fill: red; } }
        .a, .b .c, table .a { fill: var(--ink); margin: 0; opacity: var( --shade ) }
        svg .a:hover { fill: blue } .b > .a { fill: blue } .none { fill: blue } .a { padding: 0 }
        svg text.a { fill: currentcolor; stroke: var(--unknown) }";

    #[test]
    fn only_what_applies_and_in_light_colours() {
        let svg = "<svg class=\"b\"><g class=\"x a\"><text>.none</text></g></svg>";
        assert_eq!(of_figure(SHEET, svg), ".a{fill:#123;opacity:0.13}svg text.a{fill:currentColor}");
    }

    #[test]
    fn a_sheet_that_ends_early_is_no_trouble() {
        for end in 0..SHEET.len() {
            of_figure(&SHEET[..end], "<svg class=\"a\">");
        }
    }
}
