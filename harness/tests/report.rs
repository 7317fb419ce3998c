//! The report page: what stands in it, and that nothing from the data becomes markup.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "report/synthetic.rs"]
mod synthetic;

use std::collections::BTreeMap;
use std::path::Path;

use harness::comparison::{self, Request, RunComparison};
use harness::correction::{Cards, Correction};
use harness::report;
use harness::run::{Mark, MarkEvent, Row, RowValue, Run, RunWriter, TimeBase};
use power_analysis::correct::{CorrectedPhase, Refused};
use power_analysis::stats::Estimate;
use power_analysis::{Comparison, PhaseRow};
use power_core::{Channel, Quantity};
use serde_json::Value;
use synthetic::{BEGIN, HOSTILE, SECOND, run_of, swings};

fn compared(run: &Run, reference: &str) -> RunComparison {
    let request = Request { reference: reference.into(), seed: 7, ..Request::default() };
    comparison::compare(run, &request).unwrap()
}

/// The page of a run, after what holds for every page was checked.
fn page(run: &Run, comparison: &RunComparison) -> String {
    let page = report::page(run, comparison).unwrap();
    assert!(page.contains(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    ));
    assert_eq!(page.matches("</script>").count(), 2, "the data and the script end where they should");
    for outside in ["http://", "https://", "src=\"", "@import", "url("] {
        let allowed = page.matches("http://www.w3.org/2000/svg").count() * usize::from(outside == "http://");
        assert_eq!(page.matches(outside).count(), allowed, "nothing is loaded: {outside}");
    }
    for broken in ["NaN", "Infinity,", "inf,", "-inf"] {
        let svg: String = page.split("<svg").skip(1).filter_map(|part| part.split("</svg>").next()).collect();
        assert!(!svg.contains(broken) && !data(&page).to_string().contains(broken), "{broken} in the page");
    }
    page
}

/// The data of a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"report-data\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

fn power() -> Channel {
    Channel::new("p", Quantity::power())
}

#[test]
fn says_everything_that_the_comparison_says() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 40, 10);
    let comparison = compared(&run, "meter/power");
    let page = page(&run, &comparison);
    assert_eq!(comparison.sensors.len(), 3);
    for judged in &comparison.sensors {
        for sentence in &judged.verdict {
            let sentence = sentence.replace('\'', "&#39;");
            assert!(page.contains(&sentence), "{sentence}");
        }
    }
    for text in
        ["±(0.07 % of reading + 0.04 % of range)", "its data sheet", "seed 7", "--seed 7", "cpu two of them"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<figure class=\"traces\"").count(), 3);
    assert_eq!(page.matches("<b>Distribution.</b>").count(), 3);
    assert_eq!(page.matches("<table class=\"phases\"").count(), 3);
    assert!(
        page.contains("so is the sample ratio: the axis counts readings"),
        "the slow poll asked for nothing"
    );
    let data = data(&page);
    assert_eq!(data["comparison"], serde_json::to_value(&comparison).unwrap(), "nothing was cut or rounded");
    assert_eq!(data["page"]["phases"]["begin_us"].as_array().unwrap().len(), 40);
}

#[test]
fn the_same_run_gives_the_same_page() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 10, 10);
    let comparison = compared(&run, "meter/power");
    assert_eq!(page(&run, &comparison), page(&run, &comparison));
}

#[test]
fn names_are_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&dir.path().join("run"), synthetic::new_run(TimeBase::Unix)).unwrap();
    let named = |id: &str| {
        (id.to_owned(), synthetic::source(Channel::new(HOSTILE.replace('\u{2028}', "-"), Quantity::power())))
    };
    for (id, descriptor) in [named("a"), named("b")] {
        let source = writer.add_source(&id, descriptor).unwrap();
        for (second, watts) in swings(0..60) {
            writer.push(source, Row::at(0, BEGIN + second * SECOND, RowValue::Number(watts))).unwrap();
        }
    }
    for (second, event) in [(10, MarkEvent::Begin), (20, MarkEvent::End)] {
        writer.mark(Mark { t_ns: BEGIN + second * SECOND, event, name: HOSTILE.into() }).unwrap();
    }
    writer.host(HOSTILE, HOSTILE);
    writer.note(HOSTILE);
    let run = writer.finish().unwrap();
    let comparison = compared(&run, &format!("a/{}", HOSTILE.replace('\u{2028}', "-")));
    let page = page(&run, &comparison);
    assert!(!page.contains("<img") && !page.contains("<!--"));
    // A line separator is harmless in HTML text; in the script's data it must be escaped.
    assert!(!page.split_once("id=\"report-data\">").unwrap().1.contains('\u{2028}'));
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"));
    let data = data(&page);
    assert_eq!(data["page"]["phases"]["name"][0], HOSTILE);
    assert_eq!(data["comparison"]["sensors"][0]["comparison"]["phases"][0]["name"], HOSTILE);
}

#[test]
fn refused_sensors_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let channels = vec![
        ("meter", power(), swings(0..60)),
        ("once", power(), vec![(3, 10.0)]),
        ("later", power(), swings(100..160)),
    ];
    let run = run_of(&dir.path().join("run"), TimeBase::Unix, channels);
    let comparison = compared(&run, "meter/p");
    let page = page(&run, &comparison);
    assert!(page.contains("fewer than two readings with a value"));
    assert!(page.contains("never recorded together with the reference"));
    assert_eq!(page.matches("not compared: ").count(), 2, "one row of the summary each");
    assert_eq!(page.matches("<figure").count(), 0);
    assert_eq!(data(&page)["page"]["reference"], Value::Null);
}

#[test]
fn without_phases_windows_or_periods_things_are_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let channels = vec![("meter", power(), swings(0..7)), ("sensor", power(), vec![(0, 100.0), (6, 100.0)])];
    let run = run_of(&dir.path().join("run"), TimeBase::Unix, channels);
    let comparison = compared(&run, "meter/p");
    let page = page(&run, &comparison);
    for text in [
        "accuracy unknown",
        "window unknown",
        "No phase is marked",
        "no phase marked",
        "none marked",
        "unknown",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("sample ratio unknown, attention unknown"));
    assert!(page.contains("<dt>Host</dt><dd>unknown</dd>"));
}

#[test]
fn rows_without_time_have_no_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let channels = vec![("meter", power(), swings(0..80)), ("sensor", power(), swings(0..80))];
    let run = run_of(&dir.path().join("run"), TimeBase::Ordinal, channels);
    let comparison = compared(&run, "meter/p");
    let page = page(&run, &comparison);
    assert!(page.contains("Matched row by row, since the data has no time"));
    assert!(page.contains("share of rows at or below"));
    assert!(page.contains(">row</text>") && !page.contains(">time since the start of the run, s</text>"));
    assert!(page.contains("unknown: the data has no time"));
    assert_eq!(data(&page)["page"]["origin_ns"], "0");
}

#[test]
fn spikes_outlive_thinning() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&dir.path().join("run"), synthetic::new_run(TimeBase::Unix)).unwrap();
    let streamed =
        Channel::new("p", Quantity::instantaneous_power()).with_delivery(power_core::Delivery::Streamed);
    let spikes = [123_457, 299_999];
    for id in ["meter", "sensor"] {
        let source = writer.add_source(id, synthetic::source(streamed.clone())).unwrap();
        for step in 0..300_000_i32 {
            let watts = if spikes.contains(&step) { 4321.0 } else { f64::from(step * 31 % 503) };
            let row = Row::at(0, BEGIN + i64::from(step) * 1_000_000, RowValue::Number(watts));
            writer.push(source, row).unwrap();
        }
    }
    let run = writer.finish().unwrap();
    let comparison = compared(&run, "meter/p");
    let page = page(&run, &comparison);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
    assert!(page.contains("is thinned from 300\u{202f}000 to"));
    let data = data(&page);
    for trace in [&data["page"]["reference"], &data["page"]["sensors"][0]["trace"]] {
        let numbers = |key: &str| -> Vec<i64> {
            let steps = trace[key].as_array().unwrap().iter().map(|step| step.as_i64().unwrap());
            steps
                .scan(0, |sum, step| {
                    *sum += step;
                    Some(*sum)
                })
                .collect()
        };
        let (times, units) = (numbers("t_us"), numbers("w"));
        let found: Vec<i64> = times
            .iter()
            .zip(&units)
            .filter(|(_, units)| **units == 4_321_000)
            .map(|(time, _)| *time)
            .collect();
        assert_eq!(found, spikes.map(|step| i64::from(step) * 1000));
    }
}

#[test]
fn many_phases_fit_into_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = RunWriter::create(&dir.path().join("run"), synthetic::new_run(TimeBase::Unix)).unwrap();
    for id in ["meter", "one", "two", "three"] {
        let source = writer.add_source(id, synthetic::source(power())).unwrap();
        for (second, watts) in swings(0..40_000) {
            writer.push(source, Row::at(0, BEGIN + second * SECOND, RowValue::Number(watts))).unwrap();
        }
    }
    for phase in 0..20_000_i64 {
        for (second, event) in [(2 * phase, MarkEvent::Begin), (2 * phase + 1, MarkEvent::End)] {
            let name = format!("epoch {}/{}", phase / 100, phase % 100);
            writer.mark(Mark { t_ns: BEGIN + second * SECOND, event, name }).unwrap();
        }
    }
    let run = writer.finish().unwrap();
    let comparison = compared(&run, "meter/p");
    let page = page(&run, &comparison);
    assert!(page.len() < 6_000_000, "{} bytes", page.len());
    assert!(page.contains("of 20\u{202f}000 phases; <code>wattproof compare --json</code> has them all"));
    let data = data(&page);
    assert_eq!(data["page"]["phases"]["begin_us"].as_array().unwrap().len(), 20_000);
    assert_eq!(
        data["page"]["sensors"][0]["verdicts"].as_str().unwrap().len(),
        20_000,
        "every phase is shaded"
    );
    let corrected = with_corrections(comparison, "card.json");
    let page = self::page(&run, &corrected);
    assert!(page.len() < 6_000_000, "{} bytes with corrections", page.len());
    assert_eq!(page.matches("One phase in 14 is drawn.").count(), 3);
    let data = self::data(&page);
    let sensor = &data["comparison"]["sensors"][0];
    let listed = |of: &Value| of["phases"].as_array().unwrap().len();
    assert_eq!(
        listed(&sensor["corrected"]),
        listed(&sensor["comparison"]),
        "both lists end at the same phase"
    );
}

/// The bundled recording by the cards that come with it.
fn bundled() -> (Run, RunComparison) {
    let there = |path: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let run = Run::open(&there("recordings/h200-short-epochs")).unwrap();
    let request = Request {
        reference: "ring/power".into(),
        sensors: ["nvml/power_instant", "nvml/power_usage", "smi/power_instant"].map(str::to_owned).to_vec(),
        seed: 1,
        cards: Cards::read(&[there("docs/cards")]).unwrap(),
        ..Request::default()
    };
    let comparison = comparison::compare(&run, &request).unwrap();
    (run, comparison)
}

/// The sections of the sensors of a page.
fn sections(page: &str) -> Vec<&str> {
    let sections = page.split("<section class=\"sensor\"").skip(1);
    sections.map(|section| section.split_once("</section>").unwrap().0).collect()
}

/// Numbers of the phases that a picture of corrections has places for, and how many marks each of its paths draws.
fn marks(picture: &str) -> (Vec<usize>, BTreeMap<&str, usize>) {
    let (_, places) = picture.split_once("data-phases=\"").unwrap();
    let mut phases: Vec<usize> =
        places.split_once('"').unwrap().0.split(' ').map(|phase| phase.parse().unwrap()).collect();
    phases.sort_unstable();
    let mut drawn = BTreeMap::new();
    for path in picture.split("<path class=\"").skip(1) {
        let (class, rest) = path.split_once('"').unwrap();
        let data = rest.split_once(" d=\"").unwrap().1.split_once('"').unwrap().0;
        *drawn.entry(class).or_default() += data.matches('M').count();
    }
    (phases, drawn)
}

#[test]
fn corrections_are_drawn_and_listed_phase_by_phase() {
    let (run, comparison) = bundled();
    let page = page(&run, &comparison);
    assert_eq!(page.matches("<figure class=\"corrections\"").count(), 2, "no card, no figure");
    for (judged, section) in comparison.sensors.iter().zip(sections(&page)) {
        let Some(corrected) = &judged.corrected else {
            assert!(!section.contains("Corrected phases") && !section.contains("Corrected, J"));
            continue;
        };
        let rows = &judged.comparison.as_ref().unwrap().phases;
        let count = |of: &dyn Fn(&CorrectedPhase, &PhaseRow) -> bool| {
            corrected.phases.iter().zip(rows).filter(|(phase, row)| of(phase, row)).count()
        };
        let refused = count(&|phase, _| phase.refused.is_some());
        let held = count(&|phase, row| {
            phase.energy_j.zip(row.reference_j).is_some_and(|(energy, joules)| energy.contains(joules))
        });
        let both = count(&|phase, row| phase.energy_j.is_some() && row.reference_j.is_some());
        assert!(refused > 0 && held > 0 && both > held || judged.sensor.name == "nvml/power_instant");
        let figure =
            section.split_once("<figure class=\"corrections\"").unwrap().1.split_once("</figure>").unwrap().0;
        let pictures: Vec<&str> =
            figure.split("<svg class=\"").skip(1).filter(|svg| svg.contains("role=\"img\"")).collect();
        assert!(pictures[0].starts_with("wide") && pictures[1].starts_with("narrow") && pictures.len() == 2);
        for picture in pictures {
            let (phases, drawn) = marks(picture);
            assert_eq!(phases, (0..rows.len()).collect::<Vec<_>>(), "every phase has its place");
            let of = |class: &str| drawn.get(class).copied().unwrap_or(0);
            assert_eq!(of("refused"), refused);
            assert_eq!(of("unjudged"), rows.len() - refused - both);
            assert_eq!((of("as-corrected"), of("as-corrected astray")), (held, both - held));
            assert_eq!((of("interval-bar"), of("interval-bar astray")), (held, both - held));
            assert_eq!(of("as-shown"), count(&|_, row| row.error.is_some()));
        }
        assert!(
            figure.contains(&format!("{held} of {both} intervals (95 %) hold the reference")),
            "{figure}"
        );
        assert!(figure.contains(&format!("{refused} phases are refused: seen ")), "{figure}");
        let table = section.split_once("<table class=\"phases\"").unwrap().1;
        let (head, body) = table.split_once("<tbody>").unwrap();
        assert_eq!(head.matches("<th").count() - 1, 15, "thirteen columns and two");
        for (cells, (phase, row)) in body.split("<tr").skip(1).zip(corrected.phases.iter().zip(rows)) {
            let cells: Vec<&str> = cells.split("<td>").skip(1).collect();
            let (energy, error) = (cells[12], cells[13]);
            match (phase.energy_j, phase.refused) {
                (None, Some(reason)) => assert_eq!((energy, error), (&*reason.words(), "unknown")),
                (Some(joules), None) => {
                    let number: f64 = energy.split(' ').next().unwrap().parse().unwrap();
                    assert!((number / joules.value - 1.0).abs() < 6e-4, "{energy} {joules:?}");
                    assert!(energy.contains("<span class=\"interval\">["), "{energy}");
                    assert_eq!(error == "unknown", row.reference_j.is_none(), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
        let shown = &data(&page)["page"]["sensors"];
        let shown =
            shown.as_array().unwrap().iter().find(|sensor| sensor["name"] == *judged.sensor.name).unwrap();
        let listed = |column: &str| {
            shown["corrected"][column].as_array().unwrap().iter().filter(|cell| !cell.is_null()).count()
        };
        assert_eq!((listed("refused"), listed("value"), listed("low")), (refused, both, both));
    }
}

/// What a card could have made of the phases: every third refused, each for another reason, the others an eighth too much.
fn invented(comparison: &Comparison, card: &str) -> Correction {
    let reasons = [
        Refused::TooWide { share: 0.7 },
        Refused::NotSeen { looks: 2 },
        Refused::NotCovered,
        Refused::CounterReset,
    ];
    let phase = |(index, row): (usize, &PhaseRow)| {
        let refused = (index % 3 == 2).then(|| reasons[index / 3 % 4]);
        let joules = row.reference_j.unwrap_or(1.0) * 1.125;
        let energy_j = refused.is_none().then(|| Estimate::symmetric(joules, 0.2 * joules, 0.95));
        CorrectedPhase { phase: row.phase.clone(), energy_j, refused }
    };
    Correction {
        card: card.into(),
        measured_in: "elsewhere".into(),
        calibrated: false,
        lag_ms: None,
        refused: None,
        phases: comparison.phases.iter().enumerate().map(phase).collect(),
        groups: Vec::new(),
    }
}

fn with_corrections(mut comparison: RunComparison, card: &str) -> RunComparison {
    for judged in &mut comparison.sensors {
        judged.corrected = judged.comparison.as_ref().map(|compared| invented(compared, card));
    }
    comparison
}

#[test]
fn few_phases_have_room_and_every_reason_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 13, 10);
    let comparison = with_corrections(compared(&run, "meter/power"), &HOSTILE.replace('/', ""));
    let page = page(&run, &comparison);
    let section = sections(&page)[0];
    for reason in [
        "1 seen too little",
        "1 seen by too few short looks",
        "1 not recorded from begin to end",
        "1 with a counter that was set back",
        "4 phases are refused: ",
        "12.5 % as corrected",
    ] {
        assert!(section.contains(reason), "{reason}");
    }
    // Its card's name is of the user.
    assert!(section.contains("<code>&lt;img src=x"));
    let figure = section.split_once("<svg class=\"wide\"").unwrap().1.split_once("</svg>").unwrap().0;
    assert!(
        figure.contains(">epoch</text>") && figure.contains(">test</text>"),
        "both kinds have their name"
    );
    let labels = figure.matches("text-anchor=\"middle\"").count();
    assert_eq!(labels, 13 + 2 + 2, "the length of every phase, two kinds, two titles");
}

#[test]
fn a_correction_that_was_refused_as_a_whole_has_no_figure() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 5, 10);
    let mut comparison = with_corrections(compared(&run, "meter/power"), "card.json");
    for judged in &mut comparison.sensors {
        let corrected = judged.corrected.as_mut().unwrap();
        corrected.refused = Some("it published too little".into());
        corrected.phases.clear();
    }
    let page = page(&run, &comparison);
    assert!(!page.contains("<figure class=\"corrections\"") && !page.contains("Corrected, J"));
}
