#!/usr/bin/env python3
"""The statistics of `wattproof compare` in pyarrow, numpy and scipy: `compare_numpy.py RUN SENSOR REFERENCE WINDOW_MS`.

For the runs of `make_run`: the sensor polled, its averaging window known, the reference a meter, no phases. What
`compare` tells of such a run: publications and the times between them, poll period, energies with a studentised block
bootstrap, the error that a perfect sensor would have made, matched pairs by the window; of these the effective number
of pairs and the block length, Pearson, Spearman and concordance with intervals, least squares, Theil and Sen's line,
Bland-Altman, Kolmogorov-Smirnov with a block permutation test, Wasserstein, distribution curves; faults: dropouts,
gaps, false lows, stuck values, low plateau. Prints JSON: the figures, CPU time and the most memory.
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
CELLS = 2000
NOMINAL_NS = 100_000_000  # the sensor's update period
REFERENCE_NS = 1_000_000  # the meter's


def load(run, channel):
    columns = ["t_start_ns", "t_end_ns", "value"]
    table = ds.dataset(str(Path(run) / "readings"), format="parquet").to_table(columns, filter=pc.field("channel") == channel)
    begin, end, watts = (table[name].to_numpy() for name in columns)
    return begin, begin + (end - begin) // 2, watts


def cumulated(times, watts):
    steps = np.diff(times) * 1e-9 * (watts[1:] + watts[:-1]) / 2
    return np.concatenate([[0.0], np.cumsum(steps)])


def periods_ms(times):
    """5th, 50th and 95th percentile and the longest of the times between."""
    return np.percentile(np.diff(times), [5, 50, 95, 100], method="lower") * 1e-6


def at(times, sums, when):
    return np.interp(when, times, sums)


def lagged(deviations, lag):
    return deviations[: len(deviations) - lag] @ deviations[lag:] / len(deviations)


def binned(values, most=1 << 16):
    """At most 65536 means of neighbours, and how many make one."""
    length = max(1, -(-len(values) // most))
    whole = len(values) // length * length
    return values[:whole].reshape(-1, length).mean(axis=1), length


def effective(values):
    """Effective number of values by Geyer's initial monotone sequence."""
    bins, _ = binned(values)
    while True:
        deviations = bins - bins.mean()
        total, before, cut = -lagged(deviations, 0), np.inf, False
        for lag in range(0, 200, 2):
            if lag + 1 >= len(bins):
                break
            pair = lagged(deviations, lag) + lagged(deviations, lag + 1)
            if pair <= 0:
                cut = True
                break
            before = min(before, pair)
            total += 2 * before
        if cut or len(bins) < 8:
            break
        bins = bins[: len(bins) // 2 * 2].reshape(-1, 2).mean(axis=1)
    return float(np.clip(values.var() / (total / len(bins)), 1, len(values)))


def block_length(values):
    """Politis and White's block length, as corrected by Patton, Politis and White."""
    bins, length = binned(values)
    n, deviations = len(bins), bins - bins.mean()
    quiet_lags = max(5, int(np.ceil(np.sqrt(np.log10(n)))))
    longest = min(int(np.ceil(np.sqrt(n))) + quiet_lags, n - 1)
    covariances = np.array([lagged(deviations, lag) for lag in range(longest + 1)])
    quiet = np.abs(covariances[1:]) < 2 * np.sqrt(np.log10(n) / n) * covariances[0]
    runs = np.flatnonzero(np.convolve(quiet, np.ones(quiet_lags), "valid") == quiet_lags)
    window = min(2 * max(1, int(runs[0])), longest) if len(runs) else longest
    lags = np.arange(1, window + 1)
    weights = np.minimum(1, 2 * (1 - lags / window))
    slope = 2 * (weights * lags * covariances[1 : window + 1]).sum()
    level = covariances[0] + 2 * (weights * covariances[1 : window + 1]).sum()
    best = np.ceil(np.cbrt(1.5 * (slope / level) ** 2 * n))
    return int(np.clip(best, 1, n // 3)) * length


def ratio_interval(own, other, random):
    """95 % interval of the error of a ratio of sums by the symmetric studentised circular block bootstrap, in the logarithm."""
    ratio = own.sum() / other.sum()
    residuals, n = own - ratio * other, len(own)
    block = block_length(residuals)
    around = lambda values: np.convolve(np.concatenate([values, values[: block - 1]]), np.ones(block), "valid")
    e, d = around(residuals), around(other)
    share = block / n
    error = np.sqrt((e**2).mean() / share / (1 - share)) / other.sum()
    drawn = random.integers(0, n, (REPLICATES, max(2, -(-n // block))))
    e, d = e[drawn], d[drawn]
    ratios = e.sum(axis=1) / d.sum(axis=1)
    count = drawn.shape[1]
    errors = np.sqrt(((e - ratios[:, None] * d) ** 2).sum(axis=1) * count / (count - 1)) / d.sum(axis=1)
    distances = np.abs(np.log1p(ratios / ratio)) / (errors / (ratio + ratios))
    half = np.quantile(distances[np.isfinite(distances)], 0.95) * error / ratio
    return [float(ratio * np.exp(-half) - 1), float(ratio * np.exp(half) - 1)]


def theil_sen(x, y, least, random):
    """Median slope over 100000 pairs of points, and the intercept."""
    first, second = random.integers(0, len(x), (2, 100_000))
    apart = np.abs(x[second] - x[first]) > least
    slope = np.median((y[second] - y[first])[apart] / (x[second] - x[first])[apart])
    return float(slope), float(np.median(y - slope * x))


def permutation_test(a, b, block, random):
    """Probability of a distance at least as large where blocks swap their labels."""
    found = len(a) // block
    if found < 8:
        return None
    length = block * -(-found // 256)
    blocks = len(a) // length
    levels = np.unique(np.quantile(np.concatenate([a, b]), np.arange(1, 1025) / 1024, method="inverted_cdf"))
    of = np.minimum(np.arange(len(a)) // length, blocks - 1) * (len(levels) + 1)
    counts = lambda values: np.bincount(of + np.searchsorted(levels, values), minlength=blocks * (len(levels) + 1))
    differences = (counts(a) - counts(b)).reshape(blocks, -1)[:, :-1].cumsum(axis=1).astype(float)
    observed = differences.sum(axis=0)
    signs = random.integers(0, 2, (REPLICATES, blocks)).astype(float)
    swapped = observed - 2 * signs @ differences
    return (1 + (np.abs(swapped).max(axis=1) >= np.abs(observed).max()).sum()) / (1 + REPLICATES)


def curve(values, weights):
    """The distribution function at its distinct values, and 400 points of it."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    share /= share[-1]
    thinned = np.linspace(0, len(order) - 1, 400).astype(int)
    return values[order], share, np.column_stack([values[order][thinned], share[thinned]])


def extremes(rt, rw, oldest, newest):
    """Lowest and highest power of the reference within each interval."""
    bounds = np.column_stack([np.searchsorted(rt, oldest), np.minimum(np.searchsorted(rt, newest, "right"), len(rt) - 1)]).ravel()
    return np.minimum.reduceat(rw, bounds)[::2], np.maximum.reduceat(rw, bounds)[::2]


def runs(mask):
    """Where `mask` begins and ends to be true."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]])))
    return steps[::2], steps[1::2]


def main():
    run, sensor, reference, window_ms = sys.argv[1:5]
    began = time.process_time()
    random = np.random.default_rng(1)
    window = int(float(window_ms) * 1e6)
    starts, t, w = load(run, sensor)
    poll_ms = float(np.median(np.diff(starts))) * 1e-6
    del starts
    _, rt, rw = load(run, reference)
    energy, reference_energy = cumulated(t, w), cumulated(rt, rw)
    begin, end = max(t[0], rt[0]), min(t[-1], rt[-1])
    # Publications: when the value changed, between the reading that showed it and the one before.
    changed = np.flatnonzero(np.concatenate([[True], w[1:] != w[:-1]]))
    before = np.maximum(t[np.maximum(changed - 1, 0)], t[changed] - NOMINAL_NS)
    when, shown, slack = before + (t[changed] - before) // 2, w[changed], (t[changed] - before) // 2
    published, reference_published = periods_ms(when), periods_ms(rt)
    period = int(max(published[1] * 1e6, NOMINAL_NS))
    # A sensor that is polled often enough published the same value again where it did not change for two periods.
    steps = np.diff(when)
    repeats = np.maximum((np.append(steps, t[-1] + period - when[-1]) + period // 2) // period - 1, 0) + 1
    of = np.repeat(np.arange(len(when)), repeats)
    again = np.arange(len(of)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    all_when, all_shown, reading = when[of] + again * period, shown[of], changed[of]
    reading[again > 0] = np.searchsorted(t, all_when[again > 0])
    # Energies of 2000 cells, and an interval of their ratio.
    edges = np.linspace(begin, end, CELLS + 1).astype(np.int64)
    own, other = np.diff(at(t, energy, edges)), np.diff(at(rt, reference_energy, edges))
    interval = ratio_interval(own, other, random)
    # What a perfect sensor of this window would have published, and its naive energy: the first and the last reading of each.
    covered = (all_when - window >= rt[0]) & (all_when <= rt[-1])
    pub_when, pub_shown = all_when[covered], all_shown[covered]
    real = (at(rt, reference_energy, pub_when) - at(rt, reference_energy, pub_when - window)) / (window * 1e-9)
    first, last = reading[covered], np.maximum(np.append(reading[1:], len(t)) - 1, reading)[covered]
    et, ew = t[np.column_stack([first, last]).ravel()], np.repeat(real, 2)
    seen = np.trapezoid(ew, et * 1e-9)
    explained = seen / (at(rt, reference_energy, et[-1]) - at(rt, reference_energy, et[0])) - 1
    # Agreement.
    difference, mean = pub_shown - real, (pub_shown + real) / 2
    pairs, block = effective(difference), block_length(difference)
    fisher = lambda r: np.tanh(np.arctanh(r) + np.array([-1.96, 1.96]) / np.sqrt(pairs - 3)).tolist()
    pearson, spearman = stats.pearsonr(pub_shown, real).statistic, stats.spearmanr(pub_shown, real).statistic
    apart = pub_shown.mean() - real.mean()
    concordance = 2 * np.cov(pub_shown, real)[0, 1] / (pub_shown.var() + real.var() + apart**2)
    line, trend = stats.linregress(pub_shown, real), stats.linregress(mean, difference)
    logs = np.log(pub_shown) - np.log(real)
    # Distributions, weighted by how long each value stood.
    weights = np.minimum(np.append(np.diff(pub_when), pub_when[-1] - pub_when[-2]), 3 * period) * 1e-6
    values, share, sensor_curve = curve(pub_shown, weights)
    real_values, real_share, reference_curve = curve(real, weights)
    levels = np.concatenate([values, real_values])
    level = lambda values, share: np.append(0.0, share)[np.searchsorted(values, levels, "right")]
    distance = np.abs(level(values, share) - level(real_values, real_share)).max()
    wasserstein = stats.wasserstein_distance(pub_shown, real, weights, weights)
    p = permutation_test(pub_shown, real, block, random)
    idle, full = values[np.searchsorted(share, [0.01, 0.99])]
    low = idle + 0.05 * (full - idle)
    low_shares = [share[np.searchsorted(values, low, "right") - 1], real_share[np.searchsorted(real_values, low, "right") - 1]]
    band = 2 * np.sqrt(np.log(2 / 0.05) / (2 * pairs))
    # Faults: dropouts below half the idle floor, gaps, false lows, stuck values, more time at low power.
    floor = np.quantile(w[w > 0], 0.05, method="lower")
    dropouts = len(runs((w <= 0) | (w < 0.5 * floor))[0])
    gaps = int((np.diff(all_when) > 3 * period).sum())
    reach = lambda which: (when[which] - window - period - slack[which], when[which] + REFERENCE_NS + slack[which])
    drawn = np.arange(0, len(when), max(1, -(-len(when) // 50_000)))
    lowest, highest = extremes(rt, rw, *reach(drawn))
    calm = highest - lowest <= np.median(highest - lowest)
    slope, intercept = theil_sen((lowest[calm] + highest[calm]) / 2, shown[drawn][calm], 40.0, random)
    off = shown[drawn][calm] - intercept - slope * (lowest[calm] + highest[calm]) / 2
    limit = max(40.0, 5 * stats.median_abs_deviation(off, scale="normal"))
    sensor_idle, sensor_full = np.quantile(shown[drawn], [0.01, 0.99])
    suspects = np.flatnonzero(shown < sensor_idle + 0.15 * (sensor_full - sensor_idle))
    wrong = np.zeros(len(when), bool)
    wrong[suspects] = intercept + slope * extremes(rt, rw, *reach(suspects))[0] - shown[suspects] > limit
    first, after = runs(wrong)
    false_lows = int((after - first >= 2).sum())
    moved = 0.2 * (rw.max() - rw.min())
    stuck = 0
    for index in np.flatnonzero(steps > 10 * period):
        ends = np.arange(when[index], when[index + 1] - period, period)
        means = (at(rt, reference_energy, ends) - at(rt, reference_energy, ends - window)) / (window * 1e-9)
        stuck += int(len(means) > 0 and np.ptp(means) > moved)
    result = {
        "readings": len(t) + len(rt), "publications": len(changed), "pairs": len(pub_when), "poll_period_ms": poll_ms,
        "periods_ms": published.tolist(), "reference_periods_ms": reference_published.tolist(),
        "energy_j": [own.sum(), other.sum()], "error": own.sum() / other.sum() - 1, "error_interval": interval, "explained": explained,
        "effective_pairs": pairs, "block": block, "pearson": [pearson, *fisher(pearson)], "spearman": [spearman, *fisher(spearman)],
        "concordance": concordance, "slope": line.slope, "intercept_w": line.intercept,
        "robust_line": theil_sen(pub_shown, real, 0.0, random),
        "bias_w": difference.mean(), "limits_w": [difference.mean() + sign * 1.96 * difference.std() for sign in (-1, 1)],
        "trend": trend.slope, "ratio": np.exp(logs.mean()), "ratio_limits": np.exp(logs.mean() + np.array([-1.96, 1.96]) * logs.std()).tolist(),
        "kolmogorov_smirnov": distance, "p_value": p, "wasserstein_w": wasserstein,
        "curves": [len(sensor_curve), len(reference_curve)], "low_shares": low_shares, "low_plateau": bool(low_shares[0] - low_shares[1] > band),
        "dropouts": dropouts, "gaps": gaps, "false_lows": false_lows, "stuck": stuck,
        "cpu_s": time.process_time() - began, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(result, indent=1, default=float))


if __name__ == "__main__":
    main()
