//! A schedule played on a load.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::{left, nanos, now_ns, precise_timers};
use crate::{Demand, Load, Result, Schedule, Step};

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(20);

/// A step with a name begins or ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event<'a> {
    /// Which of both.
    pub kind: EventKind,
    /// Its position in the schedule, from 0.
    pub index: usize,
    /// The step.
    pub step: &'a Step,
    /// When the load began to be told, in ns of `CLOCK_MONOTONIC`.
    pub start_ns: i64,
    /// When the load did what it was told: the power changed between the two.
    pub end_ns: i64,
}

impl Event<'_> {
    /// The middle of start and end.
    pub const fn middle_ns(&self) -> i64 {
        self.start_ns + (self.end_ns - self.start_ns) / 2
    }
}

/// What begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The step begins.
    Begin,
    /// It ends.
    End,
}

/// How a schedule ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Played {
    /// All of it was played.
    Whole,
    /// It was stopped before its end.
    Stopped,
}

/// Plays `schedule` on `load`, says when each step that has a name begins and ends, and leaves the load idle.
///
/// Blocks for the length of the schedule, or until some 20 ms after `stop` is set. The steps are due at times that count
/// from the beginning: what one is late does not move the next.
///
/// ```
/// use power_load::{Demand, Loads, Schedule, Step, play};
/// use std::sync::atomic::AtomicBool;
///
/// let on = Step::new(0.02, Demand { cpu: 1.0, ..Demand::IDLE }).named("burn");
/// let schedule = Schedule::steps([Step::new(0.01, Demand::IDLE), on]);
/// let mut seen = Vec::new();
/// play(&schedule, &mut Loads::new(), &AtomicBool::new(false), &mut |event| seen.push((event.kind, event.middle_ns())))?;
/// assert!(seen[1].1 - seen[0].1 >= 19_000_000);
/// # Ok::<(), power_load::Error>(())
/// ```
///
/// # Errors
///
/// - what [`Schedule::check`] says.
/// - what the load says. It is told to become idle before that is returned, and what had begun has an end.
pub fn play(
    schedule: &Schedule,
    load: &mut dyn Load,
    stop: &AtomicBool,
    on_event: &mut dyn FnMut(&Event<'_>),
) -> Result<Played> {
    schedule.check()?;
    precise_timers();
    let mut player = Player { load, on_event, running: None };
    let mut due = now_ns();
    let mut outcome = Ok(Played::Whole);
    for (index, step) in schedule.steps.iter().enumerate() {
        if let Err(error) = player.change(Some((index, step))) {
            outcome = Err(error);
            break;
        }
        due = due.saturating_add(nanos(step.seconds));
        if !wait_until(due, stop) {
            outcome = Ok(Played::Stopped);
            break;
        }
    }
    let ended = player.change(None);
    outcome.and_then(|played| ended.map(|()| played))
}

/// Waits; whether it was not stopped.
fn wait_until(due_ns: i64, stop: &AtomicBool) -> bool {
    while let Some(left) = left(due_ns) {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(left.min(LOOK));
    }
    !stop.load(Ordering::Relaxed)
}

struct Player<'p, 's> {
    load: &'p mut dyn Load,
    on_event: &'p mut dyn FnMut(&Event<'_>),
    running: Option<(usize, &'s Step)>,
}

impl<'s> Player<'_, 's> {
    /// Goes over to another step, or to idling.
    fn change(&mut self, next: Option<(usize, &'s Step)>) -> Result<()> {
        let start_ns = now_ns();
        let result = match next {
            Some((_, step)) => self.load.set(&step.demand),
            None => self.load.set(&Demand::IDLE),
        };
        let end_ns = now_ns();
        let mut tell = |kind, (index, step): (usize, &Step)| {
            if step.name.is_some() {
                (self.on_event)(&Event { kind, index, step, start_ns, end_ns });
            }
        };
        if let Some(ended) = self.running.take() {
            tell(EventKind::End, ended);
        }
        result?;
        if let Some(begun) = next {
            tell(EventKind::Begin, begun);
            self.running = next;
        }
        Ok(())
    }
}
