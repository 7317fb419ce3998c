//! Without the counting allocator, the suite says that it did not count.

use std::time::Duration;

use power_testkit::{Expectations, SensorModel, Signal, SimSource, VirtualClock, alloc, conformance};

#[test]
fn allocations_are_reported_as_not_counted() {
    assert!(!alloc::is_installed());
    let clock = VirtualClock::new();
    let sensor = SensorModel::new(Signal::constant(75.0), Duration::from_millis(100));
    let open = || {
        Ok(SimSource::builder("sim", "0", clock.clone())
            .sensor(sensor.channel("power"), sensor.clone())
            .build())
    };
    let report = conformance(open, Expectations::on(&clock, Duration::from_millis(30)));
    assert!(report.not_run().any(|case| case == "reads allocate nothing"));
    assert!(
        report.to_string().contains("not run  reads allocate nothing: needs power_testkit::alloc"),
        "{report}"
    );
}
