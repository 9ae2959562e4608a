"""A file of a trial: accounts of each arm, segment and month, and of how many it happened, or what they paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.reading.files import file_digest, open_table, read_columns
from simulator.reading.table import Form

COUNTED, AMOUNTS = ("successes",), ("sum", "sum_of_squares")
WHOLE = "all"  # segment, or month, of a file that has no such column
LISTED = 20  # wrong rows that are told one by one
COLUMNS = ("arm", "segment", "month", "n", *COUNTED, *AMOUNTS)
HEADINGS = {  # common ones in Chinese, by the column that they are
    "arm": ("组", "组别", "分组", "试验组", "实验组别", "试验组别"),
    "segment": ("客群", "分群", "客户群", "细分"),
    "month": ("月", "月份", "统计月份"),
    "n": ("户数", "账户数", "人数", "样本数", "样本量"),
    "successes": ("成功", "成功数", "成功户数", "命中数", "发生数", "发生户数"),
    "sum": ("合计", "金额合计", "总额", "总金额"),
    "sum_of_squares": ("平方和", "金额平方和"),
}
FEW = 5  # accounts with and without a success below which the error of log-odds is rough


@dataclass(frozen=True)
class Trial:
    """Two arms of a trial, cell by cell; in arrays of two the control comes first."""

    file: str
    sha256: str
    control: str
    arm: str
    left_out: tuple[str, ...]  # other arms
    segments: tuple[str, ...]
    months: tuple[str, ...]
    segment: np.ndarray  # int[cell]
    month: np.ndarray  # int[cell]
    n: np.ndarray  # float64[cell, 2]: accounts
    total: np.ndarray  # float64[cell, 2]: successes, or the sum of amounts
    squares: np.ndarray | None  # float64[cell, 2]: the sum of squared amounts; None of a trial that counts
    headings: tuple[tuple[str, str], ...] = ()  # (heading, column) of those known by a common heading

    @property
    def counts(self) -> bool:
        """Whether it counts accounts, and adds up no amounts."""
        return self.squares is None

    @property
    def level(self) -> np.ndarray:
        """float64[2]: the share of accounts, or the mean amount, of each arm."""
        return self.total.sum(axis=0) / self.n.sum(axis=0)

    @property
    def shares(self) -> np.ndarray:
        """float64[segment]: the share of all accounts."""
        found = np.bincount(self.segment, self.n.sum(axis=1), len(self.segments))
        return found / found.sum()

    @property
    def contrasts(self) -> tuple[np.ndarray, np.ndarray]:
        """float64[cell] twice: the arm against the control, a difference of log-odds or of logarithms; its variance.

        Of counts with one half added to all four, so that none is without end. Source: J. B. S. Haldane, Annals of
        Human Genetics 20 (1956).
        """
        if self.squares is None:
            yes, no = self.total + 0.5, self.n - self.total + 0.5
            log_odds = np.log(yes / no)
            return log_odds[:, 1] - log_odds[:, 0], (1 / yes + 1 / no).sum(axis=1)
        mean = self.total / self.n
        spread = np.maximum(self.squares / self.n - mean**2, 0) * self.n / np.maximum(self.n - 1, 1)
        return np.log(mean[:, 1] / mean[:, 0]), (spread / (self.n * mean**2)).sum(axis=1)

    @property
    def of_one(self) -> np.ndarray:
        """float64[2]: n times the variance of each arm's log-odds, or of the logarithm of its mean."""
        level = self.level
        if self.squares is None:
            return 1 / (level * (1 - level))
        return (self.squares.sum(axis=0) / self.n.sum(axis=0) - level**2) / level**2

    @property
    def is_rough(self) -> bool:
        """Whether some cell counts so few accounts that its error is rough."""
        return self.counts and bool(np.minimum(self.total, self.n - self.total).min() < FEW)


def read_trial(
    path: Path, control: str, arm: str | None = None, columns: Mapping[str, str] = MappingProxyType({})
) -> Trial:
    """Return the arm of the trial in a table with the columns arm, n, successes (or sum and sum_of_squares).

    `segment` and `month` are columns that it may have. `columns` are their headings in the file, by column, where they
    have others; common Chinese ones are known. Without `arm` it is the only one beside the control. Raises UserError
    with everything that is wrong.
    """
    name = str(path)
    common = {heading: one for one, headings in HEADINGS.items() if one not in columns for heading in headings}
    told_by = {heading: one for one, heading in columns.items()}
    table = open_table(name, Form(rename=common | told_by, wanted=("arm", "n")))
    as_given = open_table(name, Form(rename=told_by)).names
    known = [(heading, common[heading]) for heading in as_given if heading in common and common[heading] in table.names]
    told = COUNTED if COUNTED[0] in table.names or not {*AMOUNTS} & {*table.names} else AMOUNTS
    needed = ("arm", "n", *told)
    problems = [
        Problem(name, columns.get(one, one), "no such column", did_you_mean(columns.get(one, one), as_given))
        for one in (*needed, *(one for one in columns if one not in needed))
        if one not in table.names
    ]
    by = [one for one in ("segment", "month") if one in table.names]
    problems += [
        Problem(name, one, "two columns have this name") for one in (*needed, *by) if table.names.count(one) > 1
    ]
    if problems:
        raise UserError(problems)
    read = read_columns(table, [*needed, *by])
    rows = len(read["n"])
    numbers = {one: read[one].numbers() for one in needed[1:]}
    problems = _wrong_numbers(name, read, numbers)
    arms = [read["arm"].at(row) for row in range(rows)]
    arm, wrong = _arm_of(name, list(dict.fromkeys(arms)), control, arm)
    problems += wrong
    places = [tuple(read[one].at(row) if one in by else WHOLE for one in ("segment", "month")) for row in range(rows)]
    found: dict[tuple[str, ...], dict[str, int]] = {}
    for row, (place, of) in enumerate(zip(places, arms, strict=True)):
        cell = found.setdefault(place, {})
        if of in cell:
            here = f"arm {of}" + "".join(
                f", {one} {at}" for one, at in zip(("segment", "month"), place, strict=True) if one in by
            )
            problems.append(Problem(name, f"row {row + 1}", f"{here} stands there twice", "one row a cell"))
        cell[of] = row
    for place, cell in found.items():
        both = [of for of in (control, arm) if of not in cell]
        if len(both) == 1 and not wrong:
            here = ", ".join(f"{one} {at}" for one, at in zip(("segment", "month"), place, strict=True) if one in by)
            problems.append(Problem(name, here, f"no row of arm {both[0]}", "a row of either arm in every cell"))
    if problems:
        more = len(problems) - LISTED
        raise UserError(problems[:LISTED] + ([Problem(name, "", f"{more:,} more are wrong")] if more > 0 else []))
    assert arm is not None
    cells = {place: cell for place, cell in found.items() if arm in cell}
    names = [tuple(dict.fromkeys(place[k] for place in cells)) for k in (0, 1)]
    order = np.array([[cell[control], cell[arm]] for cell in cells.values()])
    values = {one: value[order] for one, (value, _) in numbers.items()}
    trial = Trial(
        path.name,
        file_digest(name),
        control,
        arm,
        tuple(of for of in dict.fromkeys(arms) if of not in (control, arm)),
        names[0],
        names[1],
        np.array([names[0].index(place[0]) for place in cells]),
        np.array([names[1].index(place[1]) for place in cells]),
        values["n"],
        values[told[0]],
        values[told[1]] if told is AMOUNTS else None,
        tuple(known),
    )
    if trial.counts and not np.all((trial.level > 0) & (trial.level < 1)):
        raise UserError(Problem(name, "successes", "of none or of all accounts of an arm", "allowed: some, not all"))
    if not trial.counts and not (trial.total > 0).all():
        raise UserError(Problem(name, "sum", "an arm has no amount in a cell", "allowed: above 0 in every cell"))
    return trial


def _wrong_numbers(name, read, numbers):
    """Return the problems of numbers: none, below 0, not whole, more successes than accounts."""
    n, problems = numbers["n"][0], []
    for one, (values, strange) in numbers.items():
        bad = strange | read[one].missing | (values < 0)
        allowed = "allowed: a number, 0 or more"
        if one == "n":
            bad, allowed = bad | (values < 1) | (values != np.floor(values)), "allowed: a whole number, 1 or more"
        if one == "successes":
            bad, allowed = bad | (values > n) | (values != np.floor(values)), "allowed: a whole number, 0 to n"
        for row in np.flatnonzero(bad):
            problems.append(Problem(name, f"row {row + 1}, {one}", f"found {read[one].at(row)!r}", allowed))
    if not len(n):
        problems.append(Problem(name, found="no rows"))
    return problems


def _arm_of(name, arms, control, arm):
    """Return the arm that is compared with the control, and the problems of both."""
    if not arms:
        return arm, []
    if control not in arms:
        wanted = {"--control": control, "--arm": arm}
        strange = {option: of for option, of in wanted.items() if of is not None and of not in arms}
        return arm, [
            Problem(option, of, f"{name} has no such arm", did_you_mean(of, arms)) for option, of in strange.items()
        ]
    others = [of for of in arms if of != control]
    if arm is None and len(others) == 1:
        return others[0], []
    if arm is None and not others:
        return arm, [Problem(name, "arm", "only the control", "a row of another arm for every one of the control")]
    if arm is None:
        return arm, [
            Problem(
                "--arm", found=f"{name} has {len(others)} beside the control", allowed=f"allowed: {', '.join(others)}"
            )
        ]
    if arm not in others:
        return arm, [Problem("--arm", arm, f"{name} has no such arm beside the control", did_you_mean(arm, others))]
    return arm, []
