//! The seam to NVML: the calls that sources make, behind a trait. All `unsafe` of this crate is here.

#![expect(
    unsafe_code,
    reason = "NVML is a C library, and nvml-wrapper has neither field scopes nor reads into a buffer"
)]

use std::{fmt, ptr};

use nvml_wrapper::enum_wrappers::device::{Clock, PerformanceState, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{
    nvmlFieldValue_t, nvmlReturn_t, nvmlSample_t, nvmlValue_t,
    nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE as DOUBLE,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT as SIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG as SIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG as UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT as UNSIGNED_SHORT, nvmlValueType_t,
};
use power_core::Watts;

use crate::error::Failure;
use crate::library::Session;

/// A sample ring of the driver, with its `nvmlSamplingType_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ring {
    /// `NVML_TOTAL_POWER_SAMPLES`.
    Board = 0,
    /// `NVML_MODULE_POWER_SAMPLES`.
    Module = 7,
}

/// Which clock, in megahertz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClockOf {
    Sm,
    Memory,
}

/// One GPU's calls. Each blocks as long as NVIDIA's driver takes, and allocates nothing if it succeeds.
pub(crate) trait Gpu: Send + fmt::Debug {
    /// `nvmlDeviceGetPowerUsage`.
    fn power_mw(&self) -> Result<u32, Failure>;
    /// `nvmlDeviceGetFieldValues`: all fields of the batch in one call.
    fn fields(&self, batch: &mut FieldBatch) -> Result<(), Failure>;
    /// `nvmlDeviceGetUtilizationRates`: GPU and memory, in per cent.
    fn utilisation_percent(&self) -> Result<(u32, u32), Failure>;
    /// `nvmlDeviceGetMemoryInfo_v2`: used bytes, without what the driver reserves.
    fn memory_used_bytes(&self) -> Result<u64, Failure>;
    /// `nvmlDeviceGetTemperature` of the GPU's chip.
    fn temperature_celsius(&self) -> Result<u32, Failure>;
    /// `nvmlDeviceGetClockInfo`.
    fn clock_mhz(&self, clock: ClockOf) -> Result<u32, Failure>;
    /// `nvmlDeviceGetEnforcedPowerLimit`.
    fn enforced_limit_mw(&self) -> Result<u32, Failure>;
    /// `nvmlDeviceGetCurrentClocksThrottleReasons`: all bits, also those unknown here.
    fn event_reasons(&self) -> Result<u64, Failure>;
    /// `nvmlDeviceGetPerformanceState`: 0 is the fastest.
    fn performance_state(&self) -> Result<u32, Failure>;
    /// `nvmlDeviceGetTotalEnergyConsumption`.
    fn energy_mj(&self) -> Result<u64, Failure>;
    /// Greatest number of samples that a ring hands over.
    fn ring_depth(&self, ring: Ring) -> Result<usize, Failure>;
    /// `nvmlDeviceGetSamples`: samples younger than `since_us`, 0 for all that the ring holds. None is no failure.
    fn samples(&self, ring: Ring, since_us: u64, buffer: &mut SampleBuffer) -> Result<(), Failure>;
}

/// A GPU of a real library.
#[derive(Debug)]
pub(crate) struct NvmlGpu {
    device: Device<'static>,
    /// Keeps NVML initialised, and with it the handle valid.
    _session: Session,
}

impl NvmlGpu {
    pub(crate) const fn new(device: Device<'static>, session: Session) -> Self {
        Self { device, _session: session }
    }
}

impl Gpu for NvmlGpu {
    fn power_mw(&self) -> Result<u32, Failure> {
        Ok(self.device.power_usage()?)
    }

    fn fields(&self, batch: &mut FieldBatch) -> Result<(), Failure> {
        let call = self.device.nvml().lib().nvmlDeviceGetFieldValues.as_ref();
        let call = call.map_err(|_| Failure::MissingFunction)?;
        let count = i32::try_from(batch.raw.len()).map_err(|_| Failure::Nonsense)?;
        for value in &mut batch.raw {
            // A library that fills in nothing must not pass for one that succeeds.
            value.nvmlReturn = NO_ANSWER;
        }
        // SAFETY: the handle is valid while the session is held, and `raw` holds `count` initialised values that
        // nobody else refers to.
        check(unsafe { call(self.device.handle(), count, batch.raw.as_mut_ptr()) })
    }

    fn utilisation_percent(&self) -> Result<(u32, u32), Failure> {
        let rates = self.device.utilization_rates()?;
        Ok((rates.gpu, rates.memory))
    }

    fn memory_used_bytes(&self) -> Result<u64, Failure> {
        Ok(self.device.memory_info()?.used)
    }

    fn temperature_celsius(&self) -> Result<u32, Failure> {
        Ok(self.device.temperature(TemperatureSensor::Gpu)?)
    }

    fn clock_mhz(&self, clock: ClockOf) -> Result<u32, Failure> {
        Ok(self.device.clock_info(match clock {
            ClockOf::Sm => Clock::SM,
            ClockOf::Memory => Clock::Memory,
        })?)
    }

    fn enforced_limit_mw(&self) -> Result<u32, Failure> {
        Ok(self.device.enforced_power_limit()?)
    }

    fn event_reasons(&self) -> Result<u64, Failure> {
        // nvml-wrapper cuts off the bits that it does not know.
        let call = self.device.nvml().lib().nvmlDeviceGetCurrentClocksThrottleReasons.as_ref();
        let call = call.map_err(|_| Failure::MissingFunction)?;
        let mut reasons = 0;
        // SAFETY: the handle is valid while the session is held, and `reasons` outlives the call.
        check(unsafe { call(self.device.handle(), &raw mut reasons) })?;
        Ok(reasons)
    }

    fn performance_state(&self) -> Result<u32, Failure> {
        match self.device.performance_state()? {
            PerformanceState::Unknown => Err(Failure::NoData),
            known => Ok(known.as_c()),
        }
    }

    fn energy_mj(&self) -> Result<u64, Failure> {
        Ok(self.device.total_energy_consumption()?)
    }

    fn ring_depth(&self, ring: Ring) -> Result<usize, Failure> {
        let call = self.device.nvml().lib().nvmlDeviceGetSamples.as_ref();
        let call = call.map_err(|_| Failure::MissingFunction)?;
        let (mut value_type, mut count) = (0, 0);
        // SAFETY: the handle is valid while the session is held; a null buffer asks for the count alone.
        let code = unsafe {
            call(self.device.handle(), ring as u32, 0, &raw mut value_type, &raw mut count, ptr::null_mut())
        };
        match check(code) {
            Ok(()) | Err(Failure::InsufficientSize | Failure::NotFound) => {}
            Err(failure) => return Err(failure),
        }
        usize::try_from(count).map_err(|_| Failure::Nonsense)
    }

    fn samples(&self, ring: Ring, since_us: u64, buffer: &mut SampleBuffer) -> Result<(), Failure> {
        let call = self.device.nvml().lib().nvmlDeviceGetSamples.as_ref();
        let call = call.map_err(|_| Failure::MissingFunction)?;
        buffer.used = 0;
        let room = u32::try_from(buffer.raw.len()).map_err(|_| Failure::Nonsense)?;
        let mut count = room;
        // SAFETY: the handle is valid while the session is held, and `raw` holds `count` initialised samples that
        // nobody else refers to.
        let code = unsafe {
            call(
                self.device.handle(),
                ring as u32,
                since_us,
                &raw mut buffer.value_type,
                &raw mut count,
                buffer.raw.as_mut_ptr(),
            )
        };
        match check(code) {
            Ok(()) => {}
            Err(Failure::NotFound | Failure::NoData) => count = 0,
            Err(failure) => return Err(failure),
        }
        buffer.used = usize::try_from(count.min(room)).map_err(|_| Failure::Nonsense)?;
        buffer.tidy();
        Ok(())
    }
}

/// Initialises NVML once more, after [`shutdown`].
pub(crate) fn initialise(nvml: &Nvml) -> Result<(), Failure> {
    let call = nvml.lib().nvmlInit_v2.as_ref().map_err(|_| Failure::MissingFunction)?;
    // SAFETY: takes no argument, may be called at any time and counts its calls.
    check(unsafe { call() })
}

/// Shuts NVML down: no handle may be used after it. Failure leaves it initialised, which harms nobody.
pub(crate) fn shutdown(nvml: &Nvml) {
    if let Ok(call) = nvml.lib().nvmlShutdown.as_ref() {
        // SAFETY: takes no argument; sessions see to it that no handle is in use.
        let _ = unsafe { call() };
    }
}

/// No code of NVML: what stands in a field value that was not filled in.
const NO_ANSWER: u32 = 0xffff_fff0;

fn check(code: nvmlReturn_t) -> Result<(), Failure> {
    if code == 0 { Ok(()) } else { Err(Failure::from_code(code)) }
}

impl From<NvmlError> for Failure {
    fn from(error: NvmlError) -> Self {
        match error {
            NvmlError::FailedToLoadSymbol(_) => Self::MissingFunction,
            NvmlError::Utf8Error(_) | NvmlError::IncorrectBits(_) | NvmlError::StringTooLong { .. } => {
                Self::Nonsense
            }
            other => Self::from_code(other.into()),
        }
    }
}

/// A number as NVML's tagged union has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Number {
    /// `None` for a type that this driver does not know.
    #[cfg_attr(
        all(unix, target_pointer_width = "64"),
        expect(clippy::useless_conversion, reason = "C's long is narrower on other targets")
    )]
    fn of(value_type: nvmlValueType_t, value: nvmlValue_t) -> Option<Self> {
        // SAFETY: every bit pattern is valid for every member, and the union is initialised as a whole.
        unsafe {
            Some(match value_type {
                DOUBLE => Self::Float(value.dVal),
                UNSIGNED_INT => Self::Unsigned(value.uiVal.into()),
                UNSIGNED_LONG => Self::Unsigned(u64::from(value.ulVal)),
                UNSIGNED_LONG_LONG => Self::Unsigned(value.ullVal),
                SIGNED_LONG_LONG => Self::Signed(value.sllVal),
                SIGNED_INT => Self::Signed(value.siVal.into()),
                UNSIGNED_SHORT => Self::Unsigned(value.usVal.into()),
                _ => return None,
            })
        }
    }

    /// Power from a number in milliwatts; negative, infinite or absurd numbers are none.
    pub(crate) fn milliwatts(self) -> Result<Watts, Failure> {
        let whole = match self {
            Self::Unsigned(milliwatts) => u32::try_from(milliwatts),
            Self::Signed(milliwatts) => u32::try_from(milliwatts),
            Self::Float(milliwatts) if milliwatts.is_finite() && milliwatts >= 0.0 => {
                return Ok(Watts::from_watts(milliwatts * 1e-3));
            }
            Self::Float(_) => return Err(Failure::Nonsense),
        };
        whole.map(Watts::from_milliwatts).map_err(|_| Failure::Nonsense)
    }
}

/// Fields with their scopes, and the answers of the last call.
pub(crate) struct FieldBatch {
    raw: Vec<nvmlFieldValue_t>,
}

impl FieldBatch {
    /// A batch of (field id, scope id).
    pub(crate) fn new(fields: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let blank = |(field_id, scope_id)| nvmlFieldValue_t {
            fieldId: field_id,
            scopeId: scope_id,
            timestamp: 0,
            latencyUsec: 0,
            valueType: 0,
            nvmlReturn: NO_ANSWER,
            value: nvmlValue_t { ullVal: 0 },
        };
        Self { raw: fields.into_iter().map(blank).collect() }
    }

    /// The answer at this position. By position, since newer drivers may renumber ids in answers.
    pub(crate) fn answer(&self, position: usize) -> Result<Number, Failure> {
        let value = self.raw.get(position).ok_or(Failure::Nonsense)?;
        check(value.nvmlReturn)?;
        Number::of(value.valueType, value.value).ok_or(Failure::Nonsense)
    }

    /// Fields and scopes in order, for a GPU made of software.
    #[cfg(test)]
    pub(crate) fn requests(&self) -> impl Iterator<Item = (u32, u32)> {
        self.raw.iter().map(|value| (value.fieldId, value.scopeId))
    }

    /// Answers as a library does.
    #[cfg(test)]
    pub(crate) fn fill(&mut self, position: usize, answer: Result<u32, u32>) {
        let value = &mut self.raw[position];
        value.nvmlReturn = answer.err().unwrap_or(0);
        value.valueType = UNSIGNED_INT;
        value.value = nvmlValue_t { uiVal: answer.unwrap_or(0) };
    }
}

impl fmt::Debug for FieldBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.raw.iter().map(|value| (value.fieldId, value.scopeId))).finish()
    }
}

/// Room for the samples of one fetch, in the order of their stamps.
pub(crate) struct SampleBuffer {
    raw: Vec<nvmlSample_t>,
    used: usize,
    value_type: nvmlValueType_t,
}

impl SampleBuffer {
    /// Room for this many samples.
    pub(crate) fn new(room: usize) -> Self {
        Self { raw: vec![EMPTY; room], used: 0, value_type: 0 }
    }

    /// Number of samples that there is room for.
    pub(crate) fn room(&self) -> usize {
        self.raw.len()
    }

    /// Twice the room, for a ring that turns out deeper than it said.
    pub(crate) fn grow(&mut self) {
        self.raw.resize(self.raw.len().max(1) * 2, EMPTY);
    }

    /// Stamps in microseconds, ascending.
    pub(crate) fn stamps_us(&self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + Clone {
        self.raw[..self.used].iter().map(|sample| sample.timeStamp)
    }

    /// Stamp and value at this position.
    pub(crate) fn sample(&self, position: usize) -> Option<(u64, Result<Number, Failure>)> {
        let sample = self.raw[..self.used].get(position)?;
        Some((sample.timeStamp, Number::of(self.value_type, sample.sampleValue).ok_or(Failure::Nonsense)))
    }

    /// Sorts by stamp and drops empty slots, which have none.
    fn tidy(&mut self) {
        let samples = &mut self.raw[..self.used];
        if !samples.is_sorted_by_key(|sample| sample.timeStamp) {
            samples.sort_unstable_by_key(|sample| sample.timeStamp);
        }
        let empty = samples.partition_point(|sample| sample.timeStamp == 0);
        samples.rotate_left(empty);
        self.used -= empty;
    }

    /// Fills in samples of (stamp, milliwatts) as a library does.
    #[cfg(test)]
    pub(crate) fn fill(&mut self, samples: &[(u64, u32)]) -> Result<(), Failure> {
        if samples.len() > self.raw.len() {
            return Err(Failure::InsufficientSize);
        }
        for (slot, &(stamp, milliwatts)) in self.raw.iter_mut().zip(samples) {
            *slot = nvmlSample_t { timeStamp: stamp, sampleValue: nvmlValue_t { uiVal: milliwatts } };
        }
        self.value_type = UNSIGNED_INT;
        self.used = samples.len();
        self.tidy();
        Ok(())
    }
}

const EMPTY: nvmlSample_t = nvmlSample_t { timeStamp: 0, sampleValue: nvmlValue_t { ullVal: 0 } };

impl fmt::Debug for SampleBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampleBuffer")
            .field("room", &self.raw.len())
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}
