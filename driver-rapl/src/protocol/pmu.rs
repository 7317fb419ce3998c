//! Events of a PMU as sysfs describes them.

/// The `config` of an event such as `event=0x02`, by the PMU's formats such as `config:0-7`.
///
/// `format` gives the text of `format/NAME`, `None` where there is none; a term without a format is placed whole, as
/// by the kernel's own `event` of 8 bits. `None` if the text is no such event, a value does not fit its bits, or a
/// format is of another word than `config`.
///
/// ```
/// use driver_rapl::protocol::event_config;
/// let format = |name: &str| (name == "event").then(|| "config:0-7\n".to_owned());
/// assert_eq!(event_config("event=0x02\n", format), Some(2));
/// assert_eq!(event_config("event=0x102\n", format), None);
/// ```
pub fn event_config(event: &str, format: impl Fn(&str) -> Option<String>) -> Option<u64> {
    let mut config = 0_u64;
    for term in event.trim().split(',') {
        let (name, value) = term.split_once('=').unwrap_or((term, "1"));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let value = match value.strip_prefix("0x") {
            Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok()?,
            Some(_) => return None,
            None => super::decimal(value.as_bytes())?,
        };
        let (low, high) = match format(name) {
            Some(text) => bits(&text)?,
            None => (0, 7),
        };
        let width = high - low + 1;
        if width < 64 && value >> width != 0 {
            return None;
        }
        config |= value << low;
    }
    Some(config)
}

/// The bits of `config:0-7` or `config:3`.
fn bits(format: &str) -> Option<(u32, u32)> {
    let range = format.trim().strip_prefix("config:")?;
    let (low, high) = range.split_once('-').unwrap_or((range, range));
    let bit = |text: &str| u32::try_from(super::decimal(text.as_bytes())?).ok().filter(|bit| *bit < 64);
    let (low, high) = (bit(low)?, bit(high)?);
    (low <= high).then_some((low, high))
}

/// Joules of one count, from an event's `.scale` and `.unit`; `None` unless the unit is `Joules` and the scale a
/// number above 0.
///
/// ```
/// use driver_rapl::protocol::scale;
/// assert_eq!(scale("2.3283064365386962890625e-10\n", "Joules\n"), Some(2.0_f64.powi(-32)));
/// assert_eq!(scale("1", "Watts"), None);
/// ```
pub fn scale(scale: &str, unit: &str) -> Option<f64> {
    let scale: f64 = scale.trim().parse().ok()?;
    (unit.trim() == "Joules" && scale.is_finite() && scale > 0.0).then_some(scale)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_lands_in_its_bits(low in 0..64_u32, width in 1..64_u32, value: u64) {
            let high = (low + width - 1).min(63);
            let fits = high - low == 63 || value >> (high - low + 1) == 0;
            let found = event_config(&format!("event={value:#x}"), |_| Some(format!("config:{low}-{high}")));
            prop_assert_eq!(found, fits.then(|| value << low));
        }

        #[test]
        fn no_text_panics(event in "\\PC*", format in "\\PC*", unit in "\\PC*") {
            let _ = (event_config(&event, |_| Some(format.clone())), scale(&format, &unit));
        }
    }

    #[test]
    fn edges() {
        let formats = |name: &str| match name {
            "event" => Some("config:0-7".to_owned()),
            "umask" => Some("config:8-15".to_owned()),
            "flag" => Some("config:20".to_owned()),
            "other" => Some("config1:0-7".to_owned()),
            _ => None,
        };
        assert_eq!(event_config("event=0x1,umask=2,flag", formats), Some(0x10_0201));
        for wrong in
            ["", "event=", "event=0x", "event=-1", "event=0x+1", "other=1", "a b=1", "event=1,,umask=1"]
        {
            assert_eq!(event_config(wrong, formats), None, "{wrong}");
        }
        for wrong in ["0", "-1", "nan", "inf", ""] {
            assert_eq!(scale(wrong, "Joules"), None, "{wrong}");
        }
    }
}
