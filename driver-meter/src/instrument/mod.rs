//! Instruments with a protocol of their own.

pub mod catalogue;

use power_core::{Options, PowerSource, Result};

use crate::link::Link;

/// Opens an instrument over a link that has been opened: every instrument of this crate has a function of this type.
pub type Open = fn(Box<dyn Link>, &Options) -> Result<Box<dyn PowerSource>>;
