//! The fields that this crate knows: their names through the driver generations, and where logs have them.

/// How a field is printed, and what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Watts.
    Power,
    /// A setting in watts, kept as a whole number of milliwatts: nothing that flows, so nothing to be summed.
    PowerLimit,
    /// Per cent.
    Share,
    /// Mebibytes.
    Memory,
    /// Degrees Celsius.
    Temperature,
    /// Megahertz.
    Clock,
    /// `P0` to `P15`.
    PState,
    /// A set of flags in hexadecimal.
    Mask,
    /// Text: a name, an id, a time.
    Text,
}

impl Kind {
    /// The unit that may stand behind the number.
    pub const fn unit(self) -> Option<&'static str> {
        match self {
            Self::Power | Self::PowerLimit => Some("W"),
            Self::Share => Some("%"),
            Self::Memory => Some("MiB"),
            Self::Temperature => Some("C"),
            Self::Clock => Some("MHz"),
            Self::PState | Self::Mask | Self::Text => None,
        }
    }
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident, $kind:ident, [$($name:literal),+], [$($xml:literal),*], [$($query:literal),*];)*) => {
        /// A field that `nvidia-smi` knows, in any of its driver generations.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Field {
            $($(#[$doc])* $variant,)*
        }

        impl Field {
            /// Every field.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// How it is printed.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// Its names for `--query-gpu`, the newest first. The first one names the channel.
            pub const fn names(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($name),+],)* }
            }

            /// Where `-q -x` has it: the elements below `gpu`, of all driver generations.
            pub const fn xml_paths(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($xml),*],)* }
            }

            /// Where `-q` has it: the headings below the GPU, of all driver generations.
            pub const fn query_paths(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($query),*],)* }
            }
        }
    };
}

fields! {
    /// Time of the query in local time.
    Timestamp, Text, ["timestamp"], [], [];
    /// Position among the GPUs; may change at each boot.
    Index, Text, ["index"], [], [];
    /// Identity of the GPU.
    Uuid, Text, ["uuid", "gpu_uuid"], ["uuid"], ["GPU UUID"];
    /// Product name.
    Name, Text, ["name", "gpu_name"], ["product_name"], ["Product Name"];
    /// Version of the driver.
    DriverVersion, Text, ["driver_version"], [], [];
    /// PCI domain, bus, device and function.
    BusId, Text, ["pci.bus_id", "gpu_bus_id"], ["pci/pci_bus_id"], ["PCI/Bus Id"];
    /// CUDA compute capability, which tells the architecture. Since driver 510 or so.
    ComputeCapability, Text, ["compute_cap"], [], [];
    /// Power of the board; what it averages over depends on architecture and driver.
    PowerDraw, Power, ["power.draw"],
        ["power_readings/power_draw", "gpu_power_readings/power_draw"],
        ["Power Readings/Power Draw", "GPU Power Readings/Power Draw"];
    /// Average power of the board.
    PowerAverage, Power, ["power.draw.average", "gpu.power.draw.average"],
        ["gpu_power_readings/average_power_draw", "power_readings/average_power_draw"],
        ["GPU Power Readings/Average Power Draw", "Power Readings/Average Power Draw"];
    /// Newest power of the board.
    PowerInstant, Power, ["power.draw.instant", "gpu.power.draw.instant"],
        ["gpu_power_readings/instant_power_draw", "power_readings/instant_power_draw"],
        ["GPU Power Readings/Instantaneous Power Draw", "Power Readings/Instantaneous Power Draw"];
    /// Average power of the GPU's memory; in logs only.
    MemoryPowerAverage, Power, ["memory.power.draw.average"],
        ["gpu_memory_power_readings/average_power_draw", "gpu_memory_power_readings/power_draw"],
        ["GPU Memory Power Readings/Average Power Draw", "GPU Memory Power Readings/Power Draw"];
    /// Newest power of the GPU's memory; in logs only.
    MemoryPowerInstant, Power, ["memory.power.draw.instant"],
        ["gpu_memory_power_readings/instant_power_draw"],
        ["GPU Memory Power Readings/Instantaneous Power Draw"];
    /// Power of the module, a superchip; in logs of drivers 535 to 565.
    ModulePower, Power, ["module.power.draw"],
        ["module_power_readings/power_draw"],
        ["Module Power Readings/Power Draw"];
    /// Average power of the module.
    ModulePowerAverage, Power, ["module.power.draw.average"],
        ["module_power_readings/average_power_draw"],
        ["Module Power Readings/Average Power Draw"];
    /// Newest power of the module.
    ModulePowerInstant, Power, ["module.power.draw.instant"],
        ["module_power_readings/instant_power_draw"],
        ["Module Power Readings/Instantaneous Power Draw"];
    /// Power limit set by software.
    PowerLimit, PowerLimit, ["power.limit", "gpu.power.requested_limit"],
        ["power_readings/power_limit", "gpu_power_readings/requested_power_limit"],
        ["Power Readings/Power Limit", "GPU Power Readings/Requested Power Limit"];
    /// Power limit in force.
    EnforcedLimit, PowerLimit, ["enforced.power.limit", "gpu.power.current_limit"],
        ["power_readings/enforced_power_limit", "gpu_power_readings/current_power_limit"],
        ["Power Readings/Enforced Power Limit", "GPU Power Readings/Current Power Limit"];
    /// Power limit after loading the driver.
    DefaultLimit, PowerLimit, ["power.default_limit", "gpu.power.default_limit"],
        ["power_readings/default_power_limit", "gpu_power_readings/default_power_limit"],
        ["Power Readings/Default Power Limit", "GPU Power Readings/Default Power Limit"];
    /// Lowest power limit that can be set.
    MinLimit, PowerLimit, ["power.min_limit", "gpu.power.min_limit"],
        ["power_readings/min_power_limit", "gpu_power_readings/min_power_limit"],
        ["Power Readings/Min Power Limit", "GPU Power Readings/Min Power Limit"];
    /// Highest power limit that can be set.
    MaxLimit, PowerLimit, ["power.max_limit", "gpu.power.max_limit"],
        ["power_readings/max_power_limit", "gpu_power_readings/max_power_limit"],
        ["Power Readings/Max Power Limit", "GPU Power Readings/Max Power Limit"];
    /// Power limit of the module set by software.
    ModuleLimit, PowerLimit, ["module.power.limit", "module.power.requested_limit"],
        ["module_power_readings/requested_power_limit"],
        ["Module Power Readings/Requested Power Limit"];
    /// Power limit of the module in force.
    ModuleEnforcedLimit, PowerLimit, ["module.enforced.power.limit", "module.power.current_limit"],
        ["module_power_readings/current_power_limit"],
        ["Module Power Readings/Current Power Limit"];
    /// Share of time in which a kernel ran.
    Utilisation, Share, ["utilization.gpu"], ["utilization/gpu_util"], ["Utilization/GPU", "Utilization/Gpu"];
    /// Share of time in which memory was read or written.
    MemoryUtilisation, Share, ["utilization.memory"], ["utilization/memory_util"], ["Utilization/Memory"];
    /// Memory in use.
    MemoryUsed, Memory, ["memory.used"], ["fb_memory_usage/used"], ["FB Memory Usage/Used"];
    /// Memory installed.
    MemoryTotal, Memory, ["memory.total"], ["fb_memory_usage/total"], ["FB Memory Usage/Total"];
    /// Temperature of the GPU.
    Temperature, Temperature, ["temperature.gpu"],
        ["temperature/gpu_temp"], ["Temperature/GPU Current Temp"];
    /// Temperature of its memory.
    MemoryTemperature, Temperature, ["temperature.memory"],
        ["temperature/memory_temp"], ["Temperature/Memory Current Temp"];
    /// Clock of the graphics engine.
    GraphicsClock, Clock, ["clocks.current.graphics", "clocks.gr"],
        ["clocks/graphics_clock"], ["Clocks/Graphics"];
    /// Clock of the streaming multiprocessors.
    SmClock, Clock, ["clocks.current.sm", "clocks.sm"], ["clocks/sm_clock"], ["Clocks/SM"];
    /// Clock of the memory.
    MemoryClock, Clock, ["clocks.current.memory", "clocks.mem"], ["clocks/mem_clock"], ["Clocks/Memory"];
    /// Performance state, 0 the highest.
    PState, PState, ["pstate"], ["performance_state"], ["Performance State"];
    /// What holds the clocks down, as NVML's bits; throttle reasons before driver 535.
    EventReasons, Mask, ["clocks_event_reasons.active", "clocks_throttle_reasons.active"], [], [];
}

impl Field {
    /// The field with this name for `--query-gpu`, in any driver generation.
    ///
    /// ```
    /// use driver_smi::protocol::Field;
    /// assert_eq!(Field::named("clocks_throttle_reasons.active"), Some(Field::EventReasons));
    /// assert_eq!(Field::named("power.drow"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.names().contains(&name))
    }

    /// The first of its names, which is the channel's.
    pub fn name(self) -> &'static str {
        self.names()[0]
    }

    /// Whether it identifies the GPU or the query rather than measures.
    pub fn is_identity(self) -> bool {
        self.kind() == Kind::Text
    }

    /// Whether only logs have it: `--query-gpu` never offers it.
    pub const fn is_log_only(self) -> bool {
        matches!(self, Self::MemoryPowerAverage | Self::MemoryPowerInstant | Self::ModulePower)
    }
}
