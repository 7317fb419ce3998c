//! Fewer points without losing a spike.

/// Indices of the points to keep, upwards, at most `most` (but never fewer than four).
///
/// Points are taken in stretches of equally many; of each, the lowest and the highest stay, so every spike and every
/// dip does. The first and the last point stay, too. Whatever is kept is a point as it was, not a mean.
pub(super) fn keep(watts: &[f64], most: usize) -> Vec<usize> {
    let most = most.max(4);
    if watts.len() <= most {
        return (0..watts.len()).collect();
    }
    let stretch = watts.len().div_ceil((most - 2) / 2);
    let last = watts.len() - 1;
    let mut kept = vec![0];
    for (index, points) in watts.chunks(stretch).enumerate() {
        let (low, high) = extremes(points);
        for offset in [low.min(high), low.max(high)] {
            let point = index * stretch + offset;
            if kept.last() != Some(&point) {
                kept.push(point);
            }
        }
    }
    if kept.last() != Some(&last) {
        kept.push(last);
    }
    kept
}

/// Where the first lowest and the first highest of `points` are; 0 and 0 for none.
fn extremes(points: &[f64]) -> (usize, usize) {
    let (mut low, mut high) = (0, 0);
    for (index, &watts) in points.iter().enumerate() {
        if watts < points[low] {
            low = index;
        }
        if watts > points[high] {
            high = index;
        }
    }
    (low, high)
}

/// Shares `total` among those who want `wanted`: nobody gets more than wanted, and what one leaves the others share.
pub(super) fn shares(wanted: &[usize], total: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|&index| wanted[index]);
    let mut shares = vec![0; wanted.len()];
    let mut left = total;
    for (served, &index) in order.iter().enumerate() {
        let share = wanted[index].min(left / (wanted.len() - served));
        shares[index] = share;
        left -= share;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_points_all_stay() {
        assert_eq!(keep(&[], 10), [0_usize; 0]);
        assert_eq!(keep(&[3.0, 1.0, 2.0], 10), [0, 1, 2]);
        assert_eq!(keep(&[1.0; 5], 0), [0, 4]);
    }

    #[test]
    fn shares_are_fair() {
        assert_eq!(shares(&[10, 1000, 1000], 100), [10, 45, 45]);
        assert_eq!(shares(&[10, 20], 100), [10, 20]);
        assert_eq!(shares(&[], 100), [0_usize; 0]);
    }

    proptest! {
        #[test]
        fn no_extreme_is_lost(watts in prop::collection::vec(-1e4..1e4_f64, 1..3000), most in 4..400_usize) {
            let kept = keep(&watts, most);
            prop_assert!(kept.len() <= most.max(4));
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]), "in order, each once");
            prop_assert_eq!(kept[0], 0);
            prop_assert_eq!(kept[kept.len() - 1], watts.len() - 1);
            // Within any window of points, what is kept of the stretches inside it reaches as far as the points.
            let stretch = watts.len().div_ceil((most.max(4) - 2) / 2);
            if watts.len() > most {
                for (index, points) in watts.chunks(stretch).enumerate() {
                    let inside = index * stretch..index * stretch + points.len();
                    let of_kept = |pick: fn(f64, f64) -> f64, start| {
                        kept.iter().filter(|at| inside.contains(at)).map(|&at| watts[at]).fold(start, pick)
                    };
                    let of_all = |pick: fn(f64, f64) -> f64, start| points.iter().copied().fold(start, pick);
                    prop_assert!(of_kept(f64::max, f64::MIN) >= of_all(f64::max, f64::MIN));
                    prop_assert!(of_kept(f64::min, f64::MAX) <= of_all(f64::min, f64::MAX));
                }
            }
        }

        #[test]
        fn shares_fit(wanted in prop::collection::vec(0..5000_usize, 0..30), total in 0..20_000_usize) {
            let shares = shares(&wanted, total);
            prop_assert!(shares.iter().sum::<usize>() <= total);
            prop_assert!(shares.iter().zip(&wanted).all(|(share, wanted)| share <= wanted));
            if wanted.iter().sum::<usize>() <= total {
                prop_assert_eq!(shares, wanted);
            }
        }
    }
}
