"""Fit the levels of the shipped scenarios to published figures: `python -m simulator.estimation.levels`.

Targets and what may move to meet them stand in one TOML file. Every trial is simulated on the same people and the same
luck, so that a small change of a setting gives a small change of every figure, and least squares needs few borrowers.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from simulator import engine
from simulator.behaviour.structural import paid_by_day
from simulator.estimates import mean
from simulator.kernel.kept import advance
from simulator.kernel.names import (
    BALANCE,
    BUCKETS,
    INTEREST_DUE,
    K_ENTRY,
    LANES,
    LINE_AT,
    N_STATE,
    PRODUCTS,
    SUMS_PER_BATCH,
)
from simulator.lower import lower, tables_for
from simulator.measures import MEASURES, Window
from simulator.scenario.errors import Problem, UserError, did_you_mean
from simulator.scenario.reader import load_scenario, read_toml
from simulator.study import Study, simulate

STEP = 0.04  # of a setting's range: what a derivative is taken over
YEAR = 12
WORLD_KEYS = {"scenario", "set", "months"}
TARGET_KEYS = {"world", "measure", "setting", "value", "tolerance", "unit", "source", "role", "what"}
BEGIN, END = "<!-- levels: python -m simulator.estimation.levels --check --page docs/calibration.md -->", "<!-- end -->"
ROLES = {"fit": "fitted", "set": "set", "check": "check"}  # by least squares; by hand, so no evidence; neither
UNITS = {"%": 100.0, "CNY": 1.0, "% a month": 100.0}


@dataclass(frozen=True)
class World:
    """A scenario, what is set on top of it, and the months whose figures are read."""

    name: str
    path: Path
    overrides: tuple[str, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Target:
    """A published figure: of a world's measure or, where `setting` is given, of a number in its file."""

    name: str
    world: str
    measure: str
    setting: str
    value: float  # canonical unit: shares, not percent
    tolerance: float
    unit: str
    source: str
    role: str
    what: str


@dataclass(frozen=True)
class Free:
    """A setting that the fit may move: the same value at every one of `keys`, in all `worlds`."""

    name: str
    keys: tuple[str, ...]
    low: float
    high: float
    worlds: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is fitted to what, with how many borrowers and replications."""

    worlds: dict[str, World]
    targets: tuple[Target, ...]
    free: tuple[Free, ...]
    borrowers: int
    replications: int


class Figure(NamedTuple):
    """A simulated figure and its standard error over replications (0 for a setting)."""

    value: float
    se: float


@dataclass(frozen=True)
class Fit:
    """Fitted values with their Monte Carlo errors, and every target's figure at them."""

    values: dict[str, float]
    errors: dict[str, float]
    figures: dict[str, Figure]


def read_plan(path: str | Path) -> Plan:
    """Return the plan of a TOML file; paths in it start at the file's folder.

    Raises UserError with every unknown key, missing key, measure and world.
    """
    path, problems = Path(path), []
    tree = read_toml(path, "targets")
    try:
        worlds = {name: _world(path, name, table) for name, table in tree["world"].items()}
        free = tuple(
            Free(name, tuple(table["keys"]), table["low"], table["high"], tuple(table.get("worlds", worlds)))
            for name, table in tree["free"].items()
        )
        sizes = int(tree["borrowers"]), int(tree["replications"])
        targets = tuple(_target(path, name, table, worlds, problems) for name, table in tree["target"].items())
    except (KeyError, TypeError, ValueError) as error:
        problems.append(Problem(str(path), "", f"cannot be read as targets: {error!r}", "see scenarios/targets"))
    if problems:
        raise UserError(problems)
    return Plan(worlds, targets, free, *sizes)


def _world(path, name, table):
    if unknown := set(table) - WORLD_KEYS:
        raise KeyError(f"world.{name}: unknown {', '.join(sorted(unknown))}")
    first, last = table["months"]
    return World(name, path.parent / table["scenario"], tuple(table.get("set", ())), first, last)


def _target(path, name, table, worlds, problems):
    """Return a target, noting what is wrong with it."""
    key, scale = f"target.{name}", UNITS.get(table.get("unit"))
    for unknown in sorted(set(table) - TARGET_KEYS):
        problems.append(Problem(str(path), f"{key}.{unknown}", "unknown key", did_you_mean(unknown, TARGET_KEYS)))
    if table.get("world") not in worlds:
        problems.append(Problem(str(path), f"{key}.world", "no such world", f"allowed: {', '.join(worlds)}"))
    measure, setting = table.get("measure", ""), table.get("setting", "")
    if bool(measure) == bool(setting):
        problems.append(Problem(str(path), key, "needs a measure or a setting", "give one of them"))
    if measure and measure not in MEASURES and measure not in OWN:
        problems.append(
            Problem(str(path), f"{key}.measure", f"found {measure!r}", did_you_mean(measure, [*MEASURES, *OWN]))
        )
    if scale is None:
        problems.append(
            Problem(str(path), f"{key}.unit", f"found {table.get('unit')!r}", f"allowed: {', '.join(UNITS)}")
        )
    if table.get("role") not in ROLES:
        problems.append(
            Problem(str(path), f"{key}.role", f"found {table.get('role')!r}", f"allowed: {', '.join(ROLES)}")
        )
    return Target(
        name,
        table.get("world"),
        measure,
        setting,
        table["value"] / (scale or 1),
        table["tolerance"] / (scale or 1),
        table.get("unit"),
        table["source"],
        table.get("role"),
        table["what"],
    )


# ---- figures that are no measure of a ledger -------------------------------------------------------
def no_interest_share(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: share of the line's users in the year before `last` who were charged no interest.

    Users are holders of the opening book who owe something at the end of a month of that year. Late charges are no
    interest. Everyone's state is kept month by month: a month's interest is still unpaid at its end.
    """
    world = lower(study.scenario.baseline)
    tiles = world.tiles[world.tiles[:, K_ENTRY] == 0]
    replications = world.replications
    tables = tables_for(world, 0, replications)
    sums = engine.empty_sums(replications, world.months_total, len(world.segments))
    store = np.zeros((replications, len(tiles), N_STATE, LANES), np.int32)
    charged = np.zeros((replications, len(tiles), LANES), bool)
    used = np.zeros_like(charged)
    before = last - YEAR
    for month_from, month_to in ((1, before), *((month, month) for month in range(before + 1, last + 1))):
        if month_from <= month_to:
            advance(
                tables, world.levers, tiles, world.tape, 0, replications, month_from, month_to, True, store, *sums
            )  # fmt: skip
        if month_to > before:
            charged |= store[:, :, LINE_AT + INTEREST_DUE] > 0
            used |= store[:, :, LINE_AT + BALANCE] > 0
    return (used & ~charged).sum(axis=(1, 2)) / used.sum(axis=(1, 2))


def dpd1_share(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: share of balance 1 or more days past due, on the average day of the months.

    The month's steps show 30+ only; what is younger is the dues missed, less what is paid by each of the 30 days
    along the curve of the kernel through the shares paid by day 7 and by day 30.
    """
    ledger, window = study.comparison.ledgers["baseline"], Window("fit", first, last, last)
    missed, by_7, by_30 = (MEASURES[m](ledger, window) for m in ("day1_rate", "collected_7_rate", "collected_30_rate"))
    late = MEASURES["dpd30_share_balance"](ledger, by_month=True)[:, first - 1 : last].mean(axis=1)
    young = [1 - paid_by_day(a, b)[:30].mean() for a, b in zip(by_7, by_30, strict=True)]
    return late + (1 - late) * missed * np.array(young)


def written_off_interest_share(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: interest and late charges in what is written off."""
    ledger, window = study.comparison.ledgers["baseline"], Window("fit", first, last, last)
    parts = [MEASURES[f"written_off{name}"](ledger, window) for name in ("_interest", "_fees", "")]
    return (parts[0] + parts[1]) / parts[2]


def mean_written_off(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: mean balance of an account that is written off, in the currency."""
    ledger = study.comparison.ledgers["baseline"]
    amount, number = (ledger.total(name)[:, first : last + 1].sum(axis=1) for name in ("written_off", "n_written_off"))
    return amount / number / ledger.frame.minor_units


def book_growth(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: balance at the end of month `last`, of that at the opening."""
    balance = study.comparison.ledgers["baseline"].total("balance")
    return balance[:, last] / balance[:, 0]


def npl_growth(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: balance 90+ at the end of month `last`, of that at the opening."""
    balance = study.comparison.ledgers["baseline"].total("balance_dpd90")
    return balance[:, last] / balance[:, 0]


def refused_share(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: of the accounts 90 or more days past due those whose borrower will not pay."""
    ledger = study.comparison.ledgers["baseline"]
    refused, late = (ledger.total(name)[:, first : last + 1].sum(axis=1) for name in ("n_dpd90_will_not", "n_dpd90"))
    return refused / late


def dpd90_179_of_dpd1(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[batch]: of the balance 1 or more days past due what is 90 to 179 days past due."""
    ledger = study.comparison.ledgers["baseline"]
    late = MEASURES["dpd90_179_share_balance"](ledger, by_month=True)[:, first - 1 : last].mean(axis=1)
    any_day = dpd1_share(study, first, last)
    return late / [any_day[batch::SUMS_PER_BATCH].mean() for batch in range(len(late))]


OWN: dict[str, Callable] = {
    f.__name__: f
    for f in (
        no_interest_share,
        dpd1_share,
        dpd90_179_of_dpd1,
        written_off_interest_share,
        mean_written_off,
        refused_share,
        book_growth,
        npl_growth,
    )
}


# ---- simulated figures -----------------------------------------------------------------------------
def figure(target: Target, world: World, study: Study) -> Figure:
    """Return the simulated figure of a target: stocks averaged over the world's months, flows summed over them."""
    if target.setting:
        return Figure(float(_setting(study.scenario.baseline, target.setting)), 0.0)
    if target.measure in OWN:
        samples = OWN[target.measure](study, world.first, world.last)
    else:
        measure, ledger = MEASURES[target.measure], study.comparison.ledgers["baseline"]
        if "[at]" in measure.formula:
            samples = measure(ledger, by_month=True)[:, world.first - 1 : world.last].mean(axis=1)
        else:
            samples = measure(ledger, Window("fit", world.first, world.last, world.last))
    return Figure(*(float(part) for part in mean(samples)))


def studies(plan: Plan, values: dict[str, float], threads: int | None = None) -> dict[str, Study]:
    """Return the study of every world with the free settings at `values`."""
    sizes = {"borrowers": plan.borrowers, "replications": plan.replications}
    applicants = f"portfolio.applicants_per_month={plan.borrowers // 100}"  # 1% a month, as in the files
    found = {}
    for world in plan.worlds.values():
        free = [one for one in plan.free if one.name in values and world.name in one.worlds]
        moved = [f"{key}={values[one.name]!r}" for one in free for key in one.keys]
        scenario = load_scenario(world.path, [applicants, *moved, *world.overrides], **sizes, months=world.last)
        found[world.name] = simulate(scenario, threads)
    return found


def figures(plan: Plan, found: dict[str, Study]) -> dict[str, Figure]:
    """Return the simulated figure of every target."""
    return {one.name: figure(one, plan.worlds[one.world], found[one.world]) for one in plan.targets}


def shipped_values(plan: Plan) -> dict[str, float]:
    """Return the free settings as they stand in the files."""
    baselines = {name: load_scenario(world.path).baseline for name, world in plan.worlds.items()}
    return {one.name: float(_setting(baselines[one.worlds[0]], one.keys[0])) for one in plan.free}


def _setting(settings, key):
    """Return the value at a key path; a number in it is a place in a list."""
    for part in key.split("."):
        where = isinstance(settings, dict | list)
        settings = settings[int(part) if part.isdigit() else part] if where else getattr(settings, part)
    return settings


def fit(plan: Plan, threads: int | None = None, tell: Callable[[str], None] = lambda line: None, rounds=8) -> Fit:
    """Return the free settings that meet the fitted targets best: least squares of (figure - target) / tolerance.

    Derivatives are finite differences on common luck. The errors are those that the luck of the simulation leaves in
    the fitted values: the covariance of the figures taken through the least-squares solution. `tell` is told each
    trial in a line.
    """
    fitted = [one for one in plan.targets if one.role == "fit"]
    low, high = (np.array([getattr(one, end) for one in plan.free]) for end in ("low", "high"))
    start = np.array(list(shipped_values(plan).values()))
    trials, known = 0, {}

    def values(x):
        return dict(zip((one.name for one in plan.free), (low + x * (high - low)).tolist(), strict=True))

    def residuals(x):
        nonlocal trials
        if x.tobytes() not in known:
            trials += 1
            found = figures(plan, studies(plan, values(x), threads))
            known[x.tobytes()] = np.array([(found[one.name].value - one.value) / one.tolerance for one in fitted])
            apart = known[x.tobytes()]
            tell(f"trial {trials}: sum of squares {apart @ apart:.2f}")
        return known[x.tobytes()]

    def derivative(x):
        """Return float64[target, setting]: one-sided, a step of the same size for all, away from the nearer bound."""
        here, columns = residuals(x), []
        for k in range(len(x)):
            there = x.copy()
            there[k] += STEP if x[k] < 0.5 else -STEP
            columns.append((residuals(there) - here) / (there[k] - x[k]))
        return np.array(columns).T

    x = np.clip((start - low) / (high - low), 0.01, 0.99)
    best = least_squares(residuals, x, derivative, bounds=(0, 1), max_nfev=rounds)
    final = figures(plan, studies(plan, values(best.x), threads))
    noise = np.array([final[one.name].se / one.tolerance for one in fitted])
    spread = np.linalg.pinv(best.jac) * noise
    errors = np.sqrt((spread**2).sum(axis=1)) * (high - low)
    return Fit(values(best.x), dict(zip(values(best.x), errors.tolist(), strict=True)), final)


# ---- what is said of it ----------------------------------------------------------------------------
def table(plan: Plan, found: dict[str, Figure]) -> str:
    """Return target against simulated as a Markdown table: error, tolerance, and whether it is met."""
    lines = [
        "| id | what | world | target | simulated | ± se | off by | tolerance | met | used | source |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in plan.targets:
        scale, now = UNITS[one.unit], found[one.name]
        digits = 0 if one.unit == "CNY" else 2
        off = now.value - one.value
        number = [scale * x for x in (one.value, now.value, now.se, off, one.tolerance)]
        target, value, se, off, tolerance = (f"{x:,.{digits}f}" for x in number)
        met = "yes" if abs(now.value - one.value) <= one.tolerance else "**no**"
        lines.append(
            f"| {one.name} | {one.what}, {one.unit} | {one.world} | {target} | {value} | {se} | {off} | {tolerance} | "
            f"{met} | {ROLES[one.role]} | {one.source} |"
        )
    return "\n".join(lines)


def opening_shares(study: Study, first: int, last: int) -> dict[str, np.ndarray]:
    """Return float64[segment, bucket] by product held: where its accounts stand in these months, by number.

    Put in `opening`, a run starts where it would have ended.
    """
    ledger = study.comparison.ledgers["baseline"]
    stock = ledger.rolls[:, first : last + 1, ..., :BUCKETS, :BUCKETS, 0].sum(axis=(0, 1, 4))
    return {
        name: stock[:, product] / stock[:, product].sum(axis=-1, keepdims=True)
        for product, name in enumerate(PRODUCTS)
        if stock[:, product].sum() > 0
    }


def drift(study: Study, measure: str) -> np.ndarray:
    """Return float64[month]: a share month by month, the mean over replications."""
    return MEASURES[measure](study.comparison.ledgers["baseline"], by_month=True).mean(axis=0)


def write_block(page: Path, text: str) -> None:
    """Put `text` between the page's marks BEGIN and END; ValueError if they are not there."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{page} has no marks {BEGIN} and {END}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Fit and print, or with --check only simulate and print; return the exit code."""
    parser = ArgumentParser(prog="python -m simulator.estimation.levels", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="?", default="scenarios/targets/levels.toml")
    parser.add_argument("--check", action="store_true", help="simulate the files as they stand, fit nothing")
    parser.add_argument("--page", type=Path, help="with --check: the page whose table is replaced")
    parser.add_argument("--rounds", type=int, default=8, help="most steps of the fit")
    given = parser.parse_args(arguments)
    try:
        plan = read_plan(given.targets)
        values = shipped_values(plan)
        if given.check:
            found = figures(plan, studies(plan, {}))
        else:
            result = fit(plan, tell=lambda line: print(line, file=sys.stderr, flush=True), rounds=given.rounds)
            values, found = result.values, result.figures
            print("| setting | fitted | ± Monte Carlo error | range |\n|---|---|---|---|")
            for one in plan.free:
                print(
                    f"| {', '.join(f'`{key}`' for key in one.keys)} | {values[one.name]:.4g} | "
                    f"{result.errors[one.name]:.2g} | {one.low:g} to {one.high:g} |"
                )
            print()
        print(table(plan, found))
        if given.check and given.page:
            write_block(given.page, table(plan, found))
        return 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
