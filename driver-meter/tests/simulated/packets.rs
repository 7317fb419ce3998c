//! A link that keeps packets apart, as USB does.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use driver_meter::link::Link;
use power_core::{Error, ErrorKind, Result};

/// Makes the two ends of a link: the host's and the meter's. The closure is given the meter's end.
pub(crate) type Plug = Arc<Mutex<dyn FnMut(UnixDatagram) + Send>>;

/// A link over a pair of datagram sockets.
pub(crate) struct PacketLink {
    plug: Plug,
    socket: Option<UnixDatagram>,
}

impl std::fmt::Debug for PacketLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PacketLink")
    }
}

impl PacketLink {
    /// Opens a link; `plug` gets the meter's end, now and whenever it is opened anew.
    pub(crate) fn open(plug: &Plug) -> Box<dyn Link> {
        let mut link = Self { plug: plug.clone(), socket: None };
        link.connect();
        Box::new(link)
    }

    fn connect(&mut self) {
        let (host, meter) = UnixDatagram::pair().unwrap();
        (self.plug.lock().unwrap())(meter);
        self.socket = Some(host);
    }

    fn socket(&self) -> Result<&UnixDatagram> {
        self.socket.as_ref().ok_or_else(|| Error::new(ErrorKind::Disconnected, "unplugged"))
    }
}

impl Link for PacketLink {
    fn name(&self) -> &'static str {
        "packets"
    }

    fn send(&mut self, bytes: &[u8], _deadline: Instant) -> Result<()> {
        match self.socket()?.send(bytes) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.socket = None;
                Err(Error::new(ErrorKind::Disconnected, "cannot send").with_source(error))
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        let left = deadline.saturating_duration_since(Instant::now());
        let socket = self.socket()?;
        if left.is_zero() {
            return Err(Error::new(ErrorKind::Timeout, "no packet"));
        }
        socket.set_read_timeout(Some(left)).unwrap();
        match socket.recv(buffer) {
            Ok(0) => {
                self.socket = None;
                Err(Error::new(ErrorKind::Disconnected, "unplugged"))
            }
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(Error::new(ErrorKind::Timeout, "no packet"))
            }
            Err(error) => {
                self.socket = None;
                Err(Error::new(ErrorKind::Disconnected, "cannot receive").with_source(error))
            }
        }
    }

    fn discard_input(&mut self) -> Result<()> {
        let socket = self.socket()?;
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 64]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
        Ok(())
    }

    fn reopen(&mut self, _deadline: Instant) -> Result<()> {
        self.connect();
        Ok(())
    }
}
