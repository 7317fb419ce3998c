//! USB instruments that speak in packets. Their decoders and sources need no USB: any link that keeps packets apart does.

pub mod fnb58;
pub mod fnb58_source;
pub mod km003c;
pub mod km003c_source;
