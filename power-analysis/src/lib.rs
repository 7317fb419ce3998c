#![doc = include_str!("../README.md")]

mod agreement;
pub mod audit;
pub mod characterise;
pub mod clock;
mod compare;
mod energy;
pub mod estimators;
pub mod faults;
mod filter;
mod fit;
mod misalignment;
pub mod node;
mod pairs;
mod phases;
mod publications;
mod readings;
mod single;
pub mod stats;
mod time;
mod trace;

pub use agreement::{Agreement, Distribution, agreement};
pub use compare::{Comparison, Explained, Incomparable, Reference, Sampling, Settings, compare};
pub use energy::{CONFIDENCE, Energies, EnergyPair, Guard, RelativeError, guard_banded, naive};
pub use filter::{Window, emulated, published};
pub use fit::Drive;
pub use pairs::{Matching, Pairs};
pub use phases::{FEWEST_PUBLICATIONS, GAP_PERIODS, Phase, PhaseGroup, PhaseRow, PhaseVerdict};
pub use publications::{Period, Publication, Publications};
pub use readings::{Raw, Readings, ReadingsBuilder, Values};
pub use single::{ChannelEnergy, channel_energy};
pub use time::Interval;
pub use trace::{Between, Cursor, Trace};
