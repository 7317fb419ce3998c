//! Queries on a trace in order of time.

use super::Trace;
use crate::time::{Interval, seconds};

/// Answers queries on a trace whose times do not decrease, at constant cost each.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    trace: &'a Trace,
    segment: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(trace: &'a Trace) -> Self {
        Self { trace, segment: 0 }
    }

    /// Energy from the trace's first point to `time_ns` in joules; `None` outside the trace.
    pub fn cumulated_j(&mut self, time_ns: i64) -> Option<f64> {
        self.seek(time_ns).then(|| self.trace.cumulated_j(time_ns, self.segment))
    }

    /// Power at `time_ns` in watts; `None` outside the trace.
    pub fn power_w(&mut self, time_ns: i64) -> Option<f64> {
        self.seek(time_ns).then(|| self.trace.power_w(time_ns, self.segment))
    }

    /// Moves to the segment of `time_ns`: forwards step by step, backwards by search.
    fn seek(&mut self, time_ns: i64) -> bool {
        let times = self.trace.times_ns();
        let span = self.trace.span();
        if time_ns < span.begin_ns || time_ns > span.end_ns {
            return false;
        }
        if time_ns < times[self.segment] {
            self.segment = self.trace.segment(time_ns);
        }
        while self.segment + 2 < times.len() && times[self.segment + 1] <= time_ns {
            self.segment += 1;
        }
        true
    }
}

/// Mean power of windows that end at non-decreasing times, at constant cost each.
#[derive(Debug, Clone)]
pub(crate) struct MovingMean<'a> {
    early: Cursor<'a>,
    late: Cursor<'a>,
}

impl<'a> MovingMean<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Self {
        Self { early: trace.cursor(), late: trace.cursor() }
    }

    /// Mean power of `interval` in watts, the power at its end if it has no length; `None` outside the trace.
    pub(crate) fn mean_w(&mut self, interval: Interval) -> Option<f64> {
        if interval.length_ns() == 0 {
            return self.late.power_w(interval.end_ns);
        }
        let energy = self.late.cumulated_j(interval.end_ns)? - self.early.cumulated_j(interval.begin_ns)?;
        Some(energy / seconds(interval.length_ns()))
    }
}
