//! What others have measured of power sensors: where a search starts from, and what a measurement is compared with.
//!
//! Facts with their source, in `harness/priors/*.csv`. A prior decides nothing: everything is measured again.

use std::fmt::Write as _;

use power_analysis::stats::Estimate;
use power_core::Channel;

const BOARDS: &str = include_str!("../priors/boards.csv");
const ARCHITECTURES: &str = include_str!("../priors/architectures.csv");

/// What was published of a sensor: lowest and highest, in milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// What it is about: boards of one name and branch, or an architecture.
    pub of: String,
    /// Update period.
    pub update_ms: (f64, f64),
    /// Averaging window; `None` where none was found.
    pub window_ms: Option<(f64, f64)>,
}

/// What was published of a channel of `device`, that of the same board first, then that of its architecture.
pub fn published(device: &str, channel: &Channel, driver_version: Option<&str>) -> Option<Prior> {
    let field = field(&channel.name)?;
    let branch = driver_version.and_then(|version| version.split('.').next());
    of_board(device, field, branch).or_else(|| of_architecture(device, field))
}

/// The name that nvidia-smi has for a field of power.
fn field(name: &str) -> Option<&'static str> {
    match name {
        "power.draw.instant" | "power_instant" => Some("power.draw.instant"),
        "power.draw.average" | "power_average" => Some("power.draw.average"),
        "power.draw" | "power_usage" => Some("power.draw"),
        _ => None,
    }
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

fn range(low: &str, high: &str) -> Option<(f64, f64)> {
    low.parse().ok().zip(high.parse().ok())
}

fn of_board(device: &str, field: &str, branch: Option<&str>) -> Option<Prior> {
    let mut found: Vec<Vec<&str>> =
        rows(BOARDS).filter(|row| row[0].eq_ignore_ascii_case(device) && row[1] == field).collect();
    // A field can mean something else in the next branch: the same one counts, or else all.
    if let Some(same) = branch.filter(|branch| found.iter().any(|row| row[2] == *branch)) {
        found.retain(|row| row[2] == same);
    }
    let wide =
        |ranges: Vec<(f64, f64)>| ranges.into_iter().reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
    let update_ms = wide(found.iter().filter_map(|row| range(row[4], row[5])).collect())?;
    let window_ms = wide(found.iter().filter_map(|row| range(row[6], row[7])).collect());
    let branches: Vec<&str> = found.iter().map(|row| row[2]).collect();
    Some(Prior { of: format!("{device}, driver {}", branches.join(", ")), update_ms, window_ms })
}

fn of_architecture(device: &str, field: &str) -> Option<Prior> {
    let words: Vec<&str> = device.split([' ', '-', '_']).collect();
    rows(ARCHITECTURES).find_map(|row| {
        let own = row[2] == field
            && row[1].split(' ').any(|part| part.split('-').all(|word| words.contains(&word)));
        let point = |text: &str| text.parse().ok().map(|value: f64| (value, value));
        own.then(|| {
            Some(Prior { of: row[0].to_owned(), update_ms: point(row[3])?, window_ms: point(row[4]) })
        })?
    })
}

impl Prior {
    /// The window that a search may start from, in seconds.
    pub fn window_s(&self) -> Option<f64> {
        self.window_ms.map(|(low, high)| f64::midpoint(low, high) * 1e-3)
    }

    /// What was published beside what was measured.
    pub fn sentence(&self, update_ms: Option<Estimate>, window_ms: Option<Estimate>) -> String {
        let mut text = format!("Published of {}: ", self.of);
        let mut part = |name: &str, (low, high): (f64, f64), measured: Option<Estimate>| {
            let published = if high > low { format!("{low} to {high} ms") } else { format!("{low} ms") };
            let _ = write!(text, "{name} {published}");
            if let Some(measured) = measured {
                let agrees =
                    if measured.low <= high && low <= measured.high { "" } else { ", which differs" };
                let _ = write!(text, " (measured {}{agrees})", measured.with_unit("ms"));
            }
        };
        part("update period", self.update_ms, update_ms);
        if let Some(window) = self.window_ms {
            part(", window", window, window_ms);
        }
        text.push('.');
        text
    }
}

#[cfg(test)]
mod tests {
    use power_core::Quantity;

    use super::*;

    fn of(device: &str, field: &'static str, version: Option<&str>) -> Option<Prior> {
        published(device, &Channel::new(field, Quantity::power()), version)
    }

    #[test]
    fn a_board_by_its_branch_and_an_architecture_by_its_part() {
        let instant = of("NVIDIA GeForce RTX 3090", "power.draw.instant", Some("535.54.03")).unwrap();
        assert!(instant.window_ms.is_some_and(|(low, high)| low > 95.0 && high < 101.0), "{instant:?}");
        let hopper = of("NVIDIA H200", "power_instant", Some("580.159.04")).unwrap();
        assert_eq!((hopper.of.as_str(), hopper.window_ms), ("Hopper", Some((25.0, 25.0))));
        assert_eq!(of("NVIDIA H200", "energy", None), None);
        assert_eq!(of("A new thing", "power.draw", None), None);
    }

    #[test]
    fn every_row_can_be_read() {
        for row in rows(BOARDS) {
            assert!(row.len() == 10 && range(row[4], row[5]).is_some(), "{row:?}");
        }
        assert!(rows(ARCHITECTURES).all(|row| row.len() == 5 && row[3].parse::<f64>().is_ok()));
    }

    #[test]
    fn what_differs_is_said() {
        let prior = of("NVIDIA H200", "power_instant", None).unwrap();
        let said = prior.sentence(None, Some(Estimate::new(24.1, 22.0, 26.0, 0.95)));
        assert!(said.contains("window 25 ms (measured 24.1 ms [22.0, 26.0])"), "{said}");
        assert!(prior.sentence(None, Some(Estimate::new(50.0, 49.0, 51.0, 0.95))).contains("differs"));
    }
}
