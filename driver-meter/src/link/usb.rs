//! USB meters by libusb: packets by interrupt or bulk transfers, and USBTMC where the kernel's driver is not there.
//!
//! Feature `usb`.

use std::time::{Duration, Instant};

use power_core::{Error, ErrorKind, Result};
use rusb::{Context, Device, DeviceHandle, Direction, TransferType, UsbContext};

use super::{Link, gone, left, rights, usbtmc_frame};

/// Time for one string of a device.
const STRING: Duration = Duration::from_millis(200);
/// Bytes asked of a USBTMC instrument at once.
const MOST_TEXT: usize = 4096;
/// USBTMC's control request that throws away what waits, and the one that asks whether that is done.
const INITIATE_CLEAR: u8 = 5;

/// Which interface of a device is used, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// A HID interface: one packet each transfer, by interrupt transfers.
    Hid,
    /// A vendor's own interface, by bulk transfers.
    Vendor,
    /// A test and measurement interface.
    UsbTmc,
}

impl Class {
    fn fits(self, class: u8, subclass: u8) -> bool {
        match self {
            Self::Hid => class == 0x03,
            Self::Vendor => class == 0xff,
            Self::UsbTmc => (class, subclass) == (0xfe, 0x03),
        }
    }

    const fn transfer(self) -> TransferType {
        match self {
            Self::Hid => TransferType::Interrupt,
            Self::Vendor | Self::UsbTmc => TransferType::Bulk,
        }
    }
}

/// A USB meter.
///
/// It is known by its serial number, or where it has none by the port that it is plugged into.
#[derive(Debug)]
pub struct UsbLink {
    class: Class,
    vendor: u16,
    products: Vec<u16>,
    /// Serial number of the one to open, if only that will do.
    serial: Option<String>,
    /// Bus and ports of the one that was opened, where it has no serial number.
    ports: Option<(u8, Vec<u8>)>,
    name: String,
    pipe: Option<Pipe>,
    tag: u8,
    frame: Vec<u8>,
}

/// An open interface.
#[derive(Debug)]
struct Pipe {
    handle: DeviceHandle<Context>,
    interface: u8,
    input: u8,
    output: u8,
    /// Longest packet of the input.
    packet: usize,
    /// Whether a kernel driver had to give way, which gets the interface back.
    detached: bool,
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // The device may be gone already.
        let _ = self.handle.release_interface(self.interface);
        if self.detached {
            let _ = self.handle.attach_kernel_driver(self.interface);
        }
    }
}

impl UsbLink {
    /// Opens the meter of this vendor and one of these products, or any product if there are none; with a serial number
    /// that one only. Blocks some milliseconds.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::NotFound`] if no such meter is plugged in
    /// - [`ErrorKind::PermissionDenied`] naming the udev rule that gives access
    /// - [`ErrorKind::Busy`] if another program uses it
    /// - [`ErrorKind::Unsupported`] if it has no such interface
    pub fn open(class: Class, vendor: u16, products: &[u16], serial: Option<&str>) -> Result<Self> {
        let mut link = Self {
            class,
            vendor,
            products: products.to_vec(),
            serial: serial.map(str::to_owned),
            ports: None,
            name: format!("usb {vendor:04x}"),
            pipe: None,
            tag: 0,
            frame: Vec::with_capacity(MOST_TEXT + usbtmc_frame::HEADER_BYTES),
        };
        link.connect()?;
        Ok(link)
    }

    fn connect(&mut self) -> Result<()> {
        // A context of its own each time: where no udev daemon runs, as in containers, libusb learns of devices that were
        // plugged in later by looking anew only.
        let devices = Context::new()
            .and_then(|context| context.devices())
            .map_err(|error| failed("cannot list USB devices", error))?;
        let mut refused = None;
        for device in devices.iter() {
            let Ok(descriptor) = device.device_descriptor() else { continue };
            let product = descriptor.product_id();
            let wanted = self.products.is_empty() || self.products.contains(&product);
            if descriptor.vendor_id() != self.vendor || !wanted {
                continue;
            }
            let place = (device.bus_number(), device.port_numbers().unwrap_or_default());
            if self.ports.as_ref().is_some_and(|known| *known != place) {
                continue;
            }
            match self.connect_to(&device, product) {
                Ok(Some((pipe, serial))) => {
                    self.name = match &serial {
                        Some(serial) => format!("usb {:04x}:{product:04x} {serial}", self.vendor),
                        None => format!("usb {:04x}:{product:04x} on bus {}", self.vendor, place.0),
                    };
                    // From now on, this one only.
                    if serial.is_none() {
                        self.ports = Some(place);
                    }
                    self.serial = serial;
                    self.pipe = Some(pipe);
                    self.clear();
                    return Ok(());
                }
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, "no such USB meter is plugged in")
                .with_context("link", self.name.clone())
        }))
    }

    /// Opens a device; `None` if it has another serial number than wanted.
    fn connect_to(&self, device: &Device<Context>, product: u16) -> Result<Option<(Pipe, Option<String>)>> {
        let handle = device.open().map_err(|error| {
            let denied = error == rusb::Error::Access;
            let error = failed("cannot open the USB meter", error);
            if denied { error.with_context("mend", rights::usb_rule(self.vendor, product)) } else { error }
        })?;
        let serial = serial_of(device, &handle);
        if self.serial.is_some() && self.serial != serial {
            return Ok(None);
        }
        let unsupported =
            || Error::new(ErrorKind::Unsupported, "the USB device has no interface of the kind");
        let config =
            device.active_config_descriptor().map_err(|error| failed("cannot read the USB device", error))?;
        let found = config.interfaces().flat_map(|interface| interface.descriptors()).find_map(|interface| {
            if !self.class.fits(interface.class_code(), interface.sub_class_code()) {
                return None;
            }
            // The numbers of endpoints differ from port to port: only direction and kind tell.
            let of = |direction| {
                interface.endpoint_descriptors().find(|endpoint| {
                    endpoint.direction() == direction && endpoint.transfer_type() == self.class.transfer()
                })
            };
            let (input, output) = (of(Direction::In)?, of(Direction::Out)?);
            let packet = usize::from(input.max_packet_size()).max(8);
            Some((interface.interface_number(), input.address(), output.address(), packet))
        });
        let (interface, input, output, packet) = found.ok_or_else(unsupported)?;
        // Asking is safe everywhere; detaching a driver that is not there fails on some systems.
        let detached = handle.kernel_driver_active(interface).unwrap_or(false);
        if detached {
            handle
                .detach_kernel_driver(interface)
                .map_err(|error| failed("cannot take the USB meter from the kernel's driver", error))?;
        }
        handle
            .claim_interface(interface)
            .map_err(|error| failed("another program uses the USB meter", error))?;
        Ok(Some((Pipe { handle, interface, input, output, packet, detached }, serial)))
    }

    /// Throws away what a USBTMC instrument had to say.
    fn clear(&mut self) {
        let Some(pipe) = self.pipe.as_ref().filter(|_| self.class == Class::UsbTmc) else { return };
        let request = rusb::request_type(Direction::In, rusb::RequestType::Class, rusb::Recipient::Interface);
        // An instrument that does not know it has nothing that waits.
        let _ =
            pipe.handle.read_control(request, INITIATE_CLEAR, 0, u16::from(pipe.interface), &mut [0], STRING);
        let _ = pipe.handle.clear_halt(pipe.output);
    }

    fn pipe(&self) -> Result<&Pipe> {
        self.pipe.as_ref().ok_or_else(|| gone(&self.name))
    }

    /// The error of a failed transfer; one that means that the device is gone closes it.
    fn lost(&mut self, tried: &'static str, error: rusb::Error) -> Error {
        match error {
            rusb::Error::Timeout => {}
            rusb::Error::Overflow => {
                return Error::new(ErrorKind::Protocol, "the USB meter sent more than a packet")
                    .with_context("link", self.name.clone());
            }
            _ => self.pipe = None,
        }
        failed(tried, error).with_context("link", self.name.clone())
    }

    fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        let time = wait(deadline)?;
        let class = self.class;
        let pipe = self.pipe()?;
        let sent = match class {
            Class::Hid => pipe.handle.write_interrupt(pipe.output, bytes, time),
            Class::Vendor | Class::UsbTmc => pipe.handle.write_bulk(pipe.output, bytes, time),
        };
        match sent {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(_) => Err(self.lost("cannot send to the USB meter", rusb::Error::Io)),
            Err(error) => Err(self.lost("cannot send to the USB meter", error)),
        }
    }

    /// Asks a USBTMC instrument for text.
    fn ask(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        self.tag = self.tag % 255 + 1;
        let most = buffer.len().min(MOST_TEXT);
        self.write(&usbtmc_frame::ask(self.tag, most), deadline)?;
        let time = wait(deadline)?;
        let mut frame = std::mem::take(&mut self.frame);
        frame.resize((usbtmc_frame::HEADER_BYTES + MOST_TEXT).next_multiple_of(512), 0);
        let pipe = self.pipe()?;
        let outcome = pipe.handle.read_bulk(pipe.input, &mut frame, time);
        let answer = match outcome {
            Ok(count) => match usbtmc_frame::parse(self.tag, &frame[..count]) {
                Some(answer) if answer.text.len() <= most => {
                    buffer[..answer.text.len()].copy_from_slice(answer.text);
                    Ok(answer.text.len())
                }
                _ => Err(Error::new(ErrorKind::Protocol, "this is no answer of a USBTMC instrument")
                    .with_context("link", self.name.clone())),
            },
            Err(error) => Err(self.lost("no answer", error)),
        };
        self.frame = frame;
        answer
    }
}

impl Link for UsbLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<()> {
        if self.class != Class::UsbTmc {
            return self.write(bytes, deadline);
        }
        self.tag = self.tag % 255 + 1;
        let mut frame = std::mem::take(&mut self.frame);
        usbtmc_frame::carry(self.tag, bytes, &mut frame);
        let sent = self.write(&frame, deadline);
        self.frame = frame;
        sent
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize> {
        if self.class == Class::UsbTmc {
            return self.ask(buffer, deadline);
        }
        let time = wait(deadline)?;
        let class = self.class;
        let pipe = self.pipe()?;
        let received = match class {
            // A transfer ends with a short packet: with room for more than one it would wait for the next.
            Class::Hid => {
                let most = pipe.packet.min(buffer.len());
                pipe.handle.read_interrupt(pipe.input, &mut buffer[..most], time)
            }
            Class::Vendor | Class::UsbTmc => {
                // Room for whole packets only: a longer one would be an overflow.
                let most = buffer.len() / pipe.packet * pipe.packet;
                pipe.handle.read_bulk(pipe.input, &mut buffer[..most], time)
            }
        };
        received.map_err(|error| self.lost("no answer", error))
    }

    /// Nothing to do: a device sends only what it is asked for by the host.
    fn discard_input(&mut self) -> Result<()> {
        self.pipe().map(|_| ())
    }

    fn reopen(&mut self, _deadline: Instant) -> Result<()> {
        self.pipe = None;
        self.connect()
    }
}

/// Time for a transfer: libusb takes no time at all for ever.
fn wait(deadline: Instant) -> Result<Duration> {
    let time =
        left(deadline).ok_or_else(|| Error::new(ErrorKind::Timeout, "no time is left for the USB meter"))?;
    Ok(time.max(Duration::from_millis(1)))
}

fn serial_of(device: &Device<Context>, handle: &DeviceHandle<Context>) -> Option<String> {
    let descriptor = device.device_descriptor().ok()?;
    descriptor.serial_number_string_index()?;
    let language = *handle.read_languages(STRING).ok()?.first()?;
    handle.read_serial_number_string(language, &descriptor, STRING).ok()
}

/// An error of libusb in the caller's terms.
fn failed(tried: &'static str, error: rusb::Error) -> Error {
    let kind = match error {
        rusb::Error::Access => ErrorKind::PermissionDenied,
        rusb::Error::Busy => ErrorKind::Busy,
        rusb::Error::Timeout => ErrorKind::Timeout,
        rusb::Error::NotSupported => ErrorKind::Unsupported,
        rusb::Error::NotFound => ErrorKind::NotFound,
        rusb::Error::NoMem => ErrorKind::Unavailable,
        _ => ErrorKind::Disconnected,
    };
    Error::new(kind, tried).with_source(error)
}
