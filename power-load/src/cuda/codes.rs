//! CUDA's codes and words, as cuda.h gives them.

/// A failed call: CUDA's code and words for it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) call: &'static str,
    pub(super) code: i32,
    pub(super) words: String,
}

/// CUDA's codes that a load tells apart (`CUresult` in cuda.h).
pub(super) mod code {
    pub(crate) const OUT_OF_MEMORY: i32 = 2;
    pub(crate) const NO_DEVICE: i32 = 100;
}

/// Attributes of a device (`CUdevice_attribute` in cuda.h).
#[derive(Debug, Clone, Copy)]
pub(super) enum Attribute {
    Multiprocessors = 16,
    CacheBytes = 38,
    CapabilityMajor = 75,
    CapabilityMinor = 76,
}

/// Why there is no driver.
#[derive(Debug)]
pub(super) enum NoDriver {
    /// No such library, or it lacks a function.
    Library(libloading::Error),
    /// It does not start.
    Start(Failure),
}

/// Options of the compiler within the driver (`CUjit_option` in cuda.h): a log, its room, the same for errors, and whether
/// to say more.
pub(super) const JIT_OPTIONS: [u32; 5] = [3, 4, 5, 6, 12];

/// A stream that does not wait for the default one (`CU_STREAM_NON_BLOCKING`).
pub(super) const NON_BLOCKING: u32 = 1;
/// An event without times, which is waited for asleep (`CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING`).
pub(super) const ASLEEP: u32 = 1 | 2;

/// A text that ends with 0, or with the room for it.
pub(super) fn until_zero(text: &[u8]) -> String {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).trim().to_owned()
}
