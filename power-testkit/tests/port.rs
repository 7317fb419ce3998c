//! Ports with a script notice every deviation from it.

use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use power_testkit::{Expect, ReplayPort};

/// The message that `task` panics with.
fn panic_of(task: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(task)).expect_err("it must panic");
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[test]
fn a_write_may_come_in_pieces_and_a_reply_too() {
    let mut port =
        ReplayPort::new().expect(*b"VOLT?\n").reply(*b"12.06\n").expect(*b"\x01\x03").expect(*b"\x04");
    port.write_all(b"VOL").unwrap();
    port.write_all(b"T?\n").unwrap();
    let mut text = [0; 4];
    port.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"12.0");
    assert_eq!(port.read(&mut text).unwrap(), 2);
    port.write_all(b"\x01\x03\x04").unwrap();
    port.flush().unwrap();
    assert_eq!(port.remaining(), 0);
    port.done();
}

#[test]
fn errors_come_where_scripted() {
    let mut port = ReplayPort::new()
        .write_error(ErrorKind::BrokenPipe)
        .read_error(ErrorKind::TimedOut)
        .reply(Vec::new());
    assert_eq!(port.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(port.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(port.read(&mut [0]).unwrap(), 0, "end of the stream");
    port.done();
}

#[test]
fn a_script_can_be_repeated() {
    let mut port = ReplayPort::new().expect(*b"?").reply(*b"ok").repeated(3);
    for _ in 0..3 {
        port.write_all(b"?").unwrap();
        let mut reply = [0; 2];
        port.read_exact(&mut reply).unwrap();
    }
    port.done();
}

#[test]
fn other_bytes_are_shown_beside_the_expected_ones() {
    let message = panic_of(|| {
        let mut port = ReplayPort::new().expect(*b"READ?\n");
        let _ = port.write(b"READ\xff\n");
    });
    assert!(
        message.contains(r#"step 0 of the script: expected the bytes "READ?\n", got "READ\xff\n""#),
        "{message}"
    );
}

#[test]
fn reading_where_a_write_is_due_is_noticed() {
    let message = panic_of(|| {
        let mut port = ReplayPort::new().reply(*b"hello").expect(*b"READ?\n");
        let mut buffer = [0; 16];
        let _ = (port.read(&mut buffer), port.read(&mut buffer));
    });
    assert!(
        message.contains(r#"step 1 of the script: expected a write of "READ?\n", got a read"#),
        "{message}"
    );
}

#[test]
fn a_write_where_a_read_or_nothing_is_due_is_noticed() {
    let message = panic_of(|| drop(ReplayPort::new().reply(*b"ok").write(b"?")));
    assert!(message.contains(r#"expected a read of "ok", got a write of "?""#), "{message}");
    let message = panic_of(|| drop(ReplayPort::new().write(b"?")));
    assert!(message.contains("expected nothing more"), "{message}");
}

#[test]
fn steps_left_over_are_noticed() {
    let script = || ReplayPort::new().expect(*b"a").reply(*b"b");
    assert!(
        panic_of(|| script().done())
            .contains(r#"2 steps of the script were never taken; the next is a write of "a""#)
    );
    assert!(panic_of(|| drop(script())).contains("never taken"));
}

#[test]
fn a_test_that_fails_already_is_not_aborted() {
    let message = panic_of(|| {
        let _port = ReplayPort::new().expect(*b"a");
        let _calls: Expect<u8, u8> = Expect::new().then(1, 2);
        panic!("the real failure");
    });
    assert_eq!(message, "the real failure");
}

#[test]
fn calls_are_expected_in_order() {
    let message = panic_of(|| {
        Expect::new().then("open", 1).then("power", 2).call(&"power");
    });
    assert!(message.contains(r#"expected the request "open", got "power""#), "{message}");
    let message = panic_of(|| {
        Expect::<u8, u8>::default().call(&1);
    });
    assert!(message.contains("expected no more requests, got 1"), "{message}");
    let message = panic_of(|| Expect::new().then(1, 2).done());
    assert!(message.contains("1 expected requests were never made"), "{message}");
}
