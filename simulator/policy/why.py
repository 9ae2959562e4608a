"""What a policy's `why` is given to say why a variant differs from the baseline, and words that policies share.

`why(evidence)` yields sentences: which mechanisms of the policy moved and which did not, each with its measure. The
report writes them with a capital.
"""

from collections.abc import Iterator, Sequence
from functools import reduce
from math import inf, isfinite
from typing import Any, Protocol

from simulator.language.catalogue import say

FACT = 4  # standard errors from which a movement is a fact and not chance
SMALL = 0.10  # of the movement meant, up to which a movement not meant is called small
HARD = ("mean_dpd90_cannot", "mean_dpd90_will_not")


class Change(Protocol):
    """How much a measure, or a sum of measures, differs from the baseline's, paired by replication.

    As text it is the difference with its sign and its standard error, such as "+40 ± 10".
    """

    value: float
    se: float  # standard error; NaN where one replication alone has the difference

    @property
    def moves(self) -> bool:
        """Return whether the movement is a fact: more than FACT standard errors."""

    @property
    def bound(self) -> float:
        """Return the largest size of the change that its 95 % interval leaves open."""

    def clause(self, what: str, plural: bool = False) -> str:
        """Return "net loss falls by CNY 1,234 ± 56 (3.4 %)", or that `what` does not move beyond chance."""


class Evidence(Protocol):
    """What a comparison says of one variant, to the policies whose settings it changes.

    Measures are those of docs/measures.md, by name; several are added up, and must have one unit.
    """

    variant: str
    baseline: str
    currency: str
    products: Sequence[str]  # those of the run
    settings: Sequence[Any]  # of the policies of the kind in force under the variant, in the order of the file
    risk_transfers: Sequence[Any]  # terms of insurers and partners under the variant, as settled
    reads_book: bool  # a policy of the variant or the baseline acts by last month's book
    swapped: Sequence[str]  # of "out" and "into" those with anybody: who is declined, or taken, instead

    def change(self, *measures: str) -> Change:
        """Return the change of the sum of measures."""

    def clause(self, what: str, *measures: str, plural: bool = False) -> str:
        """Return the clause on the change of the sum of measures, or that this run does not state them."""

    def value(self) -> str:
        """Return the clauses on profit and net present value, and what sets them apart."""

    def level(self, *measures: str) -> str:
        """Return the sum of measures under the variant in words."""

    def mean(self, measure: str) -> float:
        """Return a measure under the variant, the mean over replications."""

    def stated(self, measure: str) -> bool:
        """Return whether this run can state a measure."""

    def has(self, line: str) -> bool:
        """Return whether anything was ever booked on a line of the variant's ledger."""

    def highest_own_tail(self) -> str | None:
        """Return the expected shortfall of the own net loss of the highest level stated, by name; None if none is."""

    def swap_level(self, side: str, measure: str) -> str:
        """Return a measure of the applicants swapped "out" or "into" in words."""

    def swap_change(self, measure: str) -> Change:
        """Return by how much a measure of those swapped "into" differs from those swapped "out"."""

    def named(self, lender: str) -> str:
        """Return a lender's name as it is shown: the user's own, but for that of the baseline."""

    def label(self, name: str) -> str:
        """Return the name of a measure, or of a cause of being late, in words."""

    def money(self, amount: float, decimals: int) -> str:
        """Return an amount with its currency."""

    def per_cent(self, share: float) -> str:
        """Return a share in per cent with two digits that count; empty where it says nothing, beyond 300 %."""


def forgetting(evidence: Evidence, tool: str) -> Iterator[str]:
    """Yield what `tool`, such as "the reminder", does that acts on forgetting: hard default should hardly move."""
    overdue, hard = evidence.change("mean_dpd30_forgot"), evidence.change(*HARD)
    yield say(
        "{tool} acts on forgetting: {dues}; {late}.",
        tool=tool,
        dues=evidence.clause(say("dues missed because forgotten"), "n_missed_forgot", plural=True),
        late=overdue.clause(say("accounts 30 or more days overdue for that reason, on average,"), plural=True),
    )
    each = [
        say("{cause} {change}", cause=evidence.label(name.removeprefix("mean_dpd90_")), change=evidence.change(name))
        for name in HARD
    ]
    found = {
        "whole": hard.clause(say("accounts 90 or more days overdue for want of means or will"), plural=True),
        "each": in_a_row(each),
    }
    most = hard.bound / abs(overdue.value) if overdue.moves else inf
    if not isfinite(most):  # nothing to bound it by, or one replication, which bounds nothing
        yield say("{whole}: {each}.", **found)
        return
    found |= {"confidence": evidence.per_cent(0.95), "bound": evidence.per_cent(most)}
    found["small"] = evidence.per_cent(SMALL)
    if not found["bound"]:
        yield say("{whole}: {each}. That is not shown to be smaller than the change in forgotten overdue.", **found)
    elif most <= SMALL:
        yield say(
            "{whole}: {each}. With {confidence} confidence that is at most {bound} of the change in forgotten overdue, "
            "within {small} of it.",
            **found,
        )
    else:
        yield say(
            "{whole}: {each}. With {confidence} confidence that is at most {bound} of the change in forgotten overdue, "
            "not shown to be within {small} of it.",
            **found,
        )


def capital(text: str) -> str:
    """Return a sentence with a capital."""
    return text[:1].upper() + text[1:]


def in_a_row(names: Sequence[str]) -> str:
    """Return "a, b, c"."""
    if not names:
        return ""
    return reduce(lambda some, other: say("{some}, {next}", some=some, next=other), names)


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return say("{names} and {last}", names=in_a_row(names[:-1]), last=names[-1])
