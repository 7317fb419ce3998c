//! The keys that a profile may have.

pub(super) const ROOT: &[&str] = &[
    "name",
    "maker",
    "model",
    "verified",
    "source",
    "note",
    "scope",
    "transport",
    "modbus",
    "identification",
    "timing",
    "accuracy",
    "channel",
];

pub(super) const TRANSPORT: &[&str] =
    &["unit", "baud", "parity", "data_bits", "stop_bits", "port", "timeout_ms"];

pub(super) const MODBUS: &[&str] =
    &["function", "type", "byte_order", "word_order", "max_registers", "max_gap"];

pub(super) const IDENTIFICATION: &[&str] =
    &["register", "function", "type", "byte_order", "word_order", "expected", "note"];

pub(super) const TIMING: &[&str] = &["update_period_ms", "window_ms", "averaging", "delay_ms", "smoothing"];

pub(super) const ACCURACY: &[&str] = &["reading_percent", "range_percent", "source"];

pub(super) const CHANNEL: &[&str] = &[
    "name",
    "register",
    "function",
    "type",
    "byte_order",
    "word_order",
    "scale",
    "unit",
    "quantity",
    "scope",
    "part_of",
    "undefined",
    "range",
    "resolution",
    "modulus",
    "optional",
    "update_period_ms",
    "window_ms",
    "averaging",
    "accuracy",
];
