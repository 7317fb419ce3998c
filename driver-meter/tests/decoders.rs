//! Decoders against any bytes, and against two other implementations of Modbus.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use driver_meter::modbus::protocol::serve::{Asked, Framing, encode_exception, encode_reply, parse_request};
use driver_meter::modbus::protocol::{Parsed, ReadRequest, Table, crc, mbap, registers_from, rtu};
use driver_meter::profile;
use proptest::prelude::*;
use rmodbus::client::ModbusRequest;
use rmodbus::{ModbusProto, guess_response_frame_len};

fn request() -> impl Strategy<Value = ReadRequest> {
    (any::<u8>(), any::<bool>(), 0..=65_000_u16, 1..=123_u16).prop_map(|(unit, input, address, count)| {
        let table = if input { Table::Input } else { Table::Holding };
        ReadRequest::new(unit, table, address, count).unwrap()
    })
}

/// The other crate's request for the same registers.
fn rmodbus_request(proto: ModbusProto, transaction: u16, request: ReadRequest) -> (ModbusRequest, Vec<u8>) {
    let mut other = ModbusRequest::new(request.unit, proto);
    other.tr_id = transaction;
    let mut bytes = Vec::new();
    match request.table {
        Table::Holding => other.generate_get_holdings(request.address, request.count, &mut bytes).unwrap(),
        Table::Input => other.generate_get_inputs(request.address, request.count, &mut bytes).unwrap(),
    }
    (other, bytes)
}

proptest! {
    #[test]
    fn replies_of_any_bytes_never_panic_and_registers_only_come_from_right_frames(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        transaction: u16,
        request in request(),
    ) {
        for parsed in [mbap::parse_reply(&bytes, transaction, request), rtu::find_reply(&bytes, request)] {
            if let Ok(Parsed::Registers { data, used }) = parsed {
                prop_assert_eq!(data.len(), usize::from(request.count) * 2);
                prop_assert!(used <= bytes.len());
            }
        }
        let _ = rtu::diagnose(&bytes, request).to_string();
        for framing in [Framing::Mbap, Framing::Rtu] {
            let _ = parse_request(framing, &bytes);
        }
    }

    /// A right frame with one byte changed: refused, or the change is one that the protocol cannot see (TCP has no
    /// checksum, so that registers themselves may change).
    #[test]
    fn a_changed_byte_is_noticed(
        request in request(),
        values in prop::collection::vec(any::<u16>(), 123),
        place: prop::sample::Index,
        change in 1..=255_u8,
    ) {
        let values = &values[..usize::from(request.count)];
        let mut frame = Vec::new();
        encode_reply(Framing::Rtu, 0, request.unit, request.table, values, &mut frame);
        let at = place.index(frame.len());
        frame[at] ^= change;
        let parsed = rtu::find_reply(&frame, request);
        prop_assert!(!matches!(parsed, Ok(Parsed::Registers { .. })), "{parsed:?}");

        let mut frame = Vec::new();
        encode_reply(Framing::Mbap, 7, request.unit, request.table, values, &mut frame);
        let at = place.index(9);
        frame[at] ^= change;
        let parsed = mbap::parse_reply(&frame, 7, request);
        prop_assert!(!matches!(parsed, Ok(Parsed::Registers { .. })), "byte {at}: {parsed:?}");
    }

    #[test]
    fn the_two_sides_understand_each_other(
        request in request(),
        transaction: u16,
        values in prop::collection::vec(any::<u16>(), 123),
        noise in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let values = &values[..usize::from(request.count)];
        for framing in [Framing::Mbap, Framing::Rtu] {
            let (sent, transaction) = match framing {
                Framing::Mbap => (mbap::encode_request(transaction, request).to_vec(), transaction),
                Framing::Rtu => (rtu::encode_request(request).to_vec(), 0),
            };
            let asked = parse_request(framing, &sent).unwrap();
            prop_assert_eq!(asked, Asked::Read { used: sent.len(), transaction, request });
            for cut in 0..sent.len() {
                prop_assert_eq!(parse_request(framing, &sent[..cut]).unwrap(), Asked::Incomplete);
            }
            let mut reply = if framing == Framing::Rtu { noise.clone() } else { Vec::new() };
            encode_reply(framing, transaction, request.unit, request.table, values, &mut reply);
            let parsed = match framing {
                Framing::Mbap => mbap::parse_reply(&reply, transaction, request),
                Framing::Rtu => rtu::find_reply(&reply, request),
            };
            let Ok(Parsed::Registers { used, data }) = parsed else { panic!("{parsed:?}") };
            prop_assert_eq!(used, reply.len());
            let mut registers = vec![0; values.len()];
            prop_assert!(registers_from(data, &mut registers));
            prop_assert_eq!(&registers[..], values);
        }
    }

    /// rmodbus makes the same requests, and reads the same registers and exceptions from our answers.
    #[test]
    fn rmodbus_agrees(
        request in request(),
        transaction: u16,
        values in prop::collection::vec(any::<u16>(), 123),
        code in 1..=11_u8,
    ) {
        let values = &values[..usize::from(request.count)];
        for (framing, proto) in [(Framing::Mbap, ModbusProto::TcpUdp), (Framing::Rtu, ModbusProto::Rtu)] {
            let (other, theirs) = rmodbus_request(proto, transaction, request);
            let ours = match framing {
                Framing::Mbap => mbap::encode_request(transaction, request).to_vec(),
                Framing::Rtu => rtu::encode_request(request).to_vec(),
            };
            prop_assert_eq!(&ours, &theirs);
            let mut reply = Vec::new();
            encode_reply(framing, transaction, request.unit, request.table, values, &mut reply);
            let mut registers = Vec::new();
            other.parse_u16(&reply, &mut registers).unwrap();
            prop_assert_eq!(&registers[..], values);
            prop_assert_eq!(usize::from(guess_response_frame_len(&reply, proto).unwrap()), reply.len());

            let mut refusal = Vec::new();
            encode_exception(framing, transaction, request.unit, request.table.function(), code, &mut refusal);
            prop_assert!(other.parse_ok(&refusal).is_err());
            let parsed = match framing {
                Framing::Mbap => mbap::parse_reply(&refusal, transaction, request),
                Framing::Rtu => rtu::find_reply(&refusal, request),
            };
            prop_assert_eq!(parsed, Ok(Parsed::Exception { used: refusal.len(), code }));
        }
    }

    /// The checksum bit by bit, as the specification describes it.
    #[test]
    fn the_checksum_is_that_of_the_specification(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bitwise = bytes.iter().fold(0xFFFF_u16, |crc, byte| {
            (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xA001 } else { crc >> 1 })
        });
        prop_assert_eq!(crc::crc16(&bytes), bitwise);
    }

    #[test]
    fn a_profile_of_any_text_never_panics(text in "\\PC{0,200}") {
        let _ = profile::check(&text, "any.toml");
    }

    /// A shipped profile with a piece cut out or put in is a profile, or an error that points into it.
    #[test]
    fn a_bent_profile_never_panics(start: prop::sample::Index, length in 0..40_usize, inserted in "[\\[\\]=\"a-z0-9_.\n-]{0,8}") {
        let text = include_str!("../meters/abb-b2x.toml");
        let start = start.index(text.len());
        let end = (start + length).min(text.len());
        let (Some(front), Some(back)) = (text.get(..start), text.get(end..)) else { return Ok(()) };
        let bent = format!("{front}{inserted}{back}");
        if let Err(error) = profile::check(&bent, "bent.toml") {
            prop_assert!(error.message().starts_with("bent.toml:"), "{error}");
        }
    }
}
