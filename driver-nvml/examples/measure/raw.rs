//! The raw C calls that a source is compared with, and a reader of the ring of its own.

#![expect(unsafe_code, reason = "the comparison is with the C calls themselves")]

use std::ffi::OsStr;

use nvml_wrapper::{Device, Nvml};
use nvml_wrapper_sys::bindings::{nvmlFieldValue_t, nvmlSample_t, nvmlValue_t};

/// One GPU by raw calls.
#[derive(Debug)]
pub(crate) struct Raw {
    device: Device<'static>,
}

/// Room for more samples than a ring holds.
const ROOM: u32 = 4096;

impl Raw {
    /// Loads the library a second time; NVML counts its starts.
    pub(crate) fn new(library: &str, uuid: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let nvml: &'static Nvml = Box::leak(Box::new(Nvml::builder().lib_path(OsStr::new(library)).init()?));
        Ok(Self { device: nvml.device_by_uuid(uuid)? })
    }

    /// `nvmlDeviceGetPowerUsage`; panics if the function is missing, as all of these do.
    pub(crate) fn power_usage(&self) -> u32 {
        let mut milliwatts = 0;
        // SAFETY: the library is never unloaded, so the handle is valid; the number outlives the call.
        unsafe {
            self.device.nvml().lib().nvmlDeviceGetPowerUsage(self.device.handle(), &raw mut milliwatts)
        };
        milliwatts
    }

    /// `nvmlDeviceGetFieldValues` of fields that `fields` made.
    pub(crate) fn field_values(&self, fields: &mut [nvmlFieldValue_t]) {
        let count = i32::try_from(fields.len()).unwrap_or(0);
        // SAFETY: the library is never unloaded, so the handle is valid; `fields` holds `count` values.
        unsafe {
            self.device.nvml().lib().nvmlDeviceGetFieldValues(
                self.device.handle(),
                count,
                fields.as_mut_ptr(),
            )
        };
    }

    /// `nvmlDeviceGetTotalEnergyConsumption`.
    pub(crate) fn total_energy(&self) -> u64 {
        let mut millijoules = 0;
        // SAFETY: the library is never unloaded, so the handle is valid; the number outlives the call.
        unsafe {
            self.device
                .nvml()
                .lib()
                .nvmlDeviceGetTotalEnergyConsumption(self.device.handle(), &raw mut millijoules)
        };
        millijoules
    }

    /// `nvmlDeviceGetSamples` of total power: how many came.
    pub(crate) fn samples(&self, since_us: u64, room: &mut [nvmlSample_t]) -> usize {
        let (mut value_type, mut count) = (0, u32::try_from(room.len()).unwrap_or(0));
        // SAFETY: the library is never unloaded, so the handle is valid; `room` holds `count` samples.
        let code = unsafe {
            self.device.nvml().lib().nvmlDeviceGetSamples(
                self.device.handle(),
                0,
                since_us,
                &raw mut value_type,
                &raw mut count,
                room.as_mut_ptr(),
            )
        };
        if code == 0 { usize::try_from(count).unwrap_or(0) } else { 0 }
    }

    /// All that the ring holds, as (stamp in us, power in mW), in the order of the stamps.
    pub(crate) fn ring(&self, room: &mut [nvmlSample_t]) -> Vec<(u64, u32)> {
        let count = self.samples(0, room);
        // SAFETY: power samples are unsigned integers, and every bit pattern is one.
        let sample = |raw: &nvmlSample_t| (raw.timeStamp, unsafe { raw.sampleValue.uiVal });
        let mut held: Vec<_> = room[..count].iter().filter(|raw| raw.timeStamp != 0).map(sample).collect();
        held.sort_unstable();
        held
    }
}

/// Room for a fetch.
pub(crate) fn room() -> Vec<nvmlSample_t> {
    vec![nvmlSample_t { timeStamp: 0, sampleValue: nvmlValue_t { ullVal: 0 } }; ROOM as usize]
}

/// Values to ask for by field and scope.
pub(crate) fn fields(wanted: &[(u32, u32)]) -> Vec<nvmlFieldValue_t> {
    let blank = |&(field_id, scope_id): &(u32, u32)| nvmlFieldValue_t {
        fieldId: field_id,
        scopeId: scope_id,
        timestamp: 0,
        latencyUsec: 0,
        valueType: 0,
        nvmlReturn: 0,
        value: nvmlValue_t { ullVal: 0 },
    };
    wanted.iter().map(blank).collect()
}
