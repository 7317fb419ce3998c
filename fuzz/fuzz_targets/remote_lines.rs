//! The lines that a server of a meter and its readers exchange: whatever they hold, they are lines or none, and what is one
//! stays it.
#![no_main]

use driver_meter::remote::Token;
use driver_meter::remote::protocol::{Head, Hello, Item, Question, Refusal, Welcome};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for line in data.split(|byte| *byte == b'\n') {
        let _ = (Hello::parse(line), Welcome::parse(line), Question::parse(line), Refusal::parse(line));
        if let Some(head) = Head::parse(line) {
            assert!(!head.is_sound() || head.t2 <= head.t3);
        }
        if let Some(Item(_, _, _, Some(number), _, _)) = Item::parse(line) {
            assert!(number.is_finite());
        }
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(token) = Token::new(&text) {
        assert!(token.is(text.trim()) && !token.is(""));
    }
});
