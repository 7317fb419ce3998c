//! One measured point of a source.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::{Quantity, Unit, Watts};

/// Position of a channel in its source's [`Descriptor`](crate::Descriptor).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ChannelId(pub u16);

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which part of the machine a channel's power flows into: what may be summed and compared with what.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Scope {
    /// Nobody says; such a channel is never summed.
    #[default]
    Unknown,
    /// A whole add-in board, a GPU card with its memory and regulators.
    Board,
    /// A module of several chips (a superchip: CPU, GPU and memory).
    Module,
    /// The chip of an accelerator without its memory.
    Chip,
    /// A CPU package (socket).
    Package,
    /// The cores of a package.
    Core,
    /// The part of a package outside its cores.
    Uncore,
    /// Memory.
    Dram,
    /// The platform as the CPU's own meter sees it (RAPL psys).
    Platform,
    /// The whole node at its mains inlet.
    NodeAc,
    /// The whole node behind its power supply.
    NodeDc,
    /// One named supply rail.
    Rail(Cow<'static, str>),
}

impl Scope {
    /// Whether what `part` measures is counted in what this measures, on one machine; no for itself, and for what nobody
    /// knows.
    ///
    /// ```
    /// use power_core::Scope;
    /// assert!(Scope::NodeAc.contains(&Scope::Board) && Scope::Package.contains(&Scope::Core));
    /// assert!(!Scope::Board.contains(&Scope::Package) && !Scope::NodeAc.contains(&Scope::Unknown));
    /// ```
    pub fn contains(&self, part: &Self) -> bool {
        use Scope::{Board, Chip, Core, Dram, Module, NodeAc, NodeDc, Package, Platform, Uncore, Unknown};
        match self {
            NodeAc => !matches!(part, NodeAc | Unknown),
            NodeDc => !matches!(part, NodeAc | NodeDc | Unknown),
            Module => matches!(part, Board | Chip | Package | Core | Uncore | Dram),
            Board => matches!(part, Chip | Dram),
            Platform => matches!(part, Package | Core | Uncore | Dram),
            Package => matches!(part, Core | Uncore),
            Chip | Core | Uncore | Dram | Self::Rail(_) | Unknown => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown scope",
            Self::Board => "board",
            Self::Module => "module",
            Self::Chip => "chip",
            Self::Package => "package",
            Self::Core => "core",
            Self::Uncore => "uncore",
            Self::Dram => "DRAM",
            Self::Platform => "platform",
            Self::NodeAc => "node AC",
            Self::NodeDc => "node DC",
            Self::Rail(name) => return write!(f, "rail {name}"),
        })
    }
}

/// How a channel's publications reach the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Delivery {
    /// The host asks for the latest value: many readings may see one publication, or miss some.
    #[default]
    Polled,
    /// The device hands over each of its values once: every reading is a publication.
    Streamed,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Polled => "polled",
            Self::Streamed => "streamed",
        })
    }
}

/// Limits of error from a data sheet: `percent_of_reading` % of the reading plus `percent_of_range` % of the range.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Accuracy {
    /// Per cent of the reading.
    pub percent_of_reading: f64,
    /// Per cent of the upper end of the range.
    pub percent_of_range: f64,
    /// Where the figures stand: data sheet and page.
    pub source: Cow<'static, str>,
}

impl fmt::Display for Accuracy {
    /// Writes the limits as data sheets do, without their source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "±({} % of reading + {} % of range)", self.percent_of_reading, self.percent_of_range)
    }
}

/// Lowest and highest value that a channel can show, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Range {
    /// Lowest value.
    pub low: f64,
    /// Highest value.
    pub high: f64,
}

/// One measured point: what it measures, where, how often, and how well by its maker's word.
///
/// ```
/// use power_core::{Channel, Quantity, Scope};
/// use std::time::Duration;
/// let channel = Channel::new("power.draw", Quantity::average_power(Duration::from_secs(1)))
///     .with_scope(Scope::Board)
///     .with_update_period(Duration::from_millis(100));
/// assert_eq!(channel.unit().symbol(), "W");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Channel {
    /// Name, unique within the source; the field's or the maker's word for it.
    pub name: Cow<'static, str>,
    /// What is measured.
    pub quantity: Quantity,
    /// Which part of the machine is measured.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scope: Scope,
    /// How publications reach the host.
    #[cfg_attr(feature = "serde", serde(default))]
    pub delivery: Delivery,
    /// The channel of the same source that contains this one, so that sums never count twice.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub part_of: Option<ChannelId>,
    /// Nominal update period T between publications, where known.
    #[cfg_attr(
        feature = "serde",
        serde(
            default,
            rename = "update_period_ns",
            with = "crate::serde_duration::option",
            skip_serializing_if = "Option::is_none"
        )
    )]
    pub update_period: Option<Duration>,
    /// Measuring range, in the channel's unit.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub range: Option<Range>,
    /// Smallest change shown, in the channel's unit.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub resolution: Option<f64>,
    /// Limits of error from the data sheet.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub accuracy: Option<Accuracy>,
    /// Power that this point can never exceed: what bounds the step of an energy counter.
    #[cfg_attr(
        feature = "serde",
        serde(default, rename = "rated_power_w", skip_serializing_if = "Option::is_none")
    )]
    pub rated_power: Option<Watts>,
}

impl Channel {
    /// A polled channel of which only name and quantity are known.
    pub fn new(name: impl Into<Cow<'static, str>>, quantity: Quantity) -> Self {
        Self {
            name: name.into(),
            quantity,
            scope: Scope::Unknown,
            delivery: Delivery::Polled,
            part_of: None,
            update_period: None,
            range: None,
            resolution: None,
            accuracy: None,
            rated_power: None,
        }
    }

    /// Unit of the readings.
    pub fn unit(&self) -> Unit {
        self.quantity.unit()
    }

    /// Nominal averaging window W, where known.
    pub fn window(&self) -> Option<Duration> {
        self.quantity.window()
    }

    /// Sets the scope.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets how publications reach the host.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// Sets the channel that contains this one.
    #[must_use]
    pub fn with_part_of(mut self, whole: ChannelId) -> Self {
        self.part_of = Some(whole);
        self
    }

    /// Sets the nominal update period.
    #[must_use]
    pub fn with_update_period(mut self, period: Duration) -> Self {
        self.update_period = Some(period);
        self
    }

    /// Sets the measuring range, in the channel's unit.
    #[must_use]
    pub fn with_range(mut self, low: f64, high: f64) -> Self {
        self.range = Some(Range { low, high });
        self
    }

    /// Sets the smallest change shown, in the channel's unit.
    #[must_use]
    pub fn with_resolution(mut self, resolution: f64) -> Self {
        self.resolution = Some(resolution);
        self
    }

    /// Sets the limits of error and where they stand.
    #[must_use]
    pub fn with_accuracy(mut self, accuracy: Accuracy) -> Self {
        self.accuracy = Some(accuracy);
        self
    }

    /// Sets the power that this point can never exceed.
    #[must_use]
    pub fn with_rated_power(mut self, power: Watts) -> Self {
        self.rated_power = Some(power);
        self
    }
}
