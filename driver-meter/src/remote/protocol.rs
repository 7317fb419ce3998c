//! The lines that server and reader exchange: one JSON value each, ended by a line feed.
//!
//! JSON in lines, since wall meters give tens of readings a second, anybody can look at it with `nc`, and any language
//! writes it; the decoder is one that the world has tested. A line's length is bounded before it is parsed.
//!
//! ```text
//! reader  {"wattproof":1,"token":"…"}
//! server  {"wattproof":1,"host":"node7","clock":"CLOCK_MONOTONIC","session":…,"next":0,"descriptor":{…},"details":{…}}
//! reader  {"from":0}
//! server  {"t2":…,"t3":…,"first":0,"count":2,"lost":0}
//! server  [0,start,end,301.5,null,0]
//! server  [1,start,end,null,99123,0]
//! ```
//!
//! Instead of an answer there may be `{"error":"token","message":"…"}`, after which the server hangs up.

use std::collections::BTreeMap;

use power_core::{Descriptor, ErrorKind};
use serde::{Deserialize, Serialize};

/// The version that this program speaks.
pub const VERSION: u32 = 1;

/// Longest line of a reader.
pub const LONGEST_QUESTION: usize = 512;

/// Longest line of a server: a descriptor of some hundred channels.
pub const LONGEST_ANSWER: usize = 256 * 1024;

/// Most readings of one answer.
pub const MOST_READINGS: usize = 8192;

/// What a reader says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version that it speaks.
    pub wattproof: u32,
    /// The token.
    pub token: String,
}

/// What the server answers to the right token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that it speaks.
    pub wattproof: u32,
    /// Name of the serving host.
    pub host: String,
    /// Which of that host's clocks stamps.
    pub clock: String,
    /// Another number after each restart of server or meter: readings are numbered anew.
    pub session: u64,
    /// The number that the next reading will have.
    pub next: u64,
    /// The meter.
    pub descriptor: Descriptor,
    /// What else is known of the host, such as how its clock is kept.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// What a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Number of the first reading that it has not got.
    pub from: u64,
}

/// The first line of an answer; so many lines of readings follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Server's time when the question had come, in nanoseconds.
    pub t2: i64,
    /// Server's time when the answer left.
    pub t3: i64,
    /// Number of the first reading that follows.
    pub first: u64,
    /// How many follow.
    pub count: u32,
    /// How many of those asked for are gone.
    pub lost: u64,
}

/// One reading: channel, start and end of the server's transaction, number or count, flags.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Item(
    /// Channel.
    pub u16,
    /// Start in nanoseconds of the server's clock.
    pub i64,
    /// End.
    pub i64,
    /// Number in the channel's unit, where it is one.
    pub Option<f64>,
    /// Raw count, where it is one.
    pub Option<u64>,
    /// Flags, as [`power_core::Flags`] has them.
    pub u16,
);

/// Why the server does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of reason.
    pub error: Reason,
    /// In words.
    pub message: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The token is wrong.
    Token,
    /// It does not speak this version.
    Version,
    /// It has as many readers as it can have.
    Busy,
    /// The meter is gone; it is being sought.
    Away,
    /// The question makes no sense.
    Question,
}

impl Reason {
    /// What that is to who reads.
    pub const fn kind(self) -> ErrorKind {
        match self {
            Self::Token => ErrorKind::PermissionDenied,
            Self::Version => ErrorKind::Unsupported,
            Self::Busy => ErrorKind::Busy,
            Self::Away => ErrorKind::Disconnected,
            Self::Question => ErrorKind::Protocol,
        }
    }
}

macro_rules! lines {
    ($($line:ty),*) => {
        $(impl $line {
            /// Reads such a line, without its end. Takes any bytes; `None` where they are none.
            pub fn parse(line: &[u8]) -> Option<Self> {
                serde_json::from_slice(line).ok()
            }

            /// Appends the line with its end.
            pub(crate) fn write(&self, into: &mut Vec<u8>) {
                let before = into.len();
                // Plain numbers and texts always have a JSON form; half a line would be none.
                if serde_json::to_writer(&mut *into, self).is_err() {
                    into.truncate(before);
                    return;
                }
                into.push(b'\n');
            }
        })*
    };
}

lines!(Hello, Welcome, Question, Head, Item, Refusal);

impl Head {
    /// Whether it can be true: it left no sooner than it came, and its readings are as few as may be.
    pub fn is_sound(&self) -> bool {
        self.t2 <= self.t3 && usize::try_from(self.count).is_ok_and(|count| count <= MOST_READINGS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> Vec<u8> {
        let mut line = Vec::new();
        write(&mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(!line.contains(&b'\n'));
        line
    }

    #[test]
    fn lines_stand_as_they_are_described() {
        let question = written(|line| Question { from: 7 }.write(line));
        assert_eq!(question, br#"{"from":7}"#);
        let item = written(|line| Item(1, 5, 9, Some(301.5), None, 2).write(line));
        assert_eq!(item, b"[1,5,9,301.5,null,2]");
        let refusal = Refusal { error: Reason::Token, message: "no".to_owned() };
        let line = written(|line| refusal.write(line));
        assert_eq!(line, br#"{"error":"token","message":"no"}"#);
        assert_eq!(Refusal::parse(&line), Some(refusal));
        // What a later version adds is passed over.
        assert_eq!(Question::parse(br#"{"from":7,"more":[1]}"#), Some(Question { from: 7 }));
        for wrong in ["{}", "", "[1,2]", "{\"from\":-1}", "{\"from\":7} {}", "[1,5,9,1e999,null,2]"] {
            assert_eq!(Question::parse(wrong.as_bytes()), None, "{wrong}");
            assert_eq!(Item::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn readings_come_back_as_they_went(
            channel: u16, start: i64, end: i64, number in proptest::option::of(-1e300..1e300_f64),
            count: Option<u64>, flags: u16,
        ) {
            let item = Item(channel, start, end, number, count, flags);
            prop_assert_eq!(Item::parse(&written(|line| item.write(line))), Some(item));
        }

        #[test]
        fn heads_come_back_as_they_went(t2: i64, t3: i64, first: u64, count: u32, lost: u64) {
            let head = Head { t2, t3, first, count, lost };
            prop_assert_eq!(Head::parse(&written(|line| head.write(line))), Some(head));
        }

        #[test]
        fn any_bytes_are_a_line_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Hello::parse(&bytes), Welcome::parse(&bytes), Question::parse(&bytes));
            let _ = (Head::parse(&bytes), Item::parse(&bytes), Refusal::parse(&bytes));
        }

        #[test]
        fn a_damaged_welcome_is_a_line_or_none(at in 0..200_usize, byte: u8) {
            let descriptor = Descriptor::new("meter", "a meter", Vec::new());
            let welcome = Welcome {
                wattproof: VERSION, host: "node".to_owned(), clock: "CLOCK_MONOTONIC".to_owned(), session: 3,
                next: 9, descriptor, details: BTreeMap::new(),
            };
            let mut line = written(|line| welcome.write(line));
            prop_assert_eq!(Welcome::parse(&line), Some(welcome));
            let at = at % line.len();
            line[at] = byte;
            let _ = Welcome::parse(&line);
        }
    }
}
