//! Which moment of its averaging window a meter stamps.

use serde::{Deserialize, Serialize};

/// The moment of the averaging window that a stamp stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StampPosition {
    /// When the window begins.
    Start,
    /// Its middle.
    Centre,
    /// When it ends, or later.
    End,
    /// It cannot be told: the time is known to half a window only.
    Undecided,
}

/// Decides by how long after the stamp the window ends, in nanoseconds from `earliest_ns` to `latest_ns`, and the window.
///
/// The end of the window comes from [`load_edges`](super::load_edges), the stamp on the time base from exchanges or from
/// the host. A stamp at the end comes with or after the window's end; one at the centre half a window before it, one at
/// the start a whole one. What lies further than a quarter of the window from all three, or is not known to that,
/// stays undecided.
pub fn stamp_position(earliest_ns: i64, latest_ns: i64, window_ns: i64) -> StampPosition {
    let quarter = window_ns / 4;
    let near = |moment: i64| earliest_ns > moment - quarter && latest_ns < moment + quarter;
    if window_ns <= 0 {
        StampPosition::Undecided
    } else if latest_ns < quarter {
        StampPosition::End
    } else if near(window_ns / 2) {
        StampPosition::Centre
    } else if near(window_ns) {
        StampPosition::Start
    } else {
        StampPosition::Undecided
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_only_what_the_interval_allows() {
        let of = |earliest, latest| stamp_position(earliest, latest, 100);
        assert_eq!(of(-3, 2), StampPosition::End);
        assert_eq!(of(-80, -60), StampPosition::End);
        assert_eq!(of(45, 55), StampPosition::Centre);
        assert_eq!(of(95, 105), StampPosition::Start);
        assert_eq!(of(20, 60), StampPosition::Undecided);
        assert_eq!(of(-10, 90), StampPosition::Undecided);
        assert_eq!(stamp_position(0, 0, 0), StampPosition::Undecided);
    }
}
