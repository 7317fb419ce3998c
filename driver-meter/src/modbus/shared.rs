//! Links that several sources of this program share: the units of a bus, or behind a gateway.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use power_core::{Error, ErrorKind, Result};

use super::client::Client;
use super::protocol::ReadRequest;
use super::protocol::serve::Framing;
use super::registers::Registers;
use super::timing::Timing;
use crate::address::Address;
use crate::link::Link;
use crate::link::serial::SerialSettings;

type Bus = Client<Box<dyn Link>>;

/// A bus that is open: where, how, and its client.
type OpenBus = (String, String, Weak<Mutex<Bus>>);

/// The buses that this program has open.
static OPEN: Mutex<Vec<OpenBus>> = Mutex::new(Vec::new());

/// How a link is to be opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) address: Address,
    pub(crate) framing: Framing,
    pub(crate) serial: SerialSettings,
    pub(crate) timing: Timing,
}

/// One source's hold on a bus.
///
/// A read waits for a read of another unit under way; sources of one bus have one lane, so that one thread reads them
/// in turn.
#[derive(Debug)]
pub(crate) struct Shared {
    bus: Arc<Mutex<Bus>>,
    timing: Timing,
}

/// Opens the link, or joins those who have it open. Blocks at most for the timeout.
///
/// # Errors
///
/// - those of opening the link.
/// - [`ErrorKind::InvalidConfig`] if it is open with other settings.
pub(crate) fn shared(settings: &Settings) -> Result<Shared> {
    let place = settings.address.identity();
    let manner = match &settings.address {
        Address::Serial { .. } => format!("{:?} at {}", settings.framing, settings.serial),
        _ => format!("{:?}", settings.framing),
    };
    let mut open = lock(&OPEN);
    open.retain(|(_, _, bus)| bus.strong_count() > 0);
    let there = open.iter().find(|(other, _, _)| *other == place);
    if let Some((manner_there, bus)) = there.and_then(|(_, manner, bus)| Some((manner, bus.upgrade()?))) {
        if *manner_there != manner {
            let message = format!(
                "{} is open as {manner_there} for another meter and cannot be {manner} as well",
                settings.address
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        return Ok(Shared { bus, timing: settings.timing });
    }
    let link =
        crate::link::open(&settings.address, settings.serial, Instant::now() + settings.timing.timeout)?;
    let bus = Arc::new(Mutex::new(Client::new(link, settings.framing, settings.timing)));
    open.push((place, manner, Arc::downgrade(&bus)));
    Ok(Shared { bus, timing: settings.timing })
}

impl Shared {
    fn bus(&self) -> MutexGuard<'_, Bus> {
        let mut bus = lock(&self.bus);
        bus.set_timing(self.timing);
        bus
    }
}

impl Registers for Shared {
    fn prepare(&mut self, request: ReadRequest) -> Result<()> {
        self.bus().prepare(request)
    }

    fn exchange(&mut self, request: ReadRequest, registers: &mut [u16]) -> Result<()> {
        self.bus().exchange(request, registers)
    }

    fn generation(&self) -> u64 {
        self.bus().generation()
    }

    fn details(&self) -> Vec<(String, String)> {
        self.bus().details()
    }
}

/// A panic of another reader leaves the client usable: at worst out of step, which it finds out by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
