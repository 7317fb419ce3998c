//! Whether the CPU blurs the energy that it reports, against PLATYPUS.

use std::fs::File;

use crate::config::Roots;
use crate::counter::read_register;
use crate::machine::Machine;
use crate::protocol::{Vendor, filtering_bits};

const ARCH_CAPABILITIES: u64 = 0x10a;
const MISC_PACKAGE_CTLS: u64 = 0xbc;

/// What is known of energy filtering, for the descriptor's details.
///
/// Filtering randomises single readings and leaves long averages (Intel's guidance on CVE-2020-8694).
pub(crate) fn describe(machine: &Machine, roots: &Roots) -> String {
    if machine.cpu.vendor != Vendor::Intel {
        return format!("unknown: no register of {} says", machine.cpu);
    }
    let cpu = machine.places.first().map_or(0, |place| place.cpu);
    let path = roots.msr.join(cpu.to_string()).join("msr");
    let registers = File::open(&path).ok().and_then(|file| {
        let capabilities = read_register(&file, ARCH_CAPABILITIES).ok()?;
        Some((capabilities, read_register(&file, MISC_PACKAGE_CTLS)))
    });
    let sgx = if machine.cpu.sgx { "; SGX is enabled, with which microcode filters too" } else { "" };
    let state = match registers {
        None => "unknown: IA32_ARCH_CAPABILITIES cannot be read by the msr driver".to_owned(),
        Some((capabilities, controls)) => match (filtering_bits(capabilities, 0).0, controls) {
            (false, _) => "software cannot set it (IA32_ARCH_CAPABILITIES bit 11 is 0)".to_owned(),
            (true, Err(_)) => "unknown: IA32_MISC_PACKAGE_CTLS cannot be read".to_owned(),
            (true, Ok(controls)) if filtering_bits(capabilities, controls).1 => {
                "on (IA32_MISC_PACKAGE_CTLS bit 0): single readings are randomised".to_owned()
            }
            (true, Ok(_)) => "off (IA32_MISC_PACKAGE_CTLS bit 0)".to_owned(),
        },
    };
    format!("{state}{sgx}")
}
