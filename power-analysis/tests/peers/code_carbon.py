"""Powers that the installed codecarbon package states: lines `kind,argument,watts` for the arguments on standard input.

Kinds: `ram_x86`, `ram_arm` (GiB of memory), `constant` (rated watts), `load` (per cent, of 200 W rated) and `process`
(share of all CPU time, of 200 W rated). Only what the package asks the machine is replaced, never its own arithmetic.
"""

import logging
import sys
from collections import namedtuple
from unittest import mock

import psutil

import codecarbon
from codecarbon.external import hardware

logging.disable(logging.CRITICAL)
NEW = int(codecarbon.__version__.split(".")[0]) >= 3
if NEW:
    from codecarbon.external.ram import RAM
else:
    RAM = hardware.RAM
Memory = namedtuple("Memory", "total")


def ram_w(gib, machine):
    memory = mock.patch.object(psutil, "virtual_memory", lambda: Memory(gib * 2**30))
    with memory, mock.patch("platform.machine", lambda: machine):
        return RAM(tracking_mode="machine").total_power().W


def constant_w(tdp):
    return hardware.CPU(".", "constant", "any", tdp).total_power().W


def load_w(percent):
    cpu = hardware.CPU(".", "cpu_load", "any", 200)
    with mock.patch.object(cpu._cpu_load_meter, "percent", lambda *_: percent):
        return cpu._get_power_from_cpus().W


def process_w(share):
    cpu = hardware.CPU(".", "cpu_load", "any", 200, tracking_mode="process")
    cpu._last_measurement_time, cpu._last_cpu_times = 100.0, {1: 5.0}
    after = {1: 5.0 + share * cpu._cpu_count * 10.0}
    with mock.patch.object(cpu, "_get_process_cpu_times", lambda: after), mock.patch("time.time", lambda: 110.0):
        return cpu._get_power_from_cpus().W


KINDS = {
    "ram_x86": lambda x: ram_w(x, "x86_64"),
    "ram_arm": lambda x: ram_w(x, "aarch64"),
    "constant": constant_w,
    "load": load_w,
    "process": process_w,
}

print("version", codecarbon.__version__)
for line in sys.stdin.read().split():
    kind, argument = line.split(",")
    print(f"{kind},{argument},{KINDS[kind](float(argument))!r}")
