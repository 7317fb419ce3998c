//! Traces: exact integrals, whatever the query.

mod common;

use power_analysis::{Between, Interval, Trace};
use proptest::prelude::*;

fn points() -> impl Strategy<Value = (Vec<i64>, Vec<f64>)> {
    proptest::collection::vec((1_i64..2_000_000_000, 0.0_f64..1000.0), 2..40).prop_map(|steps| {
        let mut time = 0;
        steps
            .into_iter()
            .map(|(step, watts)| {
                time += step;
                (time, watts)
            })
            .unzip()
    })
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![Just(Between::Line), Just(Between::MeanSince), Just(Between::Hold)]
}

proptest! {
    #[test]
    fn energy_is_additive((times, watts) in points(), between in between(), cut in 0.0_f64..1.0) {
        let trace = Trace::new(times, watts, between).expect("two points");
        let span = trace.span();
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time within will do")]
        let middle = span.begin_ns + (span.length_ns() as f64 * cut) as i64;
        let whole = trace.energy_j(span).expect("covered");
        let parts = trace.energy_j(Interval::new(span.begin_ns, middle)).expect("covered")
            + trace.energy_j(Interval::new(middle, span.end_ns)).expect("covered");
        prop_assert!((whole - parts).abs() <= 1e-9 * whole.abs().max(1.0));
    }

    #[test]
    fn a_mean_lies_between_the_extremes((times, watts) in points(), between in between()) {
        let trace = Trace::new(times, watts, between).expect("two points");
        let mean = trace.mean_w(trace.span()).expect("covered");
        let (low, high) = trace.extremes_w(trace.span()).expect("covered");
        prop_assert!(low - 1e-9 <= mean && mean <= high + 1e-9);
    }

    #[test]
    fn a_cursor_finds_what_a_search_finds((times, watts) in points(), between in between(), queries in proptest::collection::vec(0.0_f64..1.0, 1..30)) {
        let trace = Trace::new(times, watts, between).expect("two points");
        let span = trace.span();
        let mut cursor = trace.cursor();
        for share in queries {
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any time within will do")]
            let time = span.begin_ns + (span.length_ns() as f64 * share) as i64;
            let searched = trace.energy_j(Interval::new(span.begin_ns, time)).expect("covered");
            let found = cursor.cumulated_j(time).expect("covered");
            prop_assert!((searched - found).abs() < 1e-9 * searched.max(1.0));
        }
        prop_assert!(cursor.cumulated_j(span.end_ns + 1).is_none());
        prop_assert!(cursor.power_w(span.begin_ns - 1).is_none());
    }
}

#[test]
fn outside_of_what_was_recorded_there_is_no_energy() {
    let trace = Trace::new(vec![0, 10], vec![1.0, 1.0], Between::Line).expect("two points");
    assert_eq!(trace.energy_j(Interval::new(-1, 5)), None);
    assert_eq!(trace.energy_j(Interval::new(5, 11)), None);
    assert_eq!(trace.mean_w(Interval::new(5, 5)), None);
    assert!(Trace::new(vec![0], vec![1.0], Between::Line).is_none());
}

#[test]
fn a_line_integrates_by_the_trapezoid_rule() {
    let trace = Trace::new(vec![0, common::SECOND, 3 * common::SECOND], vec![0.0, 10.0, 10.0], Between::Line);
    let trace = trace.expect("three points");
    let half = Interval::new(0, common::SECOND / 2);
    assert!((trace.energy_j(half).expect("covered") - 1.25).abs() < 1e-12);
    assert!((trace.energy_j(trace.span()).expect("covered") - 25.0).abs() < 1e-12);
}
