//! Whatever the bytes, the readers of published benchmarks give figures or one error; what a tool prints is read back.

use std::path::Path;

use harness::audit::{
    AuditFormat, Gathered, code_carbon, ea_has, ec_nas, hw_gpt, polls, smi_xml, sweep, table,
};
use harness::import::sink::MemorySink;
use harness::import::smi_xml as smi_xml_run;
use harness::run::RowValue;
use power_analysis::audit::{Hardware, audit};
use proptest::prelude::*;

const NAMES: [&str; 7] = ["ea-has", "sweep", "ec-nas", "hw-gpt", "code-carbon", "table", "smi-xml"];

fn read(name: &str, bytes: &[u8]) -> harness::Result<Gathered> {
    let (path, mut into) = (Path::new("architecture/repeat_1/file"), Gathered::default());
    match name {
        "ea-has" => ea_has::read(bytes, path, &mut into),
        "sweep" => sweep::read(bytes, path, &mut into),
        "ec-nas" => ec_nas::read(bytes, path, &mut into),
        "hw-gpt" => hw_gpt::read(bytes, path, &mut into),
        "code-carbon" => code_carbon::read(bytes, path, &mut into),
        "table" => table::read(bytes, path, &[], &mut into),
        _ => smi_xml::read(bytes, path, false, &mut into),
    }?;
    Ok(into)
}

/// Text that is nearly of one of the formats.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let parts = [
        "json_stats: {\"_type\": \"train_epoch\", \"epoch\": \"1/2\", \"time_epoch\": 1.5}\n",
        "99.0000\t12.0000\t0.0278\t100.0000\t60.0000\t1.0000\n",
        "No tracing info collected\n",
        "[{\"train_epoch\": {\"time_epoch\": [1, 1e308, null]}}]",
        "{\"energy_gpu\": [1e300, -1], \"emissions_gpu\": [0]}",
        "timestamp,run_id,duration,energy_consumed,ram_power,ram_energy,ram_total_size\n",
        "arch,epoch,energy_kwh,power_w,duration_s\n",
        "t_before_ns,t_after_ns,power_w\n",
        "t_ns,event,name\n",
        "a,1,2,3,4\n",
        "1,begin,a\n2,end,a\n",
        "1e400,nan,-5,,\n",
        "<?xml version=\"1.0\"?><nvidia_smi_log>",
        "</nvidia_smi_log>",
        "\u{feff}",
        "\"",
    ];
    let text = proptest::collection::vec(proptest::sample::select(parts.to_vec()), 0..8);
    (text, proptest::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(text, bytes)| [text.concat().into_bytes(), bytes].concat())
}

proptest! {
    #[test]
    fn any_bytes_are_figures_or_an_error(bytes in nearly()) {
        let _ = AuditFormat::of_content(&bytes);
        let _ = polls::spans(&bytes, Path::new("marks.csv"));
        let _ = polls::read(&bytes, Path::new("polls.csv"));
        for name in NAMES {
            match read(name, &bytes) {
                Ok(gathered) => { audit(&gathered.benchmark, &Hardware::default()); }
                Err(error) => prop_assert!(error.to_string().contains(": "), "{name}: {error}"),
            }
        }
    }

    #[test]
    fn a_printed_block_is_read_back(figures in proptest::array::uniform6(0.0..1e5_f64)) {
        let line = figures.map(|figure| format!("{figure:.4}")).join("\t");
        let gathered = read("ea-has", line.as_bytes()).unwrap();
        let record = &gathered.benchmark.evaluations[0].records[0];
        let read = [record.gpu_percent, record.memory_percent, record.energy_j.map(|joules| joules / 3.6e6),
            record.power_w, record.temperature_c, record.window_s];
        for (figure, read) in figures.iter().zip(read) {
            prop_assert!((figure - read.unwrap()).abs() < 6e-5, "{figure} {read:?}");
        }
    }
}

#[test]
fn raw_outputs_of_nvidia_smi_say_what_the_machine_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../driver-smi/tests/data/nvidia-smi-580/q.xml");
    let output = std::fs::read_to_string(file).unwrap();
    let gathered = read("smi-xml", output.repeat(3).as_bytes()).unwrap();
    let hardware = &gathered.benchmark.hardware;
    assert_eq!((hardware.gpus, hardware.gpu_limit_w), (Some(1), Some(700.0)));
    assert_eq!(gathered.benchmark.evaluations[0].records[0].name, "mean of 3 outputs");
    assert!(gathered.benchmark.evaluations[0].records[0].power_w.is_some_and(|power| power > 10.0));
    // The published tracer finds no key on this driver, and would state 0 W.
    assert!(
        gathered.notes[0].contains("driver 580.159.04 has no `power_readings/power_draw`"),
        "{:?}",
        gathered.notes
    );
    let cut = &output[..output.len() / 2];
    assert!(read("smi-xml", cut.as_bytes()).unwrap_err().to_string().contains("was cut off"));
}

#[test]
fn raw_outputs_of_nvidia_smi_become_a_run() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../driver-smi/tests/data/nvidia-smi-580/q.xml");
    let output = std::fs::read_to_string(&file).unwrap();
    let options = smi_xml_run::Options { source: None, utc_offset: jiff::tz::Offset::UTC };
    let mut sink = MemorySink::default();
    smi_xml_run::read(output.repeat(2).as_bytes(), &file, &options, &mut sink).unwrap();
    let row = |channel: &str| sink.channel(channel)[1].value;
    assert!(matches!(row("gpu0/power.draw.average"), RowValue::Number(watts) if watts > 10.0));
    // This driver has no power.draw: nothing stands for it, and not 0.
    assert_eq!(row("gpu0/power.draw"), RowValue::Missing);
    assert!(sink.notes[0].contains("times are whole seconds"), "{:?}", sink.notes);
}
