#![doc = include_str!("../README.md")]

// The fake machines of tests/ name this crate, and are used by its own tests too.
#[cfg(test)]
extern crate self as driver_rapl;

mod backend;
mod config;
mod counter;
mod describe;
mod domain;
mod driver;
mod error;
mod filtering;
mod machine;
mod measure;
pub mod protocol;
mod source;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(not(target_os = "linux"))]
#[path = "sys_elsewhere.rs"]
mod sys;
#[cfg(all(test, target_os = "linux"))]
mod tests;

pub use describe::safe_total;
pub use driver::{DRIVER, Rapl};
