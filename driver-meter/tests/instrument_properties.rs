//! Properties of the decoders: no input makes them panic, and what was encoded comes back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use driver_meter::http::{self, Body, shelly, tasmota};
use driver_meter::lines::watts_up;
use driver_meter::link::{usbtmc_frame, vxi11_frame};
use driver_meter::ptdaemon::protocol as ptd;
use driver_meter::scpi::number::{Scalar, parse};
use driver_meter::scpi::{yokogawa, zes};
use driver_meter::streams::power_sensor3_config::{SENSOR_BYTES, SENSORS, Sensor, pairs};
use driver_meter::streams::ticks::Ticks;
use driver_meter::streams::{pmd, power_sensor3};
use driver_meter::usb::{fnb58, km003c};
use proptest::prelude::*;

/// Puts bytes through every decoder.
fn decode_everything(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = parse(bytes);
    let _ = yokogawa::items::Item::parse(&text);
    let _ = yokogawa::items::rate(&text);
    let _ = yokogawa::items::values(bytes, &mut [Scalar::Missing; 3]);
    let kinds = [zes::items::Kind::Time, zes::items::Kind::Power];
    let _ = zes::items::line(bytes, &kinds, &mut [zes::items::Cell::Scalar(Scalar::Missing); 2]);
    let _ = zes::items::time(bytes);
    let _ = watts_up::parse(bytes);
    let _ = ptd::Identity::parse(&text);
    let _ = ptd::Ranges::parse(&text);
    let _ = ptd::samples_that_follow(&text);
    let _ = ptd::Sample::parse(&text);
    let _ = ptd::time(&text);
    let _ = ptd::Statistic::parse(&text, "Watts");
    if let Ok(Some(head)) = http::head(bytes) {
        let mut rest = bytes[head.length..].to_vec();
        if let Ok(Body::Whole { length, taken }) = http::body(&mut rest, head.ends) {
            assert!(length <= taken && taken <= rest.len());
        }
    }
    let _ = http::body(&mut bytes.to_vec(), http::End::Chunked);
    let _ = shelly::parse(bytes);
    let _ = tasmota::parse(bytes);
    let _ = fnb58::parse(bytes);
    let _ = usbtmc_frame::parse(1, bytes);
    if let Some(head) = bytes.first_chunk() {
        let _ = vxi11_frame::length(*head);
    }
    if let Some(mut results) = vxi11_frame::results(bytes, 1) {
        let _ = (results.word(), results.bytes());
    }
    let _ = km003c::parse(bytes);
    let mut pmd = pmd::Decoder::new();
    let mut at = 0;
    while let (used, Some(_)) = pmd.next(&bytes[at..]) {
        at += used;
        let _ = pmd.ticks_mut().arrived(i64::from(u32::MAX));
    }
    let mut ps3 = power_sensor3::Decoder::new();
    at = 0;
    while let (used, Some(frame)) = ps3.next(&bytes[at..]) {
        at += used;
        assert!(frame.levels.iter().all(|level| *level <= power_sensor3::MAX_LEVEL));
    }
    if let Some(config) = bytes.first_chunk::<{ SENSOR_BYTES }>() {
        let sensor = Sensor::parse(config);
        let sensors: [Sensor; SENSORS] = std::array::from_fn(|_| sensor.clone());
        if let Ok(pairs) = pairs(&sensors) {
            assert!(pairs.iter().all(|pair| pair.current.value(700).is_finite()));
        }
    }
}

/// Texts as instruments send them, with pieces changed.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop::sample::select(vec![
        "YOKOGAWA,WT310E,C3UF12345E,F1.04",
        "+0.2310E+03,INF,9.9E+37,NAN,-1.5",
        "2015:01:21D17:20:55.437817000+0000;1.5E+02",
        "#d,-,18,124,1191,97,0,_,_,_,124,_,_,_,_,_,100,_,_,600,_",
        "YokogawaWT330E,1000,1,1,1,1,0,0,1,version=1.9.2,OS=x,mode=power,no_cal_date,YOKOGAWA;WT333E;C;F",
        "Ranges,1,5.000000,1,300.000000",
        "Time,08-07-2021 09:51:52.783,Watts,366.900000,Volts,206.410000,Amps,1.913000,PF,0.929300,Mark,m",
        "Watts,1100.4,366.9,1135.4,711,0,711",
        "Last 12 samples",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "{\"StatusSNS\":{\"ENERGY\":{\"Power\":460,\"Voltage\":[1,2]}}}",
        "{\"apower\":1e400,\"x\":{\"y\":[[]]}}",
    ]);
    let change = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..6);
    (whole, change).prop_map(|(text, changes)| {
        let mut bytes = text.as_bytes().to_vec();
        for (index, byte, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => {
                    bytes.remove(at);
                }
                2 => bytes.insert(at, byte),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        decode_everything(&bytes);
    }

    #[test]
    fn no_change_of_an_answer_makes_a_decoder_panic(bytes in answer()) {
        decode_everything(&bytes);
    }

    #[test]
    fn numbers_come_back(number in -1e30..1e30_f64) {
        prop_assert_eq!(parse(format!("{number:E}").as_bytes()), Some(Scalar::Number(number)));
        prop_assert_eq!(parse(format!(" {number} \r").as_bytes()), Some(Scalar::Number(number)));
    }

    #[test]
    fn records_of_a_pmd_come_back(
        tick in any::<u16>(),
        rails in prop::array::uniform4((-2048..2048_i16, -2048..2048_i16)),
    ) {
        let record = pmd::Record { tick, rails };
        prop_assert_eq!(pmd::Record::parse(&record.encode()), Some(record));
    }

    #[test]
    fn frames_of_a_powersensor3_come_back(
        start in any::<u32>(),
        levels in prop::collection::vec(prop::array::uniform8(0..1024_u16), 1..20),
        cut in 0..40_usize,
    ) {
        let mut bytes = Vec::new();
        let mut micros = u64::from(start);
        for levels in &levels {
            bytes.extend_from_slice(&power_sensor3::encode(micros, levels));
            micros += 50;
        }
        bytes.extend_from_slice(&power_sensor3::encode(micros, &[0; SENSORS]));
        let cut = cut.min(bytes.len());
        let mut decoder = power_sensor3::Decoder::new();
        let (mut at, mut came) = (cut, Vec::new());
        while let (used, Some(frame)) = decoder.next(&bytes[at..]) {
            at += used;
            came.push(frame.levels);
        }
        // Those whose beginning was not cut off.
        let whole = levels.len().saturating_sub(cut.div_ceil(power_sensor3::FRAME_BYTES));
        prop_assert_eq!(&came[..], &levels[levels.len() - whole..]);
    }

    #[test]
    fn configurations_come_back(
        reference_v in -4.0..4.0_f32,
        sensitivity in 0.001..1.0_f32,
        in_use in any::<bool>(),
        kind in "[A-Za-z0-9-]{0,15}",
    ) {
        let sensor = Sensor { kind, pair: "slot".into(), reference_v, sensitivity, in_use };
        prop_assert_eq!(Sensor::parse(&sensor.encode()), sensor);
    }

    #[test]
    fn packets_of_an_fnb58_come_back_and_one_wrong_bit_is_seen(
        samples in prop::array::uniform4((any::<i32>(), any::<i32>(), any::<i16>())),
        bit in 0..512_usize,
    ) {
        let samples = samples.map(|(voltage, current, temperature)| {
            fnb58::Sample { voltage, current, temperature }
        });
        let mut packet = fnb58::encode(&samples);
        prop_assert_eq!(fnb58::parse(&packet), Some(fnb58::Packet::Samples(samples)));
        packet[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(fnb58::parse(&packet), None);
    }

    #[test]
    fn answers_of_a_km003c_come_back(
        id in any::<u8>(),
        voltage_uv in any::<i32>(),
        current_ua in any::<i32>(),
        temperature in any::<i16>(),
        cut in 0..52_usize,
    ) {
        let adc = km003c::Adc { voltage_uv, current_ua, temperature };
        let packet = km003c::encode(id, &adc);
        prop_assert_eq!(km003c::parse(&packet), Some(km003c::Answer::Adc { id, adc }));
        // Cut short, it never gives values.
        let gives_values = matches!(km003c::parse(&packet[..cut]), Some(km003c::Answer::Adc { .. }));
        prop_assert!(!gives_values);
    }

    #[test]
    fn frames_of_a_watts_up_come_back(
        fields in prop::array::uniform7(prop::option::of(any::<u32>())),
        cut in 1..20_usize,
    ) {
        let [power_dw, voltage_dv, current_ma, energy_dwh, power_factor_percent, frequency_dhz, apparent_dva] = fields;
        let frame = watts_up::Frame {
            power_dw, voltage_dv, current_ma, energy_dwh, power_factor_percent, frequency_dhz, apparent_dva,
        };
        let text = watts_up::encode(&frame);
        let text = text.trim_end().trim_end_matches(';');
        prop_assert_eq!(watts_up::parse(text.as_bytes()), watts_up::Parsed::Data(frame));
        // Cut short by at least one field, it gives none.
        let comma = text.rmatch_indices(',').nth(cut.min(17) - 1).unwrap().0;
        prop_assert_eq!(watts_up::parse(&text.as_bytes()[..comma]), watts_up::Parsed::Nonsense);
    }

    #[test]
    fn chunks_are_put_together(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6)) {
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend_from_slice(format!("{:X}\r\n", part.len()).as_bytes());
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        for cut in 0..bytes.len() {
            prop_assert_eq!(http::body(&mut bytes[..cut].to_vec(), http::End::Chunked), Ok(Body::Partial));
        }
        let whole = parts.concat();
        let taken = bytes.len();
        prop_assert_eq!(
            http::body(&mut bytes, http::End::Chunked),
            Ok(Body::Whole { length: whole.len(), taken })
        );
        prop_assert_eq!(&bytes[..whole.len()], &whole[..]);
    }

    #[test]
    fn an_unwrapped_counter_never_goes_back(
        modulus in 2..100_000_u64,
        counts in prop::collection::vec((any::<u64>(), any::<i64>()), 0..200),
    ) {
        let mut ticks = Ticks::new(modulus, pmd::TICK_NS);
        let mut last = 0;
        for (count, host) in counts {
            ticks.advance(count);
            prop_assert!(ticks.total() >= last);
            prop_assert!(ticks.nanos() >= 0);
            let _ = ticks.arrived(host);
            last = ticks.total();
        }
    }
}
