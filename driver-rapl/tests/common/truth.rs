//! A machine whose true power is known, by powercap and by both layouts of registers.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use power_core::{Clock, Joules, Options};
use power_testkit::{CounterModel, Signal};

use super::Fake;
use super::fuse::{Content, Mounted, Register, Unit};

/// Power of a domain that no test exceeds, for option `rated_w`.
pub const RATED_W: &str = "200";

/// Energy after which every counter here returns to 0: 1024 J, which is 5 s at rated power.
pub const WRAP_J: f64 = 1_024.0;

/// How often the counters are updated.
pub const PERIOD: Duration = Duration::from_millis(1);

/// How counters are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Powercap,
    Intel,
    Amd,
}

impl Layout {
    pub const ALL: [Self; 3] = [Self::Powercap, Self::Intel, Self::Amd];

    pub fn backend(self) -> &'static str {
        if self == Self::Powercap { "powercap" } else { "msr" }
    }
}

/// A machine with a true power for each of its channels.
#[derive(Debug)]
pub struct True {
    pub mounted: Mounted,
    pub fake: Fake,
    /// The channels, each with its true power.
    pub signals: Vec<(&'static str, Signal)>,
    layout: Layout,
}

/// What happens to the counters.
#[derive(Debug, Clone, Default)]
pub struct Events {
    /// When all are set back to 0, in ns.
    pub resets_ns: Vec<i64>,
}

impl True {
    /// A machine that lives by `clock`.
    pub fn new(layout: Layout, clock: impl Clock + 'static, events: &Events) -> Self {
        Self::starting(layout, clock, 0, events)
    }

    /// The same, whose time begins at `from_ns`.
    pub fn starting(layout: Layout, clock: impl Clock + 'static, from_ns: i64, events: &Events) -> Self {
        let signals: Vec<_> =
            signals(layout).into_iter().map(|(name, signal)| (name, signal.shifted(from_ns))).collect();
        let fake = Fake::new();
        match layout {
            Layout::Amd => fake.cpu("AuthenticAMD", 25, 1, "AMD EPYC 7763", "fpu msr"),
            _ => fake.cpu("GenuineIntel", 6, 0x9e, "Intel(R) Core(TM) i7-8700", "fpu msr"),
        }
        fake.topology(&[(0, 0, 0)]);
        let model = |signal: &Signal| counter(layout, signal, from_ns, events);
        let files = match layout {
            Layout::Powercap => zones(&signals, model),
            _ => vec![(
                "cpu/0/msr".to_owned(),
                Content::Registers(Arc::new(registers(layout, &signals, model))),
            )],
        };
        Self { mounted: Mounted::new(files, clock), fake, signals, layout }
    }

    /// Options that point the driver here, with further ones.
    pub fn options(&self, more: &[(&str, &str)]) -> Options {
        let options = self
            .fake
            .options(&[("backend", self.layout.backend()), ("cores", "on"), ("rated_w", RATED_W)])
            .with("powercap_root", self.mounted.path("powercap"))
            .with("msr_root", self.mounted.path("cpu"));
        more.iter().fold(options, |options, (name, value)| options.with(*name, *value))
    }

    /// Name of the file or register that holds the package's counter.
    pub fn package_counter(&self) -> &'static str {
        match self.layout {
            Layout::Powercap => "powercap/intel-rapl:0/energy_uj",
            Layout::Intel => "cpu/0/msr@0x611",
            Layout::Amd => "cpu/0/msr@0xc001029b",
        }
    }
}

/// The true power of each channel, for 2000 s from time 0.
pub fn signals(layout: Layout) -> Vec<(&'static str, Signal)> {
    let load = |low, high, seed| {
        Signal::random_square(low, high, Duration::from_secs(3), 0..2_000_000_000_000, seed)
    };
    let (cores, rest, dram) = (load(8.0, 90.0, 1), load(15.0, 20.0, 2), load(4.0, 25.0, 3));
    let package = cores.clone() + rest.clone();
    let psys = package.clone() + dram.clone() + Signal::constant(12.0);
    match layout {
        Layout::Amd => vec![("package-0", package), ("package-0/core-of-cpu-0", cores)],
        _ => vec![
            ("psys", psys),
            ("package-0", package),
            ("package-0/core", cores),
            ("package-0/uncore", rest),
            ("package-0/dram", dram),
        ],
    }
}

/// The counter of a domain: raw counts of 2^-14 J behind powercap, of 2^-22 J in a register of 32 bits, both 1024 J long.
pub fn counter(layout: Layout, signal: &Signal, from_ns: i64, events: &Events) -> CounterModel {
    let bits = if layout == Layout::Powercap { 24 } else { 32 };
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let quantum = WRAP_J / (1_u64 << bits) as f64;
    CounterModel::new(signal.clone(), Joules::from_joules(quantum), PERIOD)
        .with_modulus(1 << bits)
        .with_jitter(PERIOD / 20, 7)
        .with_start(from_ns, (1 << bits) / 3)
        .with_resets(events.resets_ns.clone())
}

fn zones(
    signals: &[(&'static str, Signal)],
    model: impl Fn(&Signal) -> CounterModel,
) -> Vec<(String, Content)> {
    const FOLDERS: [(&str, &str); 5] = [
        ("intel-rapl:1", "psys"),
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:0:1", "uncore"),
        ("intel-rapl:0:2", "dram"),
    ];
    // 2^-14 J as the kernel has it, 61.035 µJ: 1000 × 1000000 / 2^14, cut down.
    let unit = Unit(61_035);
    let range = ((1_u64 << 24) - 1) * unit.0 / 1_000;
    let zone = |((folder, name), (_, signal)): (&(&str, &str), &(&str, Signal))| {
        let file = |file: &str, content| (format!("powercap/{folder}/{file}"), content);
        [
            file("name", Content::Text((*name).to_owned())),
            file("max_energy_range_uj", Content::Text(range.to_string())),
            file("energy_uj", Content::Energy(model(signal), unit)),
        ]
    };
    FOLDERS.iter().zip(signals).flat_map(zone).collect()
}

fn registers(
    layout: Layout,
    signals: &[(&'static str, Signal)],
    model: impl Fn(&Signal) -> CounterModel,
) -> BTreeMap<u64, Register> {
    // 2^-22 J in bits 12 to 8.
    let unit = Register::Value(0x000a_1603);
    let (at, addresses): (u64, &[u64]) = match layout {
        Layout::Amd => (0xc001_0299, &[0xc001_029b, 0xc001_029a]),
        _ => (0x606, &[0x64d, 0x611, 0x639, 0x641, 0x619]),
    };
    let counters = addresses.iter().zip(signals);
    let mut registers: BTreeMap<u64, Register> =
        counters.map(|(address, (_, signal))| (*address, Register::Counter(model(signal)))).collect();
    registers.insert(at, unit);
    if layout == Layout::Intel {
        // Energy filtering can be set, and is.
        registers.insert(0x10a, Register::Value(1 << 11));
        registers.insert(0xbc, Register::Value(1));
    }
    registers
}
