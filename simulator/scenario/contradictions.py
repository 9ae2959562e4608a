"""What each value allows but the values together do not: sums, names, rows; and policies that exclude each other.

Every check yields (key path, what was found, what is allowed).
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from simulator.language.catalogue import kept, noted
from simulator.model.errors import did_you_mean
from simulator.model.layout import BUCKETS, EXITS, MAX_ROWS, PRODUCTS
from simulator.policy.base import CLOSE
from simulator.scenario.policies_together import policies_together
from simulator.scenario.policy_in_run import in_this_run
from simulator.scenario.schema import ALL_YEAR, Memory, Moves, RollMatrix, Seasons, Segment, Settings, State, matrix_of

Found = tuple[str, str, str]


def contradictions(settings: Settings, partly_read: dict) -> list[Found]:
    """Return everything in `settings` that cannot be.

    `partly_read` has by name the policies that are wrong, of which only the settings that every policy has are known.
    """
    checks = (
        _book,
        _horizon,
        _segments,
        _terms,
        _products,
        _structural,
        _roll_rates,
        _scores,
        _economy,
        _seasons,
        policies_together,
    )
    found = [found for check in checks for found in check(settings)]
    partly = [
        found
        for name, policy in partly_read.items()
        if policy.enabled
        for found in in_this_run(settings, policy, f"policy.{name}")
    ]
    return found + partly


def _sum_to_one(
    shares: Iterable[float], key: str, words: str = noted("shares sum to {total}"), **slots: str
) -> Iterator[Found]:
    """Yield the sum if it is not 1, in these words."""
    if abs((total := sum(shares)) - 1) > CLOSE:
        yield key, kept(words, total=f"{total:.10g}", **slots), kept("allowed: a sum of 1")


def _book(settings: Settings) -> Iterator[Found]:
    book = settings.portfolio
    if not book.borrowers and not book.applicants_per_month and not book.tape:
        yield "portfolio.borrowers", "nobody to simulate", "give borrowers, applicants_per_month or a tape"
    if book.tape and not book.mapping:
        yield "portfolio.mapping", "missing", "a tape needs a mapping, which says what its columns mean"
    if not any(segment.line_holders or segment.loan_holders for segment in settings.segment.values()):
        yield "segment", "nobody holds a line or a loan", "give line_holders or loan_holders in a segment"


def _horizon(settings: Settings) -> Iterator[Found]:
    """Check that what is open after a run-on is collected: its value would be that of half a story."""
    if settings.run_on_months and not settings.run_off_months:
        allowed = "allowed: 0 without run_off_months, in which what is open after it is collected"
        yield "run_on_months", f"found {settings.run_on_months}", allowed


def _segments(settings: Settings) -> Iterator[Found]:
    segments = settings.segment
    yield from _sum_to_one((segment.share for segment in segments.values()), "segment.*.share")
    tape = bool(settings.portfolio.tape) and not settings.portfolio.applicants_per_month
    for name, segment in segments.items():
        path = f"segment.{name}"
        if settings.behaviour.model == "structural" and segment.income is None:
            yield f"{path}.income", "missing", "the structural model needs it"
        for holders, needed in (("line", ("line_limit",)), ("loan", ("loan_limit", "loan_ticket"))):
            for key in needed:
                if getattr(segment, f"{holders}_holders") and getattr(segment, key) is None and not tape:
                    yield f"{path}.{key}", "missing", f"{holders}_holders above 0 need it"
        causes = segment.opening.causes
        yield from _sum_to_one(
            dict(causes).values(), f"{path}.opening.causes", noted("the causes' shares sum to {total}")
        )
        if settings.behaviour.model == "roll_rates" and segment.opening.late_utilisation is not None:
            yield f"{path}.opening.late_utilisation", "found one", "under roll_rates: state.NAME.utilisation"
        for kind in PRODUCTS:
            yield from _opening(settings, segment, kind, path)
        roll = matrix_of(settings, segment, "line") if settings.behaviour.model == "roll_rates" else None
        states = [state.name for state in roll.states] if roll else []
        for state in segment.state:
            if state not in states:
                allowed = ", ".join(states) or "a state of roll_rates"
                yield f"{path}.state.{state}", "no such state", f"allowed: {allowed}"
    terms = settings.products.line
    if terms.minimum_share == 0 and terms.minimum_floor == 0 and any(s.line_holders for s in segments.values()):
        yield "products.line.minimum_share", "found 0 and minimum_floor 0", "nothing would ever be due: raise one"


def _opening(settings: Settings, segment: Segment, kind: str, path: str) -> Iterator[Found]:
    """Check the opening shares of one product against the states there are."""
    opening, key = getattr(segment.opening, kind), f"{path}.opening.{kind}"
    roll = matrix_of(settings, segment, kind) if settings.behaviour.model == "roll_rates" else None
    names = [state.name for state in roll.states if state.bucket not in EXITS] if roll else []
    if isinstance(opening, dict):
        yield from _sum_to_one(opening.values(), key)
        for name in opening:
            if name not in names:
                yield f"{key}.{name}", "no such state", f"allowed: {', '.join(names) or 'a list of shares by bucket'}"
        return
    yield from _sum_to_one(opening, key)
    if roll and len(opening) > len(names):
        yield key, f"{len(opening)} shares for {len(names)} states that are no exits", "give one for each, in order"


def _terms(settings: Settings) -> Iterator[Found]:
    terms = settings.products.loan.terms
    yield from _sum_to_one((term.share for term in terms), "products.loan.terms")
    if len({term.months for term in terms}) < len(terms):
        yield "products.loan.terms", "two terms of the same months", "give each length once"


def _products(settings: Settings) -> Iterator[Found]:
    conversion = settings.products.line.conversion
    yield from _sum_to_one((term.share for term in conversion.terms), "products.line.conversion.terms")
    for kind in PRODUCTS:
        product = getattr(settings.products, kind)
        if product.fraud > product.first_payment_default:
            found, allowed = f"found {product.fraud:g}", f"allowed: up to {product.first_payment_default:g}"
            yield f"products.{kind}.fraud", found, f"{allowed}, first_payment_default, of which it is a part"


def _structural(settings: Settings) -> Iterator[Found]:
    for before in ("current", "late"):
        for cause, paid in getattr(settings.behaviour.structural.paid_in_month, before):
            if paid.by_day_7 > paid.by_day_30:
                key = f"behaviour.structural.paid_in_month.{before}.{cause}.by_day_7"
                yield key, f"found {paid.by_day_7:g}", f"allowed: up to by_day_30, which is {paid.by_day_30:g}"


def _roll_rates(settings: Settings) -> Iterator[Found]:
    for kind in PRODUCTS:
        shared = getattr(settings.behaviour.roll_rates, kind)
        if shared:
            yield from _matrix(shared, f"behaviour.roll_rates.{kind}")
        for name, segment in settings.segment.items():
            own = getattr(segment.roll_rates, kind) if segment.roll_rates else None
            if own:
                yield from _matrix(own, f"segment.{name}.roll_rates.{kind}")
            elif settings.behaviour.model == "roll_rates" and getattr(segment, f"{kind}_holders") and not shared:
                yield f"behaviour.roll_rates.{kind}", "missing", f"segment {name} holds {kind}s and needs a roll matrix"
            used = matrix_of(settings, segment, kind) if settings.behaviour.model == "roll_rates" else None
            if used and used.kinds and (not settings.portfolio.tape or settings.portfolio.applicants_per_month):
                where = f"segment.{name}.roll_rates" if own else "behaviour.roll_rates"
                allowed = "with a tape that says each account's kind, and without applicants"
                yield f"{where}.{kind}.kinds", "found kinds of people", allowed


def _scores(settings: Settings) -> Iterator[Found]:
    """Check that where a Gini is asked for, quality tells something of who defaults."""
    if settings.behaviour.model != "roll_rates":
        return
    asked = {"score_gini": settings.score_gini}
    asked |= {f"segment.{name}.score_gini": segment.score_gini for name, segment in settings.segment.items()}
    asked |= {f"policy.{name}.score_gini": one.asked_gini() for name, one in settings.policy.items() if one.enabled}
    for key, gini in asked.items():
        if gini:
            yield key, f"found {gini:g}", "allowed with the structural model: a roll matrix knows nothing of quality"


def _matrix(roll: RollMatrix, path: str) -> Iterator[Found]:
    """Check the states of a roll matrix and its rows, and those of each kind of people."""
    names = [state.name for state in roll.states]
    if len(set(names)) < len(names):
        yield f"{path}.states", "two states of the same name", "give each state once"
    if roll.states[0].bucket != 0:
        yield f"{path}.states.0.bucket", f"found {roll.states[0].bucket!r}", "allowed: 0, new accounts start in it"
    rank = {"written_off": BUCKETS}  # worse than every bucket; where paid_off stands is left to the file
    places = [state.bucket for state in roll.states if state.bucket != "paid_off"]
    buckets = [place if isinstance(place, int) else rank[place] for place in places]
    if buckets != sorted(buckets):
        yield f"{path}.states", "not in order", "give the states from best to worst, written_off after the buckets"
    wrong = list(_moves(roll, roll.states, path))
    for number, kind in enumerate(roll.kinds):
        wrong += _moves(kind, roll.states, f"{path}.kinds.{number}")
    if len({kind.name for kind in roll.kinds}) < len(roll.kinds):
        wrong.append((f"{path}.kinds", "two kinds of the same name", "give each kind once"))
    yield from wrong
    if wrong or not (roll.kinds or roll.memory):
        return
    from simulator.scenario.histories import rows_of  # with numpy, which is heavy to import

    if roll.counts_dispersion is not None and any(of.counts is None for of in (roll, *roll.kinds)):
        allowed = "allowed: beside counts alone, which say how sure rows are"
        yield f"{path}.counts_dispersion", "found beside matrix", allowed
    if (needed := len(rows_of(roll).state)) > MAX_ROWS:
        found = f"{needed} rows, counting states with what is remembered of accounts in them"
        yield f"{path}.{'kinds' if roll.kinds else 'memory'}", found, f"allowed: {MAX_ROWS}; look less far back"


def _moves(moves: Moves, states: list[State], path: str) -> Iterator[Found]:
    """Check the rows by which people move, in the order of the states that are no exit."""
    names = [state.name for state in states]
    rows = [state for state in states if state.bucket not in EXITS]
    key = "counts" if moves.counts is not None else "matrix"
    table = moves.counts or moves.matrix or []
    if len(table) != len(rows):
        wanted = f"{len(rows)}, one for each state that is no exit: {', '.join(state.name for state in rows)}"
        yield f"{path}.{key}", f"{len(table)} rows", f"allowed: {wanted}"
        return
    for number, (state, row) in enumerate(zip(rows, table, strict=True)):
        where = f"{path}.{key}.{number}"
        if len(row) != len(names):
            found = f"row {state.name} has {len(row)} columns"
            yield where, found, f"allowed: {len(names)}, one for each state: {', '.join(names)}"
        elif key == "matrix":
            yield from _sum_to_one(row, where, noted("row {name}: sum to {total}"), name=state.name)
        elif sum(row) <= 0:
            yield where, f"row {state.name} counts nobody", "allowed: at least one count above 0"
    for number, entry in enumerate(moves.memory):
        for where, found, allowed in _entry(entry, len(states), [state.name for state in rows]):
            yield f"{path}.memory.{number}.{where}", found, allowed


def _entry(entry: Memory, columns: int, names: list[str]) -> Iterator[Found]:
    for where, named in [("state", entry.state), *(("state_before", name) for name in entry.state_before or ())]:
        if named not in names:
            yield where, f"found {named!r}", did_you_mean(named, names)
    for where, first in (("months_in_state", 1), ("months_since_late", 0)):
        months = getattr(entry, where)
        if months != sorted(months) or months[0] < first:
            yield where, f"found {months}", f"allowed: from and to, or from alone, from {first} on"
    if len(entry.counts) != columns:
        yield "counts", f"{len(entry.counts)} columns", f"allowed: {columns}, one for each state"
    elif sum(entry.counts) <= 0:
        yield "counts", "counts nobody", "allowed: at least one count above 0"


def _economy(settings: Settings) -> Iterator[Found]:
    months = [point.month for point in settings.economy.path]  # may go on after the run: an economy is laid over any
    if months and (months[0] != 1 or any(a >= b for a, b in pairwise(months))):
        yield "economy.path", f"months {months}", "allowed: rising months, the first of them 1"
    rho = settings.economy.factor.correlation
    for name, segment in settings.segment.items():
        if (own := rho * segment.factor_loading**2) >= 1:
            yield (
                f"segment.{name}.factor_loading",
                f"{segment.factor_loading:g} makes a correlation of {own:.3g}",
                "allowed: below 1, economy.factor.correlation times its square",
            )


def _seasons(settings: Settings) -> Iterator[Found]:
    if settings.start_month is None and settings.seasons != Seasons():
        needed = kept("seasons need the calendar month of month 1: 1 for January to 12 for December")
        yield "start_month", kept("missing"), needed
    if settings.behaviour.model == "roll_rates":
        for name, factors in settings.seasons:
            if name != "spending" and factors != ALL_YEAR:
                yield f"seasons.{name}", "found one", "under roll_rates: seasons.spending only"
