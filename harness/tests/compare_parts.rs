//! `compare` where the reference measures more, less or something else than a sensor does.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

use harness::comparison::{Judged, Request, RunComparison, compare};
use harness::run::{NewRun, Origin, Row, RowValue, Run, RunWriter, TimeBase};
use power_core::{Channel, ChannelId, Descriptor, Quantity, Scope};

const SECOND: i64 = 1_000_000_000;

fn channel(name: &'static str, scope: Scope) -> Channel {
    Channel::new(name, Quantity::power()).with_scope(scope)
}

/// A node of two GPUs, two packages and a meter with its phases, 100 s on and off every 5 s.
fn node(dir: &std::path::Path) -> Run {
    let origin = Origin::Recorded { command: Vec::new(), exit_code: Some(0) };
    let mut run = RunWriter::create(dir, NewRun::new(TimeBase::HostMonotonic, origin)).unwrap();
    let gpu = |uuid: &str| {
        let memory = channel("memory", Scope::Dram).with_part_of(ChannelId(0));
        Descriptor::new("nvml", format!("a GPU {uuid}"), vec![channel("power", Scope::Board), memory])
    };
    let packages = vec![channel("package-0", Scope::Package), channel("package-1", Scope::Package)];
    let phases = vec![
        channel("power", Scope::NodeAc),
        channel("power_l1", Scope::NodeAc).with_part_of(ChannelId(0)),
        channel("unnamed", Scope::Unknown),
    ];
    let sources = [
        ("gpu0", gpu("0"), vec![(0, 0.3), (1, 0.1)]),
        ("gpu1", gpu("1"), vec![(0, 0.2), (1, 0.1)]),
        ("rapl", Descriptor::new("rapl", "CPUs", packages), vec![(0, 0.1), (1, 0.1)]),
        ("meter", Descriptor::new("meter", "a meter", phases), vec![(0, 1.0), (1, 0.4), (2, 1.0)]),
    ];
    for (name, descriptor, shares) in sources {
        let source = run.add_source(name, descriptor).unwrap();
        for step in 0..1000_i32 {
            let wobble = 0.002 * f64::from((step * 7919) % 1000);
            let watts = if step / 50 % 2 == 0 { 1000.0 } else { 400.0 } + wobble;
            for (channel, share) in &shares {
                let row = Row::at(*channel, i64::from(step) * SECOND / 10, RowValue::Number(watts * share));
                run.push(source, row).unwrap();
            }
        }
    }
    run.finish().unwrap()
}

fn against(run: &Run, reference: &str) -> RunComparison {
    compare(run, &Request { reference: reference.into(), ..Request::default() }).unwrap()
}

fn of<'a>(found: &'a RunComparison, name: &str) -> &'a Judged {
    found.sensors.iter().find(|judged| judged.sensor.name == name).unwrap()
}

#[test]
fn a_part_has_a_share_and_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let found = against(&node(&dir.path().join("run")), "meter/power");
    for (name, share) in
        [("gpu0/power", 0.3), ("gpu0/memory", 0.1), ("rapl/package-1", 0.1), ("meter/power_l1", 0.4)]
    {
        let judged = of(&found, name);
        let part = judged.part.as_ref().unwrap_or_else(|| panic!("{judged:?}"));
        assert!((part.share.unwrap() - share).abs() < 1e-6, "{judged:?}");
        let (low, high) = part.share_95.unwrap();
        assert!(low <= share + 1e-9 && share - 1e-9 <= high, "{judged:?}");
        assert!(judged.comparison.is_none() && !judged.failed, "{judged:?}");
        let said = judged.verdict.join(" ");
        assert!(said.contains("measures a part") && said.contains("of the reference's"), "{said}");
        assert!(!said.contains("-70.0 %"), "{said}");
    }
    // Where nobody says what is measured, it is taken to be the same.
    assert!(of(&found, "meter/unnamed").comparison.is_some());
    assert!(found.notes.iter().any(|note| note.contains("wattproof calibrate")), "{:?}", found.notes);
}

#[test]
fn a_page_has_parts_in_a_table_and_compares_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let run = node(&dir.path().join("run"));
    let page = harness::report::page(&run, &against(&run, "meter/power")).unwrap();
    let parts = page.split("<section id=\"parts\">").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(parts.matches("<tr><th scope=\"row\">").count(), 7, "{parts}");
    assert!(parts.contains("30.0 % [") && !page.contains("-70.0 %"), "{parts}");
    // Of all sensors only the one that nobody describes may measure the same.
    assert_eq!(page.matches("<article class=\"verdict").count(), 1);
    let page = harness::report::page(&run, &against(&run, "rapl/package-0")).unwrap();
    assert!(page.contains("no part of it"), "packages have no parts here");
}

#[test]
fn what_is_beside_the_reference_or_around_it_is_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    let run = node(&dir.path().join("run"));
    let found = against(&run, "gpu0/power");
    for (name, said) in [
        ("gpu1/power", "another board"),
        ("rapl/package-0", "something else (package)"),
        ("meter/power", "measures more (node AC)"),
    ] {
        let judged = of(&found, name);
        assert!(judged.comparison.is_none() && judged.part.is_none() && !judged.failed, "{judged:?}");
        assert!(judged.verdict[0].contains(said), "{judged:?}");
    }
    assert!(of(&found, "gpu0/memory").part.is_some());
    assert!(of(&against(&run, "rapl/package-0"), "rapl/package-1").verdict[0].contains("another package"));
}
