//! What NVML says of its GPUs: what there is, and what a descriptor says of one beyond its channels.

use nvml_wrapper::Device;
use nvml_wrapper::enums::device::DeviceArchitecture;
use nvml_wrapper::error::NvmlError;
use power_core::{Channel, Descriptor, Error, Lane, Result};

use crate::architecture::Architecture;
use crate::config::Class;
use crate::driver::DRIVER_ID;
use crate::error::Failure;
use crate::library::Session;
use crate::select::Listed;

/// All that NVML lists. One lost GPU hides no other.
pub(crate) fn list(session: &Session) -> Result<Vec<Listed>> {
    let count = session.nvml().device_count();
    let count = count.map_err(|error| {
        let failure = Failure::from(error);
        Error::new(failure.kind(), "cannot count the GPUs").with_source(failure)
    })?;
    Ok((0..count).map(|index| listed(session, index)).collect())
}

fn listed(session: &Session, index: u32) -> Listed {
    let device = match session.nvml().device_by_index(index) {
        Ok(device) => device,
        Err(error) => return Listed { index, failure: Some(error.into()), ..Listed::default() },
    };
    let uuid = device.uuid().map_err(Failure::from);
    Listed {
        index,
        name: device.name().ok(),
        failure: uuid.as_ref().err().copied(),
        uuid: uuid.ok(),
        pci: device.pci_info().ok().map(|pci| pci.bus_id),
        mig: mig_instances(&device),
    }
}

/// UUIDs of the MIG instances; `None` where MIG is off or unknown to GPU or library.
fn mig_instances(device: &Device<'_>) -> Option<Vec<String>> {
    // NVML_DEVICE_MIG_ENABLE
    device.mig_mode().ok().filter(|mode| mode.current == 1)?;
    let count = device.mig_device_count().ok()?;
    // Places without an instance are not found.
    let instances = (0..count).filter_map(|index| device.mig_device_by_index(index).ok());
    Some(instances.filter_map(|instance| instance.uuid().ok()).collect())
}

/// One GPU, as far as its descriptors need it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) device: String,
    pub(crate) architecture: Architecture,
    /// 580 of driver 580.159.04.
    pub(crate) branch: Option<u32>,
    details: Vec<(&'static str, String)>,
}

impl Identity {
    /// Asks a GPU who it is. What it does not answer is left out.
    pub(crate) fn new(session: &Session, device: &Device<'_>, listed: &Listed, asked: &str) -> Self {
        let nvml = session.nvml();
        let driver = nvml.sys_driver_version().ok();
        let capability =
            device.cuda_compute_capability().ok().map(|capability| (capability.major, capability.minor));
        let pci = device.pci_info().ok().map(|pci| pci.pci_device_id);
        let architecture = Architecture::new(number(device.architecture()), capability, pci);
        let uuid = listed.device();
        let mut details =
            vec![("index", listed.index.to_string()), ("architecture", architecture.to_string())];
        let mut add = |name, value: Option<String>| details.extend(value.map(|value| (name, value)));
        add("uuid", listed.uuid.clone());
        add("pci_bus_id", listed.pci.clone());
        add("driver_version", driver.clone());
        add("nvml_version", nvml.sys_nvml_version().ok());
        add("library", Some(session.path().to_string_lossy().into_owned()));
        add("vbios_version", device.vbios_version().ok());
        add("persistence_mode", persistence(device));
        add("mig", mig(listed, asked));
        let name = listed.name.as_deref().unwrap_or("NVIDIA GPU");
        Self {
            device: format!("{name} {uuid}"),
            architecture,
            branch: driver.and_then(|version| version.split('.').next()?.parse().ok()),
            details,
        }
    }

    /// Adds what the way of asking says.
    pub(crate) fn add(&mut self, name: &'static str, value: String) {
        self.details.push((name, value));
    }

    /// A descriptor with all that is the same for every source of this GPU.
    pub(crate) fn descriptor(&self, class: Class, channels: Vec<Channel>) -> Descriptor {
        let descriptor = Descriptor::new(DRIVER_ID, self.device.clone(), channels)
            .with_lane(Lane::new(DRIVER_ID))
            .with_detail("source", class.name());
        self.details.iter().fold(descriptor, |descriptor, (name, value)| descriptor.with_detail(*name, value))
    }

    /// A GPU made of software, of this architecture.
    #[cfg(test)]
    pub(crate) fn of(architecture: Architecture) -> Self {
        Self { device: "NVIDIA T1 GPU-1".into(), architecture, branch: Some(580), details: Vec::new() }
    }
}

/// NVML's number of the architecture, also where it is newer than nvml-wrapper.
fn number(architecture: Result<DeviceArchitecture, NvmlError>) -> Option<u32> {
    match architecture {
        Ok(known) => Some(known.as_c()),
        Err(NvmlError::UnexpectedVariant(number)) => Some(number),
        Err(_) => None,
    }
}

#[cfg(target_os = "linux")]
fn persistence(device: &Device<'_>) -> Option<String> {
    let on = device.is_in_persistent_mode().ok()?;
    let off = "off: the driver starts with the first client and stops with the last, which takes seconds and power; \
               `sudo nvidia-smi -pm 1` turns it on";
    Some(if on { "on" } else { off }.to_owned())
}

#[cfg(not(target_os = "linux"))]
fn persistence(_: &Device<'_>) -> Option<String> {
    None
}

/// What MIG does to the figures: power is the whole board's.
fn mig(listed: &Listed, asked: &str) -> Option<String> {
    let instances = listed.mig.as_ref()?;
    let of = if asked.starts_with("MIG-") { format!("asked for {asked}; ") } else { String::new() };
    let there = if instances.is_empty() { "no instances".to_owned() } else { instances.join(", ") };
    Some(format!("on, {there}; {of}all figures are those of the whole board, not of an instance"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mig_is_said_with_its_instances_and_what_was_asked_for() {
        let mut gpu = Listed { index: 0, ..Listed::default() };
        assert_eq!(mig(&gpu, "gpu0"), None);
        gpu.mig = Some(vec!["MIG-1".into(), "MIG-2".into()]);
        let words = mig(&gpu, "MIG-2").unwrap();
        assert!(words.starts_with("on, MIG-1, MIG-2; asked for MIG-2; all figures"), "{words}");
        gpu.mig = Some(Vec::new());
        assert!(mig(&gpu, "gpu0").unwrap().contains("no instances"));
    }
}
