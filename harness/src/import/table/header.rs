//! The columns of one file, by the names that a map gives them.

use std::path::Path;

use super::map::{OneOrMany, capture};
use crate::import::nearest::hint;
use crate::{Error, Result};

/// The header of one file; which of its columns have been asked for is kept.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    path: &'a Path,
    full: &'a [String],
    bare: Vec<String>,
    units: Vec<Option<String>>,
    used: Vec<bool>,
}

impl<'a> Header<'a> {
    pub(crate) fn new(path: &'a Path, full: &'a [String]) -> Self {
        let split =
            full.iter().map(|name| match name.strip_suffix(']').and_then(|name| name.rsplit_once(" [")) {
                Some((bare, unit)) => (bare.trim().to_owned(), Some(unit.to_owned())),
                None => (name.clone(), None),
            });
        let (bare, units) = split.unzip();
        Self { path, full, bare, units, used: vec![false; full.len()] }
    }

    /// The names without units.
    pub(crate) fn names(&self) -> &[String] {
        &self.bare
    }

    /// The unit that a column's name ends with, as in `power.draw [W]`.
    pub(crate) fn unit(&self, column: usize) -> Option<&str> {
        self.units.get(column)?.as_deref()
    }

    /// The column of this name, with or without its unit.
    pub(crate) fn find(&mut self, name: &str) -> Option<usize> {
        let place = self
            .full
            .iter()
            .position(|column| column == name)
            .or_else(|| self.bare.iter().position(|column| column == name))?;
        self.used[place] = true;
        Some(place)
    }

    /// The first of the names that the file has.
    pub(crate) fn find_any(&mut self, names: &OneOrMany) -> Option<usize> {
        names.0.iter().find_map(|name| self.find(name))
    }

    /// The first of the names that the file has; `what` says what it is needed for.
    pub(crate) fn need_any(&mut self, names: &OneOrMany, what: &str) -> Result<usize> {
        self.find_any(names).ok_or_else(|| self.lacks(names, what))
    }

    /// The unused columns that a pattern fits, with what its `*` stands for.
    pub(crate) fn find_all(&mut self, pattern: &str) -> Vec<(usize, String)> {
        let fits = self.bare.iter().enumerate().filter(|(place, _)| !self.used[*place]);
        let found: Vec<_> =
            fits.filter_map(|(place, name)| Some((place, capture(pattern, name)?.to_owned()))).collect();
        for (place, _) in &found {
            self.used[*place] = true;
        }
        found
    }

    pub(crate) fn mark_used(&mut self, columns: impl Iterator<Item = usize>) {
        for column in columns {
            if let Some(used) = self.used.get_mut(column) {
                *used = true;
            }
        }
    }

    /// The error that the file has none of these columns.
    pub(crate) fn lacks(&self, names: &OneOrMany, what: &str) -> Error {
        let error = Error::file(self.path, format!("line 1: has no column `{}` for {what}", names.list()));
        if self.bare.iter().any(|name| name.parse::<f64>().is_ok()) {
            return error.mend(
                "its first line holds numbers: name the columns of a file without header by --columns",
            );
        }
        let near = names.0.first().map_or("", String::as_str);
        error.mend(hint(near, &self.bare))
    }

    pub(crate) fn used(&self) -> &[bool] {
        &self.used
    }

    /// The names of columns that nothing asked for.
    pub(crate) fn left_out(&self) -> Vec<&str> {
        let unused = self.bare.iter().zip(&self.used).filter(|(_, used)| !**used);
        unused.map(|(name, _)| name.as_str()).collect()
    }
}
