//! The audit finds each fault that was put in, by exactly its check, and nothing in a benchmark without faults.
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod audit_support;

use audit_support::{Fault, clean};
use power_analysis::audit::{
    Audit, Benchmark, Certainty, Check, Evaluation, Hardware, PrincipleVerdict, Record, Severity, audit,
};
use proptest::prelude::*;

/// Seeds of every fault.
const SEEDS: u64 = 25;

fn judged(benchmark: &Benchmark) -> Audit {
    audit(benchmark, &Hardware::default())
}

fn found(audit: &Audit) -> Vec<Check> {
    audit.findings.iter().map(|finding| finding.check).collect()
}

fn faulty(fault: Fault, seed: u64) -> Audit {
    let mut benchmark = clean(seed);
    fault.put_into(&mut benchmark, seed);
    judged(&benchmark)
}

#[test]
fn nothing_is_found_in_a_benchmark_without_faults() {
    for seed in 0..200 {
        let audit = judged(&clean(seed));
        assert!(audit.findings.is_empty(), "seed {seed}: {:#?}", audit.findings);
        assert!(audit.open.is_empty(), "seed {seed}: {:#?}", audit.open);
        assert_eq!(audit.ruled_out.len(), Check::ALL.len());
    }
}

#[test]
fn each_fault_is_found_by_exactly_its_check() {
    for fault in Fault::ALL {
        for seed in 0..SEEDS {
            let audit = faulty(fault, seed);
            assert_eq!(found(&audit), [fault.check()], "{fault:?}, seed {seed}: {:#?}", audit.findings);
        }
    }
}

#[test]
fn two_faults_are_both_found() {
    let mut benchmark = clean(7);
    Fault::WattHoursAsKilowattHours.put_into(&mut benchmark, 7);
    Fault::SumsOverFourGpus.put_into(&mut benchmark, 7);
    Fault::MemoryByModules.put_into(&mut benchmark, 7);
    assert_eq!(found(&judged(&benchmark)), [Check::EnergyUnit, Check::GpuSums, Check::AssumedMemory]);
}

#[test]
fn the_interval_of_the_effectiveness_holds_the_true_one() {
    let mut within = 0;
    for seed in 0..200 {
        let audit = faulty(Fault::PueOf159, seed);
        let estimate = audit.findings[0].mend.as_ref().unwrap().divide_by.unwrap();
        assert!((estimate.value - 1.59).abs() < 1e-3);
        within += u32::from(estimate.contains(1.59));
    }
    // 95 % of 200, less three standard deviations.
    assert!(within >= 180, "{within} of 200");
}

#[test]
fn a_wrong_unit_is_mended_by_its_factor() {
    let audit = faulty(Fault::WattHoursAsKilowattHours, 3);
    let finding = &audit.findings[0];
    let estimate = finding.mend.as_ref().unwrap().divide_by.unwrap();
    assert!((estimate.value - 1e3).abs() < 1e-9 && finding.certainty == Certainty::Certain);
    assert_eq!((finding.affected, finding.of), (192, 192));
    assert_eq!(faulty(Fault::WattHoursWithoutPower, 3).findings[0].certainty, Certainty::Likely);
}

#[test]
fn principles_follow_from_what_was_found() {
    let verdicts = |audit: &Audit| audit.principles.iter().map(|one| one.verdict).collect::<Vec<_>>();
    use PrincipleVerdict::{CannotBeTold, Met, NotMet};
    // No meter stands beside the sensors, and nothing measures the rest of the node.
    assert_eq!(verdicts(&judged(&clean(1))), [CannotBeTold, Met, NotMet]);
    assert_eq!(verdicts(&faulty(Fault::FailedReadingsAsZero, 1)), [NotMet, Met, NotMet]);
    let mut unknown = clean(1);
    unknown.hardware = Hardware::default();
    assert_eq!(verdicts(&judged(&unknown)), [CannotBeTold, CannotBeTold, NotMet]);
}

#[test]
fn nothing_is_known_of_nothing() {
    let audit = judged(&Benchmark::default());
    assert!(audit.findings.is_empty());
    assert!(audit.principles.iter().all(|one| one.verdict == PrincipleVerdict::CannotBeTold));
    let open: Vec<Check> = audit.open.iter().map(|open| open.check).collect();
    for check in [Check::EnergyUnit, Check::GpuSums, Check::PueInside, Check::FewSamples, Check::LateReading]
    {
        assert!(open.contains(&check), "{check:?}: {open:?}");
    }
}

#[test]
fn cumulative_energies_that_nobody_summed_are_a_note() {
    let mut benchmark = clean(5);
    Fault::CumulativeSummedAgain.put_into(&mut benchmark, 5);
    for record in benchmark.evaluations.iter_mut().flat_map(|evaluation| &mut evaluation.records) {
        record.running_j = None;
    }
    let audit = judged(&benchmark);
    assert_eq!(found(&audit), [Check::CumulativeEnergy]);
    assert_eq!((audit.findings[0].severity, audit.faults()), (Severity::Note, 0));
}

fn figure() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![Just(None), Just(Some(0.0)), any::<f64>().prop_map(Some), (-1e4..1e4_f64).prop_map(Some)]
}

proptest! {
    #[test]
    fn any_figures_are_judged(figures in proptest::collection::vec((figure(), figure(), figure(), figure()), 0..30)) {
        let record = |&(energy_j, power_w, window_s, training_s): &_| Record {
            energy_j, power_w, window_s, training_s, gpu_percent: power_w, epochs: energy_j, ..Record::default()
        };
        let evaluation = Evaluation {
            records: figures.iter().map(record).collect(),
            total_j: figures.first().and_then(|figures| figures.0),
            ..Evaluation::default()
        };
        let benchmark = Benchmark { evaluations: vec![evaluation; 3], ..Benchmark::default() };
        let audit = judged(&benchmark);
        let judged = audit.findings.len() + audit.ruled_out.len() + audit.open.len();
        prop_assert_eq!(judged, Check::ALL.len());
        prop_assert!(audit.findings.iter().all(|finding| finding.affected <= finding.of));
    }
}
