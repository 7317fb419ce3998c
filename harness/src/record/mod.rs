//! The recorder: reads every source when it is due, and loses nothing.
//!
//! # The way of one reading
//!
//! 1. `open` opens the sources of a [`Rig`](crate::rig::Rig) and decides how often each is read.
//! 2. `lane`: one thread a lane sleeps until a source is due by its `schedule` of absolute times.
//! 3. `polled` reads the source, which stamps before and after, and pushes each reading into the lane's ring; what
//!    there is no room for is counted. A failed read leaves rows without a value.
//! 4. `drain`: the one writing thread empties all rings into the run, shows the latest to [`live`], and hands
//!    everything to the disk once a second, with an anchor of the host's clocks.
//! 5. `session` holds it together: it starts the lanes (`fleet`) and the `child`, takes [`marks`],
//!    `signals` and failures; `ending` ends the run.
//!
//! 6. Where that is asked for, `pulses` of a known load stand at both ends, by which `wattproof sync` aligns clocks.
//!
//! [`cost`] counts what all this costs, `report` puts it into the manifest, [`summary`] says it.

mod child;
pub mod cost;
mod drain;
mod ending;
mod fleet;
pub(crate) mod host;
mod interruptions;
mod lane;
pub mod live;
pub mod marks;
mod open;
pub mod os;
mod polled;
mod pulses;
mod report;
mod schedule;
mod session;
mod settings;
mod signals;
pub mod summary;

pub use drain::Anchors;
pub use polled::Sample;
pub use pulses::{OpenedLoad, Pulses, load_error, pulse_mark};
pub use session::{COMMAND_PHASE, record};
pub use settings::{Ended, LateMarks, Settings};
