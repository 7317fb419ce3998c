//! Hints for a name that nobody knows.

/// `did you mean …; known are …` for a mistyped `name`.
pub(crate) fn hint<S: AsRef<str>>(name: &str, known: &[S]) -> String {
    let list = known.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`? known are {list}"),
        None => format!("known are {list}"),
    }
}

/// The known name that `name` was probably meant to be.
pub(crate) fn nearest<'a, S: AsRef<str>>(name: &str, known: &'a [S]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|candidate| {
            (strsim::jaro_winkler(&lower, &candidate.as_ref().to_lowercase()), candidate.as_ref())
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
