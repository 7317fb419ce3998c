//! Descriptions are read back as they are written, and those that make no sense are refused with a reason.

use proptest::prelude::*;

use super::*;

#[test]
fn a_whole_node_is_read_back_as_it_was_written() {
    let mut node = Description::paper_node()
        .with_node(NodeDescription::default().with_cpu_load(CpuLoad::Host))
        .with_fault(Fault::saturated("wall", 900.0).since(3.0))
        .with_meter(MeterDescription::new("second", MeterKind::WattsUp).with_clock(-2.5, 13.0).perfect());
    for kind in MeterKind::ALL {
        node = node.with_meter(MeterDescription::new(format!("{kind:?}"), kind));
    }
    let text = node.to_toml().unwrap();
    assert_eq!(Description::from_toml(&text).unwrap(), node);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let stage = |text: &str| format!("count = 2\n[workload]\n[[workload.stages]]\n{text}");
    let meter = |text: &str| format!("[[meters]]\n{text}");
    for (text, reason) in [
        (stage("kind = \"random\"\nseconds = 5"), "needs high_w"),
        (stage("kind = \"trainings\""), "needs seconds"),
        (stage("kind = \"trainings\"\nseconds = 5\ncount = 3"), "needs seconds"),
        (stage("kind = \"idle\"\nseconds = 5\nhigh_w = 3"), "no high_w"),
        (stage("kind = \"square\"\nseconds = 5\nhigh_w = 300\ngpus = [2]"), "has not"),
        (stage("kind = \"square\"\nseconds = 5\nhigh_w = 300\ncpu = 1.5"), "0 to 1"),
        (stage("kind = \"steps\"\nseconds = 5\nsteps = [[1, 300]]"), "begin at second 0"),
        (stage("kind = \"steps\"\nseconds = 5\nsteps = [[0, 300], [0, 200]]"), "ascend"),
        (stage("kind = \"prbs\"\nseconds = 5\nhigh_w = 300\ndwell_s = 0"), "0.001"),
        (stage("kind = \"trainings\"\nseconds = 5\nepochs = [5, 4]"), "at most the second"),
        ("[workload]\nstages = []".to_owned(), "one stage or more"),
        (meter("name = \"rapl\"\nkind = \"wt310\""), "is not rapl"),
        (meter("name = \"a b\"\nkind = \"wt310\""), "letters"),
        (meter("name = \"a\"\nkind = \"wt310\"\nperiod_ms = 0"), "update period"),
        (meter("name = \"a\"\nkind = \"wt310\"\n[[meters]]\nname = \"a\"\nkind = \"lmg450\""), "two meters"),
        (meter("name = \"a\"\nkind = \"thing\""), "unknown variant"),
        ("[node]\npackages = 0".to_owned(), "packages"),
        ("[node]\npsu_b = 0.9".to_owned(), "no energy"),
        ("[rapl]\nperiod_ms = 0".to_owned(), "RAPL"),
        ("[[faults]]\nkind = \"silent\"".to_owned(), "needs a meter"),
        ("[[faults]]\nkind = \"saturated\"\nmeter = \"wall\"".to_owned(), "at_w"),
        ("[[faults]]\nkind = \"lost\"\nmeter = \"wall\"".to_owned(), "not lost"),
    ] {
        let error = Description::from_toml(&text).map(drop).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}\n{error}");
    }
}

/// Pieces of descriptions, sound and unsound ones.
fn piece() -> impl Strategy<Value = String> {
    let lines = [
        "[workload]",
        "[[workload.stages]]",
        "kind = \"trainings\"",
        "kind = \"random\"",
        "seconds = 1e300",
        "seconds = 2",
        "count = 3",
        "gpus = [0, 63]",
        "high_w = nan",
        "high_w = 300",
        "steps = [[0, 1], [1, inf]]",
        "epochs = [0, 0]",
        "epoch_s = [1, 2]",
        "scales_s = [1, 2, 3]",
        "cpu = 0.5",
        "[node]",
        "packages = 2",
        "[rapl]",
        "package_wrap_j = -1",
        "[[meters]]",
        "name = \"m\"",
        "kind = \"lmg670\"",
        "drift_ppm = 1e9",
        "[[faults]]",
        "kind = \"slow\"",
        "by_ms = -1",
        "seed = 3",
        "load = { kind = \"steps\", steps = [] }",
    ];
    prop_oneof![
        4 => proptest::sample::select(lines.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,20}",
    ]
}

proptest! {
    #[test]
    fn any_text_is_survived_and_what_is_taken_can_be_written(pieces in proptest::collection::vec(piece(), 0..12)) {
        if let Ok(taken) = Description::from_toml(&pieces.join("\n")) {
            let again = Description::from_toml(&taken.to_toml().unwrap()).unwrap();
            prop_assert_eq!(again, taken);
        }
    }

    #[test]
    fn any_fault_is_survived_and_read_back(text in "[ -~]{0,40}|kind=(silent|slow|saturated) meter=[a-z]{1,4}( by_ms=[0-9]{1,3})?( at_w=[0-9]{1,3})?") {
        if let Ok(fault) = text.parse::<Fault>() {
            prop_assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
    }
}
