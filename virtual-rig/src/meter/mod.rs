//! The meters at the node's mains: the protocols in which they say what they show.

mod calendar;
mod instrument;
mod lmg;
mod modbus;
mod number;
mod ptdaemon;
mod registers;
mod server;
mod watts_up;
mod wire;
mod yokogawa;

pub(crate) use instrument::Instrument;
pub use server::Address;
pub(crate) use server::Server;

#[cfg(test)]
mod tests;
