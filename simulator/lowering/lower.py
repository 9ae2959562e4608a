"""A scenario's settings lowered to the integers the kernel reads: once, on one host."""

import hashlib
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from simulator.lowering import borrowers, demand, economy, late, products, roll_rates, structural
from simulator.lowering.economy import economy_table, lay_seasons, lay_tie, stop_incomes
from simulator.lowering.factor import factor, path_of
from simulator.model.errors import UserError
from simulator.model.kept import kept
from simulator.model.layout import (
    ABSENT,
    K_COUNT,
    K_ENTRY,
    K_FIRST,
    K_SEGMENT,
    K_TAPE_ROW,
    LANES,
    MAX_STATES,
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
    rows = _segment_rows(settings, months)
    return Tables(segment=rows, economy=_economy(settings, months), **_of_any_months(settings))


def _segment_rows(settings, months) -> np.ndarray:
    """Return int64[segment, N_SEGMENT]; raises UserError where an amount grows too large within the months."""
    how = settings.behaviour.structural
    index = float(economy.income_index(settings.economy, months).max())
    units = settings.currency.minor_units
    each = [(name, s, borrowers.largest_pay(s, units, index)) for name, s in settings.segment.items()]
    problems = [p for name, s, pay in each for p in borrowers.too_large(f"segment.{name}", s, how, pay)]
    if problems and settings.behaviour.model != "roll_rates":
        raise UserError(problems)
    given = settings.behaviour, settings.reporting_day
    return np.stack([borrowers.segment_row(s, *given, pay, demand.scalars(settings)) for _, s, pay in each])


@kept
def _of_any_months(settings) -> dict[str, Any]:
    """Return the tables, by name, that are the same for any number of months."""
    minor_units, behaviour = settings.currency.minor_units, settings.behaviour
    how = behaviour.structural
    everyone = settings.segment.values()
    n = len(everyone)
    rates = _every_rates(settings)
    rows = roll_rates.row_count(chain(*rates))
    states = [[_state_names(of_product) for of_product in own] for own in rates]
    loan = settings.products.loan
    terms, loan_balance = zip(
        *(products.loan_terms(loan, rate_of(settings.products, s, "loan")) for s in everyone), strict=True
    )
    rolls = behaviour.model == "roll_rates"
    variation = behaviour.roll_rates.spending_variation if rolls else how.spending_variation
    linked_word, linked_rank = structural.linked_words({} if rolls else dict(how.quality_correlation))
    people = [borrowers.people_tables(s, of, minor_units) for s, of in zip(everyone, states, strict=True)]

    def each(table):
        """Return `table`, which is the same for all, once for each segment."""
        return np.repeat(np.asarray(table)[None], n, axis=0)

    return dict(
        key=np.array([settings.seed & 0xFFFFFFFF, settings.seed >> 32], dtype=np.uint32),
        product=np.stack([products.product_rows(settings.products, s, behaviour, minor_units) for s in everyone]),
        terms=np.stack(terms),
        conversion=each(products.conversion_terms(settings.products.line.conversion)),
        loan_balance=np.stack(loan_balance),
        **{name: np.stack([of[name] for of in people]) for name in people[0]},
        normal=borrowers.normal_table(),
        normal_rank=borrowers.normal_ranks(),
        quality_score=borrowers.quality_scores(),
        linked_word=linked_word,
        linked_rank=linked_rank,
        late=each(products.late_table(settings.products)),
        in_month=each(structural.in_month_table(how.paid_in_month)),
        sigmoid=structural.sigmoid_table(),
        **{name: each(table) for name, table in structural.will_not_tables(how).items()},
        job_loss_quality=each(structural.job_loss_quality(how.job_loss_quality_slope)),
        alert=each(structural.alert_table(how.alert_after_miss, how.alert_fading)),
        spending=each(structural.spending_table(variation)),
        uptake=np.stack([demand.uptake_table(settings, s) for s in everyone]),
        roll_state=np.array([[roll_rates.state_table(of_product, rows) for of_product in own] for own in rates]),
        roll_next=np.array([[roll_rates.next_table(of_product, rows) for of_product in own] for own in rates]),
        late_hazard=each(late.hazard_table(behaviour.late)),
        late_cause=each(late.cause_table(behaviour.late)),
        late_burden=each(late.burden_table(behaviour.late, not rolls)),
        roll=_roll(settings),
        tie=structural.tie_table(how.tie),
        redraw_people=int(settings.redraw_people),
        observe_month=_observe_month(settings.months),
    )


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
    settings, tables = lowered.settings, lowered.tables
    rolls = settings.behaviour.model == "roll_rates"
    if not shares_factor(settings):
        return tables
    replications = range(replication_from, replication_to)
    asked = _world(settings), lowered.months_total, replications, lowered.news_of(replications)
    return tables._replace(roll=_roll(*asked)) if rolls else tables._replace(economy=_economy(*asked))


def _factor(settings, months, replications, fresh):
    """Return the factor's paths of the news `fresh`, of those that are drawn if None."""
    persistence = settings.economy.factor.persistence
    if fresh is not None:
        return path_of(fresh, persistence)
    return factor(settings.seed, persistence, replications, months)


def lower_tiles(settings, tape: Tape | None = None) -> np.ndarray:
    """Return int64[tile, N_TILE]: the opening book by segment, then the applicants by segment and month."""
    shares, book = [segment.share for segment in settings.segment.values()], settings.portfolio
    opening = None if tape is None else tape.borrowers
    return _all_tiles(book.borrowers, opening, book.applicants_per_month, shares, settings.months)


@kept
def _all_tiles(borrowers: int, on_tape: tuple[int, ...] | None, applicants: int, shares: list[float], months: int):
    """Return the tiles; `applicants` come each month, and the opening book are those `on_tape` of each segment."""
    row, tiles = 0, [np.zeros((0, N_TILE), dtype=np.int64)]
    for g, count in enumerate(split(borrowers, shares) if on_tape is None else on_tape):
        tiles.append(_tiles(g, 0, count, -1 if on_tape is None else row))
        row += count
    for g, count in enumerate(split(applicants, shares)):
        tiles += [_tiles(g, month, count, -1) for month in range(1, months + 1)]
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
        z = _factor(lowered.settings, lowered.months_total, lowered.numbers, lowered.news)
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
        on_tape = tape is not None and bool((tape.values[:, product, TAPE_STATUS] != ABSENT).any())
        if on_tape or (drawn and any(getattr(s, f"{name}_holders") > 0 for s in settings.segment.values())):
            held.append(name)
    return tuple(held)


def _observe_month(months: int) -> int:
    """Return the month at whose end grades and scores are noted: a year in, or halfway; NEVER in a run of one month."""
    return 12 if months >= 24 else months // 2 or NEVER


def _tiles(segment, entry, count, tape_row):
    """Return the tiles of `count` borrowers, LANES at a time; the last one may be shorter."""
    first = np.arange(0, count, LANES)
    tiles = np.zeros((len(first), N_TILE), dtype=np.int64)
    tiles[:, K_SEGMENT], tiles[:, K_ENTRY], tiles[:, K_FIRST] = segment, entry, first
    tiles[:, K_COUNT] = np.minimum(LANES, count - first)
    tiles[:, K_TAPE_ROW] = -1 if tape_row < 0 else tape_row + first
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
def _roll(settings, months: int = 0, replications: range | None = None, fresh=None) -> np.ndarray:
    """Return int64[replication or 1, month or 1, segment, product, row, to]; with `replications` as `_economy`."""
    z = None if replications is None else _factor(settings, months, replications, fresh)[:, 1:]
    rho = settings.economy.factor.correlation
    lead = (1, 1) if z is None else z.shape
    rates = _every_rates(settings)
    rows = roll_rates.row_count(chain(*rates))
    table = np.empty((*lead, len(rates), N_PRODUCT, rows, MAX_STATES), dtype=np.int64)
    for g, own in enumerate(rates):
        for product, each in enumerate(own):
            table[:, :, g, product] = roll_rates.thresholds(each, rho, z, rows)
    return table


@kept
def _economy(settings, months: int, replications: range | None = None, fresh=None) -> np.ndarray:
    """Return int64[replication or 1, month + 1, segment, N_MACRO]: only stops of income differ by segment.

    With `replications` it is moved by the factor of each: of the news `fresh`, or of those drawn.
    """
    z = None if replications is None else _factor(settings, months, replications, fresh)
    how = settings.behaviour.structural
    quality = structural.job_loss_quality(how.job_loss_quality_slope)
    table = economy_table(settings.economy, how.shock_probability, quality.mean() / ONE, months, z)
    lay_seasons(table, settings, months)
    lay_tie(table, structural.tie_shift(how.tie, months)[:, 0] - (0.0 if z is None else how.tie.loading * z))
    table = np.repeat(table[:, :, None], len(settings.segment), axis=2)
    for g, segment in enumerate(settings.segment.values()):
        stop_incomes(table[:, :, g], settings.economy, segment.exposed, months)
    return table
