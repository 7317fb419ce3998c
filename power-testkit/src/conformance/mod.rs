//! The suite that every power source and every driver goes through.
//!
//! A source is opened and read in three forms: as itself, by reference and boxed. Each run leaves a
//! transcript, and each case judges the transcripts; so a case never disturbs another, and what a source
//! claims in its descriptor decides what it is held to.

mod cases;
mod driver;
mod expectations;
mod findings;
mod report;
mod transcript;

use power_core::{PowerSource, Result};

pub use driver::{DriverExpectations, driver_conformance, inspect_driver};
pub use expectations::Expectations;
pub use report::{CaseResult, Outcome, Report};

use cases::Case;
use findings::Findings;
use transcript::Transcript;

/// Runs the suite on a source, prints the report and returns it.
///
/// `open` opens the device anew each time; the suite drops one source before it opens the next. The report is
/// printed to standard output, where a test runner keeps it; it lists the cases that did not run, and why.
///
/// ```
/// use power_testkit::{Expectations, SensorModel, Signal, SimSource, VirtualClock, conformance};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let sensor = SensorModel::new(Signal::constant(75.0), Duration::from_millis(100));
/// let open = || {
///     let source = SimSource::builder("sim", "board 0", clock.clone());
///     Ok(source.sensor(sensor.channel("power"), sensor.clone()).build())
/// };
/// conformance(open, Expectations::on(&clock, Duration::from_millis(30)));
/// ```
///
/// # Panics
///
/// Panics if a case fails, with a message that lists every failed case and what was wrong.
pub fn conformance<S: PowerSource>(open: impl FnMut() -> Result<S>, expectations: Expectations) -> Report {
    inspect(open, expectations).print_and_assert()
}

/// Runs the suite on a source without printing, and without panicking if a case fails.
pub fn inspect<S: PowerSource>(
    mut open: impl FnMut() -> Result<S>,
    mut expectations: Expectations,
) -> Report {
    let mut opened = Findings::default();
    let mut reopened = Findings::default();
    let mut transcripts = Vec::new();
    for form in Form::ALL {
        let findings = if transcripts.is_empty() { &mut opened } else { &mut reopened };
        match open() {
            Ok(source) => {
                findings.pass();
                transcripts.push(form.record(source, &expectations));
            }
            Err(error) => findings.fail(|| error.to_string()),
        }
    }
    let Some(first) = transcripts.first() else {
        return Report::new("a source that does not open", vec![opened.into_result("opens")], &[]);
    };
    for again in &transcripts[1..] {
        reopened.check(transcript::same_descriptor(&again.descriptor, &first.descriptor), || {
            "opened again, it has another descriptor".into()
        });
    }
    let name = format!("{}, {}", first.descriptor.driver, first.descriptor.device);

    let breaking = cases::failure::break_source(&mut expectations);
    let mut results = vec![opened.into_result("opens")];
    results.extend(cases::ALL.iter().map(|case| judge(case, &transcripts, &breaking, &expectations)));
    results.push(cases::failure::sticky(&transcripts, &breaking));
    results.push(cases::allocation::allocates_nothing(&mut open, &expectations));
    results.push(reopened.into_result("reopens after drop"));
    transcripts.extend(breaking.transcript);
    Report::new(&name, results, &transcripts)
}

fn judge(
    case: &Case,
    transcripts: &[Transcript],
    breaking: &cases::failure::Breaking,
    expectations: &Expectations,
) -> CaseResult {
    let mut findings = Findings::default();
    let broken = breaking.transcript.iter().filter(|_| case.on_broken);
    for transcript in transcripts.iter().chain(broken) {
        findings.enter(transcript.form);
        (case.check)(transcript, expectations, &mut findings);
    }
    findings.into_result_or(case.name, case.needs)
}

/// The ways in which callers hold a source.
#[derive(Debug, Clone, Copy)]
enum Form {
    Owned,
    Borrowed,
    Boxed,
}

impl Form {
    const ALL: [Self; 3] = [Self::Owned, Self::Borrowed, Self::Boxed];

    fn record<S: PowerSource>(self, mut source: S, expectations: &Expectations) -> Transcript {
        match self {
            Self::Owned => Transcript::record("S", source, expectations),
            Self::Borrowed => Transcript::record("&mut S", &mut source, expectations),
            Self::Boxed => {
                let boxed: Box<dyn PowerSource + '_> = Box::new(source);
                Transcript::record("Box<dyn PowerSource>", boxed, expectations)
            }
        }
    }
}
