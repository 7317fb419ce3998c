//! Where in a profile something is wrong.

use std::ops::Range;

use power_core::{Error, ErrorKind};

/// The text of a profile with the name to show for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t> {
    pub(super) name: &'t str,
    pub(super) text: &'t str,
}

impl Text<'_> {
    /// The error that something is wrong at a span of bytes.
    pub(super) fn wrong(&self, at: &Range<usize>, what: impl std::fmt::Display) -> Error {
        let (line, column) = self.line_and_column(at.start);
        Error::new(ErrorKind::InvalidConfig, format!("{}:{line}:{column}: {what}", self.name))
    }

    /// Line and column of a byte, both counted from 1; columns in characters.
    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before: Vec<char> =
            self.text.char_indices().take_while(|(at, _)| *at < byte).map(|(_, char)| char).collect();
        let line = before.iter().filter(|char| **char == '\n').count() + 1;
        let column = before.iter().rev().take_while(|char| **char != '\n').count() + 1;
        (line, column)
    }
}

/// ` (did you mean NAME?)`, if a name is near, and all names.
pub(crate) fn suggest(wrong: &str, known: &[&str]) -> String {
    let all = known.join(", ");
    match nearest(wrong, known) {
        Some(name) => format!("did you mean {name}? Known here: {all}"),
        None => format!("known here: {all}"),
    }
}

/// The name nearest to `wrong`, if one is near enough to be meant.
fn nearest<'k>(wrong: &str, known: &[&'k str]) -> Option<&'k str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(wrong, name), *name))
        // A word of one letter is near to every other such word.
        .filter(|(distance, name)| {
            *distance < wrong.len() && *distance <= 1 + name.len().min(wrong.len()) / 4
        })
        .min()
        .map(|(_, name)| name)
}
