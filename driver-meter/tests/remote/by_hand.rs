//! The protocol as somebody speaks it who has not this crate.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use driver_meter::remote::Server;
use driver_meter::remote::protocol::{Head, Hello, Question, Refusal, VERSION, Welcome};
use virtual_rig::MeterKind;

use crate::support::{TOKEN, line, open, rig, serve, served, some};

/// A connection that speaks the protocol by hand.
fn by_hand(server: &Server) -> (TcpStream, BufReader<TcpStream>) {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let lines = BufReader::new(stream.try_clone().unwrap());
    (stream, lines)
}

#[test]
fn the_protocol_can_be_spoken_by_hand() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    let (mut to, mut from) = by_hand(&server);
    to.write_all(format!("{{\"wattproof\":1,\"token\":\"{TOKEN}\"}}\n").as_bytes()).unwrap();
    let welcome = Welcome::parse(&line(&mut from)).unwrap();
    assert_eq!((welcome.wattproof, welcome.host.as_str()), (1, "other-host"));
    assert_eq!(welcome.descriptor, server.descriptor());
    to.write_all(b"{\"from\":0}\n").unwrap();
    let head = Head::parse(&line(&mut from)).unwrap();
    assert!(head.is_sound(), "{head:?}");
    (0..head.count).for_each(|_| assert!(line(&mut from).starts_with(b"[")));
}

#[test]
fn another_version_and_what_is_no_question_are_refused() {
    let rig = rig(MeterKind::Sdm630Tcp);
    let server = serve(served(&rig.meters()[0]));
    for (said, reason) in [
        (format!("{{\"wattproof\":{},\"token\":\"{TOKEN}\"}}\n", VERSION + 1), "version 1"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "wattproof serve-meter"),
        (format!("{{\"wattproof\":1,\"token\":\"{TOKEN}\"}}\n{{\"write\":1}}\n"), "the question is none"),
    ] {
        let (mut to, mut from) = by_hand(&server);
        to.write_all(said.as_bytes()).unwrap();
        let mut answer = line(&mut from);
        if Welcome::parse(&answer).is_some() {
            answer = line(&mut from);
        }
        let refusal = Refusal::parse(&answer).unwrap();
        assert!(refusal.message.contains(reason), "{refusal:?}");
        assert!(line(&mut from).is_empty(), "it hangs up");
    }
    // A line without end is cut off, whatever it holds.
    let (mut to, mut from) = by_hand(&server);
    let _ = to.write_all(&vec![b'x'; 100_000]);
    let mut rest = Vec::new();
    let _ = from.read_to_end(&mut rest);
    assert!(rest.is_empty());
    // Others are served all the same.
    some(&mut *open(&server).unwrap());
}

#[test]
fn questions_and_greetings_have_the_form_that_is_documented() {
    assert_eq!(Question::parse(b"{\"from\":3}"), Some(Question { from: 3 }));
    let hello = Hello::parse(b"{\"wattproof\":1,\"token\":\"t\"}").unwrap();
    assert_eq!((hello.wattproof, hello.token.as_str()), (1, "t"));
}
