//! The library: NVML's C interface to a node.
//!
//! Its functions are exported by their C names wherever this crate is linked into a shared library; in an
//! executable nobody asks for them, and the linker drops them.

mod abi;
mod code;
mod device;
mod driver;
mod mig;
mod out;
mod place;
mod power;
mod samples;
mod system;

pub(crate) use code::text as code_text;
