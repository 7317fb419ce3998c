//! Lines out of a stream of bytes, in a buffer that never grows.

/// Bytes that are kept. A line longer than this is endless: a whole row of every field has some 400.
const CAPACITY: usize = 1 << 16;

/// Lines out of a stream of bytes, in a buffer that never grows.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Box<[u8]>,
    /// The bytes that have come and were not taken.
    start: usize,
    end: usize,
    /// Complete lines among them.
    waiting: usize,
    /// Whether the rest of an endless line is being passed over.
    skipping: bool,
    /// Whether an endless line was met since it was last asked.
    endless: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        let bytes = vec![0; CAPACITY].into_boxed_slice();
        Self { bytes, start: 0, end: 0, waiting: 0, skipping: false, endless: false }
    }

    /// Where the next bytes go. Never empty unless complete lines fill the buffer.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.bytes.len() && self.waiting == 0 {
                self.end = 0;
                self.skipping = true;
                self.endless = true;
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Takes in that many bytes, which were written to the space.
    pub(crate) fn came(&mut self, count: usize) {
        let mut from = self.end;
        self.end = (self.end + count).min(self.bytes.len());
        if self.skipping {
            match self.bytes[from..self.end].iter().position(|byte| *byte == b'\n') {
                None => {
                    self.end = from;
                    return;
                }
                Some(newline) => {
                    // Nothing but the endless line was in the buffer.
                    self.skipping = false;
                    from += newline + 1;
                    self.start = from;
                }
            }
        }
        self.waiting += self.bytes[from..self.end].split(|byte| *byte == b'\n').skip(1).count();
    }

    /// How many complete lines wait.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether there was an endless line since this was last asked.
    pub(crate) fn had_endless(&mut self) -> bool {
        std::mem::take(&mut self.endless)
    }

    /// The next complete line without its end; it stays until [`take`](Self::take).
    pub(crate) fn peek(&self) -> Option<&[u8]> {
        let waiting = &self.bytes[self.start..self.end];
        let line = &waiting[..waiting.iter().position(|byte| *byte == b'\n')?];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// Passes over the next complete line.
    pub(crate) fn take(&mut self) {
        if let Some(newline) = self.bytes[self.start..self.end].iter().position(|byte| *byte == b'\n') {
            self.start += newline + 1;
            self.waiting -= 1;
        }
    }

    /// What has come of a line that is not complete.
    pub(crate) fn rest(&self) -> &[u8] {
        let waiting = &self.bytes[self.start..self.end];
        let from = waiting.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        &waiting[from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(lines: &mut Lines, mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        while !bytes.is_empty() {
            let space = lines.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            lines.came(count);
            bytes = &bytes[count..];
            while let Some(line) = lines.peek() {
                taken.push(line.to_vec());
                lines.take();
            }
        }
        taken
    }

    #[test]
    fn an_endless_line_is_passed_over_and_told_once() {
        let mut lines = Lines::new();
        assert_eq!(feed(&mut lines, b"first\r\npart"), [b"first".to_vec()]);
        assert_eq!(lines.rest(), b"part");
        let mut bytes = vec![b'x'; 3 * CAPACITY];
        bytes.extend(b"\nnext\n");
        assert_eq!(feed(&mut lines, &bytes), [b"next".to_vec()]);
        assert!(lines.had_endless());
        assert!(!lines.had_endless());
        assert_eq!(lines.waiting(), 0);
    }

    #[test]
    fn a_buffer_full_of_lines_has_no_space_until_one_is_taken() {
        let mut lines = Lines::new();
        let space = lines.space();
        space.fill(b'\n');
        let count = space.len();
        lines.came(count);
        assert!(lines.space().is_empty());
        assert_eq!(lines.waiting(), CAPACITY);
        lines.take();
        assert_eq!(lines.space().len(), 1);
        assert!(!lines.had_endless());
    }

    proptest! {
        #[test]
        fn lines_come_out_as_they_went_in(parts in prop::collection::vec("[a-z,.]{0,40}", 0..40), chunk in 1_usize..50) {
            let mut lines = Lines::new();
            let text: String = parts.iter().flat_map(|part| [part.as_str(), "\n"]).collect();
            let taken: Vec<_> = text.as_bytes().chunks(chunk).flat_map(|chunk| feed(&mut lines, chunk)).collect();
            let expected: Vec<_> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
            prop_assert_eq!(taken, expected);
            prop_assert!(lines.rest().is_empty());
        }
    }
}
