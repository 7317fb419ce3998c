//! Names of powercap zones.

/// What a powercap zone's `name` says that it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZoneName {
    /// `package-0`, or one die of a package that has several: `package-0-die-1`.
    Package {
        /// Number of the package.
        package: u32,
        /// Number of the die, where the name says.
        die: Option<u32>,
    },
    /// `psys`, or `psys-1`: the platform, by the meter of this package.
    Psys {
        /// Number of the package, 0 where the name does not say.
        package: u32,
    },
    /// `core`: the cores of the zone that this one lies in.
    Core,
    /// `uncore`: on client CPUs the graphics.
    Uncore,
    /// `dram`: memory.
    Dram,
}

/// What a zone of this name counts; `None` for a name that RAPL does not give.
///
/// ```
/// use driver_rapl::protocol::{ZoneName, zone_name};
/// assert_eq!(zone_name("package-1-die-0\n"), Some(ZoneName::Package { package: 1, die: Some(0) }));
/// assert_eq!(zone_name("dram"), Some(ZoneName::Dram));
/// assert_eq!(zone_name("battery"), None);
/// ```
pub fn zone_name(name: &str) -> Option<ZoneName> {
    let name = name.trim_end();
    if let Some(rest) = name.strip_prefix("package-") {
        let (package, die) = match rest.split_once("-die-") {
            Some((package, die)) => (package, Some(number(die)?)),
            None => (rest, None),
        };
        return Some(ZoneName::Package { package: number(package)?, die });
    }
    if let Some(package) = name.strip_prefix("psys-") {
        return Some(ZoneName::Psys { package: number(package)? });
    }
    match name {
        "psys" => Some(ZoneName::Psys { package: 0 }),
        "core" => Some(ZoneName::Core),
        "uncore" => Some(ZoneName::Uncore),
        "dram" => Some(ZoneName::Dram),
        _ => None,
    }
}

/// The zone that a zone of this folder name lies in: `intel-rapl:0` for `intel-rapl:0:2`.
///
/// `None` for a zone on its own.
pub fn zone_parent(folder: &str) -> Option<&str> {
    let (parent, _) = folder.rsplit_once(':')?;
    parent.contains(':').then_some(parent)
}

fn number(text: &str) -> Option<u32> {
    u32::try_from(super::decimal(text.as_bytes())?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_kernel_are_known() {
        assert_eq!(zone_name("package-12\n"), Some(ZoneName::Package { package: 12, die: None }));
        assert_eq!(zone_name("psys\n"), Some(ZoneName::Psys { package: 0 }));
        assert_eq!(zone_name("psys-1\n"), Some(ZoneName::Psys { package: 1 }));
        assert_eq!(zone_name("core\n"), Some(ZoneName::Core));
        assert_eq!(zone_name("uncore\n"), Some(ZoneName::Uncore));
        for wrong in ["", "package", "package-", "package-x", "package-0-die-", "psys-", "cores"] {
            assert_eq!(zone_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn parents_are_folders() {
        assert_eq!(zone_parent("intel-rapl:0"), None);
        assert_eq!(zone_parent("intel-rapl:0:2"), Some("intel-rapl:0"));
        assert_eq!(zone_parent("intel-rapl"), None);
    }

    proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*") {
            let _ = (zone_name(&name), zone_parent(&name));
        }
    }
}
