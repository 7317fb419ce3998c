//! `wattproof watch`: every power in the terminal, as it is read.

mod view;

use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use power_core::{Clock, SystemClock};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use self::view::View;
use super::Outcome;
use super::record::Sampling;
use crate::record::live::Live;
use crate::record::{Ended, Settings, record};
use crate::{Error, Result};

/// Time between two drawings, each of which is one more bar of the sparklines.
const DRAW: Duration = Duration::from_millis(250);

/// Watch every sensor in the terminal; nothing is recorded. `q` ends it.
///
/// A line a channel: its course of the last seconds, its value, the time T between its changes, its age since the
/// last, and its energy so far.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    sampling: Sampling,
    /// Show all channels, not only power and energy.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Outcome> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Error::new("watch needs a terminal").mend("use `wattproof record --for TIME` elsewhere"));
    }
    let chosen = arguments.sampling.choose()?;
    let mut settings = Settings::new(None, chosen.rig);
    settings.jitter = arguments.sampling.jitter;
    settings.realtime = arguments.sampling.realtime;
    let message = Arc::new(Mutex::new(String::new()));
    let told = Arc::clone(&message);
    settings.tell =
        Box::new(move |text| text.clone_into(&mut told.lock().unwrap_or_else(PoisonError::into_inner)));
    let stop = Arc::clone(&settings.stop);
    let live = Live::default();
    let seen = live.clone();
    let recording = thread::spawn(move || record(settings, &seen));
    let mut terminal =
        ratatui::try_init().map_err(|error| Error::new("the terminal cannot be used").because(error))?;
    let mut view = View::new(arguments.all);
    let began = Instant::now();
    let shown = loop {
        view.see(&live);
        let message = message.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lines = |width| view.lines(&live, (SystemClock.now().nanos(), began.elapsed()), &message, width);
        let drawn = terminal.draw(|frame| view::draw(frame, lines)).map(drop);
        if drawn.is_err() || recording.is_finished() {
            break drawn;
        }
        match asked_to_end() {
            Ok(false) => {}
            Ok(true) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    ratatui::restore();
    stop.store(true, Ordering::Relaxed);
    let ended = recording.join().map_err(|_| Error::new("the sampling failed"))??;
    shown.map_err(|error| Error::new("the terminal cannot be drawn to").because(error))?;
    outcome(ended)
}

fn outcome(ended: Ended) -> Result<Outcome> {
    ended.failure.map_or(Ok(Outcome::Fine), Err)
}

/// Waits for a key until the next drawing; gives whether it ends the view.
fn asked_to_end() -> io::Result<bool> {
    if !event::poll(DRAW)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let quit = matches!(key.code, KeyCode::Char('q') | KeyCode::Esc);
    Ok(key.kind == KeyEventKind::Press && (quit || interrupt))
}
