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
    NvmlLib, nvmlDevice_t, nvmlReturn_t, nvmlValue_t, nvmlValueType_enum_NVML_VALUE_TYPE_DOUBLE as DOUBLE,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_INT as SIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_SIGNED_LONG_LONG as SIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_INT as UNSIGNED_INT,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG as UNSIGNED_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_LONG_LONG as UNSIGNED_LONG_LONG,
    nvmlValueType_enum_NVML_VALUE_TYPE_UNSIGNED_SHORT as UNSIGNED_SHORT, nvmlValueType_t,
};
use power_core::Watts;

use crate::buffers::{FieldBatch, SampleBuffer};
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
    /// Kept at hand, since a quarter of a microsecond is all that this call takes.
    power_usage: Option<Getter<u32>>,
    /// Keeps NVML initialised, and with it the handle valid.
    _session: Session,
}

impl NvmlGpu {
    pub(crate) fn new(device: Device<'static>, session: Session) -> Self {
        let power_usage = device.nvml().lib().nvmlDeviceGetPowerUsage.as_ref().ok().copied();
        Self { device, power_usage, _session: session }
    }

    fn functions(&self) -> &'static NvmlLib {
        self.device.nvml().lib()
    }

    /// A function that writes one number, if this library has it.
    #[inline]
    fn number<T: Default>(&self, function: Option<&Getter<T>>) -> Result<T, Failure> {
        let function = function.ok_or(Failure::MissingFunction)?;
        let mut number = T::default();
        // SAFETY: the handle is valid while the session is held, and `number` outlives the call.
        check(unsafe { function(self.device.handle(), &raw mut number) })?;
        Ok(number)
    }
}

/// A function of NVML that writes one number of a device.
type Getter<T> = unsafe extern "C" fn(nvmlDevice_t, *mut T) -> nvmlReturn_t;

impl Gpu for NvmlGpu {
    fn power_mw(&self) -> Result<u32, Failure> {
        self.number(self.power_usage.as_ref())
    }

    fn fields(&self, batch: &mut FieldBatch) -> Result<(), Failure> {
        let call = self.functions().nvmlDeviceGetFieldValues.as_ref();
        let call = call.map_err(|_| Failure::MissingFunction)?;
        let count = i32::try_from(batch.raw.len()).map_err(|_| Failure::Nonsense)?;
        batch.clear();
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
        self.number(self.functions().nvmlDeviceGetEnforcedPowerLimit.as_ref().ok())
    }

    fn event_reasons(&self) -> Result<u64, Failure> {
        // nvml-wrapper cuts off the bits that it does not know.
        self.number(self.functions().nvmlDeviceGetCurrentClocksThrottleReasons.as_ref().ok())
    }

    fn performance_state(&self) -> Result<u32, Failure> {
        match self.device.performance_state()? {
            PerformanceState::Unknown => Err(Failure::NoData),
            known => Ok(known.as_c()),
        }
    }

    fn energy_mj(&self) -> Result<u64, Failure> {
        self.number(self.functions().nvmlDeviceGetTotalEnergyConsumption.as_ref().ok())
    }

    fn ring_depth(&self, ring: Ring) -> Result<usize, Failure> {
        let call = self.functions().nvmlDeviceGetSamples.as_ref();
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
        let call = self.functions().nvmlDeviceGetSamples.as_ref();
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

/// A return code of NVML as a result.
#[inline]
pub(crate) fn check(code: nvmlReturn_t) -> Result<(), Failure> {
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
    #[inline]
    pub(crate) fn of(value_type: nvmlValueType_t, value: nvmlValue_t) -> Option<Self> {
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
    #[inline]
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
