"""A scenario's settings lowered to the integers the kernel reads: once, on one host."""

import hashlib
from collections.abc import Hashable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from simulator.lowering import borrowers, demand, economy, late, products, roll_rates, structural
from simulator.lowering.economy import economy_table, lay_seasons, lay_tie, stop_incomes
from simulator.lowering.factor import news, path_of, with_tails
from simulator.model.errors import UserError
from simulator.model.kept import content, kept
from simulator.model.layout import (
    ABSENT,
    G_REPORTING_DAY,
    G_ROLL,
    K_COUNT,
    K_ENTRY,
    K_FIRST,
    K_PRODUCTS,
    K_SEGMENT,
    K_TAPE_ROW,
    LANES,
    LOAN,
    N_PRODUCT,
    N_TAPE,
    N_TILE,
    NEVER,
    ONE,
    PRODUCTS,
    TAPE_STATUS,
)
from simulator.model.tables import Levers, Tables
from simulator.policy.levers import PolicyContext, neutral_levers, written
from simulator.scenario.schema import Costs, Portfolio, RollMatrix, Settings, rate_of
from simulator.tape.tape import Tape

_NOT_OF_TABLES: dict[str, Any] = {
    "title": "",
    "author": None,
    "cautions": [],
    "policy": {},
    "costs": Costs(),
    "discount_rate": 0.0,
    "portfolio": Portfolio(),
    "replications": 1,
    "run_off_months": 0,
    "run_on_months": None,
    "score_gini": 0.0,
}


class Lowered(NamedTuple):
    """A scenario as integers. With a factor, `tables` hold the world at factor 0 and `tables_for` the others.

    Policies that read last month's book are in `levers` as if their conditions always held.
    """

    settings: Any
    tables: Tables
    levers: Levers
    tiles: np.ndarray  # int64[tile, N_TILE]
    tape: np.ndarray  # int32[borrower, product, N_TAPE], of length 0 without a tape
    segments: tuple[str, ...]
    products: tuple[str, ...]  # that somebody may hold
    months: int  # in which new credit is granted
    months_total: int  # with the run-off
    replications: int
    minor_units: int
    first: int = 0  # number of the first replication, whole batches after 0
    news: np.ndarray | None = None  # float64[replication, month] that the factor is made of, if not the drawn ones

    @property
    def numbers(self) -> range:
        """Return the numbers of the replications: their addresses among the random words."""
        return range(self.first, self.first + self.replications)

    @property
    def context(self) -> PolicyContext:
        """Return what policies may know of the scenario."""
        return PolicyContext(self.months, self.months_total, self.segments, self.minor_units)

    @property
    def readers(self) -> tuple:
        """Return the settings of the policies in force that read last month's book, in the order of the file."""
        return tuple(settings for settings in self.settings.policy.values() if settings.enabled and settings.reads_book)

    def news_of(self, numbers: range) -> np.ndarray | None:
        """Return float64[replication, month] of replications of these numbers; None where they are the drawn ones."""
        return None if self.news is None else self.news[numbers.start - self.first : numbers.stop - self.first]

    def neutral_levers(self) -> Levers:
        """Return the levers of a lender without policies."""
        return neutral_levers(self.months, len(self.segments), self.months_total - self.months)


def lower(settings, tape: Tape | None = None, run_off: bool = False, run_on: bool = False) -> Lowered:
    """Return the integers of `settings`; `run_off` adds its run-off months, in which no credit is granted.

    `run_on` adds its run-on months before them: credit is granted as before, and nobody arrives.
    A Gini that is asked for has become a correlation before (`analysis.score_power`); here it says nothing.
    """
    segments = tuple(settings.segment)
    months, months_total = _months(settings, run_off, run_on)
    context = PolicyContext(months, months_total, segments, settings.currency.minor_units)
    return Lowered(
        settings,
        lower_tables(settings, months_total),
        demand.answered(written(settings.policy.values(), context), settings),
        lower_tiles(settings, tape),
        np.zeros((0, N_PRODUCT, N_TAPE), dtype=np.int32) if tape is None else tape.values,
        segments,
        _products_held(settings, tape),
        months,
        months_total,
        settings.replications,
        settings.currency.minor_units,
    )


def bytes_to_lower(settings, run_off: bool = False, run_on: bool = False) -> int:
    """Return about the bytes that `lower` takes where they grow with the settings: its levers and its tiles."""
    _, months_total = _months(settings, run_off, run_on)
    levers = sum(array.nbytes for array in neutral_levers(0, 1)) * (months_total + 1) * len(settings.segment)
    book = settings.portfolio
    tiles = (book.borrowers + book.applicants_per_month * settings.months) // LANES
    return levers + 2 * 8 * N_TILE * tiles  # tiles are made in parts


def _months(settings, run_off, run_on) -> tuple[int, int]:
    """Return how many months grant new credit, and how many there are."""
    months = settings.months + (settings.run_on_months or 0 if run_on else 0)
    return months, months + (settings.run_off_months if run_off else 0)


def lower_tables(settings, months: int) -> Tables:
    """Return the tables of `months` months, with the factor at 0; they are shared, and read-only."""
    return _tables(_world(settings), months)


def _world(settings: Settings) -> Settings:
    """Return settings without what no table depends on: whatever that is, the tables are the same."""
    return settings.model_copy(update=_NOT_OF_TABLES)


@kept
def _tables(settings, months: int) -> Tables:
    rows, path = _segment_rows(settings, months), _economy(*_of_economy(settings), months)
    return Tables(segment=rows, economy=path, **_of_any_months(settings))


def _segment_rows(settings, months) -> np.ndarray:
    """Return int64[segment, N_SEGMENT]; raises UserError where an amount grows too large within the months."""
    how = settings.behaviour.structural
    index = float(economy.income_index(settings.economy, months).max())
    units = settings.currency.minor_units
    pay = {name: borrowers.largest_pay(s, units, index) for name, s in settings.segment.items()}
    each = settings.segment.items()
    problems = [p for name, s in each for p in borrowers.too_large(f"segment.{name}", s, how, pay[name])]
    if problems and settings.behaviour.model != "roll_rates":
        raise UserError(problems)
    others = demand.scalars(settings) | {G_REPORTING_DAY: settings.reporting_day}
    rows = [borrowers.segment_row(s, settings.behaviour, pay[name], others) for name, s in each]
    for row, number in zip(rows, _pairs(settings).of_segments, strict=True):
        row[G_ROLL] = number
    return np.stack(rows)


def _of_any_months(settings) -> dict[str, Any]:
    """Return the tables, by name, that are the same for any number of months: parts, each kept by what it is of."""
    units, behaviour, given = settings.currency.minor_units, settings.behaviour, settings.products
    how, rolls = behaviour.structural, behaviour.model == "roll_rates"
    everyone = [*settings.segment.values()]
    rates, (pairs, _, of_segments) = _every_rates(settings), _pairs(settings)
    states = [[_state_names(of_product) for of_product in own] for own in rates]
    linked_word, linked_rank = structural.linked_words({} if rolls else dict(how.quality_correlation))
    return dict(
        key=np.array([settings.seed & 0xFFFFFFFF, settings.seed >> 32], dtype=np.uint32),
        normal=borrowers.normal_table(),
        normal_rank=borrowers.normal_ranks(),
        quality_score=borrowers.quality_scores(),
        linked_word=linked_word,
        linked_rank=linked_rank,
        sigmoid=structural.sigmoid_table(),
        tie=structural.tie_table(how.tie),
        redraw_people=int(settings.redraw_people),
        observe_month=_observe_month(settings.months),
        uptake=demand.uptake_tables(behaviour.demand, given.line.minimum_share, [s.revolver_extra for s in everyone]),
        **_people(everyone, states, units),
        **_terms(given, everyone, how.will_not_loan, behaviour.late, units),
        **_late_stage(len(everyone), behaviour.late, rolls),
        **_answers(
            len(everyone),
            (how.will_not_by_bucket, how.will_not_by_cause, how.will_not_burden, how.will_not_quality_slope),
            how.paid_in_month,
            how.job_loss_quality_slope,
            (how.alert_after_miss, how.alert_fading),
            behaviour.roll_rates.spending_variation if rolls else how.spending_variation,
        ),
        **_rolls(pairs, of_segments),
    )


def _each(table, n: int) -> np.ndarray:
    """Return `table`, which is the same for all, once for each of n segments."""
    return np.repeat(np.asarray(table)[None], n, axis=0)


@kept
def _people(everyone, states: list[list[list[str]]], minor_units: int) -> dict[str, np.ndarray]:
    """Return who the borrowers are, of all segments; `states` are the names of states by segment and product."""
    people = [borrowers.people_tables(s, of, minor_units) for s, of in zip(everyone, states, strict=True)]
    return {name: np.stack([of[name] for of in people]) for name in people[0]}


@kept
def _terms(given, everyone, will_not_loan: float, stage, minor_units: int) -> dict[str, np.ndarray]:
    """Return on which terms accounts are held: the products `given`, the late `stage`."""
    rows = [products.product_rows(given, s, will_not_loan, stage, minor_units) for s in everyone]
    loans = [products.loan_terms(given.loan, rate_of(given, s, "loan")) for s in everyone]
    return {
        "product": np.stack(rows),
        "terms": np.stack([terms for terms, _ in loans]),
        "loan_balance": np.stack([balance for _, balance in loans]),
        "conversion": _each(products.conversion_terms(given.line.conversion), len(rows)),
        "late": _each(products.late_table(given), len(rows)),
    }


@kept
def _late_stage(n: int, stage, rolls: bool) -> dict[str, np.ndarray]:
    """Return what comes of late debt in the late `stage`, under roll rates or not."""
    return {
        "late_hazard": _each(late.hazard_table(stage), n),
        "late_cause": _each(late.cause_table(stage), n),
        "late_burden": _each(late.burden_table(stage, not rolls), n),
    }


@kept
def _answers(n: int, will_not, paid_in_month, job_loss_slope, alert, variation) -> dict[str, np.ndarray]:
    """Return why a due is missed and when it is paid after all, as `lowering.structural` has it."""
    return {
        **{name: _each(table, n) for name, table in structural.will_not_tables(*will_not).items()},
        "in_month": _each(structural.in_month_table(paid_in_month), n),
        "job_loss_quality": _each(structural.job_loss_quality(job_loss_slope), n),
        "alert": _each(structural.alert_table(*alert), n),
        "spending": _each(structural.spending_table(variation), n),
    }


@kept
def _rolls(pairs: list[list[RollMatrix | None]], of_segments: list[int]) -> dict[str, np.ndarray]:
    """Return how accounts move by the different `pairs` of matrices; each segment has one of them."""
    rows = roll_rates.row_count(chain(*pairs))
    state = np.array([[roll_rates.state_table(rates, rows) for rates in own] for own in pairs])
    after = np.array([[roll_rates.next_table(rates, rows) for rates in own] for own in pairs])
    return {"roll": _roll(pairs), "roll_state": state[of_segments], "roll_next": after[of_segments]}


class _Pairs(NamedTuple):
    """The different pairs of roll matrices of a line and a loan."""

    every: list[list[RollMatrix | None]]
    loadings: list[float]  # of each pair with the common factor
    of_segments: list[int]  # each segment's number among them


def _pairs(settings) -> _Pairs:
    """Return the pairs of roll matrices that differ by a number or by their segment's loading."""
    every = _every_rates(settings)
    loadings = [segment.factor_loading for segment in settings.segment.values()]
    text: dict[int, Hashable] = {}
    number: dict[Hashable, int] = {}
    for rates in chain(*every):
        if id(rates) not in text:
            text[id(rates)] = content(rates)
    of_segments = [
        number.setdefault((loading, *(text[id(rates)] for rates in own)), len(number))
        for loading, own in zip(loadings, every, strict=True)
    ]
    first = [of_segments.index(k) for k in number.values()]
    return _Pairs([every[g] for g in first], [loadings[g] for g in first], of_segments)


def shares_factor(settings) -> bool:
    """Return whether the common factor moves anything that the borrowers of these settings live by."""
    shared = settings.economy.factor
    if settings.behaviour.model == "roll_rates":
        return bool(shared.enabled and shared.correlation)
    own = settings.behaviour.structural.tie.loading
    return bool(shared.enabled and (shared.will_not_loading or shared.job_loss_loading or own))


def tables_for(lowered: Lowered, replication_from: int, replication_to: int) -> Tables:
    """Return the tables of replications `replication_from` to `replication_to` - 1.

    Where the factor moves a table, its first axis is the replications of this range; all else is shared.
    """
    settings, tables, months = lowered.settings, lowered.tables, lowered.months_total
    if not shares_factor(settings):
        return tables
    replications = range(replication_from, replication_to)
    shared, fresh = settings.economy.factor, lowered.news_of(replications)
    drawn = settings.seed, shared.persistence, shared.tail_degrees, replications, months, fresh
    if settings.behaviour.model == "roll_rates":
        every, loadings, _ = _pairs(settings)
        rho = [shared.correlation * loading**2 for loading in loadings]
        return tables._replace(roll=_roll_at(every, rho, shared.tail_degrees, *drawn))
    return tables._replace(economy=_economy(*_of_economy(settings), months, drawn))


def _factor(seed, persistence, tail_degrees, replications, months, fresh):
    """Return the factor's paths of the news `fresh`, of those that are drawn if None."""
    drawn = news(seed, replications, months) if fresh is None else fresh
    return with_tails(path_of(drawn, persistence), tail_degrees)


def lower_tiles(settings, tape: Tape | None = None) -> np.ndarray:
    """Return int64[tile, N_TILE]: the opening book by segment, then the applicants by segment and month."""
    everyone, book = [*settings.segment.values()], settings.portfolio
    who = [segment.share for segment in everyone], [segment.loan_holders > 0 for segment in everyone]
    opening = None if tape is None else tape.borrowers
    tiles = _all_tiles(book.borrowers, opening, book.applicants_per_month, *who, settings.months)
    if tape is None or not _holds(tape, LOAN):
        return tiles
    return np.where((tiles[:, K_TAPE_ROW, None] >= 0) & (np.arange(N_TILE) == K_PRODUCTS), N_PRODUCT, tiles)


@kept
def _all_tiles(borrowers, on_tape: tuple[int, ...] | None, applicants, shares, has_loan: list[bool], months: int):
    """Return the tiles; `applicants` come each month, and the opening book are those `on_tape` of each segment."""
    row, tiles = 0, [np.zeros((0, N_TILE), dtype=np.int64)]
    for g, count in enumerate(split(borrowers, shares) if on_tape is None else on_tape):
        tiles.append(_tiles(g, 0, count, -1 if on_tape is None else row, has_loan[g]))
        row += count
    for g, count in enumerate(split(applicants, shares)):
        tiles += [_tiles(g, month, count, -1, has_loan[g]) for month in range(1, months + 1)]
    return np.concatenate(tiles)


def split(total: int, shares) -> list[int]:
    """Return `total` split by `shares` into whole numbers, so that a larger total never takes one away.

    Each goes where share / (2 n + 1) is largest, n being how many are there already (Webster's method; of equals the
    first). Largest remainders would sometimes move somebody when one more is asked for.
    """
    weights = np.asarray(shares, dtype=np.float64) / np.sum(shares)
    parts = np.maximum(np.floor(weights * total).astype(np.int64) - len(weights), 0)  # Webster gives at least these
    for _ in range(total - int(parts.sum())):
        parts[np.argmax(weights / (2 * parts + 1))] += 1
    return parts.tolist()


def tables_digest(lowered: Lowered) -> str:
    """Return the SHA-256 of every integer the kernel is given: tables, levers, tiles, tape.

    With a factor, also of the factor of every replication and of the first one's tables. Where policies read last
    month's book, also of the levers without them and of their settings, conditions included.
    """
    shared = lowered.settings.economy.factor
    z = np.zeros(0)
    if shared.enabled:
        drawn = lowered.settings.seed, shared.persistence, shared.tail_degrees
        z = _factor(*drawn, lowered.numbers, lowered.months_total, lowered.news)
    digest = hashlib.sha256()
    groups = [lowered.tables, tables_for(lowered, lowered.first, lowered.first + 1), lowered.levers]
    if lowered.readers:
        without = [one for one in lowered.settings.policy.values() if not one.reads_book]
        groups.append(written(without, lowered.context))
        digest.update("".join(settings.model_dump_json() for settings in lowered.readers).encode())
    for array in (*(array for group in groups for array in group), lowered.tiles, lowered.tape, z):
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str} {array.shape};".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _products_held(settings, tape) -> tuple[str, ...]:
    """Return the products that somebody of the opening book or of the applicants may hold."""
    drawn = tape is None or settings.portfolio.applicants_per_month > 0
    held = []
    for product, name in enumerate(PRODUCTS):
        if (tape is not None and _holds(tape, product)) or (
            drawn and any(getattr(s, f"{name}_holders") > 0 for s in settings.segment.values())
        ):
            held.append(name)
    return tuple(held)


def _holds(tape: Tape, product: int) -> bool:
    """Return whether somebody on a tape holds a product."""
    return bool((tape.values[:, product, TAPE_STATUS] != ABSENT).any())


def _observe_month(months: int) -> int:
    """Return the month at whose end grades and scores are noted: a year in, or halfway; NEVER in a run of one month."""
    return 12 if months >= 24 else months // 2 or NEVER


def _tiles(segment, entry, count, tape_row, has_loan):
    """Return the tiles of `count` borrowers, LANES at a time; the last one may be shorter."""
    first = np.arange(0, count, LANES)
    tiles = np.zeros((len(first), N_TILE), dtype=np.int64)
    tiles[:, K_SEGMENT], tiles[:, K_ENTRY], tiles[:, K_FIRST] = segment, entry, first
    tiles[:, K_COUNT] = np.minimum(LANES, count - first)
    tiles[:, K_TAPE_ROW] = -1 if tape_row < 0 else tape_row + first
    tiles[:, K_PRODUCTS] = 1 + has_loan
    return tiles


def _rates(settings, segment, product: str):
    """Return the roll matrix of a product for a segment, its own before the common one; None if there is none."""
    if settings.behaviour.model != "roll_rates":
        return None
    own = getattr(segment.roll_rates, product) if segment.roll_rates else None
    return own or getattr(settings.behaviour.roll_rates, product)


def _every_rates(settings) -> list[list[RollMatrix | None]]:
    """Return the roll matrices by segment and product."""
    return [[_rates(settings, segment, name) for name in PRODUCTS] for segment in settings.segment.values()]


def _state_names(rates) -> list[str]:
    return [state.name for state in rates.states] if rates else []


@kept
def _roll(every: list[list[RollMatrix | None]]) -> np.ndarray:
    """Return int64[1, 1, pair, product, row, to] of pairs of roll matrices without a factor."""
    rows = roll_rates.row_count(chain(*every))
    return np.array([[[[roll_rates.thresholds(rates, rows=rows) for rates in own] for own in every]]])


@kept
def _roll_at(every: list[list[RollMatrix | None]], rho: list[float], degrees: float | None, *of_factor) -> np.ndarray:
    """Return int64[replication, month, pair, product, row, to]; `of_factor` is what `_factor` takes, `rho` by pair."""
    return roll_rates.moved(every, _roll(every)[0, 0], rho, _factor(*of_factor)[:, 1:], degrees)


def _of_economy(
    settings,
) -> tuple[Any, tuple[Any, int | None, bool], float, float, Any, list[tuple[float | None, float]]]:
    """Return what an economy is made of besides the months."""
    how = settings.behaviour.structural
    seasons = settings.seasons, settings.start_month, settings.behaviour.model == "structural"
    segments = [(segment.exposed, segment.factor_loading) for segment in settings.segment.values()]
    return settings.economy, seasons, how.shock_probability, how.job_loss_quality_slope, how.tie, segments


@kept
def _economy(
    given,
    seasons: tuple[Any, int | None, bool],
    shock,
    slope,
    tie,
    segments: list[tuple[float | None, float]],
    months: int,
    drawn=None,
) -> np.ndarray:
    """Return int64[replication or 1, month + 1, segment, N_MACRO]: stops of income and loadings differ by segment.

    With `drawn`, what `_factor` takes, it is moved by the factor of each replication. The others are of `_of_economy`.
    """
    quality, z = structural.job_loss_quality(slope), None if drawn is None else _factor(*drawn)

    def moved_by(loading: float) -> np.ndarray:
        own = None if z is None else loading * z
        table = economy_table(given, shock, quality.mean() / ONE, months, own)
        lay_seasons(table, given, *seasons, months)
        lay_tie(table, structural.tie_shift(tie, months)[:, 0] - (0.0 if own is None else tie.loading * own))
        return table

    exposed = [share for share, _ in segments]
    loadings = [1.0 if z is None else loading for _, loading in segments]
    by_loading = {loading: moved_by(loading) for loading in dict.fromkeys(loadings)}
    table = np.stack([by_loading[loading] for loading in loadings], axis=2)
    stop_incomes(table, given, exposed, months)
    return table
