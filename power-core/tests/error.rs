//! One line for people, a kind for programs, and the causes behind it.

use std::error::Error as _;
use std::io;

use power_core::{Error, ErrorKind};

#[test]
fn display_is_one_line_and_the_alternate_form_has_the_causes() {
    let inner = Error::new(ErrorKind::Protocol, "bad checksum").with_source(io::Error::other("line noise"));
    let error = Error::new(ErrorKind::Timeout, "cannot read the meter")
        .with_context("port", "/dev/ttyUSB0")
        .with_context("tries", "3")
        .with_source(inner);
    let line = "cannot read the meter: timed out (port: /dev/ttyUSB0, tries: 3)";
    assert_eq!(error.to_string(), line);
    assert_eq!(format!("{error:#}"), format!("{line}: bad checksum: protocol violated: line noise"));
    assert_eq!(error.message(), "cannot read the meter");
    assert_eq!(error.context().collect::<Vec<_>>(), [("port", "/dev/ttyUSB0"), ("tries", "3")]);
}

#[test]
fn source_chain_leads_to_the_first_cause() {
    let error = Error::from_io(ErrorKind::Disconnected, "cannot read", io::Error::other("gone"));
    let cause = error.source().unwrap();
    assert_eq!(cause.to_string(), "gone");
    assert!(cause.is::<io::Error>());
    assert!(Error::new(ErrorKind::Busy, "taken").source().is_none());
}

#[test]
fn an_error_without_context_has_no_brackets() {
    assert_eq!(Error::new(ErrorKind::Busy, "taken").to_string(), "taken: busy");
    assert_eq!(format!("{:#}", Error::new(ErrorKind::Busy, "taken")), "taken: busy");
}

#[test]
fn io_errors_take_the_kind_that_says_what_to_do() {
    let cases = [
        (io::ErrorKind::NotFound, ErrorKind::NotFound),
        (io::ErrorKind::PermissionDenied, ErrorKind::PermissionDenied),
        (io::ErrorKind::ResourceBusy, ErrorKind::Busy),
        (io::ErrorKind::TimedOut, ErrorKind::Timeout),
        (io::ErrorKind::WouldBlock, ErrorKind::Timeout),
        (io::ErrorKind::InvalidData, ErrorKind::Protocol),
        (io::ErrorKind::Unsupported, ErrorKind::Unsupported),
        (io::ErrorKind::BrokenPipe, ErrorKind::Disconnected),
        (io::ErrorKind::UnexpectedEof, ErrorKind::Disconnected),
    ];
    for (from, to) in cases {
        assert_eq!(Error::from_io(ErrorKind::Disconnected, "read", from.into()).kind(), to, "{from}");
    }
}

#[test]
fn only_busy_and_timeout_are_worth_the_same_call_again() {
    let all = [
        ErrorKind::Unavailable,
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::Busy,
        ErrorKind::Disconnected,
        ErrorKind::Timeout,
        ErrorKind::Protocol,
        ErrorKind::Overrange,
        ErrorKind::Unsupported,
        ErrorKind::InvalidConfig,
    ];
    let transient: Vec<_> = all.into_iter().filter(|kind| kind.is_transient()).collect();
    assert_eq!(transient, [ErrorKind::Busy, ErrorKind::Timeout]);
    let words: std::collections::BTreeSet<_> = all.into_iter().map(ErrorKind::words).collect();
    assert_eq!(words.len(), all.len(), "every kind has words of its own");
}
