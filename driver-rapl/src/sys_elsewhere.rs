//! System calls where there is no Linux: none.

use std::fs::File;
use std::io;

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "RAPL is read on Linux only"))
}

pub(crate) fn open_event(_: u32, _: u64, _: u32, _: Option<&File>) -> io::Result<File> {
    unsupported()
}

pub(crate) fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    unsupported()
}

pub(crate) fn slept_ns() -> Option<i64> {
    None
}
