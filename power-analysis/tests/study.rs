//! The study's statistics on epochs whose truth is simulated.

use power_analysis::study::{
    BoxPlot, FEWEST_CLUSTERS, Figure, Holism, IntervalBy, Seen, Standing, Stretch, Thresholds, cell,
    feasible_range, holism, power_range, sampling, tracer_mean,
};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Standard normal, by twelve uniform numbers.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| random.random_range(0.0..=1.0_f64)).sum::<f64>() - 6.0
}

/// Trainings of six epochs: power differs between trainings and within; the tool adds noise to both.
fn epochs(trainings: usize, noise: f64, random: &mut Xoshiro256PlusPlus) -> Vec<Stretch> {
    let mut all = Vec::new();
    for training in 0..trainings {
        let (level, off) = (200.0 + 40.0 * normal(random), noise * normal(random));
        for _ in 0..6 {
            let power = level + 10.0 * normal(random);
            let tool = power + off + 0.25 * noise * normal(random);
            let seen = Seen {
                energy_j: Some(tool),
                reference_j: Some(power),
                readings: Some(4),
                expected: Some(5.0),
            };
            all.push(Stretch { training, seconds: 1.0, seen: vec![seen] });
        }
    }
    all
}

#[test]
fn intervals_of_correlations_hold_the_truth() {
    // Variances: of the power 1600 + 100, of the tool besides 900 + 56.25.
    let truth = (1700.0_f64 / (1700.0 + 956.25)).sqrt();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut held, studies) = (0_u32, 200);
    for seed in 0..studies {
        let found = cell(&epochs(30, 30.0, &mut random), 0, Figure::Power, seed);
        let pearson = found.pearson.expect("30 trainings vary");
        assert_eq!(pearson.by, IntervalBy::Trainings);
        let (low, high) = pearson.low.zip(pearson.high).expect("30 trainings are enough");
        held += u32::from(low <= truth && truth <= high);
    }
    // Quantiles of draws are a little short: 90 % and more of a nominal 95 %.
    assert!((176..=200).contains(&held), "{held} of {studies}");
}

#[test]
fn few_trainings_have_an_honest_interval() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let few = cell(&epochs(2, 30.0, &mut random), 0, Figure::Power, 1);
    let pearson = few.pearson.expect("twelve pairs");
    assert_eq!((pearson.by, pearson.low, pearson.high), (IntervalBy::Fisher, Some(-1.0), Some(1.0)));
    assert_eq!(few.bias.expect("pairs").low, None);
    assert!(few.trainings < FEWEST_CLUSTERS);
}

#[test]
fn what_a_tool_does_not_know_is_counted_and_not_made_up() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut stretches = epochs(10, 1.0, &mut random);
    stretches[7].seen[0].energy_j = None;
    stretches[8].seen[0].readings = Some(0);
    let found = cell(&stretches, 0, Figure::Energy, 1);
    assert_eq!((found.pairs, found.without), (59, 1));
    let looked = sampling(&stretches, 0, &Thresholds::default(), 1).expect("it has readings");
    assert_eq!((looked.epochs, looked.without_reading), (60, 1));
    assert!((looked.under_sampled.value - 1.0 / 60.0).abs() < 1e-12);
    assert!(cell(&stretches, 1, Figure::Energy, 1).pearson.is_none());
    assert_eq!(tracer_mean([]), (0, None));
    assert_eq!(tracer_mean([100.0, 200.0]), (2, Some(150.0)));
}

#[test]
fn the_papers_own_range_is_narrow() {
    let range = power_range(&[146.0, 200.0, 305.0], Some(75.0), Some(800.0)).expect("three epochs");
    assert!((range.span_share.expect("both are known") - 159.0 / 725.0).abs() < 1e-12);
    let judged = feasible_range(Some(&range), None, None, &Thresholds::default());
    assert_eq!(judged.standing, Standing::NotMet);
    assert_eq!(judged.criteria[1].met, None, "unknown is not failed");
    assert_eq!(
        holism(&Holism { worst: Some(0.03), missing: 0 }, &Thresholds::default()).standing,
        Standing::Met
    );
    assert_eq!(
        holism(&Holism { worst: Some(0.10), missing: 1 }, &Thresholds::default()).standing,
        Standing::NotMet
    );
}

#[test]
fn boxes_are_tukeys() {
    let plot = BoxPlot::of(&[1.0, 2.0, 3.0, 4.0, 100.0]).expect("five values");
    assert_eq!((plot.low, plot.q1, plot.median, plot.q3, plot.high), (1.0, 2.0, 3.0, 4.0, 4.0));
    assert_eq!(plot.outliers, [100.0]);
    assert!(BoxPlot::of(&[]).is_none());
}
