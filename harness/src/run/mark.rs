//! Phases and events of a run: `marks.jsonl`, one JSON object a line.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::Lines;

/// A mark on the run's time base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// When, on the run's time base.
    pub t_ns: i64,
    /// What the mark does.
    pub event: MarkEvent,
    /// The name of the phase or of the event.
    pub name: String,
}

/// What a mark does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkEvent {
    /// A phase begins.
    Begin,
    /// The phase of this name that began last ends.
    End,
    /// Something happened.
    Point,
}

/// A named interval of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its beginning on the run's time base.
    pub begin_ns: i64,
    /// Its end on the run's time base.
    pub end_ns: i64,
}

impl Mark {
    /// Reads the lines of a `marks.jsonl`. Takes any bytes.
    pub fn parse_all(bytes: &[u8]) -> Lines<Self> {
        Lines::parse(bytes)
    }
}

/// Marks of phases put together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairing {
    /// The phases that have a beginning and an end, by beginning.
    pub phases: Vec<Phase>,
    /// Beginnings that no end follows.
    pub unended: Vec<Mark>,
    /// Ends that no beginning goes before.
    pub unbegun: Vec<Mark>,
}

impl Pairing {
    /// Pairs each end with the last beginning of the same name before it; nothing is invented for the others.
    ///
    /// Marks count in order of time, and at one time in the order in which they stand. Phases of one name may nest.
    pub fn of(marks: &[Mark]) -> Self {
        let mut order: Vec<&Mark> = marks.iter().collect();
        order.sort_by_key(|mark| mark.t_ns);
        let mut pairing = Self::default();
        let mut begun: HashMap<&str, Vec<(usize, &Mark)>> = HashMap::new();
        let mut paired = Vec::new();
        for (position, mark) in order.into_iter().enumerate() {
            match mark.event {
                MarkEvent::Point => {}
                MarkEvent::Begin => begun.entry(&mark.name).or_default().push((position, mark)),
                MarkEvent::End => match begun.get_mut(mark.name.as_str()).and_then(Vec::pop) {
                    Some((begin_position, begin)) => paired.push((
                        begin_position,
                        Phase { name: mark.name.clone(), begin_ns: begin.t_ns, end_ns: mark.t_ns },
                    )),
                    None => pairing.unbegun.push(mark.clone()),
                },
            }
        }
        paired.sort_by_key(|(position, _)| *position);
        pairing.phases = paired.into_iter().map(|(_, phase)| phase).collect();
        let mut unended: Vec<_> = begun.into_values().flatten().collect();
        unended.sort_by_key(|(position, _)| *position);
        pairing.unended = unended.into_iter().map(|(_, mark)| mark.clone()).collect();
        pairing
    }
}
