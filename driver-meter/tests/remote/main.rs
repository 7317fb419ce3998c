//! A served meter over loopback: the conformance suite, clocks of known truth, the protocol by hand, and what a network does.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod by_hand;
mod faults;
mod readings;
mod support;

use power_testkit::alloc::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
