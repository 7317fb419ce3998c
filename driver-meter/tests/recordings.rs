//! Recordings of real instruments, which others have published.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use driver_meter::ptdaemon::protocol::{GREETING, Identity, Ranges, Sample};
use driver_meter::scpi::number::Scalar;
use driver_meter::scpi::zes::items::{Cell, Kind, line};
use driver_meter::streams::pmd::{Decoder, RECORD_BYTES, TICK_HZ};

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external").join(path)
}

#[test]
#[ignore = "needs ../shared/data/external: run by .ci/run"]
fn every_record_of_a_pmd_is_found() {
    // Energy by the rule of the tool that recorded them, trapezoids over all rails; a value below 0 counts as 0 there.
    for (path, records) in
        [("square-wave/3090/PMD_data.bin", 47_940), ("transient/A100_TR/PMD_data.bin", 67_051)]
    {
        let bytes = fs::read(shared("gpu-power-benchmark").join(path)).unwrap();
        assert_eq!(bytes.len(), records * RECORD_BYTES);
        let mut decoder = Decoder::new();
        let (mut at, mut samples, mut sum) = (0, 0, 0.0);
        while let (used, Some(sample)) = decoder.next(&bytes[at..]) {
            at += used;
            assert!(!sample.after_loss, "{path}: a loss after {samples}");
            samples += 1;
            sum += (0..4).map(|rail| sample.record.volts(rail) * sample.record.amperes(rail)).sum::<f64>();
        }
        // All but the first, which nothing precedes, and the last, which nothing follows.
        assert_eq!(samples, records - 2, "{path}");
        #[expect(clippy::cast_precision_loss, reason = "a number of records")]
        let mean = sum / samples as f64;
        assert!((20.0..400.0).contains(&mean), "{path}: {mean} W");
        #[expect(clippy::cast_precision_loss, reason = "a number of ticks")]
        let rate = samples as f64 / (decoder.ticks().total() as f64 / TICK_HZ);
        assert!((4_700.0..4_850.0).contains(&rate), "{path}: {rate} records a second");
    }
}

#[test]
#[ignore = "needs ../shared/data/external: run by .ci/run"]
fn what_ptdaemon_said_is_understood() {
    let folder =
        "mlperf-inference-v1.1/DGX-Station-A100_A100-SXM-80GBx4_TRT_MaxQ/resnet50/Offline/performance";
    let log = fs::read_to_string(shared(folder).join("power/server.log")).unwrap();
    let replies: Vec<&str> = log
        .lines()
        .filter_map(|line| {
            line.split_once("Reply from ptd: '").map(|(_, reply)| reply.trim_end_matches('\''))
        })
        .collect();
    assert_eq!(replies[0], GREETING);
    let identity = Identity::parse(replies[1]).unwrap();
    assert_eq!(identity.meter, ["YOKOGAWA", "WT333E", "C2WC23035V", "F1.04"]);
    assert_eq!(identity.version.as_deref(), Some("1.9.2-3976349f-20201208"));
    assert_eq!((identity.accepted, identity.calibration.as_deref()), (Some(true), Some("no_cal_date")));
    assert_eq!(Ranges::parse(replies[2]), Some(Ranges { amperes: None, volts: None }));
    assert!(replies.iter().any(|reply| reply.starts_with("Starting ")));
    for run in ["run_1", "ranging"] {
        let samples = fs::read_to_string(shared(folder).join(run).join("spl.txt")).unwrap();
        let mut last = i64::MIN;
        for text in samples.lines() {
            let sample = Sample::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(sample.time.nanos() > last);
            last = sample.time.nanos();
            assert!(sample.values[0].unwrap() > 300.0);
        }
    }
}

#[test]
fn a_line_of_an_lmg670_is_understood() {
    // As cuveland/lmgtools shows it, for a channel without current.
    let text =
        b"2015:01:21D17:20:55.437817000+0000;0.500101824;2.316219E+02;0.000000E+00;0.000000E+00;9.910000E+37";
    let kinds = [Kind::Time, Kind::Duration, Kind::Voltage, Kind::Current, Kind::Power, Kind::PowerFactor];
    let mut cells = [Cell::Scalar(Scalar::Missing); 6];
    line(text, &kinds, &mut cells).unwrap();
    let Cell::Time(time) = cells[0] else { panic!("no time") };
    assert_eq!(time.nanos(), 1_421_860_855_437_817_000);
    assert_eq!(cells[2], Cell::Scalar(Scalar::Number(231.6219)));
    assert_eq!(cells[5], Cell::Scalar(Scalar::Missing));
}
