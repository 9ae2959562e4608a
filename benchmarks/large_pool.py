"""The factor and the roll matrix against answers in closed form, at full size: |z| must stay below 4 everywhere.

Large pool: 20,000 replications of 100,000 borrowers for one month, the share defaulted against the quantiles of the
endless pool (Vasicek 2002, tests/data/vasicek_lhp_quantiles.csv). Finite pool: 1000 obligors against the exact
distribution by quadrature (the CCruncher test04 case). Roll matrix: counts by state after 1, 6, 12 and 24 months
against the powers of the matrix.
"""

import csv
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from simulator.engine import engine
from simulator.model.layout import BUCKETS, F_N_WRITTEN_OFF, LINE, TO_WRITTEN_OFF

from .worlds import COUNTS, ROOT, pool, roll_chain

TABLE = ROOT / "tests" / "data" / "vasicek_lhp_quantiles.csv"
QUANTILES = {"q50": 0.50, "q95": 0.95, "q99": 0.99}
BORROWERS, REPLICATIONS = 100_000, 20_000
CHOSEN = {(0.005, 0.04), (0.005, 0.2), (0.02, 0.1), (0.1, 0.04), (0.1, 0.2)}  # (PD, correlation): corners and middle
FINITE = {149: 0.90, 168: 0.95, 185: 0.975, 206: 0.99, 254: 0.999}  # exact quantiles of 1000 obligors
FINITE_N, FINITE_PD, FINITE_CORRELATION, FINITE_RUNS = 1000, 0.10, 0.04, 10
CHAIN_MONTHS, CHAIN_REPLICATIONS = (1, 6, 12, 24), 500
LIMIT = 4.0  # standard errors


class Check(NamedTuple):
    """One number of the simulation and what it should be."""

    name: str
    found: float
    expected: float
    error: float  # standard error of `found`

    @property
    def z(self):
        """Return by how many standard errors `found` is off; 0 where both are exact and equal."""
        off = self.found - self.expected
        return off / self.error if self.error > 0 else 0.0 if off == 0 else float("inf")


def checks(progress=lambda name, done, total: None, every_row=False, borrowers=BORROWERS, replications=REPLICATIONS):
    """Return every Check and the borrower-months simulated; `progress` as that of `simulator.compare`.

    `every_row` takes all rows of the table, not only those of CHOSEN.
    """
    with open(TABLE, encoding="utf-8", newline="") as lines:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
    rows = [row for row in rows if every_row or (row["pd"], row["rho"]) in CHOSEN]
    chain = 10_000 * CHAIN_MONTHS[-1] * CHAIN_REPLICATIONS
    total = len(rows) * borrowers * replications + FINITE_RUNS * FINITE_N * replications + chain

    def run(name, world):
        return engine.run(world, progress=lambda done: progress(name, done, total))

    found = []
    for seed, row in enumerate(rows):
        found += large_pool(row, borrowers, replications, seed, run)
    return found + finite_pool(replications, run) + roll_matrix(run), total


def defaulted(sums):
    """Return int64[replication]: lines written off in month 1."""
    return sums.flows[:, :, 1, 0, LINE, F_N_WRITTEN_OFF].sum(axis=1)


def large_pool(row, borrowers, replications, seed, run):
    """Return the Checks of one row of the table: shares of replications above its quantiles."""
    name = f"large pool, PD {row['pd']}, correlation {row['rho']}"
    share = defaulted(run(name, pool(row["pd"], row["rho"], borrowers, replications, seed))) / borrowers
    return [
        Check(f"{name}: share above {q}", float((share > row[q]).mean()), 1 - p, np.sqrt(p * (1 - p) / replications))
        for q, p in QUANTILES.items()
    ]


def finite_pool(replications, run):
    """Return the Checks of a pool of 1000: mean, standard deviation, and the exact chance to stay up to a number."""
    losses = np.concatenate([
        defaulted(run("finite pool", pool(FINITE_PD, FINITE_CORRELATION, FINITE_N, replications, seed)))
        for seed in range(FINITE_RUNS)
    ])  # fmt: skip
    k, chance = np.arange(FINITE_N + 1), finite_distribution(FINITE_N, FINITE_PD, FINITE_CORRELATION)
    mean = float(chance @ k)
    moment = {order: float(chance @ (k - mean) ** order) for order in (2, 4)}
    sd = np.sqrt(moment[2])
    sd_error = np.sqrt((moment[4] - moment[2] ** 2) / len(losses)) / (2 * sd)
    up_to = np.cumsum(chance)
    for number, q in FINITE.items():
        if int(np.searchsorted(up_to, q)) != number:
            raise AssertionError(f"quantile {q} of the exact distribution is not {number}")
    name = f"finite pool of {FINITE_N}"
    found = [
        Check(f"{name}: mean", float(losses.mean()), mean, sd / np.sqrt(len(losses))),
        Check(f"{name}: standard deviation", float(losses.std(ddof=1)), sd, sd_error),
    ]
    for number in FINITE:
        p = float(up_to[number])
        error = np.sqrt(p * (1 - p) / len(losses))
        found.append(Check(f"{name}: share up to {number}", float((losses <= number).mean()), p, error))
    return found


def finite_distribution(n, pd, correlation, points=4001):
    """Return float64[n + 1]: the distribution of defaults of n borrowers; the factor by the midpoint rule over +-9."""
    z = np.linspace(-9, 9, points)
    weight = np.exp(-(z**2) / 2)
    given_z = ndtr((ndtri(pd) - np.sqrt(correlation) * z) / np.sqrt(1 - correlation))
    chance = np.zeros(n + 1)
    for part in np.array_split(np.arange(points), 20):
        chance += weight[part] @ binom.pmf(np.arange(n + 1), n, given_z[part, None])
    return chance / weight.sum()


def roll_matrix(run):
    """Return the Checks of mean counts by state after some months, from 10,000 current accounts."""
    world = roll_chain(CHAIN_MONTHS[-1], CHAIN_REPLICATIONS, seed=2)
    sums = run("roll matrix", world)
    rolls = sums.rolls[:, :, 0, LINE, :, :, 0].sum(axis=(0, 2))  # [month, to], all replications
    matrix = np.zeros((6, 6))
    matrix[:5] = np.array(COUNTS) / np.sum(COUNTS, axis=1, keepdims=True)
    matrix[5, 5] = 1
    found = []
    for month in CHAIN_MONTHS:
        p = np.linalg.matrix_power(matrix, month)[0]
        open_states = [rolls[month, b] for b in range(4)] + [rolls[month, 4:BUCKETS].sum()]
        counts = np.array([*open_states, rolls[: month + 1, TO_WRITTEN_OFF].sum()]) / CHAIN_REPLICATIONS
        errors = np.sqrt(10_000 * p * (1 - p) / CHAIN_REPLICATIONS)
        names = ("current", "30", "60", "90", "120+", "charge-off")
        found += [
            Check(f"roll matrix, month {month}: {name}", float(count), float(10_000 * q), float(error))
            for name, count, q, error in zip(names, counts, p, errors, strict=True)
        ]
    return found
