//! What people read: values with their units, words for everything else.

use std::time::Duration;

use power_core::{
    Accuracy, Amperes, Averaging, Celsius, ChannelId, ClockDomain, Delivery, Descriptor, ErrorKind, Flags,
    Hertz, HostTime, Joules, Lane, Quantity, Ratio, Scope, Unit, Value, VoltAmperes, Volts, Watts,
};

#[test]
fn values_show_their_unit_and_keep_the_precision() {
    assert_eq!(format!("{:.1}", Value::from(Watts::from_milliwatts(75_040))), "75.0 W");
    assert_eq!(Joules::from_millijoules(1_500).to_string(), "1.5 J");
    assert_eq!(Value::from(Volts::from_volts(230.0)).to_string(), "230 V");
    assert_eq!(Value::from(Amperes::from_amperes(2.5)).to_string(), "2.5 A");
    assert_eq!(Value::from(VoltAmperes::from_volt_amperes(575.0)).to_string(), "575 VA");
    assert_eq!(Value::from(Hertz::from_hertz(1.0)).to_string(), "1 Hz");
    assert_eq!(Value::from(Celsius::from_celsius(-3.5)).to_string(), "-3.5 °C");
    assert_eq!(Value::from(Ratio::from_percent(50.0)).to_string(), "0.5", "a ratio has no unit");
    assert_eq!(Value::Count(u64::MAX).to_string(), "18446744073709551615");
    assert_eq!(Value::Missing.to_string(), "missing");
}

#[test]
fn units_parse_from_their_symbols() {
    for quantity in [
        Quantity::power(),
        Quantity::State,
        Quantity::ClockExchange,
        Quantity::ReadTime,
        Quantity::Utilisation,
        Quantity::MemoryUsed,
        Quantity::Temperature,
        Quantity::Frequency,
        Quantity::Voltage,
        Quantity::Current,
        Quantity::ApparentPower,
    ] {
        let unit = quantity.unit();
        assert_eq!(unit.to_string().parse::<Unit>().unwrap(), unit);
    }
    let error = "w".parse::<Unit>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.message().starts_with("unknown unit \"w\"; the units are W, "), "{error}");
}

#[test]
fn flags_show_their_names() {
    assert_eq!(Flags::NONE.to_string(), "");
    assert_eq!((Flags::STALE | Flags::MISSING).to_string(), "missing|stale");
    assert_eq!(Flags::UNCERTAIN.to_string(), "uncertain");
    assert_eq!(Flags::from_bits(0b10 | 1 << 15).to_string(), "overrun|0x8000", "unknown bits are kept");
}

#[test]
fn words() {
    assert_eq!(ChannelId(3).to_string(), "3");
    assert_eq!(format!("{:>6}", Lane::new("nvml")), "  nvml");
    assert_eq!(Delivery::Streamed.to_string(), "streamed");
    assert_eq!(Scope::Rail("12VHPWR".into()).to_string(), "rail 12VHPWR");
    assert_eq!(Averaging::Over(Duration::from_millis(25)).to_string(), "average over 25ms");
    assert_eq!(HostTime::from_nanos(-5).to_string(), "-5 ns");
    assert_eq!(Descriptor::new("nvml", "GPU-1", Vec::new()).to_string(), "nvml GPU-1");
    assert_eq!(ClockDomain::Device { tick_hz: Some(1e6) }.to_string(), "device clock, 1000000 Hz");
    let accuracy = Accuracy { percent_of_reading: 0.1, percent_of_range: 0.05, source: "manual p. 7".into() };
    assert_eq!(accuracy.to_string(), "±(0.1 % of reading + 0.05 % of range)");
}
