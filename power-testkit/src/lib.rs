#![doc = include_str!("../README.md")]

pub mod alloc;
mod clock;
mod conformance;
mod counter;
mod device_clock;
mod faults;
mod filter;
mod lattice;
mod noise;
mod num;
mod polling;
mod port;
mod sensor;
mod signal;
mod sim;

pub use clock::VirtualClock;
pub use conformance::{
    CaseResult, DriverExpectations, Expectations, Outcome, Report, conformance, driver_conformance, inspect,
    inspect_driver,
};
pub use counter::{CounterModel, CounterUpdate};
pub use device_clock::DeviceClock;
pub use faults::{Fate, Fault, Segments};
pub use filter::{Filter, FilteredSignal};
pub use polling::{Observable, Poll, Schedule, poll};
pub use port::{Expect, ReplayPort};
pub use sensor::{Publication, SensorModel};
pub use signal::{Signal, SignalBuilder};
pub use sim::{SimBuilder, SimSource};
