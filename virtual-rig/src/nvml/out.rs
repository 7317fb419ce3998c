//! Writing results through the pointers of the C interface, each checked for null.
#![expect(unsafe_code, reason = "NVML's interface hands out results through pointers")]

use std::ffi::{CStr, c_char, c_uint};

use super::code::{Code, Result};

/// Writes `value` to `to`.
///
/// # Safety
///
/// `to` is null or valid for a write of a `T`.
pub(super) unsafe fn put<T>(to: *mut T, value: T) -> Result<()> {
    if to.is_null() {
        return Err(Code::INVALID_ARGUMENT);
    }
    // SAFETY: it is not null, so by the caller's promise it is valid for this write.
    unsafe { to.write(value) };
    Ok(())
}

/// Fails if a pointer is null.
pub(super) fn present<T>(pointer: *const T) -> Result<()> {
    if pointer.is_null() { Err(Code::INVALID_ARGUMENT) } else { Ok(()) }
}

/// Writes `text` and a final 0 to a buffer of `length` bytes.
///
/// # Safety
///
/// `to` is null or valid for writes of `length` bytes.
pub(super) unsafe fn put_text(to: *mut c_char, length: c_uint, text: &str) -> Result<()> {
    present(to)?;
    let length = usize::try_from(length).map_err(|_| Code::INVALID_ARGUMENT)?;
    if length <= text.len() {
        return Err(Code::INSUFFICIENT_SIZE);
    }
    // SAFETY: it is not null, and by the caller's promise valid for `length` bytes, of which no more are written:
    // the text and one 0. The text is not of the caller's memory.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast::<c_char>(), to, text.len());
        to.add(text.len()).write(0);
    }
    Ok(())
}

/// Reads a string.
///
/// # Safety
///
/// `from` is null or points to a string that ends in 0.
pub(super) unsafe fn text<'c>(from: *const c_char) -> Result<&'c str> {
    present(from)?;
    // SAFETY: it is not null, so by the caller's promise it is a string that ends in 0.
    unsafe { CStr::from_ptr(from) }.to_str().map_err(|_| Code::INVALID_ARGUMENT)
}

/// `text` in a fixed array, cut if too long, with a final 0.
pub(super) fn array<const N: usize>(text: &str) -> [c_char; N] {
    let mut array = [0; N];
    for (to, from) in array.iter_mut().take(N - 1).zip(text.bytes()) {
        *to = c_char::from_ne_bytes([from]);
    }
    array
}
