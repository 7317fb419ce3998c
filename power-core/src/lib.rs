#![doc = include_str!("../README.md")]

#[cfg(feature = "async")]
mod async_source;
mod channel;
mod counter;
mod descriptor;
mod driver;
mod error;
mod options;
mod quantity;
mod reading;
#[cfg(feature = "serde")]
mod serde_duration;
mod source;
mod system_clock;
#[cfg(feature = "async")]
mod threaded_source;
mod time;
mod units;

#[cfg(feature = "async")]
pub use async_source::AsyncPowerSource;
pub use channel::{Accuracy, Channel, ChannelId, Delivery, Range, Scope};
pub use counter::{Step, step};
pub use descriptor::{Descriptor, Lane};
pub use driver::{Access, Driver, Found};
pub use error::{Error, ErrorKind, Result};
pub use options::Options;
pub use quantity::{Averaging, Quantity, Unit};
pub use reading::{Flags, Reading, Recorder, Value};
pub use source::PowerSource;
pub use system_clock::SystemClock;
#[cfg(feature = "async")]
pub use threaded_source::ThreadedSource;
pub use time::{Anchor, Clock, ClockDomain, DeviceTime, HostTime, Stamp};
pub use units::{Amperes, Celsius, Hertz, Joules, Ratio, VoltAmperes, Volts, Watts};
