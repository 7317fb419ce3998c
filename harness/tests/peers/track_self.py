"""Tracks itself with the installed codecarbon, offline, into emissions.csv of the working folder; writes two rows."""

import logging
import time

import codecarbon

logging.disable(logging.CRITICAL)
tracker = codecarbon.OfflineEmissionsTracker(
    country_iso_code="DEU", project_name="peer", measure_power_secs=1, allow_multiple_runs=True
)
tracker.start()
time.sleep(2)
tracker.flush()
time.sleep(2)
tracker.stop()
