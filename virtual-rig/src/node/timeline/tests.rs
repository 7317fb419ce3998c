//! Sums, energies and heat of the node.

use super::*;
use crate::description::{Description, Stage, StageKind, Workload};
use crate::node::Node;
use crate::{CpuLoad, Load};

const S: i64 = 1_000_000_000;

fn truth(description: Description) -> NodeTruth {
    Node::new(Description { origin_ns: Some(7 * S), ..description }).unwrap().truth()
}

fn paper() -> NodeTruth {
    truth(Description::paper_node())
}

#[test]
fn rails_add_up_and_the_mains_pay_the_loss() {
    let truth = paper();
    let node = NodeDescription::default();
    for t in (0..120_000).map(|ms| ms * 1_000_000 + 12_345) {
        let power = |rail| truth.power_w(rail, t).unwrap();
        let parts: f64 = (0..4).map(|gpu| power(Rail::Gpu(gpu))).sum::<f64>()
            + (0..2).map(|cpu| power(Rail::Package(cpu)) + power(Rail::Dram(cpu))).sum::<f64>()
            + power(Rail::Board)
            + power(Rail::Fans);
        let dc = power(Rail::NodeDc);
        assert!((parts - dc).abs() < 1e-9, "{t}: {parts} {dc}");
        let ac = node.psu_a_w + node.psu_b * dc + node.psu_c_per_w * dc * dc;
        assert!((power(Rail::NodeAc) - ac).abs() < 1e-9);
        assert!((power(Rail::PsuLoss) - (ac - dc)).abs() < 1e-9);
        for cpu in 0..2 {
            let parts = power(Rail::Cores(cpu)) + power(Rail::Uncore(cpu));
            assert!((parts - power(Rail::Package(cpu))).abs() < 1e-9);
        }
    }
}

#[test]
fn energies_close_and_are_those_of_the_signals() {
    let truth = paper();
    for (from, to) in [(0, 20 * S), (9 * S, 137 * S + 5), (500 * S, 509 * S)] {
        let energy = |rail| truth.energy_j(rail, from, to).unwrap();
        let parts: f64 = truth
            .rails()
            .into_iter()
            .filter(|rail| {
                matches!(rail, Rail::Gpu(_) | Rail::Package(_) | Rail::Dram(_) | Rail::Board | Rail::Fans)
            })
            .map(energy)
            .sum();
        let (ac, loss) = (energy(Rail::NodeAc), energy(Rail::PsuLoss));
        assert!((parts + loss - ac).abs() < 1e-6, "{parts} + {loss}, {ac}");
        for rail in truth.rails() {
            let signal = truth.signal(rail, from, to).unwrap();
            let (one, two) = (signal.energy_j(from, to), energy(rail));
            assert!((one - two).abs() < 1e-6, "{rail} {from} {to}: {one} {two}");
        }
        for gpu in 0..4 {
            let own = truth.gpu(gpu).unwrap().energy_j(from, to);
            assert!((own - energy(Rail::Gpu(gpu))).abs() < 1e-6);
        }
    }
}

#[test]
fn the_order_of_questions_does_not_matter() {
    let (one, two) = (paper(), paper());
    let late = two.energy_j(Rail::NodeAc, 600 * S, 640 * S);
    for t in 0..64 {
        let _ = one.power_w(Rail::Fans, t * 10 * S);
    }
    assert_eq!(one.energy_j(Rail::NodeAc, 600 * S, 640 * S), late);
    assert_eq!(one.power_w(Rail::Fans, 95 * S), two.power_w(Rail::Fans, 95 * S));
}

#[test]
fn the_idle_node_and_the_busy_one_are_in_the_range_of_such_machines() {
    let load =
        |gpus, cpu| Workload::once([Stage::new(StageKind::Constant, 500.0).high_w(gpus).with_host(cpu, cpu)]);
    let settled = |description| truth(description).mean_w(Rail::NodeAc, 300 * S, 310 * S).unwrap();
    let idle = settled(Description::node(4).with_load(Load::constant(75.0)));
    assert!((650.0..900.0).contains(&idle), "{idle} W");
    let training = settled(Description::paper_node().with_workload(load(305.0, 0.1)));
    assert!((1_600.0..2_100.0).contains(&training), "{training} W");
    let most = settled(Description::paper_node().with_workload(load(700.0, 1.0)));
    assert!((4_200.0..5_500.0).contains(&most), "{most} W");
}

#[test]
fn heat_lags_and_the_fans_lag_the_heat() {
    let stages = [Stage::new(StageKind::Idle, 10.0), Stage::new(StageKind::Constant, 300.0).high_w(600.0)];
    let truth = truth(Description::paper_node().with_workload(Workload::once(stages)));
    let begin = 17 * S;
    let (cold, hot) = (truth.temperature_c(begin), truth.temperature_c(begin + 299 * S));
    let after_tau = truth.temperature_c(begin + 25 * S);
    // The fans' own heat is not in it, and the board's grows a little, so this is first order to 1 %.
    let share = (after_tau - cold) / (hot - cold);
    assert!((share - 0.632).abs() < 0.01, "{share}");
    let fans = |t| truth.power_w(Rail::Fans, begin + t).unwrap();
    assert!((fans(0) - fans(-S)).abs() < 0.1);
    assert!(fans(290 * S) > fans(0) + 40.0, "{} {}", fans(0), fans(290 * S));
    assert!(fans(25 * S) < 0.8 * fans(290 * S));
}

#[test]
fn a_load_that_is_set_reaches_the_mains_with_its_host() {
    let description = Description::node(2).with_load(Load::constant(100.0));
    let mut node = Node::new(Description { origin_ns: Some(0), ..description }).unwrap();
    let mut truth = node.truth();
    let before = truth.clone();
    assert!(truth.power_w(Rail::NodeAc, 33 * S).is_some());
    node.gpus[1].set_load(31 * S, 500.0);
    truth.set_gpu(1, node.gpus[1].truth.clone(), 31 * S);
    let gain = |rail, t| truth.power_w(rail, t).unwrap() - before.power_w(rail, t).unwrap();
    assert!(gain(Rail::NodeAc, 31 * S - 1).abs() < 1e-9);
    assert!((gain(Rail::Gpu(1), 31 * S) - 400.0).abs() < 1e-9);
    assert!(gain(Rail::Package(1), 31 * S) > 20.0);
    assert!(gain(Rail::Package(0), 31 * S).abs() < 1e-9);
    assert!(gain(Rail::NodeAc, 31 * S) > 440.0);
}

#[test]
fn live_load_drives_the_cores() {
    let node = NodeDescription::default().with_cpu_load(CpuLoad::Host);
    let mut truth = truth(Description::node(1).with_load(Load::constant(75.0)).with_node(node));
    let idle = truth.power_w(Rail::Package(0), 20 * S).unwrap();
    truth.set_cpu(20 * S, 1.0);
    truth.set_cpu(21 * S, 0.0);
    let power = |t| truth.power_w(Rail::Package(0), t).unwrap();
    assert!(power(20 * S) > idle + 200.0);
    assert!((power(21 * S) - idle).abs() < 1e-9);
    assert!((power(20 * S - 1) - idle).abs() < 1e-9);
}

#[test]
fn trainings_have_marks_that_nest_and_powers_that_fit() {
    let truth = paper();
    let marks = truth.marks(0, 400 * S);
    assert!(marks.iter().any(|mark| mark.name == "pulses before" && mark.depth == 0));
    let trainings: Vec<_> = marks.iter().filter(|mark| mark.name.starts_with("training ")).collect();
    assert!(trainings.len() >= 10, "{}", trainings.len());
    let mut energies = Vec::new();
    for epoch in marks.iter().filter(|mark| mark.depth == 2) {
        let within = trainings.iter().filter(|t| t.begin_ns <= epoch.begin_ns && epoch.end_ns <= t.end_ns);
        assert!(within.count() >= 1, "{epoch:?}");
        energies.push(truth.mean_w(Rail::Gpu(0), epoch.begin_ns, epoch.end_ns).unwrap());
    }
    assert!(energies.len() >= 40);
    assert!(energies.iter().all(|mean| (74.9..=325.0).contains(mean)));
    // Whole cycles later there are the same phases.
    assert!(truth.marks(0, 4_000 * S).len() > 5 * marks.len());
}
