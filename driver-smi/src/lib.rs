#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(unix),
    allow(dead_code, reason = "the parsers work everywhere, reading a live GPU needs Unix")
)]

mod alias;
mod config;
mod describe;
mod driver;
mod error;
mod inventory;
mod lines;
#[cfg(unix)]
mod port;
#[cfg(not(unix))]
#[path = "port_elsewhere.rs"]
mod port;
pub mod protocol;
mod semantics;
mod ways;

pub use driver::{DRIVER, Smi};
