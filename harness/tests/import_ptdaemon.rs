//! Samples and logs of SPEC PTDaemon.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use harness::import::ptdaemon::client_log::ClientLog;
use harness::import::ptdaemon::ptd_log::PtdLog;
use harness::import::ptdaemon::{Context, LogTime, loadgen, read};
use harness::import::sink::MemorySink;
use harness::import::time::parse_utc_offset;
use harness::run::{MarkEvent, RowValue};
use power_core::{Flags, Quantity, Scope};
use proptest::prelude::*;

const SAMPLES: &str = "\
Time,08-07-2021 09:51:52.783,Watts,366.9,Volts,206.41,Amps,1.913,PF,0.9293,Mark,a_testing
Time,08-07-2021 09:51:53.799,Watts,-1.0,Volts,206.37,Amps,2.069,PF,0.9355,Mark,a_testing
Time,08-07-2021 09:51:54.799,Watts,407.5,Volts,206.35,Amps,2.103,PF,0.9391,Mark,a_testing
";

const LOG: &str = "\
Selected power meter 'Yokogawa WT330:1-Channel' from wt310.cpp\r\r
                        Version 1.9.2-3976349f-20201208\r
08-07-2021 09:39:22.402: Analyzer identity response of 33 bytes: YOKOGAWA,WT333E,SERIAL,F1.04\r
08-07-2021 09:39:39.032: Uncertainty checking for YokogawaWT330E is activated\r
08-07-2021 09:39:39.347: Response to client sent: YokogawaWT330E,1000,mode=power,no_cal_date,YOKOGAWA\r
08-07-2021 09:39:39.351: Volt range set to Auto\r
08-07-2021 09:39:39.869: Amp range set to 20.000000A\r
08-07-2021 09:39:51.392: Go with mark 'a_ranging'\r
08-07-2021 09:51:39.390: Volt range set to 300.000000V\r
08-07-2021 09:51:40.929: Amp range set to 10.000000A\r
08-07-2021 09:51:52.460: Go with mark 'a_testing'\r
08-07-2021 09:51:52.460: Response to client sent: Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples\r
08-07-2021 09:51:54.801: ERROR: Can't evaluate uncertainty of this sample!\r
08-07-2021 09:51:54.801: WARNING: Uncertainty unknown for the last measurement sample! channel 0\r
08-07-2021 10:03:43.470: Avg watts 1100.4, min watts 366.9, max watts 1135.4, samples 4, errors 0, valid 4\r
";

const CLIENT: &str = "\
client 2021-08-07 02:39:21,405 [INFO] NTP:offset = 0.002 s, delay = 0.203 s
client 2021-08-07 02:39:21,407 [INFO] The time difference between the client and the server is within range 34.575 ms..36.017 ms
client 2021-08-07 02:51:39,046 [INFO] NTP:offset = -0.001 s, delay = 0.202 s
";

const LOADGEN: &str = "\
:::MLLOG {\"key\": \"test_datetime\", \"value\": \"2021-08-07T02:52:08Z\", \"time_ms\": 0.01}
:::MLLOG {\"key\": \"power_begin\", \"value\": \"08-07-2021 09:52:12.483\", \"time_ms\": 679079.07}
:::MLLOG {\"key\": \"power_end\", \"value\": \"08-07-2021 10:03:27.073\", \"time_ms\": 679079.07}
";

fn time() -> LogTime {
    LogTime::new(parse_utc_offset("Z").unwrap()).unwrap()
}

fn read_all(samples: &[u8], context: &Context) -> harness::Result<MemorySink> {
    let mut sink = MemorySink::default();
    read(samples, Path::new("spl.txt"), &time(), context, &mut sink)?;
    Ok(sink)
}

fn context() -> Context {
    Context {
        source: Some("meter".into()),
        ptd: Some(PtdLog::parse(LOG.as_bytes(), &time())),
        client: Some(ClientLog::parse(CLIENT.as_bytes())),
        marks: loadgen::parse(LOADGEN.as_bytes(), &time()),
    }
}

#[test]
fn samples_alone() {
    let sink = read_all(SAMPLES.as_bytes(), &Context::default()).unwrap();
    let watts = sink.channel("spl/watts");
    assert_eq!(watts[0].t_start_ns, 1_628_329_912_783_000_000);
    assert_eq!(watts[0].value, RowValue::Number(366.9));
    assert_eq!((watts[1].value, watts[1].flags), (RowValue::Number(-1.0), Flags::UNCERTAIN));
    assert_eq!(sink.channel("spl/power factor")[2].value, RowValue::Number(0.9391));
    let meter = sink.source("spl").unwrap();
    assert_eq!(meter.channels[0].quantity, Quantity::power());
    assert_eq!(meter.channels[0].scope, Scope::NodeAc);
    assert_eq!((meter.channels[0].update_period, &meter.channels[0].accuracy), (None, &None));
    assert!(
        sink.notes.iter().any(|note| note.contains("samples of 0 W or less, kept and flagged uncertain: 1")),
        "{:?}",
        sink.notes
    );
}

#[test]
fn logs_describe_the_meter_of_this_measurement() {
    let sink = read_all(SAMPLES.as_bytes(), &context()).unwrap();
    let meter = sink.source("meter").unwrap();
    assert_eq!(meter.device, "YOKOGAWA,WT333E,SERIAL,F1.04");
    for (name, value) in [
        ("meter driver", "Yokogawa WT330:1-Channel"),
        ("PTDaemon version", "1.9.2-3976349f-20201208"),
        ("voltage range", "300.000000V"),
        ("current range", "10.000000A"),
        ("mark", "a_testing"),
        ("uncertainty checking", "activated"),
        ("calibration date", "not stated"),
        ("uncertainty", "could not be evaluated for 1 of 3 samples"),
        ("NTP offset of the client", "-0.001 to 0.002 s in 2 measurements"),
        ("time difference between client and server", "34.575 to 36.017 ms"),
    ] {
        assert_eq!(meter.details[name], value, "{name}");
    }
    assert_eq!(meter.channels[0].update_period, Some(Duration::from_secs(1)));
    let flags: Vec<_> = sink.channel("meter/watts").iter().map(|row| row.flags).collect();
    // The second for its value, the third by its time.
    assert_eq!(flags, [Flags::NONE, Flags::UNCERTAIN, Flags::UNCERTAIN]);
    assert_eq!(sink.channel("meter/volts")[1].flags, Flags::NONE);
    assert!(
        sink.notes.iter().any(|note| note == "spl.txt: holds 3 samples, PTDaemon counted 4"),
        "{:?}",
        sink.notes
    );
    let marks: Vec<_> = sink.marks.iter().map(|mark| (mark.event, mark.name.as_str())).collect();
    assert_eq!(marks, [(MarkEvent::Begin, "power"), (MarkEvent::End, "power")]);
    assert_eq!(sink.marks[0].t_ns, 1_628_329_932_483_000_000);
}

#[test]
fn meters_of_several_channels() {
    let line = b"Time,08-07-2021 09:51:52.783,Watts,10,Mark,m,Ch1,Watts,4,Weird,1,Ch2,Watts,6\n";
    let sink = read_all(line, &Context::default()).unwrap();
    assert_eq!(sink.channel("spl/watts")[0].value, RowValue::Number(10.0));
    assert_eq!(sink.channel("spl/ch2 watts")[0].value, RowValue::Number(6.0));
    assert!(sink.notes.iter().any(|note| note == "spl.txt: left out: Weird"));
}

#[test]
fn a_cut_last_line_is_noted() {
    let sink = read_all(format!("{SAMPLES}Time,08-07-2021 09:51:5").as_bytes(), &Context::default()).unwrap();
    assert_eq!(sink.channel("spl/watts").len(), 3);
    assert!(sink.notes.iter().any(|note| note.contains("cut off")));
}

#[test]
fn faults_say_where_and_what_to_do() {
    for (text, words) in [
        ("", "is empty"),
        ("watts\n1\n", "line 1: does not begin with `Time,`"),
        ("Time,2021-08-07 09:51:52,Watts,1\n", "is no time like"),
        ("Time,08-07-2021 09:51:52.783,Watts,one\n", "line 1: Watts: `one` is no number"),
        ("Time,08-07-2021 09:51:52.783,Watts\n", "`Watts` has no value"),
        ("Time,08-07-2021 09:51:52.783\n", "has no samples"),
    ] {
        let said = read_all(text.as_bytes(), &Context::default()).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
    assert!(read_all(b"\xff\n", &Context::default()).unwrap_err().to_string().contains("not UTF-8"));
}

proptest! {
    #[test]
    fn any_bytes_are_rows_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read_all(&bytes, &Context::default());
        let _ = PtdLog::parse(&bytes, &time());
        let _ = ClientLog::parse(&bytes);
        let _ = loadgen::parse(&bytes, &time());
    }

    #[test]
    fn damaged_files_are_rows_or_a_fault(at in 0_usize..3_000, byte in any::<u8>()) {
        let damage = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes
        };
        let context = Context {
            source: None,
            ptd: Some(PtdLog::parse(&damage(LOG), &time())),
            client: Some(ClientLog::parse(&damage(CLIENT))),
            marks: loadgen::parse(&damage(LOADGEN), &time()),
        };
        let _ = read_all(&damage(SAMPLES), &context);
    }
}
