//! ZES Zimmer power analysers: LMG450 and LMG95 over a serial line, LMG600 series over TCP.

pub mod items;
pub mod server;
mod source;

pub use source::{OPTIONS, open_lmg450, open_lmg670};
