//! Modbus: TCP, RTU, and RTU over TCP, and meters that a profile describes.
//!
//! Its parts are of use alone: [`protocol`] is framing without I/O, for a master and for a device; [`Client`] reads
//! registers over any [`Link`](crate::link::Link); [`Foreign`] puts anybody's [`modbus::Client`] in its place;
//! [`MeterSource`] makes a power source of a source of [`Registers`] and a [`Profile`](crate::profile::Profile).

mod client;
mod doubt;
mod exception;
mod foreign;
mod plan;
pub mod protocol;
mod receive;
mod reconnect;
mod registers;
mod shared;
mod source;
mod timing;
mod value;

pub use client::Client;
pub use exception::Exception;
pub use foreign::Foreign;
pub use protocol::serve::Framing;
pub use registers::Registers;
pub(crate) use shared::{Settings, shared};
pub use source::{Choice, MeterSource};
pub use timing::Timing;
