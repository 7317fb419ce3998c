#![doc = include_str!("../README.md")]

mod address;
mod config;
mod discover;
mod driver;
pub mod instrument;
pub mod link;
pub mod modbus;
pub mod profile;
pub mod simulator;
pub mod uncertainty;

pub use address::{Address, MeterAddress};
pub use driver::{DRIVER, Meters};

/// Id of this driver.
const ID: &str = "meter";
