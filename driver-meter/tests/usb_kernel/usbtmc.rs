//! A WT310E behind a USBTMC interface, by `FunctionFS`.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use driver_meter::scpi::number::Scalar;
use driver_meter::scpi::yokogawa::items::Function;
use driver_meter::scpi::yokogawa::server::Wt310e;

use super::gadget::{Gadget, SERIAL};

/// Interface of the class, with one endpoint out and one in, for packets of `packet` bytes.
fn function(packet: u16) -> Vec<u8> {
    let [low, high] = packet.to_le_bytes();
    [
        [9, 4, 0, 0, 2, 0xfe, 3, 0, 1].as_slice(),
        &[7, 5, 0x01, 2, low, high, 0],
        &[7, 5, 0x82, 2, low, high, 0],
    ]
    .concat()
}

/// What is written to endpoint 0 first: descriptors for full and high speed (`usb_functionfs_descs_head_v2`).
fn descriptors() -> Vec<u8> {
    let (full, high) = (function(64), function(512));
    let length = u32::try_from(20 + full.len() + high.len()).unwrap();
    let head = [3, length, 3, 3, 3].map(u32::to_le_bytes).concat();
    [head, full, high].concat()
}

/// What is written next: one string in English (`usb_functionfs_strings_head`).
fn strings() -> Vec<u8> {
    let text = b"\x09\x04USBTMC\0";
    let length = u32::try_from(16 + text.len()).unwrap();
    [[2, length, 1, 1].map(u32::to_le_bytes).concat(), text.to_vec()].concat()
}

/// Serves the interface on threads of its own, through unplugging and plugging in.
pub(crate) fn serve(_gadget: &Gadget) {
    let endpoint =
        |name: &str| OpenOptions::new().read(true).write(true).open(Gadget::endpoints().join(name)).unwrap();
    let mut control = endpoint("ep0");
    control.write_all(&descriptors()).unwrap();
    control.write_all(&strings()).unwrap();
    let (output, input) = (endpoint("ep1"), endpoint("ep2"));
    thread::spawn(move || answer_requests(control));
    thread::spawn(move || answer_messages(output, input));
}

/// Requests on endpoint 0 (USBTMC 1.0, table 15).
fn answer_requests(mut control: File) {
    let mut event = [0; 12];
    loop {
        if control.read(&mut event).is_err() {
            thread::sleep(Duration::from_millis(10));
            continue;
        }
        // Events other than a request have no answer.
        if event[8] != 4 {
            continue;
        }
        let mut answer = [0_u8; 24];
        let length = match event[1] {
            // Capabilities: version 1.0, nothing special.
            7 => {
                (answer[0], answer[3]) = (1, 1);
                24
            }
            // Clear, and whether it is done.
            5 => {
                answer[0] = 1;
                1
            }
            6 => {
                answer[0] = 1;
                2
            }
            // Aborting what is under way: nothing is.
            1..=4 => {
                answer[0] = 0x81;
                2
            }
            _ => 0,
        };
        let wanted = usize::from(u16::from_le_bytes([event[6], event[7]]));
        let _ = control.write(&answer[..length.min(wanted)]);
    }
}

/// Messages on the bulk endpoints.
fn answer_messages(mut output: File, mut input: File) {
    let mut meter = Wt310e { serial: SERIAL.into(), ..Wt310e::default() };
    let mut answers: VecDeque<String> = VecDeque::new();
    let mut message = vec![0; 4096];
    loop {
        let Ok(count @ 12..) = output.read(&mut message) else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        let (kind, tag) = (message[0], message[1]);
        match kind {
            1 => {
                let length = u32::from_le_bytes([message[4], message[5], message[6], message[7]]);
                let end = count.min(12 + usize::try_from(length).unwrap());
                let command = String::from_utf8_lossy(&message[12..end]).into_owned();
                let answer = meter.answer(&command, |item| match item.function {
                    Function::Power | Function::Apparent => Scalar::Number(460.0),
                    Function::Voltage => Scalar::Number(230.0),
                    Function::Current => Scalar::Number(2.0),
                    Function::PowerFactor => Scalar::Number(1.0),
                    _ => Scalar::Number(50.0),
                });
                if command.starts_with("*IDN?") {
                    answers.clear();
                }
                answers.extend(answer);
            }
            2 => {
                // Asked without anything to say, an instrument says nothing, and the host's patience ends.
                let Some(answer) = answers.pop_front() else { continue };
                let text = format!("{answer}\n");
                let mut frame = vec![2, tag, !tag, 0];
                frame.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
                frame.extend_from_slice(&[1, 0, 0, 0]);
                frame.extend_from_slice(text.as_bytes());
                frame.resize(frame.len().next_multiple_of(4), 0);
                let _ = input.write(&frame);
            }
            _ => {}
        }
    }
}
