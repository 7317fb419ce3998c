//! The gauges of a GPU: what is polled by cheap calls, each call with a stamp of its own.

use std::convert::Infallible;
use std::thread;
use std::time::{Duration, Instant};

use power_core::{
    Celsius, ChannelId, Descriptor, Error, ErrorKind, Hertz, PowerSource, Ratio, Reading, Recorder, Result,
    Stamp, Value, Watts,
};

use crate::alias::Looks;
use crate::architecture::meaning;
use crate::buffers::FieldBatch;
use crate::catalogue::{Call, GAUGES, Gauge, nest, probe};
use crate::config::{Class, Config};
use crate::cost;
use crate::details::Identity;
use crate::error::{Failure, Gone};
use crate::port::{Gpu, Number};

const CANNOT_READ: &str = "cannot read the GPU's gauges";

/// Time between two looks for aliases.
const LOOK: Duration = Duration::from_millis(5);

/// The open gauges of one GPU. A read blocks for some microseconds, or as long as another client holds the driver's
/// lock.
#[derive(Debug)]
pub(crate) struct Gauges {
    descriptor: Descriptor,
    gpu: Box<dyn Gpu>,
    steps: Vec<Step>,
    gone: Gone,
}

/// One transaction and the channels that it gives.
#[derive(Debug)]
struct Step {
    call: Call,
    /// The first of the channels, at hand for calls that give one.
    first: ChannelId,
    channels: Vec<(ChannelId, Gauge)>,
    batch: FieldBatch,
}

impl Gauges {
    /// Opens the gauges that are asked for and answered; `measured` are details kept from an earlier opening.
    pub(crate) fn open(
        gpu: Box<dyn Gpu>,
        identity: &Identity,
        config: &Config,
        measured: Option<Vec<(String, String)>>,
    ) -> Result<(Self, Vec<(String, String)>)> {
        config.check_channels(GAUGES.iter().map(|gauge| gauge.name))?;
        let probed = probe(&*gpu, |name| config.wants(name));
        let present: Vec<Gauge> =
            probed.iter().filter(|(_, answer)| answer.is_ok()).map(|(gauge, _)| *gauge).collect();
        if present.is_empty() {
            let failure = probed.iter().find_map(|(_, answer)| answer.err()).unwrap_or(Failure::NotSupported);
            return Err(failure.opening("the GPU gives none of the gauges asked for", &identity.device));
        }
        if let Some((gauge, Err(failure))) = probed.iter().find(|(_, answer)| answer.is_err())
            && config.channels.is_some()
        {
            let message = format!("the GPU does not give channel {}", gauge.name);
            return Err(Error::new(ErrorKind::Unsupported, message)
                .with_context("device", &identity.device)
                .with_source(*failure));
        }
        let mut channels: Vec<_> =
            present.iter().map(|gauge| gauge.channel(identity.architecture, identity.branch)).collect();
        nest(&mut channels);
        let mut descriptor = identity.descriptor(Class::Gauges, channels);
        for gauge in &present {
            if let Some(figure) = gauge.figure() {
                let why = meaning(figure, identity.architecture, identity.branch).why;
                descriptor = descriptor.with_detail(format!("meaning.{}", gauge.name), why);
            }
        }
        for (gauge, answer) in &probed {
            if let Err(failure) = answer {
                descriptor = descriptor.with_detail(format!("absent.{}", gauge.name), failure.to_string());
            }
        }
        let mut steps = steps(&present);
        let measured = measured.unwrap_or_else(|| {
            let mut measured = costs(&*gpu, &mut steps);
            measured.extend(aliases(&*gpu, &present, config.alias_time));
            measured
        });
        for (name, value) in &measured {
            descriptor = descriptor.with_detail(name, value);
        }
        Ok((Self { descriptor, gpu, steps, gone: Gone::default() }, measured))
    }
}

/// Groups channels by the call that gives them.
fn steps(present: &[Gauge]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (id, gauge) in (0..).map(ChannelId).zip(present) {
        match steps.iter_mut().find(|step| step.call == gauge.call) {
            Some(step) => step.channels.push((id, *gauge)),
            None => {
                steps.push(Step {
                    call: gauge.call,
                    first: id,
                    channels: vec![(id, *gauge)],
                    batch: FieldBatch::new([]),
                });
            }
        }
    }
    for step in &mut steps {
        if step.call == Call::Fields {
            step.batch = FieldBatch::new(step.channels.iter().map(|(_, gauge)| gauge.field));
        }
    }
    steps
}

/// Cost of each channel's call; channels of one call share it.
fn costs(gpu: &dyn Gpu, steps: &mut [Step]) -> Vec<(String, String)> {
    let mut costs = Vec::new();
    for Step { call, channels, batch, .. } in steps {
        let time = cost::median(|| match *call {
            Call::PowerUsage => gpu.power_mw().map(drop),
            Call::Fields => gpu.fields(batch),
            Call::Utilisation => gpu.utilisation_percent().map(drop),
            Call::Memory => gpu.memory_used_bytes().map(drop),
            Call::Temperature => gpu.temperature_celsius().map(drop),
            Call::Clock(clock) => gpu.clock_mhz(clock).map(drop),
            Call::Limit => gpu.enforced_limit_mw().map(drop),
            Call::EventReasons => gpu.event_reasons().map(drop),
            Call::PerformanceState => gpu.performance_state().map(drop),
        });
        let Ok(time) = time else { continue };
        for (_, gauge) in channels.iter() {
            costs.push((format!("call_cost_us.{}", gauge.name), cost::micros(time)));
        }
    }
    costs
}

/// Looks at all power figures until they are told apart, or the time is up.
fn aliases(gpu: &dyn Gpu, present: &[Gauge], most: Duration) -> Vec<(String, String)> {
    let figures: Vec<Gauge> = present.iter().copied().filter(Gauge::is_power).collect();
    if figures.len() < 2 || most.is_zero() {
        return Vec::new();
    }
    let mut batch =
        FieldBatch::new(figures.iter().filter(|gauge| gauge.call == Call::Fields).map(|gauge| gauge.field));
    let mut looks = Looks::new(figures.iter().map(|gauge| gauge.name).collect());
    let start = Instant::now();
    while !looks.is_settled() && start.elapsed() < most {
        if let Some(values) = look(gpu, &figures, &mut batch) {
            looks.look(values);
        }
        if !looks.is_settled() {
            thread::sleep(LOOK);
        }
    }
    let findings = looks.findings(start.elapsed().as_millis());
    findings.into_iter().map(|(name, finding)| (format!("same_as.{name}"), finding)).collect()
}

/// All power figures, as the bits of their watts; `None` if a publication fell in between, or one was not answered.
fn look(gpu: &dyn Gpu, figures: &[Gauge], batch: &mut FieldBatch) -> Option<Vec<u64>> {
    let with_usage = figures.iter().any(|gauge| gauge.call == Call::PowerUsage);
    let usage = || if with_usage { gpu.power_mw().ok() } else { Some(0) };
    let bits = |watts: Watts| watts.get().to_bits();
    let before = usage()?;
    gpu.fields(batch).ok()?;
    if usage()? != before {
        return None;
    }
    let mut position = 0;
    let mut value = |gauge: &Gauge| {
        if gauge.call == Call::PowerUsage {
            return Some(bits(Watts::from_milliwatts(before)));
        }
        position += 1;
        batch.answer(position - 1).and_then(Number::milliwatts).ok().map(bits)
    };
    figures.iter().map(&mut value).collect()
}

impl PowerSource for Gauges {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        self.gone.check(CANNOT_READ, &self.descriptor.device)?;
        let mut failed = None;
        for step in &mut self.steps {
            match step.run(&*self.gpu, recorder) {
                Ok(()) => {}
                Err(failure) if failure.is_gone() => {
                    failed = Some(failure);
                    break;
                }
                // One figure that fails withholds no other.
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        match failed {
            None => Ok(()),
            Some(failure) => Err(self.gone.note(failure, CANNOT_READ, &self.descriptor.device)),
        }
    }
}

impl Step {
    /// Runs the transaction. Power usage goes a way of its own, since `read` would else be longer than its call is
    /// worth: 0.25 us.
    #[inline]
    fn run(&mut self, gpu: &dyn Gpu, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
        if self.call == Call::PowerUsage { self.power_usage(gpu, recorder) } else { self.any(gpu, recorder) }
    }

    #[inline]
    fn power_usage(&self, gpu: &dyn Gpu, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
        self.one(recorder, || gpu.power_mw(), |milliwatts| Watts::from_milliwatts(milliwatts).into())
    }

    #[inline(never)]
    fn any(&mut self, gpu: &dyn Gpu, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
        match self.call {
            Call::PowerUsage => self.power_usage(gpu, recorder),
            Call::Fields => self.fields(gpu, recorder),
            Call::Utilisation => {
                let (answer, stamp) = stamped(recorder, || gpu.utilisation_percent());
                for (id, gauge) in &self.channels {
                    // The catalogue has GPU and memory, in this order.
                    let of = |(gpu, memory)| if gauge.name == "utilization.gpu" { gpu } else { memory };
                    let ratio = |percent: u32| Ratio::from_percent(percent.into());
                    push(recorder, *id, answer.map(of).map(|percent| ratio(percent).into()), stamp)?;
                }
                Ok(())
            }
            Call::Memory => self.one(recorder, || gpu.memory_used_bytes(), Value::Count),
            Call::Temperature => self.one(
                recorder,
                || gpu.temperature_celsius(),
                |celsius| Celsius::from_celsius(celsius.into()).into(),
            ),
            Call::Clock(clock) => self.one(
                recorder,
                || gpu.clock_mhz(clock),
                |megahertz| Hertz::from_hertz(f64::from(megahertz) * 1e6).into(),
            ),
            Call::Limit => {
                self.one(recorder, || gpu.enforced_limit_mw(), |milliwatts| Value::Count(milliwatts.into()))
            }
            Call::EventReasons => self.one(recorder, || gpu.event_reasons(), Value::Count),
            Call::PerformanceState => {
                self.one(recorder, || gpu.performance_state(), |state| Value::Count(state.into()))
            }
        }
    }

    /// A call that gives one channel.
    #[inline]
    fn one<T>(
        &self,
        recorder: &mut Recorder<'_>,
        call: impl FnOnce() -> Result<T, Failure>,
        value: impl FnOnce(T) -> Value,
    ) -> Result<(), Failure> {
        let (answer, stamp) = stamped(recorder, call);
        push(recorder, self.first, answer.map(value), stamp)
    }

    fn fields(&mut self, gpu: &dyn Gpu, recorder: &mut Recorder<'_>) -> Result<(), Failure> {
        let Self { channels, batch, .. } = self;
        let (answer, stamp) = stamped(recorder, || gpu.fields(batch));
        let mut failed = Ok(());
        for (position, (id, _)) in channels.iter().enumerate() {
            let watts = answer.and_then(|()| batch.answer(position)?.milliwatts());
            let pushed = push(recorder, *id, watts.map(Value::from), stamp);
            failed = failed.and(pushed);
        }
        failed
    }
}

/// One call with its stamp, also where it fails: that there is no value has a time too.
#[inline]
fn stamped<T>(recorder: &Recorder<'_>, call: impl FnOnce() -> T) -> (T, Stamp) {
    let Ok(stamped) = recorder.bracket(|| Ok::<_, Infallible>(call()));
    stamped
}

/// Appends a value, or that the device says it has none now.
#[inline]
fn push(
    recorder: &mut Recorder<'_>,
    id: ChannelId,
    answer: Result<Value, Failure>,
    stamp: Stamp,
) -> Result<(), Failure> {
    match answer {
        Ok(value) => {
            recorder.push(Reading::new(id, value, stamp));
            Ok(())
        }
        Err(failure) => missing(recorder, id, failure, stamp),
    }
}

/// Appends that there is no value now, or says why the call failed.
#[cold]
#[inline(never)]
fn missing(
    recorder: &mut Recorder<'_>,
    id: ChannelId,
    failure: Failure,
    stamp: Stamp,
) -> Result<(), Failure> {
    if !failure.is_no_value() {
        return Err(failure);
    }
    recorder.push(Reading::new(id, Value::Missing, stamp));
    Ok(())
}
