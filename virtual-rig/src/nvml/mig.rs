//! Exported functions of MIG instances, ECC and processes.
#![expect(unsafe_code, reason = "exported C functions that write through the caller's pointers")]

use std::ffi::{c_uint, c_void};

use super::abi::{Device, Return};
use super::code::Code;
use super::driver::{Handle, device, returned};
use super::out::{present, put};

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMigMode(
    handle: Device,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetMigMode",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                let gpu = call.gpu(handle)?;
                if gpu.model.mig == 0 {
                    return Err(Code::NOT_SUPPORTED);
                }
                let mode = c_uint::from(!gpu.mig.is_empty());
                // SAFETY: the C caller gives pointers to numbers, or null.
                unsafe { put(current, mode).and_then(|()| put(pending, mode)) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMaxMigDeviceCount(handle: Device, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetMaxMigDeviceCount",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, call.gpu(handle)?.model.mig) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    handle: Device,
    index: c_uint,
    to: *mut Device,
) -> Return {
    let name = "nvmlDeviceGetMigDeviceHandleByIndex";
    returned(|| {
        device(
            name,
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                let gpu = call.gpu(handle)?;
                let instance = usize::try_from(index).map_err(|_| Code::INVALID_ARGUMENT)?;
                if index >= gpu.model.mig {
                    return Err(Code::INVALID_ARGUMENT);
                }
                gpu.mig.get(instance).ok_or(Code::NOT_FOUND)?;
                let found = Handle::Mig(gpu.index, instance);
                // SAFETY: the C caller gives a pointer to a handle, or null.
                unsafe { put(to, std::ptr::without_provenance_mut(found.token())) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceIsMigDeviceHandle(handle: Device, to: *mut c_uint) -> Return {
    returned(|| {
        device(
            "nvmlDeviceIsMigDeviceHandle",
            handle.addr(),
            |calls| calls.other_us,
            true,
            |_, handle| {
                // SAFETY: the C caller gives a pointer to a number, or null.
                unsafe { put(to, c_uint::from(matches!(handle, Handle::Mig(..)))) }
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle: Device, to: *mut Device) -> Return {
    let name = "nvmlDeviceGetDeviceHandleFromMigDeviceHandle";
    returned(|| {
        device(
            name,
            handle.addr(),
            |calls| calls.other_us,
            true,
            |_, handle| match handle {
                Handle::Gpu(_) => Err(Code::INVALID_ARGUMENT),
                Handle::Mig(gpu, _) => {
                    let parent = Handle::Gpu(gpu).token();
                    // SAFETY: the C caller gives a pointer to a handle, or null.
                    unsafe { put(to, std::ptr::without_provenance_mut(parent)) }
                }
            },
        )
    })
}

/// Exports functions that write a number of a MIG instance.
macro_rules! instance_numbers {
    ($($name:ident = |$instance:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(handle: Device, to: *mut c_uint) -> Return {
            returned(|| device(stringify!($name), handle.addr(), |calls| calls.other_us, true, |_, handle| match handle {
                Handle::Gpu(_) => Err(Code::NOT_SUPPORTED),
                Handle::Mig(_, $instance) => {
                    let number = c_uint::try_from($body).map_err(|_| Code::UNKNOWN)?;
                    // SAFETY: the C caller gives a pointer to a number, or null.
                    unsafe { put(to, number) }
                }
            }))
        }
    )*};
}

instance_numbers! {
    // Instance ids begin at 1: 0 is the id of an instance that is the whole GPU.
    nvmlDeviceGetGpuInstanceId = |instance| instance + 1;
    nvmlDeviceGetComputeInstanceId = |_instance| 0_usize;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetEccMode(
    handle: Device,
    current: *mut c_uint,
    pending: *mut c_uint,
) -> Return {
    returned(|| {
        device(
            "nvmlDeviceGetEccMode",
            handle.addr(),
            |calls| calls.other_us,
            false,
            |call, handle| {
                if !call.gpu(handle)?.model.data_centre {
                    return Err(Code::NOT_SUPPORTED);
                }
                // SAFETY: the C caller gives pointers to numbers, or null.
                unsafe { put(current, 1).and_then(|()| put(pending, 1)) }
            },
        )
    })
}

/// Exports functions that list processes, of which a virtual GPU has none.
macro_rules! no_processes {
    ($($name:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(handle: Device, count: *mut c_uint, _infos: *mut c_void) -> Return {
            returned(|| device(stringify!($name), handle.addr(), |calls| calls.other_us, true, |_, _| {
                present(count)?;
                // SAFETY: it is not null, and the C caller gives a pointer to a number.
                unsafe { put(count, 0) }
            }))
        }
    )*};
}

no_processes! {
    nvmlDeviceGetComputeRunningProcesses;
    nvmlDeviceGetComputeRunningProcesses_v2;
    nvmlDeviceGetComputeRunningProcesses_v3;
    nvmlDeviceGetGraphicsRunningProcesses;
    nvmlDeviceGetGraphicsRunningProcesses_v2;
    nvmlDeviceGetGraphicsRunningProcesses_v3;
}
