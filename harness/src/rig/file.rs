//! The rig file. `docs/rig.md` describes it for users.
//!
//! ```toml
//! reference = "lmg/power"
//!
//! [[source]]
//! name = "gpu0"
//! driver = "nvml"
//! device = "gpu0"
//! rate_hz = 100
//! policy = "optional"
//! options = { channels = "power.draw" }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use power_core::Options;
use serde::Deserialize;

use super::{Policy, Rig, SourceSpec};
use crate::drivers;
use crate::import::{nearest_hint, nearest_name};
use crate::run::id_problem;
use crate::{Error, Result};

/// The fastest rate that is believed.
const FASTEST_HZ: f64 = 100_000.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    reference: Option<String>,
    #[serde(default, rename = "source")]
    sources: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: toml::Spanned<String>,
    driver: toml::Spanned<String>,
    device: String,
    #[serde(default)]
    rate_hz: Option<toml::Spanned<f64>>,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    options: BTreeMap<String, Scalar>,
}

/// The value of an option, which drivers get as text.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an option is a text, a number, or true or false")]
enum Scalar {
    Text(String),
    Flag(bool),
    Integer(i64),
    Number(f64),
}

impl From<Scalar> for String {
    fn from(value: Scalar) -> Self {
        match value {
            Scalar::Text(text) => text,
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
        }
    }
}

impl Rig {
    /// Reads the text of a rig file; `path` is for messages. Takes any text.
    ///
    /// # Errors
    ///
    /// - if a key is unknown, missing or wrong; the message names the line and the nearest key.
    /// - if two sources have one name, a driver is unknown, or the reference is no source's.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let fault = |start: usize, what: String| {
            let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
            Error::file(path, format!("line {line}: {what}"))
        };
        let file: File = toml::from_str(text).map_err(|error| syntax(&error, fault))?;
        if file.sources.is_empty() {
            return Err(Error::file(path, "has no [[source]]").mend("name at least one source to be read"));
        }
        let mut names = BTreeSet::new();
        let mut sources = Vec::new();
        for entry in file.sources {
            let (name, driver) = (entry.name.get_ref(), entry.driver.get_ref());
            if let Some(what) = id_problem(name) {
                return Err(fault(entry.name.span().start, what));
            }
            if !names.insert(name.clone()) {
                return Err(fault(entry.name.span().start, format!("two sources are named {name}"))
                    .mend("give each source a name of its own"));
            }
            if drivers::find(driver).is_none() {
                return Err(fault(entry.driver.span().start, format!("there is no driver {driver}"))
                    .mend(nearest_hint(driver, &drivers::ids())));
            }
            if let Some(rate) = entry.rate_hz.as_ref().filter(|rate| !is_rate(*rate.get_ref())) {
                return Err(fault(rate.span().start, format!("rate_hz = {} is no rate", rate.get_ref()))
                    .mend(format!("give a number of readings a second, above 0 and at most {FASTEST_HZ}")));
            }
            sources.push(SourceSpec {
                name: entry.name.into_inner(),
                driver: entry.driver.into_inner(),
                device: entry.device,
                rate_hz: entry.rate_hz.map(toml::Spanned::into_inner),
                polled_rate_hz: None,
                policy: entry.policy,
                options: entry.options.into_iter().collect::<Options>(),
            });
        }
        if let Some(reference) = &file.reference
            && !names.iter().any(|name| {
                reference
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
            })
        {
            let names: Vec<_> = names.into_iter().collect();
            return Err(Error::file(
                path,
                format!("the reference {reference} is no channel of a source here"),
            )
            .mend(format!("write it as SOURCE/CHANNEL; the sources are {}", names.join(", "))));
        }
        Ok(Self { reference: file.reference, sources })
    }
}

/// Whether a source can be read so often.
pub(super) fn is_rate(hz: f64) -> bool {
    hz > 0.0 && hz <= FASTEST_HZ
}

/// An error of what is no TOML, or no rig.
fn syntax(error: &toml::de::Error, fault: impl Fn(usize, String) -> Error) -> Error {
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    let fault = fault(error.span().map_or(0, |span| span.start), message.clone());
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if message.starts_with("unknown field") => {
            match nearest_name(unknown, known) {
                Some(near) => fault.mend(format!("did you mean `{near}`?")),
                None => fault,
            }
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SOURCE: &str = "[[source]]\nname = \"a\"\ndriver = \"nvml\"\ndevice = \"gpu0\"\n";
    const GOOD: &str =
        "reference = \"a/power\"\n[[source]]\nname = \"a\"\ndriver = \"nvml\"\ndevice = \"gpu0\"\n";

    fn parse(text: &str) -> Result<Rig> {
        Rig::parse(text, Path::new("rig.toml"))
    }

    fn says(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let rig = parse(GOOD).unwrap();
        let source = &rig.sources[0];
        assert_eq!((source.rate_hz, source.policy), (None, Policy::Required));
        let more =
            "rate_hz = 1e3\npolicy = \"optional\"\noptions = { a = 1, b = true, c = \"x\", d = 0.5 }\n";
        let rig = parse(&format!("{GOOD}{more}")).unwrap();
        let source = &rig.sources[0];
        assert_eq!((source.rate_hz, source.policy), (Some(1000.0), Policy::Optional));
        let options: Vec<_> = source.options.iter().collect();
        assert_eq!(options, [("a", "1"), ("b", "true"), ("c", "x"), ("d", "0.5")]);
    }

    #[test]
    fn faults_name_the_line_and_what_is_near() {
        for (text, words) in [
            (format!("{GOOD}rate = 10\n"), "rig.toml: line 6: unknown field `rate`"),
            (format!("{GOOD}rate = 10\n"), "did you mean `rate_hz`?"),
            (format!("{GOOD}polcy = \"optional\"\n"), "did you mean `policy`?"),
            (format!("{GOOD}policy = \"maybe\"\n"), "line 6: unknown variant `maybe`"),
            (format!("{GOOD}rate_hz = 0.0\n"), "line 6: rate_hz = 0 is no rate"),
            (format!("{GOOD}rate_hz = nan\n"), "is no rate"),
            (GOOD.replace("nvml", "nvlm"), "line 4: there is no driver nvlm: did you mean `nvml`?"),
            (GOOD.replace("\"a/power\"", "\"b/power\""), "the reference b/power"),
            (GOOD.replace("\"a/power\"", "\"a\""), "SOURCE/CHANNEL; the sources are a"),
            (format!("{GOOD}{SOURCE}"), "line 7: two sources are named a"),
            (GOOD.replace("name = \"a\"", "name = \"a/b\""), "line 3: the source id \"a/b\" has a slash"),
            ("reference = \"x/y\"".to_owned(), "has no [[source]]"),
            ("[[source]]\nname = \"a\"\n".to_owned(), "missing field `driver`"),
            ("[[source]".to_owned(), "line 1"),
        ] {
            assert!(says(&text).contains(words), "{words}: {}", says(&text));
        }
    }

    #[test]
    fn rates_are_set_by_name_or_for_all_that_have_none() {
        let mut rig = parse(&format!("{GOOD}rate_hz = 5\n{}", SOURCE.replace("\"a\"", "\"b\""))).unwrap();
        rig.set_rates(&["100".to_owned()]).unwrap();
        assert_eq!((rig.sources[0].rate_hz, rig.sources[1].rate_hz), (Some(5.0), None));
        assert_eq!(rig.sources[1].polled_rate_hz, Some(100.0));
        rig.set_rates(&["a=7".to_owned()]).unwrap();
        assert_eq!(rig.sources[0].rate_hz, Some(7.0));
        assert!(rig.set_rates(&["fast".to_owned()]).unwrap_err().to_string().contains("fast is no rate"));
        assert!(rig.set_rates(&["c=7".to_owned()]).unwrap_err().to_string().contains("no source c"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_rig_or_a_fault(text in ".{0,200}") {
            let _ = parse(&text);
        }
    }
}
