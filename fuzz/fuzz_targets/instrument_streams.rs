//! Binary streams, which come in pieces: the pieces make no difference.
#![no_main]

use driver_meter::streams::{pmd, power_sensor3};
use libfuzzer_sys::fuzz_target;

/// All that a decoder gives when its bytes come `piece` at a time.
fn in_pieces<T>(data: &[u8], piece: usize, mut next: impl FnMut(&[u8]) -> (usize, Option<T>)) -> Vec<T> {
    let (mut taken, mut came) = (0, Vec::new());
    let mut end = 0;
    while end < data.len() {
        end = (end + piece).min(data.len());
        loop {
            let (used, one) = next(&data[taken..end]);
            taken += used;
            match one {
                Some(one) => came.push(one),
                None => break,
            }
        }
    }
    came
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, data)) = data.split_first() else { return };
    let piece = usize::from(*piece).max(1);
    let decode = |piece| {
        let mut decoder = pmd::Decoder::new();
        let samples = in_pieces(data, piece, |bytes| decoder.next(bytes));
        (samples, decoder.ticks().total())
    };
    assert_eq!(decode(piece), decode(data.len().max(1)));
    let decode = |piece| {
        let mut decoder = power_sensor3::Decoder::new();
        let frames = in_pieces(data, piece, |bytes| decoder.next(bytes));
        (frames, decoder.ticks().total())
    };
    assert_eq!(decode(piece), decode(data.len().max(1)));
});
