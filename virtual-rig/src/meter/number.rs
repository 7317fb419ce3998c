//! Numbers as instruments write them.

/// Six digits after the point and an exponent of two, as ZES meters: `2.316219E+02`.
pub(super) fn scientific(value: f64) -> String {
    let text = format!("{value:.6E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}E{sign}{:02}", exponent.abs())
}

/// Five digits and an exponent that is a multiple of 3, as Yokogawa meters: `103.58E+00`.
pub(super) fn engineering(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0.0000E+00".to_owned();
    }
    let text = format!("{value:.4E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shift = exponent.rem_euclid(3);
    let mantissa = digits.parse::<f64>().unwrap_or(0.0) * 10_f64.powi(shift);
    let places = usize::try_from(4 - shift).unwrap_or(0);
    let exponent = exponent - shift;
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa:.places$}E{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_instruments_do() {
        assert_eq!(scientific(231.6219), "2.316219E+02");
        assert_eq!(scientific(0.0), "0.000000E+00");
        assert_eq!(scientific(-0.049_826_98), "-4.982698E-02");
        assert_eq!(engineering(103.58), "103.58E+00");
        assert_eq!(engineering(1_234.56), "1.2346E+03");
        assert_eq!(engineering(0.992_81), "992.81E-03");
        assert_eq!(engineering(99_999.9), "100.00E+03");
        assert_eq!(engineering(-12.5), "-12.500E+00");
    }
}
