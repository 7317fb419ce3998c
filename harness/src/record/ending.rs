//! How a recording ends: well, or since something failed.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use power_core::{Clock, SystemClock};

use super::drain::{Drained, Order};
use super::report;
use super::session::{Event, Session};
use super::settings::Ended;
use crate::run::RunWriter;
use crate::{Error, Result};

/// How long the command's stdout may go on after the command has ended.
const STDOUT_END: Duration = Duration::from_secs(1);

/// How long a command that was asked to end may take.
const COMMAND_END: Duration = Duration::from_secs(10);

impl Session {
    /// Asks a command that still runs to end, and waits a while for it.
    pub(super) fn end_command(&mut self) {
        if let Some(running) = &self.running {
            running.ask_to_end();
        }
        let until = Instant::now() + COMMAND_END;
        while self.running.is_some() {
            let Ok(event) = self.events.recv_timeout(until.saturating_duration_since(Instant::now())) else {
                self.tell("the command does not end; it is left alone");
                return;
            };
            self.take(event);
        }
    }

    /// A required source that stayed away.
    pub(super) fn give_up(&mut self, number: u16) {
        let name = self.name(number);
        let why = self.interruptions.iter().rev().find(|interruption| interruption.source == name);
        let why = why.map_or_else(String::new, |interruption| format!(" ({})", interruption.why));
        let what = format!("the required source {name} was lost and did not come back{why}");
        self.ended = Some(what.clone());
        self.failure =
            Some(Error::new(what).mend("see `wattproof doctor`, or make it optional in the rig file"));
    }

    /// Without a disk there is nothing to be read for; the command goes on, it is not at fault.
    pub(super) fn cannot_write(&mut self, error: Error) {
        if self.failure.is_some() {
            return;
        }
        self.fleet.stop();
        self.tell(&format!("the recording ends here: {}", error.in_full()));
        self.failure = Some(error);
        if self.running.is_none() {
            self.ended = Some("nothing more could be written".to_owned());
        }
    }

    /// Has every source read once more, and waits for that.
    pub(super) fn stop_reading(&mut self) {
        self.read_until_ns.get_or_insert(SystemClock.now().nanos());
        self.fleet.finish();
    }

    /// Lets the rest of the command's stdout through.
    pub(super) fn wait_for_stdout(&mut self) {
        let until = Instant::now() + STDOUT_END;
        while self.stdout_open && self.running.is_none() {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::StdoutEnded) | Err(_) => self.stdout_open = false,
                Ok(_) => {}
            }
        }
    }

    /// Adds the marks that were not known before, of the time that was read.
    fn add_late_marks(&mut self) {
        let (Some(late), Some(until_ns)) = (&mut self.settings.late_marks, self.read_until_ns) else {
            return;
        };
        let since_ns = SystemClock.now().nanos().saturating_sub(nanos(self.began.elapsed()));
        for mark in late(since_ns, until_ns) {
            let _ = self.orders.send(Order::Mark(mark));
        }
    }

    /// Ends the run.
    pub(super) fn end(mut self, writing: JoinHandle<Drained>) -> Result<Ended> {
        let duration = self.began.elapsed();
        self.add_late_marks();
        // The listener's last marks come before the end.
        drop(self.listener.take());
        let _ = self.orders.send(Order::Finish);
        let drained = writing.join().map_err(|_| {
            Error::new("the writing thread failed").mend("complete the run by `wattproof recover`")
        })?;
        // An error of the last write is an event that nobody has taken yet.
        while let Ok(event) = self.events.try_recv() {
            if let Event::CannotWrite(error) = event {
                self.failure.get_or_insert(error);
            }
        }
        let ended = self.ended.take().unwrap_or_default();
        let mut recording = report::recording(&self.settings, &self.counters, &self.fleet, duration, ended);
        recording.interruptions = self.interruptions;
        recording.writer = drained.record;
        recording.writer.stream_bytes = drained.writer.as_ref().map_or(0, RunWriter::stream_bytes);
        let run = drained.writer.and_then(|mut writer| {
            if let Some(code) = self.exit_code {
                writer.set_exit_code(code);
            }
            writer.set_recording(recording.clone());
            writer.finish().map_err(|error| self.failure.get_or_insert(error)).ok()
        });
        Ok(Ended { run, recording, exit_code: self.exit_code, failure: self.failure })
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
