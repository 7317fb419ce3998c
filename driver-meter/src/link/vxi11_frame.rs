//! Calls of VXI-11, as messages of ONC RPC over TCP.
//!
//! VXI-11 revision 1.0, B.6; RFC 5531 (RPC), RFC 1833 (port mapper), RFC 4506 (XDR).

/// What is asked of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Procedure {
    program: u32,
    version: u32,
    number: u32,
}

/// The port mapper's `GETPORT`.
pub(super) const GET_PORT: Procedure = Procedure { program: 100_000, version: 2, number: 3 };
pub(super) const CREATE_LINK: Procedure = core(10);
pub(super) const DEVICE_WRITE: Procedure = core(11);
pub(super) const DEVICE_READ: Procedure = core(12);
pub(super) const DEVICE_CLEAR: Procedure = core(15);
pub(super) const DESTROY_LINK: Procedure = core(23);

/// The program of the core channel, and what the port mapper is asked for.
pub(super) const CORE: u32 = 395_183;

const fn core(number: u32) -> Procedure {
    Procedure { program: CORE, version: 1, number }
}

/// Longest message that is believed.
const LONGEST: usize = 1 << 17;

/// Begins the call `id` in `message`, replacing what is there; [`end`] ends it.
pub(super) fn begin(message: &mut Vec<u8>, id: u32, procedure: Procedure) {
    message.clear();
    // Length, id, a call, RPC version 2; no credentials, no verifier.
    for word in [0, id, 0, 2, procedure.program, procedure.version, procedure.number, 0, 0, 0, 0] {
        put(message, word);
    }
}

/// Appends a number.
pub(super) fn put(message: &mut Vec<u8>, word: u32) {
    message.extend_from_slice(&word.to_be_bytes());
}

/// Appends bytes with their length.
pub(super) fn put_bytes(message: &mut Vec<u8>, bytes: &[u8]) {
    put(message, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    message.extend_from_slice(bytes);
    message.resize(message.len().next_multiple_of(4), 0);
}

/// Writes the length before a message: one fragment, the last.
pub(super) fn end(message: &mut [u8]) {
    let length = u32::try_from(message.len().saturating_sub(4)).unwrap_or(u32::MAX);
    if let Some(head) = message.first_chunk_mut() {
        *head = (length | 0x8000_0000).to_be_bytes();
    }
}

/// Bytes of the message that begins with these four, without them; `None` for one in fragments, or too long.
pub fn length(head: [u8; 4]) -> Option<usize> {
    let head = u32::from_be_bytes(head);
    let length = usize::try_from(head & 0x7fff_ffff).ok().filter(|length| *length <= LONGEST)?;
    (head & 0x8000_0000 != 0).then_some(length)
}

/// Reads an XDR message from its front.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A number.
    pub fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    /// Bytes with their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.word()?).ok()?;
        let bytes = self.0.get(..length)?;
        self.0 = self.0.get(length.checked_next_multiple_of(4)?..)?;
        Some(bytes)
    }
}

/// The results in a reply to the call `id`; `None` for what is none. Takes any bytes.
pub fn results(message: &[u8], id: u32) -> Option<Reader<'_>> {
    let mut reader = Reader(message);
    // Its id, a reply, accepted; the verifier; success.
    ((reader.word()?, reader.word()?, reader.word()?) == (id, 1, 0)).then_some(())?;
    reader.word()?;
    reader.bytes()?;
    (reader.word()? == 0).then_some(reader)
}
