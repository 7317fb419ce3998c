#![doc = include_str!("../README.md")]

mod address;
mod calendar;
mod config;
mod discover;
mod driver;
pub mod http;
pub mod instrument;
pub mod lines;
pub mod link;
pub mod modbus;
pub mod profile;
pub mod ptdaemon;
pub mod remote;
pub mod scpi;
pub mod simulator;
pub mod streams;
pub mod uncertainty;
pub mod usb;

pub use address::{Address, MeterAddress};
pub use driver::{DRIVER, Meters};

/// Id of this driver.
const ID: &str = "meter";
