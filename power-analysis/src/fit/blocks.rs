//! Fewer points without breaking their order: whole blocks, evenly spread.

/// Neighbouring points that stay together.
const BLOCK: usize = 50;

/// Indices below `count`, at most about `most` of them, in blocks of neighbours spread over the whole.
pub(crate) fn blocks(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let wanted = (most / BLOCK).max(1);
    let all = count / BLOCK;
    (0..wanted)
        .flat_map(|block| {
            let start = block * all / wanted * BLOCK;
            start..(start + BLOCK).min(count)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_ascend_and_stay_within() {
        assert_eq!(blocks(7, 10), (0..7).collect::<Vec<_>>());
        let picked = blocks(12_345, 1_000);
        assert_eq!(picked.len(), 1_000);
        assert!(picked.is_sorted_by(|a, b| a < b) && picked.last().is_some_and(|&last| last < 12_345));
    }
}
