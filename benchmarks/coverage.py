"""Do 95 % intervals cover? Many runs of one world, each with its own seed, against what the world's values are.

The levels, differences, tails and the verdict of a revolving line like Huabei's are held against brute force: as many
runs again, with other seeds, pooled. The shares of states under a roll matrix are held against its powers, which are
exact. A break-even value, and the value at which a choice turns, are held against the root of the same world with a
hundred times the replications. A run draws its borrowers anew in each replication, as a reader's run does.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from simulator.analysis.comparison import Comparison
from simulator.analysis.measures import MEASURES
from simulator.decision.breakeven import breakeven
from simulator.decision.flips import flips
from simulator.scenario.reader import load_scenario
from simulator.scenario.scenario import Scenario
from simulator.study import compare, simulate

from .worlds import SCENARIOS, read

SEEDS = 200
LEAST, MOST = 0.92, 0.98  # of intervals that should cover 95 times in 100: two standard errors over 200 seeds
LEAST_ROUGH = 0.90  # of those that ten replications a side carry: VaR's are wide on purpose, ES's rest on few losses
REPLICATIONS = 200  # as many as a 95 % tail needs
BRUTE = 1_000_000  # seeds of the brute force begin here
VARIANTS = ("cut_at_30", "freeze_and_close")
MEANS = ("net_loss", "default_rate", "npv")
TAILS = ("var95", "es95")
STATES = {"dpd30_share_count": 1, "dpd90_share_count": 3}  # measure -> the first bucket that it counts

# Five states that nobody leaves, from where accounts stand at the opening to where they stand a year later.
MATRIX = (
    (0.930, 0.070, 0.000, 0.000, 0.000),
    (0.450, 0.200, 0.350, 0.000, 0.000),
    (0.150, 0.100, 0.150, 0.600, 0.000),
    (0.060, 0.000, 0.060, 0.120, 0.760),
    (0.020, 0.000, 0.000, 0.000, 0.980),
)
OPENING = (0.90, 0.04, 0.02, 0.01, 0.03)
ROLLS = f"""
title = "Where accounts stand under a roll matrix"
months = 12
run_off_months = 0
replications = 40
currency = {{ code = "CNY", minor_units = 100 }}

[portfolio]
borrowers = 2000

[segment.all]
share = 1.0
line_holders = 1.0
line_limit = {{ distribution = "constant", value = 1000, unit = "CNY" }}
utilisation = {{ distribution = "constant", value = 0.5 }}

[segment.all.opening]
line = {list(OPENING)}

[behaviour]
model = "roll_rates"

[behaviour.roll_rates.line]
states = [{
    ", ".join(
        f'{{ name = "b{bucket}", bucket = {bucket}{", at_least = true" if bucket == 4 else ""} }}'
        for bucket in range(5)
    )
}]
matrix = {[list(row) for row in MATRIX]}
"""


SALE = """
title = "Sell late debt, or keep it"
months = 6
run_off_months = 6
replications = 40
discount_rate = 0.06

[portfolio]
borrowers = 2000

[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
utilisation = 0.5

[products.line]
interest_rate = { value = 0.2, unit = "per year" }

[behaviour]
model = "roll_rates"

[behaviour.roll_rates.line]
states = [
    { name = "current", bucket = 0, pays = 0.1 },
    { name = "dpd30", bucket = 1 },
    { name = "dpd60", bucket = 2, at_least = true },
    { name = "charged_off", bucket = "written_off" },
]
matrix = [[0.97, 0.03, 0.0, 0.0], [0.45, 0.2, 0.35, 0.0], [0.1, 0.1, 0.5, 0.3]]

[policy.sale]
kind = "npl_sale"
enabled = false
from = "open"
at_dpd = 30
price = { value = 0.6, range = [0.2, 0.9] }

[variant.sell]
policy.sale.enabled = true
"""
PRICE, MANY = "policy.sale.price", 4_000  # replications of its true root


class Covered(NamedTuple):
    """How often the intervals of one number held its value."""

    name: str
    truth: float
    covered: int
    of: int
    exact: bool  # should be between LEAST and MOST; else, a difference of tails, it is rough: at least LEAST_ROUGH

    @property
    def share(self) -> float:
        """Return the share of intervals that cover."""
        return self.covered / self.of

    @property
    def is_right(self) -> bool:
        """Return whether it is what it should be."""
        return LEAST <= self.share <= MOST if self.exact else self.share >= LEAST_ROUGH


def check(advance: Callable[[str, int, int], None], seeds: int = SEEDS) -> list[Covered]:
    """Return every check over so many seeds; `advance` is told (what, runs done since, all runs) as they end."""
    line, rolls = _line(), read(ROLLS)

    def each(what, question, scenario, first, keep):
        for seed in range(first, first + seeds):
            yield keep(question(_seeded(scenario, seed)).comparison)
            advance(what, 1, 5 * seeds)

    brute = list(each("brute force", compare, line, BRUTE, _samples))
    pooled = {name: np.concatenate([run[name] for run in brute]) for name in brute[0]}
    stated = each("intervals of the line", compare, line, 1, _stated)
    states = each("states of a roll matrix", simulate, rolls, 1, _exact)
    rows: dict[str, list] = {}
    for what, (low, high), value in _roots(seeds, lambda what: advance(what, 1, 5 * seeds)):
        rows.setdefault(what, []).append((low, high, value))
    for run in stated:
        for name, (low, high), value in run:
            rows.setdefault(name, []).append((low, high, value(pooled)))
    for run in states:
        for name, (low, high), value in run:
            rows.setdefault(name, []).append((low, high, value))
    return [_covered(name, np.array(found)) for name, found in rows.items()]


def _roots(seeds: int, tell: Callable[[str], None]) -> Iterator[tuple[str, tuple[float, float], float]]:
    """Yield (what, interval, value) of the price at which selling is as good as keeping, asked in both ways."""
    world = read(SALE)
    many = replace(world, baseline=world.baseline.model_copy(update={"replications": MANY}))
    many = _seeded(
        replace(many, variants={k: v.model_copy(update={"replications": MANY}) for k, v in many.variants.items()}),
        BRUTE,
    )
    truth = breakeven(many, PRICE, "sell").value
    assert truth is not None
    for seed in range(1, 1 + seeds):
        found = breakeven(_seeded(world, seed), PRICE, "sell")
        yield "break-even value", _closed(found.low, found.high), truth
        tell("break-even values")
        turns = flips(_seeded(world, seed), keys=[PRICE]).flips
        ends = [None if x is None else one.varied.shown(x) for one in turns[:1] for x in (one.low, one.high)]
        yield "value at which the choice turns", _closed(*ends) if turns else (np.nan, np.nan), truth
        tell("values at which the choice turns")


def _closed(low: float | None, high: float | None) -> tuple[float, float]:
    """Return an interval with its open ends at infinity."""
    return -np.inf if low is None else low, np.inf if high is None else high


def _line() -> Scenario:
    """Return the line like Huabei's in small: three lenders, a year of lending and one of run-off."""
    path, settings = SCENARIOS / "huabei.toml", ["run_off_months=12", "run_on_months=0"]
    scenario = load_scenario(path, settings, borrowers=1000, months=12, replications=REPLICATIONS)
    return replace(scenario, variants={name: scenario.variants[name] for name in VARIANTS})


def _seeded(scenario: Scenario, seed: int) -> Scenario:
    """Return the scenario under another seed: other people and other random numbers."""
    baseline, *variants = (
        lender.model_copy(update={"seed": seed}) for lender in (scenario.baseline, *scenario.variants.values())
    )
    return replace(scenario, baseline=baseline, variants=dict(zip(scenario.variants, variants, strict=True)))


def _samples(run: Comparison) -> dict[tuple[str, str], np.ndarray]:
    """Return {(lender, measure): float64[replication]} of all that is checked."""
    return {(lender, name): run.samples(lender, name) for lender in run.ledgers for name in MEANS}


def _stated(run: Comparison) -> Iterator[tuple[str, tuple[float, float], Callable]]:
    """Yield (what, interval, value) of all that a run of the line states; value(pooled) is that of brute force."""
    base, variant = run.baseline, VARIANTS[0]
    for name in (*MEANS, *TAILS):
        value = partial(_mean, name) if name in MEANS else partial(_tail, name)
        yield f"level of {name}", run.interval(base, name), partial(value, base)
        d = run.difference(variant, name)
        yield f"difference of {name}", (d.low, d.high), partial(value, variant, less=base)
    verdict = run.verdict()
    d = run.difference(verdict.leader, "npv", against=verdict.second)
    yield "verdict's difference", (d.low, d.high), partial(_mean, "npv", verdict.leader, less=verdict.second)


def _exact(run: Comparison) -> list[tuple[str, tuple[float, float], float]]:
    """Return (what, interval, value) of the shares of states, whose values are those of the matrix's powers."""
    stands = np.array(OPENING) @ np.linalg.matrix_power(np.array(MATRIX), run.frame.months)
    return [
        (f"roll matrix: {name}", run.interval(run.baseline, name), float(stands[bucket:].sum()))
        for name, bucket in STATES.items()
    ]


def _mean(name, lender, pooled, less=None):
    """Return the mean of a measure of one lender, less that of another where it is given."""
    mean = float(pooled[lender, name].mean())
    return mean if less is None else mean - _mean(name, less, pooled)


def _tail(name, lender, pooled, less=None):
    """Return a tail of the net loss of one lender, less that of another where it is given."""
    tail = float(MEASURES[name].statistic.estimate(pooled[lender, "net_loss"]).value)
    return tail if less is None else tail - _tail(name, less, pooled)


def _covered(name, found):
    """Return how often the intervals in `found`, float64[seed, (low, high, value)], hold the value."""
    low, high, value = found.T
    covered = int(((low <= value) & (value <= high)).sum())
    return Covered(
        name, float(value.mean()), covered, len(found), name not in {f"difference of {tail}" for tail in TAILS}
    )
