//! The legend of a figure as SVG: in the page it is a list below the figure.

use std::fmt::Write as _;

use super::figure::{attribute, between, text_of};
use crate::report::curve::coordinate;
use crate::report::figure::as_f64;

/// Height of a line of keys.
const LINE: f64 = 19.0;

/// Left edge of the first key of a line.
const LEFT: f64 = 14.0;

/// From the end of a key's words to the next key.
const GAP: f64 = 18.0;

/// Width of a character, rather too wide than too narrow: how wide it is, only a font knows.
const CHARACTER: f64 = 6.9;

/// Keys with their words, in lines below a figure.
#[derive(Debug, Default)]
pub(super) struct Legend {
    /// The keys, from 0 downwards.
    pub(super) svg: String,
    /// Height of all lines.
    pub(super) height: f64,
}

impl Legend {
    /// The legend of a `figure` element that is `width` wide; without a list, one without height.
    pub(super) fn of(element: &str, width: f64) -> Self {
        let Some(list) = between(element, "<ul class=\"legend", "</ul>") else { return Self::default() };
        let mut svg = String::new();
        let (mut x, mut line) = (LEFT, 0);
        for item in list.split("<li").skip(1) {
            // The rest of the item's own tag goes.
            let Some((_, item)) = item.split_once('>') else { continue };
            let key = Key::of(item);
            let words = text_of(item);
            let length = key.width + CHARACTER * as_f64(characters(&words));
            if x > LEFT && x + length > width {
                (x, line) = (LEFT, line + 1);
            }
            let middle = LINE * (as_f64(line) + 0.5);
            svg.push_str(&key.svg(x, middle));
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\">{words}</text>",
                coordinate(x + key.width),
                coordinate(middle + 4.0)
            );
            x += length + GAP;
        }
        if svg.is_empty() {
            return Self::default();
        }
        Self { svg: format!("<g class=\"legend\">{svg}</g>"), height: LINE * as_f64(line + 1) + 6.0 }
    }
}

/// Characters of a text in which some are escaped.
fn characters(text: &str) -> i64 {
    let mut count = 0;
    let mut escaped = false;
    for character in text.chars() {
        count += i64::from(!escaped);
        escaped = match character {
            '&' => true,
            ';' => false,
            _ => escaped,
        };
    }
    count
}

/// The picture of a key.
#[derive(Debug, Default)]
struct Key<'a> {
    class: &'a str,
    content: &'a str,
    /// The middle of its left edge in its own units.
    from: (f64, f64),
    /// Its width and the room to its words; 0 without a picture.
    width: f64,
}

impl<'a> Key<'a> {
    fn of(item: &'a str) -> Self {
        let find = || {
            let (open, rest) = item[item.find("<svg")?..].split_once('>')?;
            let corners: Vec<f64> =
                attribute(open, "viewBox")?.split(' ').filter_map(|number| number.parse().ok()).collect();
            let &[left, top, width, height] = corners.as_slice() else { return None };
            Some(Self {
                class: attribute(open, "class").unwrap_or_default(),
                content: rest.split_once("</svg>")?.0,
                from: (left, top + 0.5 * height),
                width: width + 6.0,
            })
        };
        find().unwrap_or_default()
    }

    fn svg(&self, x: f64, middle: f64) -> String {
        if self.content.is_empty() {
            return String::new();
        }
        let [x, y] = [x - self.from.0, middle - self.from.1].map(coordinate);
        format!("<g class=\"{}\" transform=\"translate({x} {y})\">{}</g>", self.class, self.content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_side_by_side_and_below_where_there_is_no_room() {
        let item = |words: &str| {
            format!(
                "<li title=\"t\"><svg class=\"key\" viewBox=\"0 0 24 10\"><path d=\"M0,5H24\"/></svg>{words} <span>x</span></li>"
            )
        };
        let list =
            format!("<ul class=\"legend\">{}{}{}</ul>", item("one"), item("a &lt; b"), item(&"w".repeat(60)));
        let legend = Legend::of(&list, 420.0);
        assert!((legend.height - 44.0).abs() < 1e-9, "{legend:?}");
        assert_eq!(legend.svg.matches("<path").count(), 3);
        for words in [">one x<", ">a &lt; b x<"] {
            assert!(legend.svg.contains(words), "{}", legend.svg);
        }
        assert_eq!(legend.svg.matches("y=\"13.5\"").count(), 2, "{}", legend.svg);
        assert_eq!(legend.svg.matches("y=\"32.5\"").count(), 1, "{}", legend.svg);
        assert_eq!(characters("a &lt; b;"), 6);
    }

    #[test]
    fn without_keys_there_is_nothing() {
        for element in ["<figure></figure>", "<ul class=\"legend\"></ul>"] {
            let legend = Legend::of(element, 420.0);
            assert!(legend.svg.is_empty() && legend.height == 0.0);
        }
    }
}
