//! Every meter of the virtual node, through this crate's clients: the conformance suite, and the node's true power.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::thread;
use std::time::{Duration, Instant};

use driver_meter::DRIVER;
use driver_meter::uncertainty::limit_of_error;
use power_core::{
    Channel, ClockDomain, Delivery, Driver, Flags, Options, PowerSource, Reading, Recorder, Result,
    SystemClock,
};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{Expectations, Filter, FilteredSignal, conformance};
use virtual_rig::{Description, Load, Meter, MeterDescription, MeterKind, MeterTruth, Rail, VirtualRig};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How late the node's own threads may be on a machine that has much else to do, in ns.
const LATE_NS: i64 = 500_000_000;
/// Step in which possible times of a value are tried, in ns.
const STEP_NS: i64 = 5_000_000;

/// Opens a meter of the node with a deadline that no machine misses.
fn open(meter: &Meter, more: &[(&str, &str)]) -> Result<Box<dyn PowerSource>> {
    let options: Options = [("timeout_ms", "30000")].iter().chain(more).copied().collect();
    DRIVER.open(&meter.device(), &options)
}

/// What a user sets so that an accuracy that refers to the range is known.
fn settings(kind: MeterKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        MeterKind::Lmg450 | MeterKind::Lmg670 => &[("peak_power_w", "6000")],
        MeterKind::Wt310 | MeterKind::Ptdaemon => &[("volt_range", "300"), ("amp_range", "20")],
        _ => &[],
    }
}

fn conforms(kind: MeterKind) {
    let meter = MeterDescription::new("wall", kind).with_period_ms(100.0, 100.0);
    let load = Load::random(100.0, 400.0, 0.2);
    let rig = VirtualRig::start(Description::node(2).with_load(load).with_meter(meter)).unwrap();
    let meter = &rig.meters()[0];
    let quick = if kind == MeterKind::Ptdaemon { &[("interval_ms", "100")][..] } else { &[] };
    let report = conformance(|| open(meter, quick), Expectations::default().with_reads(10));
    assert!(report.ran() > 15, "{report}");
}

#[test]
fn an_lmg450_conforms() {
    conforms(MeterKind::Lmg450);
}

#[test]
fn an_lmg670_conforms() {
    conforms(MeterKind::Lmg670);
}

#[test]
fn a_wt310_conforms() {
    conforms(MeterKind::Wt310);
}

#[test]
fn an_sdm630_over_tcp_conforms() {
    conforms(MeterKind::Sdm630Tcp);
}

#[test]
fn an_sdm630_on_a_serial_line_conforms() {
    conforms(MeterKind::Sdm630Rtu);
}

#[test]
fn a_ptdaemon_conforms() {
    conforms(MeterKind::Ptdaemon);
}

#[test]
fn a_watts_up_conforms() {
    conforms(MeterKind::WattsUp);
}

/// All meters at once at one node whose power steps every five seconds: each shows the truth as its filter, its
/// delay and its errors have it, at a time that its stamps allow, and is within the accuracy that its channel states.
#[test]
fn every_meter_shows_the_truth() {
    let mut node = Description::node(4).with_load(Load::square(100.0, 350.0, 5.0));
    for kind in MeterKind::ALL {
        // A stamp that is wrong by a second would show; the noise would only hide errors.
        let meter = MeterDescription::new(format!("{kind:?}"), kind).with_clock(3.0, 200.0).with_noise_w(0.0);
        node = node.with_meter(meter);
    }
    let rig = VirtualRig::start(node).unwrap();
    let meters = rig.meters();
    assert_eq!(meters.len(), MeterKind::ALL.len());
    thread::scope(|scope| {
        for meter in &meters {
            let rig = &rig;
            scope.spawn(move || shows_the_truth(rig, meter));
        }
    });
}

fn shows_the_truth(rig: &VirtualRig, meter: &Meter) {
    let name = &meter.truth.name;
    let mut source = open(meter, settings(meter.truth.kind)).unwrap();
    let power = source.descriptor().channels.iter().position(|channel| channel.name.starts_with("power"));
    let power = u16::try_from(power.unwrap()).unwrap();
    let (mut readings, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < Duration::from_secs(16) {
        let read = source.read(&mut Recorder::new(&SystemClock, &mut readings));
        read.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        // A meter that is polled need not be polled more often.
        thread::sleep(Duration::from_millis(20));
    }
    readings.retain(|reading| reading.channel.0 == power);
    let descriptor = source.descriptor();
    let channel = &descriptor.channels[usize::from(power)];
    let stamped = descriptor.clock != ClockDomain::HostBracket;
    assert_eq!(stamped, meter.truth.stamped, "{name}: {}", descriptor.clock);
    // No accuracy of the LMG600 series is known to this crate, nor of the meter behind a PTDaemon that does not say.
    let unknown = matches!(meter.truth.kind, MeterKind::Lmg670 | MeterKind::Ptdaemon);
    assert!(channel.accuracy.is_some() || unknown, "{name} states no accuracy");
    let truth = Truth::new(rig, &meter.truth, &readings);
    // The least and the greatest mean power of which a reading's true power was sure.
    let (mut sure, mut least, mut greatest) = (0, f64::MAX, f64::MIN);
    for reading in &readings {
        let shown = reading.value.number().unwrap_or_else(|| panic!("{name}: {reading:?}"));
        let (low, high) = truth.possible(channel, reading, stamped);
        truth.judge(channel, shown, (low, high));
        if high - low < 0.01 * high {
            (sure, least, greatest) = (sure + 1, least.min(low), greatest.max(high));
        }
    }
    assert!(sure >= 4, "{name}: {sure} of {} readings say something", readings.len());
    assert!(greatest > least + 800.0, "{name}: only {least} to {greatest} W were seen");
}

/// What a meter has to show.
struct Truth<'a> {
    meter: &'a MeterTruth,
    origin_ns: i64,
    unix_offset_ns: i64,
    filtered: FilteredSignal,
}

impl<'a> Truth<'a> {
    fn new(rig: &VirtualRig, meter: &'a MeterTruth, readings: &[Reading]) -> Self {
        let (first, last) = (readings.first().unwrap().stamp, readings.last().unwrap().stamp);
        let around_ns = 10_000_000_000;
        let (from, to) = (first.start().nanos() - around_ns, last.end().nanos());
        let signal = rig.node().signal(Rail::NodeAc, from, to).unwrap();
        let own_ms = |ms: f64| Duration::from_secs_f64(ms / 1e3 / (1.0 + meter.drift_ppm * 1e-6));
        let filter = if meter.window_ms > 0.0 {
            Filter::Boxcar(own_ms(meter.window_ms))
        } else {
            Filter::Exponential(own_ms(meter.tau_ms))
        };
        let anchor = SystemClock.anchor();
        Self {
            meter,
            origin_ns: rig.origin_ns(),
            unix_offset_ns: anchor.realtime_ns - anchor.monotonic_ns,
            filtered: FilteredSignal::new(signal, filter),
        }
    }

    /// The least and the greatest filtered power that this reading may be of: at its own time, or at any publication
    /// that the host can have seen within its bracket.
    fn possible(&self, channel: &Channel, reading: &Reading, stamped: bool) -> (f64, f64) {
        let (from, to) = if stamped {
            let end = self.host_ns(reading.device_time.unwrap().nanos());
            // PTDaemon's stamps are whole milliseconds; the host's real-time clock may have been slewed.
            let published = end + ns(self.meter.delay_ms);
            assert!(
                published <= reading.stamp.end().nanos() + 3_000_000,
                "{}: of the future",
                self.meter.name
            );
            (end - 3_000_000, end + 3_000_000)
        } else {
            let delay = ns(self.meter.delay_ms);
            // What a meter sends by itself comes within the bracket, but for what had come before it was asked for.
            let within = channel.delivery == Delivery::Streamed && !reading.flags.contains(Flags::COARSE);
            let age = if within { 0 } else { ns(self.meter.period_ms) };
            let oldest = reading.stamp.start().nanos() - age - LATE_NS;
            (oldest - delay, reading.stamp.end().nanos() - delay)
        };
        let steps = (to - from) / STEP_NS;
        let times = (0..=steps).map(|step| from + step * STEP_NS).chain([to]);
        times
            .map(|t_ns| self.filtered.power_w(t_ns))
            .fold((f64::MAX, f64::MIN), |(low, high), power| (low.min(power), high.max(power)))
    }

    /// Host time of a time of the meter's clock.
    fn host_ns(&self, device_ns: i64) -> i64 {
        let at_origin = self.origin_ns + self.unix_offset_ns + ns(self.meter.clock_offset_s * 1e3);
        #[expect(clippy::cast_precision_loss, reason = "a minute of a test, to the ns")]
        let own_ms = (device_ns - at_origin) as f64 / 1e6;
        self.origin_ns + ns(own_ms / (1.0 + self.meter.drift_ppm * 1e-6))
    }

    /// Holds a number to what the meter makes of the truth, and to the accuracy that the channel states.
    fn judge(&self, channel: &Channel, shown: f64, (low, high): (f64, f64)) {
        let meter = self.meter;
        let name = &meter.name;
        let of_meter = |power: f64| meter.gain * power + meter.offset_w;
        // What is lost in text: half of the last digit of a Watts up?, of five digits of a WT310.
        let digit = if meter.kind == MeterKind::Wt310 { shown * 1e-4 } else { 0.051 };
        let (least, most) = (of_meter(low) - digit, of_meter(high) + digit);
        assert!(
            (least..=most).contains(&shown),
            "{name}: {shown} W shown, {least} to {most} W by its errors"
        );
        let Some(accuracy) = &channel.accuracy else { return };
        let range = channel.range.map(|range| range.high);
        let limit = limit_of_error(accuracy, range, shown)
            .unwrap_or_else(|| panic!("{name}: {accuracy:?} of {range:?}"));
        assert!(
            (low - limit - digit..=high + limit + digit).contains(&shown),
            "{name}: {shown} W shown, {low} to {high} W true, +- {limit} W stated"
        );
    }
}

/// Whole nanoseconds of milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a test, to the ns")]
fn ns(ms: f64) -> i64 {
    (ms * 1e6).round() as i64
}
