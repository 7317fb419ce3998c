//! The suite for drivers.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use power_core::{Access, Driver, ErrorKind, Found, Options, PowerSource, Result};

use super::findings::Findings;
use super::report::Report;

/// What a test knows about a driver.
///
/// The default opens the devices that discovery finds ready.
#[derive(Debug, Clone, Default)]
pub struct DriverExpectations {
    device: Option<(String, Options)>,
    options: Options,
}

impl DriverExpectations {
    /// Names a device that opens with these options, for a driver that can be pointed at recordings or a
    /// fake.
    #[must_use]
    pub fn with_device(mut self, device: impl Into<String>, options: Options) -> Self {
        self.device = Some((device.into(), options.clone()));
        self.options = options;
        self
    }
}

/// Runs the suite on a driver, prints the report and returns it. The sources that it opens are not read: that
/// is for [`conformance`](super::conformance()).
///
/// # Panics
///
/// Panics if a case fails, with a message that lists every failed case and what was wrong.
pub fn driver_conformance(driver: &dyn Driver, expectations: &DriverExpectations) -> Report {
    inspect_driver(driver, expectations).print_and_assert()
}

/// Runs the suite on a driver without printing, and without panicking if a case fails.
pub fn inspect_driver(driver: &dyn Driver, expectations: &DriverExpectations) -> Report {
    let found = discover(driver);
    let devices = openable(found.as_deref().unwrap_or_default(), expectations);
    let mut results = Vec::new();

    let mut findings = Findings::default();
    let id = driver.id();
    findings.check(!id.trim().is_empty(), || "it is empty".into());
    findings.check(driver.id() == id, || format!("{id:?} has become {:?}", driver.id()));
    results.push(findings.into_result("the driver's id is stable and not empty"));

    let mut findings = Findings::default();
    findings.check(found.is_some(), || "discover panicked".into());
    results.push(findings.into_result("discovery never panics"));

    let mut findings = Findings::default();
    let mut seen = BTreeSet::new();
    for device in found.iter().flatten() {
        findings.check(!device.device.trim().is_empty(), || format!("{:?} cannot be named", device.name));
        findings.check(seen.insert(&device.device), || format!("{:?} was found twice", device.device));
        findings.check(explained(&device.access), || {
            format!("{:?}: {:?} says nothing", device.device, device.access)
        });
    }
    results.push(
        findings.into_result_or("found devices are named once and what bars them is explained", "a device"),
    );

    let mut findings = Findings::default();
    for (device, options) in &devices {
        match driver.open(device, options) {
            Ok(source) => {
                let named = &source.descriptor().driver;
                findings.check(named == id, || {
                    format!("the source of {device:?} names driver {named:?}, not {id:?}")
                });
            }
            Err(error) => findings.fail(|| format!("{device:?} is ready and does not open: {error}")),
        }
    }
    results
        .push(findings.into_result_or("ready devices open and name their driver", "a device that is ready"));

    let mut findings = Findings::default();
    let unknown = driver.open("no-such-device-7f3a", &expectations.options);
    // Where there is no device at all, the driver may not get as far as looking for this one.
    let allowed: &[ErrorKind] = if devices.is_empty() {
        &[ErrorKind::NotFound, ErrorKind::Unavailable]
    } else {
        &[ErrorKind::NotFound]
    };
    refused(&mut findings, "a device that is not there", unknown, allowed);
    results.push(findings.into_result("an unknown device is not found"));

    let mut findings = Findings::default();
    for (device, options) in &devices {
        let outcome = driver.open(device, &options.clone().with("no_such_option_7f3a", "1"));
        refused(&mut findings, "an option that it cannot know", outcome, &[ErrorKind::InvalidConfig]);
    }
    results.push(
        findings.into_result_or("an unknown option is an invalid configuration", "a device that is ready"),
    );

    Report::new(&format!("driver {id}"), results, &[])
}

fn discover(driver: &dyn Driver) -> Option<Vec<Found>> {
    catch_unwind(AssertUnwindSafe(|| driver.discover())).ok()
}

/// The device that the test names, or else those found ready.
fn openable(found: &[Found], expectations: &DriverExpectations) -> Vec<(String, Options)> {
    match &expectations.device {
        Some(device) => vec![device.clone()],
        None => found
            .iter()
            .filter(|found| found.access == Access::Ready)
            .map(|found| (found.device.clone(), Options::new()))
            .collect(),
    }
}

/// Whether it says how to mend what bars a device, or why it cannot be read.
fn explained(access: &Access) -> bool {
    match access {
        Access::Denied { mend } => !mend.trim().is_empty(),
        Access::Unavailable { reason, .. } => !reason.trim().is_empty(),
        _ => true,
    }
}

fn refused(
    findings: &mut Findings,
    what: &str,
    outcome: Result<Box<dyn PowerSource>>,
    allowed: &[ErrorKind],
) {
    let kind = outcome.as_ref().err().map(power_core::Error::kind);
    findings.check(kind.is_some_and(|kind| allowed.contains(&kind)), || match outcome {
        Ok(_) => format!("it opened {what}"),
        Err(error) => format!("it refused {what} as {:?}: {error}", error.kind()),
    });
}
