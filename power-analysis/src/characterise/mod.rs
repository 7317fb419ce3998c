//! What a sensor does to power: how often it publishes, what it averages, how late it is, how it rises, its gain.
//!
//! [`characterise()`] gives all that one recording tells; the other functions are its parts. The sensor model is
//! `true power, delayed, through a window or a lag, sampled on a lattice, times gain plus offset, rounded, held until the
//! next`. What drives it is a reference ([`Drive::of_trace`](crate::Drive::of_trace)) or the load as commanded
//! ([`Drive::of_steps`](crate::Drive::of_steps)); then the load's own rise is in the result, and its delay is that from
//! command to reading.

mod cost;
mod counter;
mod events;
mod lattice;
mod noise;
mod period;
mod pictures;
mod plateaus;
mod search;
mod sensor;
mod shapes;
mod transient;
mod unroll;

pub use cost::{CallCost, call_cost};
pub use counter::{CounterRatio, counter_ratios};
pub use events::{Change, changes};
pub use noise::{Quantum, noise_w, quantum};
pub use period::{LatticePoint, PeriodVerdict, Published, UpdatePeriod, update_period};
pub use pictures::{Pictures, Surface, pictures};
pub use plateaus::{Plateau, PlateauFit, PlateauSettings, plateaus};
pub use sensor::{Character, CharacterSettings, Driven, characterise};
pub use transient::{Alternative, Transient, TransientClass, TransientRefusal, TransientSettings, transient};
pub use unroll::{UnrollSettings, Unrolled, unroll};
