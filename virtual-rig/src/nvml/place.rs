//! Where the library lies: a rig's file beside it is its own.

use std::path::PathBuf;

/// The directory of this library; none where it cannot be told.
#[cfg(unix)]
#[expect(unsafe_code, reason = "only dladdr knows which file a function comes from")]
pub(super) fn directory() -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr, c_void};
    use std::os::unix::ffi::OsStrExt;

    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let own: fn() -> Option<PathBuf> = directory;
    // SAFETY: the address is that of a function of this library, and `info` is exclusively borrowed for the call.
    let found = unsafe { libc::dladdr(own as *const c_void, &raw mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: dladdr succeeded, so that the name is a string of the loader's, which lives as long as the library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    let file = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    file.parent().map(std::path::Path::to_path_buf)
}

/// Elsewhere the rig is the one that the environment names.
#[cfg(not(unix))]
pub(super) fn directory() -> Option<PathBuf> {
    None
}
