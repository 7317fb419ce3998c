//! Which GPUs there are, and which of them are meant.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::api::{Device, Driver};
use super::codes::{Attribute, Failure, NoDriver, code};
use crate::{Error, Result};

/// The environment variable that names the driver's library, in place of `libcuda.so.1`.
pub const LIBRARY_VARIABLE: &str = "POWER_LOAD_CUDA_LIBRARY";

/// The driver's library, as the system finds it.
const LIBRARY: &str = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };

/// Which GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuId {
    /// By its number in the order of PCI addresses, which is that of NVML and `nvidia-smi`. With `CUDA_VISIBLE_DEVICES` set,
    /// only those are counted that it makes visible: name the GPU otherwise then.
    Index(usize),
    /// By its UUID, `GPU-…`, or as much of it as no other begins with.
    Uuid(String),
    /// By its PCI address, `00000000:1B:00.0` or `1b:00.0`.
    Pci(String),
}

impl From<&str> for GpuId {
    /// A number, a UUID or a PCI address.
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(index) => Self::Index(index),
            Err(_) if text.contains(':') => Self::Pci(text.to_owned()),
            Err(_) => Self::Uuid(text.to_owned()),
        }
    }
}

impl fmt::Display for GpuId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "GPU {index}"),
            Self::Uuid(text) => write!(f, "GPU of UUID {text}"),
            Self::Pci(text) => write!(f, "GPU at {text}"),
        }
    }
}

/// What is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct CudaOptions {
    /// NVIDIA's driver library; what [`LIBRARY_VARIABLE`] names if `None`, else `libcuda.so.1`.
    pub library: Option<PathBuf>,
    /// The GPUs, in the order of a demand's; all if empty.
    pub gpus: Vec<GpuId>,
    /// What computes; the best that a GPU can if `None`.
    pub kernel: Option<Kernel>,
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Products of matrices of 16-bit floats in the tensor cores, from compute capability 8.0 on: takes most power.
    Matrix,
    /// Multiply-adds of 32-bit floats.
    MultiplyAdd,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Matrix => "matrix products (mma.sync m16n8k16, f16 into f32)",
            Self::MultiplyAdd => "multiply-adds (fma.rn.f32)",
        })
    }
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its number in the order of PCI addresses.
    pub index: usize,
    /// Its model.
    pub name: String,
    /// Its UUID, `GPU-…`.
    pub uuid: String,
    /// Its PCI address, `0000:1B:00.0`.
    pub pci_bus_id: String,
    /// Its compute capability, major and minor.
    pub capability: (i32, i32),
    /// Number of its multiprocessors.
    pub multiprocessors: u32,
    /// Size of its last cache in bytes.
    pub cache_bytes: usize,
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GPU {} ({}, {})", self.index, self.name, self.uuid)
    }
}

impl Gpu {
    /// What computes on it: what was asked for, else the best that it can.
    pub(super) fn kernel(&self, asked: Option<Kernel>) -> Result<Kernel> {
        match asked {
            Some(Kernel::Matrix) if self.capability < (8, 0) => Err(Error::Unsupported {
                device: self.to_string(),
                capability: self.capability,
                why: "matrix products need 8.0; leave the kernel to be chosen",
            }),
            _ if self.capability < (5, 0) => Err(Error::Unsupported {
                device: self.to_string(),
                capability: self.capability,
                why: "the kernels need 5.0",
            }),
            Some(kernel) => Ok(kernel),
            None if self.capability >= (8, 0) => Ok(Kernel::Matrix),
            None => Ok(Kernel::MultiplyAdd),
        }
    }
}

/// Loads the driver and lists its GPUs in the order of their PCI addresses.
pub(super) fn list(options: &CudaOptions) -> Result<Vec<(Gpu, Device)>> {
    let library: OsString = match (&options.library, std::env::var_os(LIBRARY_VARIABLE)) {
        (Some(path), _) => path.clone().into_os_string(),
        (None, Some(path)) if !path.is_empty() => path,
        (None, _) => LIBRARY.into(),
    };
    let driver = match Driver::load(OsStr::new(&library)) {
        Ok(driver) => driver,
        Err(NoDriver::Library(cause)) => return Err(Error::NoLibrary { library, cause }),
        Err(NoDriver::Start(failure)) if failure.code == code::NO_DEVICE => return Ok(Vec::new()),
        Err(NoDriver::Start(failure)) => return Err(failed(failure)),
    };
    let devices = driver.devices().map_err(failed)?;
    let mut gpus: Vec<(Gpu, Device)> = devices
        .into_iter()
        .map(|device| describe(device).map(|gpu| (gpu, device)))
        .collect::<Result<_, Failure>>()
        .map_err(failed)?;
    gpus.sort_by(|(one, _), (other, _)| one.pci_bus_id.cmp(&other.pci_bus_id));
    for (index, (gpu, _)) in gpus.iter_mut().enumerate() {
        gpu.index = index;
    }
    Ok(gpus)
}

/// The GPUs that are meant, in the order in which they were named.
pub(super) fn choose(there: &[(Gpu, Device)], asked: &[GpuId]) -> Result<Vec<(Gpu, Device)>> {
    let none = |asked: String| Error::NoDevice {
        asked,
        there: there.iter().map(|(gpu, _)| gpu.to_string()).collect(),
    };
    if asked.is_empty() {
        return if there.is_empty() { Err(none("GPU".to_owned())) } else { Ok(there.to_vec()) };
    }
    let find = |asked: &GpuId| {
        let mut found = there.iter().filter(|(gpu, _)| is(gpu, asked));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one.clone()),
            _ => Err(none(asked.to_string())),
        }
    };
    asked.iter().map(find).collect()
}

fn is(gpu: &Gpu, asked: &GpuId) -> bool {
    match asked {
        GpuId::Index(index) => gpu.index == *index,
        GpuId::Uuid(text) => {
            let (uuid, text) = (gpu.uuid.to_lowercase(), text.to_lowercase());
            !text.is_empty() && (uuid.starts_with(&text) || uuid[4..].starts_with(&text))
        }
        GpuId::Pci(text) => address(&gpu.pci_bus_id).is_some_and(|own| Some(own) == address(text)),
    }
}

/// Domain, bus and device of a PCI address; the domain is 0 where it is not said, the function 0 always.
fn address(text: &str) -> Option<[u32; 3]> {
    let hex = |text: &str| u32::from_str_radix(text.trim(), 16).ok();
    let parts: Vec<&str> = text.split(':').collect();
    let (domain, bus, device) = match parts[..] {
        [bus, device] => (0, hex(bus)?, device),
        [domain, bus, device] => (hex(domain)?, hex(bus)?, device),
        _ => return None,
    };
    Some([domain, bus, hex(device.split('.').next()?)?])
}

fn describe(device: Device) -> Result<Gpu, Failure> {
    let number = |attribute| device.attribute(attribute);
    let hex: Vec<String> = device.uuid()?.iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |range: std::ops::Range<usize>| hex[range].concat();
    Ok(Gpu {
        index: 0,
        name: device.name()?,
        uuid: format!("GPU-{}-{}-{}-{}-{}", part(0..4), part(4..6), part(6..8), part(8..10), part(10..16)),
        pci_bus_id: device.pci_bus_id()?,
        capability: (number(Attribute::CapabilityMajor)?, number(Attribute::CapabilityMinor)?),
        multiprocessors: u32::try_from(number(Attribute::Multiprocessors)?).unwrap_or(0).max(1),
        cache_bytes: usize::try_from(number(Attribute::CacheBytes)?).unwrap_or(0),
    })
}

/// A failed call without more to say about it.
pub(super) fn failed(failure: Failure) -> Error {
    Error::Cuda { call: failure.call, cause: failure.words }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gpu() -> Gpu {
        Gpu {
            index: 1,
            name: "H".to_owned(),
            uuid: "GPU-0a1b2c3d-0000-1111-2222-333344445555".to_owned(),
            pci_bus_id: "0000:1B:00.0".to_owned(),
            capability: (9, 0),
            multiprocessors: 132,
            cache_bytes: 50 << 20,
        }
    }

    #[test]
    fn a_gpu_is_named_as_nvml_names_it() {
        for name in ["1", "GPU-0a1b2c3d", "0A1B2", "00000000:1B:00.0", "1b:00.0", "0:1b:0"] {
            assert!(is(&gpu(), &GpuId::from(name)), "{name}");
        }
        for name in ["0", "", "GPU-1", "1:1B:00.0", "1c:00.0", "a:b:c:d", ":"] {
            assert!(!is(&gpu(), &GpuId::from(name)), "{name}");
        }
    }

    #[test]
    fn what_computes_goes_by_the_capability() {
        let of = |capability, asked| Gpu { capability, ..gpu() }.kernel(asked).ok();
        assert_eq!(of((9, 0), None), Some(Kernel::Matrix));
        assert_eq!(of((7, 5), None), Some(Kernel::MultiplyAdd));
        assert_eq!(of((9, 0), Some(Kernel::MultiplyAdd)), Some(Kernel::MultiplyAdd));
        assert_eq!((of((7, 5), Some(Kernel::Matrix)), of((3, 5), None)), (None, None));
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in ".*") {
            let _ = (address(&text), is(&gpu(), &GpuId::from(text.as_str())));
        }
    }
}
