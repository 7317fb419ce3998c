//! Finds the GPUs and opens their sources.

use std::env;

use power_core::{Access, Driver, Error, ErrorKind, Found, Options, PowerSource, Result};

use crate::catalogue::probe;
use crate::config::{Class, Config, LIBRARY_VARIABLE, Visible, split_device};
use crate::counter::Counter;
use crate::cuda;
use crate::details::{self, Identity};
use crate::error::Failure;
use crate::gauges::Gauges;
use crate::library::{Note, Session};
use crate::port::{Gpu, NvmlGpu};
use crate::ring::{self, RINGS, Stream};
use crate::select::{self, Listed};

pub(crate) const DRIVER_ID: &str = "nvml";

/// The driver, for a list of drivers.
pub static DRIVER: Nvml = Nvml;

/// NVIDIA GPUs by NVML.
///
/// Each GPU has up to three sources, named `GPU/gauges`, `GPU/counter` and `GPU/ring`; the crate's page says which
/// channels and options they have. The library is loaded once per process. NVML stays initialised as long as a source
/// is open.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Nvml;

impl Nvml {
    /// What [`Driver::discover`] finds with these options: `library`, and `visible` for the order and choice of GPUs.
    ///
    /// Blocks for the start of NVML (10 ms; seconds where persistence mode is off) and some milliseconds per GPU.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidConfig`] if an option is unknown or wrong.
    pub fn discover_with(self, options: &Options) -> Result<Vec<Found>> {
        let config = config(options)?;
        match find_all(&config) {
            Ok(found) => Ok(found),
            Err(error) if error.kind() == ErrorKind::InvalidConfig => Err(error),
            Err(error) => Ok(vec![Found::new(DRIVER_ID, "NVIDIA GPUs", barred(&error))]),
        }
    }
}

impl Driver for Nvml {
    fn id(&self) -> &'static str {
        DRIVER_ID
    }

    fn discover(&self) -> Vec<Found> {
        // Without options there is nothing to be wrong.
        self.discover_with(&Options::new()).unwrap_or_default()
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        let config = config(options)?;
        let session = Session::open(&config.library)?;
        let listed = details::list(&session)?;
        let order = order(&listed, config.visible)?;
        let (name, class) = split_device(device);
        let listed = &listed[select::find(&listed, &order, name)?];
        let gpu =
            handle(&session, listed).map_err(|failure| failure.opening("cannot open the GPU", device))?;
        let mut identity = Identity::new(&session, &gpu, listed, name);
        if config.visible == Visible::Cuda {
            identity.add("visible", cuda_words());
        }
        open_class(&session, class, Box::new(NvmlGpu::new(gpu, session.clone())), &identity, &config)
    }
}

fn config(options: &Options) -> Result<Config> {
    Config::new(options, env::var_os(LIBRARY_VARIABLE))
}

/// Opens a source, or opens it again with what the first opening measured.
fn open_class(
    session: &Session,
    class: Class,
    gpu: Box<dyn Gpu>,
    identity: &Identity,
    config: &Config,
) -> Result<Box<dyn PowerSource>> {
    let key = format!("{} {} {:?} {:?}", identity.device, class.name(), config.channels, config.alias_time);
    let known = session.note(&key);
    let details = known.clone().map(|note| note.details);
    let note = |details| Note { details, ..Note::default() };
    let (source, note): (Box<dyn PowerSource>, Note) = match class {
        Class::Gauges => {
            let (source, details) = Gauges::open(gpu, identity, config, details)?;
            (Box::new(source), note(details))
        }
        Class::Counter => {
            let (source, details) = Counter::open(gpu, identity, config, details)?;
            (Box::new(source), note(details))
        }
        Class::Ring => {
            let (source, note) = Stream::open(gpu, identity, config, known)?;
            (Box::new(source), note)
        }
    };
    // A clock that could not be told now may be told next time.
    if class != Class::Ring || ring::is_decided(&note.clock) {
        session.keep(key, note);
    }
    Ok(source)
}

fn handle(session: &Session, listed: &Listed) -> Result<nvml_wrapper::Device<'static>, Failure> {
    if let Some(failure) = listed.failure {
        return Err(failure);
    }
    Ok(session.nvml().device_by_index(listed.index)?)
}

fn order(listed: &[Listed], visible: Visible) -> Result<Vec<usize>> {
    match visible {
        Visible::All => Ok((0..listed.len()).collect()),
        Visible::Cuda => {
            let text = |name| env::var(name).ok();
            cuda::visible(
                listed,
                text("CUDA_VISIBLE_DEVICES").as_deref(),
                text("CUDA_DEVICE_ORDER").as_deref(),
            )
        }
    }
}

fn cuda_words() -> String {
    match env::var("CUDA_VISIBLE_DEVICES") {
        Ok(list) => format!("by CUDA_VISIBLE_DEVICES={list}"),
        Err(_) => "by CUDA_VISIBLE_DEVICES, which is not set: all".to_owned(),
    }
}

/// Every source of every GPU, in the order of the GPUs.
fn find_all(config: &Config) -> Result<Vec<Found>> {
    let session = Session::open(&config.library)?;
    let listed = details::list(&session)?;
    let order = order(&listed, config.visible)?;
    if order.is_empty() {
        return Err(Error::new(ErrorKind::Unavailable, "NVIDIA's driver is here and lists no GPU"));
    }
    let mut found = Vec::new();
    for gpu in order.into_iter().map(|at| &listed[at]) {
        match handle(&session, gpu) {
            Ok(device) => found.extend(sources(&NvmlGpu::new(device, session.clone()), gpu)),
            Err(failure) => found.push(Found::new(gpu.device(), gpu.words(), closed(failure))),
        }
    }
    Ok(found)
}

/// The sources of one GPU.
fn sources(gpu: &dyn Gpu, listed: &Listed) -> [Found; 3] {
    let found = |class: Class, words: String, access: Access| {
        let board = if listed.mig.is_some() { ", MIG on, whole board" } else { "" };
        Found::new(
            format!("{}/{}", listed.device(), class.name()),
            format!("{}{board}: {words}", listed.words()),
            access,
        )
    };
    let gauges = probe(gpu, |_| true);
    let first_failure = gauges.iter().find_map(|(_, answer)| answer.err());
    let there = gauges.iter().filter(|(_, answer)| answer.is_ok()).count();
    let access = match first_failure {
        Some(failure) if there == 0 => closed(failure),
        _ => Access::Ready,
    };
    let absent = gauges.iter().filter_map(|(gauge, answer)| Some((gauge.name, answer.err()?)));
    let gauges = found(Class::Gauges, format!("{there} gauges{}", without(absent)), access);

    let access = gpu.energy_mj().map_or_else(closed, |_| Access::Ready);
    let counter = found(Class::Counter, "energy counter".into(), access);

    let rings = RINGS.map(|(name, ring, _)| (name, gpu.ring_depth(ring)));
    let access = match (rings[0].1, rings[1].1) {
        (Err(failure), Err(_)) => closed(failure),
        _ => Access::Ready,
    };
    let absent = rings.iter().filter_map(|(name, answer)| Some((*name, answer.err()?)));
    let words = if access == Access::Ready {
        format!("sample ring{}", without(absent))
    } else {
        "sample ring".into()
    };
    [gauges, counter, found(Class::Ring, words, access)]
}

/// The channels that are not there, by the reason.
fn without(absent: impl Iterator<Item = (&'static str, Failure)>) -> String {
    let mut reasons: Vec<(Failure, Vec<&str>)> = Vec::new();
    for (name, failure) in absent {
        match reasons.iter_mut().find(|(reason, _)| *reason == failure) {
            Some((_, names)) => names.push(name),
            None => reasons.push((failure, vec![name])),
        }
    }
    let words = reasons.iter().map(|(reason, names)| format!("; {reason}: {}", names.join(", ")));
    words.collect()
}

fn closed(failure: Failure) -> Access {
    match (failure.kind(), failure.mend()) {
        (ErrorKind::PermissionDenied, Some(mend)) => Access::Denied { mend: mend.to_owned() },
        (_, mend) => Access::Unavailable { reason: failure.to_string(), mend: mend.map(str::to_owned) },
    }
}

/// The access that goes with a library that is not there or does not start.
fn barred(error: &Error) -> Access {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<Failure>());
    match cause {
        Some(failure) => closed(*failure),
        None => Access::Unavailable { reason: format!("{error:#}"), mend: None },
    }
}
