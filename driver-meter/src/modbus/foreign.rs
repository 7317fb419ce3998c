//! Anybody's Modbus client as a source of registers.

use std::fmt;

use power_core::{Error, ErrorKind, Result};

use super::exception::Exception;
use super::protocol::{ReadRequest, Table};
use super::registers::Registers;

/// Any [`modbus::Client`] as a source of [`Registers`].
///
/// A client that failed in any other way than by a refusal is dropped and made anew, since nothing says whether it is
/// still in step. How long a read blocks is up to the client: give it timeouts. It allocates at every read, as the
/// trait wants it.
///
/// ```no_run
/// use driver_meter::modbus::{Foreign, MeterSource};
/// use driver_meter::profile;
/// use std::time::Duration;
///
/// let connect = || {
///     let deadline = Some(Duration::from_secs(1)); // without one it waits for ever
///     let config = modbus::Config {
///         tcp_connect_timeout: deadline,
///         tcp_read_timeout: deadline,
///         tcp_write_timeout: deadline,
///         ..modbus::Config::default()
///     };
///     modbus::Transport::new_with_cfg("192.168.1.9", config)
/// };
/// let registers = Foreign::new("192.168.1.9", connect)?;
/// let profile = profile::shipped("umg96rm").expect("a shipped profile");
/// let meter = MeterSource::open(profile, registers, 1)?;
/// # Ok::<(), power_core::Error>(())
/// ```
pub struct Foreign<C, F> {
    name: String,
    connect: F,
    client: Option<C>,
    generation: u64,
}

impl<C, F> Foreign<C, F>
where
    C: modbus::Client,
    F: FnMut() -> std::io::Result<C>,
{
    /// Connects; `name` says in messages with what.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::Unavailable`] if `connect` fails.
    pub fn new(name: impl Into<String>, connect: F) -> Result<Self> {
        let mut foreign = Self { name: name.into(), connect, client: None, generation: 0 };
        foreign.client = Some(foreign.connected(ErrorKind::Unavailable)?);
        Ok(foreign)
    }

    fn connected(&mut self, otherwise: ErrorKind) -> Result<C> {
        (self.connect)().map_err(|error| {
            Error::from_io(otherwise, "cannot connect to the meter", error).with_context("link", &*self.name)
        })
    }
}

impl<C, F> Registers for Foreign<C, F>
where
    C: modbus::Client + Send,
    F: FnMut() -> std::io::Result<C> + Send,
{
    fn prepare(&mut self, _request: ReadRequest) -> Result<()> {
        if self.client.is_none() {
            // What was there may come back: the reader goes on, with a gap.
            self.client = Some(self.connected(ErrorKind::Timeout)?);
            self.generation += 1;
        }
        Ok(())
    }

    fn exchange(&mut self, request: ReadRequest, registers: &mut [u16]) -> Result<()> {
        let Some(client) = &mut self.client else {
            return Err(Error::new(ErrorKind::Timeout, "the link to the meter is down")
                .with_context("link", &*self.name));
        };
        client.set_uid(request.unit);
        let answer = match request.table {
            Table::Holding => client.read_holding_registers(request.address, request.count),
            Table::Input => client.read_input_registers(request.address, request.count),
        };
        let error = match answer {
            Ok(values) if values.len() == registers.len() => {
                registers.copy_from_slice(&values);
                return Ok(());
            }
            Ok(values) => {
                let message = format!("{} registers came instead of {}", values.len(), registers.len());
                Error::new(ErrorKind::Protocol, message)
            }
            Err(modbus::Error::Exception(code)) => {
                return Err(Exception::from(code)
                    .into_error()
                    .with_context("link", &*self.name)
                    .with_context("register", format!("{:#06X}", request.address)));
            }
            Err(modbus::Error::Io(error)) => {
                // A connection that broke is made anew by the next read.
                Error::from_io(ErrorKind::Timeout, "the meter does not answer", error)
            }
            Err(error) => {
                Error::new(ErrorKind::Protocol, "the meter's answer makes no sense").with_source(error)
            }
        };
        self.client = None;
        Err(error.with_context("link", &*self.name))
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn details(&self) -> Vec<(String, String)> {
        vec![("link".into(), self.name.clone())]
    }
}

impl<C, F> fmt::Debug for Foreign<C, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign")
            .field("name", &self.name)
            .field("connected", &self.client.is_some())
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
