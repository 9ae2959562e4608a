"""What must be known of a calibrated scenario before any number: carried by its file to all that is made of it."""

from collections.abc import Iterator

import numpy as np

from simulator.estimation.panels.leavers import GONE, has_room, leavers
from simulator.estimation.panels.panel import Group, Panel
from simulator.estimation.roll_rates.scenario import MINIMUM, write_off_rule
from simulator.language.catalogue import kept
from simulator.model.layout import LINE


def left_silently(panel: Panel) -> Iterator[str]:
    """Yield what is assumed of accounts whose rows end before the tape does, without an exit."""
    left = list(leavers(panel))
    if not left:
        return
    buckets = {state.name: state.bucket for state in panel.states}
    late = sum(each.accounts for each in left if buckets[each.state] != 0)
    if not has_room(panel):
        yield kept(
            "{count} accounts, {late} of them late, stop before the tape's last month without an exit. The tape has as "
            "many states as there can be, so none is left for them: they are in no move, and the book ahead is too "
            "large by as many as leave so. Put states together in the mapping.",
            count=f"{sum(each.accounts for each in left):,}",
            late=f"{late:,}",
        )
        return
    yield kept(
        "{count} accounts, {late} of them late, stop before the tape's last month without an exit: they are taken to "
        "leave then with nothing owed and nothing lost, as {gone}. Give those that were written off a status."
        if late
        else "{count} accounts stop before the tape's last month without an exit: they are taken to leave then with "
        "nothing owed and nothing lost, as {gone}. Give those that were written off a status.",
        count=f"{sum(each.accounts for each in left):,}",
        late=f"{late:,}",
        gone=GONE,
    )


def of_the_tape(panel: Panel, has_limits: bool, counts: dict[tuple[str, str], np.ndarray]) -> Iterator[str]:
    """Yield what the tape does not tell and the scenario assumes, and whether debts can leave its book as losses.

    `counts` are the moves of each product and segment, float64[open state, state].
    """
    lines = panel.product == LINE
    if not has_limits:
        yield kept(
            "Limits are not on the tape: each line's is what it owes in {month}, so that nobody borrows more than "
            "that.",
            month=panel.months[-1],
        )
    if lines.any() and not np.isfinite(panel.payment[lines]).any():
        yield kept(
            "Payments are not on the tape: {share} of the bill is taken to be paid, and new borrowing to be what moves "
            "balances as on the tape.",
            share=f"{MINIMUM:.0%}",
        )
    yield from _losses(panel, counts)


def _losses(panel: Panel, counts: dict[tuple[str, str], np.ndarray]) -> Iterator[str]:
    """Yield which accounts are written off by an assumption alone, and which never can be."""
    at, _ = write_off_rule(panel.states, counts.values())
    worst = len(panel.open_states) - 1
    ruled: list[str] = []
    never: list[str] = []
    for group in panel.groups():
        table = counts[group.product, group.segment]
        reached = _reached(panel, group, table)
        if any(there and state.bucket == "written_off" for there, state in zip(reached, panel.states, strict=True)):
            continue
        grows = at != "never" and panel.states[worst].at_least and reached[worst] and table[worst, worst] > 0
        (ruled if grows else never).append(f"{group.product}s of {group.segment}")
    if ruled:
        yield kept(
            "No write-off is on the tape: debts are written off at {days} days past due, an assumption."
            if len(ruled) == len(counts)
            else "No write-off of {whose} is on the tape: debts are written off at {days} days past due, an "
            "assumption.",
            whose=" and ".join(ruled),
            days=at,
        )
    if never:
        yield kept(
            "This book cannot write off: no move on the tape leads to it, and no rule that is assumed. It shows no "
            "loss."
            if len(never) == len(counts)
            else "In this book {whose} cannot write off: no move on the tape leads to it, and no rule that is assumed. "
            "It shows no loss.",
            whose=" and ".join(never),
        )


def _reached(panel: Panel, group: Group, table: np.ndarray) -> np.ndarray:
    """Return bool[state]: the states that accounts of the tape's last month are in, or get to by the moves."""
    last, n_open = panel.state[group.accounts, -1], len(panel.open_states)
    reached = np.bincount(last[last >= 0], minlength=len(panel.states)) > 0
    reached[n_open:] = False
    for _ in panel.states:
        reached = reached | (table[reached[:n_open]] > 0).any(axis=0)
    return reached
