"""What every policy must pass, whoever wrote it: each check returns what is wrong, in words.

A policy is the same integers for everybody: levers that are bit-identical give histories that are bit-identical. So
a policy that leaves a lever as it was in a month, segment or product does nothing there.
"""

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from simulator.model import layout
from simulator.model.errors import Problem, UserError, path_of
from simulator.model.layout import LOAN
from simulator.model.tables import Levers
from simulator.policy.base import Policy
from simulator.policy.book import Book
from simulator.policy.bounds import beyond
from simulator.policy.levers import PolicyContext, neutral_levers
from simulator.policy.others import Exits, Others
from simulator.policy.registry import load_file
from simulator.system.signals import Interrupted

CONTEXT = PolicyContext(months=12, months_total=18, segments=("young", "old"), minor_units=100)
NONSENSE = (float("nan"), float("inf"), 1e13, -1e13, 10**13, -(10**13), "0.5")


def settings_of(module, **settings):
    """Return validated settings of a policy."""
    return module.Settings.model_validate({"kind": "tested", **settings})


def written(*policies) -> Levers:
    """Return neutral levers after policies, each (module, settings), have written theirs in this order."""
    levers = neutral_levers(CONTEXT.months, len(CONTEXT.segments), CONTEXT.months_total - CONTEXT.months)
    for module, settings in policies:
        module.write(levers, settings, CONTEXT)
    return levers


def same(a: Levers, b: Levers) -> bool:
    """Return whether two sets of levers are equal in every cell and of the same types and shapes."""
    return all(x.dtype == y.dtype and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def changed(levers: Levers) -> np.ndarray:
    """Return bool[month, segment, product]: where any lever differs from neutral."""
    cells = np.zeros(levers.month.shape[:3], dtype=bool)
    for array, neutral in zip(levers, written(), strict=True):
        cells |= (array != neutral).reshape(*cells.shape, -1).any(axis=-1)
    return cells


def explains_itself(module) -> list[str]:
    """It says what it does and what to look for, and what each setting means."""
    problems = [f"{name} is not a sentence" for name in ("DESCRIPTION", "EFFECT") if not _sentence(module, name)]
    problems += ["MEETS is not a sentence"] if hasattr(module, "MEETS") and not _sentence(module, "MEETS") else []
    fields = module.Settings.model_fields.items()
    return problems + [f"setting {name} has no description" for name, field in fields if not field.description]


def neutral_does_nothing(module) -> list[str]:
    """Neutral settings leave every lever as it was, also after another policy has written its own."""
    neutral, example = (module, settings_of(module, **module.NEUTRAL)), (module, settings_of(module, **module.EXAMPLE))
    problems = [] if same(written(neutral), written()) else ["NEUTRAL settings change neutral levers"]
    if not same(written(example, neutral), written(example)):
        problems.append("NEUTRAL settings change levers that others have written")
    return problems


def acts_where_it_says(module) -> list[str]:
    """Nothing changes before its first month, after its last, or in segments and products it does not act on."""
    narrowed = {"start": 3, "end": 15, "segments": ["old"], "products": ["loan"]}
    cells = changed(written((module, settings_of(module, **{**module.EXAMPLE, **narrowed}))))
    allowed = np.zeros_like(cells)
    allowed[3:16, CONTEXT.segments.index("old"), LOAN] = True
    month, segment, product = (sorted(set(axis.tolist())) for axis in np.nonzero(cells & ~allowed))
    if not month:
        return []
    where = f"months {month}, segments {segment}, products {product}"
    return [f"told to act in months 3 to 15, segment 1 and product 1 only, it changes levers in {where}"]


def bounded(module) -> list[str]:
    """Every lever stays within what the month can take, also where two of the same policy meet."""
    example, problems = (module, settings_of(module, **module.EXAMPLE)), []
    for levers in (written(example), written(example, example)):
        problems += beyond(levers)
    return list(dict.fromkeys(problems))


def deterministic(module) -> list[str]:
    """The same settings write the same levers again, and nothing else is changed."""
    settings = settings_of(module, **module.EXAMPLE)
    before = settings.model_dump()
    once, again = written((module, settings)), written((module, settings))
    problems = [] if same(once, again) else ["the same settings write other levers the second time"]
    shapes = [array.shape for array in written()]
    if [array.shape for array in once] != shapes:
        problems.append("levers have another shape")
    return problems + ([] if settings.model_dump() == before else ["write changes its settings"])


def month_by_month(module) -> list[str]:
    """Written one month at a time the levers are those written at once, and no other month is touched.

    So are they written where some policy reads last month's book: `context.cells` sees to it.
    """
    settings, together = settings_of(module, **module.EXAMPLE), written()
    for month in range(1, CONTEXT.months_total + 1):
        levers = written()
        module.write(levers, settings, CONTEXT._replace(only=month))
        touched = np.flatnonzero(changed(levers).any(axis=(1, 2)))
        if others := sorted(set(touched.tolist()) - {month}):
            return [f"told to write month {month} only, it changes levers in months {others}"]
        for array, own in zip(together, levers, strict=True):
            array[month] = own[month]
    return [] if same(together, written((module, settings))) else ["month by month it writes other levers than at once"]


def answers_the_book(module) -> list[str]:
    """Given last month's book, the same one twice, it names the same settings in force, or None."""
    settings = settings_of(module, **module.EXAMPLE)
    books = [Book(np.full((months, layout.N_FLOWS), size)) for months in (1, 3, 20) for size in (0, 1000)]
    answers, again = ([settings.in_force(book) for book in books] for _ in range(2))
    wrong = [answer for answer in answers if not (answer is None or isinstance(answer, Policy))]
    problems = [f"in_force returns {answer!r}; allowed: settings or None" for answer in wrong[:1]]
    return problems + ([] if answers == again else ["in_force answers the same book differently the second time"])


def refuses_nonsense(module) -> list[str]:
    """A misspelt setting and a number that is none, has no bound or is text are errors."""
    problems = [] if _refused(module, {**module.EXAMPLE, "misspelt_setting": 1}) else ["unknown settings are taken"]
    for path in _numbers(module.EXAMPLE):
        for value in NONSENSE:
            if not _refused(module, _with(module.EXAMPLE, path, value)):
                problems.append(f"{'.'.join(map(str, path))} = {value!r} is taken")
    return problems


def gets_on_alone(module) -> list[str]:
    """Where no other policy is, no other is found to exclude its settings; what it says of days past due is whole."""
    settings = settings_of(module, **module.EXAMPLE)
    others = Others(meeting={}, sharing={}, months=CONTEXT.months_total, first_write_off=1)
    found = [f"conflicts where no other policy is: {key}: {what}" for key, what, _ in settings.conflicts(others)]
    days = [*settings.acts_at().values(), *Exits(*settings.exits())]
    wrong = [day for day in days if not (isinstance(day, int) and 0 <= day <= layout.NEVER)]
    return found + [f"acts_at or exits gives {day!r}; allowed: whole numbers, NEVER where never" for day in wrong]


def says_why(module) -> list[str]:
    """What it says of a comparison is sentences, whether everything moves in it or nothing."""
    settings = settings_of(module, **module.EXAMPLE)
    said = [str(one) for size in (0, 1) for one in getattr(module, "why", lambda _: ())(_Evidence(settings, size))]
    return [f"why yields {sentence!r}, which is no sentence" for sentence in said if not sentence.endswith(".")]


class _Change:
    """A change of 0 or 1 in everything, which is a fact."""

    def __init__(self, size):
        self.value, self.bound, self.moves, self.se = float(size), float(size), bool(size), 0.0

    def __str__(self):
        return f"{self.value:+g}"

    def clause(self, what, plural=False):
        """Return a clause, whatever it says."""
        return f"{what} changes by {self}"


class _Evidence:
    """A comparison in which whatever is asked for is, and changes by, 0 or 1; for the protocol of policy.why."""

    variant, baseline, currency, products, reads_book = "variant", "baseline", "CNY", layout.PRODUCTS, False

    def __init__(self, settings, size):
        self.settings, self.size, self.risk_transfers = [settings], size, ()
        self.swapped = ("out", "into") if size else ()

    def change(self, *measures):
        """Return a change, as `swap_change` does."""
        return _Change(self.size)

    swap_change = change

    def clause(self, what, *measures, plural=False):
        """Return a clause on a change."""
        return _Change(self.size).clause(what, plural)

    def level(self, *measures):
        """Return a level in words, as all that is told of one number does."""
        return str(self.size)

    value = swap_level = label = money = per_cent = named = level

    def mean(self, measure):
        """Return a level."""
        return float(self.size)

    def stated(self, measure):
        """Return whether a measure, or a line, is there."""
        return bool(self.size)

    has = stated

    def highest_own_tail(self):
        """Return the name of a tail."""
        return "es99_own" if self.size else None


CHECKS = (
    *(explains_itself, neutral_does_nothing, acts_where_it_says, bounded, deterministic),
    *(month_by_month, answers_the_book, gets_on_alone, says_why, refuses_nonsense),
)


def check_policy(path: str | Path) -> tuple[str, ...]:
    """Return the names of the checks that the policy in a Python file passes, which are all: it is run for that.

    Raises UserError with everything that is wrong with it.
    """
    if wrong := problems(load_file(str(path_of("path", path)))):
        raise UserError([Problem(str(path), found=found) for found in wrong])
    return tuple(check.__name__ for check in CHECKS)


def problems(module) -> list[str]:
    """Return everything that is wrong with a policy; an error that a check raises is a problem too."""
    found = []
    for check in CHECKS:
        try:
            found += check(module)
        except Interrupted:
            raise
        except BaseException as error:  # whatever the policy's code raises, SystemExit too, is the author's to see
            found.append(f"{check.__name__.replace('_', ' ')}: {type(error).__name__}: {error}")
    return found


def _sentence(module, name):
    text = getattr(module, name)
    return isinstance(text, str) and text.endswith(".")


def _refused(module, settings):
    """Return whether settings are an error, by themselves or together."""
    try:
        return bool(list(settings_of(module, **settings).contradictions()))
    except ValidationError:
        return True


def _numbers(table, path=()):
    """Yield the path of every number in nested tables and lists."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, dict | list):
            yield from _numbers(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)


def _with(table, path, value):
    """Return a copy of nested tables and lists with `value` at `path`."""
    if not path:
        return value
    copy = dict(table) if isinstance(table, dict) else list(table)
    copy[path[0]] = _with(table[path[0]], path[1:], value)
    return copy
