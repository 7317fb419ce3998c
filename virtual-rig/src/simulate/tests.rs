//! What a simulated recorder reads is what the truth and the meters' models say.

use super::*;
use crate::description::{MeterDescription, StampPosition};

fn paper(meters: Vec<MeterDescription>) -> Description {
    Description { meters, ..Description::paper_node() }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let description = Description::paper_node();
    let [a, b, c] = [5, 5, 6].map(|seed| simulate(&description, 20.0, seed).unwrap().channels);
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn every_instrument_is_there_and_close_to_its_rail() {
    let meters = MeterKind::ALL.map(|kind| MeterDescription::new(format!("m{kind:?}"), kind)).to_vec();
    let run = simulate(&paper(meters), 120.0, 3).unwrap();
    assert_eq!(run.channels.len(), 4 * 5 + 4 + MeterKind::ALL.len());
    for channel in &run.channels {
        assert!(channel.readings.len() >= 118, "{}: {}", channel.name, channel.readings.len());
        let ordered = channel.readings.windows(2).all(|pair| pair[0].t_end_ns <= pair[1].t_start_ns);
        assert!(ordered && channel.readings.iter().all(|r| r.t_start_ns <= r.t_end_ns), "{}", channel.name);
        let (first, last) = (channel.readings[0], *channel.readings.last().unwrap());
        let true_j = run.truth.energy_j(channel.rail, first.t_end_ns, last.t_end_ns).unwrap();
        let shown_j = match channel.quantity {
            Quantity::EnergyCounter { quantum, .. } => (last.value - first.value) * quantum.get(),
            Quantity::Power { .. } => {
                let mean = channel.readings.iter().map(|r| r.value).sum::<f64>()
                    / float(i64::try_from(channel.readings.len()).unwrap());
                mean * float(last.t_end_ns - first.t_end_ns) / 1e9
            }
            _ => continue,
        };
        // The modbus and line meters' class is 1 and 1.5 %; edges of the run cost the slow ones most.
        let within = if channel.rail == Rail::NodeAc { 0.02 } else { 0.03 };
        assert!((shown_j / true_j - 1.0).abs() < within, "{}: {shown_j} {true_j}", channel.name);
    }
}

#[test]
fn device_times_tell_the_meters_clock_and_its_window() {
    for stamps in [StampPosition::Start, StampPosition::Centre, StampPosition::End] {
        let meter = MeterDescription::new("wall", MeterKind::Lmg670)
            .with_clock(1.5, 40.0)
            .with_stamps(true, stamps)
            .perfect();
        let run = simulate(&paper(vec![meter]), 60.0, 11).unwrap();
        let wall = run.channel("wall/power").unwrap();
        let truth = &run.meters[0];
        assert!((truth.clock_offset_s - 1.5).abs() < 1e-9 && (truth.drift_ppm - 40.0).abs() < 1e-12);
        for reading in wall.readings.iter().skip(20) {
            // Back from the device's time to the host's, then the mean over the window that it names.
            let since = float(reading.t_device_ns.unwrap() - run.origin_ns) - 1.5e9;
            let host_ns = run.origin_ns + rounded(since / (1.0 + 40e-6));
            let window = 99_996_000;
            let begin = match stamps {
                StampPosition::Start => host_ns,
                StampPosition::Centre => host_ns - window / 2,
                StampPosition::End => host_ns - window,
            };
            let mean = run.truth.mean_w(Rail::NodeAc, begin, begin + window).unwrap();
            assert!((mean - reading.value).abs() < 0.01, "{stamps:?}: {mean} {}", reading.value);
        }
    }
}

#[test]
fn instruments_that_are_left_out_are_left_out() {
    let run = Simulation::new(Description::paper_node()).gpu_hz(0.0).rapl_hz(0.0).run(5.0, 1).unwrap();
    let names: Vec<&str> = run.channels.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["wall/power", "modbus/power"]);
    assert!(simulate(&Description::paper_node(), f64::NAN, 1).is_err());
}

/// Pearson's correlation.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = float(i64::try_from(pairs.len()).unwrap());
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (a, b) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let cov = sum(&|p| (p.0 - a) * (p.1 - b));
    cov / (sum(&|p| (p.0 - a).powi(2)) * sum(&|p| (p.1 - b).powi(2))).sqrt()
}

#[test]
fn trainings_are_as_the_paper_saw_them() {
    use crate::description::{Stage, Workload};
    let run = |stage: Stage| {
        let node =
            Description::paper_node().with_workload(Workload::once([stage.epochs((4, 4), (0.3, 3.0))]));
        Simulation::new(node).gpu_hz(20.0).run(1_500.0, 4).unwrap()
    };
    // Mean power and utilisations of GPU 0 in each epoch.
    let epochs = |run: &Simulated| -> Vec<(f64, f64, f64)> {
        let mean = |name: &str, from: i64, to: i64| {
            let readings = &run.channel(name).unwrap().readings;
            let first = readings.partition_point(|r| r.t_start_ns < from + 200_000_000);
            let last = readings.partition_point(|r| r.t_end_ns <= to);
            let within = readings.get(first..last).filter(|within| !within.is_empty())?;
            let n = float(i64::try_from(within.len()).unwrap());
            Some(within.iter().map(|r| r.value).sum::<f64>() / n)
        };
        let marks = run.truth.marks(run.origin_ns, run.end_ns);
        let epochs = marks.iter().filter(|mark| mark.depth == 2);
        epochs
            .filter_map(|mark| {
                let power = run.truth.mean_w(Rail::Gpu(0), mark.begin_ns, mark.end_ns)?;
                let used = mean("gpu0/utilisation", mark.begin_ns, mark.end_ns)?;
                Some((power, used, mean("gpu0/memory_utilisation", mark.begin_ns, mark.end_ns)?))
            })
            .collect()
    };
    let single = epochs(&run(Stage::trainings(100).on_gpus([0])));
    let shared = epochs(&run(Stage::trainings(100).distributed()));
    assert!(single.len() > 250 && shared.len() > 250, "{} {}", single.len(), shared.len());
    let of = |all: &[(f64, f64, f64)], f: fn(&(f64, f64, f64)) -> (f64, f64)| {
        correlation(&all.iter().map(f).collect::<Vec<_>>())
    };
    for epochs in [&single, &shared] {
        let (with_gpu, with_memory) = (of(epochs, |e| (e.0, e.1)), of(epochs, |e| (e.0, e.2)));
        assert!((0.75..0.999).contains(&with_gpu), "{with_gpu}");
        assert!((0.75..0.999).contains(&with_memory), "{with_memory}");
    }
    let span = |epochs: &[(f64, f64, f64)]| {
        let powers = epochs.iter().map(|epoch| epoch.0);
        powers.fold((f64::MAX, f64::MIN), |(low, high), power| (low.min(power), high.max(power)))
    };
    let ((low, high), (low_4, high_4)) = (span(&single), span(&shared));
    // Training alone is at 146 to 305 W; an epoch has its validation in it.
    assert!((130.0..175.0).contains(&low) && (255.0..310.0).contains(&high), "{low} {high}");
    assert!(high_4 - low_4 < 0.75 * (high - low), "{low_4} to {high_4}, alone {low} to {high}");
}
