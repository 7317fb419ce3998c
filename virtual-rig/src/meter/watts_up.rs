//! A Watts up? PRO: commands and records that begin with `#` and end with `;`, on a serial line of 115200 8N1.
//!
//! `#L,W,3,E,,1;` starts a record of 18 fields each second; of them are W, V (in tenths), A (in mA) and the power
//! factor (in hundredths). `#L,W,0;` and `#L,R,0;` stop it; `#V,3;` asks for the version.

use super::instrument::Shown;
use super::wire::{Over, Wire};
use crate::num::whole;

/// What a field holds that has no meaning here, as the meter writes it.
const NONE: &str = "_";

/// Serves the line until it is gone.
pub(super) fn serve(wire: &mut Wire<'_>) -> Result<(), Over> {
    let mut next = None;
    loop {
        let patience = next.map(|next| wire.meter.until(next));
        if let Some(command) = wire.until_semicolon(patience)? {
            let words: Vec<&str> = command.split(',').map(str::trim).collect();
            match words.as_slice() {
                ["#V", ..] => wire.reply_text("#v,-,8,WattsUp,PRO,0,8,4,4096,0,1;", "\r\n")?,
                ["#L", "W", _, "E", ..] => next = Some(wire.meter.newest() + 1),
                ["#L", "W" | "R", ..] => next = None,
                _ => {}
            }
        }
        let newest = wire.meter.newest();
        if next.is_some_and(|next| next <= newest) {
            let record = record(&wire.meter.at(newest));
            wire.reply_text(&record, "\r\n")?;
            next = Some(newest + 1);
        }
    }
}

fn record(shown: &Shown) -> String {
    let tenths = |value: f64| whole(value * 10.0).to_string();
    // Over its range the meter shows the range's end: it has no word for it.
    let (watts, amps) = if shown.overrange { (3_600.0, 15.0) } else { (shown.power_w, shown.amps) };
    let mut fields = vec![tenths(watts), tenths(shown.volts), whole(amps * 1e3).to_string()];
    fields.extend([NONE; 10].map(str::to_owned));
    fields.push(whole(shown.power_factor * 100.0).to_string());
    fields.extend([NONE; 2].map(str::to_owned));
    fields.push(tenths(shown.hertz));
    fields.push(tenths(watts / shown.power_factor));
    format!("#d,-,18,{};", fields.join(","))
}
