//! Sensor cards at work: energies of phases as what is known of a sensor lets them be told.

use std::path::{Path, PathBuf};

use power_analysis::correct::{CorrectedPhase, Corrector, View};
use power_analysis::stats::Estimate;
use power_analysis::{Interval, Phase, PhaseRow, Readings};
use serde::{Deserialize, Serialize};

use crate::card::{self, SensorCard};
use crate::run::Run;
use crate::{Error, Result, words};

/// The folder of a run in which its own cards lie.
const BESIDE: &str = "cards";

/// Cards to correct by, the first that fits first.
#[derive(Debug, Clone, Default)]
pub struct Cards(Vec<(PathBuf, SensorCard)>);

/// What a card makes of a sensor's energies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Correction {
    /// The card's file.
    pub card: PathBuf,
    /// The run that the card comes from.
    pub measured_in: String,
    /// Whether gain and offset are corrected: only a card from a calibrated reference knows them.
    pub calibrated: bool,
    /// By how much power is later than the marks, in milliseconds, as the sensor itself tells.
    pub lag_ms: Option<f64>,
    /// Why nothing is corrected, where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The phases, in order.
    pub phases: Vec<CorrectedPhase>,
    /// The phases, summed up by kind.
    pub groups: Vec<CorrectedGroup>,
}

/// All phases of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CorrectedGroup {
    /// The first word of their names.
    pub group: String,
    /// How many there are.
    pub phases: usize,
    /// How many have an energy.
    pub stated: usize,
    /// Sum of those, in joules.
    pub energy_j: Option<Estimate>,
    /// Median half width of an interval over its energy.
    pub half_width_share: Option<f64>,
    /// The reference's sum over the same phases, in joules; `None` without a reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_j: Option<f64>,
    /// Relative error of the sum; its interval is the correction's, the reference counts as true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Estimate>,
    /// In how many phases the interval holds the reference's energy, and of how many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<(usize, usize)>,
}

impl Cards {
    /// Cards that a user named: files, or folders of them.
    ///
    /// # Errors
    ///
    /// - if one cannot be read, is no card, or a folder has none.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut found = Vec::new();
        for path in paths {
            if path.is_dir() {
                let before = found.len();
                found.extend(in_folder(path)?);
                if found.len() == before {
                    return Err(Error::file(path, "there is no card in this folder")
                        .mend("make one with `wattproof characterise RUN --save=DIR`"));
                }
            } else {
                found.push((path.clone(), read(path)?));
            }
        }
        Ok(Self(found))
    }

    /// These, then those in the run's folder `cards`, then this user's own.
    ///
    /// # Errors
    ///
    /// - if a card there cannot be read.
    pub fn and_found(mut self, run: &Path) -> Result<Self> {
        for folder in [Some(run.join(BESIDE)), card::folder()].into_iter().flatten() {
            if folder.is_dir() {
                self.0.extend(in_folder(&folder)?);
            }
        }
        Ok(self)
    }

    /// Fails if one of the cards is of none of these channels.
    ///
    /// # Errors
    ///
    /// - with the card that is of another sensor.
    pub fn check(&self, run: &Run) -> Result<()> {
        let fits = |card: &SensorCard| run.channels().any(|channel| is_of(card, run, &run.key(channel)));
        match self.0.iter().find(|(_, card)| !fits(card)) {
            None => Ok(()),
            Some((path, card)) => Err(Error::file(
                path,
                format!(
                    "this is the card of {} of a {} by {} {}, which {} has not",
                    card.channel.name,
                    card.device,
                    card.driver,
                    card.driver_version.as_deref().unwrap_or("of unknown version"),
                    run.name()
                ),
            )
            .mend("name a card of one of its sensors")),
        }
    }

    /// The first card of a channel: same driver, device and field, and driver version where both are known.
    pub fn of(&self, run: &Run, name: &str) -> Option<&(PathBuf, SensorCard)> {
        self.0.iter().find(|(_, card)| is_of(card, run, name))
    }

    /// What the card of a channel makes of its phases; `None` where there is no card of it.
    pub fn correct(
        &self,
        run: &Run,
        name: &str,
        readings: &Readings,
        phases: &[Phase],
    ) -> Option<Correction> {
        let (path, card) = self.of(run, name)?;
        let mut correction = Correction {
            card: path.clone(),
            measured_in: card.run.clone(),
            calibrated: false,
            lag_ms: None,
            refused: None,
            phases: Vec::new(),
            groups: Vec::new(),
        };
        match corrector(card, card.calibrated, readings, phases) {
            Err(refused) => correction.refused = Some(refused),
            Ok((corrector, calibrated)) => {
                correction.calibrated = calibrated;
                correction.lag_ms = Some(corrector.lag_ms());
                correction.phases = phases.iter().map(|phase| corrector.phase(phase)).collect();
                correction.groups = groups(&correction.phases, &corrector);
            }
        }
        Some(correction)
    }
}

/// By which a card corrects a sensor's energies, and whether gain and offset are among it; or why it cannot.
pub(crate) fn corrector(
    card: &SensorCard,
    calibrated: bool,
    readings: &Readings,
    phases: &[Phase],
) -> Result<(Corrector, bool), String> {
    let view = View::of(&card.character, calibrated).map_err(|reason| reason.words().to_owned())?;
    let corrector = Corrector::new(readings, &view, phases).ok_or("it published too little")?;
    Ok((corrector, view.is_calibrated()))
}

fn read(path: &Path) -> Result<SensorCard> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read", error))?;
    SensorCard::parse(&bytes).map_err(|error| Error::file(path, &error).because(error))
}

/// The cards in a folder, in order of their names; other files are left alone.
fn in_folder(folder: &Path) -> Result<Vec<(PathBuf, SensorCard)>> {
    let entries = std::fs::read_dir(folder).map_err(|error| Error::io(folder, "read", error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| read(&path).map(|card| (path, card))).collect()
}

fn is_of(card: &SensorCard, run: &Run, name: &str) -> bool {
    let Ok(channel) = run.channel(name) else { return false };
    let descriptor = &run.source_of(channel).descriptor;
    let version = descriptor.details.get("driver version");
    card.driver == descriptor.driver
        && card.device == descriptor.device
        && card.channel.name == run.describe(channel).name
        && card.driver_version.as_ref().zip(version).is_none_or(|(a, b)| a == b)
}

/// Sums by kind, in order of first appearance.
fn groups(phases: &[CorrectedPhase], corrector: &Corrector) -> Vec<CorrectedGroup> {
    let mut names: Vec<&str> = Vec::new();
    for phase in phases {
        if !names.contains(&phase.phase.group()) {
            names.push(phase.phase.group());
        }
    }
    names
        .into_iter()
        .map(|group| {
            let members = || phases.iter().filter(|phase| phase.phase.group() == group);
            let stated: Vec<Interval> = members()
                .filter(|phase| phase.energy_j.is_some())
                .map(|phase| phase.phase.interval)
                .collect();
            let shares: Vec<f64> =
                members().filter_map(|phase| phase.energy_j).map(|e| e.half_width() / e.value).collect();
            CorrectedGroup {
                group: group.to_owned(),
                phases: members().count(),
                stated: stated.len(),
                energy_j: if stated.is_empty() { None } else { corrector.total(&stated).ok() },
                half_width_share: power_analysis::stats::median(&shares),
                reference_j: None,
                error: None,
                held: None,
            }
        })
        .collect()
}

impl Correction {
    /// With the reference's energies of the same phases beside it.
    pub(crate) fn against(mut self, rows: &[PhaseRow]) -> Self {
        for group in &mut self.groups {
            let judged: Vec<(Estimate, f64)> = self
                .phases
                .iter()
                .zip(rows)
                .filter(|(phase, _)| phase.phase.group() == group.group)
                .filter_map(|(phase, row)| Some((phase.energy_j?, row.reference_j?)))
                .collect();
            let reference: f64 = judged.iter().map(|(_, reference)| reference).sum();
            if judged.is_empty() || reference <= 0.0 {
                continue;
            }
            group.reference_j = Some(reference);
            let held = judged.iter().filter(|(energy, reference)| energy.contains(*reference)).count();
            group.held = Some((held, judged.len()));
            if judged.len() == group.stated {
                group.error = group.energy_j.map(|energy| energy.map(|joules| joules / reference - 1.0));
            }
        }
        self
    }

    /// What it says of each kind of phase, in sentences.
    pub(crate) fn verdict(&self) -> Vec<String> {
        let card = self.card.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let head = format!("Corrected by its card {card}, measured in {}", self.measured_in);
        if let Some(refused) = &self.refused {
            return vec![format!("Not corrected by its card {card}: {refused}.")];
        }
        let gain = if self.calibrated {
            "gain and offset included"
        } else {
            "gain and offset left as they are, since no calibrated reference told them"
        };
        let sentences = self.groups.iter().map(CorrectedGroup::sentence);
        std::iter::once(format!("{head} ({gain}).")).chain(sentences).collect()
    }
}

impl CorrectedGroup {
    fn sentence(&self) -> String {
        let name = if self.group.is_empty() { "unnamed" } else { &self.group };
        let Some(energy) = self.energy_j else {
            return format!("Corrected phases {name} ({}): none can be stated.", self.phases);
        };
        let energy_words = match (self.error, self.reference_j) {
            (Some(error), Some(reference)) => format!(
                "{} against the reference's {}, {} [{:+.1}, {:+.1}]",
                words::joules(energy.value),
                words::joules(reference),
                words::percent(error.value),
                error.low * 100.0,
                error.high * 100.0
            ),
            _ => format!(
                "{} [{}, {}]",
                words::joules(energy.value),
                words::joules(energy.low),
                words::joules(energy.high)
            ),
        };
        let each = self
            .half_width_share
            .map_or_else(String::new, |share| format!(", each to ±{:.0} % in the median", share * 100.0));
        let held = self.held.map_or_else(String::new, |(held, of)| {
            format!("; {held} of {of} intervals hold the reference's energy")
        });
        let refused = match self.phases - self.stated {
            0 => String::new(),
            count => format!("; {count} refused, of which the sensor saw too little"),
        };
        format!(
            "Corrected phases {name} ({} of {}): {energy_words}{each}{held}{refused}.",
            self.stated, self.phases
        )
    }
}
