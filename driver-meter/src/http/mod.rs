//! Plugs and energy meters that are asked over HTTP.
//!
//! The request is a GET of a fixed path over one connection that is kept, so that no client library is needed: the
//! header is `httparse`'s, the deadline and the connection are the [`Link`](crate::link::Link)'s. TLS is not spoken;
//! these devices do not offer it.

mod get;
mod pick;
pub mod shelly;
mod source;
pub mod tasmota;

pub use get::{Body, End, Head, body, head};
pub use source::{open_shelly, open_tasmota};
