//! One GET over a link, and the parts of its answer.

use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use crate::lines::nonsense;
use crate::link::Link;

/// Longest answer; a Shelly's whole status has some 4 kB.
const LONGEST: usize = 1 << 16;
/// Header fields that are looked at.
const MOST_FIELDS: usize = 48;

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Status, 200 for an answer that holds what was asked for.
    pub status: u16,
    /// Bytes of the head.
    pub length: usize,
    /// How the body ends.
    pub ends: End,
    /// Whether the connection ends with this answer.
    pub closes: bool,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// After so many bytes.
    Length(usize),
    /// With a chunk of no bytes.
    Chunked,
    /// With the connection.
    Close,
}

/// Reads the head at the front of `bytes`; `None` if it is not whole yet. Takes any bytes.
///
/// # Errors
///
/// - what it is instead, in a few words
pub fn head(bytes: &[u8]) -> Result<Option<Head>, &'static str> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err("what answers does not speak HTTP"),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err("what answers does not speak HTTP");
    };
    let mut head = Head { status, length, ends: End::Close, closes: version == 0 };
    for field in response.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        let value = field.value.trim_ascii();
        if is("content-length") && head.ends != End::Chunked {
            let text = str::from_utf8(value).map_err(|_| "the length of the answer is no number")?;
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            let length =
                text.parse().ok().filter(|_| plain).ok_or("the length of the answer is no number")?;
            match head.ends {
                End::Length(other) if other != length => return Err("the answer has two lengths"),
                _ => head.ends = End::Length(length),
            }
        } else if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err("the answer is encoded in an unknown way");
            }
            head.ends = End::Chunked;
        } else if is("connection") {
            head.closes = value.eq_ignore_ascii_case(b"close") || head.closes && value.is_empty();
        }
    }
    head.closes |= head.ends == End::Close;
    Ok(Some(head))
}

/// A body, as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// More is to come.
    Partial,
    /// It is whole, and moved together: it has `length` bytes, and took `taken` bytes of what came.
    Whole {
        /// Bytes of the body, at the front.
        length: usize,
        /// Bytes that came.
        taken: usize,
    },
}

/// Looks for the end of a body at the front of `bytes`, and takes chunks out of their wrapping. Takes any bytes.
///
/// # Errors
///
/// - what is wrong, in a few words
pub fn body(bytes: &mut [u8], ends: End) -> Result<Body, &'static str> {
    match ends {
        End::Length(length) if length > LONGEST => Err("the answer is too long"),
        End::Length(length) if bytes.len() >= length => Ok(Body::Whole { length, taken: length }),
        End::Length(_) | End::Close => Ok(Body::Partial),
        End::Chunked => chunks(bytes),
    }
}

fn chunks(bytes: &mut [u8]) -> Result<Body, &'static str> {
    // First whether all have come, since moving them together cannot be undone.
    let (mut at, mut length) = (0, 0);
    loop {
        let (start, size) = match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((offset, size))) => (at + offset, size),
            Ok(httparse::Status::Partial) => return Ok(Body::Partial),
            Err(_) => return Err("a chunk of the answer has no length"),
        };
        let size =
            usize::try_from(size).ok().filter(|size| *size <= LONGEST).ok_or("the answer is too long")?;
        // Each chunk, and the whole, ends with a line end. Trailing fields are not expected of these devices.
        let Some(end) = bytes.get(start + size..start + size + 2) else { return Ok(Body::Partial) };
        if end != b"\r\n" {
            return Err("a chunk of the answer does not end where it says");
        }
        at = start + size + 2;
        length += size;
        if size == 0 {
            break;
        }
    }
    let taken = at;
    let (mut from, mut to) = (0, 0);
    while to < length {
        let Ok(httparse::Status::Complete((offset, size))) = httparse::parse_chunk_size(&bytes[from..taken])
        else {
            return Err("a chunk of the answer has no length");
        };
        let size = usize::try_from(size).map_err(|_| "the answer is too long")?;
        bytes.copy_within(from + offset..from + offset + size, to);
        from += offset + size + 2;
        to += size;
    }
    Ok(Body::Whole { length, taken })
}

/// Asks for paths over one connection. Allocates nothing after it has been made.
#[derive(Debug)]
pub(crate) struct Client {
    host: String,
    request: Vec<u8>,
    buffer: Vec<u8>,
    /// Whether the connection ended with the last answer.
    closed: bool,
}

impl Client {
    /// A client that gives `host` as the name of the device.
    pub(crate) fn new(host: String) -> Self {
        Self { host, request: Vec::with_capacity(512), buffer: vec![0; LONGEST + 4096], closed: false }
    }

    /// The connection was opened anew.
    pub(crate) fn restart(&mut self) {
        self.closed = false;
    }

    /// Gets a path. Opens the connection anew where the device closed it after its last answer.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::PermissionDenied`] if the device wants a password
    /// - [`ErrorKind::Unsupported`] if it does not know the path
    /// - [`ErrorKind::Protocol`] if the answer is no HTTP
    /// - those of the link
    pub(crate) fn get(&mut self, link: &mut dyn Link, path: &str, deadline: Instant) -> Result<&[u8]> {
        if std::mem::take(&mut self.closed) {
            link.reopen(deadline)?;
        }
        self.request.clear();
        for part in ["GET ", path, " HTTP/1.1\r\nHost: ", &self.host, "\r\nAccept: application/json\r\n\r\n"]
        {
            self.request.extend_from_slice(part.as_bytes());
        }
        link.send(&self.request, deadline)?;
        let (head, body) = self.receive(link, deadline)?;
        self.closed = head.closes;
        match head.status {
            200 => Ok(&self.buffer[head.length..head.length + body]),
            401 | 403 => {
                let message =
                    "the device wants a password; switch its authentication off, or use another account";
                Err(Error::new(ErrorKind::PermissionDenied, message))
            }
            404 => Err(Error::new(ErrorKind::Unsupported, "the device has no such meter")
                .with_context("path", path.to_owned())),
            status => Err(Error::new(ErrorKind::Protocol, "the device refuses to answer")
                .with_context("status", status.to_string())),
        }
    }

    fn receive(&mut self, link: &mut dyn Link, deadline: Instant) -> Result<(Head, usize)> {
        let mut end = 0;
        let mut found: Option<Head> = None;
        loop {
            if end == self.buffer.len() {
                return Err(nonsense("the answer is too long", &self.buffer[..16]));
            }
            end += match link.receive(&mut self.buffer[end..], deadline) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Disconnected => match found {
                    // The end of the connection is the end of this body.
                    Some(head) if head.ends == End::Close => return Ok((head, end - head.length)),
                    _ => return Err(error),
                },
                Err(error) => return Err(error),
            };
            if found.is_none() {
                found = head(&self.buffer[..end]).map_err(|what| nonsense(what, &self.buffer[..end]))?;
            }
            let Some(head) = found else { continue };
            let came = &mut self.buffer[head.length..end];
            match body(came, head.ends).map_err(|what| Error::new(ErrorKind::Protocol, what))? {
                Body::Partial => {}
                Body::Whole { length, taken } if head.length + taken == end => return Ok((head, length)),
                Body::Whole { .. } => {
                    return Err(Error::new(ErrorKind::Protocol, "the device said more than it was asked"));
                }
            }
        }
    }
}
