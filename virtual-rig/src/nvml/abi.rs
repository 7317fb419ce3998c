//! The types of NVML's C interface, laid out as `nvml.h` has them.

use std::ffi::{c_char, c_double, c_int, c_longlong, c_uint, c_ulong, c_ulonglong, c_ushort, c_void};

/// `nvmlDevice_t`: a token, never followed.
pub(super) type Device = *mut c_void;

/// `nvmlReturn_t`.
pub(super) type Return = c_uint;

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct PciInfo {
    pub(super) bus_id_legacy: [c_char; 16],
    pub(super) domain: c_uint,
    pub(super) bus: c_uint,
    pub(super) device: c_uint,
    pub(super) pci_device_id: c_uint,
    pub(super) pci_subsystem_id: c_uint,
    pub(super) bus_id: [c_char; 32],
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Utilization {
    pub(super) gpu: c_uint,
    pub(super) memory: c_uint,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) total: c_ulonglong,
    pub(super) free: c_ulonglong,
    pub(super) used: c_ulonglong,
}

#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryV2 {
    pub(super) version: c_uint,
    pub(super) total: c_ulonglong,
    pub(super) reserved: c_ulonglong,
    pub(super) free: c_ulonglong,
    pub(super) used: c_ulonglong,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union Value {
    pub(super) double: c_double,
    pub(super) int: c_int,
    pub(super) uint: c_uint,
    pub(super) ulong: c_ulong,
    pub(super) ulonglong: c_ulonglong,
    pub(super) longlong: c_longlong,
    pub(super) ushort: c_ushort,
}

/// `nvmlValueType_t` of the values that are served.
pub(super) const UNSIGNED_INT: c_uint = 1;
pub(super) const UNSIGNED_LONG_LONG: c_uint = 3;

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) timestamp: c_ulonglong,
    pub(super) value: Value,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FieldValue {
    pub(super) field_id: c_uint,
    pub(super) scope_id: c_uint,
    pub(super) timestamp: c_longlong,
    pub(super) latency_us: c_longlong,
    pub(super) value_type: c_uint,
    pub(super) nvml_return: Return,
    pub(super) value: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use nvml_wrapper_sys::bindings as real;
    use std::mem::{align_of, offset_of, size_of};

    macro_rules! same {
        ($own:ty, $real:ty $(, $own_field:ident = $real_field:ident)*) => {
            assert_eq!(size_of::<$own>(), size_of::<$real>());
            assert_eq!(align_of::<$own>(), align_of::<$real>());
            $(assert_eq!(offset_of!($own, $own_field), offset_of!($real, $real_field));)*
        };
    }

    #[test]
    fn the_layout_is_that_of_the_bindings() {
        same!(
            PciInfo,
            real::nvmlPciInfo_t,
            bus_id_legacy = busIdLegacy,
            domain = domain,
            bus = bus,
            device = device,
            pci_device_id = pciDeviceId,
            pci_subsystem_id = pciSubSystemId,
            bus_id = busId
        );
        same!(Utilization, real::nvmlUtilization_t, gpu = gpu, memory = memory);
        same!(Memory, real::nvmlMemory_t, total = total, free = free, used = used);
        same!(
            MemoryV2,
            real::nvmlMemory_v2_t,
            version = version,
            total = total,
            reserved = reserved,
            free = free,
            used = used
        );
        same!(Value, real::nvmlValue_t);
        same!(Sample, real::nvmlSample_t, timestamp = timeStamp, value = sampleValue);
        same!(
            FieldValue,
            real::nvmlFieldValue_t,
            field_id = fieldId,
            scope_id = scopeId,
            timestamp = timestamp,
            latency_us = latencyUsec,
            value_type = valueType,
            nvml_return = nvmlReturn,
            value = value
        );
        same!(Device, real::nvmlDevice_t);
        same!(Return, real::nvmlReturn_t);
    }
}
