//! The energy counters of the CPUs, as the kernel's powercap shows them.

use crate::description::{RaplDescription, RaplDomain};
use crate::node::{NodeTruth, Rail};
use crate::num::{float, rounded};

/// One count of a package in nJ: 2^-14 J, as the kernel counts it.
const PACKAGE_NJ: i64 = 61_035;

/// One count of the memory in nJ: the fixed unit of servers since Haswell-EP.
const DRAM_NJ: i64 = 15_300;

/// A counter and where it is in the tree.
#[derive(Debug, Clone)]
pub(crate) struct RaplCounter {
    /// Numbers of the zone: package, and domain in it.
    pub(crate) zone: (usize, Option<usize>),
    /// The zone's name.
    pub(crate) name: String,
    pub(crate) rail: Rail,
    gain: f64,
    count_nj: i64,
    /// Counts after which it is back at 0.
    modulus: i64,
    /// What it showed at the rig's second 0: nobody's counter is 0 when a run begins.
    start: i64,
}

impl RaplCounter {
    /// All counters of a node.
    pub(crate) fn all(rapl: &RaplDescription, packages: usize, seed: u64) -> Vec<Self> {
        let mut counters = Vec::new();
        for package in 0..packages {
            let name = format!("package-{package}");
            counters.push(Self::new(rapl, (package, None), name, Rail::Package(package), seed));
            for (index, domain) in rapl.domains.iter().enumerate() {
                let (name, rail) = match domain {
                    RaplDomain::Dram => ("dram", Rail::Dram(package)),
                    RaplDomain::Core => ("core", Rail::Cores(package)),
                    RaplDomain::Uncore => ("uncore", Rail::Uncore(package)),
                };
                counters.push(Self::new(rapl, (package, Some(index)), name.to_owned(), rail, seed));
            }
        }
        counters
    }

    fn new(
        rapl: &RaplDescription,
        zone: (usize, Option<usize>),
        name: String,
        rail: Rail,
        seed: u64,
    ) -> Self {
        let (count_nj, gain, wrap_j) = match rail {
            Rail::Dram(_) => (DRAM_NJ, rapl.dram_gain, rapl.dram_wrap_j),
            _ => (PACKAGE_NJ, rapl.package_gain, rapl.package_wrap_j),
        };
        let modulus = wrap_j.map_or(1 << 32, |wrap| rounded(wrap * 1e9 / float(count_nj)).clamp(2, 1 << 32));
        let of_zone = u64::try_from(zone.0 * 16 + zone.1.map_or(0, |domain| domain + 1)).unwrap_or(0);
        let start = i64::try_from(crate::num::mix(&[seed, 0x4A41, of_zone]) >> 2).unwrap_or(0) % modulus;
        Self { zone, name, rail, gain, count_nj, modulus, start }
    }

    /// The highest value that it shows, in uJ, as the kernel tells it.
    pub(crate) fn range_uj(&self) -> u64 {
        self.uj(self.modulus - 1)
    }

    /// What it shows at `t_ns`, in uJ.
    pub(crate) fn shown_uj(&self, truth: &NodeTruth, t_ns: i64) -> u64 {
        let joules = truth.total_j(self.rail, t_ns).unwrap_or(0.0) * self.gain;
        let counts = rounded((joules * 1e9 / float(self.count_nj)).floor());
        self.uj((self.start + counts).rem_euclid(self.modulus))
    }

    fn uj(&self, counts: i64) -> u64 {
        (counts * self.count_nj / 1_000).unsigned_abs()
    }

    /// Name of the zone's directory.
    pub(crate) fn directory(&self) -> String {
        let (package, domain) = self.zone;
        domain.map_or_else(
            || format!("intel-rapl:{package}"),
            |domain| format!("intel-rapl:{package}:{domain}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;
    use crate::node::Node;

    #[test]
    fn ranges_are_those_of_real_machines() {
        let rapl = RaplDescription::default();
        let counters = RaplCounter::all(&rapl, 2, 1);
        let all: Vec<(String, &str, u64)> =
            counters.iter().map(|c| (c.directory(), c.name.as_str(), c.range_uj())).collect();
        assert_eq!(all[0], ("intel-rapl:0".to_owned(), "package-0", 262_143_328_850));
        assert_eq!(all[1], ("intel-rapl:0:0".to_owned(), "dram", 65_712_999_613));
        assert_eq!(all[3], ("intel-rapl:1:0".to_owned(), "dram", 65_712_999_613));
    }

    #[test]
    fn energies_are_recovered_across_wraps() {
        let truth =
            Node::new(Description { origin_ns: Some(0), ..Description::paper_node() }).unwrap().truth();
        for counter in RaplCounter::all(&RaplDescription::default().with_wrap_j(90.0), 2, 3) {
            let (mut wraps, mut sum, mut last) = (0, 0, counter.shown_uj(&truth, 0));
            for step in 1..=2_000 {
                let now = counter.shown_uj(&truth, step * 50_000_000);
                wraps += u64::from(now < last);
                sum += if now < last { now + counter.range_uj() + 1 - last } else { now - last };
                last = now;
            }
            let energy_j = float(i64::try_from(sum).unwrap()) / 1e6;
            let true_j = truth.energy_j(counter.rail, 0, 100_000_000_000).unwrap();
            // The kernel's range is a count short of the counter's modulus.
            let close = 1e-3 + 1e-4 * float(i64::try_from(wraps).unwrap());
            assert!((energy_j - true_j).abs() < close, "{}: {energy_j} {true_j}", counter.name);
            assert!(wraps >= 20, "{wraps}");
        }
    }
}
