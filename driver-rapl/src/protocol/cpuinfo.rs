//! Which CPU this is, by `/proc/cpuinfo`, and what this process may do, by `/proc/self/status`.

use std::fmt;

/// Who makes the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// `GenuineIntel`.
    Intel,
    /// `AuthenticAMD`.
    Amd,
    /// `HygonGenuine`, with AMD's registers.
    Hygon,
    /// Any other CPU with the x86 instruction set.
    OtherX86,
    /// A CPU of another architecture.
    NotX86,
}

impl Vendor {
    /// Whether the CPU has AMD's energy registers, which count per package and per core.
    pub const fn is_amd(self) -> bool {
        matches!(self, Self::Amd | Self::Hygon)
    }
}

/// The CPU, by the first block of `/proc/cpuinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpu {
    /// Who makes it.
    pub vendor: Vendor,
    /// Family, as Linux counts; 0 where unknown.
    pub family: u32,
    /// Model, as Linux counts; 0 where unknown.
    pub model: u32,
    /// The maker's name of it, empty where unknown.
    pub name: String,
    /// Whether a hypervisor says that it is there.
    pub hypervisor: bool,
    /// Whether SGX is enabled.
    pub sgx: bool,
}

impl Cpu {
    /// Reads the first block of `/proc/cpuinfo`. What is not there is unknown.
    ///
    /// ```
    /// use driver_rapl::protocol::{Cpu, Vendor};
    /// let cpu = Cpu::parse("vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nflags\t\t: fpu sgx\n\n");
    /// assert_eq!((cpu.vendor, cpu.model, cpu.sgx), (Vendor::Intel, 0x8f, true));
    /// ```
    pub fn parse(text: &str) -> Self {
        let mut cpu = Self {
            vendor: Vendor::NotX86,
            family: 0,
            model: 0,
            name: String::new(),
            hypervisor: false,
            sgx: false,
        };
        for line in text.lines().skip_while(|line| line.trim().is_empty()) {
            if line.trim().is_empty() {
                break;
            }
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            let number = || super::decimal(value.as_bytes()).and_then(|number| u32::try_from(number).ok());
            match key.trim() {
                "vendor_id" => cpu.vendor = vendor(value),
                "cpu family" => cpu.family = number().unwrap_or_default(),
                "model" => cpu.model = number().unwrap_or_default(),
                "model name" => value.clone_into(&mut cpu.name),
                "flags" => {
                    cpu.hypervisor = value.split(' ').any(|flag| flag == "hypervisor");
                    cpu.sgx = value.split(' ').any(|flag| flag == "sgx");
                }
                _ => {}
            }
        }
        cpu
    }
}

impl fmt::Display for Cpu {
    /// Writes the maker's name, or what is known instead.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name.as_str(), self.vendor) {
            ("", Vendor::NotX86) => f.write_str("a CPU that is not x86"),
            ("", _) => write!(f, "an x86 CPU of family {}, model {:#x}", self.family, self.model),
            (name, _) => f.write_str(name),
        }
    }
}

fn vendor(id: &str) -> Vendor {
    match id {
        "GenuineIntel" => Vendor::Intel,
        "AuthenticAMD" => Vendor::Amd,
        "HygonGenuine" => Vendor::Hygon,
        // IBM's mainframes have a line of this name too.
        "IBM/S390" => Vendor::NotX86,
        _ => Vendor::OtherX86,
    }
}

/// The effective capabilities in `/proc/self/status`, a bit each by its number; `None` if it does not say.
pub fn capabilities(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EPYC: &str = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\n\
        model name\t: AMD EPYC 9655\nflags\t\t: fpu hypervisor lahf_lm\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\n";

    #[test]
    fn the_first_block_counts() {
        let cpu = Cpu::parse(EPYC);
        assert_eq!((cpu.vendor, cpu.family, cpu.model), (Vendor::Amd, 26, 2));
        assert!(cpu.hypervisor && !cpu.sgx && cpu.vendor.is_amd());
        assert_eq!(cpu.to_string(), "AMD EPYC 9655");
    }

    #[test]
    fn others_are_told() {
        let arm = Cpu::parse("processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n");
        assert_eq!((arm.vendor, arm.to_string().as_str()), (Vendor::NotX86, "a CPU that is not x86"));
        assert_eq!(Cpu::parse("vendor_id : IBM/S390\n").vendor, Vendor::NotX86);
        assert_eq!(Cpu::parse("vendor_id : CentaurHauls\n").vendor, Vendor::OtherX86);
        assert!(Cpu::parse("vendor_id : HygonGenuine\n").vendor.is_amd());
    }

    #[test]
    fn capabilities_are_bits() {
        assert_eq!(capabilities("Name:\tx\nCapEff:\t0000004000020000\n"), Some(1 << 38 | 1 << 17));
        assert_eq!(capabilities("CapEff:\tnone\n"), None);
        assert_eq!(capabilities(""), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (Cpu::parse(&text), capabilities(&text));
        }
    }
}
