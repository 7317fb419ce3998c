//! Numbers in sentences.

pub(super) use crate::stats::count as as_f64;

/// A share in per cent, without decimals where there are many.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value.abs() >= 10.0 { format!("{value:.0} %") } else { format!("{value:.1} %") }
}

/// A power with a prefix.
pub(super) fn watts(watts: f64) -> String {
    match watts.abs() {
        size if size >= 1e6 => format!("{:.1} MW", watts * 1e-6),
        size if size >= 1e4 => format!("{:.1} kW", watts * 1e-3),
        size if size >= 10.0 => format!("{watts:.0} W"),
        _ => format!("{watts:.2} W"),
    }
}

/// A length of time.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds.abs() {
        size if size >= 100.0 => format!("{seconds:.0} s"),
        size if size >= 1.0 => format!("{seconds:.1} s"),
        _ => format!("{:.0} ms", seconds * 1e3),
    }
}

/// An energy with a prefix.
pub(super) fn joules(joules: f64) -> String {
    match joules.abs() {
        size if size >= 1e7 => format!("{:.1} MJ", joules * 1e-6),
        size if size >= 1e4 => format!("{:.1} kJ", joules * 1e-3),
        _ => format!("{joules:.1} J"),
    }
}
