//! From the text of a profile to a profile, or to what is wrong and where.

use std::collections::BTreeMap;
use std::time::Duration;

use power_core::{Accuracy, Averaging, Result, Scope};
use toml::de::DeTable;

use super::channel::{self, Defaults};
use super::document::{Placed, Section};
use super::place::Text;
use super::units::{Measured, QUANTITIES, SCOPES, scope};
use super::{Identification, Order, Profile, RegisterType, Transport, Verified, keys};
use crate::link::serial::{Parity, SerialSettings};
use crate::modbus::protocol::{MOST_REGISTERS_ASKED, Table};

/// The words for types of registers.
const TYPES: &[(&str, RegisterType)] = &[
    ("u16", RegisterType::U16),
    ("i16", RegisterType::I16),
    ("u32", RegisterType::U32),
    ("i32", RegisterType::I32),
    ("u64", RegisterType::U64),
    ("i64", RegisterType::I64),
    ("f32", RegisterType::F32),
    ("f64", RegisterType::F64),
];

/// The words for orders: whether they are swapped.
const ORDERS: &[(&str, bool)] = &[("big", false), ("little", true)];

/// Reads a profile from its text; `name` is what messages call it, such as its path.
///
/// ```
/// let text = include_str!("../../meters/sdm120.toml");
/// let profile = driver_meter::profile::check(text, "sdm120.toml")?;
/// assert_eq!(profile.model, "SDM120-Modbus");
/// let wrong = text.replace("baud", "bauds");
/// let error = driver_meter::profile::check(&wrong, "sdm120.toml").unwrap_err();
/// assert!(error.to_string().contains("unknown key \"bauds\" in transport; did you mean baud?"));
/// # Ok::<(), power_core::Error>(())
/// ```
///
/// # Errors
///
/// - [`ErrorKind::InvalidConfig`](power_core::ErrorKind::InvalidConfig) with `NAME:LINE:COLUMN` and what would be
///   right.
pub fn check(text: &str, name: &str) -> Result<Profile> {
    let text = Text { name, text };
    let document = DeTable::parse(text.text).map_err(|error| {
        let end = text.text.len();
        text.wrong(&error.span().unwrap_or(end..end), error.message().replace('\n', "; "))
    })?;
    let root = Section::root(text, document.get_ref(), keys::ROOT)?;
    let (transport, defaults) = (transport(&root)?, defaults(&root)?);
    let timing = root.section("timing", keys::TIMING)?;
    let delay = timing.as_ref().map(|timing| duration(timing, "delay_ms")).transpose()?.flatten();
    let smoothing = timing.as_ref().map(|timing| timing.text("smoothing")).transpose()?.flatten();
    let verified = [("source", Verified::Source), ("experimental", Verified::Experimental)];
    let Some(verified) = root.word("verified", &verified)? else {
        return root.wrong("profile has no verified; it is \"source\" or \"experimental\"");
    };
    let profile = Profile {
        name: profile_name(&root)?,
        maker: root.needed_text("maker")?.value.to_owned(),
        model: root.needed_text("model")?.value.to_owned(),
        verified: verified.value,
        source: root.needed_text("source")?.value.to_owned(),
        note: root.text("note")?.map(|note| note.value.to_owned()),
        transport,
        max_registers: defaults.max_registers,
        max_gap: defaults.max_gap,
        identification: identification(&root, &defaults)?,
        delay,
        smoothing: smoothing.map(|text| text.value.to_owned()),
        channels: channel::all(&root, &defaults)?,
    };
    Ok(profile)
}

/// Lower case, digits, `-` and `_`: it stands on command lines.
fn profile_name(root: &Section<'_>) -> Result<String> {
    let name = root.needed_text("name")?;
    let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_".contains(char);
    if name.value.chars().all(plain) {
        Ok(name.value.to_owned())
    } else {
        name.wrong(format!("name = {:?}: it is made of a to z, 0 to 9, - and _", name.value))
    }
}

fn transport(root: &Section<'_>) -> Result<Transport> {
    let mut transport = Transport::default();
    let Some(section) = root.section("transport", keys::TRANSPORT)? else { return Ok(transport) };
    if let Some(unit) = section.integer("unit", 0..=255)? {
        transport.unit = narrow(unit.value);
    }
    if let Some(port) = section.integer("port", 1..=65_535)? {
        transport.port = narrow(port.value);
    }
    if let Some(time) = duration(&section, "timeout_ms")? {
        transport.timeout = time;
    }
    let parities = [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];
    let baud = section.integer("baud", 50..=12_000_000)?.map_or(9_600, |baud| narrow(baud.value));
    transport.serial = SerialSettings::new(baud)
        .with_parity(section.word("parity", &parities)?.map_or(Parity::None, |parity| parity.value))
        .with_data_bits(section.integer("data_bits", 7..=8)?.map_or(8, |bits| narrow(bits.value)))
        .with_stop_bits(section.integer("stop_bits", 1..=2)?.map_or(1, |bits| narrow(bits.value)));
    Ok(transport)
}

/// What holds for every channel that does not say otherwise.
fn defaults(root: &Section<'_>) -> Result<Defaults> {
    let scope = match root.text("scope")? {
        Some(word) => named_scope(&word)?,
        None => Scope::Unknown,
    };
    let mut defaults = Defaults {
        table: Table::Holding,
        kind: None,
        order: Order::default(),
        scope,
        averaging: Averaging::Unknown,
        update_period: None,
        accuracies: accuracies(root)?,
        max_registers: MOST_REGISTERS_ASKED,
        max_gap: 0,
    };
    if let Some(section) = root.section("timing", keys::TIMING)? {
        defaults.averaging = averaging(&section)?.unwrap_or_default();
        defaults.update_period = duration(&section, "update_period_ms")?;
    }
    let Some(section) = root.section("modbus", keys::MODBUS)? else { return Ok(defaults) };
    defaults.table = table(&section)?.unwrap_or(defaults.table);
    defaults.kind = kind(&section)?;
    defaults.order = order(&section, defaults.order)?;
    if let Some(most) = section.integer("max_registers", 1..=MOST_REGISTERS_ASKED.into())? {
        defaults.max_registers = narrow(most.value);
    }
    if let Some(gap) = section.integer("max_gap", 0..=120)? {
        defaults.max_gap = narrow(gap.value);
    }
    Ok(defaults)
}

/// The limits of error of each quantity.
fn accuracies(root: &Section<'_>) -> Result<BTreeMap<&'static str, Accuracy>> {
    let words: Vec<_> = QUANTITIES.iter().map(|(word, _)| *word).collect();
    let Some(section) = root.section("accuracy", &words)? else { return Ok(BTreeMap::new()) };
    let mut accuracies = BTreeMap::new();
    for word in words {
        if let Some(section) = section.section(word, keys::ACCURACY)? {
            accuracies.insert(word, accuracy(&section)?);
        }
    }
    Ok(accuracies)
}

/// Limits of error with their source.
pub(super) fn accuracy(section: &Section<'_>) -> Result<Accuracy> {
    let percent = |key| match section.number(key)? {
        Some(number) if !(0.0..=100.0).contains(&number.value) => {
            number.wrong(format!("{key} = {}: it is 0 to 100 per cent", number.value))
        }
        number => Ok(number.map_or(0.0, |number| number.value)),
    };
    let (percent_of_reading, percent_of_range) = (percent("reading_percent")?, percent("range_percent")?);
    if percent_of_reading + percent_of_range <= 0.0 {
        return section.wrong("an accuracy needs reading_percent, range_percent, or both");
    }
    let source = section.needed_text("source")?.value.to_owned().into();
    Ok(Accuracy { percent_of_reading, percent_of_range, source })
}

fn identification(root: &Section<'_>, defaults: &Defaults) -> Result<Option<Identification>> {
    let Some(section) = root.section("identification", keys::IDENTIFICATION)? else { return Ok(None) };
    let Some(register) = section.integer("register", 0..=65_535)? else {
        return section.wrong("identification has no register");
    };
    let Some(kind) = kind(&section)? else {
        return section.wrong("identification has no type, such as \"u16\"");
    };
    if kind.is_float() {
        return section.wrong("identification is by a whole number: u16, u32 or u64");
    }
    let expected = section.integers("expected", 0..=bits(kind))?;
    if expected.is_empty() {
        return section.wrong("identification has no expected, such as [71]");
    }
    if register.value + u64::from(kind.registers()) > 65_536 {
        return register.wrong("the last register is above 65535");
    }
    Ok(Some(Identification {
        table: table(&section)?.unwrap_or(defaults.table),
        register: narrow(register.value),
        kind,
        order: order(&section, defaults.order)?,
        expected,
        note: section.text("note")?.map(|note| note.value.to_owned()),
    }))
}

/// The table by its function code.
pub(super) fn table(section: &Section<'_>) -> Result<Option<Table>> {
    let Some(function) = section.integer("function", 0..=255)? else { return Ok(None) };
    match u8::try_from(function.value).ok().and_then(Table::from_function) {
        Some(table) => Ok(Some(table)),
        None => function.wrong(format!(
            "function = {}: it is 3 for holding registers, 4 for input registers",
            function.value
        )),
    }
}

/// The type of registers.
pub(super) fn kind(section: &Section<'_>) -> Result<Option<RegisterType>> {
    Ok(section.word("type", TYPES)?.map(|kind| kind.value))
}

/// The order of bytes and words.
pub(super) fn order(section: &Section<'_>, default: Order) -> Result<Order> {
    Ok(Order {
        bytes_swapped: section.word("byte_order", ORDERS)?.map_or(default.bytes_swapped, |order| order.value),
        words_swapped: section.word("word_order", ORDERS)?.map_or(default.words_swapped, |order| order.value),
    })
}

/// What one publication covers: a window, or the word `instantaneous` or `unknown`.
pub(super) fn averaging(section: &Section<'_>) -> Result<Option<Averaging>> {
    let words = [("instantaneous", Averaging::Instantaneous), ("unknown", Averaging::Unknown)];
    let word = section.word("averaging", &words)?;
    match (duration(section, "window_ms")?, word) {
        (Some(_), Some(word)) => word.wrong("averaging and window_ms exclude each other"),
        (Some(window), None) => Ok(Some(Averaging::Over(window))),
        (None, word) => Ok(word.map(|word| word.value)),
    }
}

/// A time in milliseconds, up to a day.
pub(super) fn duration(section: &Section<'_>, key: &'static str) -> Result<Option<Duration>> {
    Ok(section.integer(key, 1..=86_400_000)?.map(|time| Duration::from_millis(time.value)))
}

/// The scope that a word names.
pub(super) fn named_scope(word: &Placed<'_, &str>) -> Result<Scope> {
    match scope(word.value) {
        Some(scope) => Ok(scope),
        None => word.wrong(format!("scope = {:?}; it is {} or rail:NAME", word.value, SCOPES.join(", "))),
    }
}

/// All bits of a type.
pub(super) const fn bits(kind: RegisterType) -> u64 {
    match kind.registers() {
        1 => 0xFFFF,
        2 => 0xFFFF_FFFF,
        _ => u64::MAX,
    }
}

/// A number that was checked to fit.
pub(super) fn narrow<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// The word for a quantity.
pub(super) fn word_of(measured: Measured) -> &'static str {
    QUANTITIES.iter().find(|(_, known)| *known == measured).map_or("", |(word, _)| *word)
}
