//! Who trains: the virtual node's script, kernels on real GPUs, or a command of the user; each marks its trainings and
//! epochs.

mod built_in;
mod command;
#[cfg(feature = "virtual")]
mod script;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::folder::{EPOCH, TRAINING};
use super::plan::ExperimentId;
use super::progress::Progress;
use crate::record::live::Live;
use crate::record::marks;
use crate::run::MarkEvent;
use crate::{Error, Result};

pub use built_in::BuiltIn;
pub use command::Command;
#[cfg(feature = "virtual")]
pub use script::{Script, virtual_description};

/// What is to be trained during one recording.
#[derive(Debug)]
pub enum Trainer {
    /// The virtual node's own script.
    #[cfg(feature = "virtual")]
    Script(Script),
    /// Kernels on real GPUs.
    BuiltIn(BuiltIn),
    /// A command of the user.
    Command(Command),
}

/// What a trainer works with.
#[derive(Debug, Clone)]
pub struct Scene {
    /// Folder of the run.
    pub run: PathBuf,
    /// What the recording shows.
    pub live: Live,
    /// Set when the recording is to end, by either side.
    pub stop: Arc<AtomicBool>,
    /// What a person sees.
    pub progress: Progress,
}

/// How long a recording may take to begin.
const BEGIN: Duration = Duration::from_secs(60);

impl Trainer {
    /// Trains until all is done or the recording has ended; then ends the recording.
    ///
    /// # Errors
    ///
    /// - if the recording never begins, or a training fails.
    pub fn run(self, scene: &Scene) -> Result<()> {
        let trained = match self {
            #[cfg(feature = "virtual")]
            Self::Script(script) => script.run(scene),
            Self::BuiltIn(built_in) => built_in.run(scene),
            Self::Command(command) => command.run(scene),
        };
        scene.stop.store(true, Ordering::Relaxed);
        trained
    }
}

impl Scene {
    /// Waits until the recording goes on.
    fn wait_for_recording(&self) -> Result<()> {
        let since = Instant::now();
        let socket = self.run.join(marks::SOCKET);
        while !(socket.symlink_metadata().is_ok() && self.live.has_begun()) {
            if self.is_over() {
                return Ok(());
            }
            if since.elapsed() > BEGIN {
                return Err(Error::file(&self.run, "its recording does not begin")
                    .mend("see `wattproof doctor` for sources that do not answer"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Sleeps, but not beyond the end of the recording.
    fn sleep(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        let until = Instant::now() + time;
        while !self.is_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(STEP));
        }
    }

    /// Marks in the recording, and shows it. A recording that has just ended takes no mark any more, which harms nobody:
    /// a training counts only when it is whole.
    fn mark(&self, event: MarkEvent, name: &str) {
        if let Ok(socket) = marks::find_socket(Some(&self.run)) {
            let _ = marks::send(&socket, event, name);
        }
        match (event, name.split_whitespace().next()) {
            (MarkEvent::Begin, Some(TRAINING)) => self.progress.training_begins(),
            (MarkEvent::End, Some(TRAINING)) => self.progress.training_ends(),
            (MarkEvent::Begin, Some(EPOCH)) => self.progress.epoch_begins(name),
            _ => {}
        }
    }
}

/// A seed of its own for every part or training, below 2^63 as TOML wants it.
fn seed(study: u64, id: ExperimentId, number: usize) -> u64 {
    let experiment = ExperimentId::ALL.iter().position(|other| *other == id).unwrap_or(0);
    let part = u64::try_from(experiment * 1_000_003 + number).unwrap_or(0);
    (study.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(part.wrapping_mul(0xD1B5_4A32_D192_ED03))) >> 1
}
