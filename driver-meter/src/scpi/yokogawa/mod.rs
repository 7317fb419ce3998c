//! Yokogawa WT300 series: WT310, WT310HC, WT332, WT333 and their E models.

pub mod items;
pub mod server;
mod source;

pub use source::{OPTIONS, open};
