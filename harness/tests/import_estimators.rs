//! What Code Carbon and carbontracker state.

use std::path::Path;

use harness::import::sink::MemorySink;
use harness::import::{carbontracker, code_carbon};
use harness::run::{RowValue, TimeBase};
use jiff::tz::Offset;
use proptest::prelude::*;

/// A row of 2.8.4 for a node with 2 TB, as a user reported it, and its flush 15 s later.
const V2: &str = "\
timestamp,project_name,run_id,experiment_id,duration,emissions,emissions_rate,cpu_power,gpu_power,ram_power,cpu_energy,\
gpu_energy,ram_energy,energy_consumed,country_name,codecarbon_version,ram_total_size,tracking_mode,on_cloud,pue
2025-01-14T13:00:15,train,aaaaaaaa-1,e,15.0,0.1,0.01,42.5,583.0,755.75,0.000177083,0.002916667,0.003148958,\
0.006242708,Germany,2.8.4,2015.34,machine,N,1.0
2025-01-14T13:00:30,train,aaaaaaaa-1,e,30.0,0.1,0.01,42.5,583.0,755.75,0.000354167,0.004858333,0.006297917,\
0.011510417,Germany,2.8.4,2015.34,machine,N,1.0
";

fn code_carbon(text: &str) -> harness::Result<MemorySink> {
    let mut sink = MemorySink::default();
    let options = code_carbon::Options { source: None, utc_offset: Offset::UTC };
    code_carbon::read(text.as_bytes(), Path::new("emissions.csv"), &options, &mut sink)?;
    Ok(sink)
}

/// (time in s, count) of a channel.
fn counts(sink: &MemorySink, key: &str) -> Vec<(i64, u64)> {
    let count = |row: harness::run::Row| match row.value {
        RowValue::Count(count) => Some((row.t_start_ns / 1_000_000_000, count)),
        _ => None,
    };
    sink.channel(key).into_iter().filter_map(count).collect()
}

#[test]
fn a_tracker_becomes_counters_from_its_start() {
    let sink = code_carbon(V2).unwrap();
    assert_eq!(sink.time_base, Some(TimeBase::Unix));
    // 2025-01-14T13:00:00Z.
    let start = 1_736_859_600;
    let ram = counts(&sink, "train-aaaaaaaa/ram_energy");
    assert_eq!(ram.iter().map(|(t, _)| t - start).collect::<Vec<_>>(), [0, 15, 30]);
    // 755.75 W for 15 s and for 30 s, in mJ.
    assert!(ram[1].1.abs_diff(11_336_250) < 10 && ram[2].1.abs_diff(22_672_500) < 10, "{ram:?}");
    let phases: Vec<i64> = sink.marks.iter().map(|mark| mark.t_ns / 1_000_000_000 - start).collect();
    assert_eq!(phases, [0, 30]);
    // gpu_power says 583 W, the energy 700 W.
    let notes = sink.notes.join("\n");
    assert!(notes.contains("power is not energy over duration within 5 %"), "{notes}");
    assert_eq!(sink.sources[0].1.details["ram_total_size"], "2015.34");
}

#[test]
fn lengths_come_from_durations_and_not_from_whole_seconds() {
    let text = "timestamp,run_id,duration,energy_consumed\n2025-05-01T10:00:02,b,2.006,0.001\n\
                2025-05-01T10:00:05,b,4.009,0.002\n2025-05-01T10:10:00,b,6.0,0.003\n";
    let sink = code_carbon(text).unwrap();
    let t_ns: Vec<i64> =
        sink.channel("codecarbon-b/energy_consumed").iter().map(|row| row.t_start_ns).collect();
    let since_start: Vec<i64> = t_ns.iter().map(|t| (t - t_ns[0]) / 1_000_000).collect();
    // The last one came after a sleep: its stamp counts.
    assert_eq!(since_start, [0, 2006, 4009, 600_006]);
    let notes = sink.notes.join("\n");
    assert!(notes.contains("the stamp counts: 1") && notes.contains("up to 1 s later"), "{notes}");
}

#[test]
fn columns_go_by_name_and_a_pue_is_taken_out() {
    let text = "pue,energy_consumed,duration,water_consumed,timestamp,run_id\n\
                1.5,0.001,10,0.0,2025-05-01T10:00:10.500,b\n";
    let sink = code_carbon(text).unwrap();
    assert_eq!(counts(&sink, "codecarbon-b/energy_consumed")[1].1, 2_400_000);
    assert!(
        sink.notes.join("\n").contains("a PUE in every energy, which was taken out: 1"),
        "{:?}",
        sink.notes
    );
}

#[test]
fn without_a_duration_nothing_is_known() {
    let text = "timestamp,run_id,duration,energy_consumed\n2025-05-01T10:00:10,b,-3.0,0.001\n";
    let sink = code_carbon(text).unwrap();
    assert!(sink.rows.iter().all(|(_, row)| row.value == RowValue::Missing));
    assert!(
        sink.notes
            .join("\n")
            .contains("without a positive duration, whose energies are unknown: 1 (first in line 2)")
    );
    assert!(sink.marks.is_empty());
}

#[test]
fn tasks_are_trackers_of_their_own() {
    let text = "task_name,timestamp,run_id,duration,energy_consumed\n\
                load,2025-05-01T10:00:10,b,5.0,0.001\ntrain,2025-05-01T10:00:20,b,5.0,0.0005\n";
    let sink = code_carbon(text).unwrap();
    let names: Vec<&str> = sink.sources.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["load-line2", "train-line3"]);
}

#[test]
fn faults_name_line_and_remedy() {
    let fault = |text: &str| code_carbon(text).unwrap_err().to_string();
    assert!(fault("timestamp,duration,energy\n").contains("no column `energy_consumed`"));
    assert!(fault("timestamp,duration,energy_consumed\n").contains("no rows"));
    let of = |row: &str| fault(&format!("timestamp,run_id,duration,energy_consumed\n{row}\n"));
    assert!(of("yesterday,b,5,0.1").contains("line 2: timestamp `yesterday` is no time"));
    assert!(of("2025-05-01T10:00:10,b,long,0.1").contains("duration `long` is no number"));
    assert!(of("2025-05-01T10:00:10,b,5,1e12").contains("Code Carbon writes kilowatt-hours"));
}

/// Two evaluations, the energies of 100 s at 360 W and of devices, PUE in the former.
fn results(second_kwh: f64) -> String {
    format!(
        r#"{{"total_time": 100.0, "total_energy (kWh)": 0.0159, "start_emission": "2022-05-28 14:37:20",
        "avg_power_usages:": {{"gpu": {{"avg_energy_usages (J)": [[30000.0]], "devices": ["A GPU"]}},
        "cpu": {{"avg_energy_usages (J)": [[2500.0, 3500.0]], "devices": ["cpu:0", " cpu:1"]}}}},
        "evaluation_results": [
        {{"epochs": 0.0, "energy (kWh)": 0.00159, "start_emission": "2022-05-28 14:37:20", "stop_emission": "2022-05-28 14:37:30"}},
        {{"epochs": 4.0, "energy (kWh)": {second_kwh}, "start_emission": "2022-05-28 14:37:40", "stop_emission": "2022-05-28 14:38:20"}}]}}"#
    )
}

fn carbontracker(text: &str) -> harness::Result<MemorySink> {
    let mut sink = MemorySink::default();
    let options = carbontracker::Options { source: String::new(), utc_offset: Offset::UTC };
    carbontracker::read(text.as_bytes(), Path::new("results.json"), &options, &mut sink)?;
    Ok(sink)
}

#[test]
fn the_hidden_pue_goes_and_energies_are_differenced() {
    let sink = carbontracker(&results(0.0159)).unwrap();
    let total = counts(&sink, "total/energy");
    assert_eq!((total[1].0 - total[0].0, total[1].1), (100, 36_000_000));
    assert_eq!(counts(&sink, "total/cpu1 cpu:1")[1].1, 3_500_000);
    assert_eq!(counts(&sink, "epochs-0/energy")[1].1, 3_600_000);
    let second = counts(&sink, "epochs-4/energy");
    assert_eq!((second[1].0 - second[0].0, second[1].1), (40, 32_400_000));
    let notes = sink.notes.join("\n");
    assert!(notes.contains("PUE 1.59 taken out, 0.0159 kWh became 36000.0 J"), "{notes}");
    assert!(notes.contains("one reading at most: 1"), "{notes}");
}

#[test]
fn energies_that_fall_are_refused() {
    let error = carbontracker(&results(0.001)).unwrap_err().to_string();
    assert!(error.contains("falls from 0.00159 to 0.001 kWh at epoch 4, but it is cumulative"), "{error}");
    assert!(carbontracker("{}").unwrap_err().to_string().contains("is no results.json"));
}

proptest! {
    #[test]
    fn any_text_is_a_table_or_a_fault(
        cells in proptest::collection::vec("[-0-9eE.a-zTN:,\"]{0,24}", 0..12),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let _ = code_carbon(&format!("timestamp,run_id,duration,energy_consumed,pue\n{}", cells.join(",")));
        let mut sink = MemorySink::default();
        let options = code_carbon::Options { source: None, utc_offset: Offset::UTC };
        let _ = code_carbon::read(&bytes[..], Path::new("x"), &options, &mut sink);
        let _ = carbontracker(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_numbers_are_energies_or_a_fault(total in any::<f64>(), time in any::<f64>(), second in any::<f64>()) {
        let text = results(second).replace("0.0159,", &format!("{total},")).replace("100.0", &time.to_string());
        let _ = carbontracker(&text);
        let row = format!("2025-05-01T10:00:10,b,{time},{total},{second}");
        let _ = code_carbon(&format!("timestamp,run_id,duration,energy_consumed,pue\n{row}\n"));
    }
}
