//! The user's own training, run once for each seed, its epochs marked by lines on its stdout.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use super::Scene;
use crate::record::marks;
use crate::run::MarkEvent;
use crate::{Error, Result};

/// Time of rest before the first training, which is the base of everything, and between two.
pub(super) const REST: Duration = Duration::from_secs(3);
pub(super) const BETWEEN: Duration = Duration::from_secs(1);

/// Trainings by a command: `{seed}` in it becomes the number of the training.
#[derive(Debug, Clone)]
pub struct Command {
    line: String,
    /// Numbers of the first training and of the one after the last.
    numbers: (usize, usize),
    /// Where the trainings' own output goes.
    log: PathBuf,
}

impl Command {
    /// `count` trainings from number `first` on.
    pub fn new(line: &str, first: usize, count: usize, log: PathBuf) -> Self {
        Self { line: line.to_owned(), numbers: (first, first + count), log }
    }

    pub(super) fn run(self, scene: &Scene) -> Result<()> {
        scene.wait_for_recording()?;
        scene.mark(MarkEvent::Begin, "rest");
        scene.sleep(REST);
        scene.mark(MarkEvent::End, "rest");
        for number in self.numbers.0..self.numbers.1 {
            if scene.is_over() {
                return Ok(());
            }
            self.train(number, scene)?;
            scene.sleep(BETWEEN);
        }
        Ok(())
    }

    fn train(&self, number: usize, scene: &Scene) -> Result<()> {
        let line = self.line.replace("{seed}", &number.to_string());
        let failed = |what: String| {
            Error::new(format!("training `{line}` {what}"))
                .mend(format!("try it by itself; its output is in {}", self.log.display()))
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.map_err(|error| Error::io(&self.log, "write", error))?;
        let socket = marks::find_socket(Some(&scene.run))?;
        let mut child = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(&line)
            .env(marks::VARIABLE, &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| failed("cannot be started".into()).because(error))?;
        let name = format!("training {number}");
        scene.mark(MarkEvent::Begin, &name);
        let open = watch(&mut child, scene);
        let status = child.wait().map_err(|error| failed("cannot be waited for".into()).because(error))?;
        if scene.is_over() {
            return Ok(());
        }
        if let Some(epoch) = open {
            scene.mark(MarkEvent::End, &epoch);
        }
        if !status.success() {
            return Err(failed(format!("ended with {status}")));
        }
        scene.mark(MarkEvent::End, &name);
        Ok(())
    }
}

/// Passes marks on until the stdout ends; the epoch that is still open then. A recording that ends takes the training
/// with it.
fn watch(child: &mut Child, scene: &Scene) -> Option<String> {
    let stdout = child.stdout.take()?;
    let (lines_to, lines) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = Vec::new();
        while matches!(stdout.read_until(b'\n', &mut line), Ok(1..)) {
            if lines_to.send(marks::parse_line(&line)).is_err() {
                return;
            }
            line.clear();
        }
    });
    let mut open: Option<String> = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(50)) {
            // `__epoch 3__` alone begins an epoch and ends the one before.
            Ok(Some((MarkEvent::Point, name))) if name.split_whitespace().next() == Some(super::EPOCH) => {
                if let Some(before) = open.replace(name.clone()) {
                    scene.mark(MarkEvent::End, &before);
                }
                scene.mark(MarkEvent::Begin, &name);
            }
            Ok(Some((event, name))) => scene.mark(event, &name),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return open,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if scene.is_over() => {
                // It may have ended by itself meanwhile.
                let _ = child.kill();
                return open;
            }
            Ok(None) | Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
}
