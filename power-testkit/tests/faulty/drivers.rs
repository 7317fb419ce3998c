//! Faulty drivers, one for each case of the suite.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use power_core::{Access, Driver, Error, ErrorKind, Found, Options, PowerSource, Result};
use power_testkit::{DriverExpectations, Report, VirtualClock, driver_conformance, inspect_driver};

use crate::base::{Base, descriptor, healthy};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    NoId,
    OtherId,
    Panics,
    Twice,
    Unnamed,
    Unexplained,
    DoesNotOpen,
    OtherDriver,
    OpensAnything,
    WrongRefusal,
    TakesAnyOption,
}

#[derive(Debug)]
struct TestDriver {
    fault: Fault,
    asked: AtomicUsize,
}

impl TestDriver {
    const fn with(fault: Fault) -> Self {
        Self { fault, asked: AtomicUsize::new(0) }
    }
}

impl Driver for TestDriver {
    fn id(&self) -> &'static str {
        let again = self.asked.fetch_add(1, Ordering::Relaxed) > 0;
        match self.fault {
            Fault::NoId => "",
            Fault::OtherId if again => "other",
            _ => "base",
        }
    }

    fn discover(&self) -> Vec<Found> {
        assert!(self.fault != Fault::Panics, "a driver that panics");
        let mut found = vec![Found::new("0", "board 0", Access::Ready)];
        let mend = "sudo usermod -aG power $USER";
        match self.fault {
            Fault::Twice => found.push(found[0].clone()),
            Fault::Unnamed => found.push(Found::new("", "board 1", Access::Denied { mend: mend.into() })),
            Fault::Unexplained => {
                found.push(Found::new(
                    "1",
                    "board 1",
                    Access::Unavailable { reason: String::new(), mend: None },
                ));
            }
            _ => found.push(Found::new("1", "board 1", Access::Denied { mend: mend.into() })),
        }
        found
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        if self.fault != Fault::TakesAnyOption {
            options.only(&["timeout"])?;
        }
        if device == "0" && self.fault == Fault::DoesNotOpen {
            return Err(Error::new(ErrorKind::Busy, "held by another program"));
        }
        if device != "0" && self.fault != Fault::OpensAnything {
            let wrong = self.fault == Fault::WrongRefusal;
            let kind = if wrong { ErrorKind::Protocol } else { ErrorKind::NotFound };
            return Err(Error::new(kind, "no such board"));
        }
        let mut described = descriptor();
        match self.fault {
            Fault::OtherDriver => described.driver = "other".into(),
            Fault::NoId => described.driver.clear(),
            _ => {}
        }
        Ok(Box::new(Base::new(&VirtualClock::new(), described, healthy)))
    }
}

fn run(fault: Fault) -> Report {
    inspect_driver(&TestDriver::with(fault), &DriverExpectations::default())
}

const TABLE: &[(Fault, &str)] = &[
    (Fault::NoId, "the driver's id is stable and not empty"),
    (Fault::OtherId, "the driver's id is stable and not empty"),
    (Fault::Panics, "discovery never panics"),
    (Fault::Twice, "found devices are named once and what bars them is explained"),
    (Fault::Unnamed, "found devices are named once and what bars them is explained"),
    (Fault::Unexplained, "found devices are named once and what bars them is explained"),
    (Fault::OtherDriver, "ready devices open and name their driver"),
    (Fault::OpensAnything, "an unknown device is not found"),
    (Fault::WrongRefusal, "an unknown device is not found"),
    (Fault::TakesAnyOption, "an unknown option is an invalid configuration"),
];

#[test]
fn a_healthy_driver_passes_every_case() {
    let report = driver_conformance(&TestDriver::with(Fault::None), &DriverExpectations::default());
    assert_eq!(report.not_run().count(), 0, "{report}");
    let cases: BTreeSet<&str> = report.cases.iter().map(|result| result.case).collect();
    assert_eq!(cases, TABLE.iter().map(|(_, case)| *case).collect(), "every case has a faulty driver");
}

#[test]
fn each_faulty_driver_is_caught_by_its_case_alone() {
    for (fault, case) in TABLE {
        let report = run(*fault);
        assert_eq!(report.failed().collect::<Vec<_>>(), [*case], "{fault:?}: {report}");
    }
}

#[test]
fn a_ready_device_that_does_not_open_is_caught() {
    let report = run(Fault::DoesNotOpen);
    assert_eq!(report.failed().collect::<Vec<_>>(), ["ready devices open and name their driver"], "{report}");
}

#[test]
fn a_device_named_by_the_test_is_opened_where_none_is_found() {
    let expectations = DriverExpectations::default().with_device("0", Options::new().with("timeout", "1"));
    let report = inspect_driver(&TestDriver::with(Fault::Panics), &expectations);
    assert_eq!(report.failed().collect::<Vec<_>>(), ["discovery never panics"], "{report}");
    assert!(report.passed().any(|case| case == "an unknown option is an invalid configuration"), "{report}");
}
