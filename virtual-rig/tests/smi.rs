//! The executable against recorded outputs of a real one: `data/` is from an NVIDIA H200 with driver 580.159.04,
//! 2026-11-24, identifiers replaced.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use virtual_rig::{Description, Fault, GpuDescription, Load, VirtualRig};

fn recorded(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)).unwrap()
}

fn smi(rig: &VirtualRig, arguments: &str) -> Output {
    Command::new(rig.nvidia_smi_path()).args(arguments.split_whitespace()).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A rig as the one that was recorded: one idle H200.
fn idle() -> VirtualRig {
    let mut gpu = GpuDescription::with_load(Load::constant(78.4));
    gpu.idle_w = Some(78.4);
    VirtualRig::start(Description::node(1).with_gpu(0, gpu)).unwrap()
}

/// What comes before the value in a line of a log, in text or XML.
fn key(line: &str) -> &str {
    if line.contains('<') {
        return line.split_inclusive('>').next().unwrap_or("");
    }
    line.split(" : ").next().unwrap_or("").split(": ").next().unwrap_or("").trim_end()
}

/// Lines that differ between a report and a recording that has the same keys in the same order.
fn differing<'a>(report: &'a str, recording: &'a str) -> Vec<&'a str> {
    let (own, real): (Vec<&str>, Vec<&str>) = (report.lines().collect(), recording.lines().collect());
    let keys = |lines: &[&'a str]| -> Vec<&'a str> {
        let known = |line: &&&str| !line.contains("<gpu id=") && !line.starts_with("GPU 0000");
        lines.iter().filter(known).map(|line| key(line)).collect()
    };
    assert_eq!(keys(&own), keys(&real));
    own.iter().zip(&real).filter(|(a, b)| a != b).map(|(a, _)| key(a).trim()).collect()
}

#[test]
fn the_log_has_the_same_keys_in_the_same_order() {
    let rig = idle();
    let report = text(&smi(&rig, "-q"));
    let live = [
        "Timestamp",
        "GPU 00000000",
        "Serial Number",
        "GPU UUID",
        "Board ID",
        "Module Id",
        "Bus",
        "Device",
        "Bus Id",
        "Free",
        "GPU Current Temp",
        "GPU T.Limit Temp",
        "Average Power Draw",
        "Instantaneous Power Draw",
        "Graphics",
        "SM",
        "Video",
        "Idle",
        "Memory Current Temp",
    ];
    for label in differing(&report, &recorded("q.txt")) {
        assert!(live.iter().any(|live| label.starts_with(live)), "{label}");
    }
}

#[test]
fn the_log_of_power_has_its_samples() {
    let rig = idle();
    let report = text(&smi(&rig, "-q -d POWER"));
    differing(&report, &recorded("q_power.txt"));
    let samples = report.split("Power Samples").nth(1).unwrap();
    assert!(samples.contains("Number of Samples                              : 119\n"), "{samples}");
    assert!(samples.contains("Max                                            : 78.40 W\n"), "{samples}");
    assert!(samples.contains("Avg                                            : 78.40 W\n"), "{samples}");
}

#[test]
fn the_xml_has_the_same_elements_in_the_same_order() {
    let rig = idle();
    let report = text(&smi(&rig, "-q -x"));
    let live = [
        "<timestamp>",
        "<gpu id",
        "<serial>",
        "<uuid>",
        "<board_id>",
        "<module_id>",
        "<pci_bus>",
        "<pci_device>",
        "<pci_bus_id>",
        "<free>",
        "<tx_util>",
        "<rx_util>",
        "<gpu_temp>",
        "<gpu_temp_tlimit>",
        "<memory_temp>",
        "<average_power_draw>",
        "<instant_power_draw>",
        "<graphics_clock>",
        "<sm_clock>",
        "<video_clock>",
    ];
    for tag in differing(&report, &recorded("q.xml")) {
        assert!(live.iter().any(|live| tag.starts_with(live)), "{tag}");
    }
    assert!(report.contains("<average_power_draw>78.40 W</average_power_draw>"));
    assert!(report.contains("<instant_power_draw>78.40 W</instant_power_draw>"));
}

#[test]
fn the_table_has_the_recorded_form() {
    let rig = idle();
    let shape = |text: &str| -> Vec<String> {
        let form = |c: char| if matches!(c, '|' | '+' | '-' | '=') { c } else { '.' };
        text.lines().skip(1).map(|line| line.chars().map(form).collect()).collect()
    };
    let report = text(&smi(&rig, ""));
    assert_eq!(shape(&report), shape(&recorded("plain.txt")), "{report}");
    let same = |text: &str| text.lines().nth(2).unwrap().to_owned();
    assert_eq!(same(&report), same(&recorded("plain.txt")));
    assert!(
        report.contains(
            "| N/A   36C    P0             78W /  700W |       0MiB / 143771MiB |      0%      Default |"
        ),
        "{report}"
    );
}

#[test]
fn csv_is_as_recorded() {
    let rig = idle();
    let header = recorded("csv.txt").lines().next().unwrap().to_owned();
    let names: Vec<&str> = header.split(", ").map(|title| title.split(' ').next().unwrap()).collect();
    let fields = names.join(",");
    let report = text(&smi(&rig, &format!("--query-gpu={fields} --format=csv")));
    assert_eq!(report.lines().next().unwrap(), header);
    let own: Vec<&str> = report.lines().nth(1).unwrap().split(", ").collect();
    let real = recorded("csv.txt");
    let real: Vec<&str> = real.lines().nth(1).unwrap().split(", ").collect();
    assert_eq!(own.len(), real.len());
    for (title, (own, real)) in names.iter().zip(own.iter().zip(&real)) {
        let live = ["timestamp", "uuid", "power.draw", "temperature", "clocks.current.sm"];
        let unit = |value: &str| value.split_once(' ').map(|(_, unit)| unit.to_owned());
        if live.iter().any(|live| title.starts_with(live)) {
            let unit = |value: &str| if *title == "timestamp" { None } else { unit(value) };
            assert_eq!(unit(own), unit(real), "{title}");
        } else {
            assert_eq!(own, real, "{title}");
        }
    }
    let bare = text(&smi(&rig, "--query-gpu=power.draw,memory.total,pstate --format=csv,noheader,nounits"));
    assert_eq!(bare, "78.40, 143771, P0\n");
    let missing = text(&smi(
        &rig,
        "--query-gpu=timestamp,module.power.draw.average,module.power.draw.instant,module.power.limit,power.draw --format=csv",
    ));
    let real = recorded("csv_na.txt");
    assert_eq!(missing.lines().next(), real.lines().next());
    let after_stamp =
        |text: &str| text.lines().nth(1).unwrap().split_once(", ").unwrap().1.replace("78.40", "110.17");
    assert_eq!(after_stamp(&missing), after_stamp(&real));
}

#[test]
fn every_field_of_the_help_can_be_queried() {
    let rig = idle();
    let help = text(&smi(&rig, "--help-query-gpu"));
    let names: Vec<&str> = help
        .lines()
        .filter(|line| line.starts_with('"'))
        .flat_map(|line| line.split(" or "))
        .map(|name| name.trim_matches('"'))
        // Some lines quote the values that a field can have.
        .filter(|name| !name.contains(' '))
        .collect();
    assert!(names.len() > 200, "{}", names.len());
    let output = smi(&rig, &format!("--query-gpu={} --format=csv", names.join(",")));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn dmon_is_as_recorded() {
    let rig = idle();
    let report = text(&smi(&rig, "dmon -s pucm -o DT -c 1"));
    let (own, real): (Vec<&str>, String) = (report.lines().collect(), recorded("dmon.txt"));
    let real: Vec<&str> = real.lines().collect();
    assert_eq!(own[..2], real[..2]);
    assert_eq!(own[2].len(), real[2].len());
    assert_eq!(own[2].split_whitespace().nth(3), Some("78"));
    let plain = text(&smi(&rig, "dmon -s p -c 1"));
    assert_eq!(
        plain,
        "# gpu    pwr  gtemp  mtemp \n# Idx      W      C      C \n    0     78     36     38 \n"
    );
}

#[test]
fn failures_end_as_recorded() {
    let rig = idle();
    let field = smi(&rig, "--query-gpu=power.drow --format=csv");
    assert_eq!(field.status.code(), Some(2));
    assert_eq!(text(&field) + "rc=2\n", recorded("err_field.txt"));
    let index = smi(&rig, "-i 7 --query-gpu=power.draw --format=csv");
    assert_eq!(index.status.code(), Some(6));
    assert_eq!(text(&index) + "rc=6\n", recorded("err_index.txt"));
    for (fault, code, says) in [
        (Fault::no_driver(), 9, "couldn't communicate with the NVIDIA driver"),
        (Fault::version_mismatch(), 18, "Driver/library version mismatch\nNVML library version: 580.159\n"),
        (Fault::error("nvmlInit_v2", 4), 4, "Insufficient Permissions"),
    ] {
        let rig = VirtualRig::start(Description::node(1).with_fault(fault)).unwrap();
        let output = smi(&rig, "-q -x");
        assert_eq!(output.status.code(), Some(code));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
    let empty = VirtualRig::start(Description::node(0)).unwrap();
    assert_eq!(smi(&empty, "").status.code(), Some(6));
}

#[test]
fn a_lost_gpu_ends_with_15_and_the_others_are_shown() {
    let rig = VirtualRig::start(Description::node(4)).unwrap();
    rig.fault(Fault::lost(1)).unwrap();
    let output = smi(&rig, "--query-gpu=index --format=csv,noheader");
    assert_eq!(output.status.code(), Some(15));
    let says = "Unable to determine the device handle for GPU1: 0000:02:00.0: GPU is lost.  Reboot the system to \
                recover this GPU\n0\n2\n3\n";
    assert_eq!(text(&output), says);
    assert_eq!(smi(&rig, "-i 1 -q").status.code(), Some(15));
}

#[test]
fn values_that_cannot_be_had_say_why() {
    let rig = VirtualRig::start(Description::node(2)).unwrap();
    rig.fault(Fault::not_supported("nvmlDeviceGetPowerUsage").on_gpu(0)).unwrap();
    rig.fault(Fault::error("power.draw.instant", 999)).unwrap();
    rig.fault(Fault::error("nvmlDeviceGetUtilizationRates", 4).on_gpu(1)).unwrap();
    let fields = "--query-gpu=power.draw,power.draw.instant,utilization.gpu --format=csv,noheader";
    let report = text(&smi(&rig, fields));
    let lines: Vec<&str> = report.lines().collect();
    assert!(lines[0].starts_with("[N/A], [Unknown Error], ") && lines[0].ends_with('%'), "{report}");
    assert!(lines[1].ends_with(" W, [Unknown Error], [Insufficient Permissions]"), "{report}");
    let xml = text(&smi(&rig, "-q -x -i 1"));
    assert!(xml.contains("<instant_power_draw>Unknown Error</instant_power_draw>"));
}

#[test]
fn each_generation_shows_power_in_its_own_way() {
    for (driver, schema, has, has_not) in [
        (
            "470.256.02",
            "v11",
            ["<power_readings>", "<power_draw>", "<clocks_throttle_reasons>"],
            "<gpu_power_readings>",
        ),
        (
            "525.147.05",
            "v12",
            ["<power_readings>", "<power_draw>", "<enforced_power_limit>"],
            "<average_power_draw>",
        ),
        (
            "535.104.05",
            "v12",
            ["<gpu_power_readings>", "<power_draw>", "<module_power_readings>"],
            "<power_limit>",
        ),
        (
            "550.54.15",
            "v12",
            ["<gpu_power_readings>", "<power_draw>", "<gpu_memory_power_readings>"],
            "<power_limit>",
        ),
        (
            "570.124.06",
            "v13",
            ["<gpu_power_readings>", "<average_power_draw>", "<instant_power_draw>"],
            "<power_draw>",
        ),
        (
            "580.159.04",
            "v13",
            ["<gpu_power_readings>", "<average_power_draw>", "<instant_power_draw>"],
            "<power_draw>",
        ),
    ] {
        let rig = VirtualRig::start(Description::node(1).with_driver(driver)).unwrap();
        let xml = text(&smi(&rig, "-q -x"));
        assert!(xml.contains(&format!("nvsmi_device_{schema}.dtd")), "{driver}");
        for tag in has {
            assert!(xml.contains(tag), "{driver} {tag}");
        }
        assert!(!xml.contains(has_not) && !xml.contains("{{") && !xml.contains('|'), "{driver}");
        let open = xml.matches("\t<").count();
        assert!(open > 100, "{driver} {open}");
        let log = text(&smi(&rig, "-q"));
        let colon = log.lines().find(|line| line.starts_with("Driver Version")).unwrap().find(':').unwrap();
        assert_eq!(colon, if driver < "570" { 42 } else { 55 });
        assert!(!log.contains("{{") && !log.contains('|'), "{driver}");
        let average = smi(&rig, "--query-gpu=power.draw.average --format=csv").status.code();
        assert_eq!(average, Some(if driver < "525" { 2 } else { 0 }), "{driver}");
        let reasons = smi(&rig, "--query-gpu=clocks_event_reasons.active --format=csv").status.code();
        assert_eq!(reasons, Some(if driver < "535" { 2 } else { 0 }), "{driver}");
        let table = text(&smi(&rig, ""));
        let width = table.lines().nth(1).unwrap().len();
        assert!(
            table.lines().skip(1).all(|line| line.is_empty() || line.len() == width),
            "{driver}\n{table}"
        );
    }
}

#[test]
fn a_loop_prints_a_line_at_a_time_and_sees_a_gpu_go() {
    let rig = VirtualRig::start(Description::node(2)).unwrap();
    let mut child = Command::new(rig.nvidia_smi_path())
        .args(["--query-gpu=index,timestamp,power.draw", "--format=csv", "-lms", "50"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "index, timestamp, power.draw [W]");
    let start = Instant::now();
    for _ in 0..10 {
        assert!(lines.next().unwrap().starts_with("0, "));
        assert!(lines.next().unwrap().starts_with("1, "));
    }
    let took = start.elapsed();
    assert!((Duration::from_millis(440)..Duration::from_secs(1)).contains(&took), "{took:?}");
    rig.fault(Fault::lost(0)).unwrap();
    let lost = lines.find(|line| line.contains("lost")).unwrap();
    let [index, time, power] = lost.split(", ").collect::<Vec<_>>()[..] else { panic!("{lost}") };
    assert_eq!([index, power], ["[GPU is lost]"; 2]);
    assert!(time.starts_with("20"), "{time}");
    assert!(lines.next().unwrap().starts_with("1, "));
    rig.fault(Fault::truncated()).unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(!rest.last().unwrap().ends_with(" W"), "{rest:?}");
    child.wait().unwrap();
}

#[test]
fn gpus_come_in_any_order_if_asked() {
    let mut description = Description::node(4);
    description.smi.any_order = true;
    let rig = VirtualRig::start(description).unwrap();
    let reports: Vec<String> =
        (0..40).map(|_| text(&smi(&rig, "--query-gpu=index --format=csv,noheader"))).collect();
    assert!(reports.iter().any(|report| *report != reports[0]));
    for report in reports {
        let mut lines: Vec<&str> = report.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["0", "1", "2", "3"]);
    }
}

#[test]
fn gpus_are_chosen_by_index_uuid_and_bus_id() {
    let rig = VirtualRig::start(Description::node(8)).unwrap();
    let list = text(&smi(&rig, "-L"));
    assert_eq!(list.lines().count(), 8);
    let uuid = list.lines().nth(5).unwrap().split("UUID: ").nth(1).unwrap().trim_end_matches(')');
    for ids in ["3,5", "5,00000000:04:00.0", &format!("{uuid},3"), "0000:06:00.0,3"] {
        let report = text(&smi(&rig, &format!("-i {ids} --query-gpu=index --format=csv,noheader")));
        assert_eq!(report, "3\n5\n", "{ids}");
    }
    let gpu = GpuDescription::new().with_mig(["1g.18gb"]);
    let rig = VirtualRig::start(Description::node(1).with_gpu(0, gpu)).unwrap();
    assert!(text(&smi(&rig, "-L")).contains("\n  MIG 1g.18gb     Device  0: (UUID: MIG-"));
    assert!(text(&smi(&rig, "-q -x")).contains("<gpu_instance_id>1</gpu_instance_id>"));
}

#[test]
fn starting_takes_the_time_that_is_set() {
    let mut description = Description::node(1);
    description.smi.start_ms = 60.0;
    let rig = VirtualRig::start(description).unwrap();
    let start = Instant::now();
    smi(&rig, "-q -x");
    assert!(start.elapsed() >= Duration::from_millis(60));
    rig.fault(Fault::slow("nvidia-smi", 100.0)).unwrap();
    let start = Instant::now();
    smi(&rig, "-L");
    assert!(start.elapsed() >= Duration::from_millis(160));
}

#[test]
fn output_goes_to_a_file_if_asked() {
    let rig = idle();
    let path = rig.file().with_file_name("out.csv");
    let output = smi(&rig, &format!("--query-gpu=power.draw --format=csv -f {}", path.display()));
    assert_eq!((output.status.code(), text(&output).as_str()), (Some(0), ""));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "power.draw [W]\n78.40 W\n");
}
