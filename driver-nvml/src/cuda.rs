//! What `CUDA_VISIBLE_DEVICES` makes visible, by CUDA's own rules.

use power_core::{Error, ErrorKind, Result};

use crate::select::{Listed, is_named};

/// Positions of the visible GPUs in CUDA's order: all where `visible` is not set.
///
/// As with CUDA, the list ends at the first entry that names no GPU. Numbers count GPUs in CUDA's order, which is
/// that of NVML only where `CUDA_DEVICE_ORDER` is `PCI_BUS_ID` or all GPUs are of one model.
pub(crate) fn visible(listed: &[Listed], visible: Option<&str>, order: Option<&str>) -> Result<Vec<usize>> {
    let same_order =
        order == Some("PCI_BUS_ID") || listed.windows(2).all(|pair| pair[0].name == pair[1].name);
    let ambiguous = || {
        Error::new(
            ErrorKind::InvalidConfig,
            "the GPUs are of different models, so that CUDA numbers them its own way; set \
             CUDA_DEVICE_ORDER=PCI_BUS_ID, or name them by UUID in CUDA_VISIBLE_DEVICES",
        )
    };
    let Some(text) = visible else {
        return if same_order { Ok((0..listed.len()).collect()) } else { Err(ambiguous()) };
    };
    let mut positions = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let position = match entry.parse::<usize>() {
            Ok(number) if number < listed.len() && !same_order => return Err(ambiguous()),
            Ok(number) => Some(number).filter(|number| *number < listed.len()),
            Err(_) => {
                let mut named = (0..listed.len()).filter(|at| is_named(&listed[*at], entry));
                named.next().filter(|_| named.next().is_none())
            }
        };
        match position {
            // Two MIG instances of one GPU are one board.
            Some(position) if !positions.contains(&position) => positions.push(position),
            Some(_) => {}
            None => break,
        }
    }
    Ok(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(names: [&str; 4]) -> Vec<Listed> {
        let gpu = |(index, name): (u32, &str)| Listed {
            index,
            name: Some(name.into()),
            uuid: Some(format!("GPU-{index}a")),
            mig: (index == 3).then(|| vec!["MIG-1".into(), "MIG-2".into()]),
            ..Listed::default()
        };
        (0..).zip(names).map(gpu).collect()
    }

    #[test]
    fn the_list_is_read_as_cuda_reads_it() {
        let gpus = gpus(["H200"; 4]);
        for (text, expected) in [
            (None, vec![0, 1, 2, 3]),
            (Some("2,0"), vec![2, 0]),
            (Some("GPU-1, 3"), vec![1, 3]),
            (Some("0,7,1"), vec![0]),
            (Some("-1"), vec![]),
            (Some(""), vec![]),
            (Some("NoDevFiles"), vec![]),
            (Some("MIG-2,MIG-1,0"), vec![3, 0]),
        ] {
            assert_eq!(visible(&gpus, text, None).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_of_unlike_gpus_need_an_order() {
        let gpus = gpus(["H200", "T4", "H200", "H200"]);
        assert!(visible(&gpus, Some("0"), None).is_err());
        assert!(visible(&gpus, None, Some("FASTEST_FIRST")).is_err());
        assert_eq!(visible(&gpus, Some("1"), Some("PCI_BUS_ID")).unwrap(), [1]);
        assert_eq!(visible(&gpus, Some("GPU-1a"), None).unwrap(), [1]);
    }
}
