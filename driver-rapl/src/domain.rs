//! What RAPL counts: domains, their names and which lies in which.

use std::fmt;

use power_core::Scope;

/// Kind of a domain, in the order of the channels of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The platform: package, memory and what else the board's own meter sees.
    Psys,
    /// A package, or one die of it.
    Package,
    /// All cores of the package (PP0).
    Cores,
    /// What else is in the package; on client CPUs the graphics (PP1).
    Uncore,
    /// Memory, which is not in the package.
    Dram,
    /// One core, by a CPU of it.
    OneCore(u32),
}

/// One domain of one package or die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Domain {
    pub(crate) package: u32,
    /// The die, where the package has several with counters of their own.
    pub(crate) die: Option<u32>,
    pub(crate) kind: Kind,
}

impl Domain {
    pub(crate) const fn new(package: u32, die: Option<u32>, kind: Kind) -> Self {
        Self { package, die, kind }
    }

    pub(crate) const fn scope(&self) -> Scope {
        match self.kind {
            Kind::Psys => Scope::Platform,
            Kind::Package => Scope::Package,
            Kind::Cores | Kind::OneCore(_) => Scope::Core,
            Kind::Uncore => Scope::Uncore,
            Kind::Dram => Scope::Dram,
        }
    }

    /// The domain among `all` that this one is a part of: cores and uncore of their package, everything of the
    /// platform. Memory is no part of the package, though powercap lists it below.
    pub(crate) fn whole<'a>(&self, all: &'a [Self]) -> Option<&'a Self> {
        let package = || {
            all.iter().find(|other| {
                other.kind == Kind::Package && other.package == self.package && other.die == self.die
            })
        };
        // One platform's meter sees every package; where each package has one, each sees its own.
        let psys = || {
            let mut meters = all.iter().filter(|other| other.kind == Kind::Psys);
            match (meters.next(), meters.next()) {
                (Some(only), None) => Some(only),
                _ => all.iter().find(|other| other.kind == Kind::Psys && other.package == self.package),
            }
        };
        match self.kind {
            Kind::Psys => None,
            Kind::Package | Kind::Dram => psys(),
            Kind::Cores | Kind::Uncore | Kind::OneCore(_) => package().or_else(psys),
        }
    }
}

impl fmt::Display for Domain {
    /// The channel's name, with powercap's words: `package-0`, `package-0-die-1/dram`, `psys`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == Kind::Psys {
            return match self.package {
                0 => f.write_str("psys"),
                package => write!(f, "psys-{package}"),
            };
        }
        write!(f, "package-{}", self.package)?;
        if let Some(die) = self.die {
            write!(f, "-die-{die}")?;
        }
        match self.kind {
            Kind::Package | Kind::Psys => Ok(()),
            Kind::Cores => f.write_str("/core"),
            Kind::Uncore => f.write_str("/uncore"),
            Kind::Dram => f.write_str("/dram"),
            Kind::OneCore(cpu) => write!(f, "/core-of-cpu-{cpu}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_wholes() {
        let psys = Domain::new(0, None, Kind::Psys);
        let package = Domain::new(0, None, Kind::Package);
        let die = Domain::new(1, Some(1), Kind::Package);
        let all = [psys, package, die];
        assert_eq!(all.map(|domain| domain.to_string()), ["psys", "package-0", "package-1-die-1"]);
        assert_eq!(package.whole(&all), Some(&psys));
        assert_eq!(die.whole(&all), Some(&psys));
        assert_eq!(psys.whole(&all), None);
        let dram = Domain::new(0, None, Kind::Dram);
        assert_eq!(dram.to_string(), "package-0/dram");
        assert_eq!((dram.whole(&all), dram.whole(&all[1..])), (Some(&psys), None));
        let core = Domain::new(1, Some(1), Kind::OneCore(7));
        assert_eq!(
            (core.to_string().as_str(), core.whole(&all)),
            ("package-1-die-1/core-of-cpu-7", Some(&die))
        );
    }

    #[test]
    fn each_platform_meter_sees_its_own_package() {
        let meters = [Domain::new(0, None, Kind::Psys), Domain::new(1, None, Kind::Psys)];
        assert_eq!(meters[1].to_string(), "psys-1");
        assert_eq!(Domain::new(1, None, Kind::Package).whole(&meters), Some(&meters[1]));
        assert_eq!(Domain::new(2, None, Kind::Package).whole(&meters), None);
    }
}
