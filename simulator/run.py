"""From a scenario to a comparison: every lender's book is lowered, lived and settled under common random numbers."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain
from typing import Any

from simulator.analysis.accounting.recovery import expected_recovery
from simulator.analysis.comparison import Comparison, Swapped
from simulator.analysis.identities import check_identities
from simulator.analysis.ledger import Ledger, RunFrame, Settlement
from simulator.analysis.score_power import facts_of
from simulator.analysis.tie import tie_of
from simulator.engine import engine
from simulator.engine.accumulators import flows_alone
from simulator.engine.pilot import LOWERED, needs_of
from simulator.lowering.lower import Lowered, bytes_to_lower, tables_digest
from simulator.lowering.prices import charged_rates
from simulator.model.observer import Observer, compiling
from simulator.model.tables import Sums
from simulator.policy.risk_transfer import Partner
from simulator.scenario.prices import price_cautions
from simulator.scenario.scenario import BASELINE, Scenario
from simulator.scenario.schema import Settings
from simulator.scenario.titles import shown_names
from simulator.shards.folder import Shards
from simulator.shards.worlds import (
    OTHER_PEOPLE,
    OWN,
    TAKEN_ALONE,
    TAKEN_BY_OTHER,
    Address,
    Drawing,
    Worlds,
    by_pair,
    settlement_of,
)
from simulator.system.machine import threads_of
from simulator.system.needs import announce, check_memory


@dataclass(frozen=True)
class Run:
    """A finished run: the ledgers compared, and what a manifest says of how they came about."""

    comparison: Comparison
    tell: Callable[[], dict[str, Any]]  # digests and sizes: not worked out for whoever asks for the numbers alone

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a manifest says of how the run came about: digests and sizes."""
        return self.tell()


def run(
    scenario: Scenario,
    variants: Mapping[str, Settings],
    run_off: bool,
    threads: int | None,
    observer: Observer,
    draws: Drawing | None = None,
    among: range | None = None,
    swap_sets: bool = True,
    worlds_held: int = 1,
    crossed: int = 0,
    shards: Shards | None = None,
) -> Run:
    """Return the run of a scenario's baseline and of `variants`; with `run_off` its months follow those of lending.

    `draws` are the same lenders under other numbers, with a correlation for every Gini: replications 2k and 2k + 1 are
    lived by those of draw k, as many as there are pairs. `among` are the numbers of the replications, if they are not
    the scenario's: from a multiple of SUMS_PER_BATCH on. Without `swap_sets` nobody is told who is taken instead of
    whom. The first replications, `crossed` in number, are lived a second time, with the people of the other of their
    pair. `worlds_held` are so many runs of this size of which the results are held together. With `shards` what is
    lived is kept, and what has been kept is not lived again: the sums are the same. Raises UserError if the tape is
    wrong, or if this machine has too little memory.
    """
    start = time.perf_counter()
    threads = threads_of(threads)
    book = read_book(scenario)
    goes_on = bool(run_off and scenario.baseline.run_on_months)
    check_room([scenario.baseline, *variants.values()], run_off, (False, True) if goes_on else (False,))
    tape = book and book.tape
    made = Worlds(scenario, variants, run_off, tape, threads, observer, among, swap_sets, crossed)
    worlds, baseline, transferred = made.own, made.own[BASELINE], made.transferred
    state = {name: max(map(engine.state_bytes_at_once, world)) for name, world in worlds.items()}
    memory = _memory(made.all.values(), threads, max(state.values()), draws is not None, worlds_held)
    for remark in scenario.remarks:
        observer.note(remark)
    if any(state.values()):
        names = ", ".join(name for name, size in state.items() if size)
        kept = f"keeping state takes {max(state.values()) / 1e9:,.2f} GB"
        observer.note(f"policies read last month's book ({names}): {kept}")
    engine.prepare(baseline[0], compiling(observer))
    lowering = LOWERED * len(made.all) * scenario.baseline.replications / 2 if draws is not None else 0.0
    announce(lambda: needs_of([*made.every_future], threads, memory, worlds_held, lowering), observer)
    work = sum(map(engine.borrower_months, made.every_future))
    has_transfers = any(chain(*transferred.values()))
    settlements = of_others = {name: settlement_of(settings) for name, settings in made.lenders.items()}

    def tell(name, done):
        observer.advanced(name, done, work)

    of_shards = shards.begin(made, draws) if shards else None
    if of_shards:
        of_shards.live(threads, tell)
    n_draws = scenario.baseline.replications // 2 if draws is not None else 0
    under_draws: dict[Address, list[Sums]] = {}
    if draws is not None:
        under_draws = {key: list(map(engine.sums_of, world)) for key, world in made.all.items()}
        each = (
            _of_shards(of_shards, draws, under_draws) if of_shards else _drawn(made, draws, threads, tell, under_draws)
        )
        settlements = {name: by_pair(of) for name, of in each.items()}
        of_others = {name: by_pair(of[: crossed // 2]) for name, of in each.items()} if crossed else {}

    def added_up(key, world):
        """Return the sums of a lender's futures."""
        if key in under_draws:
            return under_draws.pop(key)
        if not of_shards:
            return [engine.run(future, threads, partial(tell, key[0])) for future in world]
        sums = list(map(engine.sums_of, world))
        of_shards.add_up({key: sums})
        return sums

    def lived(name, world, settlement, terms, first, which=OWN):
        """Return the ledger of a world, which holds that of its run-on; `terms` are the transfers of each future."""
        frame = replace(frame_of(scenario, world[0], run_off), transfers=has_transfers, draws=n_draws)
        sums = added_up((name, which), world)
        ledger = settled(name, sums, frame, settlement, terms, first)
        for one in filter(None, (ledger.run_on, ledger)):
            check_identities(one)
        if not ledger.run_on:
            return ledger
        run_on = Ledger(name, flows_alone(sums[1]), ledger.run_on.frame, ledger.run_on.settlement)
        return Ledger(name, ledger.sums, ledger.frame, ledger.settlement, first, run_on)

    ledgers: list[Ledger] = []
    swapped: dict[str, Swapped] = {}
    for name, world in worlds.items():
        first, plain = (ledgers[0] if ledgers else None), settlements[name]
        ledgers.append(lived(name, world, plain, transferred[name], first))
        if name in made.swapping:  # before insurance and partners, whose terms are on a whole book
            out, into = (made.all[name, which] for which in (TAKEN_BY_OTHER, TAKEN_ALONE))
            none = ((),) * len(world)
            by_other = lived(name, out, settlements[made.swapping[name]], none, ledgers[0], TAKEN_BY_OTHER)
            swapped[name] = Swapped(by_other, lived(name, into, plain, none, ledgers[0], TAKEN_ALONE))
    lived_again: list[Ledger] = []
    others = {name: made.all[name, OTHER_PEOPLE] for name in worlds if crossed}
    for name, world in others.items():
        baseline_again = lived_again[0] if lived_again else None
        lived_again.append(lived(name, world, of_others[name], transferred[name], baseline_again, OTHER_PEOPLE))
    policies = {name: settings.policy for name, settings in made.lenders.items()}
    seconds = round(time.perf_counter() - start, 2)

    def facts():
        further = {}
        if goes_on:
            digests = {name: tables_digest(with_run_on) for name, (_, with_run_on) in worlds.items()}
            further = {"run_on_months": scenario.baseline.run_on_months, "run_on_tables_digest": digests}
        return {
            "scenario_digest": scenario.digest(),
            "tables_digest": {name: tables_digest(world[0]) for name, world in worlds.items()},
            "seed": scenario.baseline.seed,
            "months": scenario.baseline.months,
            "run_off_months": ledgers[0].frame.run_off_months,
            **further,
            "replications": baseline[0].replications,
            **({"first_replication": baseline[0].first} if baseline[0].first else {}),
            **({"draws": n_draws} if n_draws else {}),
            "borrowers": ledgers[0].frame.borrowers,
            "borrower_months": work - sum(map(engine.borrower_months, chain(*others.values()))),
            **({"crossed_replications": crossed} if crossed else {}),
            "threads": threads,
            "wall_seconds": seconds,
            "state_bytes_at_once": state,
            **({"remarks": list(scenario.remarks)} if scenario.remarks else {}),
            **({"scores": facts_of(made.scores)} if any(made.scores.values()) else {}),
            **({"tape": book.report} if book else {}),
        }

    rates = {name: charged_rates(made.lenders[name], world[0].levers) for name, world in worlds.items()}
    tie = tie_of(scenario, threads, observer)
    cautions = [*(tie.cautions if tie else []), *scenario.cautions, *price_cautions(rates)]
    cautions += book.cautions if book else []
    compared = Comparison(ledgers, swapped, policies, cautions, rates, against=made.against, crossed=lived_again)
    return Run(compared, facts)


def check_room(lenders: Iterable[Settings], run_off: bool, futures: Iterable[bool] = (False,)) -> None:
    """Raise UserError if the lenders, each of some settings, are more than the machine could hold, before any is.

    `futures` says of each future in which they are lowered whether it has a run-on.
    """
    needed = sum(bytes_to_lower(settings, run_off, run_on) for settings in lenders for run_on in futures)
    check_memory("the scenario", needed)


def _memory(worlds, threads, state, whole, held):
    """Return the bytes of the sums of all variants and of the state kept; UserError if there is not so much memory.

    The sums are `held` so many times. `whole`: all sums of the run-ons are held at a time, not only their flows.
    """
    of_run_on = (lambda world: engine.bytes_needed(world, 0)) if whole else engine.bytes_of_flows
    kept = {id(world): engine.bytes_needed(world, 0) for world, *_ in worlds}
    kept |= {id(world): of_run_on(world) for _, *run_on in worlds for world in run_on}
    at_work = max(engine.bytes_needed(world, threads) - kept[id(world)] for world in chain(*worlds))
    needed = held * sum(kept.values()) + at_work + state
    check_memory("the results", needed)
    return needed


def read_book(scenario: Scenario):
    """Return the TapeBook that the scenario starts from, or None if it draws its borrowers."""
    portfolio = scenario.baseline.portfolio
    if not portfolio.tape:
        return None
    from simulator.tape.tape import read_tape

    return read_tape(portfolio.tape, portfolio.mapping, scenario.baseline)


def settled(
    name: str,
    sums: Sequence[Sums],
    frame: RunFrame,
    settlement: Settlement,
    terms: Sequence[tuple],
    first: Ledger | None,
) -> Ledger:
    """Return the ledger of what a lender's futures have added up to: one, or one without and one with a run-on.

    `terms` are the transfers of each future, `first` is the baseline's ledger, None of the baseline itself.
    """
    plain = Ledger(name, sums[0], frame, replace(settlement, transfers=terms[0]), first)
    run_on = None
    for whole, own in zip(sums[1:], terms[1:], strict=True):
        # The opening book was provided for as in the run-off: both futures begin with the same.
        run_on = _priced(Ledger(name, whole, frame.of_run_on, replace(settlement, transfers=own), plain), plain)
    return _priced(plain, plain, run_on)


def frame_of(scenario: Scenario, world: Lowered, run_off: bool) -> RunFrame:
    """Return what the axes of the sums of a world mean."""
    settings = scenario.baseline
    return RunFrame(
        title=settings.title,
        segments=world.segments,
        products=world.products,
        months=settings.months,
        run_off_months=settings.run_off_months if run_off else 0,
        run_on_months=settings.run_on_months or 0 if run_off else 0,
        replications=world.replications,
        borrowers=int(world.tiles[world.tiles[:, 1] == 0, 3].sum()),
        currency=settings.currency.code,
        minor_units=settings.currency.minor_units,
        factor=settings.economy.factor.enabled,
        redraw_people=settings.redraw_people,
        tape=bool(settings.portfolio.tape),
        start_month=settings.start_month,
        reporting_day=settings.reporting_day,
        names=shown_names({name: own.title for name, own in scenario.variants.items()}),
    )


def _drawn(made, draws, threads, tell, sums):
    """Add what every lender lives under each draw to `sums`; return the settlements of each draw by lender."""
    settlements: dict[str, list[Settlement]] = {name: [] for name in made.own}
    with ThreadPoolExecutor(threads) as pool:
        at_work: list[Future[Sums]] = []
        for k, lenders in enumerate(draws):  # the next is drawn and lowered while threads live this one
            now = made.drawn(lenders, 2 * k)
            for name, settings in lenders.items():
                settlements[name].append(settlement_of(settings))
            for job in at_work:
                job.result()
            at_work = [
                pool.submit(engine.run, future, 1, partial(tell, key[0]), among=range(2 * k, 2 * k + 2), sums=into)
                for key, world in now.items()
                for future, into in zip(world, sums[key], strict=True)
            ]
        for job in at_work:
            job.result()
    return settlements


def _of_shards(of_shards, draws, sums):
    """Add what the shards kept of each draw to `sums`; return the settlements of each draw by lender."""
    settlements: dict[str, list[Settlement]] = {}
    for k, z, refused, prices in of_shards.add_up(sums):
        draws.take(k, z, refused)
        for name, own in prices.items():
            settlements.setdefault(name, []).append(Settlement(**own))
    return settlements


def _priced(ledger, seen, run_on=None):
    """Return the ledger, with that of its run-on, with a price of late debt for partners who join or leave.

    It is what such debt brings in the run `seen`, in both futures: until they part they are the same.
    """
    terms = ledger.settlement.transfers
    if any(_needs_price(term) and (term.first > 1 or term.last < ledger.frame.horizon) for term in terms):
        price = expected_recovery(seen)
        terms = tuple(replace(term, late_price=price) if _needs_price(term) else term for term in terms)
    baseline = None if ledger.baseline is ledger else ledger.baseline
    settlement = replace(ledger.settlement, transfers=terms)
    return Ledger(ledger.variant, ledger.sums, ledger.frame, settlement, baseline, run_on)


def _needs_price(term):
    return isinstance(term, Partner) and term.late_price is None
