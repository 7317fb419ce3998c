//! The texts of a run: manifest, marks, anchors, alignment.
#![no_main]

use harness::alignment::Alignment;
use harness::run::{Lines, Manifest, Mark, Pairing};
use libfuzzer_sys::fuzz_target;
use power_core::Anchor;

fuzz_target!(|data: &[u8]| {
    let _ = Manifest::parse(data);
    let _ = Alignment::parse(data);
    let _ = Lines::<Anchor>::parse(data);
    let _ = Pairing::of(&Mark::parse_all(data).items);
});
