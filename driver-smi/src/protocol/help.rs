//! What `--help-query-gpu` prints: the names that this `nvidia-smi` knows.

/// The names of all fields, in the order of the text.
///
/// They stand at the beginning of a line, each in quotes, alternatives joined by `or`.
///
/// ```
/// use driver_smi::protocol::help::names;
/// let help = "\"uuid\" or \"gpu_uuid\"\nThis value is \"unique\".\n\n\"power.draw\"\nThe last one.\n";
/// assert_eq!(names(help).collect::<Vec<_>>(), ["uuid", "gpu_uuid", "power.draw"]);
/// ```
pub fn names(help: &str) -> impl Iterator<Item = &str> {
    help.lines().filter(|line| line.starts_with('"')).flat_map(|line| {
        // Between quotes: "", name, " or ", name, "".
        let whole = line.split('"').step_by(2).all(|between| matches!(between.trim(), "" | "or"));
        line.split('"')
            .skip(1)
            .step_by(2)
            .filter(move |name| whole && !name.is_empty() && !name.contains(' '))
    })
}
