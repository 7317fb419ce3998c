//! Exported functions of the library and the node.
#![expect(unsafe_code, reason = "exported C functions that write through the caller's pointers")]

use std::ffi::{c_char, c_int, c_uint};

use super::abi::{Device, Return};
use super::code::{self, Code};
use super::driver::{self, Handle, returned, system};
use super::out::{put, put_text, text};

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> Return {
    returned(driver::initialise)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInit() -> Return {
    returned(driver::initialise)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> Return {
    returned(driver::initialise)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> Return {
    returned(driver::shut_down)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlErrorString(result: Return) -> *const c_char {
    code::text(result).as_ptr()
}

/// Exports functions that write a text of the node.
macro_rules! texts {
    ($($name:ident = |$call:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(to: *mut c_char, length: c_uint) -> Return {
            returned(|| system(stringify!($name), |calls| calls.other_us, |$call| {
                let text: String = $body;
                // SAFETY: the C caller gives a buffer of `length` bytes, or null.
                unsafe { put_text(to, length, &text) }
            }))
        }
    )*};
}

texts! {
    nvmlSystemGetDriverVersion = |call| call.node.description.driver.clone();
    nvmlSystemGetNVMLVersion = |call| {
        let description = &call.node.description;
        let major = description.cuda.split('.').next().unwrap_or("0");
        format!("{major}.{}", description.driver)
    };
}

/// The CUDA version as one number: 13.0 is 13000.
fn cuda_number(cuda: &str) -> c_int {
    let mut parts = cuda.split('.').map(|part| part.parse::<c_int>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    major * 1000 + minor * 10
}

/// Exports functions of the node that write one number.
macro_rules! numbers {
    ($($name:ident: $type:ty = |$call:ident| $body:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(to: *mut $type) -> Return {
            returned(|| system(stringify!($name), |calls| calls.other_us, |$call| {
                // SAFETY: the C caller gives a pointer to one value of this type, or null.
                unsafe { put(to, $body) }
            }))
        }
    )*};
}

numbers! {
    nvmlSystemGetCudaDriverVersion: c_int = |call| cuda_number(&call.node.description.cuda);
    nvmlSystemGetCudaDriverVersion_v2: c_int = |call| cuda_number(&call.node.description.cuda);
    nvmlDeviceGetCount: c_uint = |call| count(call);
    nvmlDeviceGetCount_v2: c_uint = |call| count(call);
}

fn count(call: &driver::Call<'_>) -> c_uint {
    c_uint::try_from(call.node.gpus.len()).unwrap_or(c_uint::MAX)
}

/// Finds a device and writes its handle. A lost GPU has none.
///
/// # Safety
///
/// `to` is null or valid for a write of a handle.
unsafe fn find(
    name: &str,
    to: *mut Device,
    which: impl FnOnce(&driver::Call<'_>) -> code::Result<Handle>,
) -> code::Result<()> {
    system(
        name,
        |calls| calls.other_us,
        |call| {
            let handle = which(call)?;
            call.fail(name, Some(handle.gpu()))?;
            // SAFETY: the caller of this function promises it.
            unsafe { put(to, std::ptr::without_provenance_mut(handle.token())) }
        },
    )
}

fn by_index(call: &driver::Call<'_>, index: c_uint) -> code::Result<Handle> {
    let index = usize::try_from(index).map_err(|_| Code::INVALID_ARGUMENT)?;
    if index < call.node.gpus.len() { Ok(Handle::Gpu(index)) } else { Err(Code::INVALID_ARGUMENT) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, to: *mut Device) -> Return {
    // SAFETY: the C caller gives a pointer to a handle, or null.
    returned(|| unsafe { find("nvmlDeviceGetHandleByIndex_v2", to, |call| by_index(call, index)) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex(index: c_uint, to: *mut Device) -> Return {
    // SAFETY: as above.
    returned(|| unsafe { find("nvmlDeviceGetHandleByIndex", to, |call| by_index(call, index)) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, to: *mut Device) -> Return {
    let by_uuid = |call: &driver::Call<'_>| {
        // SAFETY: the C caller gives a string that ends in 0, or null.
        let uuid = unsafe { text(uuid) }?;
        for gpu in &call.node.gpus {
            if gpu.uuid == uuid {
                return Ok(Handle::Gpu(gpu.index));
            }
            if let Some(instance) = (0..gpu.mig.len()).find(|instance| gpu.mig_uuid(*instance) == uuid) {
                return Ok(Handle::Mig(gpu.index, instance));
            }
        }
        Err(Code::NOT_FOUND)
    };
    // SAFETY: the C caller gives a pointer to a handle, or null.
    returned(|| unsafe { find("nvmlDeviceGetHandleByUUID", to, by_uuid) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleBySerial(serial: *const c_char, to: *mut Device) -> Return {
    let by_serial = |call: &driver::Call<'_>| {
        // SAFETY: the C caller gives a string that ends in 0, or null.
        let serial = unsafe { text(serial) }?;
        let found = call.node.gpus.iter().find(|gpu| gpu.serial == serial);
        found.map(|gpu| Handle::Gpu(gpu.index)).ok_or(Code::NOT_FOUND)
    };
    // SAFETY: the C caller gives a pointer to a handle, or null.
    returned(|| unsafe { find("nvmlDeviceGetHandleBySerial", to, by_serial) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId_v2(bus_id: *const c_char, to: *mut Device) -> Return {
    let by_bus_id = |call: &driver::Call<'_>| {
        // SAFETY: the C caller gives a string that ends in 0, or null.
        let asked = crate::node::bus_number(unsafe { text(bus_id) }?).ok_or(Code::INVALID_ARGUMENT)?;
        let found = call.node.gpus.iter().find(|gpu| gpu.pci_bus == asked);
        found.map(|gpu| Handle::Gpu(gpu.index)).ok_or(Code::NOT_FOUND)
    };
    // SAFETY: the C caller gives a pointer to a handle, or null.
    returned(|| unsafe { find("nvmlDeviceGetHandleByPciBusId_v2", to, by_bus_id) })
}
