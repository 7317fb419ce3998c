//! Which power figures are one figure under several names, found by their values.
//!
//! Where a GPU lacks a field, a driver may answer with another one. Names do not tell; values that stay equal through
//! several publications do.

/// Values of all power figures, looked at again and again.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    names: Vec<&'static str>,
    /// Values in the last look, as bits: they are only compared.
    last: Option<Vec<u64>>,
    /// For each pair that has been equal in every look: how many different values were seen.
    equal: Vec<(usize, usize, u32)>,
}

impl Looks {
    pub(crate) fn new(names: Vec<&'static str>) -> Self {
        let count = names.len();
        let equal = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b, 0))).collect();
        Self { names, last: None, equal }
    }

    /// Takes in one look at all figures, taken together.
    pub(crate) fn look(&mut self, values: Vec<u64>) {
        let last = self.last.take();
        self.equal.retain_mut(|(a, b, seen)| {
            let (Some(x), Some(y)) = (values.get(*a), values.get(*b)) else { return false };
            let changed = last.as_ref().is_none_or(|last| last[*a] != *x);
            *seen += u32::from(changed);
            x == y
        });
        self.last = Some(values);
    }

    /// Whether all figures have been told apart, so that more looks say nothing new.
    pub(crate) fn is_settled(&self) -> bool {
        self.equal.is_empty()
    }

    /// Name of a figure, and what is known of its being another one. Only the first of its twins is named.
    pub(crate) fn findings(&self, milliseconds: u128) -> Vec<(&'static str, String)> {
        let mut findings: Vec<(&'static str, String)> = Vec::new();
        for &(a, b, seen) in &self.equal {
            let (twin, name) = (self.names[a], self.names[b]);
            if findings.iter().any(|(known, _)| *known == name) || seen == 0 {
                continue;
            }
            let finding = match seen {
                1 => format!("undecided: the same value as {twin}, the only one in {milliseconds} ms"),
                values => format!("{twin}: the same {values} values in {milliseconds} ms"),
            };
            findings.push((name, finding));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_equal_while_it_changes_is_an_alias() {
        let mut looks = Looks::new(vec!["power.draw", "power.draw.average", "power.draw.instant"]);
        looks.look(vec![100_000, 100_000, 100_000]);
        looks.look(vec![100_000, 100_000, 100_000]);
        assert!(!looks.is_settled());
        looks.look(vec![110_000, 110_000, 180_000]);
        looks.look(vec![120_000, 120_000, 120_000]);
        assert_eq!(
            looks.findings(220),
            [("power.draw.average", "power.draw: the same 3 values in 220 ms".to_owned())]
        );
    }

    #[test]
    fn one_value_decides_nothing_and_a_difference_settles_it() {
        let mut looks = Looks::new(vec!["power.draw", "power.draw.average"]);
        looks.look(vec![70_000, 70_000]);
        assert!(looks.findings(220)[0].1.starts_with("undecided"));
        looks.look(vec![70_000, 70_001]);
        assert!(looks.is_settled() && looks.findings(220).is_empty());
    }

    #[test]
    fn three_of_a_kind_point_to_the_first() {
        let mut looks = Looks::new(vec!["a", "b", "c"]);
        looks.look(vec![1, 1, 1]);
        looks.look(vec![2, 2, 2]);
        let findings = looks.findings(1);
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().all(|(_, finding)| finding.starts_with("a:")));
    }
}
