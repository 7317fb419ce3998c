//! What a sensor does to power: how often it publishes, what it averages, how late it is, how it rises, its gain.

mod events;
mod lattice;
mod period;
mod shapes;
mod transient;

pub use events::{Change, changes};
pub use period::{PeriodVerdict, Published, UpdatePeriod, update_period};
pub use transient::{Alternative, Transient, TransientClass, TransientRefusal, TransientSettings, transient};
