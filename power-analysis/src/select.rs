//! The n-th smallest of many numbers without a copy of them: a hundred million need no second hundred million.

/// Bits that one pass tells apart.
const BITS: u32 = 16;

/// Below this many a copy is quicker.
const FEW: usize = 1 << 16;

/// The number of rank `rank`, from 0, among those that `numbers` gives each time it is called, in any order; `None` if
/// there are not so many.
pub(crate) fn nth_smallest<I: Iterator<Item = u64>>(rank: usize, numbers: impl Fn() -> I) -> Option<u64> {
    nth_smallest_of(|_| [rank], numbers).map(|[number]| number)
}

/// The numbers of several ranks, which are reckoned from how many numbers there are, as [`nth_smallest`] gives each; `None`
/// if there are not so many.
///
/// Looks at all of them once for the least and the greatest, then for each 16 bits by which these differ, for all ranks
/// at once as long as they lie together.
pub(crate) fn nth_smallest_of<const RANKS: usize, I: Iterator<Item = u64>>(
    ranks: impl FnOnce(usize) -> [usize; RANKS],
    numbers: impl Fn() -> I,
) -> Option<[u64; RANKS]> {
    let mut first = numbers();
    let mut few: Vec<u64> = first.by_ref().take(FEW).collect();
    let (count, least, greatest) =
        few.iter().copied().chain(first).fold((0, u64::MAX, u64::MIN), |(count, least, greatest), n| {
            (count + 1, n.min(least), n.max(greatest))
        });
    let ranks = ranks(count);
    if ranks.iter().any(|&rank| rank >= count) {
        return None;
    }
    if few.len() < FEW {
        return Some(ranks.map(|rank| *few.select_nth_unstable(rank).1));
    }
    drop(few);
    let mut found = [least; RANKS];
    let asked: Vec<(usize, usize)> = ranks.into_iter().enumerate().collect();
    search(&asked, least, greatest, count, &numbers, &mut found);
    Some(found)
}

/// Finds the numbers of the ranks in `asked`, given as (position in `found`, rank), among the `count` numbers from `least`
/// to `greatest`.
fn search<I: Iterator<Item = u64>>(
    asked: &[(usize, usize)],
    least: u64,
    greatest: u64,
    count: usize,
    numbers: &impl Fn() -> I,
    found: &mut [u64],
) {
    let within = || numbers().filter(|number| (least..=greatest).contains(number));
    if least == greatest {
        for &(position, _) in asked {
            found[position] = least;
        }
        return;
    }
    if count < FEW {
        let mut few: Vec<u64> = within().collect();
        for &(position, rank) in asked {
            found[position] = *few.select_nth_unstable(rank).1;
        }
        return;
    }
    let shift = (u64::BITS - (greatest - least).leading_zeros()).saturating_sub(BITS);
    let mut counts = vec![0_usize; 1 << BITS];
    within().for_each(|number| counts[bucket(number - least, shift)] += 1);
    let mut left = asked.to_vec();
    left.sort_unstable_by_key(|&(_, rank)| rank);
    let mut before = 0;
    for (index, &here) in counts.iter().enumerate() {
        let inside = left.iter().take_while(|(_, rank)| rank - before < here).count();
        if inside > 0 {
            let asked: Vec<_> =
                left.drain(..inside).map(|(position, rank)| (position, rank - before)).collect();
            let from = least + (u64::try_from(index).unwrap_or(0) << shift);
            let to = greatest.min(from.saturating_add((1 << shift) - 1));
            search(&asked, from, to, here, numbers, found);
        }
        if left.is_empty() {
            return;
        }
        before += here;
    }
}

/// Which of the 65536 parts of the range a number lies in that is so far above its least one.
fn bucket(above: u64, shift: u32) -> usize {
    usize::try_from(above >> shift).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sorting_gives() {
        let mixed = |index: u64| index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let numbers: Vec<u64> = (0..200_000)
            .map(|index| if index % 3 == 0 { mixed(index) } else { mixed(index) >> 40 })
            .collect();
        // Close together, as the times between readings are, with one far away; and all the same.
        let jittered: Vec<u64> =
            (0..200_000).map(|index| 1_000_000 + (mixed(index) >> 46)).chain([1 << 40]).collect();
        let same = vec![7; 100_000];
        for numbers in [numbers, jittered, same] {
            for length in [0, 1, 10, FEW - 1, FEW, numbers.len()] {
                let mut sorted = numbers[..length].to_vec();
                sorted.sort_unstable();
                let given = || numbers[..length].iter().copied();
                let ranks = [length / 2, 0, length / 20, length.saturating_sub(1), length / 2];
                let found = nth_smallest_of(|_| ranks, given);
                let expected = (length > 0).then(|| ranks.map(|rank| sorted[rank]));
                assert_eq!(found, expected, "of {length}");
                for rank in [0, length / 20, length / 2, length.saturating_sub(1), length] {
                    assert_eq!(nth_smallest(rank, given), sorted.get(rank).copied(), "{rank} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_whole_range_of_numbers_is_told_apart() {
        let numbers = || (0..100_000_u64).map(|index| if index % 2 == 0 { index } else { u64::MAX - index });
        assert_eq!(
            nth_smallest_of(|count| [0, count / 2 - 1, count / 2, count - 1], numbers),
            Some([0, 99_998, u64::MAX - 99_999, u64::MAX - 1])
        );
    }
}
