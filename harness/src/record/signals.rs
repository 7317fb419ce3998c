//! Signals of this process, as events.

use std::sync::mpsc::Sender;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::session::Event;
use crate::{Error, Result};

/// A thread that turns signals into events.
#[derive(Debug)]
pub(super) struct Watch(Handle);

impl Watch {
    /// Watches SIGINT, SIGTERM and SIGHUP until it is dropped; they no longer end this process by themselves.
    pub(super) fn start(events: Sender<Event>) -> Result<Self> {
        let cannot = |error: std::io::Error| Error::new("signals cannot be watched").because(error);
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(cannot)?;
        let handle = signals.handle();
        let work = move || signals.forever().try_for_each(|signal| events.send(Event::Signal(signal)));
        thread::Builder::new().name("signals".to_owned()).spawn(work).map_err(cannot)?;
        Ok(Self(handle))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.close();
    }
}
