//! The check of marks, anchors and the alignment.

use power_core::Anchor;

use super::{COPY_AGAIN, Check, count};
use crate::alignment::Alignment;
use crate::run::{Lines, Manifest, Mark, Origin, Pairing, State, TimeBase, disk};

/// A change of one host clock against another beyond this is a step, not a slew.
const STEP_NS: i128 = 1_000_000;
/// The fastest that the kernel slews a clock: 500 ppm (adjtimex(2)).
const FASTEST_SLEW: i128 = 2_000;

impl Check<'_> {
    /// Checks the marks; `span` is the time from the first reading to the last.
    pub(super) fn marks(&mut self, state: State, span: Option<(i64, i64)>) {
        let Some(lines) =
            self.lines(disk::MARKS, state, "phases, if there were any, are lost", Mark::parse_all)
        else {
            return;
        };
        let pairing = Pairing::of(&lines.items);
        self.counts.marks = count(lines.items.len());
        self.counts.phases = count(pairing.phases.len());
        for mark in &pairing.unended {
            let what = format!("the phase {} that began at {} ns never ended", mark.name, mark.t_ns);
            self.remark(disk::MARKS, what, "it is left out; add a mark of its end if it is known");
        }
        for mark in &pairing.unbegun {
            let what = format!("the phase {} that ended at {} ns never began", mark.name, mark.t_ns);
            self.remark(disk::MARKS, what, "it is left out; add a mark of its beginning if it is known");
        }
        for phase in &pairing.phases {
            if phase.end_ns.checked_sub(phase.begin_ns).is_none() {
                let what = format!("the phase {} is longer than 2^63 ns", phase.name);
                self.fault(disk::MARKS, what, "correct its marks");
            }
        }
        let Some((first, last)) = span else { return };
        let outside = lines.items.iter().filter(|mark| mark.t_ns < first || mark.t_ns > last).count();
        if outside > 0 {
            let what = format!(
                "{outside} of {} marks are before the first reading or after the last",
                lines.items.len()
            );
            self.remark(disk::MARKS, what, "check that marks and readings have one time base");
        }
    }

    /// Checks that the host's clocks ran together.
    pub(super) fn anchors(&mut self, manifest: &Manifest) {
        let lost = "times cannot be told as Unix times";
        let Some(lines) = self.lines(disk::ANCHORS, manifest.state, lost, Lines::<Anchor>::parse) else {
            return;
        };
        self.counts.anchors = count(lines.items.len());
        let recorded = matches!(manifest.origin, Origin::Recorded { .. });
        if recorded && manifest.time_base == TimeBase::HostMonotonic && lines.items.is_empty() {
            self.remark(disk::ANCHORS, format!("has no anchor: {lost}"), "record again if that matters");
        }
        if let Some(index) =
            lines.items.iter().position(|anchor| anchor.width_ns.is_some_and(|width| width < 0))
        {
            let what = format!("anchor {index} was taken in negative time");
            self.fault(disk::ANCHORS, what, "its clocks cannot be relied on: record again");
        }
        let mut steps = Steps::default();
        for (index, pair) in lines.items.windows(2).enumerate() {
            if let [before, after] = pair {
                steps.see(index + 1, before, after);
            }
        }
        self.steps(&steps);
    }

    fn steps(&mut self, steps: &Steps) {
        if let Some(index) = steps.backwards {
            let what = format!("the monotonic clock went back at anchor {index}");
            self.fault(disk::ANCHORS, what, "do not join runs of several boots");
        }
        if let Some((index, by)) = steps.realtime.first {
            let what = format!(
                "the real-time clock was set {} times, first by {} ns at anchor {index}",
                steps.realtime.times, by
            );
            self.remark(
                disk::ANCHORS,
                what,
                "device times on that clock have a gap there: leave out what is around it",
            );
        }
        if let Some((index, by)) = steps.boottime.first {
            let what = format!(
                "the host slept {} times, first for {} ns at anchor {index}",
                steps.boottime.times, by
            );
            self.remark(disk::ANCHORS, what, "leave out what is around it, and record without sleep");
        }
    }

    /// Checks that the alignment can be read and names sources of the run.
    pub(super) fn alignment(&mut self, manifest: &Manifest) {
        const MEND: &str = "correct it, or remove it to keep the raw times";
        let bytes = match disk::read_if_there(&self.dir.join(disk::ALIGNMENT)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return,
            Err(error) => return self.fault(disk::ALIGNMENT, error.what(), "check who may read it"),
        };
        match Alignment::parse(&bytes) {
            Ok(alignment) => {
                for id in alignment.strangers(manifest) {
                    self.fault(
                        disk::ALIGNMENT,
                        format!("names the source {id}, which the run has not"),
                        MEND,
                    );
                }
            }
            Err(error) => self.fault(disk::ALIGNMENT, error.what(), MEND),
        }
    }

    /// The lines of a file, with a finding for each that is bad.
    fn lines<T>(
        &mut self,
        name: &str,
        state: State,
        lost: &str,
        parse: fn(&[u8]) -> Lines<T>,
    ) -> Option<Lines<T>> {
        let bytes = match disk::read_if_there(&self.dir.join(name)) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                self.remark(name, format!("is missing: {lost}"), COPY_AGAIN);
                return None;
            }
            Err(error) => {
                self.fault(name, error.what(), "check who may read it");
                return None;
            }
        };
        let mut lines = parse(&bytes);
        let last = bytes.split(|&byte| byte == b'\n').count();
        if lines.unterminated {
            let cut = lines.bad.pop_if(|bad| bad.line == last).is_some();
            match (cut, state) {
                (true, State::Recording) => {
                    let what = format!("line {last} was cut off when the recorder died");
                    self.remark(name, what, "it is left out");
                }
                (true, State::Finished) => {
                    self.fault(name, format!("line {last} is cut off"), COPY_AGAIN);
                }
                (false, _) => {
                    self.remark(name, format!("line {last} lacks its line end"), "nothing need be done");
                }
            }
        }
        for bad in &lines.bad {
            let what = format!("line {} cannot be read, {}", bad.line, bad.why);
            self.fault(name, what, "correct that line or remove it");
        }
        Some(lines)
    }
}

/// Steps between consecutive anchors.
#[derive(Debug, Default)]
struct Steps {
    backwards: Option<usize>,
    realtime: Step,
    boottime: Step,
}

/// How often one clock stepped against the monotonic one; where first, and by how much.
#[derive(Debug, Default)]
struct Step {
    times: u64,
    first: Option<(usize, i128)>,
}

impl Steps {
    fn see(&mut self, index: usize, before: &Anchor, after: &Anchor) {
        let passed = i128::from(after.monotonic_ns) - i128::from(before.monotonic_ns);
        if passed < 0 {
            self.backwards.get_or_insert(index);
        }
        let advance = |before: i64, after: i64| i128::from(after) - i128::from(before) - passed;
        // What can be told apart: both brackets, where they are known, and what a slew does in the time between.
        let widths = [before.width_ns, after.width_ns].into_iter().flatten();
        let width: i128 = widths.map(|width| i128::from(width).abs()).sum();
        let slew = passed.abs() / FASTEST_SLEW;
        let bound = STEP_NS + width + slew;
        self.realtime.see(index, advance(before.realtime_ns, after.realtime_ns), bound);
        if let (Some(before), Some(after)) = (before.boottime_ns, after.boottime_ns) {
            self.boottime.see(index, advance(before, after), bound);
        }
    }
}

impl Step {
    fn see(&mut self, index: usize, by: i128, bound: i128) {
        if by.abs() > bound {
            self.times += 1;
            self.first.get_or_insert((index, by));
        }
    }
}
