//! The simulated source conforms, and shows its models.

use std::sync::Arc;
use std::time::Duration;

use power_core::{
    Channel, ChannelId, ClockDomain, ErrorKind, Flags, HostTime, Joules, Lane, PowerSource, Quantity,
    Reading, Recorder, Scope, SystemClock, Value,
};
use power_testkit::alloc::CountingAllocator;
use power_testkit::{
    CounterModel, DeviceClock, Expectations, Fault, Filter, Segments, SensorModel, Signal, SimBuilder,
    SimSource, VirtualClock, conformance,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const MS: i64 = 1_000_000;
const T: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(30);

fn load() -> Signal {
    Signal::random_square(80.0, 300.0, T, 0..600_000 * MS, 3)
}

fn sensor() -> SensorModel {
    SensorModel::new(load(), T)
        .with_filter(Filter::Boxcar(Duration::from_millis(25)))
        .with_noise(0.5)
        .with_quantum(0.001)
}

/// A source with a channel of each kind.
fn rich(clock: &VirtualClock) -> SimBuilder {
    let board = sensor();
    let chip = SensorModel::new(load() * 0.7, Duration::from_millis(20))
        .with_jitter(Duration::from_micros(200))
        .with_fault(Fault::Missing, Segments::random(0.05, 1..=2))
        .with_fault(Fault::Stuck, Segments::random(0.05, 2..=4))
        .with_fault(Fault::Unpublished, Segments::random(0.05, 1..=2));
    let counter = CounterModel::new(load(), Joules::from_millijoules(1), T).with_modulus(100_000);
    let busy = SensorModel::new(Signal::constant(0.4), T);
    let memory = Channel::new("memory", Quantity::MemoryUsed);
    SimSource::builder("sim", "board 0", clock.clone())
        .sensor(board.channel("board").with_scope(Scope::Board).with_range(0.0, 400.0), board)
        .stream(chip.channel("chip").with_scope(Scope::Chip).with_part_of(ChannelId(0)), chip, 120)
        .counter(counter.channel("energy").with_scope(Scope::Board), counter)
        .sensor(Channel::new("busy", Quantity::Utilisation), busy)
        .sensor(memory, SensorModel::new(Signal::constant(4.3e9), T))
        .device_clock(DeviceClock::new(5_000 * MS, 40.0).with_tick(Duration::from_micros(1)))
        .lane(Lane::new("sim"))
        .detail("uuid", "SIM-0")
        .read_cost(Duration::from_micros(200))
}

fn read(source: &mut SimSource, clock: &VirtualClock) -> power_core::Result<Vec<Reading>> {
    let mut readings = Vec::new();
    source.read(&mut Recorder::new(clock, &mut readings)).map(|()| readings)
}

#[test]
fn conforms_in_every_case() {
    let clock = VirtualClock::new();
    let other = clock.clone();
    let expectations = Expectations::on(&clock, PAUSE)
        .tolerating(ErrorKind::Timeout)
        .with_disconnecting(move || Ok(rich(&other).failing_at(7, ErrorKind::Disconnected).build()));
    let report = conformance(|| Ok(rich(&clock).failing_at(4, ErrorKind::Timeout).build()), expectations);
    assert_eq!(report.not_run().count(), 0, "{report}");
}

#[test]
fn conforms_on_the_hosts_clock() {
    let open = || {
        let sensor = SensorModel::new(Signal::constant(75.0), Duration::from_micros(100));
        let source = SimSource::builder_on("sim", "board 0", Arc::new(SystemClock));
        Ok(source.sensor(sensor.channel("power"), sensor).build())
    };
    conformance(open, Expectations::default());
}

#[test]
fn shows_what_its_models_show_at_the_middle_of_the_read() {
    let clock = VirtualClock::starting_at(HostTime::from_nanos(10_000 * MS));
    let mut source = rich(&clock).build();
    let readings = read(&mut source, &clock).unwrap();
    let t = 10_000 * MS + 100_000;
    assert_eq!(readings[0].value.number(), sensor().value_at(t));
    assert_eq!(readings.last().unwrap().value, Value::Count(4_300_000_000));
    assert_eq!(readings[0].stamp.midpoint().nanos(), t);
    assert_eq!(source.descriptor().clock, ClockDomain::Device { tick_hz: Some(1e6) });
    assert_eq!(
        (source.descriptor().lane.name(), source.descriptor().details["uuid"].as_str()),
        ("sim", "SIM-0")
    );
}

#[test]
fn an_origin_moves_the_models() {
    let clock = VirtualClock::starting_at(HostTime::from_nanos(77_000 * MS));
    let ramp = SensorModel::new(Signal::build(0.0).ramp(0, Duration::from_secs(10), 100.0).finish(), T);
    let mut source = SimSource::builder("sim", "0", clock.clone())
        .sensor(ramp.channel("power"), ramp)
        .origin(HostTime::from_nanos(72_000 * MS))
        .build();
    assert_eq!(read(&mut source, &clock).unwrap()[0].value.number(), Some(50.0));
}

#[test]
fn a_stream_hands_over_each_publication_once_in_device_time() {
    let clock = VirtualClock::new();
    let model = sensor();
    let device = DeviceClock::new(1_000 * MS, 100.0);
    let mut source = SimSource::builder("sim", "0", clock.clone())
        .stream(model.channel("samples"), model.clone(), 100)
        .device_clock(device.clone())
        .build();
    let mut readings = Vec::new();
    for _ in 0..100 {
        readings.extend(read(&mut source, &clock).unwrap());
        clock.advance(Duration::from_millis(73));
    }
    let published = model.publications(0, 99 * 73 * MS + 1);
    assert_eq!(readings.len(), published.len());
    for (reading, publication) in readings.iter().zip(published) {
        assert_eq!(reading.value.number(), publication.value);
        assert_eq!(reading.device_time.unwrap().nanos(), device.device_ns(publication.t_ns));
        assert_eq!(reading.flags, Flags::NONE);
    }
}

#[test]
fn a_stream_that_overruns_loses_the_oldest_and_says_so() {
    let clock = VirtualClock::new();
    let model = sensor();
    let mut source = SimSource::builder("sim", "0", clock.clone())
        .stream(model.channel("samples"), model.clone(), 4)
        .build();
    clock.advance(Duration::from_millis(950));
    let readings = read(&mut source, &clock).unwrap();
    let expected: Vec<_> = model.publications(600 * MS, 951 * MS).iter().map(|p| p.value).collect();
    assert_eq!(readings.iter().map(|reading| reading.value.number()).collect::<Vec<_>>(), expected);
    let flags: Vec<_> = readings.iter().map(|reading| reading.flags).collect();
    assert_eq!(flags, [Flags::OVERRUN, Flags::NONE, Flags::NONE, Flags::NONE]);
}

#[test]
fn failures_come_as_scripted() {
    let clock = VirtualClock::new();
    let mut source = rich(&clock)
        .failing_at(1, ErrorKind::Timeout)
        .failing_at(2, ErrorKind::Protocol)
        .failing_at(4, ErrorKind::Disconnected)
        .build();
    let kinds: Vec<_> = (0..6).map(|_| read(&mut source, &clock).err().map(|error| error.kind())).collect();
    assert_eq!(
        kinds,
        [
            None,
            Some(ErrorKind::Timeout),
            Some(ErrorKind::Protocol),
            None,
            Some(ErrorKind::Disconnected),
            Some(ErrorKind::Disconnected)
        ]
    );
    assert_eq!(source.reads(), 6);
    assert_eq!(clock.peek_ns(), 6 * 200_000, "a read that fails takes its time too");
}

#[test]
#[should_panic(expected = "must have the quantity of its counter")]
fn a_counter_with_a_false_quantum_is_refused() {
    let counter = CounterModel::new(load(), Joules::from_millijoules(1), T);
    let quantity = Quantity::EnergyCounter { quantum: Joules::from_joules(1.0), modulus: None };
    let _ = SimSource::builder("sim", "0", VirtualClock::new())
        .counter(Channel::new("energy", quantity), counter);
}
