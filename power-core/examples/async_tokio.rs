//! Reads a slow source under tokio with a deadline and a schedule, and loses no reading to either.
//!
//! `cargo run --example async_tokio --features async`

use std::thread;
use std::time::Duration;

use power_core::{
    Channel, ChannelId, Descriptor, Error, PowerSource, Quantity, Reading, Recorder, Result, ThreadedSource,
    Watts,
};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// A stand-in for a meter behind a slow line: it blocks for 30 ms.
#[derive(Debug)]
struct SlowMeter {
    descriptor: Descriptor,
    milliwatts: u32,
}

impl SlowMeter {
    fn new() -> Self {
        let channels = vec![Channel::new("power", Quantity::instantaneous_power())];
        Self { descriptor: Descriptor::new("slow", "example", channels), milliwatts: 100_000 }
    }
}

impl PowerSource for SlowMeter {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn read(&mut self, recorder: &mut Recorder<'_>) -> Result<()> {
        let ((), stamp) = recorder.bracket(|| {
            thread::sleep(Duration::from_millis(30));
            Ok::<_, Error>(())
        })?;
        self.milliwatts += 1_000;
        recorder.push(Reading::new(ChannelId(0), Watts::from_milliwatts(self.milliwatts), stamp));
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "an example shows what it reads")]
async fn main() -> Result<()> {
    let mut meter = ThreadedSource::spawn(SlowMeter::new())?;
    let mut readings = Vec::new();

    // A deadline: the read is dropped, its transaction is not. The next read takes it up.
    if timeout(Duration::from_millis(10), meter.read(&mut readings)).await.is_err() {
        println!("no answer within 10 ms");
    }
    meter.read(&mut readings).await?;
    println!("the answer came after all: {:.1}", readings[0].value);

    // A schedule until something else happens; whichever branch loses is dropped and loses nothing.
    let mut ticks = interval(Duration::from_millis(50));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = sleep(Duration::from_millis(250));
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            outcome = async { ticks.tick().await; meter.read(&mut readings).await } => outcome?,
        }
    }

    meter.close().await;
    for reading in &readings {
        println!("{:.1} at {}", reading.value, reading.stamp.midpoint());
    }
    Ok(())
}
