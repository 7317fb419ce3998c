//! Levels of power of a run: the means of all sensors over one plateau or one block.

use power_analysis::correct::Corrector;
use power_analysis::node::metered;
use power_analysis::stats::Estimate;
use power_analysis::{CONFIDENCE, Interval, Phase as Span, Readings, Trace};

use super::components::ComponentChannels;
use crate::correction::{self, Cards};
use crate::run::{Phase, Run, TimeBase};
use crate::{Error, Result, timekeeping, traces};

/// More of a level than this share without a reading leaves its mean to guesswork.
const MOST_OPEN: f64 = 0.2;

/// How a run is cut into levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Length of a block, in nanoseconds.
    pub block_ns: i64,
    /// What is left out at the beginning of each plateau while fans and temperatures settle, in nanoseconds.
    pub discard_ns: i64,
    /// Whether each innermost phase is a plateau; otherwise the whole run is cut into blocks.
    pub phases: bool,
}

impl Cut {
    /// The levels of a run that was recorded over `span`, with the names of phases.
    pub(super) fn levels(&self, run: &Run, span: Interval) -> Result<Vec<(String, Interval)>> {
        if !self.phases {
            let whole = Interval::new(span.begin_ns.saturating_add(self.discard_ns), span.end_ns);
            return Ok(blocks(whole, self.block_ns).map(|block| (String::new(), block)).collect());
        }
        let phases = run.phases()?;
        let innermost = phases.iter().enumerate().filter(|(i, outer)| {
            let holds = |j: usize, inner: &Phase| {
                let within = outer.begin_ns <= inner.begin_ns && inner.end_ns <= outer.end_ns;
                // Of phases over the same time the last one counts.
                within && ((inner.begin_ns, inner.end_ns) != (outer.begin_ns, outer.end_ns) || j > *i)
            };
            !phases.iter().enumerate().any(|(j, inner)| *i != j && holds(j, inner))
        });
        Ok(innermost
            .map(|(_, phase)| {
                let begin_ns = phase.begin_ns.saturating_add(self.discard_ns);
                (phase.name.clone(), Interval::new(begin_ns, phase.end_ns))
            })
            .filter(|(_, level)| level.length_ns() > 0)
            .collect())
    }
}

/// Whole blocks of `block_ns`; what remains at the end makes the last one longer, so that nothing is left out.
pub(super) fn blocks(whole: Interval, block_ns: i64) -> impl Iterator<Item = Interval> {
    let block_ns = block_ns.max(1);
    let count = (whole.length_ns() / block_ns).max(i64::from(whole.length_ns() > 0));
    (0..count).map(move |index| {
        let begin_ns = whole.begin_ns + index * block_ns;
        Interval::new(begin_ns, if index + 1 == count { whole.end_ns } else { begin_ns + block_ns })
    })
}

/// One channel with its trace.
#[derive(Debug)]
struct Sensor {
    key: String,
    readings: Readings,
    trace: Trace,
    /// What its card makes of short times.
    corrector: Option<Corrector>,
}

impl Sensor {
    fn load(run: &Run, key: &str, notes: &mut Vec<String>) -> Result<Self> {
        let loaded = traces::load(run, key)?;
        notes.extend(loaded.remark);
        let trace = Trace::naive(&loaded.readings).ok_or_else(|| {
            Error::new(format!("{key} of {} has fewer than two readings with a value", run.name()))
                .mend("leave the run out, or name another channel")
        })?;
        Ok(Self { key: key.to_owned(), readings: loaded.readings, trace, corrector: None })
    }

    /// Energy over a level, or why it is unknown there.
    fn energy_j(&self, level: Interval) -> Result<f64, String> {
        let unknown = |what: &str| Err(format!("{} {what}", self.key));
        if !self.trace.span().holds(level) {
            return unknown("was not recorded");
        }
        if self.readings.resets_ns().iter().any(|&time| level.begin_ns < time && time <= level.end_ns) {
            return unknown("was set back");
        }
        let open = self.open(level);
        if open > MOST_OPEN * level.seconds() {
            return unknown(&format!("has a gap of {open:.2} s in {:.2} s", level.seconds()));
        }
        self.trace.energy_j(level).map_or_else(|| unknown("was not recorded"), Ok)
    }

    /// Energy over a level with what its card leaves open; as it is shown, and nothing open, where it has no card.
    fn corrected_j(&self, level: Interval) -> Result<Estimate, String> {
        match &self.corrector {
            None => self.energy_j(level).map(|energy| Estimate::symmetric(energy, 0.0, CONFIDENCE)),
            Some(corrector) => {
                corrector.energy(level).map_err(|refused| format!("{} {}", self.key, refused.words()))
            }
        }
    }

    /// Half the width of the interval of all levels together, in joules.
    fn left_open_j(&self, levels: &[Interval]) -> Result<f64, String> {
        match &self.corrector {
            None => Ok(0.0),
            Some(corrector) => corrector
                .total(levels)
                .map(|total| total.half_width())
                .map_err(|refused| format!("{} {}", self.key, refused.words())),
        }
    }

    /// Time in seconds of which nothing is known: the longest pause between two readings; of a counter, which has counted
    /// during its pauses, only what lies between the ends of the level and the readings next to them.
    fn open(&self, level: Interval) -> f64 {
        let times = self.trace.times_ns();
        if self.readings.is_counter() {
            let nearest = |end: i64| {
                let after = times.partition_point(|&time| time < end);
                let around = after.checked_sub(1).into_iter().chain([after]).filter_map(|at| times.get(at));
                let distances = around.map(|&time| Interval::new(time.min(end), time.max(end)).seconds());
                distances.fold(f64::INFINITY, f64::min)
            };
            return nearest(level.begin_ns) + nearest(level.end_ns);
        }
        let from = times.partition_point(|&time| time <= level.begin_ns).saturating_sub(1);
        let to = times.partition_point(|&time| time < level.end_ns).min(times.len() - 1);
        let seen = times.get(from..=to).unwrap_or_default();
        seen.windows(2).map(|pair| Interval::new(pair[0], pair[1]).seconds()).fold(0.0, f64::max)
    }
}

/// The sensors of a run that a model is made of or applied to.
#[derive(Debug)]
pub(super) struct Powers {
    components: Vec<(String, Vec<Sensor>)>,
    meter: Option<Sensor>,
}

/// The mean powers over one level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    pub(super) interval: Interval,
    /// One a component, in watts.
    pub(super) components_w: Vec<f64>,
    /// Of the meter and its standard error, in watts.
    pub(super) meter_w: Option<(f64, Option<f64>)>,
}

impl Powers {
    /// Loads the channels of the components, and the meter where one is named.
    pub(super) fn load(
        run: &Run,
        components: &[ComponentChannels],
        meter: Option<&str>,
        notes: &mut Vec<String>,
    ) -> Result<Self> {
        if run.manifest().time_base == TimeBase::Ordinal {
            return Err(Error::new(format!("{} has no time, its rows are only numbered", run.name()))
                .mend("take a run whose readings have times"));
        }
        let components = components
            .iter()
            .map(|component| {
                let sensors = component.channels.iter().map(|key| Sensor::load(run, key, notes));
                Ok((component.name.clone(), sensors.collect::<Result<Vec<_>>>()?))
            })
            .collect::<Result<Vec<_>>>()?;
        let meter = meter.map(|key| Sensor::load(run, key, notes)).transpose()?;
        // A meter on a clock of its own that nobody has aligned counts the edges of a load to the wrong side.
        notes.extend(timekeeping::remarks(run.manifest(), &run.alignment()?));
        Ok(Self { components, meter })
    }

    /// Lets cards correct the components over short times, with `phases` as what the node did.
    ///
    /// Gain and offset stay as the sensor has them: the model was fitted to them.
    pub(super) fn correct(&mut self, run: &Run, cards: &Cards, phases: &[Span], notes: &mut Vec<String>) {
        for sensor in self.components.iter_mut().flat_map(|(_, sensors)| sensors) {
            let Some((path, card)) = cards.of(run, &sensor.key) else { continue };
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            match correction::corrector(card, false, &sensor.readings, phases) {
                Ok((corrector, _)) => {
                    notes.push(format!(
                        "{}: window and delay are corrected in phases by its card {name}; gain and offset are the \
                         model's",
                        sensor.key
                    ));
                    sensor.corrector = Some(corrector);
                }
                Err(refused) => {
                    notes.push(format!("{} is not corrected by its card {name}: {refused}", sensor.key));
                }
            }
        }
    }

    /// Whether a card corrects one of them.
    pub(super) fn are_corrected(&self) -> bool {
        self.components.iter().flat_map(|(_, sensors)| sensors).any(|sensor| sensor.corrector.is_some())
    }

    /// What all of them have recorded together; `None` if nothing.
    pub(super) fn span(&self) -> Option<Interval> {
        let all = self.components.iter().flat_map(|(_, sensors)| sensors).chain(&self.meter);
        let mut spans = all.map(|sensor| sensor.trace.span());
        let first = spans.next()?;
        spans.try_fold(first, Interval::intersect)
    }

    /// The mean powers over a level, or why one is unknown there.
    pub(super) fn level(&self, interval: Interval, seed: u64) -> Result<Level, String> {
        let seconds = interval.seconds();
        let component = |(_, sensors): &(String, Vec<Sensor>)| {
            let energies = sensors.iter().map(|sensor| sensor.energy_j(interval));
            Ok(energies.sum::<Result<f64, String>>()? / seconds)
        };
        let components_w = self.components.iter().map(component).collect::<Result<Vec<f64>, String>>()?;
        let meter_w = match &self.meter {
            None => None,
            Some(meter) => {
                let energy_j = meter.energy_j(interval)?;
                let error_w = metered(&meter.trace, interval, seed).and_then(|(_, error)| error);
                Some((energy_j / seconds, error_w))
            }
        };
        Ok(Level { interval, components_w, meter_w })
    }

    /// The mean powers over a level as the cards correct them, or why one is unknown there. The meter is not in it.
    pub(super) fn corrected_level(&self, interval: Interval) -> Result<Level, String> {
        let component = |(_, sensors): &(String, Vec<Sensor>)| {
            let energies =
                sensors.iter().map(|sensor| sensor.corrected_j(interval).map(|energy| energy.value));
            Ok(energies.sum::<Result<f64, String>>()? / interval.seconds())
        };
        let components_w = self.components.iter().map(component).collect::<Result<Vec<f64>, String>>()?;
        Ok(Level { interval, components_w, meter_w: None })
    }

    /// Half the width of the interval of each component's energy over all levels, in joules.
    pub(super) fn left_open_j(&self, levels: &[Interval]) -> Result<Vec<f64>, String> {
        let component = |(_, sensors): &(String, Vec<Sensor>)| {
            let open = sensors.iter().map(|sensor| sensor.left_open_j(levels));
            open.collect::<Result<Vec<f64>, String>>().map(|open| open.into_iter().fold(0.0, f64::hypot))
        };
        self.components.iter().map(component).collect()
    }
}
