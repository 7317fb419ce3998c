"""Prints what the installed carbontracker reads once of all GPUs and of RAPL under the folder given, in watts, as JSON."""

import json
import sys

from carbontracker.components.cpu import intel
from carbontracker.components.gpu import nvidia

intel.RAPL_DIR = sys.argv[1] + "/"
read = {}
for name, handler in (("gpu", nvidia.NvidiaGPU([], False)), ("cpu", intel.IntelCPU([], False))):
    handler.init()
    read[name] = dict(zip(handler.devices(), handler.power_usage())) if name == "cpu" else handler.power_usage()
    handler.shutdown()
json.dump(read, sys.stdout)
