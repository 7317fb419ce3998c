//! A training as EA-HAS-Bench's tracer would have logged it, from readings that were really taken.

use std::fmt::Write as _;

/// One poll: begin and end in nanoseconds, power in watts, GPU utilisation in per cent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Poll {
    pub(crate) before_ns: i64,
    pub(crate) after_ns: i64,
    pub(crate) power_w: f64,
    pub(crate) util: f64,
}

/// What the tracer is run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machine {
    /// One GPU, with the key that the tracer looks for.
    OneGpu,
    /// So many GPUs that all show the same.
    Gpus(u32),
    /// A driver since 535, whose key the tracer does not find.
    RenamedKey,
}

/// The tracer sleeps this long before each poll, in nanoseconds.
const SLEEP_NS: i64 = 100_000_000;

/// What the tracer prints of epochs, in its way.
///
/// It sleeps 0.1 s, counts, polls, appends, and goes on while the epoch runs: a poll is its own if its sleep began within
/// the epoch. Sums are divided by the count of polls; energy is seconds × mean power / 3600, and labelled `KWh`. What was
/// not recorded (memory utilisation, temperature) is `nan`.
pub(crate) fn tracer_log(polls: &[Poll], epochs_ns: &[(i64, i64)], machine: Machine) -> String {
    let mut log = String::new();
    for (at, (begin, end)) in epochs_ns.iter().enumerate() {
        let seconds = nanos(end - begin) * 1e-9;
        let taken: Vec<&Poll> =
            polls.iter().filter(|poll| (*begin..*end).contains(&(poll.before_ns - SLEEP_NS))).collect();
        let _ = writeln!(
            log,
            "[meters.py: 1]: json_stats: {{\"_type\": \"train_epoch\", \"epoch\": \"{}/{}\", \"time_epoch\": {seconds:.4}}}",
            at + 1,
            epochs_ns.len()
        );
        let stars = "*".repeat(50);
        if taken.is_empty() {
            let _ = writeln!(
                log,
                "{stars}\nNo tracing info collected, increasing sampling rate if needed.\n{stars}"
            );
            continue;
        }
        let gpus = match machine {
            Machine::OneGpu => 1.0,
            Machine::Gpus(gpus) => f64::from(gpus),
            // The thread dies after its first count, with nothing appended.
            Machine::RenamedKey => 0.0,
        };
        let counters = if machine == Machine::RenamedKey { 1.0 } else { count(taken.len()) };
        let mean =
            |figure: fn(&Poll) -> f64| taken.iter().map(|poll| gpus * figure(poll)).sum::<f64>() / counters;
        let (power, util) = (mean(|poll| poll.power_w), mean(|poll| poll.util));
        let energy = seconds * power / 3600.0;
        let _ = writeln!(
            log,
            "{stars}\nexcel compatible output:\n{util:.4}\tnan\t{energy:.4}\t{power:.4}\tnan\t{seconds:.4}\n{stars}"
        );
    }
    log
}

#[expect(clippy::cast_precision_loss, reason = "lengths of epochs are exact")]
const fn nanos(nanos: i64) -> f64 {
    nanos as f64
}

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

/// Epochs as a neutral file of marks.
pub(crate) fn marks(epochs_ns: &[(i64, i64)]) -> String {
    let mut text = String::from("t_ns,event,name\n");
    for (at, (begin, end)) in epochs_ns.iter().enumerate() {
        let _ = writeln!(text, "{begin},begin,epoch {at}\n{end},end,epoch {at}");
    }
    text
}

/// Polls as a table.
pub(crate) fn polls_csv(polls: &[Poll]) -> String {
    let mut text = String::from("t_before_ns,t_after_ns,power_w\n");
    for poll in polls {
        let _ = writeln!(text, "{},{},{:.2}", poll.before_ns, poll.after_ns, poll.power_w);
    }
    text
}
