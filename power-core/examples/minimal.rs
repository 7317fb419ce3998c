//! The smallest driver: the power sensors that Linux shows as `/sys/class/hwmon/hwmonN/powerN_input`.
//!
//! Copy it to start a driver of your own. `cargo run --example minimal` lists the sensors and reads the first;
//! `cargo run --example minimal FILE` reads that file, on any system: write `42000000` into it for 42 W.

use std::fs::{self, File};
use std::io::{Read, Seek};

use power_core::{
    Access, Channel, ChannelId, Descriptor, Driver, Error, ErrorKind, Found, Options, PowerSource, Quantity,
    Reading, Recorder, Result, SystemClock, Watts,
};

/// One open sensor. A read blocks for one sysfs read: microseconds, or a few milliseconds behind an I²C bus.
#[derive(Debug)]
struct HwmonPower {
    descriptor: Descriptor,
    file: File,
}

impl HwmonPower {
    fn open(path: &str) -> Result<Self> {
        let file = File::open(path).map_err(|error| {
            Error::from_io(ErrorKind::Unavailable, "cannot open the sensor", error).with_context("path", path)
        })?;
        // The kernel does not say what a publication covers, so neither does the channel.
        let channels = vec![Channel::new("power", Quantity::power())];
        Ok(Self { descriptor: Descriptor::new("hwmon", path, channels), file })
    }
}

impl PowerSource for HwmonPower {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let mut text = [0; 24];
        let transaction = || {
            self.file.rewind()?;
            self.file.read(&mut text)
        };
        let (length, stamp) = recorder
            .bracket(transaction)
            .map_err(|error| Error::from_io(ErrorKind::Disconnected, "cannot read the sensor", error))?;
        // Strict: what is not a whole number of microwatts is an error, never 0.
        let microwatts = str::from_utf8(&text[..length]).ok().and_then(|text| text.trim_end().parse().ok());
        let microwatts =
            microwatts.ok_or_else(|| Error::new(ErrorKind::Protocol, "the sensor did not give a number"))?;
        recorder.push(Reading::new(ChannelId(0), Watts::from_microwatts(microwatts), stamp));
        Ok(())
    }
}

/// The driver: finds sensors and opens them.
#[derive(Debug)]
struct Hwmon;

impl Driver for Hwmon {
    fn id(&self) -> &'static str {
        "hwmon"
    }

    fn discover(&self) -> Vec<Found> {
        let chips = fs::read_dir("/sys/class/hwmon").into_iter().flatten().flatten();
        let files = chips.filter_map(|chip| fs::read_dir(chip.path()).ok()).flatten().flatten();
        let paths = files.map(|file| file.path().display().to_string());
        let sensors = paths.filter(|path| path.contains("/power") && path.ends_with("_input"));
        sensors.map(|path| Found::new(path.clone(), "hwmon power sensor", access(&path))).collect()
    }

    fn open(&self, device: &str, options: &Options) -> Result<Box<dyn PowerSource>> {
        options.only(&[])?;
        Ok(Box::new(HwmonPower::open(device)?))
    }
}

fn access(path: &str) -> Access {
    match HwmonPower::open(path) {
        Ok(_) => Access::Ready,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Access::Denied { mend: format!("sudo chmod a+r {path}") }
        }
        Err(error) => Access::Unavailable { reason: error.to_string(), mend: None },
    }
}

#[expect(clippy::print_stdout, reason = "an example shows what it reads")]
fn main() -> Result<()> {
    let found = Hwmon.discover();
    for found in &found {
        println!("{}: {:?}", found.device, found.access);
    }
    let Some(device) = std::env::args().nth(1).or_else(|| Some(found.first()?.device.clone())) else {
        println!("no power sensor here; name a file that holds microwatts");
        return Ok(());
    };
    let mut source = Hwmon.open(&device, &Options::new())?;
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(&SystemClock, &mut readings))?;
    for reading in &readings {
        println!("{:.3} at {}, ± {:?}", reading.value, reading.stamp.midpoint(), reading.stamp.half_width());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_reading_and_anything_else_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let mut source = Hwmon.open(path, &Options::new()).unwrap();
        for (text, expected) in [
            ("42000000\n", Ok(Watts::from_watts(42.0).into())),
            ("-42\n", Err(ErrorKind::Protocol)),
            ("", Err(ErrorKind::Protocol)),
        ] {
            fs::write(path, text).unwrap();
            let mut readings = Vec::new();
            let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
            assert_eq!(outcome.map(|()| readings[0].value).map_err(|error| error.kind()), expected);
        }
    }

    #[test]
    fn an_absent_sensor_and_an_unknown_option_are_refused() {
        let absent = Hwmon.open("/nowhere/power1_input", &Options::new()).unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        let unknown = Hwmon.open("/nowhere/power1_input", &Options::new().with("scale", "2")).unwrap_err();
        assert_eq!(unknown.kind(), ErrorKind::InvalidConfig);
    }
}
