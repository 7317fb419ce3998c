//! Numbers out of a JSON object, without allocating.
//!
//! Derived structs would do, but `serde_json` allocates for each nested value that it passes over.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Takes the numbers called `names` out of the object at `path` in `json`, `None` for those that are absent or null.
///
/// `None` if it is no JSON, there is no such object, or one of the names holds something else. Takes any bytes.
pub(super) fn pick<const N: usize>(
    json: &[u8],
    path: &[&str],
    names: &[&str; N],
) -> Option<[Option<f64>; N]> {
    let mut numbers = [None; N];
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = Object { path, names, numbers: &mut numbers }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    found.then_some(numbers)
}

/// An object that holds the next part of the path, or the numbers.
struct Object<'a> {
    path: &'a [&'a str],
    names: &'a [&'a str],
    numbers: &'a mut [Option<f64>],
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    /// Whether the object at the end of the path was there.
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut found = self.path.is_empty();
        let wanted: &[&str] = match self.path {
            [] => self.names,
            [next, ..] => std::slice::from_ref(next),
        };
        while let Some(position) = map.next_key_seed(Key(wanted))? {
            match (position, self.path) {
                (None, _) => {
                    map.next_value::<Skip>()?;
                }
                (Some(position), []) => self.numbers[position] = map.next_value::<Number>()?.0,
                (Some(_), [_, rest @ ..]) => {
                    let inner = Object { path: rest, names: self.names, numbers: &mut *self.numbers };
                    found = map.next_value_seed(inner)?;
                }
            }
        }
        Ok(found)
    }
}

/// A key: its position among the wanted ones.
struct Key<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| *wanted == key))
    }
}

/// A number or null.
struct Number(Option<f64>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or null")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Ok(Number(Some(number).filter(|number| number.is_finite())))
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53, which no such device measures")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53, which no such device measures")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Ok(Number(Some(number as f64)))
    }

    fn visit_unit<E: Error>(self) -> Result<Number, E> {
        Ok(Number(None))
    }
}

/// Any value, passed over.
struct Skip;

impl<'de> Deserialize<'de> for Skip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SkipVisitor)
    }
}

struct SkipVisitor;

impl<'de> Visitor<'de> for SkipVisitor {
    type Value = Skip;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_unit<E: Error>(self) -> Result<Skip, E> {
        Ok(Skip)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Skip, A::Error> {
        while values.next_element::<Skip>()?.is_some() {}
        Ok(Skip)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Skip, A::Error> {
        // Keys are passed over by serde_json without a buffer of their own.
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value::<Skip>()?;
        }
        Ok(Skip)
    }
}
