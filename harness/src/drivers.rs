//! The drivers of this program. Adding one is one line here, and one feature in `Cargo.toml`.

use power_core::Driver;

/// All drivers that this program was built with.
pub fn all() -> Vec<&'static dyn Driver> {
    vec![
        #[cfg(feature = "nvml")]
        &driver_nvml::DRIVER,
        #[cfg(feature = "smi")]
        &driver_smi::DRIVER,
        #[cfg(feature = "rapl")]
        &driver_rapl::DRIVER,
        #[cfg(feature = "meter")]
        &driver_meter::DRIVER,
        #[cfg(unix)]
        &crate::estimate_source::DRIVER,
    ]
}

/// The driver with this id, `None` if this program has none such.
pub fn find(id: &str) -> Option<&'static dyn Driver> {
    all().into_iter().find(|driver| driver.id() == id)
}

/// The ids of all drivers.
pub fn ids() -> Vec<&'static str> {
    all().into_iter().map(Driver::id).collect()
}
