//! Exported functions of a device: what it is and how it is.
#![expect(unsafe_code, reason = "exported C functions that write through the caller's pointers")]

use std::ffi::{c_char, c_int, c_uint, c_ulonglong};

use super::abi::{Device, Memory, MemoryV2, PciInfo, Return, Utilization};
use super::code::{Code, Result};
use super::driver::{Call, Handle, device, returned};
use super::out::{array, put, put_text};
use crate::node::Gpu;

/// Exports functions that write a text of a device; the first list works on MIG instances too.
macro_rules! texts {
    ($($name:ident, $parts:literal = |$gpu:ident, $handle:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(handle: Device, to: *mut c_char, length: c_uint) -> Return {
            returned(|| device(stringify!($name), handle.addr(), |calls| calls.other_us, $parts, |call, $handle| {
                let $gpu = call.gpu($handle)?;
                let text: Result<String> = $body;
                // SAFETY: the C caller gives a buffer of `length` bytes, or null.
                unsafe { put_text(to, length, &text?) }
            }))
        }
    )*};
}

texts! {
    nvmlDeviceGetName, true = |gpu, handle| Ok(match handle {
        Handle::Gpu(_) => gpu.model.name.to_owned(),
        Handle::Mig(_, instance) => format!("{} MIG {}", gpu.model.name, gpu.mig[instance]),
    });
    nvmlDeviceGetUUID, true = |gpu, handle| Ok(match handle {
        Handle::Gpu(_) => gpu.uuid.clone(),
        Handle::Mig(_, instance) => gpu.mig_uuid(instance),
    });
    nvmlDeviceGetSerial, false = |gpu, _handle| {
        if gpu.model.data_centre { Ok(gpu.serial.clone()) } else { Err(Code::NOT_SUPPORTED) }
    };
    nvmlDeviceGetVbiosVersion, false = |_gpu, _handle| Ok("96.00.A5.00.1A".to_owned());
    nvmlDeviceGetBoardPartNumber, false = |_gpu, _handle| Ok("692-2G520-0282-001".to_owned());
}

/// Exports functions that write one value of a device.
macro_rules! values {
    ($($name:ident: $type:ty, $parts:literal, $cost:ident = |$gpu:ident, $now:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(handle: Device, to: *mut $type) -> Return {
            returned(|| device(stringify!($name), handle.addr(), |calls| calls.$cost, $parts, |call, handle| {
                let $now = call.now_ns;
                let $gpu = call.gpu(handle)?;
                let value: Result<$type> = $body;
                // SAFETY: the C caller gives a pointer to one value of this type, or null.
                unsafe { put(to, value?) }
            }))
        }
    )*};
}

values! {
    nvmlDeviceGetIndex: c_uint, false, other_us = |gpu, _now| number(gpu.index);
    nvmlDeviceGetMinorNumber: c_uint, false, other_us = |gpu, _now| number(gpu.index);
    nvmlDeviceGetArchitecture: c_uint, true, other_us = |gpu, _now| Ok(gpu.model.architecture_code);
    nvmlDeviceGetBrand: c_uint, false, other_us = |gpu, _now| Ok(gpu.model.brand_code);
    nvmlDeviceGetPersistenceMode: c_uint, false, other_us = |_gpu, _now| Ok(1);
    nvmlDeviceGetDisplayMode: c_uint, false, other_us = |_gpu, _now| Ok(0);
    nvmlDeviceGetComputeMode: c_uint, false, other_us = |_gpu, _now| Ok(0);
    nvmlDeviceGetPowerSource: c_uint, false, other_us = |_gpu, _now| Ok(0);
    nvmlDeviceGetPerformanceState: c_uint, false, other_us = |_gpu, _now| Ok(0);
    nvmlDeviceGetPowerState: c_uint, false, other_us = |_gpu, _now| Ok(0);
    nvmlDeviceGetPciInfo_v3: PciInfo, false, other_us = |gpu, _now| Ok(pci_info(gpu));
    nvmlDeviceGetPciInfo_v2: PciInfo, false, other_us = |gpu, _now| Ok(pci_info(gpu));
    nvmlDeviceGetUtilizationRates: Utilization, false, other_us = |gpu, now| {
        let (of_gpu, of_memory) = gpu.utilisation(now);
        if gpu.mig.is_empty() { Ok(Utilization { gpu: of_gpu, memory: of_memory }) } else { Err(Code::NOT_SUPPORTED) }
    };
    nvmlDeviceGetMemoryInfo: Memory, true, memory_us = |gpu, now| {
        let [total, reserved, used] = memory(gpu, now);
        Ok(Memory { total, free: total - reserved - used, used: reserved + used })
    };
    nvmlDeviceGetCurrentClocksThrottleReasons: c_ulonglong, false, other_us = |gpu, now| Ok(gpu.clock_reasons(now));
    nvmlDeviceGetCurrentClocksEventReasons: c_ulonglong, false, other_us = |gpu, now| Ok(gpu.clock_reasons(now));
    nvmlDeviceGetSupportedClocksThrottleReasons: c_ulonglong, false, other_us = |_gpu, _now| Ok(0x1FF);
    nvmlDeviceGetSupportedClocksEventReasons: c_ulonglong, false, other_us = |_gpu, _now| Ok(0x1FF);
}

fn number(value: usize) -> Result<c_uint> {
    c_uint::try_from(value).map_err(|_| Code::UNKNOWN)
}

fn pci_info(gpu: &Gpu) -> PciInfo {
    let bus_id = gpu.bus_id();
    PciInfo {
        bus_id_legacy: array(&bus_id[4..]),
        domain: 0,
        bus: c_uint::from(gpu.pci_bus),
        device: 0,
        pci_device_id: gpu.model.pci_device,
        pci_subsystem_id: gpu.model.pci_subsystem,
        bus_id: array(&bus_id),
    }
}

/// Total, reserved and used memory in bytes.
fn memory(gpu: &mut Gpu, now_ns: i64) -> [u64; 3] {
    let used = gpu.memory_used_mib(now_ns);
    [gpu.model.memory_mib, gpu.model.reserved_mib, used].map(|mib| mib << 20)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(handle: Device, to: *mut MemoryV2) -> Return {
    /// Size of the struct, which is 40 bytes, and 2 in the top byte.
    const VERSION: c_uint = 0x0200_0028;
    returned(|| {
        device(
            "nvmlDeviceGetMemoryInfo_v2",
            handle.addr(),
            |calls| calls.memory_us,
            true,
            |call, handle| {
                let now = call.now_ns;
                super::out::present(to)?;
                // SAFETY: it is not null, and the C caller gives a struct whose version is set.
                if unsafe { (*to).version } != VERSION {
                    return Err(Code::ARGUMENT_VERSION_MISMATCH);
                }
                let [total, reserved, used] = memory(call.gpu(handle)?, now);
                let value =
                    MemoryV2 { version: VERSION, total, reserved, free: total - reserved - used, used };
                // SAFETY: as above.
                unsafe { put(to, value) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperature(handle: Device, sensor: c_uint, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetTemperature",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                let now = call.now_ns;
                let (gpu, _) = call.gpu(handle)?.temperature(now);
                if sensor != 0 {
                    return Err(Code::INVALID_ARGUMENT);
                }
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, gpu) }
            },
        )
    })
}

/// Clock of a type: 0 graphics, 1 SM, 2 memory, 3 video; as it is, or at most.
fn clock(call: &mut Call<'_>, handle: Handle, kind: c_uint, most: bool) -> Result<c_uint> {
    let now = call.now_ns;
    let gpu = call.gpu(handle)?;
    match kind {
        0 | 1 => Ok(if most { gpu.model.sm_mhz } else { gpu.sm_mhz(now) }),
        2 => Ok(gpu.model.memory_mhz),
        3 => Ok(if most { gpu.model.video_mhz } else { gpu.video_mhz(now) }),
        _ => Err(Code::INVALID_ARGUMENT),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetClockInfo(handle: Device, kind: c_uint, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetClockInfo",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, clock(call, handle, kind, false)?) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetClock(handle: Device, kind: c_uint, id: c_uint, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetClock",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                // Number 0 is the clock as it is, 3 the highest boost; the others are settings that no rig has.
                let value = match id {
                    0 => clock(call, handle, kind, false)?,
                    3 => clock(call, handle, kind, true)?,
                    _ => return Err(Code::NOT_SUPPORTED),
                };
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, value) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMaxClockInfo(handle: Device, kind: c_uint, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetMaxClockInfo",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, clock(call, handle, kind, true)?) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCudaComputeCapability(
    handle: Device,
    major: *mut c_int,
    minor: *mut c_int,
) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetCudaComputeCapability",
            handle.addr(),
            |calls| calls.other_us,
            true,
            |call, handle| {
                let (first, second) = call.gpu(handle)?.model.compute;
                // SAFETY: the C caller gives pointers to numbers, or null.
                unsafe { put(major, first).and_then(|()| put(minor, second)) }
            },
        )
    })
}
