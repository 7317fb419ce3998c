//! The line on the terminal while a recording goes on: time, and the power of each source.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use power_core::{Delivery, Quantity};

use super::output;
use crate::record::live::Live;
use crate::run::RowValue;

/// Time between two drawings.
const DRAW: Duration = Duration::from_millis(250);

/// A line that is drawn until it is dropped; none where stderr is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Draws what `live` shows; `total` is how long the recording takes, where that is known.
    pub(super) fn start(live: &Live, total: Option<Duration>, wanted: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        if !wanted || !io::stderr().is_terminal() {
            return Self { bar: None, stop, thread: None };
        }
        let bar = match total {
            Some(total) => ProgressBar::new(u64::try_from(total.as_millis()).unwrap_or(u64::MAX)),
            None => ProgressBar::no_length(),
        };
        let template = if total.is_some() { "{bar:20} {elapsed} {wide_msg}" } else { "{elapsed} {wide_msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let (drawn, seen, told) = (bar.clone(), live.clone(), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut began = Instant::now();
            while !told.load(Ordering::Relaxed) {
                if !seen.has_begun() {
                    // Sources are still being opened.
                    began = Instant::now();
                    drawn.reset_elapsed();
                }
                drawn.set_position(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
                drawn.set_message(power(&seen));
                thread::park_timeout(DRAW);
            }
        });
        Self { bar: Some(bar), stop, thread: Some(thread) }
    }

    /// Writes messages to stderr, above the line where there is one.
    pub(super) fn teller(&self) -> Box<dyn FnMut(&str) + Send> {
        let bar = self.bar.clone();
        Box::new(move |text| {
            let text = format!("wattproof: {text}");
            match &bar {
                Some(bar) => bar.suspend(|| output::message(&text)),
                None => output::message(&text),
            }
        })
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A drawing that panicked has said so.
            let _ = thread.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The power that each source shows first.
fn power(live: &Live) -> String {
    let mut text = String::new();
    for source in live.sources().iter() {
        let shown = source.channels.iter().find_map(|channel| {
            // What streams shows the same power once more.
            let Quantity::Power { .. } = channel.channel.quantity else { return None };
            if channel.channel.delivery == Delivery::Streamed {
                return None;
            }
            match channel.value {
                Some(RowValue::Number(watts)) => Some(watts),
                _ => None,
            }
        });
        if let Some(watts) = shown {
            let _ = write!(text, "{}{} {watts:.0} W", if text.is_empty() { "" } else { "  " }, source.id);
        }
    }
    text
}
