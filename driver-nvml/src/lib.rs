#![doc = include_str!("../README.md")]

mod alias;
mod architecture;
mod buffers;
mod catalogue;
mod clock_domain;
mod config;
mod cost;
mod counter;
mod cuda;
mod cursor;
mod details;
mod driver;
mod error;
mod gauges;
mod library;
mod port;
mod ring;
mod select;
#[cfg(test)]
mod source_tests;
#[cfg(test)]
mod test_gpu;

pub use driver::{DRIVER, Nvml};
