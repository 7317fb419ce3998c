//! `wattproof audit` on logs of each format, and what it says to a user.
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod audit_support;

use std::fmt::Write as _;
use std::path::PathBuf;

use assert_cmd::Command;
use audit_support::{Machine, Poll, marks, polls_csv, tracer_log};
use harness::audit::{AuditRequest, BenchmarkAudit, audit};
use power_analysis::audit::Check::{
    AssumedMemory, BlindStart, ConstantCpu, CumulativeEnergy, EnergyMismatch, EnergyUnit, FewSamples,
    GpuSums, LateReading, PlainMean, PueInside, ZeroPower,
};
use power_analysis::audit::{Check, PrincipleVerdict};

/// A folder with files in it.
fn folder(files: &[(&str, String)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn audited(name: &str, text: String) -> BenchmarkAudit {
    let folder = folder(&[(name, text)]);
    audit(&AuditRequest { paths: vec![folder.path().join(name)], ..AuditRequest::default() }).unwrap()
}

fn found(audit: &BenchmarkAudit) -> Vec<Check> {
    audit.audit.findings.iter().map(|finding| finding.check).collect()
}

/// Polls each 0.2 to 0.26 s, of 90 W in pauses and some 300 W in epochs of 1.6 to 2.4 s, each 2.6 s after the other.
fn training() -> (Vec<Poll>, Vec<(i64, i64)>) {
    let epoch = |at: i64| (2_600_000_000 * at, 2_600_000_000 * at + 1_600_000_000 + 20_000_000 * at);
    let epochs: Vec<(i64, i64)> = (0..40).map(epoch).collect();
    let (mut polls, mut before_ns, mut state) = (Vec::new(), 0_i64, 7_u32);
    while before_ns < epochs[39].1 + 1_000_000_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 16) / 65_536.0;
        let busy = epochs.iter().any(|(begin, end)| (*begin..*end).contains(&before_ns));
        let power_w = if busy { 280.0 + 40.0 * noise } else { 90.0 + noise };
        let util = if busy { (60.0 + 40.0 * noise).floor() } else { 0.0 };
        let took = 90_000_000 + i64::from(state >> 16) * 1_000;
        let power_w = (power_w * 100.0).round() / 100.0;
        polls.push(Poll { before_ns, after_ns: before_ns + took, power_w, util });
        before_ns += took + 100_000_000;
    }
    (polls, epochs)
}

#[test]
fn the_tracers_block_alone_shows_the_unit() {
    let (polls, epochs) = training();
    let audit = audited("stdout.log", tracer_log(&polls, &epochs, Machine::OneGpu));
    assert_eq!(found(&audit), [EnergyUnit], "{:#?}", audit.audit.findings);
    assert_eq!((audit.audit.evaluations, audit.audit.records), (1, 40));
    // GPU power alone: not the cost of a node, and without the limit of its board no range.
    use PrincipleVerdict::{CannotBeTold, NotMet};
    let verdicts: Vec<_> = audit.audit.principles.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [NotMet, CannotBeTold, NotMet], "{:#?}", audit.audit.principles);
    // Faults of reading cannot be seen without the readings, and it says so.
    let open: Vec<Check> = audit.audit.open.iter().map(|open| open.check).collect();
    assert!([BlindStart, LateReading, PlainMean].iter().all(|check| open.contains(check)), "{open:?}");
}

#[test]
fn with_its_readings_the_tracers_other_faults_show() {
    let (polls, epochs) = training();
    let folder = folder(&[
        ("stdout.log", tracer_log(&polls, &epochs, Machine::OneGpu)),
        ("polls.csv", polls_csv(&polls)),
        ("epochs.csv", marks(&epochs)),
    ]);
    let request = AuditRequest {
        paths: vec![folder.path().join("stdout.log")],
        polls: Some(folder.path().join("polls.csv")),
        epochs: Some(folder.path().join("epochs.csv")),
        ..AuditRequest::default()
    };
    let audit = audit(&request).unwrap();
    assert_eq!(
        found(&audit),
        [EnergyUnit, BlindStart, LateReading, PlainMean],
        "{:#?}",
        audit.audit.findings
    );
}

#[test]
fn several_gpus_and_a_renamed_key() {
    let (polls, epochs) = training();
    let four = audited("stdout.log", tracer_log(&polls, &epochs, Machine::Gpus(4)));
    assert_eq!(found(&four), [EnergyUnit, GpuSums]);
    let renamed = audited("stdout.log", tracer_log(&polls, &epochs, Machine::RenamedKey));
    assert_eq!(found(&renamed), [ZeroPower], "{:#?}", renamed.audit.findings);
    assert_eq!((renamed.audit.findings[0].affected, renamed.audit.findings[0].of), (40, 40));
}

#[test]
fn trainings_in_one_log_are_told_apart() {
    let (polls, epochs) = training();
    let twice = tracer_log(&polls, &epochs, Machine::OneGpu).repeat(2);
    let audit = audited("stdout.log", twice);
    assert_eq!((audit.audit.evaluations, audit.audit.records), (2, 80));
}

#[test]
fn lengths_without_energies_say_so() {
    let sweep = r#"[{"cfg": {}, "train_epoch": {"time_epoch": [10.1, 10.2, 9.9]}}, {"cfg": {}}]"#;
    let audit = audited("sweep.json", sweep.into());
    assert_eq!((audit.audit.evaluations, audit.audit.records), (1, 3));
    assert!(
        audit.audit.findings.is_empty() && audit.notes[0].contains("without the times of their epochs: 1")
    );
    assert!(audit.audit.principles.iter().all(|one| one.verdict == PrincipleVerdict::CannotBeTold));
}

#[test]
fn hw_gpt_bench_without_times_cannot_tell_its_unit() {
    // 50 ms at 300 W are 0.0042 Wh, labelled KWh.
    let json =
        r#"{"a": {"energy_gpu": [0.0041, 0.0042], "emissions_gpu": [300.0, 301.5], "unit_energy": "KWh"}}"#;
    let csv =
        "arch,mean_energy_gpu,emissions_gpu,energy_gpu\na,0.00415,\"[300.0, 301.5]\",\"[0.0041, nan]\"\n";
    // By hand: 0.0041 kWh at 300 W are 49.2 s, 0.0042 kWh at 301.5 W 50.1 s.
    for (name, text, lengths) in
        [("stats.json", json, ["49.7 s", "50 ms"]), ("stats.csv", csv, ["49.2 s", "49 ms"])]
    {
        let audit = audited(name, text.into());
        assert_eq!((found(&audit), audit.audit.records), (vec![Check::Spelling], 2), "{name}");
        let unit = audit.audit.open.iter().find(|open| open.check == EnergyUnit).unwrap();
        assert!(lengths.iter().all(|length| unit.reason.contains(length)), "{}", unit.reason);
    }
}

/// Rows of 2.8.4 on a node of 2 TB: memory by size, CPU by half of 85 W, GPU power of the last interval.
fn emissions(pue: f64) -> String {
    let mut text = String::from(
        "timestamp,project_name,run_id,duration,cpu_power,gpu_power,ram_power,cpu_energy,gpu_energy,ram_energy,\
         energy_consumed,ram_total_size,pue\n",
    );
    for at in 0..5 {
        let (seconds, gpu) = (60.0 + 7.0 * f64::from(at), 400.0 + 37.0 * f64::from(at));
        let kwh = |watts: f64| watts * seconds / 3.6e6;
        let _ = writeln!(
            text,
            "2025-01-14T13:0{at}:00,train,id{at},{seconds},42.5,{},755.7508,{},{},{},{},2015.3355,{pue}",
            0.6 * gpu,
            kwh(42.5),
            kwh(gpu),
            kwh(755.7508),
            kwh(42.5 + gpu + 755.7508)
        );
    }
    text
}

#[test]
fn code_carbons_assumptions_are_found() {
    let audit = audited("emissions.csv", emissions(1.0));
    assert_eq!(found(&audit), [EnergyMismatch, AssumedMemory, ConstantCpu], "{:#?}", audit.audit.findings);
    assert!(audit.audit.findings[1].evidence.contains("3/8 W a GB"), "{}", audit.audit.findings[1].evidence);
    let audit = audited("emissions.csv", emissions(1.5));
    assert!(found(&audit).contains(&PueInside));
}

#[test]
fn any_table_by_the_names_of_its_columns() {
    let mut text = String::from("arch,epoch,epoch_energy_j,cumulative_energy_j,epoch_time_s\n");
    let mut running = 0.0;
    for epoch in 1..=6 {
        let so_far = 1_000.0 * f64::from(epoch);
        running += so_far;
        let _ = writeln!(text, "a,{epoch},{so_far},{running},9.8");
    }
    let audit = audited("epochs.csv", text);
    assert_eq!(found(&audit), [CumulativeEnergy], "{:#?}", audit.audit.findings);
    assert_eq!(audit.audit.faults(), 1);
}

fn wattproof(arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("wattproof").unwrap().arg("audit").args(arguments).assert()
}

#[test]
fn exit_codes_text_json_and_page() {
    let (polls, epochs) = training();
    let folder = folder(&[
        ("stdout.log", tracer_log(&polls, &epochs, Machine::OneGpu)),
        ("clean.csv", "arch,energy_j,power_w,duration_s\na,3000,300,10\nb,4200,350,12\n".into()),
        ("odd.csv", "arch,energy,power_w\na,1,2\n".into()),
    ]);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let output = wattproof(&[&path("stdout.log"), "--report", &path("page.html"), "--json", &path("a.json")])
        .code(1)
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("energy-unit (certain): 40 of 40 records"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path("a.json")).unwrap()).unwrap();
    assert_eq!(json["findings"][0]["check"], "energy-unit");
    assert_eq!(json["findings"][0]["mend"]["divide_by"]["value"], 1000.0);
    let page = std::fs::read_to_string(path("page.html")).unwrap();
    assert_eq!(page.matches("<figure>").count(), 2);
    assert!(page.contains("watt-hours labelled kilowatt-hours") && !page.contains("<script"));
    wattproof(&[&path("clean.csv")]).code(0);
    let stderr = |arguments: &[&str]| {
        String::from_utf8(wattproof(arguments).code(2).get_output().stderr.clone()).unwrap()
    };
    assert!(stderr(&[&path("odd.csv")]).contains("--column energy=energy:UNIT"));
    assert!(stderr(&[&path("none")]).contains("check the path"));
    assert!(
        stderr(&[folder.path().join("..").to_str().unwrap(), "--format", "ec-nas-bench"]).contains("no file")
    );
    wattproof(&[&path("odd.csv"), "--column", "energy=energy:J"]).code(0);
}

#[test]
#[ignore = "needs Chromium and Python with playwright"]
fn a_browser_shows_the_page() {
    let (polls, epochs) = training();
    let folder = folder(&[("stdout.log", tracer_log(&polls, &epochs, Machine::Gpus(4)))]);
    let page = folder.path().join("page.html");
    let log = folder.path().join("stdout.log");
    wattproof(&[log.to_str().unwrap(), "--report", page.to_str().unwrap()]).code(1);
    let python = std::env::var_os("WATTPROOF_PYTHON").unwrap_or_else(|| "python3".into());
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/report/check_audit.py");
    Command::new(python).arg(script).arg(page).arg("2").assert().success();
}

/// Real polls of nvidia-smi on an H200, and the epochs of the trainings beside them.
fn h200() -> (Vec<Poll>, Vec<(i64, i64)>) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/h200-short-epochs");
    let rows = |name: &str| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
    };
    // `power_readings/power_draw`, where the tracer looks, is the average on this architecture.
    let poll = |row: &Vec<String>| Poll {
        before_ns: row[0].parse().unwrap(),
        after_ns: row[1].parse().unwrap(),
        power_w: row[3].parse().unwrap(),
        util: row[4].parse().unwrap(),
    };
    let edges: Vec<i64> = rows("load_edges.csv")
        .iter()
        .filter(|row| row[1] == "epoch")
        .map(|row| row[0].parse().unwrap())
        .collect();
    let epochs = edges.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    (rows("smi_xml_poll.csv").iter().map(poll).collect(), epochs)
}

#[test]
#[ignore = "needs ../shared/data/h200-short-epochs: a recording that is not in the repository"]
fn the_tracer_on_real_polls_has_exactly_its_known_faults() {
    let (polls, epochs) = h200();
    assert_eq!(epochs.len(), 72);
    let folder = folder(&[
        ("stdout.log", tracer_log(&polls, &epochs, Machine::OneGpu)),
        ("polls.csv", polls_csv(&polls)),
        ("epochs.csv", marks(&epochs)),
    ]);
    let path = |name: &str| folder.path().join(name);
    let alone = AuditRequest { paths: vec![path("stdout.log")], ..AuditRequest::default() };
    let with_polls =
        AuditRequest { polls: Some(path("polls.csv")), epochs: Some(path("epochs.csv")), ..alone.clone() };
    let audited = audit(&with_polls).unwrap();
    let expected = [EnergyUnit, FewSamples, BlindStart, LateReading, PlainMean];
    assert_eq!(found(&audited), expected, "{:#?}", audited.audit.findings);
    // 19 of 72 epochs have no whole reading in them, by the data's own description; those with one come on top.
    let few = &audited.audit.findings[1];
    assert!(few.affected >= 19 && few.of == 72, "{few:#?}");
    let audited = audit(&alone).unwrap();
    assert_eq!(found(&audited)[0], EnergyUnit);
    for check in found(&audited) {
        assert!(expected.contains(&check), "{check:?}: {:#?}", audited.audit.findings);
    }
    for (machine, expected) in [(Machine::Gpus(4), GpuSums), (Machine::RenamedKey, ZeroPower)] {
        let folder = self::folder(&[("stdout.log", tracer_log(&polls, &epochs, machine))]);
        let request = AuditRequest { paths: vec![folder.path().to_owned()], ..AuditRequest::default() };
        assert!(found(&audit(&request).unwrap()).contains(&expected), "{machine:?}");
    }
}

#[test]
#[ignore = "needs ../shared/data/external: recordings of others that are not in the repository"]
fn ec_nas_bench_has_exactly_its_known_faults() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/external/ec-nas-bench");
    let audit = audit(&AuditRequest { paths: vec![folder], ..AuditRequest::default() }).unwrap();
    let faults: Vec<Check> = found(&audit).into_iter().take(audit.audit.faults()).collect();
    let notes: Vec<Check> = found(&audit).into_iter().skip(faults.len()).collect();
    assert_eq!(faults, [PueInside, Check::LongWindow, FewSamples]);
    assert_eq!(notes, [CumulativeEnergy, Check::RepeatsScatter, Check::Spelling]);
    let mend = audit.audit.findings[0].mend.as_ref().unwrap().divide_by.unwrap();
    assert!(mend.contains(1.59) && (mend.value - 1.59).abs() < 1e-4, "{mend:?}");
    // Windows of at most 11 s, by the stamps in the files: a reading each 10 s, after 1 s for RAPL.
    assert_eq!((audit.audit.findings[2].affected, audit.audit.findings[2].of), (16, 72));
}
