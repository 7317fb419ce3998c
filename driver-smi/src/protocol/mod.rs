//! What `nvidia-smi` prints, in all its forms: pure functions over text, no process, no clock, no panic.
//!
//! [`csv`] reads what `--query-gpu --format=csv` prints, once or in a loop, and logs saved from it. [`xml`] reads
//! `-q -x`, [`query`] reads `-q`, [`dmon`] reads `dmon`, [`table`] reads the table that the bare command prints.
//! [`help`] reads `--help-query-gpu`, and [`message`] what is printed instead of an answer.
//!
//! A value that the device does not give is an [`Absence`], never a number. Text that is neither a value nor an
//! absence is [`Malformed`].

mod cell;
pub mod csv;
pub mod dmon;
mod field;
pub mod help;
pub mod message;
pub mod query;
mod report;
pub mod table;
mod time;
pub mod xml;

pub use cell::{Absence, Cell, Malformed, parse_cell};
pub use field::{Field, Kind};
pub use report::{GpuReport, Report};
pub use time::{LocalTime, parse_csv_time, parse_date_and_time, parse_log_time};
