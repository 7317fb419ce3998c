//! Text on its way into the page: nothing from the data is ever markup or script.

use serde::Serialize;

use crate::{Error, Result};

/// What stands where nobody knows.
pub(super) const UNKNOWN: &str = "unknown";

/// Text as HTML: usable as content and in a quoted attribute.
///
/// Control characters, which HTML cannot hold, become the replacement character.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A name from the data: kept apart from the text around it, whatever direction it is written in, and broken at the
/// ends of its parts first.
pub(super) fn name(text: &str) -> String {
    let parts = escape(text).replace('/', "/<wbr>").replace('_', "_<wbr>").replace('.', ".<wbr>");
    format!("<bdi class=\"name\">{parts}</bdi>")
}

/// A value as one line of JSON that may stand in a script element.
///
/// JSON leaves `<` as it is, so `</script` or `<!--` in a name would end the element; escaped, it is the same JSON.
pub(super) fn script_json(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(value)
        .map_err(|error| Error::new("the report's data cannot be written as JSON").because(error))?;
    Ok(json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

/// A number with so many decimals, or that it is unknown.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| UNKNOWN.into(), |value| plain(value, decimals))
}

/// A number with so many decimals; never `-0`.
pub(super) fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_owned(),
        _ => text,
    }
}

/// A number with about four significant digits, for quantities of any size.
pub(super) fn significant(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 1000.0 || size == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 0.1 => 3,
        size if size >= 0.001 => 4,
        _ => 6,
    };
    plain(value, decimals)
}

/// `1 phase`, `2 phases`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A count in groups of three digits.
pub(super) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A word as a shell takes it literally.
pub(super) fn shell_word(word: &str) -> String {
    let harmless =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':' | '=' | ',' | '+');
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(harmless) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(
            escape("<img src=x onerror=\"alert('1')\">&"),
            "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;"
        );
        assert_eq!(name("a/<b>"), "<bdi class=\"name\">a/<wbr>&lt;b&gt;</bdi>");
        assert_eq!(escape("a\u{0}b\u{1b}c\n"), "a\u{fffd}b\u{fffd}c\n");
    }

    #[test]
    fn json_cannot_leave_its_script() {
        let name = "</script><!--\u{2028}<script>";
        let json = script_json(&name).unwrap();
        assert!(!json.contains('<') && !json.contains('\u{2028}') && !json.contains('\n'), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }

    #[test]
    fn what_is_not_finite_is_unknown() {
        assert_eq!(number(Some(f64::NAN), 1), "unknown");
        assert_eq!(number(Some(f64::NEG_INFINITY), 1), "unknown");
        assert_eq!(number(None, 1), "unknown");
        assert_eq!(number(Some(-0.04), 1), "0.0");
        assert_eq!(number(Some(-0.06), 1), "-0.1");
        assert_eq!(script_json(&[f64::NAN, f64::INFINITY]).unwrap(), "[null,null]");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(12), "12");
        assert_eq!(significant(1234.5), "1234");
        assert_eq!(significant(12.345), "12.35");
        assert_eq!(counted(1, "phase", "phases"), "1 phase");
    }

    #[test]
    fn shell_words() {
        assert_eq!(shell_word("gpu0/power.draw"), "gpu0/power.draw");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("--evil"), "'--evil'");
        assert_eq!(shell_word(""), "''");
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_markup(text in ".*") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }

        #[test]
        fn script_json_is_the_same_json(text in ".*") {
            let json = script_json(&text).unwrap();
            prop_assert!(!json.contains('<'));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
