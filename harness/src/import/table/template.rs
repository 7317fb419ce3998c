//! Names made of columns: `GPU {index}`.

use super::super::nearest::hint;
use crate::{Error, Result};

/// A text with columns in braces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Column(usize),
}

impl Template {
    /// A template over `header`; `None` if the file lacks one of its columns.
    pub(crate) fn find(text: &str, header: &[String]) -> Result<Option<Self>> {
        Self::build(text, |name| header.iter().position(|column| column == name))
    }

    /// A template over `header`, all of whose columns the file must have.
    pub(crate) fn need(text: &str, header: &[String]) -> Result<Self> {
        let mut lacking = None;
        let found = Self::build(text, |name| {
            let place = header.iter().position(|column| column == name);
            if place.is_none() {
                lacking = Some(name.to_owned());
            }
            place
        })?;
        found.ok_or_else(|| {
            let name = lacking.unwrap_or_default();
            Error::new(format!("the template `{text}` names the column `{name}`, which the file has not"))
                .mend(hint(&name, header))
        })
    }

    fn build(text: &str, mut place: impl FnMut(&str) -> Option<usize>) -> Result<Option<Self>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err(Error::new(format!("the template `{text}` has a brace without its twin"))
                    .mend("write columns as {name}"));
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let Some(column) = place(name) else { return Ok(None) };
            pieces.push(Piece::Column(column));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Some(Self(pieces)))
    }

    /// The text with the columns filled in; spaces at its ends are cut off.
    pub(crate) fn fill(&self, mut cell: impl FnMut(usize) -> String) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Column(column) => text.push_str(cell(*column).trim()),
            }
        }
        text.trim().to_owned()
    }

    /// The columns that it uses.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Column(column) => Some(*column),
            Piece::Text(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_filled_in() {
        let header = ["index".to_owned(), "name".to_owned()];
        let template = Template::need("gpu{index} {name}", &header).unwrap();
        assert_eq!(template.fill(|column| if column == 0 { " 3 ".into() } else { String::new() }), "gpu3");
        assert_eq!(template.columns().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(Template::find("{uuid}", &header).unwrap(), None);
        assert!(Template::need("{indx}", &header).unwrap_err().to_string().contains("did you mean `index`"));
        assert!(Template::need("{index", &header).is_err());
    }
}
