//! How verdicts on phases look: a colour and a form each, since not everybody tells the colours apart.

use power_analysis::PhaseVerdict;

/// All verdicts, in the order in which figures and legends show them.
pub(super) const ALL: [PhaseVerdict; 9] = [
    PhaseVerdict::Ok,
    PhaseVerdict::UnderSampled,
    PhaseVerdict::Unresolved,
    PhaseVerdict::Gap,
    PhaseVerdict::Faulty,
    PhaseVerdict::NoReading,
    PhaseVerdict::CounterReset,
    PhaseVerdict::NotCovered,
    PhaseVerdict::Unjudged,
];

/// Name of the verdict in style sheets, and its one letter in the page's data.
pub(super) const fn class(verdict: PhaseVerdict) -> (&'static str, char) {
    match verdict {
        PhaseVerdict::Ok => ("ok", 'o'),
        PhaseVerdict::UnderSampled => ("under", 'u'),
        PhaseVerdict::Unresolved => ("unresolved", 'r'),
        PhaseVerdict::Gap => ("gap", 'g'),
        PhaseVerdict::Faulty => ("faulty", 'f'),
        PhaseVerdict::NoReading => ("none", 'n'),
        PhaseVerdict::CounterReset => ("reset", 'c'),
        PhaseVerdict::NotCovered => ("uncovered", 'x'),
        PhaseVerdict::Unjudged => ("unjudged", 'j'),
    }
}

/// The verdict's form, as relative SVG path data around a point.
pub(super) const fn glyph(verdict: PhaseVerdict) -> &'static str {
    match verdict {
        PhaseVerdict::Ok => "m-3,0a3,3 0 1 0 6,0a3,3 0 1 0-6,0",
        PhaseVerdict::UnderSampled => "m0-4l4,7h-8z",
        PhaseVerdict::Unresolved => "m-3-3h6v6h-6z",
        PhaseVerdict::Gap => "m0-4.5l4,4.5l-4,4.5l-4-4.5z",
        PhaseVerdict::Faulty => "m-3.5-3.5l7,7m0-7l-7,7",
        PhaseVerdict::NoReading => "m0,4l4-7h-8z",
        PhaseVerdict::CounterReset => "m-4,0h8m-4-4v8",
        PhaseVerdict::NotCovered => "m-3.5,0h7",
        PhaseVerdict::Unjudged => "m0-4v8",
    }
}

/// What the verdict means, in a sentence.
pub(super) const fn meaning(verdict: PhaseVerdict) -> &'static str {
    match verdict {
        PhaseVerdict::Ok => "enough publications, evenly spread",
        PhaseVerdict::UnderSampled => "fewer than half of the publications that its update period promises",
        PhaseVerdict::Unresolved => "fewer than three publications",
        PhaseVerdict::Gap => "a pause of more than three update periods",
        PhaseVerdict::Faulty => "enough publications, but a fault falls into it",
        PhaseVerdict::NoReading => "not one whole reading: no energy is stated",
        PhaseVerdict::CounterReset => "a counter was set back within it: no energy is stated",
        PhaseVerdict::NotCovered => "not recorded from begin to end by both: no energy is stated",
        PhaseVerdict::Unjudged => "the reference itself has fewer than three publications in it",
    }
}

/// A mark of the verdict's form and colour, to stand before its word.
pub(super) fn mark(verdict: PhaseVerdict) -> String {
    let (class, _) = class(verdict);
    format!(
        "<svg class=\"mark\" viewBox=\"-6 -6 12 12\" aria-hidden=\"true\"><path class=\"point v-{class}\" d=\"M0,0{}\"/></svg>",
        glyph(verdict)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_look_different() {
        let looks: BTreeSet<_> = ALL.iter().map(|&verdict| (class(verdict).0, class(verdict).1)).collect();
        let letters: BTreeSet<_> = ALL.iter().map(|&verdict| class(verdict).1).collect();
        let glyphs: BTreeSet<_> = ALL.iter().map(|&verdict| glyph(verdict)).collect();
        assert_eq!((looks.len(), letters.len(), glyphs.len()), (ALL.len(), ALL.len(), ALL.len()));
    }
}
