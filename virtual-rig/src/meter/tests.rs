//! No client can bring a meter down: whatever it sends, each protocol goes on, and ends when the line does.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use proptest::prelude::*;

use super::instrument::Instrument;
use super::server::session;
use super::wire::Line;
use crate::Description;
use crate::description::{MeterDescription, MeterKind};
use crate::node::{MeterModel, Node, Shared, now_ns};

/// A line on which these bytes come, piece by piece, before it is gone.
struct Script {
    pieces: Vec<Vec<u8>>,
    sent: Vec<u8>,
}

impl Line for Script {
    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> io::Result<usize> {
        let Some(piece) = self.pieces.first_mut() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.pieces.remove(0);
        }
        Ok(count)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sent.extend_from_slice(bytes);
        Ok(())
    }
}

fn meter(kind: MeterKind) -> Instrument {
    let now = now_ns();
    let description = Description { origin_ns: Some(now - 60_000_000_000), ..Description::node(1) };
    let mut node = Node::new(description).unwrap();
    let model = MeterModel::new(&MeterDescription::new("m", kind), 1, now);
    Instrument::new(model, Arc::new(Shared::new(&mut node)), 230.0)
}

/// What the meter sends while these pieces come.
fn sent(meter: &Instrument, pieces: Vec<Vec<u8>>) -> Vec<u8> {
    let mut line = Script { pieces, sent: Vec::new() };
    session(&mut line, meter, &Arc::new(AtomicBool::new(false)));
    line.sent
}

/// Pieces of requests, sound and unsound ones.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "actn;",
        "p?;",
        "utrms1?",
        "cont on\n",
        "syst:lang short\n",
        "*idn?",
        ":NUM:NORM:",
        "ITEM",
        "VAL? ",
        "99",
        "ITEM0?",
        ";;",
        ":",
        "\r\n",
        "Go,1000,0\n",
        "Go,-1,5\n",
        "SR,V,",
        "nan",
        "RL\n",
        "Watts\n",
        "Stop\n",
        "#L,W,3,E,,1;",
        "#V,3;",
        ",",
        "é",
        "1e999",
    ];
    let frames = [
        vec![0, 1, 0, 0, 0, 6, 1, 4, 0, 0x34, 0, 2],
        vec![0, 1, 0, 0, 0, 6, 1, 4, 0xFF, 0xFF, 0, 2],
        vec![0, 1, 0, 0, 0, 1, 1],
        vec![0, 1, 0, 0, 0xFF, 0xFF, 1],
        vec![1, 4, 0, 0x34, 0, 2, 0x30, 0x05],
        vec![1, 16, 0, 0, 0, 1, 0xFF],
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        proptest::sample::select(frames.to_vec()),
        proptest::collection::vec(any::<u8>(), 1..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_bytes_are_survived(pieces in proptest::collection::vec(piece(), 0..30)) {
        for kind in MeterKind::ALL {
            sent(&meter(kind), pieces.clone());
        }
    }

    #[test]
    fn a_request_in_any_pieces_is_answered_alike(cut in 1_usize..11) {
        let request = vec![0, 1, 0, 0, 0, 6, 1, 4, 0, 0x46, 0, 2];
        let meter = meter(MeterKind::Sdm630Tcp);
        let whole = sent(&meter, vec![request.clone()]);
        let parts = sent(&meter, vec![request[..cut].to_vec(), request[cut..].to_vec()]);
        prop_assert_eq!(whole.len(), 13);
        prop_assert_eq!(parts.len(), 13);
    }
}

#[test]
fn two_requests_in_one_piece_are_both_answered() {
    let request = [0, 1, 0, 0, 0, 6, 1, 4, 0, 0x46, 0, 2];
    let both = [request, request].concat();
    assert_eq!(sent(&meter(MeterKind::Sdm630Tcp), vec![both]).len(), 26);
    let text = sent(&meter(MeterKind::Wt310), vec![b"*IDN?\n*OPC?\n".to_vec()]);
    assert!(String::from_utf8(text).unwrap().ends_with("\n1\n"));
}

#[test]
fn an_endless_line_is_not_kept() {
    let pieces = vec![vec![b'x'; 400]; 100];
    let mut all = pieces;
    all.push(b"\n*OPC?\n".to_vec());
    assert_eq!(sent(&meter(MeterKind::Lmg450), all), b"1\r\n");
}

#[test]
fn a_frame_behind_a_wrong_checksum_is_answered() {
    let bad = vec![1, 4, 0, 0x34, 0, 2, 0x30, 0x04];
    let good = vec![1, 4, 0, 0x34, 0, 2, 0x30, 0x05];
    assert_eq!(sent(&meter(MeterKind::Sdm630Rtu), vec![bad, good]).len(), 9);
}

#[test]
fn a_stamped_modbus_meter_tells_the_time_of_its_value() {
    let mut meter = meter(MeterKind::Sdm630Tcp);
    let request = vec![0, 1, 0, 0, 0, 6, 1, 4, 0xF0, 0, 0, 4];
    assert_eq!(sent(&meter, vec![request.clone()])[7..], [0x84, 2], "an SDM630 has no such registers");
    meter.model.stamped = true;
    let reply = sent(&meter, vec![request]);
    let unix_ns = i64::from_be_bytes(reply[9..].try_into().unwrap());
    let anchor = power_core::SystemClock.anchor();
    let own_now = meter.model.clock.device_ns(now_ns()) + anchor.realtime_ns - anchor.monotonic_ns;
    let age_ms = (own_now - unix_ns) / 1_000_000;
    assert!((45..10_000).contains(&age_ms), "{age_ms} ms");
}
