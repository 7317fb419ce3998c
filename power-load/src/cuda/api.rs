//! The functions of CUDA's driver interface that a load needs, loaded at run time, behind safe types.
//!
//! The one file of this crate with `unsafe`. Signatures are those of NVIDIA's cuda.h, whose versioned names (`_v2`) every
//! driver since CUDA 4 exports. A library that was loaded is never unloaded, as it has threads of its own.

#![expect(unsafe_code, reason = "NVIDIA's driver interface is C, and no safe binding loads it at run time")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};
use std::marker::PhantomData;
use std::ptr;
use std::rc::Rc;

use libloading::Library;

use super::codes::{ASLEEP, Attribute, Failure, JIT_OPTIONS, NON_BLOCKING, NoDriver, until_zero};

/// Room for each of the compiler's logs in bytes.
const LOG_BYTES: usize = 16 << 10;

type Handle = *mut c_void;

macro_rules! functions {
    ($($name:ident: $symbol:literal ($($argument:ty),*);)*) => {
        #[derive(Debug)]
        struct Functions { $($name: unsafe extern "C" fn($($argument),*) -> c_int,)* }

        impl Functions {
            /// Finds all functions.
            fn find(library: &Library) -> Result<Self, libloading::Error> {
                // SAFETY: each symbol has the signature that cuda.h gives it; the library is never unloaded.
                Ok(unsafe { Self { $($name: *library.get(concat!($symbol, "\0").as_bytes())?,)* } })
            }
        }
    };
}

functions! {
    init: "cuInit" (c_uint);
    error_name: "cuGetErrorName" (c_int, *mut *const c_char);
    error_string: "cuGetErrorString" (c_int, *mut *const c_char);
    device_count: "cuDeviceGetCount" (*mut c_int);
    device_get: "cuDeviceGet" (*mut c_int, c_int);
    device_name: "cuDeviceGetName" (*mut c_char, c_int, c_int);
    device_uuid: "cuDeviceGetUuid" (*mut [u8; 16], c_int);
    device_pci: "cuDeviceGetPCIBusId" (*mut c_char, c_int, c_int);
    device_attribute: "cuDeviceGetAttribute" (*mut c_int, c_int, c_int);
    context_retain: "cuDevicePrimaryCtxRetain" (*mut Handle, c_int);
    context_release: "cuDevicePrimaryCtxRelease_v2" (c_int);
    context_set: "cuCtxSetCurrent" (Handle);
    module_load: "cuModuleLoadDataEx" (*mut Handle, *const c_void, c_uint, *mut c_uint, *mut *mut c_void);
    module_unload: "cuModuleUnload" (Handle);
    module_function: "cuModuleGetFunction" (*mut Handle, Handle, *const c_char);
    memory_allocate: "cuMemAlloc_v2" (*mut u64, usize);
    memory_free: "cuMemFree_v2" (u64);
    memory_read: "cuMemcpyDtoH_v2" (*mut c_void, u64, usize);
    stream_create: "cuStreamCreate" (*mut Handle, c_uint);
    stream_destroy: "cuStreamDestroy_v2" (Handle);
    launch: "cuLaunchKernel" (
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void
    );
    event_create: "cuEventCreate" (*mut Handle, c_uint);
    event_record: "cuEventRecord" (Handle, Handle);
    event_wait: "cuEventSynchronize" (Handle);
    event_destroy: "cuEventDestroy_v2" (Handle);
}

/// NVIDIA's driver, initialised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Driver(&'static Functions);

impl Driver {
    /// Loads the library for the rest of the process and initialises it.
    pub(super) fn load(path: &OsStr) -> Result<Self, NoDriver> {
        // SAFETY: the library that is named is NVIDIA's driver, whose initialisers have no requirements.
        let library = unsafe { Library::new(path) }.map_err(NoDriver::Library)?;
        let functions = Functions::find(&library).map_err(NoDriver::Library)?;
        std::mem::forget(library);
        let driver = Self(Box::leak(Box::new(functions)));
        // SAFETY: cuInit takes flags, which have to be 0.
        driver.check("cuInit", unsafe { (driver.0.init)(0) }).map_err(NoDriver::Start)?;
        Ok(driver)
    }

    fn check(self, call: &'static str, code: c_int) -> Result<(), Failure> {
        if code == 0 {
            return Ok(());
        }
        let word = |function: unsafe extern "C" fn(c_int, *mut *const c_char) -> c_int| {
            let mut text = ptr::null();
            // SAFETY: the function writes a pointer to a text that lives as long as the library, or null.
            let status = unsafe { function(code, &raw mut text) };
            // SAFETY: see above; what is not null is a text that ends with 0.
            (status == 0 && !text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy())
        };
        let name = word(self.0.error_name).unwrap_or_else(|| format!("code {code}").into());
        let words =
            word(self.0.error_string).map_or_else(|| name.to_string(), |text| format!("{name}: {text}"));
        Err(Failure { call, code, words })
    }

    /// The devices by CUDA's own numbers.
    pub(super) fn devices(self) -> Result<Vec<Device>, Failure> {
        let mut count = 0;
        // SAFETY: it writes one number.
        self.check("cuDeviceGetCount", unsafe { (self.0.device_count)(&raw mut count) })?;
        let device = |ordinal| {
            let mut handle = 0;
            // SAFETY: it writes one number.
            self.check("cuDeviceGet", unsafe { (self.0.device_get)(&raw mut handle, ordinal) })?;
            Ok(Device { driver: self, handle })
        };
        (0..count).map(device).collect()
    }
}

/// A device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    driver: Driver,
    handle: c_int,
}

impl Device {
    fn text(
        self,
        call: &'static str,
        function: unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int,
    ) -> Result<String, Failure> {
        let mut text = [0_u8; 256];
        // SAFETY: it writes at most as many bytes as it is told, one less than there are: the last stays 0.
        let status = unsafe { function(text.as_mut_ptr().cast(), 255, self.handle) };
        self.driver.check(call, status)?;
        Ok(until_zero(&text))
    }

    pub(super) fn name(self) -> Result<String, Failure> {
        self.text("cuDeviceGetName", self.driver.0.device_name)
    }

    /// Address on the PCI bus, as `0000:1B:00.0`.
    pub(super) fn pci_bus_id(self) -> Result<String, Failure> {
        self.text("cuDeviceGetPCIBusId", self.driver.0.device_pci)
    }

    pub(super) fn uuid(self) -> Result<[u8; 16], Failure> {
        let mut uuid = [0; 16];
        // SAFETY: it writes 16 bytes.
        let status = unsafe { (self.driver.0.device_uuid)(&raw mut uuid, self.handle) };
        self.driver.check("cuDeviceGetUuid", status)?;
        Ok(uuid)
    }

    pub(super) fn attribute(self, attribute: Attribute) -> Result<i32, Failure> {
        let mut value = 0;
        // SAFETY: it writes one number.
        let status =
            unsafe { (self.driver.0.device_attribute)(&raw mut value, attribute as c_int, self.handle) };
        self.driver.check("cuDeviceGetAttribute", status)?;
        Ok(value)
    }

    /// The device's context, current on this thread from now on.
    pub(super) fn enter(self) -> Result<Context, Failure> {
        let mut handle = ptr::null_mut();
        // SAFETY: it writes one handle, which is released when the context is dropped.
        let status = unsafe { (self.driver.0.context_retain)(&raw mut handle, self.handle) };
        self.driver.check("cuDevicePrimaryCtxRetain", status)?;
        let context = Context(Rc::new(Retained { device: self, _thread: PhantomData }));
        // SAFETY: the handle was retained just now.
        self.driver.check("cuCtxSetCurrent", unsafe { (self.driver.0.context_set)(handle) })?;
        Ok(context)
    }
}

/// A device's context, current on the one thread that has it. What is made in it keeps it.
#[derive(Debug, Clone)]
pub(super) struct Context(Rc<Retained>);

#[derive(Debug)]
struct Retained {
    device: Device,
    /// It is current on one thread, where everything in it is used and dropped.
    _thread: PhantomData<*const ()>,
}

impl Drop for Retained {
    fn drop(&mut self) {
        // SAFETY: it was retained once, and nothing that was made in it is left.
        unsafe { (self.device.driver.0.context_release)(self.device.handle) };
    }
}

impl Context {
    fn driver(&self) -> Driver {
        self.0.device.driver
    }

    /// Compiles PTX for the device. The text is what the compiler says, for good or ill.
    pub(super) fn compile(&self, ptx: &CStr) -> Result<(Module, String), (Failure, String)> {
        let driver = self.driver();
        let (mut info, mut errors) = (vec![0_u8; LOG_BYTES], vec![0_u8; LOG_BYTES]);
        let mut options = JIT_OPTIONS;
        // Numbers travel as pointers; one byte less than there is, so that the last stays 0.
        let number = ptr::without_provenance_mut::<c_void>;
        let room = number(LOG_BYTES - 1);
        let mut values = [info.as_mut_ptr().cast(), room, errors.as_mut_ptr().cast(), room, number(1)];
        let mut handle = ptr::null_mut();
        // SAFETY: the text ends with 0, as PTX has to; there are five options with a value each, of which the logs are
        // as long as is said and outlive the call, as do the arrays.
        let status = unsafe {
            (driver.0.module_load)(
                &raw mut handle,
                ptx.as_ptr().cast(),
                5,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        let log = [until_zero(&info), until_zero(&errors)].join("\n").trim().to_owned();
        match driver.check("cuModuleLoadDataEx", status) {
            Ok(()) => Ok((Module { context: self.clone(), handle }, log)),
            Err(failure) => Err((failure, log)),
        }
    }

    /// Memory of the device, with anything in it.
    pub(super) fn allocate(&self, bytes: usize) -> Result<Buffer, Failure> {
        let (driver, mut address) = (self.driver(), 0);
        // SAFETY: it writes one address, which is freed when the buffer is dropped.
        let status = unsafe { (driver.0.memory_allocate)(&raw mut address, bytes) };
        driver.check("cuMemAlloc", status)?;
        Ok(Buffer { context: self.clone(), address, bytes })
    }

    /// A queue of launches.
    pub(super) fn stream(&self) -> Result<Stream, Failure> {
        let (driver, mut handle) = (self.driver(), ptr::null_mut());
        // SAFETY: it writes one handle, which is destroyed when the stream is dropped.
        let status = unsafe { (driver.0.stream_create)(&raw mut handle, NON_BLOCKING) };
        driver.check("cuStreamCreate", status)?;
        Ok(Stream { context: self.clone(), handle })
    }

    /// Something that happens in a stream.
    pub(super) fn event(&self) -> Result<Event, Failure> {
        let (driver, mut handle) = (self.driver(), ptr::null_mut());
        // SAFETY: it writes one handle, which is destroyed when the event is dropped.
        let status = unsafe { (driver.0.event_create)(&raw mut handle, ASLEEP) };
        driver.check("cuEventCreate", status)?;
        Ok(Event { context: self.clone(), handle })
    }
}

/// Compiled kernels.
#[derive(Debug)]
pub(super) struct Module {
    context: Context,
    handle: Handle,
}

impl Module {
    /// A kernel by its name. It takes `PARAMETERS` numbers of 64 bits, which the caller vouches for by the PTX at hand.
    pub(super) fn kernel<const PARAMETERS: usize>(
        self: &Rc<Self>,
        name: &CStr,
    ) -> Result<Function<PARAMETERS>, Failure> {
        let (driver, mut handle) = (self.context.driver(), ptr::null_mut());
        // SAFETY: it writes one handle, which is valid as long as the module, which the kernel keeps.
        let status = unsafe { (driver.0.module_function)(&raw mut handle, self.handle, name.as_ptr()) };
        driver.check("cuModuleGetFunction", status)?;
        Ok(Function { _module: Rc::clone(self), handle })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: nothing that runs in it is left: kernels keep the module, and streams are waited for.
        unsafe { (self.context.driver().0.module_unload)(self.handle) };
    }
}

/// A kernel of so many parameters of 64 bits.
#[derive(Debug)]
pub(super) struct Function<const PARAMETERS: usize> {
    _module: Rc<Module>,
    handle: Handle,
}

/// Memory of a device.
#[derive(Debug)]
pub(super) struct Buffer {
    context: Context,
    address: u64,
    bytes: usize,
}

impl Buffer {
    /// Its address on the device.
    pub(super) const fn address(&self) -> u64 {
        self.address
    }

    /// The first numbers in it.
    pub(super) fn read<const COUNT: usize>(&self) -> Result<[u64; COUNT], Failure> {
        let mut numbers = [0; COUNT];
        let bytes = size_of_val(&numbers).min(self.bytes);
        let driver = self.context.driver();
        // SAFETY: at most as many bytes are copied as both sides have.
        let status = unsafe { (driver.0.memory_read)(numbers.as_mut_ptr().cast(), self.address, bytes) };
        driver.check("cuMemcpyDtoH", status)?;
        Ok(numbers)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated in this context, and is freed once; the driver waits for what still uses it.
        unsafe { (self.context.driver().0.memory_free)(self.address) };
    }
}

/// A queue of launches.
#[derive(Debug)]
pub(super) struct Stream {
    context: Context,
    handle: Handle,
}

impl Stream {
    /// Queues a kernel with so many blocks of so many threads. Addresses among the parameters have to be of buffers that
    /// outlive it.
    pub(super) fn launch<const PARAMETERS: usize>(
        &self,
        kernel: &Function<PARAMETERS>,
        (blocks, threads): (u32, u32),
        mut parameters: [u64; PARAMETERS],
    ) -> Result<(), Failure> {
        let driver = self.context.driver();
        let mut places = parameters.each_mut().map(|parameter| ptr::from_mut(parameter).cast::<c_void>());
        // SAFETY: kernel and stream are of this context; there is one place for each parameter of the kernel, of its
        // size, and the driver has copied them before it returns.
        let status = unsafe {
            (driver.0.launch)(
                kernel.handle,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                self.handle,
                places.as_mut_ptr(),
                ptr::null_mut(),
            )
        };
        driver.check("cuLaunchKernel", status)
    }

    /// Has `event` happen when all that was queued so far has ended.
    pub(super) fn record(&self, event: &Event) -> Result<(), Failure> {
        let driver = self.context.driver();
        // SAFETY: both are of this context.
        driver.check("cuEventRecord", unsafe { (driver.0.event_record)(event.handle, self.handle) })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: it was made in this context, and is destroyed once; the driver lets what is queued end.
        unsafe { (self.context.driver().0.stream_destroy)(self.handle) };
    }
}

/// Something that happens in a stream.
#[derive(Debug)]
pub(super) struct Event {
    context: Context,
    handle: Handle,
}

impl Event {
    /// Sleeps until it has happened.
    pub(super) fn wait(&self) -> Result<(), Failure> {
        let driver = self.context.driver();
        // SAFETY: it is of this context.
        driver.check("cuEventSynchronize", unsafe { (driver.0.event_wait)(self.handle) })
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it was made in this context, and is destroyed once.
        unsafe { (self.context.driver().0.event_destroy)(self.handle) };
    }
}
