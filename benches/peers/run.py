#!/usr/bin/env python3
"""What each way of recording one GPU costs, all in one run: the same sensor, the same rate, the same machine.

    python3 benches/peers/run.py --wattproof PATH [--absolute PATH] [--seconds 10] [--limit 540] [--out DIR]

Needs Python 3.9 and NVIDIA's driver, nothing else. Readers that are not installed are named as missing. CPU time is
user and system time of the whole process and of the children that it waited for, its start included, by wait4.
Writes peers.json and peers.txt into DIR, and prints the text. `--reader 'NAME=COMMAND'` adds a reader of one's own:
{hz} and {seconds} in it are replaced, and each line on its stdout counts as a reading.
"""
import argparse
import ctypes.util
import json
import os
import platform
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CODE_CARBON = r"""
import sys, time, logging
logging.disable(logging.CRITICAL)
from codecarbon import OfflineEmissionsTracker
seconds, period = float(sys.argv[1]), float(sys.argv[2])
count = 0
own = OfflineEmissionsTracker._measure_power_and_energy
def counted(self):
    global count
    count += 1
    return own(self)
OfflineEmissionsTracker._measure_power_and_energy = counted
tracker = OfflineEmissionsTracker(country_iso_code="DEU", measure_power_secs=period, save_to_file=False, log_level="critical")
tracker.start(); time.sleep(seconds); tracker.stop()
print(count)
"""
ZEUS = r"""
import sys, time, logging
logging.disable(logging.CRITICAL)
from zeus.monitor import PowerMonitor
if __name__ == "__main__":
    seconds, period = float(sys.argv[1]), float(sys.argv[2])
    monitor = PowerMonitor(gpu_indices=[0], update_period=period, power_domains=["device_instant"])
    begin = time.time(); time.sleep(seconds)
    try:
        series = monitor.get_power_timeline("device_instant", gpu_index=0)
        count = len(next(iter(series.values())))
        monitor.stop()
        print(count)
    except AttributeError:
        print(-1)
"""


class Missing(Exception):
    """A reader is not here; the message says what is not."""


def run(command, stop_after=None, **how):
    """Runs a command to its end, or ends it after so many seconds; gives CPU and wall seconds, exit code, stdout."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, **how)
        if stop_after is not None:
            time.sleep(stop_after)
            os.killpg(child.pid, signal.SIGINT)
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    break
                time.sleep(0.01)
            else:
                os.killpg(child.pid, signal.SIGKILL)
                _, status, usage = os.wait4(child.pid, 0)
        else:
            _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text, complaint = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if stop_after is None and child.returncode != 0:
        last = complaint.strip().splitlines()[-1:] or [f"exit code {child.returncode}"]
        raise Missing(f"{Path(command[0]).name}: {last[0][:200]}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall, "out": text, "resident_kib": usage.ru_maxrss}


class Readers:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.seconds = options.seconds
        self.wattproof_path = shutil.which(options.wattproof) or options.wattproof
        self.count = 0

    def absolute_path(self):
        path = self.options.absolute
        if path:
            return path
        made = self.folder / "absolute"
        if not made.exists():
            compiler = shutil.which("cc") or shutil.which("gcc")
            if not compiler:
                raise Missing("no C compiler here and no --absolute PATH")
            subprocess.run([compiler, "-O2", "-o", made, HERE / "absolute.c", "-ldl", "-lpthread"], check=True)
        return str(made)

    def absolute(self, sensor, hz):
        out = self.folder / "absolute.out"
        did = run([self.absolute_path(), sensor, str(hz), str(self.seconds), str(out)])
        told = json.loads(did["out"])
        return did, {"readings": told["readings"], "reads": told["reads"], "lost": told["missed"]}

    def rig(self, sensor, hz):
        part = {"power": "gauges", "ring": "ring", "counter": "counter"}[sensor]
        channels = {"power": 'power.draw', "ring": 'power.samples', "counter": 'energy.total'}[sensor]
        options = f'channels = "{channels}"' + (', alias_ms = 0' if sensor == "power" else '')
        path = self.folder / f"{sensor}.toml"
        path.write_text(f'[[source]]\nname = "gpu0"\ndriver = "nvml"\ndevice = "gpu0/{part}"\nrate_hz = {float(hz)}\n'
                        f'options = {{ {options} }}\n')
        return path

    def wattproof(self, sensor, hz):
        self.count += 1
        dir = self.folder / f"run{self.count}"
        told = self.folder / "wattproof.json"
        did = run([self.wattproof_path, "record", "--rig", str(self.rig(sensor, hz)), "--for", f"{self.seconds}s",
                   "-o", str(dir), "--json", str(told)])
        recording = json.loads(told.read_text())["recording"]
        source = recording["sources"][0]
        on_disk = recording["writer"]["readings"]
        shutil.rmtree(dir, ignore_errors=True)
        return did, {"readings": on_disk, "reads": source["reads_done"],
                     "lost": source["reads_missed"] + source["readings_dropped"],
                     "stages": {"lane_cpu_s": recording["lanes"][0]["cpu_s"], "writer_cpu_s": recording["writer"]["cpu_s"],
                                "whole_cpu_s": recording["cpu_s"]}}

    def smi_path(self):
        path = shutil.which("nvidia-smi")
        if not path:
            raise Missing("nvidia-smi is not in PATH")
        return path

    def smi_loop(self, sensor, hz):
        period = max(1, round(1000 / hz))
        out = run([self.smi_path(), "--id=0", "--query-gpu=power.draw", "--format=csv,noheader,nounits", f"-lms={period}"],
                  stop_after=self.seconds)
        lines = len(out["out"].splitlines())
        return out, {"readings": lines, "reads": lines, "lost": max(0, round(hz * self.seconds) - lines)}

    def smi_spawned(self, arguments):
        """Back to back: as often as it goes."""
        begin, cpu, count = time.monotonic(), 0.0, 0
        while time.monotonic() - begin < self.seconds:
            cpu += run([self.smi_path(), *arguments])["cpu_s"]
            count += 1
        wall = time.monotonic() - begin
        return {"cpu_s": cpu, "wall_s": wall, "resident_kib": None}, {"readings": count, "reads": count, "lost": None}

    def python(self, script, package, hz):
        check = subprocess.run([self.options.python, "-c", f"import {package}"], capture_output=True, text=True,
                               env=self.environment())
        if check.returncode != 0:
            why = check.stderr.strip().splitlines()[-1:] or ["it does not start"]
            raise Missing(f"{package} for {self.options.python}: {why[0][:200]}")
        path = self.folder / f"{package}_reader.py"
        path.write_text(script)
        did = run([self.options.python, str(path), str(self.seconds), str(1 / hz)], env=self.environment())
        count = int(did["out"].split()[-1])
        if count < 0:
            raise Missing(f"{package}: this version does not tell how many readings it took")
        return did, {"readings": count, "reads": count, "lost": max(0, round(hz * self.seconds) - count)}

    def environment(self):
        site = self.options.site
        return {**os.environ, **({"PYTHONPATH": str(site)} if site else {})}

    def perf(self, hz):
        perf = shutil.which("perf")
        if not perf:
            raise Missing("perf is not in PATH")
        if not Path("/sys/bus/event_source/devices/power").exists():
            raise Missing("this machine has no RAPL for perf")
        out = self.folder / "perf.csv"
        did = run([perf, "stat", "-a", "-x,", "-I", str(round(1000 / hz)), "-e", "power/energy-pkg/", "-o", str(out),
                   "sleep", str(self.seconds)])
        lines = sum("energy-pkg" in line for line in out.read_text().splitlines())
        return did, {"readings": lines, "reads": lines, "lost": max(0, round(hz * self.seconds) - lines)}

    def own(self, command, hz):
        words = shlex.split(command.format(hz=hz, seconds=self.seconds, period_ms=round(1000 / hz)))
        if not shutil.which(words[0]):
            raise Missing(f"{words[0]} is not in PATH")
        did = run(words, stop_after=self.seconds)
        lines = len(did["out"].splitlines())
        return did, {"readings": lines, "reads": lines, "lost": max(0, round(hz * self.seconds) - lines)}


def measurements(readers, options):
    """What is measured, in order: (name, sensor, rate in Hz or None, how)."""
    for hz in (10, 100, 1000):
        yield "C, absolute schedule", "power usage", hz, lambda hz=hz: readers.absolute("power", hz)
        yield "wattproof record", "power usage", hz, lambda hz=hz: readers.wattproof("power", hz)
        yield "nvidia-smi --loop-ms", "power usage", hz, lambda hz=hz: readers.smi_loop("power", hz)
        for reader in options.reader:
            name, _, command = reader.partition("=")
            yield name, "power usage", hz, lambda hz=hz, command=command: readers.own(command, hz)
    yield "C, absolute schedule", "50 Hz ring", 1, lambda: readers.absolute("ring", 1)
    yield "wattproof record", "50 Hz ring", 1, lambda: readers.wattproof("ring", 1)
    yield "C, absolute schedule", "energy counter", 2, lambda: readers.absolute("counter", 2)
    yield "wattproof record", "energy counter", 2, lambda: readers.wattproof("counter", 2)
    query = ["--id=0", "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    yield "nvidia-smi spawned", "power usage", None, lambda: readers.smi_spawned(query)
    yield "nvidia-smi -q -x", "power usage", None, lambda: readers.smi_spawned(["-q", "-x"])
    yield "Code Carbon", "its own", 10, lambda: readers.python(CODE_CARBON, "codecarbon", 10)
    yield "Zeus", "its own", 10, lambda: readers.python(ZEUS, "zeus", 10)
    yield "perf stat -e power/", "RAPL package", 10, lambda: readers.perf(10)


def slowdown(readers, options, left):
    """Work on every CPU, with and without each reader at 1 kHz, in pairs whose order changes."""
    absolute = readers.absolute_path()
    begun = {
        "wattproof record": lambda dir: [readers.wattproof_path, "record", "--rig", str(readers.rig("power", 1000)),
                                         "--for", "60s", "-o", str(dir)],
        "C, absolute schedule": lambda dir: [absolute, "power", "1000", "60", str(dir)],
        "nvidia-smi --loop-ms": lambda dir: [readers.smi_path(), "--id=0", "--query-gpu=power.draw", "--format=csv", "-lms=1"],
    }
    work = lambda: json.loads(run([absolute, "work", str(options.window)])["out"])["speed"]
    rows = []
    work()
    for name, command in begun.items():
        if left() < 2 * options.pairs * (options.window + 0.5):
            rows.append({"reader": name, "missing": "no time was left"})
            continue
        losses = []
        try:
            for pair in range(options.pairs):
                def with_reader():
                    readers.count += 1
                    dir = readers.folder / f"slow{readers.count}"
                    child = subprocess.Popen(command(dir), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL)
                    time.sleep(0.4)
                    speed = work()
                    child.send_signal(signal.SIGINT)
                    try:
                        child.wait(10)
                    except subprocess.TimeoutExpired:
                        child.kill()
                        child.wait()
                    return speed
                if pair % 2:
                    loaded, free = with_reader(), work()
                else:
                    free, loaded = work(), with_reader()
                losses.append(1 - loaded / free)
        except Missing as why:
            rows.append({"reader": name, "missing": str(why)})
            continue
        draw = random.Random(1)
        means = sorted(statistics.fmean(draw.choices(losses, k=len(losses))) for _ in range(4000))
        rows.append({"reader": name, "pairs": len(losses), "slowdown": {
            "value": statistics.fmean(losses), "low": means[100], "high": means[3899], "confidence": 0.95}})
    return rows


def table(header, rows):
    cells = [header, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in cells)


def text(result):
    floor = {(row["sensor"], row["hz"]): row["cpu_us_per_reading"] for row in result["readers"]
             if row["reader"].startswith("C,") and "missing" not in row}
    rows, missing = [], []
    for row in result["readers"]:
        hz = "most" if row["hz"] is None else str(row["hz"])
        if "missing" in row:
            missing.append(f"missing: {row['reader']}, {row['sensor']}, {hz} Hz: {row['missing']}")
            continue
        each = row["cpu_us_per_reading"]
        base = floor.get((row["sensor"], row["hz"]))
        rows.append([row["reader"], row["sensor"], hz, f"{row['achieved_hz']:.1f}",
                     "unknown" if each is None else f"{each:.1f}", f"{each / base:.2f}" if base and each else "",
                     "unknown" if row["lost"] is None else str(row["lost"])])
    lines = [f"{result['machine']}, {result['gpu']}, {result['date']}", f"command: {result['command']}",
             f"wattproof: {result['wattproof']}", "", "One GPU, each reader alone; CPU time of the whole process, start included:",
             table(["reader", "sensor", "Hz", "readings/s", "CPU us/reading", "/ C", "lost"], rows), *missing, "",
             "Work on every CPU beside a reader at 1 kHz:"]
    slow = []
    for row in result["slowdown"]:
        if "missing" in row:
            slow.append([row["reader"], "", "missing: " + row["missing"]])
        else:
            s = row["slowdown"]
            slow.append([row["reader"], f"{row['pairs']} pairs",
                         f"{s['value'] * 100:+.2f} % [{s['low'] * 100:+.2f}, {s['high'] * 100:+.2f}]"])
    return "\n".join([*lines, table(["reader", "", "slower by"], slow)]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wattproof", default="wattproof")
    parser.add_argument("--absolute", help="the C program, where there is no compiler")
    parser.add_argument("--python", default=sys.executable, help="the Python that has Code Carbon and Zeus")
    parser.add_argument("--site", help="a folder of their packages")
    parser.add_argument("--reader", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--window", type=float, default=1.0, help="seconds of work of the slowdown")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--limit", type=int, default=540, help="seconds after which nothing new is begun")
    parser.add_argument("--out", default=".")
    options = parser.parse_args()
    began = time.monotonic()
    left = lambda: options.limit - (time.monotonic() - began)
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        readers = Readers(options, Path(folder))
        rows = []
        for reader, sensor, hz, how in measurements(readers, options):
            row = {"reader": reader, "sensor": sensor, "hz": hz}
            try:
                if left() < 2.5 * options.seconds:
                    raise Missing("no time was left")
                did, got = how()
                each = did["cpu_s"] * 1e6 / got["readings"] if got["readings"] else None
                row |= {"cpu_s": did["cpu_s"], "wall_s": did["wall_s"], "cpu_us_per_reading": each,
                        "achieved_hz": got["readings"] / options.seconds, "resident_kib": did["resident_kib"], **got}
            except (Missing, subprocess.CalledProcessError, OSError, ValueError, KeyError) as why:
                row["missing"] = str(why)
            print(f"{reader}, {sensor}, {hz or 'most'} Hz: "
                  f"{row.get('missing') or str(round(row['cpu_us_per_reading'] or 0, 1)) + ' us'}", file=sys.stderr)
            rows.append(row)
        try:
            slow = slowdown(readers, options, left)
        except Missing as why:
            slow = [{"reader": "all", "missing": str(why)}]
    smi = shutil.which("nvidia-smi")
    gpu = subprocess.run([smi, "--query-gpu=name,driver_version", "--format=csv,noheader"], capture_output=True,
                         text=True).stdout.strip() if smi else "unknown"
    version = subprocess.run([readers.wattproof_path, "--version"], capture_output=True, text=True).stdout.strip() \
        if Path(readers.wattproof_path).exists() else "missing"
    result = {"schema_version": 1, "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs", "gpu": gpu.splitlines()[0] if gpu else "unknown",
              "wattproof": version, "command": shlex.join(sys.argv), "seconds": options.seconds, "readers": rows, "slowdown": slow}
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "peers.txt").write_text(text(result))
    print(text(result), end="")


if __name__ == "__main__":
    main()
