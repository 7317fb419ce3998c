//! ZES power analysers: the short language of an LMG450 and an LMG670.
//!
//! Commands as used by public tools (`lmgtools`): `syst:lang short` or `*zlang short`, `actn;p?;utrms?`, `cont on`.
//! Then a line with the values, separated by `;`, follows each measuring cycle. An LMG670 has `tsnorm`, the time of
//! a value, and `durnorm`, the length of its cycle. An LMG450 ends its lines by CR and LF, an LMG670 by LF.

use super::calendar::Date;
use super::instrument::Shown;
use super::number::scientific;
use super::wire::{Over, Wire};
use crate::description::MeterKind;
use crate::num::float;

/// What these meters send where a value is over its range.
const OVERRANGE: &str = "9.910000E+37";

#[derive(Debug, Default)]
struct Session {
    short: bool,
    /// What each cycle's line holds.
    selected: Vec<String>,
    /// The next cycle to be sent, if lines are on.
    next: Option<i64>,
    errors: Vec<String>,
}

/// Serves one client until it is gone.
pub(super) fn serve(wire: &mut Wire<'_>) -> Result<(), Over> {
    let end = if wire.meter.model.kind == MeterKind::Lmg450 { "\r\n" } else { "\n" };
    let mut session = Session::default();
    loop {
        let patience = session.next.map(|next| wire.meter.until(next));
        if let Some(line) = wire.line(patience)? {
            let replies = session.take(&line, wire);
            if !replies.is_empty() {
                wire.reply_text(&replies.join(";"), end)?;
            }
        }
        let newest = wire.meter.newest();
        // Cycles that could not be sent in time are sent late; of more than 20 the newest alone.
        if let Some(next) = session.next.filter(|next| *next <= newest) {
            let cycle = if newest - next > 20 { newest } else { next };
            let shown = wire.meter.at(cycle);
            session.next = Some(cycle + 1);
            let values: Vec<String> =
                session.selected.iter().filter_map(|name| value(wire, &shown, name)).collect();
            if !values.is_empty() {
                wire.reply_text(&values.join(";"), end)?;
            }
        }
    }
}

impl Session {
    /// Takes in one line of commands; what is to be answered.
    fn take(&mut self, line: &str, wire: &Wire<'_>) -> Vec<String> {
        let mut replies = Vec::new();
        let line = line.to_ascii_lowercase();
        let mut commands = line.split(';').map(str::trim).filter(|command| !command.is_empty());
        while let Some(command) = commands.next() {
            if command == "actn" && self.short {
                self.selected = commands
                    .filter_map(|name| name.strip_suffix('?'))
                    .filter(|name| self.knows(name, wire))
                    .map(str::to_owned)
                    .collect();
                return replies;
            }
            let (word, argument) = command.split_once(' ').unwrap_or((command, ""));
            match (word, argument.trim()) {
                ("*idn?", _) => replies.push(identity(wire.meter.model.kind).to_owned()),
                ("*opc?", _) => replies.push("1".to_owned()),
                ("*rst", _) => *self = Self::default(),
                ("*cls", _) => self.errors.clear(),
                ("syst:lang" | "*zlang" | "lang", "short") => self.short = true,
                ("syst:lang" | "*zlang" | "lang", "scpi") => self.short = false,
                ("syst:err:all?" | "syst:err?", _) => {
                    let all = if self.errors.is_empty() {
                        "0,\"No error\"".to_owned()
                    } else {
                        self.errors.drain(..).collect::<Vec<_>>().join(",")
                    };
                    replies.push(all);
                }
                ("cont", "on" | "1") if self.short => self.next = Some(wire.meter.newest() + 1),
                ("cont", "off" | "0") if self.short => self.next = None,
                ("cycl?", _) => replies.push(scientific(float(wire.meter.model.period_ns) / 1e9)),
                // Ranges, cycle and filters are as they are.
                (word, argument) if !word.ends_with('?') && (!argument.is_empty() || word == "gtl") => {}
                (query, _) => match query.strip_suffix('?').filter(|name| self.knows(name, wire)) {
                    Some(name) => replies.extend(value(wire, &wire.meter.now(), name)),
                    None => self.errors.push(format!("-113,\"Undefined header;{query}\"")),
                },
            }
        }
        replies
    }

    fn knows(&self, name: &str, wire: &Wire<'_>) -> bool {
        self.short && value(wire, &EMPTY, name).is_some()
    }
}

const EMPTY: Shown = Shown {
    overrange: false,
    power_w: 0.0,
    volts: 0.0,
    amps: 0.0,
    apparent_va: 0.0,
    power_factor: 0.0,
    hertz: 0.0,
    unix_ns: 0,
    window_ns: 0,
};

const fn identity(kind: MeterKind) -> &'static str {
    match kind {
        MeterKind::Lmg450 => "ZES ZIMMER Electronic Systems GmbH,LMG450,03450001,3.110",
        _ => "ZES ZIMMER Electronic Systems GmbH,LMG670,06700001,4.016",
    }
}

/// A value by its name, which may end in the number of a channel.
fn value(wire: &Wire<'_>, shown: &Shown, name: &str) -> Option<String> {
    let own_time = wire.meter.model.stamped;
    let number = match name.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "p" => ranged(shown, shown.power_w),
        "s" => ranged(shown, shown.apparent_va),
        "q" => ranged(shown, (shown.apparent_va.powi(2) - shown.power_w.powi(2)).max(0.0).sqrt()),
        "itrms" | "irms" => ranged(shown, shown.amps),
        "utrms" | "urms" => scientific(shown.volts),
        "pf" => ranged(shown, shown.power_factor),
        "freq" | "fcyc" => scientific(shown.hertz),
        "tsnorm" if own_time => stamp(shown.unix_ns),
        "durnorm" if own_time => format!("{:.9}", float(shown.window_ns) / 1e9),
        _ => return None,
    };
    Some(number)
}

fn ranged(shown: &Shown, value: f64) -> String {
    if shown.overrange { OVERRANGE.to_owned() } else { scientific(value) }
}

/// A time as an LMG670 writes it: `2015:01:21D17:20:55.437817000+0000`.
fn stamp(unix_ns: i64) -> String {
    let Date { year, month, day, hour, minute, second, nanos } = Date::of(unix_ns);
    format!("{year:04}:{month:02}:{day:02}D{hour:02}:{minute:02}:{second:02}.{nanos:09}+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_written_as_an_lmg670_does() {
        assert_eq!(stamp(1_421_860_855_437_817_000), "2015:01:21D17:20:55.437817000+0000");
    }
}
