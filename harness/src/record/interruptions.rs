//! Sources that are lost while a recording goes on, and come back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use power_core::{Clock, HostTime, PowerSource, SystemClock};

use super::drain::Order;
use super::open::{self, Opened};
use super::session::Session;
use crate::rig::Policy;
use crate::run::Interruption;

/// How long a required source may be away before the recording ends.
const REQUIRED_BACK: Duration = Duration::from_secs(10);

/// Interruptions that are kept one by one.
const INTERRUPTIONS: usize = 1000;

impl Session {
    /// A source that did not open at the start.
    pub(super) fn absent(&mut self, number: u16, error: &power_core::Error) {
        let name = self.name(number);
        self.tell(&format!("{name} cannot be opened and is tried again: {error:#}"));
        self.interrupt(name, None, format!("{error:#}"));
        self.try_again(number, None);
    }

    fn interrupt(&mut self, source: String, from: Option<HostTime>, why: String) {
        if self.interruptions.len() < INTERRUPTIONS {
            let from_ns = from.map(HostTime::nanos);
            self.interruptions.push(Interruption { source, from_ns, to_ns: None, why });
        }
    }

    fn try_again(&self, number: u16, dead: Option<Box<dyn PowerSource>>) {
        let Some(spec) = self.settings.rig.sources.get(usize::from(number)) else { return };
        open::keep_trying(number, spec.clone(), dead, self.fleet.stopped(), self.events_to.clone());
    }

    pub(super) fn lost(
        &mut self,
        number: u16,
        source: Box<dyn PowerSource>,
        error: &power_core::Error,
        at: HostTime,
    ) {
        let name = self.name(number);
        self.tell(&format!("{name} was lost and is opened again as soon as that works: {error:#}"));
        self.interrupt(name, Some(at), format!("{error:#}"));
        self.tell_interruptions();
        let policy = self.settings.rig.sources.get(usize::from(number)).map(|spec| spec.policy);
        if policy == Some(Policy::Required) {
            self.deadlines.entry(number).or_insert_with(|| Instant::now() + REQUIRED_BACK);
        }
        self.try_again(number, Some(source));
    }

    pub(super) fn opened(&mut self, number: u16, opened: Opened) {
        let name = self.name(number);
        let now = SystemClock.now().nanos();
        let open = self.interruptions.iter_mut().rev().find(|i| i.source == name && i.to_ns.is_none());
        if let Some(interruption) = open {
            interruption.to_ns = Some(now);
        }
        self.deadlines.remove(&number);
        self.tell(&format!("{name} is read again"));
        self.tell_interruptions();
        if let Some(opened) = self.fleet.give_back(number, opened) {
            let order = Order::Source {
                number,
                id: name.clone(),
                descriptor: Box::new(opened.source.descriptor().clone()),
                period: opened.period,
            };
            let _ = self.orders.send(order);
            let lane = self.settings.lanes.get(&name);
            self.fleet.add(number, opened, Arc::clone(&self.counters[usize::from(number)]), lane);
            if let Err(error) = self.fleet.start_all() {
                self.tell(&format!("{name} cannot be read: {}", error.in_full()));
            }
        }
    }

    fn tell_interruptions(&self) {
        let _ = self.orders.send(Order::Interruptions(self.interruptions.clone()));
    }
}
