//! A CUDA driver made of software: two GPUs, whose launches take 1 ms each, one after the other in a stream.
//!
//! Compiled by the tests with `rustc`. At compile time `FAKE_LOG` names a file that gets a line for each launch, and
//! `FAKE_FAIL` a function with the code that it returns, and from which of its calls on: `cuLaunchKernel=719@20`.
#![allow(non_snake_case, clippy::missing_safety_doc)]

use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

static CALLS: AtomicU64 = AtomicU64::new(0);
// Memory has anything in it at first.
static ROUNDS: Mutex<[u64; 2]> = Mutex::new([u64::MAX - 5, 1 << 40]);

fn add(which: usize, blocks: c_uint) {
    let mut rounds = ROUNDS.lock().unwrap();
    rounds[which] = rounds[which].wrapping_add(u64::from(blocks));
}

struct Stream(Instant);
struct Event(Instant);

/// What the function returns this time.
fn outcome(function: &str) -> c_int {
    let Some((name, rest)) = option_env!("FAKE_FAIL").and_then(|text| text.split_once('=')) else { return 0 };
    let (code, from) = rest.split_once('@').unwrap_or((rest, "0"));
    if name != function || CALLS.fetch_add(1, Ordering::SeqCst) < from.parse().unwrap() {
        return 0;
    }
    code.parse().unwrap()
}

unsafe fn text(to: *mut c_char, room: c_int, text: &str) {
    assert!(text.len() < room as usize);
    std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
    *to.add(text.len()) = 0;
}

macro_rules! function {
    ($name:ident($($argument:ident: $type:ty),*) $body:block) => {
        #[no_mangle]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> c_int {
            match outcome(stringify!($name)) {
                0 => { $body; 0 }
                code => code,
            }
        }
    };
}

function!(cuInit(flags: c_uint) { assert_eq!(flags, 0) });
function!(cuGetErrorName(code: c_int, to: *mut *const c_char) {
    *to = match code { 2 => c"CUDA_ERROR_OUT_OF_MEMORY", 218 => c"CUDA_ERROR_INVALID_PTX", 719 => c"CUDA_ERROR_LAUNCH_FAILED", _ => return 1 }.as_ptr()
});
function!(cuGetErrorString(code: c_int, to: *mut *const c_char) {
    *to = match code { 719 => c"unspecified launch failure", _ => return 1 }.as_ptr()
});
function!(cuDeviceGetCount(to: *mut c_int) { *to = 2 });
function!(cuDeviceGet(to: *mut c_int, ordinal: c_int) { *to = 10 + ordinal });
function!(cuDeviceGetName(to: *mut c_char, room: c_int, device: c_int) {
    text(to, room, if device == 10 { "Fast GPU" } else { "Old GPU" })
});
// CUDA counts the fastest first; the bus does not.
function!(cuDeviceGetPCIBusId(to: *mut c_char, room: c_int, device: c_int) {
    text(to, room, if device == 10 { "0000:9B:00.0" } else { "0000:1B:00.0" })
});
function!(cuDeviceGetUuid(to: *mut [u8; 16], device: c_int) { *to = [device as u8; 16] });
function!(cuDeviceGetAttribute(to: *mut c_int, attribute: c_int, device: c_int) {
    *to = match (attribute, device) { (16, _) => 100, (38, _) => 1 << 20, (75, 10) => 9, (75, _) => 7, (76, 10) => 0, _ => 5 }
});
function!(cuDevicePrimaryCtxRetain(to: *mut *mut c_void, _device: c_int) { *to = 1 as *mut c_void });
function!(cuDevicePrimaryCtxRelease_v2(_device: c_int) {});
function!(cuCtxSetCurrent(_context: *mut c_void) {});
#[no_mangle]
pub unsafe extern "C" fn cuModuleLoadDataEx(
    to: *mut *mut c_void, image: *const c_void, count: c_uint, options: *mut c_uint, values: *mut *mut c_void,
) -> c_int {
    assert_eq!(std::slice::from_raw_parts(options, count as usize), [3, 4, 5, 6, 12]);
    let values = std::slice::from_raw_parts(values, 5);
    let matrix = CStr::from_ptr(image.cast()).to_str().unwrap().contains(".entry load_mma");
    let code = outcome("cuModuleLoadDataEx");
    let words = if code == 0 { "compiled" } else { "line 7: no such instruction" };
    text(values[if code == 0 { 0 } else { 2 }].cast(), values[1] as c_int, words);
    *to = if matrix { 2 } else { 1 } as *mut c_void;
    code
}
function!(cuModuleUnload(_module: *mut c_void) {});
function!(cuModuleGetFunction(to: *mut *mut c_void, module: *mut c_void, name: *const c_char) {
    let number = match (CStr::from_ptr(name).to_str().unwrap(), module as usize) {
        ("load_mma", 2) => 1, ("load_fma", 1) => 2, ("load_stream", 1) => 3, ("load_fill", 1) => 4, _ => return 500,
    };
    *to = number as *mut c_void
});
function!(cuMemAlloc_v2(to: *mut u64, bytes: usize) { *to = if bytes == 16 { 0x1000 } else { 0x10_0000 } });
function!(cuMemFree_v2(_address: u64) {});
function!(cuMemcpyDtoH_v2(to: *mut c_void, _from: u64, bytes: usize) {
    assert_eq!(bytes, 16);
    *to.cast() = *ROUNDS.lock().unwrap()
});
function!(cuStreamCreate(to: *mut *mut c_void, _flags: c_uint) {
    *to = Box::into_raw(Box::new(Stream(Instant::now()))).cast()
});
function!(cuStreamDestroy_v2(stream: *mut c_void) { drop(Box::from_raw(stream.cast::<Stream>())) });
function!(cuLaunchKernel(
    kernel: *mut c_void, x: c_uint, y: c_uint, z: c_uint, threads: c_uint, _ty: c_uint, _tz: c_uint, _shared: c_uint,
    stream: *mut c_void, parameters: *mut *mut c_void, _extra: *mut *mut c_void
) {
    assert_eq!((y, z, threads), (1, 1, 512));
    let kernel = kernel as usize;
    let parameters = std::slice::from_raw_parts(parameters, if kernel == 3 { 7 } else if kernel == 4 { 2 } else { 4 });
    let first = *(*parameters.first().unwrap()).cast::<u64>();
    let stream = &mut *stream.cast::<Stream>();
    stream.0 = stream.0.max(Instant::now()) + Duration::from_millis(1);
    match kernel {
        1 | 2 => { assert_eq!(first, 0x1000); add(0, x) }
        3 => { assert_eq!(first, 0x1008); add(1, x) }
        _ => {}
    }
    if let Some(log) = option_env!("FAKE_LOG") {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        writeln!(log, "{kernel} {x}").unwrap();
    }
});
function!(cuEventCreate(to: *mut *mut c_void, _flags: c_uint) {
    *to = Box::into_raw(Box::new(Event(Instant::now()))).cast()
});
function!(cuEventRecord(event: *mut c_void, stream: *mut c_void) {
    (*event.cast::<Event>()).0 = (*stream.cast::<Stream>()).0
});
function!(cuEventSynchronize(event: *mut c_void) {
    std::thread::sleep((*event.cast::<Event>()).0.saturating_duration_since(Instant::now()))
});
function!(cuEventDestroy_v2(event: *mut c_void) { drop(Box::from_raw(event.cast::<Event>())) });
