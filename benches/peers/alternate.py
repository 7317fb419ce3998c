#!/usr/bin/env python3
"""CPU time of commands that are run in turns: `alternate.py ROUNDS 'NAME=COMMAND' ...`.

For small differences between two builds: what else the machine does meets all alike. CPU time is user and system time of the
whole process, its start included, by wait4; `{out}` in a command is a path of its own that does not exist yet. Prints the
median, the quartiles, the least, and the page faults. Needs Python 3.9.
"""
import os
import shlex
import statistics
import subprocess
import sys
import tempfile


def main():
    rounds, commands = int(sys.argv[1]), [word.split("=", 1) for word in sys.argv[2:]]
    cpu_ms, faults = {name: [] for name, _ in commands}, {name: [] for name, _ in commands}
    with tempfile.TemporaryDirectory(prefix="alternate-") as folder:
        for turn in range(rounds):
            for name, command in commands:
                words = shlex.split(command.replace("{out}", f"{folder}/{name}{turn}"))
                child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                _, status, usage = os.wait4(child.pid, 0)
                child.returncode = os.waitstatus_to_exitcode(status)
                if child.returncode != 0:
                    sys.exit(f"{name}: exit code {child.returncode} of {command}")
                cpu_ms[name].append((usage.ru_utime + usage.ru_stime) * 1e3)
                faults[name].append(usage.ru_minflt)
    for name, values in cpu_ms.items():
        low, middle, high = statistics.quantiles(values, n=4)
        print(f"{name:20} {middle:8.2f} ms [{low:.2f}, {high:.2f}]  least {min(values):.2f}  page faults {statistics.median(faults[name]):.0f}")


if __name__ == "__main__":
    main()
