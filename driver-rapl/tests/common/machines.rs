//! The machines: as the kernel shows them on a kind of computer each.

use super::Fake;

/// A machine, and the ways that lead to its counters.
#[derive(Debug)]
pub struct Machine {
    pub name: &'static str,
    pub fake: Fake,
    pub ways: &'static [&'static str],
    /// The channels by every way that it has.
    pub channels: &'static [&'static str],
    /// Those whose sum counts nothing twice.
    pub total: &'static str,
}

/// Every machine.
pub fn all() -> Vec<Machine> {
    vec![one_socket(), two_sockets(), multi_die(), client(), amd(), tpmi(), mmio()]
}

const EVERY_WAY: &[&str] = &["perf", "powercap", "msr"];
const SERVER_EVENTS: &[&str] = &["energy-pkg", "energy-ram"];

fn intel_registers(fake: &Fake, cpu: u32, dram: bool) {
    fake.register(cpu, 0x606, 0x000a_0e03);
    fake.register(cpu, 0x611, 0x1234_5678);
    // Beyond 32 bits there is nothing that counts.
    fake.register(cpu, 0x619, if dram { 0xdead_beef_0000_1234 } else { 0 });
    fake.register(cpu, 0x64d, 0);
}

/// A Skylake server with one package.
pub fn one_socket() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 85, "Intel(R) Xeon(R) Gold 6148", "fpu msr");
    fake.topology(&[(0, 0, 0), (0, 0, 1)]);
    fake.zone("intel-rapl:0", "package-0", 1_000);
    fake.zone("intel-rapl:0:0", "dram", 2_000);
    fake.pmu("power", "0", SERVER_EVENTS);
    intel_registers(&fake, 0, true);
    Machine {
        name: "one socket",
        fake,
        ways: EVERY_WAY,
        channels: &["package-0", "package-0/dram"],
        total: "package-0 + package-0/dram",
    }
}

/// An Ice Lake server with two packages. This machine has at least two CPUs, or opening fails.
pub fn two_sockets() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0x6a, "Intel(R) Xeon(R) Platinum 8380", "fpu msr sgx");
    fake.topology(&[(0, 0, 0), (1, 0, 0)]);
    for package in 0..2 {
        fake.zone(&format!("intel-rapl:{package}"), &format!("package-{package}"), 1_000);
        fake.zone(&format!("intel-rapl:{package}:0"), "dram", 2_000);
        intel_registers(&fake, package, true);
    }
    fake.pmu("power", "0-1", SERVER_EVENTS);
    Machine {
        name: "two sockets",
        fake,
        ways: EVERY_WAY,
        channels: &["package-0", "package-0/dram", "package-1", "package-1/dram"],
        total: "package-0 + package-0/dram + package-1 + package-1/dram",
    }
}

/// A Cascade Lake AP: one package of two dies, each with counters of its own.
pub fn multi_die() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 85, "Intel(R) Xeon(R) Platinum 9242", "fpu msr");
    fake.topology(&[(0, 0, 0), (0, 1, 0)]);
    for die in 0..2 {
        fake.zone(&format!("intel-rapl:{die}"), &format!("package-0-die-{die}"), 1_000);
        fake.zone(&format!("intel-rapl:{die}:0"), "dram", 2_000);
        intel_registers(&fake, die, true);
    }
    fake.pmu("power", "0,1", SERVER_EVENTS);
    Machine {
        name: "multi-die",
        fake,
        ways: EVERY_WAY,
        channels: &["package-0-die-0", "package-0-die-0/dram", "package-0-die-1", "package-0-die-1/dram"],
        total: "package-0-die-0 + package-0-die-0/dram + package-0-die-1 + package-0-die-1/dram",
    }
}

/// A client with cores, graphics and a platform's meter.
pub fn client() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0x9e, "Intel(R) Core(TM) i7-8700", "fpu msr");
    fake.topology(&[(0, 0, 0), (0, 0, 1)]);
    fake.zone("intel-rapl:0", "package-0", 1_000);
    fake.zone("intel-rapl:0:0", "core", 600);
    fake.zone("intel-rapl:0:1", "uncore", 100);
    fake.zone("intel-rapl:0:2", "dram", 300);
    fake.zone("intel-rapl:1", "psys", 9_000);
    fake.pmu("power", "0", &["energy-pkg", "energy-ram", "energy-cores", "energy-gpu", "energy-psys"]);
    intel_registers(&fake, 0, true);
    for address in [0x639, 0x641, 0x64d] {
        fake.register(0, address, 77);
    }
    Machine {
        name: "client with psys",
        fake,
        ways: EVERY_WAY,
        channels: &["psys", "package-0", "package-0/core", "package-0/uncore", "package-0/dram"],
        total: "package-0 + package-0/dram",
    }
}

/// An EPYC of one package with two dies, as old kernels show it: its package's counter twice, and the counter of one
/// core as if it were that of all.
pub fn amd() -> Machine {
    let fake = Fake::new();
    fake.cpu("AuthenticAMD", 25, 1, "AMD EPYC 7763", "fpu msr");
    fake.topology(&[(0, 0, 0), (0, 1, 1)]);
    for die in 0..2 {
        fake.zone(&format!("intel-rapl:{die}"), &format!("package-0-die-{die}"), 1_000);
        fake.zone(&format!("intel-rapl:{die}:0"), "core", 10);
    }
    fake.pmu("power", "0-1", &["energy-pkg"]);
    fake.pmu("power_core", "0-1", &["energy-core"]);
    // The three registers are neighbours: their bytes overlap here, and say 2^-16 J all the same.
    for cpu in 0..2 {
        fake.register(cpu, 0xc001_0299, 0x0807_0605_0404_1003);
        fake.register(cpu, 0xc001_02a1, 0x1009);
    }
    Machine { name: "AMD", fake, ways: EVERY_WAY, channels: &["package-0"], total: "package-0" }
}

/// A Granite Rapids whose kernel has RAPL by TPMI alone.
pub fn tpmi() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0xad, "Intel(R) Xeon(R) 6980P", "fpu msr");
    fake.topology(&[(0, 0, 0), (0, 1, 0)]);
    fake.zone("intel-rapl:0", "package-0", 1_000);
    fake.zone("intel-rapl:0:0", "dram", 2_000);
    fake.zone("intel-rapl:1", "psys", 5_000);
    intel_registers(&fake, 0, true);
    Machine {
        name: "TPMI only",
        fake,
        ways: &["powercap"],
        channels: &["psys", "package-0", "package-0/dram"],
        total: "package-0 + package-0/dram",
    }
}

/// A laptop whose package is there twice, by registers and memory-mapped.
pub fn mmio() -> Machine {
    let fake = Fake::new();
    fake.cpu("GenuineIntel", 6, 0x8c, "11th Gen Intel(R) Core(TM) i7-1185G7", "fpu msr");
    fake.topology(&[(0, 0, 0)]);
    fake.zone("intel-rapl:0", "package-0", 1_000);
    fake.zone("intel-rapl:0:0", "core", 500);
    fake.zone("intel-rapl-mmio:0", "package-0", 1_000);
    fake.file("sys/class/powercap/intel-rapl/enabled", 1);
    fake.file("sys/class/powercap/intel-rapl-mmio/enabled", 1);
    Machine {
        name: "memory-mapped twin",
        fake,
        ways: &["powercap"],
        channels: &["package-0", "package-0/core"],
        total: "package-0",
    }
}
