#!/usr/bin/env python3
"""The statistics of `wattproof compare` in pyarrow, numpy and scipy: `compare_numpy.py RUN SENSOR REFERENCE WINDOW_MS`.

For the runs of `make_run`: the sensor polled, its averaging window known, the reference a meter. Publications, energies
with a block bootstrap, matched pairs by the window, Pearson, Spearman, concordance, Kolmogorov-Smirnov, Wasserstein,
Bland-Altman, least squares. Prints JSON: the figures, CPU time and the most memory.
"""
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds
from scipy import stats

REPLICATES = 1000


def load(run, channel):
    columns = ["t_start_ns", "t_end_ns", "value"]
    table = ds.dataset(str(Path(run) / "readings"), format="parquet").to_table(columns, filter=pc.field("channel") == channel)
    begin, end, watts = (table[name].to_numpy() for name in columns)
    return begin + (end - begin) // 2, watts


def cumulated(times, watts):
    steps = np.diff(times) * 1e-9 * (watts[1:] + watts[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])


def main():
    run, sensor, reference, window_ms = sys.argv[1:5]
    began = time.process_time()
    t, w = load(run, sensor)
    rt, rw = load(run, reference)
    energy, reference_energy = cumulated(t, w), cumulated(rt, rw)
    begin, end = max(t[0], rt[0]), min(t[-1], rt[-1])
    at = lambda times, sums, when: np.interp(when, times, sums)
    # Energies of blocks of 2 s, and an interval of their ratio by the bootstrap.
    edges = np.arange(begin, end, 2_000_000_000)
    own, other = np.diff(at(t, energy, edges)), np.diff(at(rt, reference_energy, edges))
    random = np.random.default_rng(1)
    drawn = random.integers(0, len(own), (REPLICATES, len(own)))
    ratios = own[drawn].sum(axis=1) / other[drawn].sum(axis=1)
    whole = at(t, energy, end) - at(t, energy, begin), at(rt, reference_energy, end) - at(rt, reference_energy, begin)
    # Publications, and what a perfect sensor of this window would have published.
    changed = np.concatenate([[True], w[1:] != w[:-1]])
    window = int(float(window_ms) * 1e6)
    when, shown = t[changed], w[changed]
    inside = (when - window >= rt[0]) & (when <= rt[-1])
    when, shown = when[inside], shown[inside]
    real = (at(rt, reference_energy, when) - at(rt, reference_energy, when - window)) / (window * 1e-9)
    difference, mean = shown - real, (shown + real) / 2
    pearson, spearman = stats.pearsonr(shown, real), stats.spearmanr(shown, real)
    concordance = 2 * np.cov(shown, real)[0, 1] / (shown.var() + real.var() + (shown.mean() - real.mean()) ** 2)
    line = stats.linregress(real, shown)
    result = {
        "readings": len(t) + len(rt), "publications": int(changed.sum()), "pairs": len(when),
        "energy_j": whole, "error": whole[0] / whole[1] - 1, "error_interval": np.quantile(ratios - 1, [0.025, 0.975]).tolist(),
        "pearson": pearson.statistic, "spearman": spearman.statistic, "concordance": concordance,
        "kolmogorov_smirnov": stats.ks_2samp(shown, real).statistic, "wasserstein_w": stats.wasserstein_distance(shown, real),
        "bias_w": difference.mean(), "limits_w": [difference.mean() - 1.96 * difference.std(), difference.mean() + 1.96 * difference.std()],
        "trend": stats.linregress(mean, difference).slope, "slope": line.slope, "intercept_w": line.intercept,
        "cpu_s": time.process_time() - began, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()
