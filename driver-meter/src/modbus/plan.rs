//! Which registers to read together.

use super::protocol::Table;
use crate::profile::Spec;

/// Registers that one request reads, and the channels among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) table: Table,
    pub(super) address: u16,
    pub(super) count: u16,
    /// Positions in the list of channels.
    pub(super) channels: Vec<usize>,
}

impl Block {
    /// The block of one channel.
    fn of(position: usize, spec: &Spec) -> Self {
        Self {
            table: spec.table,
            address: spec.register,
            count: spec.kind.registers(),
            channels: vec![position],
        }
    }

    /// One past the last register.
    fn end(&self) -> u32 {
        u32::from(self.address) + u32::from(self.count)
    }
}

/// The requests that read all of `specs`: registers not more than `max_gap` apart are read together, `most` at most.
///
/// What is read together was measured at one time, and costs one transaction.
pub(super) fn merged(specs: &[Spec], most: u16, max_gap: u16) -> Vec<Block> {
    let mut single = apart(specs);
    single.sort_by_key(|block| (block.table, block.address));
    let mut blocks: Vec<Block> = Vec::new();
    for next in single {
        let joined = blocks.last().and_then(|last| {
            let near = u32::from(next.address) <= last.end() + u32::from(max_gap);
            let count = u16::try_from(last.end().max(next.end()) - u32::from(last.address)).ok()?;
            (last.table == next.table && near && count <= most).then_some(count)
        });
        match (blocks.last_mut(), joined) {
            (Some(last), Some(count)) => {
                last.count = count;
                last.channels.extend(next.channels);
            }
            _ => blocks.push(next),
        }
    }
    blocks
}

/// One request for each channel.
pub(super) fn apart(specs: &[Spec]) -> Vec<Block> {
    specs.iter().enumerate().map(|(position, spec)| Block::of(position, spec)).collect()
}
