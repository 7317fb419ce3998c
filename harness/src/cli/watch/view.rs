//! The lines of the live view: 80 columns are enough.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use power_core::{Quantity, Unit};
use ratatui::Frame;
use ratatui::text::Text;

use crate::record::live::{Live, LiveChannel};
use crate::run::RowValue;

/// Bars of a sparkline: four seconds of drawings.
const BARS: usize = 16;

/// The heights of a bar.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of everything but the name.
const REST: usize = BARS + 4 * 9 + 2;

/// What is shown, with the course of each channel.
#[derive(Debug, Default)]
pub(super) struct View {
    all: bool,
    courses: HashMap<(usize, usize), VecDeque<Option<f64>>>,
}

impl View {
    /// A view of power and energy, or of `all` channels.
    pub(super) fn new(all: bool) -> Self {
        Self { all, ..Self::default() }
    }

    /// Takes the present value of each channel into its course.
    pub(super) fn see(&mut self, live: &Live) {
        for (source, entry) in live.sources().iter().enumerate() {
            for (index, channel) in entry.channels.iter().enumerate() {
                let number = match channel.value {
                    Some(RowValue::Number(number)) => Some(number),
                    _ => None,
                };
                let course = self.courses.entry((source, index)).or_default();
                if course.len() == BARS {
                    course.pop_front();
                }
                course.push_back(number);
            }
        }
    }

    /// The lines at the host time `now_ns`, `passed` after the start, at most `width` columns wide.
    pub(super) fn lines(
        &self,
        live: &Live,
        (now_ns, passed): (i64, Duration),
        message: &str,
        width: usize,
    ) -> Vec<String> {
        let name_width = width.saturating_sub(REST).max(12);
        let mut lines = vec![
            format!("wattproof watch, {:.0} s; q ends it", passed.as_secs_f64()),
            format!(
                "{:<name_width$} {:<BARS$}{:>9}{:>9}{:>9}{:>9}",
                "channel", "", "value", "T", "age", "energy"
            ),
        ];
        for (source, entry) in live.sources().iter().enumerate() {
            let ratio = entry.counters.sample_ratio();
            let ratio = ratio.map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.4}"));
            let missed = entry.counters.missed();
            let away = if entry.channels.is_empty() { ", not open" } else { "" };
            lines.push(format!("{}: sample ratio {ratio}, {missed} reads missed{away}", entry.id));
            for (index, channel) in entry.channels.iter().enumerate() {
                if !self.all && !channel.channel.quantity.has_energy() {
                    continue;
                }
                let course = self.courses.get(&(source, index));
                lines.push(format!(
                    "{:<name_width$} {:<BARS$}{:>9}{:>9}{:>9}{:>9}",
                    cut(&format!("  {}", channel.channel.name), name_width),
                    course.map_or_else(String::new, sparkline),
                    value(channel),
                    channel.period_s().map_or_else(|| "?".to_owned(), time),
                    age(channel, now_ns),
                    channel.energy_j.map_or_else(String::new, energy),
                ));
            }
        }
        if !message.is_empty() {
            lines.push(message.to_owned());
        }
        lines.iter().map(|line| cut(line, width)).collect()
    }
}

/// Draws the lines that fit.
pub(super) fn draw(frame: &mut Frame<'_>, lines: impl FnOnce(usize) -> Vec<String>) {
    let area = frame.area();
    let lines = lines(usize::from(area.width));
    frame.render_widget(Text::from(lines.join("\n")), area);
}

/// The first `width` characters of a text, the last of them an ellipsis where there are more.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A course as bars from its lowest to its highest value; a gap where there was none.
fn sparkline(course: &VecDeque<Option<f64>>) -> String {
    let known = || course.iter().flatten().copied().filter(|number| number.is_finite());
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let bar = |number: &Option<f64>| match number {
        Some(number) if number.is_finite() => {
            let share = if high > low { (number - low) / (high - low) } else { 0.0 };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share from 0 to 1 times 7"
            )]
            let height = (share * 7.0).round() as usize;
            HEIGHTS[height.min(HEIGHTS.len() - 1)]
        }
        _ => ' ',
    };
    course.iter().map(bar).collect()
}

/// The value with its unit; a counter's energy stands in another column.
fn value(channel: &LiveChannel) -> String {
    let unit = channel.channel.unit();
    match channel.value {
        None | Some(RowValue::Missing) => "no value".to_owned(),
        Some(RowValue::Number(number)) => match unit {
            Unit::One => format!("{:.0} %", number * 100.0),
            Unit::Hertz => format!("{:.0} MHz", number * 1e-6),
            _ => format!("{number:.1} {unit}"),
        },
        Some(RowValue::Count(_)) if matches!(channel.channel.quantity, Quantity::EnergyCounter { .. }) => {
            "counter".to_owned()
        }
        Some(RowValue::Count(count)) => format!("{count}"),
    }
}

/// Time since the value last changed.
fn age(channel: &LiveChannel, now_ns: i64) -> String {
    let since = channel.changed_ns.and_then(|changed| now_ns.checked_sub(changed));
    #[expect(clippy::cast_precision_loss, reason = "for eyes")]
    since.map_or_else(|| "?".to_owned(), |nanos| time(nanos as f64 * 1e-9))
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

fn energy(joules: f64) -> String {
    if joules.abs() < 10e3 { format!("{joules:.0} J") } else { format!("{:.1} kJ", joules * 1e-3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use power_core::{Channel, Descriptor};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use crate::run::Row;

    /// A source of one power channel that showed these values, one a tenth of a second.
    fn live(values: &[RowValue]) -> Live {
        let live = Live::default();
        live.add("gpu0-gauges", std::sync::Arc::default());
        let channel = Channel::new("power.draw.of.a.very.long.name", Quantity::power());
        live.describe(0, &Descriptor::new("test", "device", vec![channel]));
        let rows: Vec<_> =
            (0..).zip(values).map(|(step, value)| Row::at(0, step * 100_000_000, *value)).collect();
        live.see(rows.iter().map(|row| (0, row)));
        live
    }

    #[test]
    fn eighty_columns_show_value_period_age_and_energy() {
        let live = live(&[100.0, 200.0, 100.0, 300.0].map(RowValue::Number));
        let mut view = View::new(false);
        view.see(&live);
        let lines = view.lines(&live, (500_000_000, Duration::from_secs(3)), "gpu1 was lost", 80);
        let text = lines.join("\n");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        for word in ["300.0 W", "100 ms", "200 ms", "50 J", "sample ratio unknown", "gpu1 was lost"] {
            assert!(text.contains(word), "{word}: {text}");
        }
        let mut terminal = Terminal::new(TestBackend::new(80, 8)).unwrap();
        terminal.draw(|frame| draw(frame, |_| lines)).unwrap();
        assert!(terminal.backend().to_string().contains("300.0 W"));
    }

    #[test]
    fn what_is_unknown_is_no_number() {
        let live = live(&[RowValue::Number(1.0), RowValue::Missing]);
        let text = View::new(false).lines(&live, (1, Duration::ZERO), "", 80).join("\n");
        assert!(text.contains("no value") && text.contains('?') && !text.contains("0.0 W"), "{text}");
        assert_eq!(sparkline(&VecDeque::from([Some(1.0), None, Some(3.0), Some(f64::NAN)])), "▁ █ ");
    }
}
