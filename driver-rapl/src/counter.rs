//! One open descriptor and the counts that one read of it gives.

use std::fs::File;
use std::io::Read;

use crate::error::Failure;
use crate::protocol::decimal;
use crate::sys;

/// Counters that one descriptor can give: RAPL's PMU has five events.
pub(crate) const MOST: usize = 8;

/// How a descriptor is read.
#[derive(Debug)]
pub(crate) enum Layout {
    /// Decimal text from the start of the file.
    Text,
    /// Eight bytes at the register's address, of which the lower 32 bits count.
    Register(u64),
    /// A group of perf events: their number, then each. The other descriptors of the group are kept open.
    Group { count: usize, _members: Vec<File> },
}

/// One open descriptor.
#[derive(Debug)]
pub(crate) struct Counter {
    file: File,
    layout: Layout,
}

impl Counter {
    pub(crate) const fn new(file: File, layout: Layout) -> Self {
        Self { file, layout }
    }

    /// Reads the counts, by one system call and without allocating; gives how many there are.
    #[inline]
    pub(crate) fn read(&self, counts: &mut [u64; MOST]) -> Result<usize, Failure> {
        match &self.layout {
            Layout::Text => {
                let mut text = [0; 24];
                let length = sys::read_at(&self.file, &mut text, 0)?;
                counts[0] = number(text.get(..length).unwrap_or_default())?;
                Ok(1)
            }
            Layout::Register(address) => {
                let value = read_register(&self.file, *address)?;
                counts[0] = value & 0xffff_ffff;
                Ok(1)
            }
            Layout::Group { count, .. } => {
                let mut bytes = [0; 8 * (MOST + 1)];
                let length = (&self.file).read(&mut bytes[..8 * (count + 1)])?;
                group(&bytes[..length], *count, counts)
            }
        }
    }
}

/// Reads one register by the file of a CPU.
pub(crate) fn read_register(file: &File, address: u64) -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    match sys::read_at(file, &mut bytes, address)? {
        8 => Ok(u64::from_ne_bytes(bytes)),
        0 => Err(Failure::Gone),
        _ => Err(Failure::Nonsense),
    }
}

fn number(text: &[u8]) -> Result<u64, Failure> {
    if text.is_empty() {
        return Err(Failure::Gone);
    }
    decimal(text).ok_or(Failure::Nonsense)
}

/// The counts of a group; an event in error ends the file (`perf_read` in kernel/events/core.c).
fn group(bytes: &[u8], count: usize, counts: &mut [u64; MOST]) -> Result<usize, Failure> {
    if bytes.is_empty() {
        return Err(Failure::Gone);
    }
    let (words, rest) = bytes.as_chunks::<8>();
    let mut words = words.iter().map(|word| u64::from_ne_bytes(*word));
    if words.next() != Some(count as u64) || words.len() != count || !rest.is_empty() {
        return Err(Failure::Nonsense);
    }
    for (place, word) in counts.iter_mut().zip(words) {
        *place = word;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_whole_or_an_error() {
        let bytes: Vec<u8> = [2_u64, 7, u64::MAX].iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut counts = [0; MOST];
        assert_eq!(group(&bytes, 2, &mut counts).unwrap(), 2);
        assert_eq!(counts[..2], [7, u64::MAX]);
        assert!(matches!(group(&[], 2, &mut counts), Err(Failure::Gone)));
        assert!(matches!(group(&bytes, 1, &mut counts), Err(Failure::Nonsense)));
        assert!(matches!(group(&bytes[..16], 2, &mut counts), Err(Failure::Nonsense)));
        assert!(matches!(group(&bytes[..23], 2, &mut counts), Err(Failure::Nonsense)));
    }

    #[test]
    fn text_is_a_number_or_an_error() {
        assert_eq!(number(b"12\n").unwrap(), 12);
        assert!(matches!(number(b""), Err(Failure::Gone)));
        assert!(matches!(number(b"12a"), Err(Failure::Nonsense)));
    }
}
