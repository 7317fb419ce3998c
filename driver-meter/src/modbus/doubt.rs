//! Answers that may still come to requests that were given up.

use std::time::{Duration, Instant};

use super::protocol::ReadRequest;

/// Requests that were given up on a bus whose answers do not say what they answer.
///
/// In RTU an answer names unit, function and size, not the registers. A late answer of the same shape would be taken
/// for that of the next request. So a unit is asked in the same shape again only when it has answered another request
/// since, or when no late answer is to be expected any more.
#[derive(Debug, Default)]
pub(super) struct Doubt(Vec<Unanswered>);

#[derive(Debug)]
struct Unanswered {
    unit: u8,
    /// One bit for each number of registers that was asked for and not answered.
    counts: u128,
    until: Instant,
}

impl Doubt {
    /// `request` was given up; its answer may come within `late` from now.
    pub(super) fn given_up(&mut self, request: ReadRequest, late: Duration) {
        let until = Instant::now() + late;
        match self.0.iter_mut().find(|entry| entry.unit == request.unit) {
            Some(entry) => {
                entry.counts |= bit(request.count);
                entry.until = entry.until.max(until);
            }
            None => self.0.push(Unanswered { unit: request.unit, counts: bit(request.count), until }),
        }
    }

    /// `unit` answered a request that came after those given up: a device answers in order.
    pub(super) fn clear(&mut self, unit: u8) {
        self.0.retain(|entry| entry.unit != unit);
    }

    /// Whether anything of `unit` is open.
    pub(super) fn has(&self, unit: u8) -> bool {
        self.0.iter().any(|entry| entry.unit == unit)
    }

    /// Until when an answer to `request` could be a late one; `None` if it cannot.
    pub(super) fn until(&mut self, request: ReadRequest) -> Option<Instant> {
        let now = Instant::now();
        self.0.retain(|entry| entry.until > now);
        let entry = self.0.iter().find(|entry| entry.unit == request.unit)?;
        (entry.counts & bit(request.count) != 0).then_some(entry.until)
    }
}

const fn bit(count: u16) -> u128 {
    // A request has at most 125 registers.
    1 << (count & 0x7F)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::modbus::protocol::Table;

    const LONG: Duration = Duration::from_secs(60);

    fn request(unit: u8, count: u16) -> ReadRequest {
        ReadRequest::new(unit, Table::Input, 0, count).unwrap()
    }

    #[test]
    fn only_requests_of_the_same_unit_and_shape_are_in_doubt() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.until(request(1, 2)), None);
        doubt.given_up(request(1, 2), LONG);
        doubt.given_up(request(1, 125), LONG);
        assert!(doubt.until(request(1, 2)).is_some() && doubt.until(request(1, 125)).is_some());
        assert_eq!(doubt.until(request(1, 3)), None);
        assert_eq!(doubt.until(request(2, 2)), None);
        doubt.clear(2);
        assert!(doubt.has(1) && !doubt.has(2));
        doubt.clear(1);
        assert_eq!(doubt.until(request(1, 2)), None);
    }

    #[test]
    fn doubt_ends_when_no_answer_is_expected_any_more() {
        let mut doubt = Doubt::default();
        doubt.given_up(request(1, 2), Duration::ZERO);
        assert_eq!(doubt.until(request(1, 2)), None);
    }
}
