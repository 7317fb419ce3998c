//! Energy registers of Intel and AMD, and the units they count in.
//!
//! Addresses: Intel SDM volume 4; AMD PPR for family 17h. Units and quirks by model as Linux has them,
//! `arch/x86/events/rapl.c` and `drivers/powercap/intel_rapl_common.c`.

use super::{Cpu, Vendor};

/// What a register counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// `MSR_PKG_ENERGY_STATUS`, or AMD's package energy.
    Package,
    /// `MSR_DRAM_ENERGY_STATUS`.
    Dram,
    /// `MSR_PP0_ENERGY_STATUS`: all cores.
    Cores,
    /// `MSR_PP1_ENERGY_STATUS`: on client CPUs the graphics.
    Uncore,
    /// `MSR_PLATFORM_ENERGY_STATUS`.
    Psys,
    /// AMD's core energy: the core of the CPU that reads it.
    OneCore,
}

/// The registers of a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// The register that holds the unit.
    pub unit: u64,
    /// Register addresses and what they count.
    pub energy: &'static [(u64, Register)],
}

const INTEL: Registers = Registers {
    unit: 0x606,
    energy: &[
        (0x611, Register::Package),
        (0x619, Register::Dram),
        (0x639, Register::Cores),
        (0x641, Register::Uncore),
        (0x64d, Register::Psys),
    ],
};

const AMD: Registers = Registers {
    unit: 0xc001_0299,
    energy: &[(0xc001_029b, Register::Package), (0xc001_029a, Register::OneCore)],
};

/// The energy registers of a CPU; `None` where it is not known to have any.
///
/// Which of them a model really has is found by reading them. AMD has them since family 17h, Hygon since 18h.
pub fn registers(cpu: &Cpu) -> Option<Registers> {
    match cpu.vendor {
        Vendor::Intel if cpu.family >= 6 && cpu.family != 15 && !keeps_rapl_in_tpmi(cpu) => Some(INTEL),
        Vendor::Amd | Vendor::Hygon if cpu.family >= 0x17 => Some(AMD),
        _ => None,
    }
}

/// Whether RAPL is in TPMI, a memory-mapped interface of the kernel's own, and not in registers: Granite Rapids (also
/// D), Sierra Forest and Clearwater Forest (models of `intel-family.h`; RAPL there by `intel_rapl_tpmi.c`).
pub fn keeps_rapl_in_tpmi(cpu: &Cpu) -> bool {
    cpu.vendor == Vendor::Intel && cpu.family == 6 && matches!(cpu.model, 0xad | 0xae | 0xaf | 0xdd)
}

/// Joules of one count of a register, from the value of the unit register.
///
/// ```
/// use driver_rapl::protocol::{Cpu, Register, energy_unit};
/// let cpu = Cpu::parse("vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\n");
/// assert_eq!(energy_unit(&cpu, 0xa0e03, Register::Package), 2.0_f64.powi(-14));
/// assert_eq!(energy_unit(&cpu, 0xa0e03, Register::Dram), 2.0_f64.powi(-16));
/// ```
pub fn energy_unit(cpu: &Cpu, unit_register: u64, register: Register) -> f64 {
    let intel = cpu.vendor == Vendor::Intel && cpu.family == 6;
    match (register, cpu.model) {
        // Haswell-EP, Broadwell-EP and -DE, Skylake-SP, Ice Lake-SP and -D, Knights Landing and Mill: fixed, see
        // "Intel Xeon Processor E5-1600 and E5-2600 v3 Product Families" datasheet, volume 2, 330784.
        (Register::Dram, 0x3f | 0x4f | 0x56 | 0x55 | 0x6a | 0x6c | 0x57 | 0x85) if intel => exp2(-16),
        // Sapphire Rapids and Emerald Rapids: RAPL_UNIT_QUIRK_INTEL_SPR.
        (Register::Psys, 0x8f | 0xcf) if intel => 1.0,
        // Bay Trail, Cherry Trail, Merrifield, Moorefield: 2^ESU µJ, rapl_check_unit_atom.
        (_, 0x37 | 0x4c | 0x4a | 0x5a) if intel => exp2(esu(unit_register)) * 1e-6,
        _ => exp2(-esu(unit_register)),
    }
}

/// Energy status units, bits 12 to 8.
const fn esu(unit_register: u64) -> i32 {
    (unit_register >> 8 & 0x1f) as i32
}

/// 2 to an exponent of -31 to 31, exactly: `powi` promises no precision.
fn exp2(exponent: i32) -> f64 {
    let power = f64::from(1_u32 << (exponent.unsigned_abs() & 31));
    if exponent < 0 { 1.0 / power } else { power }
}

/// What the two registers of PLATYPUS's mitigation say: whether filtering can be set by software
/// (`IA32_ARCH_CAPABILITIES`, 10AH, bit 11), and whether it is (`IA32_MISC_PACKAGE_CTLS`, BCH, bit 0).
pub const fn filtering_bits(arch_capabilities: u64, misc_package_ctls: u64) -> (bool, bool) {
    (arch_capabilities >> 11 & 1 == 1, misc_package_ctls & 1 == 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cpu(vendor: Vendor, family: u32, model: u32) -> Cpu {
        Cpu { vendor, family, model, name: String::new(), hypervisor: false, sgx: false }
    }

    #[test]
    fn quirks_are_those_of_their_models() {
        let unit = |model, register| energy_unit(&cpu(Vendor::Intel, 6, model), 0xa0e03, register);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-12 * b;
        for model in [0x3f, 0x4f, 0x56, 0x55, 0x6a, 0x6c, 0x57, 0x85] {
            assert!(close(unit(model, Register::Dram), exp2(-16)), "{model:#x}");
            assert!(close(unit(model, Register::Package), exp2(-14)), "{model:#x}");
        }
        for model in [0x8f, 0xcf] {
            assert!(close(unit(model, Register::Psys), 1.0), "{model:#x}");
            assert!(close(unit(model, Register::Dram), exp2(-14)), "{model:#x}");
        }
        assert!(close(unit(0x9e, Register::Psys), exp2(-14)));
        assert!(close(energy_unit(&cpu(Vendor::Intel, 6, 0x37), 0x0505, Register::Package), 32e-6));
        assert!(close(energy_unit(&cpu(Vendor::Amd, 0x19, 0x3f), 0xa1003, Register::Package), exp2(-16)));
    }

    #[test]
    fn registers_are_by_maker_and_family() {
        assert_eq!(registers(&cpu(Vendor::Intel, 6, 0x8f)), Some(INTEL));
        assert_eq!(registers(&cpu(Vendor::Intel, 6, 0xad)), None);
        assert_eq!(registers(&cpu(Vendor::Intel, 15, 4)), None);
        assert_eq!(registers(&cpu(Vendor::Amd, 0x16, 0)), None);
        assert_eq!(registers(&cpu(Vendor::Hygon, 0x18, 0)), Some(AMD));
        assert_eq!(registers(&cpu(Vendor::NotX86, 0, 0)), None);
        assert_eq!(filtering_bits(1 << 11, 1), (true, true));
        assert_eq!(filtering_bits(1 << 10, 2), (false, false));
    }

    #[test]
    fn powers_of_two_are_exact() {
        let bits = |exponent| exp2(exponent).to_bits();
        assert_eq!((bits(0), bits(1), bits(-1)), (1.0_f64.to_bits(), 2.0_f64.to_bits(), 0.5_f64.to_bits()));
        assert_eq!(
            (bits(-14), bits(-31)),
            (6.103_515_625e-5_f64.to_bits(), 4.656_612_873_077_393e-10_f64.to_bits())
        );
        assert_eq!(bits(31), 2_147_483_648.0_f64.to_bits());
    }

    proptest! {
        #[test]
        fn a_unit_is_above_0(family: u32, model: u32, unit: u64) {
            for vendor in [Vendor::Intel, Vendor::Amd] {
                let unit = energy_unit(&cpu(vendor, family, model), unit, Register::Package);
                prop_assert!(unit > 0.0 && unit.is_finite());
            }
        }
    }
}
