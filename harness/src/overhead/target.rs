//! What there is to be read: the sources of a rig, sorted by what the experiments do with them.

use crate::rig::{Policy, Rig, SourceSpec};
use crate::{Error, Result};

/// The sources of one GPU by NVML.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gpu {
    /// What is polled by cheap calls.
    pub(super) gauges: SourceSpec,
    /// The sample ring.
    pub(super) ring: SourceSpec,
    /// The energy counter.
    pub(super) counter: SourceSpec,
}

/// What there is to be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// GPUs by NVML, in the order of the rig.
    pub(super) gpus: Vec<Gpu>,
    /// What is read at several rates: the first GPU's gauges, or the first source.
    pub(super) subject: SourceSpec,
    /// A source of `nvidia-smi`, whose way is still to be chosen.
    pub(super) smi: SourceSpec,
    /// What tells the power of the machine, and its channel where one is named: the rig's reference, or RAPL.
    pub(super) meter: Option<(SourceSpec, Option<String>)>,
}

impl Target {
    /// Sorts the sources of a rig.
    ///
    /// # Errors
    ///
    /// - if there is none.
    pub fn new(rig: &Rig) -> Result<Self> {
        let gpus: Vec<Gpu> = rig.sources.iter().filter_map(gpu).collect();
        let subject = gpus.first().map(|gpu| &gpu.gauges).or_else(|| rig.sources.first());
        let subject = subject.cloned().ok_or_else(|| {
            Error::new("there is nothing to be read")
                .mend("see `wattproof doctor`, or take the virtual rig: --rig virtual")
        })?;
        let smi = rig.sources.iter().find(|source| source.driver == "smi").cloned();
        let smi = smi.unwrap_or_else(|| SourceSpec {
            name: "smi".into(),
            driver: "smi".into(),
            device: "all".into(),
            ..subject.clone()
        });
        Ok(Self { gpus, subject, smi: optional(smi), meter: meter(rig) })
    }
}

/// The GPU whose gauges `source` are, if they are.
fn gpu(source: &SourceSpec) -> Option<Gpu> {
    if source.driver != "nvml" {
        return None;
    }
    let device = match source.device.split_once('/') {
        Some((device, "gauges")) => device,
        None => source.device.as_str(),
        Some(_) => return None,
    };
    // Channels that were chosen for the gauges are no others'; what telling aliases apart takes is no cost of reading.
    let options = source.options.iter().filter(|(name, _)| *name == "library" || *name == "visible");
    let options =
        options.fold(power_core::Options::new(), |options, (name, value)| options.with(name, value));
    let part = |part: &str| SourceSpec {
        name: format!("{device}-{part}"),
        device: format!("{device}/{part}"),
        rate_hz: None,
        polled_rate_hz: None,
        policy: Policy::Required,
        options: options.clone(),
        ..source.clone()
    };
    let mut gauges = part("gauges");
    gauges.options = gauges.options.with("alias_ms", "0");
    Some(Gpu { gauges, ring: part("ring"), counter: part("counter") })
}

fn meter(rig: &Rig) -> Option<(SourceSpec, Option<String>)> {
    let named = rig.reference.as_deref().and_then(|reference| {
        let source = rig.sources.iter().find(|source| {
            reference.strip_prefix(source.name.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })?;
        Some((source.clone(), Some(reference.to_owned())))
    });
    let by_driver = |driver: &str| rig.sources.iter().find(|source| source.driver == driver).cloned();
    named
        .filter(|(source, _)| source.driver == "meter")
        .or_else(|| by_driver("meter").or_else(|| by_driver("rapl")).map(|source| (source, None)))
}

/// The source under another name, read at another rate; it may fail without ending a recording.
pub(super) fn renamed(source: &SourceSpec, name: &str, rate_hz: Option<f64>) -> SourceSpec {
    optional(SourceSpec { name: name.to_owned(), rate_hz, ..source.clone() })
}

/// The source at another rate.
pub(super) fn at(source: &SourceSpec, rate_hz: f64) -> SourceSpec {
    SourceSpec { rate_hz: Some(rate_hz), ..source.clone() }
}

fn optional(source: SourceSpec) -> SourceSpec {
    SourceSpec { policy: Policy::Optional, ..source }
}
