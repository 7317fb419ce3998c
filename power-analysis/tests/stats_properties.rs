//! What must hold for all data: bounds, symmetries, exactness, and no panic on degenerate input.

use power_analysis::stats::{
    Ecdf, autocovariance, bland_altman, block_length, circular_block_bootstrap, concordance,
    correlation_interval, effective_sample_size, kolmogorov_smirnov, ks_block_permutation, mad, mean,
    mean_interval, median, ordinary_least_squares, pearson, ratio_of_sums, spearman, theil_sen, variance,
    wasserstein, weighted_mean,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Power readings in watts.
fn watts() -> impl Strategy<Value = f64> {
    // Quantised as sensors do, so that ties occur.
    (0_i32..4000).prop_map(|tenths| f64::from(tenths) / 10.0)
}

fn pairs(least: usize) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    vec((watts(), watts()), least..80).prop_map(|pairs| pairs.into_iter().unzip())
}

/// Any finite numbers, the extreme ones often.
fn anything() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN),
        Just(f64::MIN_POSITIVE),
        Just(1.0),
        -1e3..1e3_f64,
        proptest::num::f64::NORMAL,
    ]
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

proptest! {
    #[test]
    fn ecdf_rises_from_0_to_1(
        pairs in vec((watts(), 0.0..5.0_f64), 1..80),
        mut at in vec(-10.0..450.0_f64, 2..20),
    ) {
        let Some(ecdf) = Ecdf::weighted(pairs.clone()) else { return Ok(()) };
        at.sort_by(f64::total_cmp);
        let shares: Vec<f64> = at.iter().map(|x| ecdf.at(*x)).collect();
        prop_assert!(shares.is_sorted() && shares.iter().all(|share| (0.0..=1.0).contains(share)));
        prop_assert!(close(ecdf.at(1e9), 1.0) && close(ecdf.at(-1e9), 0.0));
        let total: f64 = pairs.iter().map(|pair| pair.1).sum();
        for x in at {
            let below: f64 = pairs.iter().filter(|pair| pair.0 <= x).map(|pair| pair.1).sum();
            prop_assert!(close(ecdf.at(x), below / total));
            prop_assert!(ecdf.quantile(ecdf.at(x)) <= x || close(ecdf.at(x), 0.0));
        }
        let (values, weights): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        prop_assert!(close(ecdf.mean(), weighted_mean(&values, &weights).unwrap()));
    }

    #[test]
    fn distances_are_symmetric_and_bounded(a in vec(watts(), 1..60), b in vec(watts(), 1..60)) {
        let (a, b) = (Ecdf::unweighted(a).unwrap(), Ecdf::unweighted(b).unwrap());
        let (ks, back) = (kolmogorov_smirnov(&a, &b), kolmogorov_smirnov(&b, &a));
        prop_assert_eq!(ks, back);
        prop_assert!((0.0..=1.0).contains(&ks.statistic));
        prop_assert!(close((a.at(ks.location) - b.at(ks.location)).abs(), ks.statistic));
        let (there, back) = (wasserstein(&a, &b), wasserstein(&b, &a));
        prop_assert!(close(there.distance, back.distance) && close(there.bias, -back.bias));
        prop_assert!(there.distance >= there.bias.abs() && there.shape >= 0.0);
        prop_assert!(close(there.bias, a.mean() - b.mean()));
    }

    #[test]
    fn wasserstein_of_equal_sizes_pairs_the_sorted_values((mut a, mut b) in pairs(1)) {
        let got = wasserstein(&Ecdf::unweighted(a.clone()).unwrap(), &Ecdf::unweighted(b.clone()).unwrap());
        a.sort_by(f64::total_cmp);
        b.sort_by(f64::total_cmp);
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).collect();
        prop_assert!(close(got.distance, mean(&differences).unwrap()));
    }

    #[test]
    fn an_offset_is_all_bias(a in vec(watts(), 1..60), offset in -200.0..200.0_f64) {
        let moved: Vec<f64> = a.iter().map(|a| a + offset).collect();
        let got = wasserstein(&Ecdf::unweighted(a).unwrap(), &Ecdf::unweighted(moved).unwrap());
        prop_assert!(close(got.distance, offset.abs()) && close(got.bias, -offset) && got.shape < 1e-9);
    }

    #[test]
    fn correlations_keep_their_invariances(
        (x, y) in pairs(3),
        gain in 0.1..10.0_f64,
        offset in -50.0..50.0_f64,
    ) {
        let changed: Vec<f64> = y.iter().map(|y| gain * y + offset).collect();
        let fallen: Vec<f64> = y.iter().map(|y| -y).collect();
        let curved: Vec<f64> = y.iter().map(|y| (y / 100.0).exp()).collect();
        if let Some(r) = pearson(&x, &y) {
            prop_assert!((-1.0..=1.0).contains(&r));
            prop_assert!((pearson(&y, &x).unwrap() - r).abs() < 1e-12);
            prop_assert!((pearson(&x, &changed).unwrap() - r).abs() < 1e-9);
            prop_assert!((pearson(&x, &fallen).unwrap() + r).abs() < 1e-9);
            let rank = spearman(&x, &y).unwrap();
            prop_assert!((-1.0..=1.0).contains(&rank));
            prop_assert!((spearman(&x, &curved).unwrap() - rank).abs() < 1e-9);
            let agreed = concordance(&x, &y).unwrap();
            prop_assert!(agreed.abs() <= r.abs() + 1e-12);
            prop_assert!((concordance(&y, &x).unwrap() - agreed).abs() < 1e-12);
            let interval = correlation_interval(r, 20.0, 0.95);
            prop_assert!(-1.0 <= interval.low && interval.high <= 1.0);
            prop_assert!(interval.low <= r + 1e-12 && r <= interval.high + 1e-12);
        }
    }

    #[test]
    fn theil_sen_ignores_a_quarter_of_gross_outliers(
        n in 20_usize..60,
        slope in -5.0..5.0_f64,
        intercept in -100.0..100.0_f64,
        wrong in vec((0_usize..60, -1e6..1e6_f64), 0..5),
        max_pairs in prop_oneof![Just(usize::MAX), Just(1500_usize)],
    ) {
        let x: Vec<f64> = (0..60_u32).take(n).map(|i| f64::from(i * 37 % 61)).collect();
        let mut y: Vec<f64> = x.iter().map(|x| slope * x + intercept).collect();
        for (i, value) in wrong {
            y[i % n] = value;
        }
        let line = theil_sen(&x, &y, 0.0, max_pairs, 7).unwrap();
        prop_assert!((line.slope - slope).abs() < 1e-9, "{line:?}");
        prop_assert!((line.intercept - intercept).abs() < 1e-7, "{line:?}");
    }

    #[test]
    fn least_squares_leaves_residuals_uncorrelated((x, y) in pairs(3)) {
        if let Some(line) = ordinary_least_squares(&x, &y, None, 0.95) {
            let residuals: Vec<f64> =
                x.iter().zip(&y).map(|(x, y)| y - line.intercept.value - line.slope.value * x).collect();
            let moment: f64 = x.iter().zip(&residuals).map(|(x, r)| x * r).sum();
            prop_assert!(residuals.iter().sum::<f64>().abs() < 1e-6 && moment.abs() < 1e-4);
            prop_assert!(line.slope.contains(line.slope.value) && (0.0..=1.0).contains(&line.slope_p));
            // The interval leaves 0 out exactly where the p-value is below 0.05.
            if (line.slope_p - 0.05).abs() > 1e-6 && line.slope.value != 0.0 {
                prop_assert_eq!(!line.slope.contains(0.0), line.slope_p < 0.05);
            }
        }
    }

    #[test]
    fn ratios_scale((a, b) in pairs(10), gain in 0.1..10.0_f64) {
        if let Some(plain) = ratio_of_sums(&a, &b, 50, 0.9, 5) {
            let scaled: Vec<f64> = a.iter().map(|a| gain * a).collect();
            let got = ratio_of_sums(&scaled, &b, 50, 0.9, 5).unwrap();
            prop_assert!(close(got.estimate.value, gain * plain.estimate.value));
            prop_assert!(close(got.estimate.low, gain * plain.estimate.low));
            prop_assert!(plain.estimate.contains(plain.estimate.value));
        }
    }

    #[test]
    fn effective_size_is_within_bounds(values in vec(watts(), 1..200)) {
        let got = effective_sample_size(&values);
        prop_assert!((1.0..=f64::from(u32::try_from(values.len()).unwrap())).contains(&got));
        let block = block_length(&values);
        prop_assert!(block >= 1 && block <= (values.len() / 3).max(1));
    }

    #[test]
    fn nothing_panics(pairs in vec((anything(), anything()), 0..40)) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let _ = (mean(&x), variance(&x), median(&x), mad(&x), weighted_mean(&x, &y));
        let _ = (effective_sample_size(&x), block_length(&x), autocovariance(&x, 5));
        let _ = (pearson(&x, &y), spearman(&x, &y), concordance(&x, &y));
        let _ = (ordinary_least_squares(&x, &y, Some(3.0), 0.95), theil_sen(&x, &y, 1.0, 50, 1));
        let _ = (bland_altman(&x, &y, 5.0, 0.95), ks_block_permutation(&x, &y, 2, 19, 1));
        let _ = circular_block_bootstrap(x.len(), 3, 2, 1, |indices| x.get(indices[0]).copied());
        let intervals = [ratio_of_sums(&x, &y, 20, 0.95, 1), mean_interval(&x, 20, 0.95, 1)];
        for interval in intervals.into_iter().flatten() {
            prop_assert!(interval.estimate.low.is_finite() && interval.estimate.high.is_finite());
        }
        if let (Some(a), Some(b)) = (Ecdf::unweighted(x), Ecdf::unweighted(y)) {
            let _ = (a.curve(5), a.quantile(0.5), a.mean(), wasserstein(&a, &b));
            prop_assert!((0.0..=1.0).contains(&kolmogorov_smirnov(&a, &b).statistic));
        }
    }
}
