//! A Watts up? behind a serial port, by the gadget's `/dev/ttyGS0`.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use driver_meter::lines::watts_up::{Frame, START, STOP, encode};

/// Serves the port on a thread of its own, through unplugging and plugging in.
pub(crate) fn serve() {
    thread::spawn(|| {
        loop {
            // Ends when the cable is pulled.
            let _ = play();
            thread::sleep(Duration::from_millis(50));
        }
    });
}

fn play() -> std::io::Result<()> {
    let mut port = serialport::new("/dev/ttyGS0", 115_200).timeout(Duration::from_millis(10)).open()?;
    let frame =
        Frame { power_dw: Some(4213), voltage_dv: Some(2301), current_ma: Some(1840), ..Frame::default() };
    let (mut waiting, mut sends) = (Vec::new(), false);
    loop {
        let mut bytes = [0; 64];
        match port.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => waiting.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {}
            Err(error) => return Err(error),
        }
        while let Some(at) = waiting.iter().position(|byte| *byte == b';') {
            let command: Vec<u8> = waiting.drain(..=at).collect();
            sends |= command.ends_with(START);
            sends &= !command.ends_with(STOP);
        }
        if sends {
            port.write_all(encode(&frame).as_bytes())?;
            thread::sleep(Duration::from_millis(20));
        }
    }
}
