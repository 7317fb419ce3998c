//! Descriptors, options and findings come back from JSON as they went, and units stand in the names of fields.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use std::time::Duration;

use power_core::{
    Access, Accuracy, Anchor, Averaging, Channel, ChannelId, ClockDomain, Delivery, Descriptor, Flags, Found,
    Joules, Lane, Options, Quantity, Scope, Unit, Watts,
};
use proptest::prelude::*;
use serde_json::json;

fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "{text}");
}

fn quantities() -> Vec<Quantity> {
    vec![
        Quantity::power(),
        Quantity::instantaneous_power(),
        Quantity::average_power(Duration::from_millis(100)),
        Quantity::EnergyCounter { quantum: Joules::from_joules(1e-3), modulus: None },
        Quantity::EnergyCounter { quantum: Joules::from_joules(6.103_515_625e-5), modulus: Some(u64::MAX) },
        Quantity::EstimatedPower,
        Quantity::Utilisation,
        Quantity::MemoryUsed,
        Quantity::Temperature,
        Quantity::Frequency,
        Quantity::Voltage,
        Quantity::Current,
        Quantity::ApparentPower,
        Quantity::PowerFactor,
        Quantity::State,
        Quantity::ClockExchange,
        Quantity::ReadTime,
    ]
}

fn scopes() -> Vec<Scope> {
    vec![
        Scope::Unknown,
        Scope::Board,
        Scope::Module,
        Scope::Chip,
        Scope::Package,
        Scope::Core,
        Scope::Uncore,
        Scope::Dram,
        Scope::Platform,
        Scope::NodeAc,
        Scope::NodeDc,
        Scope::Rail("12VHPWR".into()),
    ]
}

fn clocks() -> Vec<ClockDomain> {
    vec![
        ClockDomain::HostBracket,
        ClockDomain::HostMonotonic,
        ClockDomain::HostRealtime,
        ClockDomain::HostBoottime,
        ClockDomain::Device { tick_hz: None },
        ClockDomain::Device { tick_hz: Some(16e6) },
        ClockDomain::RemoteHost { host: "meter".to_owned() },
    ]
}

#[test]
fn every_quantity_scope_and_clock_comes_back() {
    for clock in clocks() {
        for scope in scopes() {
            let channel = |quantity| Channel::new("c", quantity).with_scope(scope.clone());
            let channels = quantities().into_iter().map(channel).collect();
            round_trip(&Descriptor::new("test", "device", channels).with_clock(clock.clone()));
        }
    }
}

#[test]
fn a_full_description_comes_back() {
    let channel = Channel::new("power", Quantity::average_power(Duration::from_nanos(1)))
        .with_scope(Scope::NodeAc)
        .with_delivery(Delivery::Streamed)
        .with_part_of(ChannelId(1))
        .with_update_period(Duration::from_micros(1_500))
        .with_range(0.0, 3_000.0)
        .with_resolution(0.1)
        .with_accuracy(Accuracy { percent_of_reading: 0.1, percent_of_range: 0.05, source: "p. 7".into() });
    let descriptor =
        Descriptor::new("test", "device", vec![channel, Channel::new("whole", Quantity::power())])
            .with_lane(Lane::new("bus"))
            .with_detail("firmware", "1.2");
    round_trip(&descriptor);
    round_trip(&Options::new().with("unit", "1"));
    round_trip(&Found::new("0", "GPU", Access::Ready));
    round_trip(&Found::new("0", "GPU", Access::Denied { mend: "sudo".to_owned() }));
    round_trip(&Found::new("0", "GPU", Access::Unavailable { reason: "no library".to_owned(), mend: None }));
}

#[test]
fn units_stand_in_the_names_of_fields() {
    let channel = Channel::new("power", Quantity::average_power(Duration::from_secs(1)))
        .with_update_period(Duration::from_millis(100));
    let expected = json!({
        "name": "power",
        "quantity": { "kind": "power", "averaging": { "over_ns": 1_000_000_000 } },
        "scope": "unknown",
        "delivery": "polled",
        "update_period_ns": 100_000_000,
    });
    assert_eq!(serde_json::to_value(&channel).unwrap(), expected);
    let counter = Quantity::EnergyCounter { quantum: Joules::from_joules(0.5), modulus: Some(8) };
    let expected = json!({ "kind": "energy_counter", "quantum_j": 0.5, "modulus": 8 });
    assert_eq!(serde_json::to_value(counter).unwrap(), expected);
    assert_eq!(serde_json::to_value(Watts::from_watts(1.5)).unwrap(), json!(1.5));
    assert_eq!(serde_json::to_value(Unit::Celsius).unwrap(), json!("°C"));
    assert_eq!(serde_json::to_value(Flags::STALE).unwrap(), json!(8));
}

#[test]
fn what_may_be_left_out_has_its_default() {
    let text =
        r#"{"driver":"d","device":"x","lane":"l","channels":[{"name":"p","quantity":{"kind":"voltage"}}]}"#;
    let descriptor: Descriptor = serde_json::from_str(text).unwrap();
    let expected = Descriptor::new("d", "x", vec![Channel::new("p", Quantity::Voltage)]);
    assert_eq!(descriptor, expected.with_lane(Lane::new("l")));
}

#[test]
fn the_width_of_an_anchor_of_an_older_run_is_unknown_where_it_says_0() {
    let anchor = |width: &str| {
        let text =
            format!("{{\"monotonic_ns\":1,\"realtime_ns\":2,\"boottime_ns\":null,\"raw_ns\":null{width}}}");
        serde_json::from_str::<Anchor>(&text).unwrap()
    };
    for unknown in ["", ",\"width_ns\":0", ",\"width_ns\":null"] {
        assert_eq!(anchor(unknown).width_ns, None, "{unknown}");
    }
    assert_eq!(anchor(",\"width_ns\":130").width_ns, Some(130));
    round_trip(&anchor(""));
    round_trip(&anchor(",\"width_ns\":130"));
}

#[test]
fn a_duration_that_does_not_fit_is_an_error() {
    assert!(serde_json::to_string(&Averaging::Over(Duration::MAX)).is_err());
    assert!(serde_json::from_str::<Averaging>(r#"{"over_ns":-1}"#).is_err());
}

proptest! {
    #[test]
    fn any_duration_and_modulus_come_back(nanos: u64, modulus: Option<u64>) {
        let window = Duration::from_nanos(nanos);
        round_trip(&Channel::new("p", Quantity::average_power(window)).with_update_period(window));
        round_trip(&Quantity::EnergyCounter { quantum: Joules::from_joules(1e-6), modulus });
    }
}
