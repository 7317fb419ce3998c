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
