//! How warm GPUs are, by the sensors of the rig.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use power_core::{ChannelId, PowerSource, Quantity, Reading, Recorder, SystemClock};

use crate::rig::Rig;
use crate::{Error, Result, drivers};

/// How often it is looked how warm it is.
const LOOK: Duration = Duration::from_secs(1);

/// How long cooling is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Between which temperatures experiments are made, in °C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmth {
    /// An experiment begins below this.
    pub begin_below_c: f64,
    /// One that gets above this is ended, and the calibration with it.
    pub end_above_c: f64,
}

/// The temperature sensors of a rig; it may have none.
#[derive(Debug, Default)]
pub struct Thermometer {
    sources: Vec<(Box<dyn PowerSource>, Vec<ChannelId>, String)>,
    readings: Vec<Reading>,
}

impl Thermometer {
    /// Opens those sources of the rig that show a temperature. One that does not open shows none.
    pub fn open(rig: &Rig) -> Self {
        let mut sources = Vec::new();
        for spec in &rig.sources {
            let opened = drivers::find(&spec.driver).map(|driver| driver.open(&spec.device, &spec.options));
            let Some(Ok(source)) = opened else { continue };
            let channels = (0_u16..).zip(&source.descriptor().channels);
            let warm: Vec<ChannelId> = channels
                .filter(|(_, channel)| channel.quantity == Quantity::Temperature)
                .map(|(id, _)| ChannelId(id))
                .collect();
            if !warm.is_empty() {
                sources.push((source, warm, spec.name.clone()));
            }
        }
        Self { sources, readings: Vec::new() }
    }

    /// Whether the rig shows no temperature at all.
    pub fn is_blind(&self) -> bool {
        self.sources.is_empty()
    }

    /// The warmest part in °C, and its source; `None` where nothing answers.
    pub fn warmest(&mut self) -> Option<(f64, String)> {
        let mut warmest: Option<(f64, String)> = None;
        for (source, channels, name) in &mut self.sources {
            self.readings.clear();
            // A failed read is one temperature less; the recording tells of it.
            let _ = source.read(&mut Recorder::new(&SystemClock, &mut self.readings));
            let shown = self.readings.iter().filter(|reading| channels.contains(&reading.channel));
            for celsius in shown.filter_map(|reading| reading.value.number()) {
                if warmest.as_ref().is_none_or(|(most, _)| celsius > *most) {
                    warmest = Some((celsius, name.clone()));
                }
            }
        }
        warmest
    }

    /// Waits until all parts are cool enough to begin. Blocks for 10 min at most.
    ///
    /// # Errors
    ///
    /// - a part does not cool that far
    pub fn cool(&mut self, warmth: Warmth, stop: &AtomicBool, tell: &mut dyn FnMut(&str)) -> Result<()> {
        let (began, mut told) = (Instant::now(), false);
        while let Some((celsius, name)) =
            self.warmest().filter(|(celsius, _)| *celsius > warmth.begin_below_c)
        {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            if began.elapsed() > LONGEST_WAIT {
                return Err(Error::new(format!(
                    "{name} stays at {celsius:.0} °C at rest, above {:.0} °C",
                    warmth.begin_below_c
                ))
                .mend("end what else runs there, or begin at a higher temperature by --cool-below"));
            }
            if !told {
                tell(&format!("{name} has {celsius:.0} °C; waiting for {:.0} °C", warmth.begin_below_c));
                told = true;
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Looks how warm it gets until `over`; what was too warm, with its temperature, has set `stop`.
    pub(super) fn guard(
        &mut self,
        warmth: Warmth,
        over: &AtomicBool,
        stop: &AtomicBool,
    ) -> Option<(f64, String)> {
        let mut next = Instant::now();
        while !over.load(Ordering::Relaxed) {
            if Instant::now() >= next {
                next = Instant::now() + LOOK;
                if let Some(hot) = self.warmest().filter(|(celsius, _)| *celsius > warmth.end_above_c) {
                    stop.store(true, Ordering::Relaxed);
                    return Some(hot);
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        None
    }
}
