//! Imports into runs on disk: whole or not at all.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use harness::import::time::parse_utc_offset;
use harness::import::{Format, ImportRequest, Summary, import};
use harness::run::{Origin, RowValue, Run, TimeBase, verify};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    fn import(
        &self,
        format: Format,
        paths: Vec<PathBuf>,
        change: impl FnOnce(&mut ImportRequest),
    ) -> harness::Result<Summary> {
        let mut request = ImportRequest::new(format, paths, self.path("run"));
        change(&mut request);
        import(&request)
    }

    fn fault(&self, format: Format, paths: Vec<PathBuf>, change: impl FnOnce(&mut ImportRequest)) -> String {
        let said = self.import(format, paths, change).unwrap_err().to_string();
        assert!(!self.names().iter().any(|name| name.contains("run")), "{:?}", self.names());
        said
    }
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

const HEAD: &str = "t_ns,channel,quantity,value\n";

#[test]
fn a_neutral_file_with_marks_and_anchors() {
    let folder = Folder::new();
    let log = folder
        .write("node.csv", format!("{HEAD}10,gpu0/power,power,1\n20,meter,power,NaN\n30,meter,power,2\n"));
    let marks = folder.write("marks.csv", "t_ns,event,name\n15,begin,a\n25,end,a\n");
    let anchors = folder.write("clocks.txt", "mono 1 real 1795520826400100148 width 5\n");
    let summary = folder
        .import(Format::Csv, vec![log], |it| {
            it.marks = Some(marks);
            it.anchors = Some(anchors);
        })
        .unwrap();
    assert_eq!(
        (summary.channels, summary.rows, summary.missing, summary.marks, summary.anchors),
        (2, 3, 1, 2, 1)
    );
    assert_eq!(summary.span_ns, Some((10, 30)));
    let run = Run::open(&folder.path("run")).unwrap();
    assert_eq!(run.rows("node/meter").unwrap()[1].value, RowValue::Number(2.0));
    let Origin::Imported { inputs } = &run.manifest().origin else { panic!("{:?}", run.manifest().origin) };
    let names: Vec<_> = inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["node.csv", "clocks.txt", "marks.csv"]);
    assert_eq!(inputs[2].bytes, 36);
    assert_eq!(inputs[2].sha256.len(), 64);
    assert_eq!(run.manifest().notes, summary.notes);
    assert!(verify(&folder.path("run")).unwrap().findings.is_empty());
}

#[test]
fn sources_are_added_to_a_run() {
    let folder = Folder::new();
    let first = folder.write("a.csv", format!("{HEAD}1795520826400100148,x,power,1\n"));
    let second = folder.write("b.csv", format!("{HEAD}1795520826400100149,x,power,2\n"));
    let monotonic = folder.write("c.csv", format!("{HEAD}1,x,power,2\n"));
    folder.import(Format::Csv, vec![first.clone()], |_| {}).unwrap();
    folder.import(Format::Csv, vec![second], |it| it.add = true).unwrap();
    let run = Run::open(&folder.path("run")).unwrap();
    assert_eq!(run.rows("a/x").unwrap().len() + run.rows("b/x").unwrap().len(), 2);
    let said = folder.import(Format::Csv, vec![monotonic], |it| it.add = true).unwrap_err().to_string();
    assert!(said.contains("import into a run of its own"), "{said}");
    let said = folder.import(Format::Csv, vec![first.clone()], |it| it.add = true).unwrap_err().to_string();
    assert!(said.contains("has a source a already"), "{said}");
    let said = folder.import(Format::Csv, vec![first], |_| {}).unwrap_err().to_string();
    assert!(said.contains("run"), "{said}");
}

#[test]
fn a_fault_leaves_nothing_behind() {
    let folder = Folder::new();
    let broken = folder.write("a.csv", format!("{HEAD}1,x,power,1\n2,x,power,?\n"));
    assert!(folder.fault(Format::Csv, vec![broken], |_| {}).contains("a.csv: line 3"));
    let good = folder.write("b.csv", format!("{HEAD}1,x,power,1\n"));
    let marks = folder.write("m.csv", "t_ns,event,name\n1,begun,x\n");
    assert!(
        folder.fault(Format::Csv, vec![good], |it| it.marks = Some(marks)).contains("did you mean `begin`")
    );
    assert!(folder.fault(Format::Csv, vec![folder.path("none.csv")], |_| {}).contains("check the path"));
    assert!(folder.fault(Format::Csv, vec![folder.0.path().to_owned()], |_| {}).contains("is a folder"));
    assert!(folder.fault(Format::Csv, vec![], |_| {}).contains("no file to import"));
    assert!(folder.fault(Format::Table, vec![folder.path("b.csv")], |_| {}).contains("pass --map"));
    let said =
        folder.fault(Format::Pmd, vec![folder.path("b.csv")], |it| it.time_base = Some(TimeBase::Unix));
    assert!(said.contains("--time-base has no meaning for the format pmd"), "{said}");
    let said = folder.fault(Format::Table, vec![folder.path("b.csv")], |it| it.map = Some("h201".into()));
    assert!(said.contains("did you mean `h200`"), "{said}");
    let said = folder.fault(Format::Pmd, vec![folder.path("b.csv")], |_| {});
    assert!(said.contains("PMD_start_ts.txt"), "{said}");
}

#[test]
fn rows_that_go_back_in_time_are_noted_and_many_are_an_error() {
    let folder = Folder::new();
    let mut text = HEAD.to_owned();
    for t in 0..1_000 {
        let t_ns: i64 = if t == 500 { 100 } else { t * 1_000 };
        writeln!(text, "{t_ns},x,power,1").unwrap();
    }
    let log = folder.write("a.csv", &text);
    let summary = folder.import(Format::Csv, vec![log], |it| it.out = folder.path("out")).unwrap();
    assert!(
        summary.notes.iter().any(|note| note.starts_with("a: rows that go back in time: 1 of 1000")),
        "{:?}",
        summary.notes
    );
    let mut text = HEAD.to_owned();
    (0..1_000).for_each(|t| writeln!(text, "{},x,power,1", 1_000 - t).unwrap());
    let log = folder.write("b.csv", &text);
    assert!(folder.fault(Format::Csv, vec![log], |_| {}).contains("sort the file by time"));
}

#[test]
fn an_hour_back_is_daylight_saving() {
    let folder = Folder::new();
    let mut text = "timestamp, power.draw [W]\n".to_owned();
    let row = |hour: u32, minute: u32, second: u32| {
        format!("2026/10/25 {hour:02}:{minute:02}:{second:02}.000, 1 W\n")
    };
    (0..3_600).for_each(|second| text += &row(2, second / 60, second % 60));
    text += &row(2, 0, 0);
    (1..60).for_each(|minute| text += &row(3, minute, 0));
    let log = folder.write("a.csv", &text);
    let summary = folder
        .import(Format::NvidiaSmi, vec![log], |it| it.utc_offset = Some(parse_utc_offset("+02:00").unwrap()))
        .unwrap();
    assert!(summary.notes.iter().any(|note| note.contains("daylight saving")), "{:?}", summary.notes);
}

#[test]
fn marks_on_another_time_base_are_noted() {
    let folder = Folder::new();
    let log = folder.write("a.csv", format!("{HEAD}1,x,power,1\n"));
    let marks = folder.write("m.csv", "t_ns,event,name\n1795520826400100148,point,x\n");
    let summary = folder.import(Format::Csv, vec![log], |it| it.marks = Some(marks)).unwrap();
    assert!(summary.notes.iter().any(|note| note.contains("on one time base?")), "{:?}", summary.notes);
}

#[test]
fn a_folder_of_tables() {
    let folder = Folder::new();
    let tables = folder.path("tables");
    std::fs::create_dir(&tables).unwrap();
    for entry in std::fs::read_dir(data("h200-excerpt")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, tables.join(path.file_name().unwrap())).unwrap();
    }
    let map = |it: &mut ImportRequest| it.map = Some("h200".into());
    let summary = folder.import(Format::Table, vec![tables.clone()], map).unwrap();
    let ids: Vec<_> = summary.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["nvml", "ring", "counter", "smi"]);
    assert_eq!((summary.marks, summary.anchors), (99, 2));
    assert!(summary.notes.iter().any(|note| note == "files left out: README.md"), "{:?}", summary.notes);
    std::fs::remove_dir_all(folder.path("run")).unwrap();
    let one = folder.import(Format::Table, vec![tables.join("sample_ring.parquet")], map).unwrap();
    assert_eq!((one.rows, one.anchors), (2_000, 2));
    std::fs::remove_dir_all(folder.path("run")).unwrap();
    let stray = folder.write("stray.csv", "a\n1\n");
    assert!(folder.fault(Format::Table, vec![stray], map).contains("is no file of the map h200"));
    std::fs::remove_file(tables.join("polled.parquet")).unwrap();
    assert!(folder.fault(Format::Table, vec![tables], map).contains("has no file `polled.parquet`"));
}

#[test]
fn several_logs_keep_their_gpus_apart() {
    let folder = Folder::new();
    let text = "timestamp, index, power.draw [W]\n2026/11/24 11:21:53.866, 0, 1 W\n";
    let paths = vec![folder.write("a.csv", text), folder.write("b.csv", text)];
    let summary = folder
        .import(Format::NvidiaSmi, paths, |it| it.utc_offset = Some(parse_utc_offset("Z").unwrap()))
        .unwrap();
    let ids: Vec<_> = summary.sources.iter().map(|source| source.id.as_str()).collect();
    assert_eq!(ids, ["a-gpu0", "b-gpu0"]);
}

#[test]
fn an_export_comes_back_the_same() {
    let folder = Folder::new();
    let text = "t_ns,channel,quantity,value,t_end_ns,t_device_ns,flags\n\
                5,g/p,average power 25 ms,1.25,6,4,8\n7,g/e,energy counter 0.001 J modulo 4294967296,9,8,,0\n";
    let log = folder.write("a.csv", text);
    folder.import(Format::Csv, vec![log], |_| {}).unwrap();
    let run = Run::open(&folder.path("run")).unwrap();
    let mut exported = Vec::new();
    harness::export::export(&run, harness::export::Format::Csv, &mut exported).unwrap();
    assert_eq!(String::from_utf8(exported).unwrap(), text);
}
