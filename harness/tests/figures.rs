//! Figures as files: every figure of a page as SVG and PNG, each of which stands by itself.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

#[path = "report/pictures.rs"]
mod pictures;
#[path = "report/synthetic.rs"]
#[expect(dead_code, reason = "other tests make other runs")]
mod synthetic;

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use harness::comparison::{self, Request};
use harness::report::{self, FigureFile, Painter, figures_of, write_figures};
use resvg::tiny_skia::Pixmap;
use resvg::usvg::{Options, Tree};

fn there(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Runs the command; gives what it said on stderr, and its exit code.
fn wattproof(arguments: &[&str]) -> (String, Option<i32>) {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattproof"));
    let output = command.args(arguments).env("XDG_DATA_HOME", empty.path()).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

#[test]
#[ignore = "needs a font on the system"]
fn a_comparison_of_the_bundled_recording_has_all_its_figures() {
    let dir = tempfile::tempdir().unwrap();
    let figures = dir.path().join("new/figures");
    let (run, cards) = (there("recordings/h200-short-epochs"), there("docs/cards"));
    let (said, code) = wattproof(&[
        "compare",
        run.to_str().unwrap(),
        "--sensor",
        "nvml/power_usage",
        "--sensor",
        "smi/power_instant",
        "--card",
        cards.to_str().unwrap(),
        "--figures",
        figures.to_str().unwrap(),
    ]);
    assert!(code == Some(0) && said.contains("figures: 9 in"), "{said}");
    let names = pictures::check(&figures);
    assert_eq!(
        names,
        [
            "nvml-power_usage-agreement",
            "nvml-power_usage-corrected-phases",
            "nvml-power_usage-distribution",
            "nvml-power_usage-phases",
            "nvml-power_usage-traces",
            "smi-power_instant-agreement",
            "smi-power_instant-distribution",
            "smi-power_instant-phases",
            "smi-power_instant-traces",
        ]
    );
}

#[test]
#[ignore = "needs a font on the system"]
fn other_pages_have_figures_too() {
    let dir = tempfile::tempdir().unwrap();
    let run = there("recordings/h200-short-epochs");
    let cards = dir.path().join("cards");
    let (said, code) = wattproof(&[
        "characterise",
        run.to_str().unwrap(),
        "--channel",
        "nvml/power_usage",
        "--figures",
        cards.to_str().unwrap(),
    ]);
    assert_eq!(code, Some(0), "{said}");
    let names = pictures::check(&cards);
    assert!(names.contains(&"nvml-power_usage-plateaus".to_owned()), "{names:?}");
    let audited = dir.path().join("audit");
    let table = dir.path().join("epochs.csv");
    let rows = (1..200).map(|epoch| format!("{epoch},{},{}\n", 2 + epoch % 7, 400 + 13 * (epoch % 11)));
    std::fs::write(&table, format!("epoch,seconds,joules\n{}", rows.collect::<String>())).unwrap();
    let (said, _) = wattproof(&[
        "audit",
        table.to_str().unwrap(),
        "--column",
        "energy=joules:J",
        "--column",
        "window=seconds:s",
        "--figures",
        audited.to_str().unwrap(),
    ]);
    assert!(said.contains("figures: "), "{said}");
    assert!(pictures::check(&audited).contains(&"power-that-the-energies-imply".to_owned()));
}

#[test]
fn every_figure_stands_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 40, 10);
    let request = Request { reference: "meter/power".into(), seed: 7, ..Request::default() };
    let page = report::page(&run, &comparison::compare(&run, &request).unwrap()).unwrap();
    let figures = figures_of(&page);
    assert_eq!(figures.len(), page.matches("<figure ").count() + page.matches("<figure>").count());
    for FigureFile { name, svg } in &figures {
        let tree = Tree::from_str(svg, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(tree.size().width() >= 420.0 && tree.size().height() >= 250.0, "{name}");
        let style = svg.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        assert!(
            !style.contains("var(") && !style.contains('@') && style.contains(".axis path{stroke:#59626b}")
        );
        // Of light pages, as print is: the ink of the dark ones would not be seen on white.
        assert!(!style.contains("#e6e8ea") && style.contains("svg text.title{fill:#1c2126}"), "{style}");
    }
    let traces = figures.iter().find(|figure| figure.name.ends_with("-traces")).unwrap();
    let legend = traces.svg.split_once("<g class=\"legend\">").unwrap().1;
    for words in ["meter/power reference", "straight between its values"] {
        assert!(legend.contains(words), "{legend}");
    }
}

#[test]
#[ignore = "needs a font on the system"]
fn each_label_is_in_the_picture() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 40, 10);
    let request = Request { reference: "meter/power".into(), seed: 7, ..Request::default() };
    let page = report::page(&run, &comparison::compare(&run, &request).unwrap()).unwrap();
    let painter = Painter::of_system().unwrap();
    let pixels = |svg: &str| Pixmap::decode_png(&painter.png(svg).unwrap()).unwrap().pixels().to_vec();
    let figure = figures_of(&page).into_iter().find(|figure| figure.name.ends_with("-distribution")).unwrap();
    let whole = pixels(&figure.svg);
    let begins: Vec<usize> = figure.svg.match_indices("<text").map(|(at, _)| at).collect();
    assert!(begins.len() > 10);
    for at in begins {
        let end = at + figure.svg[at..].find("</text>").unwrap() + "</text>".len();
        let without = format!("{}{}", &figure.svg[..at], &figure.svg[end..]);
        let changed = whole.iter().zip(pixels(&without)).filter(|(with, without)| *with != without).count();
        assert!(changed > 10, "{}", &figure.svg[at..end]);
    }
}

#[test]
#[ignore = "needs a font on the system"]
fn the_same_page_gives_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let run = synthetic::typical(&dir.path().join("run"), 10, 10);
    let request = Request { reference: "meter/power".into(), seed: 7, ..Request::default() };
    let page = report::page(&run, &comparison::compare(&run, &request).unwrap()).unwrap();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    assert_eq!(write_figures(&page, &one).unwrap(), write_figures(&page, &two).unwrap());
    for entry in std::fs::read_dir(&one).unwrap() {
        let path = entry.unwrap().path();
        let other = two.join(path.file_name().unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(other).unwrap(), "{}", path.display());
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = write_figures("<figure></figure>", &file.join("figures")).unwrap_err();
    assert!(error.to_string().contains("cannot make"), "{error}");
}
