//! Outputs of driver generations 470 to 590, put together from what is known of each.
//!
//! Known: power under `power_readings` until driver 530, `gpu_power_readings` and `module_power_readings` since 535;
//! `power_draw` there until 565, `average_power_draw` and `instant_power_draw` since 570; throttle reasons until 530,
//! event reasons since 535. What a generation has besides is made up here from the real log of 580.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write;

use driver_smi::protocol::{Absence, Cell, Field, Report, csv, query, xml};
use power_core::{Value, Watts};

/// What one generation calls things.
struct Generation {
    driver: &'static str,
    /// Sections of power: heading of the XML, and the keys in it with what they hold.
    power: &'static [(&'static str, &'static [(&'static str, &'static str)])],
    /// `event` or `throttle`.
    reasons: &'static str,
    /// What has to be found.
    expected: &'static [(Field, Expected)],
}

#[derive(Clone, Copy)]
enum Expected {
    Power(f64),
    Milliwatts(u64),
    No(Absence),
}

use Expected::{Milliwatts, No, Power};

const OLD: &[(&str, &str)] = &[
    ("power_state", "P0"),
    ("power_management", "Supported"),
    ("power_draw", "112.58 W"),
    ("power_limit", "700.00 W"),
    ("default_power_limit", "700.00 W"),
    ("enforced_power_limit", "650.00 W"),
    ("min_power_limit", "200.00 W"),
    ("max_power_limit", "700.00 W"),
];
const OLD_EXPECTED: &[(Field, Expected)] = &[
    (Field::PowerDraw, Power(112.58)),
    (Field::PowerLimit, Milliwatts(700_000)),
    (Field::EnforcedLimit, Milliwatts(650_000)),
    (Field::DefaultLimit, Milliwatts(700_000)),
    (Field::MinLimit, Milliwatts(200_000)),
    (Field::MaxLimit, Milliwatts(700_000)),
];
const MIDDLE: &[(&str, &str)] = &[
    ("power_state", "P0"),
    ("power_draw", "112.58 W"),
    ("current_power_limit", "650.00 W"),
    ("requested_power_limit", "700.00 W"),
    ("default_power_limit", "700.00 W"),
    ("min_power_limit", "200.00 W"),
    ("max_power_limit", "700.00 W"),
];
const NEW: &[(&str, &str)] = &[
    ("power_state", "P0"),
    ("average_power_draw", "112.58 W"),
    ("instant_power_draw", "78.99 W"),
    ("current_power_limit", "650.00 W"),
    ("requested_power_limit", "700.00 W"),
];
const SUPERCHIP: &[(&str, &str)] = &[
    ("power_state", "P0"),
    ("average_power_draw", "612.00 W"),
    ("instant_power_draw", "580.25 W"),
    ("current_power_limit", "900.00 W"),
    ("requested_power_limit", "1000.00 W"),
];
const NO_MODULE: &[(&str, &str)] =
    &[("power_state", "P0"), ("power_draw", "N/A"), ("current_power_limit", "N/A")];

const GENERATIONS: &[Generation] = &[
    Generation {
        driver: "470.42.01",
        power: &[("power_readings", OLD)],
        reasons: "throttle",
        expected: OLD_EXPECTED,
    },
    Generation {
        driver: "525.125.06",
        power: &[("power_readings", OLD)],
        reasons: "throttle",
        expected: OLD_EXPECTED,
    },
    Generation {
        driver: "530.30.02",
        power: &[("power_readings", OLD)],
        reasons: "throttle",
        expected: OLD_EXPECTED,
    },
    Generation {
        driver: "535.104.05",
        power: &[("gpu_power_readings", MIDDLE), ("module_power_readings", NO_MODULE)],
        reasons: "event",
        expected: &[
            (Field::PowerDraw, Power(112.58)),
            (Field::PowerLimit, Milliwatts(700_000)),
            (Field::EnforcedLimit, Milliwatts(650_000)),
            (Field::ModulePower, No(Absence::NotAvailable)),
            (Field::ModuleEnforcedLimit, No(Absence::NotAvailable)),
        ],
    },
    Generation {
        driver: "560.35.03",
        power: &[
            ("gpu_power_readings", MIDDLE),
            ("gpu_memory_power_readings", &[("power_draw", "52.66 W")]),
            ("module_power_readings", &[("power_draw", "612.00 W")]),
        ],
        reasons: "event",
        expected: &[
            (Field::PowerDraw, Power(112.58)),
            (Field::MemoryPowerAverage, Power(52.66)),
            (Field::ModulePower, Power(612.0)),
        ],
    },
    Generation {
        driver: "570.124.06",
        power: &[("gpu_power_readings", NEW), ("module_power_readings", SUPERCHIP)],
        reasons: "event",
        expected: &[
            (Field::PowerAverage, Power(112.58)),
            (Field::PowerInstant, Power(78.99)),
            (Field::ModulePowerAverage, Power(612.0)),
            (Field::ModulePowerInstant, Power(580.25)),
            (Field::EnforcedLimit, Milliwatts(650_000)),
            (Field::ModuleLimit, Milliwatts(1_000_000)),
            (Field::ModuleEnforcedLimit, Milliwatts(900_000)),
        ],
    },
    Generation {
        driver: "590.44.01",
        power: &[
            ("gpu_power_readings", NEW),
            (
                "gpu_memory_power_readings",
                &[("average_power_draw", "[Unknown Error]"), ("instant_power_draw", "N/A")],
            ),
            // Nobody knows yet what a newer one adds.
            ("tray_power_readings", &[("average_power_draw", "5000.00 W")]),
        ],
        reasons: "event",
        expected: &[
            (Field::PowerAverage, Power(112.58)),
            (Field::PowerInstant, Power(78.99)),
            (Field::MemoryPowerAverage, No(Absence::UnknownError)),
            (Field::MemoryPowerInstant, No(Absence::NotAvailable)),
        ],
    },
];

fn xml_log(generation: &Generation, gpus: usize) -> String {
    let Generation { driver, power, reasons, .. } = generation;
    let mut log = format!(
        "<?xml version=\"1.0\" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>\n\
         \t<timestamp>Tue Nov 24 11:21:53 2026</timestamp>\n\t<driver_version>{driver}</driver_version>\n\
         \t<attached_gpus>{gpus}</attached_gpus>\n"
    );
    for gpu in 0..gpus {
        write!(log, "\t<gpu id=\"00000000:0{gpu}:00.0\">\n\t\t<uuid>GPU-{gpu}</uuid>\n\t\t<clocks_{reasons}_reasons>\n")
            .unwrap();
        for (name, active) in
            [("gpu_idle", "Not Active"), ("sw_power_cap", "Active"), ("hw_thermal_slowdown", "Active")]
        {
            let name = format!("clocks_{reasons}_reason_{name}");
            writeln!(log, "\t\t\t<{name}>{active}</{name}>").unwrap();
        }
        writeln!(log, "\t\t</clocks_{reasons}_reasons>").unwrap();
        for (section, keys) in *power {
            writeln!(log, "\t\t<{section}>").unwrap();
            for (key, text) in *keys {
                writeln!(log, "\t\t\t<{key}>{text}</{key}>").unwrap();
            }
            writeln!(log, "\t\t</{section}>").unwrap();
        }
        log += "\t\t<supported_clocks><supported_mem_clock><value>3201 MHz</value></supported_mem_clock></supported_clocks>\n\t</gpu>\n";
    }
    log + "</nvidia_smi_log>\n"
}

/// The same in the words of `-q`.
fn query_log(generation: &Generation, gpus: usize) -> String {
    let Generation { driver, power, reasons, .. } = generation;
    let words = |name: &str| {
        let word = |word: &str| match word {
            "gpu" => "GPU".to_owned(),
            "sw" => "SW".to_owned(),
            "hw" => "HW".to_owned(),
            "instant" => "Instantaneous".to_owned(),
            word => word[..1].to_uppercase() + &word[1..],
        };
        name.split('_').map(word).collect::<Vec<_>>().join(" ")
    };
    let mut log = format!(
        "\n==============NVSMI LOG==============\n\nTimestamp      : Tue Nov 24 11:21:53 2026\nDriver Version : {driver}\n\
         Attached GPUs  : {gpus}\n"
    );
    for gpu in 0..gpus {
        write!(
            log,
            "GPU 00000000:0{gpu}:00.0\n    GPU UUID      : GPU-{gpu}\n    Clocks {} Reasons\n",
            words(reasons)
        )
        .unwrap();
        log += "        Idle            : Not Active\n        SW Power Cap    : Active\n        HW Slowdown     : Not Active\n";
        log += "            HW Thermal Slowdown : Active\n        Sync Boost      : Not Active\n";
        for (section, keys) in *power {
            writeln!(log, "    {}", words(section)).unwrap();
            for (key, text) in *keys {
                writeln!(log, "        {:<20} : {text}", words(key)).unwrap();
            }
        }
    }
    log
}

fn assert_all(generation: &Generation, reports: &[Report], form: &str) {
    let driver = generation.driver;
    let [report] = reports else { panic!("{driver} {form}: {} logs", reports.len()) };
    assert_eq!(report.driver_version.as_deref(), Some(driver), "{form}");
    assert_eq!((report.attached, report.gpus.len()), (Some(3), 3), "{driver} {form}");
    for (number, gpu) in report.gpus.iter().enumerate() {
        assert_eq!(gpu.uuid.as_deref(), Some(format!("GPU-{number}").as_str()));
        for (field, expected) in generation.expected {
            let cell = match expected {
                Power(watts) => Cell::Value(Watts::from_watts(*watts).into()),
                Milliwatts(count) => Cell::Value(Value::Count(*count)),
                No(absence) => Cell::Absent(*absence),
            };
            assert_eq!(gpu.cell(*field), Some(cell), "{driver} {form}: {}", field.name());
        }
        // What this generation does not have is not there, and never 0.
        let powers = Field::ALL.iter().filter(|field| field.name().contains("power.draw"));
        for field in powers.filter(|field| generation.expected.iter().all(|(expected, _)| expected != *field))
        {
            assert_eq!(gpu.value(*field), None, "{driver} {form}: {}", field.name());
        }
        let cap_and_heat = Some(Value::Count(0x44));
        assert_eq!(gpu.value(Field::EventReasons), cap_and_heat, "{driver} {form}");
    }
}

#[test]
fn power_is_found_in_the_logs_of_every_generation() {
    for generation in GENERATIONS {
        assert_all(generation, &xml::parse(&xml_log(generation, 3)).unwrap(), "-q -x");
        assert_all(generation, &query::parse(&query_log(generation, 3)).unwrap(), "-q");
    }
}

#[test]
fn logs_in_a_row_are_told_apart() {
    let logs: String = GENERATIONS.iter().map(|generation| query_log(generation, 3)).collect();
    let reports = query::parse(&logs).unwrap();
    assert_eq!(reports.len(), GENERATIONS.len());
    for (generation, report) in GENERATIONS.iter().zip(&reports) {
        assert_all(generation, std::slice::from_ref(report), "-q in a row");
    }
    let whole = xml_log(&GENERATIONS[0], 2);
    let cut = &whole[..whole[..whole.len() / 2].rfind('\n').unwrap()];
    assert!(matches!(xml::parse(cut), Err(xml::XmlError::CutOff)), "{:?}", xml::parse(cut));
    let warned = format!("WARNING: infoROM <corrupted> at gpu 0000:01:00.0\n{whole}");
    assert_eq!(xml::parse(&warned).unwrap()[0].gpus.len(), 2);
}

#[test]
fn csv_of_every_generation_is_read_by_the_names_in_it() {
    for (header, row, expected) in [
        (
            // 470: no averages; the fields that a newer one calls event reasons.
            "timestamp, uuid, power.draw [W], clocks_throttle_reasons.active, clocks.current.sm [MHz]",
            "2026/11/24 11:21:58.071, GPU-0, 78.45 W, 0x0000000000000004, 1980 MHz",
            &[(Field::PowerDraw, Some(78.45)), (Field::PowerAverage, None), (Field::SmClock, Some(1.98e9))][..],
        ),
        (
            "timestamp, power.draw [W], power.draw.average [W], power.draw.instant [W]",
            "2026/11/24 11:21:58.071, [Not Supported], [N/A], 78.99 W",
            &[(Field::PowerInstant, Some(78.99)), (Field::PowerDraw, None), (Field::PowerAverage, None)],
        ),
        (
            // A newer one prints its own name for what was asked by an older one, and fields nobody knows.
            "timestamp, gpu.power.draw.average [W], tray.power.draw [kW], gpu.power.current_limit [W]",
            "2026/11/24 11:21:58.071, 78.45 W, 5.00 kW, 650.00 W",
            &[(Field::PowerAverage, Some(78.45)), (Field::PowerDraw, None)],
        ),
    ] {
        let log = csv::parse_log(format!("{header}\n{row}\n").as_bytes(), &[]);
        assert_eq!(log.problems, [], "{header}");
        for (field, number) in expected {
            let cells = &log.rows[0].cells;
            let cell = cells.iter().find(|(found, _)| found == field).map(|(_, cell)| *cell);
            assert_eq!(cell.and_then(|cell| cell.value().number()), *number, "{header}: {}", field.name());
        }
    }
    // A known field in a unit that is not its own is no table.
    assert_eq!(csv::Header::parse("timestamp, power.draw [mW]"), None);
}
