//! Until when a command runs that has no end of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{Error, Result};

/// Makes `stop` true when this process is asked to end; it no longer ends by itself then.
///
/// # Errors
///
/// - if signals cannot be watched.
pub(super) fn signalled(stop: &Arc<AtomicBool>) -> Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(stop))
            .map_err(|error| Error::new("signals cannot be watched").because(error))?;
    }
    Ok(())
}
