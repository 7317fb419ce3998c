//! Which readings a stated mean was made of, and how.
//!
//! Around each window stand the readings that its tool may have taken. The run of them whose mean is the stated power,
//! to its last digit, is the one that was averaged; whether the plain mean fits, or the one that weighs each reading by
//! how long it held, tells the rule.

use super::benchmark::{Poll, Record};

/// How many readings at either end may have been left out or taken in.
const SLACK: usize = 12;

/// Which readings a mean is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Used {
    pub(super) first: usize,
    pub(super) last: usize,
    /// Whether only the plain mean fits, not the one by time.
    pub(super) plain: bool,
    /// The mean by time of the same readings, from the first one's begin to the last one's end.
    pub(super) by_time_w: Option<f64>,
}

/// Mean power by time of readings over a window: each holds from its middle to the next one's, the first from the
/// beginning on, the last to the end.
///
/// `None` without readings, or for a window without length.
pub fn held_mean_w(polls: &[Poll], (begin_s, end_s): (f64, f64)) -> Option<f64> {
    let last = polls.len().checked_sub(1)?;
    let length = end_s - begin_s;
    if length.is_nan() || length <= 0.0 {
        return None;
    }
    let edge = |at: usize| if at == 0 { begin_s } else { polls[at].middle_s().clamp(begin_s, end_s) };
    let held = (0..=last).map(|at| {
        let until = if at == last { end_s } else { edge(at + 1) };
        polls[at].power_w * (until - edge(at)).max(0.0)
    });
    Some(held.sum::<f64>() / length)
}

/// The readings that the record's power is the mean of; `None` if none fit, or several do.
pub(super) fn used(record: &Record, half_digit_w: f64) -> Option<Used> {
    let (power, span) = record.power_w.zip(record.span_s)?;
    let polls = &record.polls;
    // A window longer than its readings by far, or none: nothing to search.
    let within = |at: &usize| polls[*at].end_s > span.0 && polls[*at].begin_s < span.1;
    let (first, last) = ((0..polls.len()).find(within)?, (0..polls.len()).rev().find(within)?);
    let slack = half_digit_w.max(1e-9 * power.abs()) * (1.0 + 1e-6);
    let mut sums = vec![0.0];
    for poll in polls {
        sums.push(sums[sums.len() - 1] + poll.power_w);
    }
    let mut plain = Vec::new();
    let mut held = Vec::new();
    for from in first.saturating_sub(1)..=(first + SLACK).min(last) {
        for to in last.saturating_sub(SLACK).max(from)..=(last + 1).min(polls.len() - 1) {
            let count = super::words::as_f64(to + 1 - from);
            if ((sums[to + 1] - sums[from]) / count - power).abs() <= slack {
                plain.push((from, to));
            }
            // A reading that holds for no time would make one mean two runs.
            let all_hold =
                from == to || (polls[to].middle_s() < span.1 && polls[from + 1].middle_s() > span.0);
            let mean = held_mean_w(&polls[from..=to], span).filter(|_| all_hold);
            if mean.is_some_and(|mean| (mean - power).abs() <= slack) {
                held.push((from, to));
            }
        }
    }
    // Readings at even times have both means, and one reading too: then the plain rule is no fault.
    let ((first_used, last_used), only_plain) = match (&held[..], &plain[..]) {
        ([one], _) => (*one, false),
        ([], [one]) => (*one, true),
        _ => return None,
    };
    let (from, to) = (polls[first_used].begin_s, polls[last_used].end_s);
    let by_time_w = held_mean_w(&polls[first_used..=last_used], (from, to));
    Some(Used { first: first_used, last: last_used, plain: only_plain, by_time_w })
}

/// Whether the record's power is the mean of one run of its readings, to half of its last digit.
pub fn is_mean_of_polls(record: &Record, half_digit_w: f64) -> bool {
    used(record, half_digit_w).is_some()
}

/// Readings that began and ended within the window.
pub(super) fn whole(record: &Record) -> Option<usize> {
    let (begin_s, end_s) = record.span_s?;
    let within = |poll: &&Poll| poll.begin_s >= begin_s && poll.end_s <= end_s;
    Some(record.polls.iter().filter(within).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polls() -> Vec<Poll> {
        let poll = |(begin_s, power_w): (f64, f64)| Poll { begin_s, end_s: begin_s + 0.1, power_w };
        [(-0.15, 75.0), (0.12, 300.0), (0.5, 410.0), (0.7, 390.5), (1.05, 120.0)].map(poll).to_vec()
    }

    fn record(power_w: f64) -> Record {
        Record { power_w: Some(power_w), span_s: Some((0.0, 1.0)), polls: polls(), ..Record::default() }
    }

    #[test]
    fn the_run_that_was_averaged() {
        // By hand: (300 + 410 + 390.5 + 120) / 4.
        let found = used(&record(305.125), 5e-5).unwrap();
        assert_eq!((found.first, found.last, found.plain), (1, 4, true));
        // 300 W from 0.12 to 0.55 s, 410 W to 0.75 s, 390.5 W to 1.1 s, 120 W to 1.15 s.
        assert!((found.by_time_w.unwrap() - (129.0 + 82.0 + 136.675 + 6.0) / 1.03).abs() < 1e-9);
        let found = used(&record(344.625), 5e-5).unwrap();
        assert_eq!((found.first, found.last, found.plain), (1, 3, false));
        assert_eq!(used(&record(200.0), 5e-5), None);
        assert_eq!(whole(&record(0.0)), Some(3));
    }

    #[test]
    fn nothing_to_average() {
        assert_eq!(held_mean_w(&[], (0.0, 1.0)), None);
        assert_eq!(held_mean_w(&polls(), (1.0, 1.0)), None);
        assert_eq!(used(&Record::default(), 0.0), None);
    }
}
