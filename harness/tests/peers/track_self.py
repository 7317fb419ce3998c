"""Tracks itself with the installed codecarbon, offline, into emissions.csv of the working folder; writes two rows.

Both rows fall between two of its own looks, which come each second: where one is written while it looks, version 3.3.2 counts
the time since the look before twice (100 J in 4 s at 20 W).
"""

import logging
import time

import codecarbon

logging.disable(logging.CRITICAL)
tracker = codecarbon.OfflineEmissionsTracker(
    country_iso_code="DEU", project_name="peer", measure_power_secs=1, allow_multiple_runs=True
)
tracker.start()
time.sleep(2.5)
tracker.flush()
time.sleep(2)
tracker.stop()
