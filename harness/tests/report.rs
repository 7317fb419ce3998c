//! The report page: what stands in it, and that nothing from the data becomes markup.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "report/synthetic.rs"]
mod synthetic;

use harness::comparison::{self, Request, RunComparison};
use harness::report;
use harness::run::{Mark, MarkEvent, Row, RowValue, Run, RunWriter, TimeBase};
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
}
