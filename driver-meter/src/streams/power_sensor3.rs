//! Packets of a `PowerSensor3`: two bytes each, nine of them 20 000 times a second.
//!
//! A packet holds a sensor's number, ten bits of its level and a marker bit; bit 7 is set in its first byte and clear in
//! its second, so that a reader that is out of step notices. Sensor 7 with the marker carries the device's time in
//! microseconds, modulo 1024, and comes before the eight levels (`host/src/PowerSensor.cc`,
//! `device/PowerSensor/device_specific/BLACKPILL_F401CC_F411CE.hpp` of nlesc-recruit/`PowerSensor3`).

use super::Intake;
use super::power_sensor3_config::SENSORS;
use super::ticks::Ticks;

/// Frames a second.
pub const FRAME_HZ: f64 = 20_000.0;
/// Bytes of a frame: time and eight levels.
pub const FRAME_BYTES: usize = 2 * (SENSORS + 1);
/// Highest level.
pub const MAX_LEVEL: u16 = 1023;

/// Longest step between two frames that follow each other, in microseconds; the usual one is 50.
const LONGEST_STEP_US: u16 = 75;
/// The time packet's sensor number.
const TIME: u8 = 7;

/// One packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// The device's time in microseconds, modulo 1024.
    Time(u16),
    /// The level of a sensor, 0 to 1023.
    Level {
        /// The sensor, 0 to 7.
        sensor: u8,
        /// Its level.
        level: u16,
        /// Whether the host's marker belongs to this frame.
        marker: bool,
    },
}

impl Packet {
    /// Reads a packet; `None` if its marker bits are wrong.
    pub fn parse([first, second]: [u8; 2]) -> Option<Self> {
        if first & 0x80 == 0 || second & 0x80 != 0 {
            return None;
        }
        let (sensor, marker) = ((first >> 4) & 7, second & 0x40 != 0);
        let level = u16::from(first & 0xf) << 6 | u16::from(second & 0x3f);
        Some(if sensor == TIME && marker { Self::Time(level) } else { Self::Level { sensor, level, marker } })
    }

    /// Writes the packet as the device sends it.
    pub fn encode(self) -> [u8; 2] {
        let (sensor, level, marker) = match self {
            Self::Time(micros) => (TIME, micros, true),
            Self::Level { sensor, level, marker } => (sensor, level, marker),
        };
        let [high, low] = [(level >> 6) & 0xf, level & 0x3f].map(|part| part.to_le_bytes()[0]);
        [0x80 | (sensor & 7) << 4 | high, u8::from(marker) << 6 | low]
    }
}

/// All levels at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The levels of the eight sensors.
    pub levels: [u16; SENSORS],
    /// Whether frames before it were lost.
    pub after_loss: bool,
}

/// Writes a frame as the device sends it, for a simulated one; `micros` is its time.
pub fn encode(micros: u64, levels: &[u16; SENSORS]) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    let time = u16::try_from(micros % 1024).unwrap_or(0);
    let packets = levels.iter().zip(0_u8..).map(|(level, sensor)| Packet::Level {
        sensor,
        level: *level,
        marker: false,
    });
    for (packet, place) in std::iter::once(Packet::Time(time)).chain(packets).zip(bytes.chunks_exact_mut(2)) {
        place.copy_from_slice(&packet.encode());
    }
    bytes
}

/// Puts packets together to frames, and finds its place again after a loss.
#[derive(Debug)]
pub struct Decoder {
    ticks: Ticks,
    started: bool,
    lost: bool,
    /// The frame under way: its time, levels, and how many sensors have come, in order.
    time: Option<u16>,
    levels: [u16; SENSORS],
    came: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder that waits for the first time packet.
    pub fn new() -> Self {
        Self {
            ticks: Ticks::new(1024, (1000, 1)),
            started: false,
            lost: false,
            time: None,
            levels: [0; SENSORS],
            came: 0,
        }
    }

    /// The unwrapped time, at the last frame.
    pub fn ticks(&self) -> &Ticks {
        &self.ticks
    }

    /// The same, to tell it when frames arrived.
    pub fn ticks_mut(&mut self) -> &mut Ticks {
        &mut self.ticks
    }

    /// Marks the next frame as one after a loss.
    pub fn note_loss(&mut self) {
        self.lost = true;
    }

    /// Forgets its place. The next frame is one after a loss, unless there was none before; time goes on from the last.
    pub fn restart(&mut self) {
        self.drop_frame();
        self.ticks.restart();
    }

    /// Takes the next frame from the front of `bytes`: how many bytes were used, and the frame, if there is one.
    ///
    /// With no frame, more bytes are needed; those used are remembered. A frame is given once the next one begins, and
    /// shows that nothing is missing between. Takes any bytes.
    pub fn next(&mut self, bytes: &[u8]) -> (usize, Option<Frame>) {
        let mut used = 0;
        while let Some((pair, _)) = bytes[used..].split_first_chunk::<2>() {
            let Some(packet) = Packet::parse(*pair) else {
                // A byte is missing or wrong: shift by one.
                used += 1;
                self.drop_frame();
                continue;
            };
            used += 2;
            if let Some(frame) = self.take(packet) {
                return (used, Some(frame));
            }
        }
        (used, None)
    }

    /// Takes the next frame from an intake.
    pub(crate) fn pull(&mut self, intake: &mut Intake) -> Option<Frame> {
        let (used, frame) = self.next(intake.bytes());
        intake.take(used);
        frame
    }

    fn drop_frame(&mut self) {
        self.lost |= self.started;
        (self.time, self.came) = (None, 0);
    }

    fn take(&mut self, packet: Packet) -> Option<Frame> {
        let (sensor, level) = match packet {
            Packet::Time(micros) => return self.begin(micros),
            Packet::Level { sensor, level, .. } => (usize::from(sensor), level),
        };
        self.time?;
        if sensor != self.came {
            self.drop_frame();
            return None;
        }
        self.levels[sensor] = level;
        self.came += 1;
        None
    }

    /// Begins a frame, which shows whether the one before it was whole: with bytes missing in its midst it may have been
    /// put together of two.
    fn begin(&mut self, micros: u16) -> Option<Frame> {
        let before = self.time.replace(micros);
        let whole = std::mem::take(&mut self.came) == SENSORS;
        let time = before?;
        let step = micros.wrapping_sub(time) % 1024;
        if !whole || !(1..=LONGEST_STEP_US).contains(&step) {
            self.lost |= self.started;
            return None;
        }
        let step = self.ticks.advance(u64::from(time));
        let gap = self.started && !(1..=u64::from(LONGEST_STEP_US)).contains(&step);
        self.started = true;
        let after_loss = std::mem::take(&mut self.lost) | gap;
        Some(Frame { levels: self.levels, after_loss })
    }
}
