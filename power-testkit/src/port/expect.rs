//! A queue of expected calls for seams that are not byte streams.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Expected requests and the responses to give, in order.
///
/// For a seam of calls rather than bytes, such as a vendor's library behind a trait: the mock's methods ask
/// an `Expect`. It panics on a request that is not the expected one, and when dropped with expectations left
/// over.
///
/// ```
/// use power_testkit::Expect;
///
/// #[derive(Debug, PartialEq)]
/// enum Call { DeviceCount, PowerMilliwatts { device: u32 } }
///
/// let library: Expect<Call, Result<u32, &str>> = Expect::new()
///     .then(Call::DeviceCount, Ok(1))
///     .then(Call::PowerMilliwatts { device: 0 }, Err("GPU is lost"));
/// assert_eq!(library.call(&Call::DeviceCount), Ok(1));
/// assert_eq!(library.call(&Call::PowerMilliwatts { device: 0 }), Err("GPU is lost"));
/// library.done();
/// ```
#[derive(Debug)]
pub struct Expect<Request, Response> {
    queue: Mutex<VecDeque<(Request, Response)>>,
}

impl<Request, Response> Expect<Request, Response> {
    /// Expects nothing yet.
    pub const fn new() -> Self {
        Self { queue: Mutex::new(VecDeque::new()) }
    }

    /// Expects `request` next and answers `response`, which may well be an error.
    #[must_use]
    pub fn then(self, request: Request, response: Response) -> Self {
        self.with_queue(|queue| queue.push_back((request, response)));
        self
    }

    /// Number of expectations left.
    pub fn remaining(&self) -> usize {
        self.with_queue(|queue| queue.len())
    }

    /// Checks that nothing is left over.
    ///
    /// # Panics
    ///
    /// Panics if expectations are left over.
    pub fn done(self) {
        drop(self);
    }

    fn with_queue<T>(&self, task: impl FnOnce(&mut VecDeque<(Request, Response)>) -> T) -> T {
        task(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<Request: PartialEq + Debug, Response> Expect<Request, Response> {
    /// Answers one request.
    ///
    /// # Panics
    ///
    /// Panics if `request` is not the one expected next, or if none is.
    pub fn call(&self, request: &Request) -> Response {
        match self.with_queue(VecDeque::pop_front) {
            Some((expected, response)) => {
                assert!(expected == *request, "expected the request {expected:?}, got {request:?}");
                response
            }
            None => panic!("expected no more requests, got {request:?}"),
        }
    }
}

impl<Request, Response> Default for Expect<Request, Response> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Request, Response> Drop for Expect<Request, Response> {
    fn drop(&mut self) {
        let left = self.remaining();
        assert!(left == 0 || thread::panicking(), "{left} expected requests were never made");
    }
}
