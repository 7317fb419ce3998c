//! Messages of the USB test and measurement class: a header of 12 bytes before the text.
//!
//! USBTMC 1.0 (2003), tables 1 to 9.

/// Bytes of a header.
pub const HEADER_BYTES: usize = 12;
/// Message that carries text to the instrument.
const DEV_DEP_MSG_OUT: u8 = 1;
/// Message that asks for text, and the one that carries it.
const MSG_IN: u8 = 2;
/// Bit that says that a message ends here.
const END: u8 = 1;

/// Writes the message that carries `text` into `frame`, replacing what is there.
pub fn carry(tag: u8, text: &[u8], frame: &mut Vec<u8>) {
    frame.clear();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&[DEV_DEP_MSG_OUT, tag, !tag, 0]);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&[END, 0, 0, 0]);
    frame.extend_from_slice(text);
    // A message is a whole number of four bytes.
    frame.resize(frame.len().next_multiple_of(4), 0);
}

/// The message that asks for at most `most` bytes of text.
pub fn ask(tag: u8, most: usize) -> [u8; HEADER_BYTES] {
    let mut frame = [0; HEADER_BYTES];
    frame[..3].copy_from_slice(&[MSG_IN, tag, !tag]);
    frame[4..8].copy_from_slice(&u32::try_from(most).unwrap_or(u32::MAX).to_le_bytes());
    frame
}

/// The text in an answer, and whether the message ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text.
    pub text: &'a [u8],
    /// Whether nothing more belongs to the message.
    pub ends: bool,
}

/// Reads the answer to the question with this tag; `None` for what is none, or is cut short. Takes any bytes.
pub fn parse(tag: u8, bytes: &[u8]) -> Option<Text<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    if header[..3] != [MSG_IN, tag, !tag] {
        return None;
    }
    let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let text = rest.get(..usize::try_from(length).ok()?)?;
    Some(Text { text, ends: header[8] & END != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_standard() {
        let mut frame = Vec::new();
        carry(1, b"*IDN?\n", &mut frame);
        assert_eq!(frame, [1, 1, 0xfe, 0, 6, 0, 0, 0, 1, 0, 0, 0, b'*', b'I', b'D', b'N', b'?', b'\n', 0, 0]);
        assert_eq!(ask(2, 512), [2, 2, 0xfd, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
        let answer = [2, 2, 0xfd, 0, 3, 0, 0, 0, 1, 0, 0, 0, b'O', b'K', b'\n', 0];
        assert_eq!(parse(2, &answer), Some(Text { text: b"OK\n", ends: true }));
        assert_eq!(parse(3, &answer), None, "the answer to another question");
        assert_eq!(parse(2, &answer[..14]), None, "cut short");
    }
}
