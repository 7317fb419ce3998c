//! What a person sees of a study while it goes on: experiment, training, epoch, power, time left.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use power_core::{Delivery, Quantity, Scope};

use super::plan::ExperimentId;
use crate::record::live::Live;
use crate::run::RowValue;

/// How far a study is; shared by who trains and who draws.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    experiment: Option<ExperimentId>,
    /// Trainings of the experiment: done, and in all.
    of_experiment: (usize, usize),
    /// Trainings of the study: done before this process, done since, and in all.
    before: usize,
    since: usize,
    all: usize,
    epoch: String,
    training_s: f64,
    began: Instant,
    live: Option<Live>,
}

impl Progress {
    /// A study of `all` trainings, `done` of which are done, each expected to take `training_s` seconds.
    pub fn new(done: usize, all: usize, training_s: f64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            experiment: None,
            of_experiment: (0, 0),
            before: done,
            since: 0,
            all,
            epoch: String::new(),
            training_s,
            began: Instant::now(),
            live: None,
        })))
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part of an experiment begins, `done` of whose `all` trainings are done.
    pub fn part_begins(&self, id: ExperimentId, done: usize, all: usize) {
        let mut inner = self.inner();
        inner.experiment = Some(id);
        inner.of_experiment = (done, all);
        "getting ready".clone_into(&mut inner.epoch);
    }

    pub(super) fn training_begins(&self) {
        self.inner().epoch.clear();
    }

    pub(super) fn training_ends(&self) {
        let mut inner = self.inner();
        inner.since += 1;
        inner.of_experiment.0 += 1;
        inner.epoch.clear();
    }

    pub(super) fn epoch_begins(&self, name: &str) {
        name.clone_into(&mut self.inner().epoch);
    }

    /// Trainings done, and in all.
    pub fn trainings(&self) -> (usize, usize) {
        let inner = self.inner();
        ((inner.before + inner.since).min(inner.all), inner.all)
    }

    /// The experiment that goes on.
    pub fn experiment(&self) -> Option<ExperimentId> {
        self.inner().experiment
    }

    /// Time that is left, by what trainings have taken so far.
    pub fn left(&self) -> Duration {
        let inner = self.inner();
        let since = u32::try_from(inner.since).map_or(0.0, f64::from);
        let left = u32::try_from(inner.all.saturating_sub(inner.before + inner.since)).map_or(0.0, f64::from);
        // What was expected counts as two trainings, so that the first one does not decide alone.
        let each = (inner.began.elapsed().as_secs_f64() + 2.0 * inner.training_s) / (since + 2.0);
        let each = if inner.since == 0 { inner.training_s } else { each };
        Duration::try_from_secs_f64(each * left).unwrap_or_default()
    }

    /// The state in words.
    pub fn words(&self) -> String {
        let inner = self.inner();
        let Some(id) = inner.experiment else { return String::new() };
        let (done, all) = inner.of_experiment;
        let mut words = format!("{} training {}/{all}", id.name(), (done + 1).min(all));
        if !inner.epoch.is_empty() {
            let _ = write!(words, " {}", inner.epoch);
        }
        words
    }

    /// What the recording that goes on shows.
    pub fn watch(&self, live: &Live) {
        self.inner().live = Some(live.clone());
    }

    /// Power of the first GPU and of the node, in words; empty before they are known.
    pub fn power(&self) -> String {
        let Some(live) = self.inner().live.clone() else { return String::new() };
        let sources = live.sources();
        let first = |scope: &Scope| {
            sources.iter().flat_map(|source| &source.channels).find_map(|shown| {
                let channel = &shown.channel;
                let is_power = matches!(channel.quantity, Quantity::Power { .. }) && channel.scope == *scope;
                let polled = channel.delivery == Delivery::Polled || *scope == Scope::NodeAc;
                match shown.value {
                    Some(RowValue::Number(watts)) if is_power && polled => Some(watts),
                    _ => None,
                }
            })
        };
        let words = [("GPU", first(&Scope::Board)), ("node", first(&Scope::NodeAc))];
        let known = words.iter().filter_map(|(name, watts)| Some(format!("{name} {:.0} W", (*watts)?)));
        known.collect::<Vec<_>>().join(", ")
    }
}
