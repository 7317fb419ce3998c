//! Finds a GPU by index, UUID or PCI bus id.

use power_core::{Error, ErrorKind, Result};

use crate::error::Failure;

/// What NVML lists at one index. A GPU that is lost has no more than its index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) index: u32,
    pub(crate) name: Option<String>,
    pub(crate) uuid: Option<String>,
    pub(crate) pci: Option<String>,
    /// UUIDs of the MIG instances; `None` where MIG is off.
    pub(crate) mig: Option<Vec<String>>,
    /// Why it cannot be used.
    pub(crate) failure: Option<Failure>,
}

impl Listed {
    /// What to call it: stable across reboots where it has a UUID.
    pub(crate) fn device(&self) -> String {
        self.uuid.clone().unwrap_or_else(|| format!("gpu{}", self.index))
    }

    /// The GPU in words, such as `gpu0, NVIDIA H200 at 00000000:3B:00.0`.
    pub(crate) fn words(&self) -> String {
        let name = self.name.as_deref().unwrap_or("NVIDIA GPU");
        let place = self.pci.as_deref().map_or_else(String::new, |pci| format!(" at {pci}"));
        format!("gpu{}, {name}{place}", self.index)
    }
}

/// Position in `listed` of the GPU of this name; `order` gives the positions that an index counts.
pub(crate) fn find(listed: &[Listed], order: &[usize], name: &str) -> Result<usize> {
    let visible = || order.iter().copied();
    if let Some(index) = index(name) {
        return visible().nth(index).ok_or_else(|| not_found(listed, order, name));
    }
    if let Some(address) = pci_address(name) {
        let same = |at: &usize| listed[*at].pci.as_deref().and_then(pci_address) == Some(address);
        return visible().find(same).ok_or_else(|| not_found(listed, order, name));
    }
    let mut matching = visible().filter(|at| is_named(&listed[*at], name));
    match (matching.next(), matching.next()) {
        (Some(at), None) => Ok(at),
        (Some(_), Some(_)) => {
            let message = format!("{name:?} fits more than one GPU; give more of the UUID");
            Err(Error::new(ErrorKind::NotFound, message))
        }
        _ => Err(not_found(listed, order, name)),
    }
}

/// Whether a UUID names this GPU or one of its MIG instances. Beginnings of UUIDs do, as with CUDA.
pub(crate) fn is_named(gpu: &Listed, name: &str) -> bool {
    let begins = |uuid: &String| uuid.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase());
    // Before driver 470 a MIG instance was called MIG-GPU-<uuid>/<GPU instance>/<compute instance>.
    let old_mig = name.strip_prefix("MIG-").filter(|rest| rest.starts_with("GPU-"));
    let parent = old_mig.and_then(|rest| rest.split('/').next());
    match (name.get(..4).map(str::to_ascii_lowercase).as_deref(), parent) {
        (_, Some(parent)) => gpu.mig.is_some() && gpu.uuid.as_deref() == Some(parent),
        // The prefix alone says nothing.
        (Some("gpu-"), _) if name.len() > 4 => gpu.uuid.as_ref().is_some_and(begins),
        (Some("mig-"), _) if name.len() > 4 => gpu.mig.iter().flatten().any(begins),
        _ => false,
    }
}

/// The index of `gpu3` or `3`.
fn index(name: &str) -> Option<usize> {
    let digits = name.strip_prefix("gpu").unwrap_or(name);
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Domain, bus, device and function of `00000000:3B:00.0`, `0000:3b:00.0` or `3b:00.0`.
fn pci_address(text: &str) -> Option<(u32, u32, u32, u32)> {
    let hex = |digits: &str| {
        let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    };
    let (rest, function) = text.rsplit_once('.')?;
    let (rest, device) = rest.rsplit_once(':')?;
    let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0", rest));
    Some((hex(domain)?, hex(bus)?, hex(device)?, hex(function)?))
}

fn not_found(listed: &[Listed], order: &[usize], name: &str) -> Error {
    let there: Vec<_> =
        order.iter().map(|at| format!("gpu{} {}", listed[*at].index, listed[*at].device())).collect();
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Error::new(
        ErrorKind::NotFound,
        format!(
            "no GPU {name:?}; a GPU is named by index, UUID or PCI bus id, and /gauges, /counter or /ring"
        ),
    )
    .with_context("GPUs", there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus() -> Vec<Listed> {
        let gpu = |index: u32, uuid: &str, pci: &str, mig: Option<Vec<String>>| Listed {
            index,
            name: Some("NVIDIA H200".into()),
            uuid: Some(uuid.into()),
            pci: Some(pci.into()),
            mig,
            failure: None,
        };
        vec![
            gpu(0, "GPU-aa10", "00000000:3B:00.0", None),
            gpu(1, "GPU-aa20", "00000000:5E:00.0", Some(vec!["MIG-7c01".into(), "MIG-7c02".into()])),
            Listed { index: 2, failure: Some(Failure::Lost), ..Listed::default() },
        ]
    }

    #[test]
    fn every_way_to_name_a_gpu_finds_it() {
        let gpus = gpus();
        for (name, position) in [
            ("0", 0),
            ("gpu1", 1),
            ("gpu2", 2),
            ("GPU-aa10", 0),
            ("GPU-AA2", 1),
            ("00000000:3B:00.0", 0),
            ("0000:5e:00.0", 1),
            ("5e:00.0", 1),
            ("MIG-7c02", 1),
            ("MIG-GPU-aa20/1/0", 1),
        ] {
            assert_eq!(find(&gpus, &[0, 1, 2], name).unwrap(), position, "{name}");
        }
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_not_found() {
        let gpus = gpus();
        for name in
            ["3", "gpu", "", "GPU-", "MIG-", "GPU-aa", "GPU-ff", "3c:00.0", "MIG-GPU-aa10/1/0", "gpu0/rings"]
        {
            let error = find(&gpus, &[0, 1, 2], name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{name}");
        }
        let text = find(&gpus, &[0, 1, 2], "9").unwrap_err().to_string();
        assert!(text.contains("gpu1 GPU-aa20") && text.contains("gpu2 gpu2"), "{text}");
    }

    #[test]
    fn an_index_counts_only_what_is_visible() {
        let gpus = gpus();
        assert_eq!(find(&gpus, &[1, 0], "gpu0").unwrap(), 1);
        assert!(find(&gpus, &[1], "GPU-aa10").is_err());
    }
}
