//! `dmon`.

use std::fmt::Write as _;

use super::fields;
use super::local_time::LocalTime;
use super::view::View;

/// What `dmon` shows.
#[derive(Debug, PartialEq)]
pub(super) struct Monitor {
    columns: Vec<Column>,
    date: bool,
    time: bool,
}

/// A column: its name, its unit, and the field that it shows; `0` or `-` where there is none.
type Column = (&'static str, &'static str, &'static str);

const GROUPS: [(char, &[Column]); 7] = [
    (
        'p',
        &[
            ("pwr", "W", "power.draw"),
            ("gtemp", "C", "temperature.gpu"),
            ("mtemp", "C", "temperature.memory"),
        ],
    ),
    (
        'u',
        &[
            ("sm", "%", "utilization.gpu"),
            ("mem", "%", "utilization.memory"),
            ("enc", "%", "0"),
            ("dec", "%", "0"),
            ("jpg", "%", "0"),
            ("ofa", "%", "0"),
        ],
    ),
    ('c', &[("mclk", "MHz", "clocks.current.memory"), ("pclk", "MHz", "clocks.current.sm")]),
    ('v', &[("pviol", "%", "0"), ("tviol", "bool", "0")]),
    ('m', &[("fb", "MB", "memory.used"), ("bar1", "MB", "1"), ("ccpm", "MB", "0")]),
    ('e', &[("sbecc", "errs", "0"), ("dbecc", "errs", "0"), ("pci", "errs", "0")]),
    ('t', &[("rxpci", "MB/s", "0"), ("txpci", "MB/s", "0")]),
];

/// After how many reports the header is printed again.
const HEADER_EVERY: u64 = 25;

impl Monitor {
    /// From the letters of `-s` and `-o`; none if there is another.
    pub(super) fn parse(select: &str, options: &str) -> Option<Self> {
        if select.is_empty() || !options.chars().all(|option| matches!(option, 'D' | 'T')) {
            return None;
        }
        let all = select.chars().all(|letter| GROUPS.iter().any(|group| group.0 == letter));
        // In the order of the groups, whatever the order of the letters.
        let chosen = GROUPS.iter().filter(|group| select.contains(group.0));
        let columns = chosen.flat_map(|group| group.1.iter().copied()).collect();
        all.then(|| Self { columns, date: options.contains('D'), time: options.contains('T') })
    }

    /// One report: a line for each GPU, at times after the header.
    pub(super) fn report(&self, view: &mut View, gpus: &[usize], number: u64) -> String {
        let mut report = String::new();
        if number.is_multiple_of(HEADER_EVERY) {
            self.heading(&mut report, ["Date", "Time", "gpu"], |column| column.0);
            self.heading(&mut report, ["YYYYMMDD", "HH:MM:SS", "Idx"], |column| column.1);
        }
        for gpu in gpus {
            let now = LocalTime::now();
            report.push(' ');
            if self.date {
                let date = format!("{:04}{:02}{:02}", now.year, now.month + 1, now.day);
                let _ = write!(report, "{date:<12}");
            }
            if self.time {
                let time = format!("{:02}:{:02}:{:02}", now.hour, now.minute, now.second);
                let _ = write!(report, "{time:<13}");
            }
            let index_width = if self.date || self.time { 3 } else { 4 };
            let _ = write!(report, "{gpu:>index_width$}");
            for column in &self.columns {
                let _ = write!(report, "{:>7}", value(view, *gpu, column.2));
            }
            report.push_str(" \n");
        }
        report
    }

    fn heading(&self, report: &mut String, [date, time, gpu]: [&str; 3], name: fn(&Column) -> &'static str) {
        report.push('#');
        if self.date {
            let _ = write!(report, "{date:<12}");
        }
        if self.time {
            let _ = write!(report, "{time:<13}");
        }
        if !self.date && !self.time {
            report.push(' ');
        }
        report.push_str(gpu);
        for column in &self.columns {
            let _ = write!(report, "{:>7}", name(column));
        }
        report.push_str(" \n");
    }
}

fn value(view: &mut View, gpu: usize, field: &str) -> String {
    let Some(found) = fields::find(field, u32::MAX) else { return field.to_owned() };
    match view.read(gpu, found) {
        Ok(fields::Shown::Watts(watts)) => format!("{watts:.0}"),
        Ok(shown) => shown.to_string(),
        Err(_) => "-".to_owned(),
    }
}
