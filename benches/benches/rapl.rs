//! What a read of RAPL costs beside the bare system calls on the very same descriptors: by powercap and by registers on
//! plain files, and by perf on Linux' software events. Needs Linux, and for perf the right to count on a whole CPU.

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::hint::black_box;
    use std::os::fd::RawFd;
    use std::os::unix::fs::FileExt;
    use std::path::Path;
    use std::time::Instant;

    use criterion::Criterion;
    use driver_rapl::DRIVER;
    use power_core::{Driver, Options, PowerSource, Reading, Recorder, SystemClock};

    /// Writes a file below `root`, and the folders that it lies in.
    #[expect(clippy::expect_used, reason = "a bench that cannot set up its input has nothing to measure")]
    fn file(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
        fs::write(path, text).expect("the file is written");
    }

    /// A client with five domains.
    #[expect(clippy::expect_used, reason = "as above")]
    fn machine(root: &Path) {
        file(
            root,
            "proc/cpuinfo",
            "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 158\nmodel name : bench\n",
        );
        file(root, "sys/devices/system/cpu/online", "0\n");
        for name in ["physical_package_id", "die_id", "core_id"] {
            file(root, &format!("sys/devices/system/cpu/cpu0/topology/{name}"), "0\n");
        }
        let zones =
            ["0", "0:0", "0:1", "0:2", "1"].iter().zip(["package-0", "core", "uncore", "dram", "psys"]);
        for (number, name) in zones {
            let zone = format!("sys/class/powercap/intel-rapl:{number}");
            file(root, &format!("{zone}/name"), name);
            file(root, &format!("{zone}/max_energy_range_uj"), "262143328850\n");
            file(root, &format!("{zone}/energy_uj"), "123456789012\n");
        }
        file(root, "dev/cpu/0/msr", "");
        let registers =
            fs::File::options().write(true).open(root.join("dev/cpu/0/msr")).expect("the registers open");
        for address in [0x606, 0x611, 0x619, 0x639, 0x641, 0x64d] {
            registers.write_all_at(&0x000a_0e03_u64.to_ne_bytes(), address).expect("the register is written");
        }
        let pmu = "sys/bus/event_source/devices/power";
        file(root, &format!("{pmu}/type"), "1\n");
        file(root, &format!("{pmu}/cpumask"), "0\n");
        for event in ["pkg", "ram", "cores", "gpu", "psys"] {
            file(root, &format!("{pmu}/events/energy-{event}"), "event=0x00\n");
            file(root, &format!("{pmu}/events/energy-{event}.scale"), "1e-9\n");
            file(root, &format!("{pmu}/events/energy-{event}.unit"), "Joules\n");
        }
    }

    /// The open descriptors of this process whose name has `part` in it, in the order of their numbers.
    fn descriptors(part: &str) -> Vec<RawFd> {
        let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let named = entries.filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|link| link.to_string_lossy().contains(part))
        });
        let mut numbers: Vec<RawFd> =
            named.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The bare calls: `pread` at an offset, or `read` where there is none.
    #[expect(unsafe_code, reason = "the descriptors belong to the source, so no safe type may hold them")]
    fn bare(calls: &[(RawFd, Option<i64>)], buffer: &mut [u8; 72]) {
        for (descriptor, offset) in calls {
            let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            let answer = match offset {
                // SAFETY: the buffer is as long as it is said to be, and the source keeps the descriptor open.
                Some(offset) => unsafe { libc::pread(*descriptor, start, length.min(24), *offset) },
                // SAFETY: as above.
                None => unsafe { libc::read(*descriptor, start, length) },
            };
            black_box(answer);
        }
        black_box(buffer);
    }

    /// Every call of the source on its own descriptors, then the source.
    fn compare(criterion: &mut Criterion, way: &str, calls: impl Fn() -> Vec<(RawFd, Option<i64>)>) {
        let Ok(folder) = tempfile::tempdir() else { return };
        machine(folder.path());
        let root = folder.path().display().to_string();
        let options = Options::new().with("root", root).with("measure_ms", "0").with("backend", way);
        let mut source = match DRIVER.open("all", &options) {
            Ok(source) => source,
            Err(error) => {
                let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{error:#}\n"));
                return;
            }
        };
        let calls = calls();
        let mut readings = Vec::with_capacity(16);
        alternate(way, &calls, &mut *source, &mut readings);
        let mut group = criterion.benchmark_group(format!("rapl, five domains by {way}"));
        let mut buffer = [0; 72];
        group.bench_function("bare", |bencher| bencher.iter(|| bare(&calls, &mut buffer)));
        group.bench_function("PowerSource::read", |bencher| {
            bencher.iter(|| {
                readings.clear();
                let outcome = source.read(&mut Recorder::new(&SystemClock, &mut readings));
                assert!(outcome.is_ok() && readings.len() == 5, "{outcome:?}");
            });
        });
        group.finish();
    }

    /// Bare calls and reads in turns, so that whatever else the machine does meets both: prints the ratio of the medians.
    fn alternate(
        way: &str,
        calls: &[(RawFd, Option<i64>)],
        source: &mut dyn PowerSource,
        readings: &mut Vec<Reading>,
    ) {
        const TURNS: usize = 4_000;
        const BATCH: usize = 20;
        let mut buffer = [0; 72];
        let mut times = [Vec::with_capacity(TURNS), Vec::with_capacity(TURNS)];
        for _ in 0..TURNS {
            let start = Instant::now();
            (0..BATCH).for_each(|_| bare(calls, &mut buffer));
            let middle = Instant::now();
            for _ in 0..BATCH {
                readings.clear();
                let outcome = source.read(&mut Recorder::new(&SystemClock, readings));
                assert!(outcome.is_ok(), "{outcome:?}");
            }
            times[0].push(middle - start);
            times[1].push(middle.elapsed());
        }
        let [bare, read] = times.map(|mut times| times.select_nth_unstable(TURNS / 2).1.as_secs_f64() / 20.0);
        let line = format!(
            "rapl, five domains by {way}, in turns: read {:.0} ns, bare {:.0} ns, ratio {:.3}\n",
            read * 1e9,
            bare * 1e9,
            read / bare
        );
        let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
    }

    pub(crate) fn all(criterion: &mut Criterion) {
        let at =
            |part, offset| descriptors(part).into_iter().map(|number| (number, offset)).collect::<Vec<_>>();
        compare(criterion, "powercap", || at("/energy_uj", Some(0)));
        compare(criterion, "msr", || at("/msr", Some(0x611)));
        // One group: its first descriptor gives all five.
        compare(criterion, "perf", || at("[perf_event]", None).into_iter().take(1).collect());
    }
}

#[cfg(target_os = "linux")]
criterion::criterion_group!(all, linux::all);
#[cfg(target_os = "linux")]
criterion::criterion_main!(all);

#[cfg(not(target_os = "linux"))]
fn main() {}
