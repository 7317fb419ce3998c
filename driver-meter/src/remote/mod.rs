//! A meter that another host reads: served there by [`Server`], read here as the instrument `wattproof-remote`.
//!
//! The serving host is the only one that asks the meter, and stamps by its own clock. Whoever reads over the network gets
//! those readings with their times on that clock, and with each answer an exchange of four times by which the clock is
//! related to the host's ([`Quantity::ClockExchange`](power_core::Quantity::ClockExchange)): no agreement of the two
//! hosts' clocks is assumed. `docs/remote-meter.md` describes the protocol.
//!
//! It is a module of this crate, not a crate of its own, since a remote meter is an instrument over a link like any
//! other: it needs this crate's links with deadlines, its cutting of lines and its coming back after a fault, and a
//! driver may depend on no other driver.

mod feed;
mod poller;
pub mod protocol;
mod server;
mod source;
mod token;

pub use server::{Served, Server};
pub use source::{OPTIONS, open};
pub use token::Token;

/// The port of a server where nobody says.
pub const PORT: u16 = 9775;
