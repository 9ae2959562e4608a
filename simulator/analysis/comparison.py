"""Variants side by side: paired differences from the baseline, their errors, and what may be concluded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis import cohorts
from simulator.analysis.accounting.ifrs9 import coverage
from simulator.analysis.errors import FEWEST, Errors, HalfBook, apart
from simulator.analysis.estimates import MEAN, SURE, Difference, Estimate, Estimates, Mean, less, shared_variance
from simulator.analysis.ledger import Ledger, result_digest
from simulator.analysis.measures import AXES, MEASURES, measures_of, shown_in, windows
from simulator.analysis.measures.registry import FLOW, STOCK, TAIL
from simulator.analysis.measures.tables import LOSS_RATES, SWAPPED
from simulator.analysis.roll_rates import change as change_of_rates
from simulator.analysis.roll_rates import whole as whole_rates
from simulator.language.catalogue import kept, noted
from simulator.model.layout import GRADE_NAMES, PRODUCTS
from simulator.scenario.scenario import BASELINE
from simulator.scenario.titles import quoted

NOTHING_TO_DIVIDE_BY = kept("a rate of nothing is not defined")
NUMBERS = ("value", "se", "low", "high")  # of an estimate, as summary.json names them


CLEAR = kept("highest net present value, clear of every other variant")
MORE_BEFORE = noted(  # the gap of the leader's lead follows it
    "it depends on the horizon, and without run_on_months only one is known: {other} earns more than {best} within the "
    "months compared, and {best} has the highest net present value once all is collected"
)
OTHER_WAY = {  # what is said of loss rates that move against the loss, by (it falls, one rate does so)
    (True, True): noted(
        "{variant}: the {rates} rises while the net loss falls{sure}. The rate divides by what was lent or is owed, "
        "and this variant shrinks that denominator: read the net loss first."
    ),
    (True, False): noted(
        "{variant}: the {rates} rise while the net loss falls{sure}. The rate divides by what was lent or is owed, "
        "and this variant shrinks that denominator: read the net loss first."
    ),
    (False, True): noted(
        "{variant}: the {rates} falls while the net loss rises{sure}. The rate divides by what was lent or is owed, "
        "and this variant swells that denominator: read the net loss first."
    ),
    (False, False): noted(
        "{variant}: the {rates} fall while the net loss rises{sure}. The rate divides by what was lent or is owed, "
        "and this variant swells that denominator: read the net loss first."
    ),
}


@dataclass(frozen=True)
class Verdict:
    """Which variant has the highest net present value, how sure that is, or why none is named (`winner` None).

    Where there is a run-on, it is of both horizons together: the winner is that of both, what it is sure of is so by
    both, second and difference are those of the run-off, and there is no leader if the two have different ones.
    """

    winner: str | None
    second: str | None  # the candidate nearest to it
    difference: Difference | None  # winner less second
    reason: str
    leader: str | None = None  # the highest of this run, named or not
    probability: float = float("nan")  # at least so sure is it that the leader is the best of all
    run_off: "Verdict | None" = None  # by `npv` alone, where there is a run-on
    run_on: "Verdict | None" = None  # by `npv_run_on` alone


class Swapped(NamedTuple):
    """Applicants on whom a variant and its reference decide differently, living with the lender that takes them."""

    out: Ledger  # the reference takes them, the variant declines them
    into: Ledger  # the variant takes them, the reference declines them


class Comparison:
    """The ledgers of a run by variant; the first is the baseline. A plain run is a comparison of one.

    `swaps` are there for the variants that review applicants in another way; `policies` are the settings of every
    lender's policies by name; `cautions` are those of the scenario. `rates` are the yearly interest rates of every
    lender by product and grade. `average` is what is stated of samples that have no other statistic: their mean, as if
    replications were independent, unless they are of something else. `against` names the variants that are compared
    with another variant, and which; the others are compared with the baseline. `crossed` are ledgers of all lenders in
    which the first replications have the people of the other of their pair.
    """

    def __init__(
        self,
        ledgers: list[Ledger],
        swaps: dict[str, Swapped] | None = None,
        policies: dict[str, dict[str, Any]] | None = None,
        cautions: list[str] | None = None,
        rates: dict[str, dict[str, list[float]]] | None = None,
        average: Mean = MEAN,
        against: dict[str, str] | None = None,
        crossed: list[Ledger] | None = None,
    ):
        """Raise ValueError if there is no ledger, a name comes twice, or frames differ."""
        self.ledgers = {ledger.variant: ledger for ledger in ledgers}
        if not ledgers or len(self.ledgers) != len(ledgers):
            raise ValueError("a comparison needs ledgers with different variant names")
        self.frame = ledgers[0].frame
        if any(ledger.frame != self.frame for ledger in ledgers):
            raise ValueError("variants of one comparison share months, segments, products and replications")
        if any((ledger.run_on is None) != (self.frame.run_on_months == 0) for ledger in ledgers):
            raise ValueError("every ledger of a comparison has its run-on, or none has")
        self.baseline = ledgers[0].variant
        self.swaps, self.policies, self.cautions = swaps or {}, policies or {}, cautions or []
        self.rates, self.average, self.against = rates or {}, average, against or {}
        self.crossed = {ledger.variant: ledger for ledger in crossed or []}
        self.windows = windows(self.frame)
        self.measures = measures_of(self.frame)
        self._known: dict[tuple, Any] = {}  # of this comparison alone, so that it goes when that goes

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes it anew: pickled and copied it is its ledgers, without the numbers kept of them."""
        kept = (self.swaps, self.policies, self.cautions, self.rates, self.average, self.against)
        return type(self), (list(self.ledgers.values()), *kept, list(self.crossed.values()))

    def restated(self, cautions: list[str], average: Mean) -> "Comparison":
        """Return the same ledgers with other cautions, and means that are stated in another way."""
        kept = (self.swaps, self.policies, cautions, self.rates, average, self.against, list(self.crossed.values()))
        return Comparison(list(self.ledgers.values()), *kept)

    @cached_property
    def result_digest(self) -> str:
        """The SHA-256 of every stored number, the same for the same question on any machine."""
        goes_on = [(f"{name}, run-on", ledger.run_on.sums) for name, ledger in self.ledgers.items() if ledger.run_on]
        return result_digest([*((name, ledger.sums) for name, ledger in self.ledgers.items()), *goes_on])

    @property
    def variants(self):
        """Return the names of the variants other than the baseline."""
        return [name for name in self.ledgers if name != self.baseline]

    def reference(self, variant: str) -> str:
        """Return the lender that a variant is compared with."""
        return self.against.get(variant, self.baseline)

    def named(self, lender: str) -> str:
        """Return a lender's name as it stands in a sentence."""
        return kept("baseline") if lender == BASELINE else quoted(self.frame.names.get(lender, lender), lender)

    def samples(self, variant: str, measure: str, window: str = "whole") -> np.ndarray:
        """Return float64[replication] (roll rates: [batch]) of one measure, amounts in the currency."""
        return self._once(
            ("samples", variant, measure, window),
            lambda: MEASURES[measure](self.ledgers[variant], self.windows[window]),
        )

    def _once(self, what: tuple, make: Callable[[], Any]) -> Any:
        """Return what `make` gives, worked out at the first time that it is asked for."""
        if what not in self._known:
            self._known[what] = make()
        return self._known[what]

    def unstated(self, measure, window="whole") -> str | None:
        """Return why this run cannot state a measure, None if it can."""
        return MEASURES[measure].unstated(self.frame, self.windows[window])

    def is_same(self, variant) -> bool:
        """Return whether a variant equals its reference exactly, in every measure and replication."""
        pairs = ((self.samples(variant, name), self.samples(self.reference(variant), name)) for name in self.measures)
        return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    def reads_book(self, variant) -> bool:
        """Return whether a policy in force of a variant or its reference acts by last month's book."""
        both = [
            policy for name in (variant, self.reference(variant)) for policy in self.policies.get(name, {}).values()
        ]
        return any(policy.enabled and policy.reads_book for policy in both)

    def sides(self, variant):
        """Return which of "out" and "into" anybody is in, of the applicants swapped by a variant."""
        sets = self.swaps[variant]._asdict() if variant in self.swaps else {}
        return [side for side, ledger in sets.items() if ledger.total("n_applied").any()]

    @property
    def swap_measures(self) -> list[str]:
        """Return the names of the measures that are told of applicants swapped."""
        return [name for name in shown_in(SWAPPED) if name in self.measures]

    def swap_samples(self, variant, side, measure, window="whole"):
        """Return float64[replication] of one measure of the applicants swapped "out" or "into" by a variant.

        They are before insurers and partners, whose terms are on a whole book.
        """
        return MEASURES[measure](getattr(self.swaps[variant], side), self.windows[window])

    def swapped(self, variant, side, measure, window="whole") -> Estimate:
        """Return the value and standard error of `swap_samples`."""
        value, se = self.average.estimate(self.swap_samples(variant, side, measure, window))
        return Estimate(float(value), float(se))

    def estimate(self, variant, measure, window="whole") -> Estimate:
        """Return one measure's value and standard error."""

        def found():
            samples = self.samples(variant, measure, window)
            value, se = self.statistic(measure, samples).estimate(samples)
            return Estimate(float(value), float(se))

        return self._once(("estimate", variant, measure, window), found)

    def by_month(self, variant, measure) -> Estimates:
        """Return one measure's value and standard error in each month, from month 1 on."""
        return self.average.estimate(MEASURES[measure](self.ledgers[variant], by_month=True))

    def samples_by_month(self, variant: str, measure: str) -> np.ndarray | None:
        """Return float64[replication, month] of one measure, from month 1 on; None if they are not kept."""
        return MEASURES[measure](self.ledgers[variant], by_month=True)

    def differences_by_month(self, variant: str, measure: str, added_up: bool = False) -> list[Difference] | None:
        """Return `variant` less its reference in each month, from month 1 on; of what has `added_up` to its end.

        None if the replications of months are not kept.
        """
        return self._once(
            ("by month", variant, measure, added_up), lambda: self._differences_by_month(variant, measure, added_up)
        )

    def _differences_by_month(self, variant, measure, added_up):
        a, b = (self.samples_by_month(name, measure) for name in (variant, self.reference(variant)))
        if a is None or b is None:
            return None
        if added_up:
            a, b = np.cumsum(a, axis=1), np.cumsum(b, axis=1)
        return [self.average.difference(*both) for both in zip(a.T, b.T, strict=True)]

    def spread_by_month(self, variant: str, measure: str, per_cent: Sequence[int]) -> np.ndarray | None:
        """Return float64[per cent, month]: below what so many per cent of replications are, in each month of lending.

        NaN where none has a value. None of a single replication, or if the replications of months are not kept.
        """
        samples = self.samples_by_month(variant, measure)
        if samples is None or len(samples) < 2:
            return None
        samples = samples[:, : self.frame.months]
        lines, known = np.full((len(per_cent), self.frame.months), np.nan), np.isfinite(samples).any(axis=0)
        lines[:, known] = np.nanpercentile(samples[:, known], per_cent, axis=0)
        return lines

    def total(self, lender: str, line: str) -> float:
        """Return a line of the ledger over all months, in the currency: the mean over replications."""
        return float(self.ledgers[lender].total(line)[:, 1:].sum(axis=1).mean() / self.frame.minor_units)

    def growth(self, lender: str) -> float:
        """Return by how much a lender's own open balance grows from the opening to the end, in the currency."""
        ends = self.ledgers[lender].total("own_balance")[:, [0, -1]]
        return float(np.diff(ends).mean() / self.frame.minor_units)

    def by_cell(self, lender: str, measure: str) -> dict[tuple[str, str], Estimate]:
        """Return one measure's value and standard error by segment and product."""
        of, found = MEASURES[measure], {}
        samples = of(self.ledgers[lender], by=AXES)
        for s, segment in enumerate(self.frame.segments):
            for product in self.frame.products:
                value, se = of.estimate(samples[:, s, PRODUCTS.index(product)])
                found[segment, product] = Estimate(float(value), float(se))
        return found

    def coverage(self, lender: str) -> np.ndarray:
        """Return float64[product, stage]: at which a lender provides for its own book (IFRS 9)."""
        return self.ledgers[lender].once(coverage)

    def roll_rates(self, lender: str, by_balance: bool = False) -> np.ndarray:
        """Return float64[from, to]: the roll rates of all replications together, by accounts or by balance."""
        return whole_rates(self.ledgers[lender], by_balance)

    def roll_rate_changes(self, variant: str) -> list[list[Difference]]:
        """Return by [from][to] the change of a variant's roll rate by accounts from its reference's."""
        return change_of_rates(self.ledgers[variant], self.ledgers[self.reference(variant)])

    def ever_late(self, lender: str) -> dict[cohorts.Entries, np.ndarray]:
        """Return by when accounts began float64[months on book]: the share that was ever 90 days late."""
        return {entries: cohort.curve for entries, cohort in cohorts.lived(self.ledgers[lender]).items()}

    def ever_late_changes(self, variant: str) -> dict[cohorts.Entries, Difference]:
        """Return by when accounts began the change of that share, when lending ends, from the reference's."""
        now, then = (cohorts.lived(self.ledgers[name]) for name in (variant, self.reference(variant)))
        return {entries: cohorts.change(now[entries], then[entries]) for entries in now if entries in then}

    def effect(self, there: "Comparison", measure: str, lender: str, window: str = "whole") -> Difference:
        """Return a lender here less the same lender in the world `there`, replication by replication."""
        a, b = (comparison.samples(lender, measure, window) for comparison in (self, there))
        return there.statistic(measure, b).difference(a, b)

    def told(self, what: str) -> dict[str, list[str]] | None:
        """Return what each variant "changes", or "why" it differs, in words that were kept; None if they are not."""
        return None

    def interval(self, variant, measure, window="whole") -> tuple[float, float]:
        """Return the 95 % interval of one measure; NaN where there is none."""
        samples = self.samples(variant, measure, window)
        return self.statistic(measure, samples).interval(samples)

    def difference(self, variant, measure, window="whole", against=None) -> Difference:
        """Return `variant` less `against` (its reference), replication by replication."""
        other = against or self.reference(variant)

        def found():
            a, b = (self.samples(name, measure, window) for name in (variant, other))
            return self.statistic(measure, b).difference(a, b)

        return self._once(("difference", variant, measure, window, other), found)

    def errors(self, variant: str, measure: str, against: str | None = None) -> Errors:
        """Return the errors of a measure, or of its difference `against` another lender, by what they come from."""
        lenders = [variant] if against is None else [variant, against]
        values = [self.samples(name, measure) for name in lenders]
        kind = MEASURES[measure].kind
        if kind == TAIL or len(values[0]) != self.frame.replications or np.isnan(values[0]).all():
            found = self.difference(variant, measure, against=against) if against else self.estimate(variant, measure)
            return Errors(None, None, None, None, float(found.se))
        parts = [self._parts(name, measure) for name in lenders]
        halves, crossed = (
            None if any(part is None for part in each) else _first_less_second(each)
            for each in zip(*parts, strict=True)
        )
        whole = _first_less_second(values)
        return apart(self.average, whole, halves, crossed, kind in (STOCK, FLOW), self.frame.factor)

    def _parts(self, variant, measure):
        """Return `_parts_of` a measure, worked out once."""
        return self._once(("parts", variant, measure), lambda: self._parts_of(variant, measure))

    def _parts_of(self, variant, measure):
        """Return what tells the errors of a measure apart: (its halves, what is crossed), None where there is nothing.

        Terms of insurance and joint lending are on a whole book, which then has no halves.
        """
        statistic, window = MEASURES[measure], self.windows["whole"]
        halves = crossed = None
        if not self.frame.transfers:
            halves = np.stack([statistic(book, window) for book in self._halves_of(self.ledgers, variant)])
            if np.array_equal(halves[0], halves[1], equal_nan=True) and np.ptp(halves) > 0:
                halves = None  # not a measure of borrowers
        if self.crossed:
            books = [self.crossed[variant]] if halves is None else self._halves_of(self.crossed, variant)
            crossed = np.stack([statistic(book, window) for book in books])
        return halves, crossed

    def _halves_of(self, ledgers, name):
        """Return the books of both halves of a lender's borrowers."""
        return self._once(("halves", id(ledgers), name), lambda: [HalfBook(ledgers[name], half) for half in range(2)])

    def of_choice(self) -> list[str]:
        """Return what else is known of choosing between the lenders, in sentences; nothing without doubt."""
        return []

    def chances_to_be_best(self) -> dict[str, Estimate]:
        """Return how likely each lender is the best when lending ends; nothing without doubt."""
        return {}

    def tables(self) -> dict[str, Any]:
        """Return Arrow tables by name that its folder has besides those of every comparison; none without doubt."""
        return {}

    def worth_knowing(self) -> str:
        """Return which numbers are most worth knowing before choosing, in words; empty without doubt."""
        return ""

    def would_change(self) -> tuple[list[tuple[str, str, list[str]]], str]:
        """Return [(measure, who is best by it, what would make another the best)] in words, and how it was sought.

        Nothing without doubt.
        """
        return [], ""

    def not_apart(self) -> dict[str, str | None]:
        """Return why a part of the errors is not stated, by the name that it has in summary.json; None if it is."""
        people = factor = None
        if not self.frame.redraw_people:
            people = "the same people live in every replication"
        elif not self.crossed:
            people = "in se_luck: no replications were lived again with other people"
            if self.frame.replications < FEWEST:
                people = f"in se_luck: told apart from {FEWEST} replications on"
        if not self.frame.factor:
            factor = "there is no factor"
        elif self.frame.transfers:
            factor = "in se_luck: the terms of insurance and joint lending are on a whole book"
        parameters = None if self.frame.draws else "the numbers of the scenario are taken as they stand"
        return {"se_people": people, "se_factor": factor, "se_parameters": parameters}

    def statistic(self, measure, samples):
        """Return what is stated of the samples of a measure; of those that the run cannot state, which are NaN, too."""
        statistic = MEASURES[measure].statistic
        return self.average if statistic is MEAN or np.isnan(samples).all() else statistic

    def shared_variance(self, variant, line):
        """Return the share of the variance of `line` over replications that all borrowers have in common."""
        ledger = self.ledgers[variant]
        amounts = ledger.halves(line)[:, :, 1:].sum(axis=(2, 3, 4))
        accounts = ledger.halves("n_accounts")[:, :, 0] + ledger.halves("n_granted").sum(axis=2)
        return shared_variance(amounts, accounts.sum(axis=(0, 2, 3)).astype(float))

    def warnings(self) -> list[str]:
        """Return what must be said before any number.

        The scenario's cautions, then the variants whose loss rates point the other way than the loss.
        """
        said = list(self.cautions)
        for variant in self.variants:
            loss = self.difference(variant, "net_loss")
            rates = {MEASURES[name].short: self.difference(variant, name) for name in shown_in(LOSS_RATES)}
            other_way = {words: d for words, d in rates.items() if d.value * loss.value < 0}
            if not other_way:
                continue
            doubtful = any(np.isfinite(d.se) and not d.is_clear for d in (loss, *other_way.values()))
            names = reduce(
                lambda some, other: kept("{some} and the {other}", some=some, other=other), map(kept, other_way)
            )
            sure = kept(", though not all beyond chance") if doubtful else ""
            which = loss.value < 0, len(other_way) == 1
            said.append(kept(OTHER_WAY[which], variant=self.named(variant), rates=names, sure=sure))
        return said

    def verdict(self) -> Verdict:
        """Return the variant with the highest npv if it is clear of all others and the run has a run-off.

        Where there is a run-on, also by npv_run_on; else unless another clearly earns more within the months compared.
        """
        if not self.variants:
            return Verdict(None, None, None, kept("there is nothing to compare"))
        if reason := self.unstated("npv"):
            return Verdict(None, None, None, reason)
        by_run_off = self._verdict_by("npv")
        if self.frame.run_on_months:
            return _by_both(by_run_off, self._verdict_by("npv_run_on"))
        return self._within_the_months(by_run_off)

    def _within_the_months(self, found: Verdict) -> Verdict:
        """Return the verdict of the run-off, the only horizon, without a winner that clearly earns less before it.

        Nobody borrows in a run-off, so a customer who is lost costs nothing there: what a lender gains in it alone may
        be what its customers would have brought by going on.
        """
        if not found.winner:
            return found
        earned = {name: self.estimate(name, "profit", "lending").value for name in self.ledgers}
        most = max(earned, key=lambda name: earned[name])
        less_than = self.difference(most, "profit", "lending", against=found.winner)
        if not (less_than.value > 0 and less_than.is_clear):
            return found
        why = kept(MORE_BEFORE, other=self.named(most), best=self.named(found.winner))
        return replace(found, winner=None, reason=why)

    def _verdict_by(self, value) -> Verdict:
        """Return the variant with the highest mean of a measure if it is clear of all others."""
        values = {name: self.estimate(name, value).value for name in self.ledgers}
        best = max(values, key=lambda name: values[name])  # the earlier of equals
        rivals = {name: self.difference(best, value, against=name) for name in self.ledgers if name != best}
        second = max(rivals, key=lambda name: values[name])
        if self.frame.replications < 2:
            return Verdict(None, second, rivals[second], kept("one replication has no standard error"), best)
        # The highest of many is partly the luckiest. Whichever is truly best, it can be passed over for each of the
        # others: by Bonferroni's inequality the chances add, so the more variants, the clearer the lead must be.
        leader = self.samples(best, value)
        doubt = {name: self.average.chance_not_above(leader, self.samples(name, value)) for name in rivals}
        sure = max(1 - sum(doubt.values()), 0.0)
        nearest = max(rivals, key=lambda name: (doubt[name], values[name]))
        rival = rivals[nearest]
        if rival.value == 0 and rival.se == 0:
            return Verdict(
                None,
                nearest,
                rival,
                kept("{best} and {other} are equal", best=self.named(best), other=self.named(nearest)),
                best,
                sure,
            )
        if sure < SURE:
            why = kept("{best} and {other} are not clearly apart", best=self.named(best), other=self.named(nearest))
            if 1 - doubt[nearest] >= SURE:  # it would be the winner of two
                count = len(self.ledgers)
                why = kept(
                    "{best} leads, but not clearly enough for the best of {count}", best=self.named(best), count=count
                )
            return Verdict(None, nearest, rival, why, best, sure)
        return Verdict(best, second, rivals[second], CLEAR, best, sure)

    def summary(self) -> dict:
        """Return the contents of summary.json: headline measures of all variants, their differences, the verdict.

        A value that is null has its reason beside it.
        """
        names = [name for name, measure in self.measures.items() if measure.headline]

        def entry(measure, value, se, low, high):
            told = {name: as_json(x) for name, x in zip(NUMBERS, (value, se, low, high), strict=True)}
            told["unit"] = self.measures[measure].unit_in(self.frame)
            if told["value"] is None:
                told["reason"] = self.unstated(measure) or NOTHING_TO_DIVIDE_BY
            return told

        def with_parts(told, *of):
            return told | {name: None if x is None else as_json(x) for name, x in self.errors(*of).as_dict().items()}

        def level(variant, measure):
            told = entry(measure, *self.estimate(variant, measure), *self.interval(variant, measure))
            return with_parts(told, variant, measure)

        def difference(variant, measure):
            d = self.difference(variant, measure)
            told = entry(measure, d.value, d.se, d.low, d.high)
            return with_parts(told, variant, measure, self.reference(variant))

        def swapped(variant, side, measure):
            samples = self.swap_samples(variant, side, measure)
            return entry(
                measure, *self.swapped(variant, side, measure), *self.statistic(measure, samples).interval(samples)
            )

        told = {
            "cautions": self.cautions,
            "people": self._people_told(),
            "errors": self.not_apart(),
            "yearly_rates": {
                name: {product: dict(zip(GRADE_NAMES, by_grade, strict=True)) for product, by_grade in own.items()}
                for name, own in self.rates.items()
            },
            "verdict": self._verdict_told(),
            **({"against": self.against} if self.against else {}),
            "variants": {v: {m: level(v, m) for m in names} for v in self.ledgers},
            "differences": {v: {m: difference(v, m) for m in names} for v in self.variants},
        }
        if self.swaps:
            shown = self.swap_measures
            told["swapped"] = {
                v: {side: {m: swapped(v, side, m) for m in shown} for side in self.sides(v)} for v in self.swaps
            }
        return told

    def _people_told(self):
        """Return whether the errors include who the borrowers happen to be, as summary.json has it."""
        if not self.frame.redraw_people:
            return "given these people"
        if self.frame.tape:
            return "the accounts of the tape; what it does not say of their holders is drawn anew in each replication"
        return "drawn anew in each replication"

    def _verdict_told(self):
        """Return the verdict as summary.json has it; `best` is null where none is named."""
        verdict = self.verdict()
        each = {"run_off": verdict.run_off, "run_on": verdict.run_on}
        return self._told_of(verdict) | {name: self._told_of(found) for name, found in each.items() if found}

    def _told_of(self, verdict):
        told = {
            "best": verdict.winner,
            "leader": verdict.leader,
            "second": verdict.second,
            "probability": as_json(verdict.probability),
            "reason": verdict.reason,
        }
        if d := verdict.difference:
            numbers = zip(NUMBERS, (d.value, d.se, d.low, d.high), strict=True)
            told["difference"] = {name: as_json(x) for name, x in numbers} | {"unit": self.frame.currency}
        return told


def _by_both(run_off: Verdict, run_on: Verdict) -> Verdict:
    """Return the verdict by both horizons: a winner only if it is that of each.

    Each is tested at the same level: to name a winner both must reject, so the chance that it is not the best by both
    is at most the larger of the two (intersection-union test: R. L. Berger, Technometrics 24, 1982).
    """
    named = [found.winner for found in (run_off, run_on) if found.winner]
    why: str
    if len(named) == 2 and run_off.winner == run_on.winner:
        why = kept("highest net present value, clear of every other variant, by both horizons")
    elif len(named) == 2:
        why = kept("it depends on the horizon")
    elif run_off.reason == run_on.reason:
        why = run_off.reason
    else:
        why = kept("only one horizon has a clear best" if named else "neither horizon has a clear best")
    if run_off.leader != run_on.leader:
        return Verdict(None, None, None, why, run_off=run_off, run_on=run_on)
    winner = run_off.winner if len(named) == 2 else None
    sure = min(run_off.probability, run_on.probability)
    return Verdict(winner, run_off.second, run_off.difference, why, run_off.leader, sure, run_off, run_on)


def _first_less_second(samples) -> np.ndarray:
    """Return the first of two samples less the second, or the only one."""
    first, *others = samples
    return less(first, others[0]) if others else first


def as_json(x):
    """Return a number as JSON has it: None where it is not finite."""
    return float(x) if np.isfinite(x) else None
