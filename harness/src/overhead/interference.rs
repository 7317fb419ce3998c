//! What one way of reading does to the publications, and to the calls, of another reader.

use power_analysis::Publications;
use power_analysis::stats::{self, Estimate, circular_block_bootstrap};
use serde::Serialize;

use super::slot::{Recorded, Slot};
use super::target::{Gpu, Target, at, renamed};
use super::work::Shaker;
use super::{Lengths, Plan};
use crate::Result;
use crate::rig::SourceSpec;
use crate::run::Latency;
use crate::traces;

/// How often gauges are looked at, and the energy counter, whose calls take milliseconds.
const GAUGES_HZ: f64 = 1_000.0;
const COUNTER_HZ: f64 = 20.0;

/// What the other reader's name and lane begin with.
const BESIDE: &str = "beside";

/// Share of publications whose loss matters: less is not called a disturbance, however sure.
const MATTERS: f64 = 0.05;

/// Share of all pairs of a machine in which one is called disturbed that is not.
const FALSE_ALARM: f64 = 0.05;

/// Replicates of the bootstrap; the test looks at its 1 % and less.
const REPLICATES: usize = 4_000;

/// What readers do to each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interference {
    /// Each channel that publishes, with what others do to it.
    pub views: Vec<View>,
    /// Pairs that were tested; each at a level of 5 % divided by this.
    pub tests: usize,
}

/// One channel as one reader sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct View {
    /// `source/channel`.
    pub channel: String,
    /// How often it was looked at.
    pub looked_hz: Option<f64>,
    /// What was seen alone and beside each other reader.
    pub beside: Vec<Beside>,
}

/// What a reader saw beside another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// The other reader.
    pub reader: String,
    /// Publications a second that were seen; `None` below two, as for the others.
    pub publications_hz: Option<f64>,
    /// Median time between two publications.
    pub interval_p50_ms: Option<f64>,
    /// 95th percentile of it.
    pub interval_p95_ms: Option<f64>,
    /// Share of the publications seen alone that is lost; `None` alone, and where there are too few.
    pub lost: Option<Estimate>,
    /// Whether the loss is above 5 % by a test that holds its level over all pairs; `None` where there was no test.
    pub disturbed: Option<bool>,
    /// How long this reader's reads took, the wait for the driver's lock included.
    pub read: Latency,
    /// Why the other reader did not read, where it did not: this row then says nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// Measures every view beside every other way of reading.
pub(super) fn measure(
    target: &Target,
    plan: &Plan,
    lengths: Lengths,
    tell: &mut dyn FnMut(&str),
    notes: &mut Vec<String>,
) -> Result<Interference> {
    let gpu = &target.gpus[0];
    // Power that never changes shows no publications.
    let _shaker = Shaker::start(target, notes);
    let mut views = vec![at(&gpu.gauges, GAUGES_HZ), gpu.ring.clone()];
    if plan.quick {
        notes.push("quick: the energy counter's own publications were not looked at".to_owned());
    } else {
        views.push(at(&gpu.counter, COUNTER_HZ));
    }
    let mut seen: Vec<Seen> = Vec::new();
    for view in &views {
        for (reader, beside) in readers(gpu, &target.smi) {
            tell(&format!("{} beside {reader}", view.name));
            let slot = Slot::new([view.clone()].into_iter().chain(beside));
            let slot = if reader.starts_with("nvidia-smi") { slot } else { slot.lane(BESIDE, BESIDE) };
            let recorded = slot.run(lengths.view_s)?;
            look(&recorded, &view.name, reader, &mut seen)?;
        }
    }
    Ok(judge(seen, plan.seed))
}

/// The other readers.
fn readers(gpu: &Gpu, smi: &SourceSpec) -> Vec<(&'static str, Option<SourceSpec>)> {
    let by_smi = |mode: &str, rate_hz: Option<f64>| {
        let mut source = renamed(smi, BESIDE, rate_hz);
        source.options = source.options.with("mode", mode);
        if rate_hz.is_none() {
            source.options = source.options.with("period_ms", "100");
        }
        Some(source)
    };
    vec![
        ("nothing", None),
        ("a second poller, 1 kHz", Some(renamed(&gpu.gauges, BESIDE, Some(GAUGES_HZ)))),
        ("the ring, 4 Hz", Some(renamed(&gpu.ring, BESIDE, Some(4.0)))),
        ("the counter, 20 Hz", Some(renamed(&gpu.counter, BESIDE, Some(COUNTER_HZ)))),
        ("nvidia-smi -lms 100", by_smi("loop", None)),
        ("nvidia-smi spawned, 10 Hz", by_smi("query", Some(10.0))),
        ("nvidia-smi -q -x, each 0.1 s", by_smi("tracer", None)),
    ]
}

/// What one reader saw of one channel.
struct Seen {
    channel: String,
    looked_hz: Option<f64>,
    reader: &'static str,
    intervals_ms: Vec<f64>,
    read: Latency,
    missing: Option<String>,
}

fn look(recorded: &Recorded, view: &str, reader: &'static str, seen: &mut Vec<Seen>) -> Result<()> {
    let source = recorded.source(view)?;
    let beside = recorded.source(BESIDE).ok();
    let missing = beside.and_then(|beside| {
        let why = recorded.recording.interruptions.iter().find(|interruption| interruption.source == BESIDE);
        (beside.readings == 0).then(|| {
            why.map_or_else(|| "it gave no reading".to_owned(), |interruption| interruption.why.clone())
        })
    });
    let prefix = format!("{view}/");
    for channel in traces::power_channels(&recorded.run).into_iter().filter(|name| name.starts_with(&prefix))
    {
        let publications = Publications::find(&traces::load(&recorded.run, &channel)?.readings);
        let times = publications.times_ns();
        #[expect(clippy::cast_precision_loss, reason = "seconds in nanoseconds are exact")]
        let intervals_ms = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 * 1e-6).collect();
        seen.push(Seen {
            channel,
            looked_hz: source.rate_hz,
            reader,
            intervals_ms,
            read: source.read_latency,
            missing: missing.clone(),
        });
    }
    Ok(())
}

/// Compares each with what was seen alone.
fn judge(seen: Vec<Seen>, seed: u64) -> Interference {
    let mut alone: Vec<(String, Vec<f64>)> = Vec::new();
    let tests = seen.iter().filter(|seen| seen.reader != "nothing" && seen.missing.is_none()).count();
    let mut views: Vec<View> = Vec::new();
    for seen in seen {
        let sound = seen.missing.is_none();
        let base = alone.iter().find(|(channel, _)| *channel == seen.channel).map(|(_, intervals)| intervals);
        let lost = base.filter(|_| sound).and_then(|base| Lost::new(base, &seen.intervals_ms, seed));
        let mean = stats::mean(&seen.intervals_ms).filter(|_| sound);
        let sorted = sorted(seen.intervals_ms.clone());
        let quantile = |q| stats::quantile(&sorted, q).filter(|_| sound);
        let row = Beside {
            reader: seen.reader.to_owned(),
            publications_hz: mean.map(|mean| 1e3 / mean),
            interval_p50_ms: quantile(0.5),
            interval_p95_ms: quantile(0.95),
            lost: lost.as_ref().map(|lost| lost.estimate),
            disturbed: lost.as_ref().map(|lost| lost.is_above(MATTERS, FALSE_ALARM / count(tests))),
            read: seen.read,
            missing: seen.missing,
        };
        if let Some(view) = views.iter_mut().find(|view| view.channel == seen.channel) {
            view.beside.push(row);
        } else {
            alone.push((seen.channel.clone(), seen.intervals_ms));
            views.push(View { channel: seen.channel, looked_hz: seen.looked_hz, beside: vec![row] });
        }
    }
    Interference { views, tests }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[expect(clippy::cast_precision_loss, reason = "a few dozen")]
fn count(tests: usize) -> f64 {
    tests.max(1) as f64
}

/// The share of publications that is lost, 1 - (mean interval alone / mean interval beside), with what the bootstrap drew.
struct Lost {
    estimate: Estimate,
    /// In order.
    drawn: Vec<f64>,
}

/// Fewest intervals of which a share is stated.
const FEWEST: usize = 8;

impl Lost {
    /// `None` where there are too few intervals.
    fn new(alone: &[f64], beside: &[f64], seed: u64) -> Option<Self> {
        if alone.len() < FEWEST || beside.len() < FEWEST {
            return None;
        }
        let draw = |values: &[f64], seed| {
            // Neighbouring intervals go together: one that is too long is followed by one that is too short.
            let block = stats::block_length(values);
            circular_block_bootstrap(values.len(), block, REPLICATES, seed, |indices| {
                stats::mean(&indices.iter().map(|index| values[*index]).collect::<Vec<_>>())
            })
        };
        let drawn = draw(alone, seed).into_iter().zip(draw(beside, seed.wrapping_add(1)));
        let drawn = sorted(drawn.map(|(alone, beside)| 1.0 - alone / beside).collect());
        let value = 1.0 - stats::mean(alone)? / stats::mean(beside)?;
        let (low, high) = (stats::quantile(&drawn, 0.025)?, stats::quantile(&drawn, 0.975)?);
        Some(Self { estimate: Estimate::new(value, low, high, 0.95), drawn })
    }

    /// Whether the share is above `least` at this level: one-sided.
    fn is_above(&self, least: f64, level: f64) -> bool {
        stats::quantile(&self.drawn, level).is_some_and(|low| low > least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intervals of a sensor of 100 ms that is read each millisecond; every third publication is lost or none.
    fn intervals(lose: bool, shift: u32) -> Vec<f64> {
        let noise = |index: u32| f64::from((index + shift) * 7919 % 11) / 10.0 - 0.5;
        (0..60).map(|index| if lose && index % 2 == 0 { 200.0 } else { 100.0 } + noise(index)).collect()
    }

    fn seen(reader: &'static str, intervals_ms: Vec<f64>, missing: Option<&str>) -> Seen {
        let missing = missing.map(str::to_owned);
        let read = Latency::default();
        Seen { channel: "gpu/power".into(), looked_hz: Some(1e3), reader, intervals_ms, read, missing }
    }

    #[test]
    fn a_pair_that_loses_publications_is_found_and_no_other() {
        let all = vec![
            seen("nothing", intervals(false, 0), None),
            seen("harmless", intervals(false, 3), None),
            seen("harmful", intervals(true, 5), None),
            seen("absent", intervals(false, 7), Some("not there")),
        ];
        let found = judge(all, 1);
        assert_eq!(found.tests, 2);
        let [alone, harmless, harmful, absent] = found.views[0].beside.as_slice() else { panic!() };
        assert_eq!((alone.lost, alone.disturbed), (None, None));
        assert_eq!((harmless.disturbed, harmful.disturbed), (Some(false), Some(true)));
        assert!(harmful.lost.unwrap().contains(1.0 / 3.0), "{harmful:?}");
        assert!(harmless.lost.unwrap().contains(0.0), "{harmless:?}");
        assert_eq!((absent.publications_hz, absent.lost, absent.disturbed), (None, None, None));
    }

    /// Intervals that a reader at 1 kHz sees of a sensor of 100 ms over 4 s, of whose publications each is lost by chance.
    fn simulated(lost: f64, state: &mut u64) -> Vec<f64> {
        let mut chance = || {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(*state >> 32).unwrap()) / 4_294_967_296.0
        };
        let seen = |k: u32, noise: f64| f64::from(k) * 100.0 + noise;
        let mut times: Vec<f64> = Vec::new();
        for k in 0..40 {
            if chance() >= lost {
                times.push(seen(k, chance()));
            }
        }
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn intervals_hold_the_true_share_and_chance_alone_is_no_disturbance() {
        let mut state = 1;
        for share in [0.0, 0.2, 1.0 / 3.0] {
            let (mut held, mut called) = (0, 0);
            for seed in 0..200 {
                let lost =
                    Lost::new(&simulated(0.0, &mut state), &simulated(share, &mut state), seed).unwrap();
                held += usize::from(lost.estimate.contains(share));
                called += usize::from(lost.is_above(MATTERS, 0.05 / 36.0));
            }
            // 95 % are promised; the percentile bootstrap of some 30 intervals gives a little less.
            assert!(held >= 174, "{share}: {held} of 200");
            // A fifth of 40 publications is too few to be sure of among 36 pairs; a third is mostly enough.
            let enough = if share > 0.3 { called >= 100 } else { share > 0.0 || called == 0 };
            assert!(enough, "{share}: {called} called");
        }
    }

    #[test]
    fn what_differs_by_less_than_matters_is_no_disturbance() {
        let slower = |share: f64| intervals(false, 3).iter().map(|ms| ms / (1.0 - share)).collect::<Vec<_>>();
        let lost = |share| Lost::new(&intervals(false, 0), &slower(share), 1).unwrap();
        assert!(!lost(0.03).is_above(MATTERS, 0.01) && lost(0.10).is_above(MATTERS, 0.01));
        assert!(Lost::new(&[100.0; 7], &[100.0; 60], 1).is_none());
    }
}
