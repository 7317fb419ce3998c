//! The limits of all checks, each with its reason.

/// Share of the evaluations or records that must show a trace which a fault leaves in all of them.
pub const NEARLY_ALL: f64 = 0.9;

/// An energy within this share of power × time is that; rounding comes on top.
pub const SAME_ENERGY: f64 = 0.02;

/// No single node takes more, in watts: an eight-GPU node of 2025 is rated at 14 kW.
pub const NODE_MOST_W: f64 = 50_000.0;

/// No GPU that runs takes less, in watts: an idle Jetson takes about 1 W.
pub const GPU_LEAST_W: f64 = 0.5;

/// A GPU's short peaks pass its limit by a little: mean powers beyond this share of it are no means.
pub const OVER_LIMIT: f64 = 1.1;

/// Utilisations in per cent above this are no utilisations; 100 and what rounding adds.
pub const MOST_PERCENT: f64 = 100.5;

/// No GPU runs hotter, in degrees Celsius: they switch off at 90 to 110.
pub const MOST_CELSIUS: f64 = 125.0;

/// A ratio of total to parts is one constant if its standard deviation is below this share of it.
pub const CONSTANT_RATIO: f64 = 0.003;

/// A constant ratio within this of 1 is rounding, not a power usage effectiveness.
pub const PUE_LEAST: f64 = 0.005;

/// A window is longer than the training if it is by this share at least, beyond the resolution of its stamps.
pub const LONG_WINDOW: f64 = 0.05;

/// How unlikely chance must be before repeated figures or late beginnings are a trace.
pub const CHANCE: f64 = 1e-6;

/// Sleep of EA-HAS-Bench's tracer before its first reading, in seconds: the blind start that is looked for.
pub const BLIND_S: f64 = 0.1;

/// Readings are irregular if the coefficient of variation of their spacing is above this: a loop that spawns a process
/// varies by 5 % and more, one on a schedule by less than 1 %.
pub const IRREGULAR: f64 = 0.02;

/// Weighing by count in place of time is a fault where it moves the mean by this share of it (median), else a note.
pub const MOVED: f64 = 0.01;

/// A power that a rule gives is met within this share.
pub const RULE_MET: f64 = 0.001;

/// Repeats scatter if the median coefficient of variation of their energy is above this.
pub const REPEATS_SCATTER: f64 = 0.02;

/// The range of GPU power is wide if it spans this share of idle to limit.
pub const WIDE_RANGE: f64 = 0.5;
