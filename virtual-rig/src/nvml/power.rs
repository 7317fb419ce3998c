//! Exported functions of power and energy.
#![expect(unsafe_code, reason = "exported C functions that write through the caller's pointers")]

use std::ffi::{c_int, c_uint, c_ulonglong};

use std::time::SystemTime;

use super::abi::{Device, FieldValue, Return, UNSIGNED_INT, UNSIGNED_LONG_LONG, Value};
use super::code::{Code, Result};
use super::driver::{Call, Handle, device, returned};
use super::out::{present, put};
use crate::node::Gpu;
use crate::num::milliwatts;

/// Field ids of `nvml.h`.
mod field {
    pub(super) const MEMORY_TEMP: u32 = 82;
    pub(super) const TOTAL_ENERGY: u32 = 83;
    pub(super) const POWER_AVERAGE: u32 = 185;
    pub(super) const POWER_INSTANT: u32 = 186;
    pub(super) const POWER_MIN_LIMIT: u32 = 187;
    pub(super) const POWER_MAX_LIMIT: u32 = 188;
    pub(super) const POWER_DEFAULT_LIMIT: u32 = 189;
    pub(super) const POWER_CURRENT_LIMIT: u32 = 190;
    pub(super) const POWER_REQUESTED_LIMIT: u32 = 192;
}

/// `NVML_POWER_SCOPE_*`.
mod scope {
    pub(super) const GPU: u32 = 0;
    pub(super) const MODULE: u32 = 1;
    pub(super) const MEMORY: u32 = 2;
}

/// Exports functions that write one number of a device.
macro_rules! values {
    ($($name:ident: $type:ty, $cost:ident = |$gpu:ident, $now:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(handle: Device, to: *mut $type) -> Return {
            returned(|| device(stringify!($name), handle.addr(), |calls| calls.$cost, false, |call, handle| {
                let $now = call.now_ns;
                let $gpu = call.gpu(handle)?;
                let value: Result<$type> = $body;
                // SAFETY: the C caller gives a pointer to one number of this type, or null.
                unsafe { put(to, value?) }
            }))
        }
    )*};
}

values! {
    nvmlDeviceGetPowerUsage: c_uint, power_usage_us = |gpu, now| {
        gpu.shown(now, |sensors| Some(&sensors.usage)).map(milliwatts).ok_or(Code::UNKNOWN)
    };
    nvmlDeviceGetTotalEnergyConsumption: c_ulonglong, energy_us = |gpu, now| energy(gpu, now);
    nvmlDeviceGetPowerManagementLimit: c_uint, other_us = |gpu, _now| Ok(milliwatts(gpu.limit_w));
    nvmlDeviceGetEnforcedPowerLimit: c_uint, other_us = |gpu, _now| Ok(milliwatts(gpu.limit_w));
    nvmlDeviceGetPowerManagementDefaultLimit: c_uint, other_us = |gpu, _now| Ok(milliwatts(gpu.model.limit_w));
    nvmlDeviceGetPowerManagementMode: c_uint, other_us = |_gpu, _now| Ok(1);
}

/// The energy counter in mJ.
fn energy(gpu: &mut Gpu, now_ns: i64) -> Result<u64> {
    gpu.sensors(now_ns).counter.as_ref().map(|counter| counter.count_at(now_ns)).ok_or(Code::NOT_SUPPORTED)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPowerManagementLimitConstraints(
    handle: Device,
    least: *mut c_uint,
    most: *mut c_uint,
) -> Return {
    let name = "nvmlDeviceGetPowerManagementLimitConstraints";
    returned(|| {
        device(
            name,
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                let model = call.gpu(handle)?.model;
                // SAFETY: the C caller gives pointers to numbers, or null.
                unsafe {
                    put(least, milliwatts(model.min_limit_w))
                        .and_then(|()| put(most, milliwatts(model.limit_w)))
                }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetFieldValues(
    handle: Device,
    count: c_int,
    values: *mut FieldValue,
) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetFieldValues",
            handle.addr(),
            |_| 0.0,
            true,
            |call, handle| {
                present(values)?;
                let count =
                    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Code::INVALID_ARGUMENT)?;
                for index in 0..count {
                    // SAFETY: it is not null, and the C caller gives `count` fields whose ids are set, of which this is
                    // one; nobody else has them during the call.
                    let value = unsafe { &mut *values.add(index) };
                    fill(call, handle, value);
                }
                Ok(())
            },
        )
    })
}

/// Fills in one field: its value or its own return code, and when and in how long it was got.
fn fill(call: &mut Call<'_>, handle: Handle, value: &mut FieldValue) {
    let gpu = Some(handle.gpu());
    // Names are needed for faults only, and cost as much as the real call.
    let (mut name, mut scoped) = (String::new(), String::new());
    if call.node.faults.any() {
        name = format!("nvmlDeviceGetFieldValues:{}", value.field_id);
        scoped = format!("{name}:{}", value.scope_id);
    }
    let calls = call.node.description.calls;
    let us = if value.field_id == field::TOTAL_ENERGY { calls.energy_us } else { calls.field_us };
    let before = call.now_ns;
    call.spend(&name, gpu, us);
    let whole = matches!(handle, Handle::Gpu(_)).then_some(()).ok_or(Code::NOT_SUPPORTED);
    let got = whole
        .and_then(|()| call.fail(&name, gpu))
        .and_then(|()| call.fail(&scoped, gpu))
        .and_then(|()| read(call, handle, value.field_id, value.scope_id));
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    value.timestamp = since_epoch.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
    value.latency_us = (call.now_ns - before) / 1_000;
    match got {
        Ok(Number::Int(number)) => {
            (value.nvml_return, value.value_type) = (0, UNSIGNED_INT);
            value.value = Value { ulonglong: u64::from(number) };
        }
        Ok(Number::Long(number)) => {
            (value.nvml_return, value.value_type) = (0, UNSIGNED_LONG_LONG);
            value.value = Value { ulonglong: number };
        }
        Err(code) => {
            value.nvml_return = code.0;
            value.value = Value { ulonglong: 0 };
        }
    }
}

enum Number {
    Int(u32),
    Long(u64),
}

fn read(call: &mut Call<'_>, handle: Handle, id: u32, scope_id: u32) -> Result<Number> {
    let now = call.now_ns;
    let gpu = call.gpu(handle)?;
    let model = gpu.model;
    let limit = |watts: f64| if scope_id == scope::GPU { Some(watts) } else { None };
    let watts = match id {
        field::TOTAL_ENERGY => return energy(gpu, now).map(Number::Long),
        field::MEMORY_TEMP if model.data_centre => return Ok(Number::Int(gpu.temperature(now).1)),
        field::POWER_AVERAGE | field::POWER_INSTANT => gpu.shown(now, |sensors| match (id, scope_id) {
            (field::POWER_AVERAGE, scope::GPU) => sensors.average.as_ref(),
            (field::POWER_AVERAGE, scope::MODULE) => sensors.module_average.as_ref(),
            (field::POWER_AVERAGE, scope::MEMORY) => sensors.memory_average.as_ref(),
            (field::POWER_INSTANT, scope::GPU) => sensors.instant.as_ref(),
            (field::POWER_INSTANT, scope::MODULE) => sensors.module_instant.as_ref(),
            _ => None,
        }),
        field::POWER_MIN_LIMIT => limit(model.min_limit_w),
        field::POWER_MAX_LIMIT | field::POWER_DEFAULT_LIMIT => limit(model.limit_w),
        field::POWER_CURRENT_LIMIT | field::POWER_REQUESTED_LIMIT => limit(gpu.limit_w),
        _ => None,
    };
    watts.map(|watts| Number::Int(milliwatts(watts))).ok_or(Code::NOT_SUPPORTED)
}
