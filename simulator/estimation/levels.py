"""Fit the levels of the shipped scenarios to published figures: `python -m simulator.estimation.levels`.

Targets and what may move to meet them stand in one TOML file. Every trial is simulated on the same people and the same
random numbers, so that a small change of a setting gives a small change of every figure, and least squares needs few
borrowers.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from scipy.optimize import least_squares

from simulator.analysis.estimates import mean
from simulator.analysis.measures import MEASURES, Window
from simulator.engine.trajectories import Trajectories
from simulator.lowering.lower import lower, tables_for
from simulator.lowering.structural import paid_by_day
from simulator.model.errors import UserError, did_you_mean
from simulator.model.layout import BALANCE, CONVERTED, INTEREST_DUE, K_ENTRY, LINE_AT, SUMS_PER_BATCH
from simulator.scenario.reader import load_scenario
from simulator.scenario.schema import Table
from simulator.scenario.toml_text import read_toml
from simulator.scenario.wording import problems_in
from simulator.study import Study, simulate
from simulator.system.pages import write_block

STEP = 0.04  # of a setting's range: what a derivative is taken over
YEAR = 12
BEGIN, END = "<!-- levels: python -m simulator.estimation.levels --check --page docs/calibration.md -->", "<!-- end -->"
ROLES = {"fit": "fitted", "set": "set", "check": "check"}  # by least squares; by hand, so no evidence; neither
UNITS = {"%": 100.0, "CNY": 1.0, "% a month": 100.0}


class World(Table):
    """A scenario, what is set on top of it, and the months whose figures are read."""

    scenario: str  # a path; in the file it starts at the file's folder
    set: list[str] = Field([])
    months: Annotated[list[int], Field(min_length=2, max_length=2)]  # first and last

    @field_validator("scenario")
    @classmethod
    def _from_here(cls, path: str, info: ValidationInfo) -> str:
        return str(_known(info, "folder", Path()) / path)


class Free(Table):
    """A setting that the fit may move: the same value at every one of `keys`, in `worlds`."""

    keys: Annotated[list[str], Field(min_length=1)]
    low: float
    high: float
    worlds: list[str] = Field([])  # all where none is named

    @field_validator("worlds")
    @classmethod
    def _are_worlds(cls, names: list[str], info: ValidationInfo) -> list[str]:
        return [_world(name, info) for name in names]


class Target(Table):
    """A published figure: of a world's measure or, where `setting` is given, of a number in its file."""

    what: str
    world: str
    measure: str = ""
    setting: str = ""
    unit: Literal[*UNITS]
    value: float  # as the measure has it: shares; in the file it is in `unit`
    tolerance: Annotated[float, Field(gt=0)]  # likewise
    source: str
    role: Literal[*ROLES]

    @field_validator("world")
    @classmethod
    def _is_a_world(cls, name: str, info: ValidationInfo) -> str:
        return _world(name, info)

    @field_validator("measure")
    @classmethod
    def _is_a_measure(cls, name: str) -> str:
        if name and name not in MEASURES and name not in OWN:
            raise ValueError(f"found {name!r}; {did_you_mean(name, [*MEASURES, *OWN])}")
        return name

    @field_validator("value", "tolerance")
    @classmethod
    def _out_of_unit(cls, number: float, info: ValidationInfo) -> float:
        return number / UNITS.get(info.data.get("unit", ""), 1)

    @model_validator(mode="after")
    def _is_of_something(self) -> "Target":
        if bool(self.measure) == bool(self.setting):
            raise ValueError("needs a measure or a setting; give one of them")
        return self


class Plan(Table):
    """What is fitted to what, with how many borrowers and replications."""

    borrowers: Annotated[int, Field(gt=0)]
    replications: Annotated[int, Field(gt=0)]
    world: dict[str, World]
    free: dict[str, Free]
    target: dict[str, Target]

    def worlds_of(self, free: Free) -> list[str]:
        """Return the names of the worlds in which a setting moves."""
        return free.worlds or list(self.world)


class Figure(NamedTuple):
    """A simulated figure and its standard error over replications (0 for a setting)."""

    value: float
    se: float


@dataclass(frozen=True)
class LevelFit:
    """Fitted values with their Monte Carlo errors, and every target's figure at them."""

    values: dict[str, float]
    errors: dict[str, float]
    figures: dict[str, Figure]


def read_plan(path: str | Path) -> Plan:
    """Return the plan of a TOML file; paths in it start at the file's folder.

    Raises UserError with everything that is wrong with it.
    """
    path = Path(path)
    tree = read_toml(path, "targets")
    try:
        return Plan.model_validate(tree, context={"folder": path.parent, "worlds": tree.get("world")})
    except ValidationError as errors:
        raise UserError(problems_in(str(path), Plan, errors)) from None


def _known(info, name, otherwise):
    """Return what `read_plan` tells the checks of a file; `otherwise` where there is no file."""
    return info.context[name] if info.context else otherwise


def _world(name, info):
    """Return the name of a world; ValueError if the file has no such world."""
    worlds = _known(info, "worlds", None)
    if isinstance(worlds, dict) and name not in worlds:
        raise ValueError(f"found {name!r}; no such world, allowed: {', '.join(worlds)}")
    return name


# ---- figures that are no measure of a ledger -------------------------------------------------------
def no_interest_share(study: Study, first: int, last: int) -> np.ndarray:
    """Return float64[replication]: share of the line's users in the year before `last` who were charged no interest.

    Nor the fee of a converted bill, which takes its place.
    Users are holders of the opening book who owe something at the end of a month of that year. Late charges are no
    interest. Everyone's state is kept month by month: a month's interest is still unpaid at its end.
    """
    world = lower(study.scenario.baseline)
    tiles, replications = world.tiles[world.tiles[:, K_ENTRY] == 0], range(world.replications)
    lives = Trajectories(tables_for(world, 0, len(replications)), world.levers, tiles, world.tape, replications, last)
    charged, used = [], []
    for month in range(last - YEAR + 1, last + 1):
        state = lives.advance_to(month)
        charged.append((state[:, :, LINE_AT + INTEREST_DUE] > 0) | (state[:, :, LINE_AT + CONVERTED] > 0))
        used.append(state[:, :, LINE_AT + BALANCE] > 0)
    users = np.any(used, axis=0)
    return (users & ~np.any(charged, axis=0)).sum(axis=(1, 2)) / users.sum(axis=(1, 2))


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
    first, last = world.months
    if target.setting:
        return Figure(float(_setting(study.scenario.baseline, target.setting)), 0.0)
    if target.measure in OWN:
        samples = OWN[target.measure](study, first, last)
    else:
        measure, ledger = MEASURES[target.measure], study.comparison.ledgers["baseline"]
        if measure.opening:  # of stocks alone
            samples = measure(ledger, by_month=True)[:, first - 1 : last].mean(axis=1)
        else:
            samples = measure(ledger, Window("fit", first, last, last))
    return Figure(*(float(part) for part in mean(samples)))


def studies(plan: Plan, values: dict[str, float], threads: int | None = None) -> dict[str, Study]:
    """Return the study of every world with the free settings at `values`."""
    applicants = f"portfolio.applicants_per_month={plan.borrowers // 100}"  # 1% a month, as in the files
    found = {}
    for name, world in plan.world.items():
        free = {one: plan.free[one] for one in values if name in plan.worlds_of(plan.free[one])}
        moved = [f"{key}={values[one]!r}" for one in free for key in free[one].keys]
        overrides = [applicants, *moved, *world.set]
        scenario = load_scenario(world.scenario, overrides, plan.borrowers, plan.replications, world.months[1])
        found[name] = simulate(scenario, threads)
    return found


def figures(plan: Plan, found: dict[str, Study]) -> dict[str, Figure]:
    """Return the simulated figure of every target."""
    return {name: figure(one, plan.world[one.world], found[one.world]) for name, one in plan.target.items()}


def shipped_values(plan: Plan) -> dict[str, float]:
    """Return the free settings as they stand in the files."""
    baselines = {name: load_scenario(world.scenario).baseline for name, world in plan.world.items()}
    return {name: float(_setting(baselines[plan.worlds_of(one)[0]], one.keys[0])) for name, one in plan.free.items()}


def _setting(settings, key):
    """Return the value at a key path; a number in it is a place in a list."""
    for part in key.split("."):
        where = isinstance(settings, dict | list)
        settings = settings[int(part) if part.isdigit() else part] if where else getattr(settings, part)
    return settings


def fit_levels(
    plan: Plan, threads: int | None = None, tell: Callable[[str], None] = lambda line: None, rounds=8
) -> LevelFit:
    """Return the free settings that meet the fitted targets best: least squares of (figure - target) / tolerance.

    Derivatives are finite differences under common random numbers. The errors are those that chance in the simulation
    leaves in the fitted values: the covariance of the figures taken through the least-squares solution. `tell` is told
    each trial in a line.
    """
    fitted = {name: one for name, one in plan.target.items() if one.role == "fit"}
    low, high = (np.array([getattr(one, end) for one in plan.free.values()]) for end in ("low", "high"))
    start = np.array(list(shipped_values(plan).values()))
    trials, known = 0, {}

    def values(x):
        return dict(zip(plan.free, (low + x * (high - low)).tolist(), strict=True))

    def residuals(x):
        nonlocal trials
        if x.tobytes() not in known:
            trials += 1
            found = figures(plan, studies(plan, values(x), threads))
            apart = np.array([(found[name].value - one.value) / one.tolerance for name, one in fitted.items()])
            known[x.tobytes()] = apart
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
    noise = np.array([final[name].se / one.tolerance for name, one in fitted.items()])
    spread = np.linalg.pinv(best.jac) * noise
    errors = np.sqrt((spread**2).sum(axis=1)) * (high - low)
    return LevelFit(values(best.x), dict(zip(values(best.x), errors.tolist(), strict=True)), final)


# ---- what is said of it ----------------------------------------------------------------------------
def table(plan: Plan, found: dict[str, Figure]) -> str:
    """Return target against simulated as a Markdown table: error, tolerance, and whether it is met."""
    lines = [
        "| id | what | world | target | simulated | ± se | off by | tolerance | met | used | source |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, one in plan.target.items():
        scale, now = UNITS[one.unit], found[name]
        digits = 0 if one.unit == "CNY" else 2
        number = [scale * x for x in (one.value, now.value, now.se, now.value - one.value, one.tolerance)]
        target, value, se, off, tolerance = (f"{x:,.{digits}f}" for x in number)
        met = "yes" if abs(now.value - one.value) <= one.tolerance else "**no**"
        lines.append(
            f"| {name} | {one.what}, {one.unit} | {one.world} | {target} | {value} | {se} | {off} | {tolerance} | "
            f"{met} | {ROLES[one.role]} | {one.source} |"
        )
    return "\n".join(lines)


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
            result = fit_levels(plan, tell=lambda line: print(line, file=sys.stderr, flush=True), rounds=given.rounds)
            values, found = result.values, result.figures
            print("| setting | fitted | ± Monte Carlo error | range |\n|---|---|---|---|")
            for name, one in plan.free.items():
                print(
                    f"| {', '.join(f'`{key}`' for key in one.keys)} | {values[name]:.4g} | "
                    f"{result.errors[name]:.2g} | {one.low:g} to {one.high:g} |"
                )
            print()
        print(table(plan, found))
        if given.check and given.page:
            write_block(given.page, table(plan, found), BEGIN, END)
        return 0
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
