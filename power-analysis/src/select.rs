//! The n-th smallest of many numbers without a copy of them: a hundred million need no second hundred million.

/// Bits that one pass tells apart.
const BITS: u32 = 16;

/// Below this many a copy is quicker.
const FEW: usize = 1 << 16;

/// The number of rank `rank`, from 0, among those that `numbers` gives each time it is called, in any order; `None` if
/// there are not so many.
///
/// Looks at all of them four times, 16 bits at a time, from the highest on.
pub(crate) fn nth_smallest<I: Iterator<Item = u64>>(rank: usize, numbers: impl Fn() -> I) -> Option<u64> {
    let few: Vec<u64> = numbers().take(FEW).collect();
    if few.len() < FEW {
        let mut few = few;
        return (rank < few.len()).then(|| *few.select_nth_unstable(rank).1);
    }
    drop(few);
    let (mut known, mut rank) = (0_u64, rank);
    for shift in [48, 32, 16, 0] {
        let mut counts = vec![0_usize; 1 << BITS];
        let above = |number: u64| number.checked_shr(shift + BITS).unwrap_or(0);
        for number in numbers().filter(|number| above(*number) == above(known)) {
            counts[low_bits(number >> shift)] += 1;
        }
        let found = counts.iter().position(|&count| {
            let here = rank < count;
            rank -= if here { 0 } else { count };
            here
        })?;
        known |= u64::try_from(found).ok()? << shift;
    }
    Some(known)
}

fn low_bits(number: u64) -> usize {
    usize::try_from(number & ((1 << BITS) - 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_sorting_gives() {
        let numbers: Vec<u64> = (0..200_000_u64)
            .map(|index| {
                let mixed = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                if index % 3 == 0 { mixed } else { mixed >> 40 }
            })
            .collect();
        for length in [0, 1, 10, FEW - 1, FEW, numbers.len()] {
            let mut sorted = numbers[..length].to_vec();
            sorted.sort_unstable();
            for rank in [0, length / 20, length / 2, length.saturating_sub(1), length] {
                let found = nth_smallest(rank, || numbers[..length].iter().copied());
                assert_eq!(found, sorted.get(rank).copied(), "{rank} of {length}");
            }
        }
    }
}
