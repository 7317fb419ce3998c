#![doc = include_str!("../README.md")]

mod calendar;
pub mod http;
pub mod instrument;
pub mod lines;
pub mod link;
pub mod ptdaemon;
pub mod scpi;
pub mod streams;
pub mod usb;
