//! Root of the shared library: all of it is in `virtual-rig`, whose exported functions are linked in.

// A crate that is not used at all would not be linked.
pub use virtual_rig::RIG_VARIABLE;
