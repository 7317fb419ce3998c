//! Answers that are one line.

use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use super::Link;

/// Receives an answer that ends with the byte `end` into the front of `buffer`; gives its length without that byte.
/// Blocks at most until `deadline`.
///
/// # Errors
///
/// - [`ErrorKind::Protocol`] if the buffer is full and no end has come, or more follows behind it: then the link is
///   out of step, and has to be opened anew.
/// - those of [`Link::receive`]; a late answer may still come, so that the link has to be opened anew as well.
pub fn receive_line(link: &mut dyn Link, buffer: &mut [u8], end: u8, deadline: Instant) -> Result<usize> {
    let mut filled = 0;
    loop {
        let room = &mut buffer[filled..];
        if room.is_empty() {
            let message =
                "an answer without end; look at baud rate, parity, and whether this is the right meter";
            return Err(Error::new(ErrorKind::Protocol, message).with_context("link", link.name()));
        }
        let length = room.len();
        let start = filled;
        filled += link.receive(room, deadline)?.min(length);
        match buffer[start..filled].iter().position(|byte| *byte == end) {
            Some(place) if start + place + 1 == filled => return Ok(start + place),
            Some(_) => {
                return Err(Error::new(ErrorKind::Protocol, "more than one answer to one question")
                    .with_context("link", link.name()));
            }
            None => {}
        }
    }
}
