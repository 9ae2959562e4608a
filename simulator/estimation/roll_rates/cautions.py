"""What must be known of a calibrated scenario before any number: carried by its file to all that is made of it."""

from collections.abc import Iterator

import numpy as np

from simulator.estimation.panels.leavers import GONE, leavers
from simulator.estimation.panels.panel import Group, Panel
from simulator.estimation.roll_rates.scenario import MINIMUM, write_off_rule
from simulator.model.layout import LINE


def left_silently(panel: Panel) -> Iterator[str]:
    """Yield what is assumed of accounts whose rows end before the tape does, without an exit."""
    left = list(leavers(panel))
    if not left:
        return
    buckets = {state.name: state.bucket for state in panel.states}
    late = sum(each.accounts for each in left if buckets[each.state] != 0)
    who = f"{sum(each.accounts for each in left):,} accounts" + (f", {late:,} of them late," if late else "")
    yield (
        f"{who} stop before the tape's last month without an exit: they are taken to leave then with nothing owed and "
        f"nothing lost, as {GONE}. Give those that were written off a status."
    )


def of_the_tape(panel: Panel, has_limits: bool, counts: dict[tuple[str, str], np.ndarray]) -> Iterator[str]:
    """Yield what the tape does not tell and the scenario assumes, and whether debts can leave its book as losses.

    `counts` are the moves of each product and segment, float64[open state, state].
    """
    lines = panel.product == LINE
    if not has_limits:
        owed = f"each line's is what it owes in {panel.months[-1]}, so that nobody borrows more than that"
        yield f"Limits are not on the tape: {owed}."
    if lines.any() and not np.isfinite(panel.payment[lines]).any():
        yield (
            f"Payments are not on the tape: {MINIMUM:.0%} of the bill is taken to be paid, and new borrowing to be "
            "what moves balances as on the tape."
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
        whose = "" if len(ruled) == len(counts) else f" of {' and '.join(ruled)}"
        yield f"No write-off{whose} is on the tape: debts are written off at {at} days past due, an assumption."
    if never:
        who = "This book" if len(never) == len(counts) else f"In this book {' and '.join(never)}"
        yield f"{who} cannot write off: no move on the tape leads to it, and no rule that is assumed. It shows no loss."


def _reached(panel: Panel, group: Group, table: np.ndarray) -> np.ndarray:
    """Return bool[state]: the states that accounts of the tape's last month are in, or get to by the moves."""
    last, n_open = panel.state[group.accounts, -1], len(panel.open_states)
    reached = np.bincount(last[last >= 0], minlength=len(panel.states)) > 0
    reached[n_open:] = False
    for _ in panel.states:
        reached = reached | (table[reached[:n_open]] > 0).any(axis=0)
    return reached
