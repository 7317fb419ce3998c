//! The case that counts allocations.

use power_core::{PowerSource, Recorder, Result};

use crate::alloc;
use crate::conformance::{CaseResult, Expectations, Findings};

/// Reads before counting begins: a source may fill its own buffers in its first ones.
const WARM_UP: usize = 3;

/// Readings that one read may give before the caller's buffer has to grow.
const CAPACITY: usize = 1 << 16;

pub(in crate::conformance) fn allocates_nothing<S: PowerSource>(
    open: &mut impl FnMut() -> Result<S>,
    expectations: &Expectations,
) -> CaseResult {
    const CASE: &str = "reads allocate nothing";
    let mut findings = Findings::default();
    if !alloc::is_installed() {
        return findings
            .into_result_or(CASE, "power_testkit::alloc::CountingAllocator as the global allocator");
    }
    match open() {
        Ok(source) => count(source, expectations, &mut findings),
        Err(error) => findings.fail(|| format!("it does not open: {error}")),
    }
    findings.into_result_or(CASE, "a read that succeeds after the first three")
}

fn count<S: PowerSource>(mut source: S, expectations: &Expectations, findings: &mut Findings) {
    let mut readings = Vec::with_capacity(CAPACITY);
    for number in 0..WARM_UP + expectations.reads() {
        readings.clear();
        let clock = expectations.clock();
        let (outcome, allocations) = alloc::count(|| source.read(&mut Recorder::new(clock, &mut readings)));
        if number >= WARM_UP && outcome.is_ok() {
            findings.check(allocations == 0, || format!("read {number} made {allocations} allocations"));
        }
        expectations.pause();
    }
}
