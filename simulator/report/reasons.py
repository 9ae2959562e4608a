"""Why a variant differs from the baseline: which mechanisms moved and which did not, in plain sentences.

Each kind of policy says in its own file which measures its mechanism must move; a variant is explained by the kinds
whose settings it changes. Here is what they are given to say it with, and what is said of any variant. A movement is
stated as a fact only from FACT standard errors on. Sums of measures are paired by replication.
"""

from typing import NamedTuple

import numpy as np

from simulator.analysis.estimates import MEAN
from simulator.analysis.ledger import components
from simulator.analysis.measures import ACCOUNTS, MEASURES, TAIL, highest_tail
from simulator.language.catalogue import say
from simulator.model.errors import UserError
from simulator.model.layout import CAUSES
from simulator.policy.registry import code_of, in_words, policy_of
from simulator.policy.why import FACT, capital, listed
from simulator.report import phrasing

MAYBE = 2  # standard errors up to which it may well be chance
MAIN = 0.01  # of the line that moved most, from which another one is named beside it
ONE_LINE = ("net_loss", "cost", "insurer_result", "partner_profit")  # sums that are told of as one line of profit


class Change(NamedTuple):
    """A paired difference from the baseline: value, standard error, half its 95 % interval, the baseline's level.

    The protocol is simulator.policy.why.Change.
    """

    value: float
    se: float  # NaN where one replication alone has the difference
    half: float
    before: float
    unit: str
    before_se: float = 0.0
    replications: int = 1  # of the run

    @property
    def z(self):
        """Return the difference in standard errors; infinity or 0 of one that is the same in all replications, or one.

        NaN where it is not defined.
        """
        if self.se > 0:
            return self.value / self.se
        return self.value * np.inf if self.value else 0.0

    @property
    def moves(self):
        """Return whether the movement is a fact."""
        return bool(abs(self.z) > FACT)

    @property
    def bound(self):
        """Return the largest size of the change that its 95 % interval leaves open."""
        return abs(self.value) + self.half

    def __str__(self):
        """Return the difference in words, with its sign."""
        return number(self.value, self.se, self.unit, difference=True)

    def clause(self, what, plural=False):
        """Return one clause on whether and by how much something moved."""
        if not np.isfinite(self.value):
            return say("{what} are not defined" if plural else "{what} is not defined", what=what)
        if self.value == 0 and not self.se > 0:
            return say("{what} are exactly the same" if plural else "{what} is exactly the same", what=what)
        slots = {"what": what, "change": str(self)}
        if not np.isfinite(self.se) and self.replications > 1:
            return say(
                "{what} are known from one replication only ({change})"
                if plural
                else "{what} is known from one replication only ({change})",
                **slots,
            )
        rises = self.value > 0
        if not self.moves:
            if abs(self.z) > MAYBE:
                return say("{what} may rise ({change})" if rises else "{what} may fall ({change})", **slots)
            return say(
                "{what} do not move beyond chance ({change})"
                if plural
                else "{what} does not move beyond chance ({change})",
                **slots,
            )
        is_share = self.unit.startswith("share")
        part = "" if is_share else phrasing.per_cent_of(self.value, self.before, self.before_se)
        by = number(abs(self.value), self.se, self.unit, is_share).removeprefix("+")
        if part:
            by = say("{by} ({part})", by=by, part=part)
        if plural:
            return say("{what} rise by {by}" if rises else "{what} fall by {by}", what=what, by=by)
        return say("{what} rises by {by}" if rises else "{what} falls by {by}", what=what, by=by)


class Evidence:
    """What a comparison says of one variant, to the policies of a kind.

    The protocol is simulator.policy.why.Evidence.
    """

    def __init__(self, comparison, variant, kind=None):
        self.comparison, self.variant, self.baseline = comparison, variant, comparison.reference(variant)
        self.frame, self.ledger = comparison.frame, comparison.ledgers[variant]
        self.currency, self.products = self.frame.currency, self.frame.products
        in_force = _in_force(comparison, variant).values()
        self.settings = [policy for policy in in_force if policy.kind == kind]
        self.risk_transfers = self.ledger.settlement.transfers
        self.reads_book, self.swapped = comparison.reads_book(variant), comparison.sides(variant)

    def change(self, *measures) -> Change:
        """Return the change of the sum of measures of one unit."""
        unit = self._unit(measures[0])
        if MEASURES[measures[0]].kind == TAIL:  # a tail has no value in each replication
            d = self.comparison.difference(self.variant, measures[0])
            level = self.comparison.estimate(self.baseline, measures[0])
            return change_of(d, level, unit, self.frame.replications)
        a, b = (self._samples(name, measures) for name in (self.variant, self.baseline))
        return self._paired(a, b, unit)

    def clause(self, what, *measures, plural=False):
        """Return "net loss falls by CNY 1,234 ± 56 (3.4 %)", that it does not move beyond chance, or is not stated."""
        if not self.stated(measures[0]):
            return say("{what} are not stated" if plural else "{what} is not stated", what=what)
        return self.change(*measures).clause(what, plural)

    def value(self) -> str:
        """Return the clauses on profit and net present value; also the money tied up where that sets them apart."""
        profit, npv = self.clause(say("profit"), "profit"), self.clause(say("net present value"), "npv")
        said = phrasing.in_a_row((profit, npv))
        earned, worth, tied = self.change("profit"), self.change("npv"), self.money_tied_up()
        apart = worth.value * earned.value <= 0 and worth.value * tied.value <= 0
        if not (apart and worth.moves and earned.moves and tied.moves):
            return said
        rates = self.ledger.settlement
        to_value, to_profit = (self.per_cent(rates.mean_of(name)) for name in ("discount_rate", "funding_rate"))
        return say(
            "{said}; less of the lender's own money is tied up ({tied} on average), worth the discount rate of "
            "{to_value} a year to net present value and the funding rate of {to_profit} to profit"
            if tied.value < 0
            else "{said}; more of the lender's own money is tied up ({tied} on average), worth the discount rate of "
            "{to_value} a year to net present value and the funding rate of {to_profit} to profit",
            said=said,
            tied=tied,
            to_value=to_value,
            to_profit=to_profit,
        )

    def money_tied_up(self) -> Change:
        """Return the change of the lender's own balance, the average over all months."""

        def samples(variant):
            balance = self.comparison.ledgers[variant].total("own_balance") / self.frame.minor_units
            return (balance[:, 1:] + balance[:, :-1]).mean(axis=1) / 2

        return self._paired(samples(self.variant), samples(self.baseline), self.currency)

    def level(self, *measures) -> str:
        """Return the sum of measures under the variant in words."""
        value, se = self.comparison.average.estimate(self._samples(self.variant, measures))
        return number(float(value), float(se), self._unit(measures[0]))

    def mean(self, measure) -> float:
        """Return a measure's mean under the variant."""
        return self.comparison.estimate(self.variant, measure).value

    def stated(self, measure) -> bool:
        """Return whether this run can state a measure."""
        return not self.comparison.unstated(measure)

    def has(self, line) -> bool:
        """Return whether anything was ever booked on a line of the variant's ledger."""
        return bool(self.ledger[line].any())

    def highest_own_tail(self) -> str | None:
        """Return the expected shortfall of the own net loss of the highest level stated, by name; None if none is."""
        return highest_tail(self.frame, "es", "_own")

    def swap_level(self, side, measure) -> str:
        """Return a measure of the applicants swapped "out" or "into" in words."""
        value, se = self.comparison.swapped(self.variant, side, measure)
        return number(value, se, self._unit(measure))

    def swap_change(self, measure) -> Change:
        """Return by how much a measure of those swapped "into" differs from those swapped "out"."""
        out, into = (self.comparison.swap_samples(self.variant, side, measure) for side in ("out", "into"))
        return self._paired(into, out, self._unit(measure))

    def named(self, lender) -> str:
        """Return a lender's name as it is shown."""
        return phrasing.quoted(lender, self.frame)

    def label(self, name) -> str:
        """Return the name of a measure, or of a cause of being late, in words."""
        return phrasing.cause(name) if name in phrasing.CAUSE_LABELS else phrasing.label(name)

    def money(self, amount, decimals) -> str:
        """Return an amount with its currency."""
        return phrasing.amount(amount, decimals, self.currency)

    def per_cent(self, share) -> str:
        """Return a share in per cent with two digits that count; empty where it says nothing."""
        if share > phrasing.FOLD:
            return ""
        return phrasing.per_cent(100 * share, 0 if share >= 0.1 else 1)

    def _unit(self, measure):
        return MEASURES[measure].unit_in(self.frame)

    def _paired(self, after, before, unit) -> Change:
        """Return the change between samples of the same replications."""
        return paired(after, before, unit, self.comparison.average)

    def _samples(self, variant, measures):
        return sum(self.comparison.samples(variant, measure) for measure in measures)


def paired(after, before, unit, average=MEAN) -> Change:
    """Return the change between samples of the same replications, `average` being what is stated of them."""
    return change_of(average.difference(after, before), average.estimate(before), unit, len(before))


def change_of(d, level, unit, replications) -> Change:
    """Return a Difference with the level that it is a change of."""
    return Change(d.value, d.se, d.half_width, float(level.value), unit, float(level.se), replications)


def reasons(comparison, variant) -> list[str]:
    """Return the sentences that say why a variant differs, most to the point first."""
    if (told := comparison.told("why")) is not None:
        return told[variant]
    kinds = changed_kinds(comparison, variant)
    names = listed([in_words(kind) for kind in kinds])
    if comparison.is_same(variant):
        other = phrasing.quoted(comparison.reference(variant), comparison.frame)
        if not kinds:
            return [
                say("It changes nothing that is in force: every measure is exactly that of {other}.", other=other),
            ]
        return [
            say("It changes {names}, to no effect: every measure is exactly that of {other}.", names=names, other=other)
        ]
    evidence = Evidence(comparison, variant)
    own = [sentence for kind in kinds for sentence in _of_kind(comparison, variant, kind)]
    name = phrasing.quoted(variant, comparison.frame)  # as it is written, at the start of a sentence too
    said = [sentence if sentence.startswith(f"{name} ") else capital(sentence) for sentence in own or by_line(evidence)]
    if len(kinds) > 1:
        said.append(
            say("It changes {names} at once: the sentences say what moved, not which of them moved it.", names=names)
        )
    return [*said, *by_cause(evidence), *beyond_the_horizon(evidence)]


def _of_kind(comparison, variant, kind) -> list[str]:
    """Return what a kind of policy says of a variant that changes it; what its code raises, if it is the user's own."""
    why = getattr(policy_of(kind), "why", None)
    try:
        with code_of(kind, "why"):
            return [str(sentence) for sentence in why(Evidence(comparison, variant, kind))] if why else []
    except UserError as error:  # the run is over, and its numbers stand
        return [say("{kind} does not say why: {error}.", kind=in_words(kind), error=error)]


def changed_kinds(comparison, variant) -> list[str]:
    """Return the kinds of the policies in force that differ from the reference's, in the order of the file."""
    before, after = (_in_force(comparison, name) for name in (comparison.reference(variant), variant))
    differ = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    return list(dict.fromkeys((after.get(key) or before[key]).kind for key in differ))


def _in_force(comparison, variant):
    """Return the settings of the policies in force of a lender by their names."""
    return {key: policy for key, policy in comparison.policies.get(variant, {}).items() if policy.enabled}


def number(value, se, unit, difference=False):
    """Return a value in words; a count without its unit, which the sentence says."""
    if unit != ACCOUNTS or not np.isfinite(value):
        return phrasing.number(value, se, unit, difference)
    return phrasing.NO_BREAK.join(filter(None, phrasing.count(value, se, difference)))


def by_line(evidence):
    """Yield which lines of income and cost moved, the largest first: what is known of any variant.

    Without those that moved by next to nothing beside the largest.
    """
    lines = (name for name in components("profit", ONE_LINE) if MEASURES[name].applies_to(evidence.frame))
    changes = {name: evidence.change(name) for name in lines}
    moved = sorted((name for name in changes if changes[name].moves), key=lambda name: -abs(changes[name].value))
    if moved:
        main = [name for name in moved if abs(changes[name].value) >= MAIN * abs(changes[moved[0]].value)]
        yield say("{clauses}.", clauses=phrasing.joined(changes[name].clause(phrasing.label(name)) for name in main))
    elif any(change.se > 0 for change in changes.values()):
        yield f"no line of income or cost moves by more than {FACT} standard errors."
    else:
        yield "every line of income and cost is exactly the same."
    yield say("{clauses}.", clauses=evidence.value())


def by_cause(evidence):
    """Yield by which causes bad debt moved."""
    changes = {cause: evidence.change(f"bad_debt_{cause}") for cause in CAUSES}
    moving = {phrasing.cause(name): change for name, change in changes.items() if change.moves}
    moved = [say("{cause} {change}", cause=name, change=change) for name, change in moving.items()]
    still = [phrasing.cause(name) for name, c in changes.items() if not c.moves and c.se > 0]
    if not any(c.value or c.before for name, c in changes.items() if name != "unknown"):
        yield say("The causes of the net loss are not known in this book.")
    elif moved and still:
        yield say(
            "Net loss by cause: {causes}; {n} standard errors are not reached for {others}.",
            causes=phrasing.in_a_row(moved),
            n=FACT,
            others=listed(still),
        )
    elif moved:
        yield say("Net loss by cause: {causes}.", causes=phrasing.in_a_row(moved))
    elif all(c.value == 0 and not c.se > 0 for c in changes.values()):
        yield say("Net loss is exactly the same for every cause: no borrower notices.")
    elif still and evidence.change("net_loss").moves:
        yield say("Net loss moves by more than {n} standard errors for no single cause.", n=FACT)


def beyond_the_horizon(evidence):
    """Yield what the customers at hand bring by going on, and how many of them there are, where there is a run-on."""
    if "customer_value" not in evidence.comparison.measures or not evidence.stated("customer_value"):
        return
    brings = say("what the customers at hand bring after month {n} by going on", n=evidence.frame.months)
    clauses = [
        evidence.clause(brings, "customer_value"),
        evidence.clause(say("accounts open at its end"), "n_accounts", plural=True),
    ]
    if evidence.change("n_closures_good").moves:
        clauses.append(evidence.clause(say("good customers closed"), "n_closures_good", plural=True))
    yield say("Beyond the horizon: {clauses}.", clauses=phrasing.joined(clauses))


def rating_power(comparison):
    """Return one sentence on how well grade and score rank who defaults; empty where nothing was rated."""
    grade, score = (comparison.estimate(comparison.baseline, name) for name in ("gini_grade", "gini_score"))
    if not np.isfinite([grade.value, score.value]).all():
        return ""
    return say(
        "The grade, from an account's record with the lender only, ranks who defaults within 12 months with a Gini of "
        "{grade}; the application score with {score} (1: without fault, 0: not at all).",
        grade=phrasing.number(grade.value, grade.se, "ratio"),
        score=phrasing.number(score.value, score.se, "ratio"),
    )
