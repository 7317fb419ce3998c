//! Decimal numbers as sysfs prints them.

/// The number in `text`: decimal digits, then at most white space.
///
/// `None` for anything else: a sign, a fraction, no digit, or a number that does not fit. Nothing is cut off or
/// skipped.
///
/// ```
/// use driver_rapl::protocol::decimal;
/// assert_eq!(decimal(b"262143328850\n"), Some(262_143_328_850));
/// assert_eq!(decimal(b"-3\n"), None);
/// assert_eq!(decimal(b""), None);
/// ```
pub const fn decimal(text: &[u8]) -> Option<u64> {
    let mut number: u64 = 0;
    let mut at = 0;
    while at < text.len() && text[at].is_ascii_digit() {
        number = match number.checked_mul(10) {
            Some(tens) => match tens.checked_add((text[at] - b'0') as u64) {
                Some(number) => number,
                None => return None,
            },
            None => return None,
        };
        at += 1;
    }
    if at == 0 || !text.split_at(at).1.trim_ascii().is_empty() {
        return None;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_is_read_back(number: u64, end in "[ \n]{0,3}") {
            let text = format!("{number}{end}");
            prop_assert_eq!(decimal(text.as_bytes()), Some(number));
        }

        #[test]
        fn anything_else_is_no_number(text in "\\PC{0,24}") {
            let is_number = text.trim_end().parse::<u64>().is_ok() && !text.starts_with('+');
            let ascii = text.is_ascii();
            prop_assert!(!ascii || decimal(text.as_bytes()).is_some() == is_number, "{:?}", text);
        }
    }

    #[test]
    fn edges() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"1 2"), None);
        assert_eq!(decimal(b" 1"), None);
        assert_eq!(decimal(b"12\0"), None);
    }
}
