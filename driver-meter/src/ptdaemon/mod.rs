//! SPEC PTDaemon: every meter that `SPECpower` and MLPerf Power accept, over one TCP connection.
//!
//! The protocol is not published; what is used here stands in the logs of MLPerf Power submissions and in the clients of
//! mlcommons/power-dev (`ptd_client_server/lib/server.py`) and `SPECjvm2008` (`spec/harness/analyzer/PowerMeter.java`).

pub mod protocol;
pub mod server;
mod source;

pub use source::{OPTIONS, open};
