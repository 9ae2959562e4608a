"""The accounting identities, which must hold in every cell: they catch a single misplaced unit."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from simulator.analysis.ledger import SETTLED, Ledger, components
from simulator.model.layout import (
    ARRIVED,
    BUCKETS,
    CAUSES,
    FLOWS,
    LEVELS,
    LINE,
    N_FLOWS,
    N_PRODUCT,
    PRIORITIES,
    PRODUCTS,
    TO_CLOSED_AT_ZERO,
    TO_FORGIVEN,
    TO_PAID_OFF,
    TO_SOLD,
    TO_WRITTEN_OFF,
)
from simulator.policy.risk_transfer import TRANSFERRED

Identity = tuple[str, Any, Any]  # its name and both sides, int64[month, segment, product], by replication or of all
Lines = Callable[[str], np.ndarray]  # gives a line by its name
AT_ONCE = 20  # replications that are looked at together: what is read of them again and again stays in the cache
FROM_PRICES = frozenset((*SETTLED, *TRANSFERRED))  # lines that are no sums of flows

# Counts and amounts that are part of another in every cell: part -> whole.
PARTS = {
    "n_dpd30": "n_accounts",
    "n_dpd60": "n_dpd30",
    "n_dpd90": "n_dpd60",
    "n_frozen": "n_accounts",
    "n_closed": "n_accounts",
    "n_missed": "n_due",
    "n_dpd1": "n_missed",
    "balance_dpd1_current": "balance_dpd1",
    "n_cured_30": "n_missed",
    "n_cured_7": "n_cured_30",
    "n_missed_short_high_use": "n_missed_short",
    "n_declined": "n_applied",
    "n_not_taken_up": "n_applied",
    "n_default_granted": "n_default",
    "n_settlements": "n_offers",
    "n_taken_for_fraud": "n_declined",
    "n_fraud_caught": "n_taken_for_fraud",
    **{f"n_contacts_wanted_in_{order}": "n_contacts_wanted" for order in range(PRIORITIES)},
    "written_off_interest": "written_off",
    "conversion_fees": "fees",
    "n_settled_early": "n_paid_off",
    "n_first_payment_30": "n_first_30",
    "written_off_fees": "written_off",
    **{f"n_closures_good_{cause}": f"n_closures_{cause}" for cause in CAUSES},
    **{f"n_collected_{level}": f"n_contacts_{level}" for level in LEVELS},
}
# Lines that the roll matrix has too: accounts and amounts by how late they are at least, and where both go.
LATE = (("n_accounts", "balance"), *((f"n_dpd{days}", f"balance_dpd{days}") for days in (30, 60, 90)))
EXITS = {
    "n_paid_off": TO_PAID_OFF,
    "n_closed_at_zero": TO_CLOSED_AT_ZERO,
    "n_written_off": TO_WRITTEN_OFF,
    "n_sold_open": TO_SOLD,
}
AMOUNTS_OUT = {"written_off": TO_WRITTEN_OFF, "sold_open": TO_SOLD, "forgiven": TO_FORGIVEN}
ON_ROLLS = (*chain(*LATE), "n_granted", "n_regranted", *EXITS, *AMOUNTS_OUT)


class IdentityError(Exception):
    """An accounting identity does not hold: a defect of the program, never of the user's input."""


def check_identities(ledger: Ledger) -> None:
    """Raise IdentityError at the first identity that fails: which, where, and both of its sides.

    AT_ONCE replications after another, then what is of all together.
    """
    of_all: dict[str, np.ndarray] = dict.fromkeys(ON_ROLLS, np.zeros((), np.int64))
    for first in range(0, ledger.frame.replications, AT_ONCE):
        line = _lines(ledger, slice(first, first + AT_ONCE))
        for identity in _identities(line):
            _check(ledger, identity, first)
        of_all = {name: stock + line(name).sum(axis=0) for name, stock in of_all.items()}
    for identity in _roll_identities(ledger.rolls.sum(axis=0), of_all):
        _check(ledger, identity)


def _check(ledger: Ledger, identity: Identity, first: int = 0) -> None:
    """Raise IdentityError if both sides are not the same; `first` is the number of the first replication in them."""
    name, left, right = identity
    if np.array_equal(left, right):
        return
    wrong = np.argwhere(left != right)
    *replication, month, segment, product = (int(k) for k in wrong[0])
    where = f"replication {first + replication[0]}" if replication else "all replications"
    cell = tuple(wrong[0])
    raise IdentityError(
        f"identity '{name}' fails in variant '{ledger.variant}', segment '{ledger.frame.segments[segment]}', "
        f"product '{PRODUCTS[product]}', month {month}, {where}: {left[cell]} is not {right[cell]} "
        f"({len(wrong)} cells differ)"
    )


def _lines(ledger: Ledger, some: slice) -> Lines:
    """Return what gives int64[replication, month, segment, product] of a line in some replications.

    Most flows are asked for, one after another: the cells of each are laid side by side.
    """
    halves = ledger.sums.flows[some]
    flows = np.empty((N_FLOWS, len(halves), *halves.shape[2:-1]), np.int64)
    np.add(halves[:, 0], halves[:, 1], out=np.moveaxis(flows, 0, -1))

    def line(name: str) -> np.ndarray:
        if name in FLOWS:
            return flows[FLOWS.index(name)]
        if name in FROM_PRICES:
            return ledger[name][some]
        first, *others = (sign * line(part) for part, sign in components(name).items())
        return sum(others, first)

    return line


def _identities(now: Lines) -> Iterator[Identity]:
    """Yield what must hold in every replication; month 0 is whole."""

    def before(name):
        """Return the stock at the start of the month; for month 0 the stock itself, which nothing has moved yet."""
        stock = now(name)
        return np.concatenate([stock[:, :1], stock[:, :-1]], axis=1)

    yield (
        "open book",
        before("balance") + now("new_credit") + now("interest") + now("fees"),
        now("balance") + now("paid") + now("forgiven") + now("written_off") + now("sold_open"),
    )
    yield (
        "written-off book",
        before("balance_written_off_book") + now("written_off"),
        now("balance_written_off_book") + now("recovered") + now("sold_written_off") + now("expired"),
    )
    came = now("n_granted") + _lines_only(now("n_regranted"))
    yield "accounts", before("n_accounts") + came, now("n_accounts") + sum(now(name) for name in EXITS)
    change = now("balance") - before("balance")
    gross_cash = now("gross_cash") - now("funding_cost")
    yield "gross profit is gross cash and the change of the open balance", now("gross_profit"), gross_cash + change
    change = now("own_balance") - before("own_balance")
    yield "profit is cash and the change of the open balance", now("profit"), now("cash") + change
    yield "bad debt by cause", sum(now(f"bad_debt_{cause}") for cause in CAUSES), now("net_loss")
    for name in ("n_missed", "n_dpd30", "n_dpd90"):
        yield f"{name} by cause", sum(now(f"{name}_{cause}") for cause in CAUSES), now(name)
    yield from _limits(now, before)


def _limits(now, before):
    """Yield (name, the lesser of both, part) for what is part of something else: equal, or the part is too large."""

    def most(part, whole):
        return np.minimum(part, whole), part

    for part, whole in PARTS.items():
        yield f"{part} is part of {whole}", *most(now(part), now(whole))
    closed = before("n_closed") + now("n_closures") + now("n_closed_by_customer") + now("n_closed_idle")
    yield "n_closed is left of those closed", *most(now("n_closed"), closed)
    left = now("n_written_off_book") + now("n_sold_written_off") + now("n_expired")
    yield "written-off accounts", *most(left, before("n_written_off_book") + now("n_written_off"))
    for begun in ("n_plans", "n_settlements"):
        ended, of = (now(f"{begun}_kept") + now(f"{begun}_broken")).cumsum(axis=1), now(begun).cumsum(axis=1)
        yield f"{begun}_kept and {begun}_broken end {begun}", *most(ended, of)
    trials, failed = (now(name).cumsum(axis=1) for name in ("n_trials", "n_trials_failed"))
    yield "n_trials_failed end n_trials", *most(failed, trials)


def _lines_only(counts):
    """Return `counts` [..., product] with those of loan facilities, which are no accounts, set to 0."""
    return counts * (np.arange(N_PRODUCT) == LINE)


def _roll_identities(rolls: np.ndarray, of_all: Mapping[str, np.ndarray]) -> Iterator[Identity]:
    """Yield what must hold of the moves and of the lines ON_ROLLS, which are int64[month, segment, product].

    Both are of all replications together. Month 0 has no moves, so stocks at the end of a month are compared from
    month 1 on.
    """
    count, balance = rolls[..., 0], rolls[..., 1]

    def after(name):
        return np.concatenate([np.zeros_like(of_all[name][:1]), of_all[name][1:]])

    def before(name):
        return np.concatenate([np.zeros_like(of_all[name][:1]), of_all[name][:-1]])

    for first, (accounts, amount) in enumerate(LATE):
        yield f"rows of the roll matrix: {accounts}", count[..., first:BUCKETS, :].sum(axis=(-1, -2)), before(accounts)
        yield f"columns of the roll matrix: {accounts}", count[..., first:BUCKETS].sum(axis=(-1, -2)), after(accounts)
        yield f"columns of the roll matrix: {amount}", balance[..., first:BUCKETS].sum(axis=(-1, -2)), after(amount)
    came = after("n_granted") + _lines_only(after("n_regranted"))
    yield "row 'arrived' of the roll matrix", count[..., ARRIVED, :].sum(axis=-1), came
    for moved, exits in ((count, EXITS), (balance, AMOUNTS_OUT)):
        for name, to in exits.items():
            yield f"column of the roll matrix: {name}", moved[..., to].sum(axis=-1), after(name)
