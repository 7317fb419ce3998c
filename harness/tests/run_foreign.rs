//! Other programs read a run without this one.

#![expect(clippy::unwrap_used, reason = "a set-up that fails is a test that fails")]

mod run_support;

use std::path::Path;
use std::process::Command;

use harness::export::{Format, export};
use harness::run::{Row, RowValue, RunWriter};
use run_support::{descriptor, fill, new_run, power, small_run};

const SCRIPT: &str = r#"
import sys
import duckdb, polars, pyarrow as pa, pyarrow.ipc, pyarrow.parquet

columns = ["channel", "t_start_ns", "t_end_ns", "t_device_ns", "value", "count", "flags"]
types = ["int64", "int64", "int64", "double", "uint64", "uint16"]

def check(rows):
    """Rows as tuples, in order of channel and time."""
    assert len(rows) == 202, len(rows)
    assert rows[-1][0] == "late/power_w"
    power = [row for row in rows if row[0] == "gpu0/power_w"]
    assert power[0] == ("gpu0/power_w", 0, 0, None, 100.0, None, 0), power[0]
    assert power[99] == ("gpu0/power_w", 99_000, 99_000, None, 199.0, None, 0), power[99]
    assert power[100] == ("gpu0/power_w", 99_001, 99_001, None, None, None, 1), power[100]
    energy = [row for row in rows if row[0] == "gpu0/energy"]
    assert energy[99] == ("gpu0/energy", 99_000, 99_000, None, None, 99 * 7, 0), energy[99]

def check_arrow(table):
    assert table.column_names == columns
    assert table.schema.metadata[b"schema_version"] == b"1"
    assert pa.types.is_dictionary(table.schema.field("channel").type)
    assert [str(table.schema.field(name).type) for name in columns[1:]] == types
    check([tuple(row[name] for name in columns) for row in table.to_pylist()])

stream, parquet, everything = sys.argv[1:]
streamed = pa.ipc.open_stream(stream).read_all()
check_arrow(streamed)
check(polars.read_ipc_stream(stream).rows())
check(duckdb.sql("select * from streamed").fetchall())
check_arrow(pa.parquet.read_table(parquet))
check(polars.read_parquet(parquet).rows())
check(polars.scan_parquet(parquet).filter(polars.col("t_start_ns") >= 0).collect().rows())
check(duckdb.sql(f"select * from '{parquet}'").fetchall())
for rows in (
    polars.read_parquet(everything).rows(),
    duckdb.sql(f"select * from '{everything}'").fetchall(),
    [tuple(row.values()) for row in pa.parquet.read_table(everything).to_pylist()],
):
    assert len(rows) == 400
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
print("all read")
"#;

fn check(stream: &Path, parquet: &Path, everything: &Path) {
    let python = std::env::var_os("WATTPROOF_PYTHON").unwrap_or_else(|| "python3".into());
    let output =
        Command::new(python).arg("-c").arg(SCRIPT).args([stream, parquet, everything]).output().unwrap();
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("all read"), "{out}\n{error}");
}

#[test]
#[ignore = "needs Python with pyarrow, polars and duckdb"]
fn pyarrow_polars_and_duckdb_read_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str| {
        let mut writer = RunWriter::create(&folder.path().join(name), new_run()).unwrap();
        let sources = fill(&mut writer);
        writer.push(sources[0], Row::at(0, 99_001, RowValue::Missing)).unwrap();
        writer.flush().unwrap();
        // A source that comes later adds to the names that the stream already has.
        let late = writer.add_source("late", descriptor("gpu0")).unwrap();
        writer.push(late, power(99_002, 1.0)).unwrap();
        writer
    };
    drop(record("recording"));
    record("finished").finish().unwrap();
    let everything = folder.path().join("everything.parquet");
    let run = small_run(&folder.path().join("small"));
    export(&run, Format::Parquet, &mut std::fs::File::create(&everything).unwrap()).unwrap();
    let (recording, finished) = (folder.path().join("recording"), folder.path().join("finished"));
    check(&recording.join("readings/gpu0.arrows"), &finished.join("readings/gpu0.parquet"), &everything);
}
