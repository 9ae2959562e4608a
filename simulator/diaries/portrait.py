"""Who a borrower is: what lasts, and what there is at the start."""

from collections.abc import Callable

from simulator.model.layout import (
    AUTOPAY,
    EMPLOYED,
    EXTERNAL_CREDIT_LIMIT,
    FORGET,
    FULL_PAYER,
    INCOME,
    LIQUIDITY,
    LIVING,
    ONE,
    QUALITY,
    REACH,
    SCORE,
    SPEND,
)


def portrait(state, entry: int, structural: bool, money: Callable[[int], str]) -> tuple[str, ...]:
    """Return in a few lines who the borrower of that first state is; `money` writes amounts.

    Who arrives (`entry` > 0) is first seen at the end of the month: what changes in a month is not told of them.
    """
    if not structural:
        earns = f"income {money(state[INCOME])} a month; " if state[INCOME] else ""
        return (f"{earns}score {state[SCORE]}; moves between the states of a matrix",)
    forgets = f"forgets {100 * state[FORGET] / ONE:.0f}% of bills unless alert or reminded"
    habits = [
        f"is in autopay where more than {100 * state[AUTOPAY] / ONE:.0f}% of borrowers are, else {forgets}",
        "wants to pay whole bills" if state[FULL_PAYER] else "does not pay whole bills",
        f"is reached by reminders that reach more than {100 * state[REACH] / ONE:.0f}% of borrowers",
    ]
    means = [
        f"income {money(state[INCOME])} a month, living cost {money(state[LIVING])}",
        *([f"wanted spending {money(state[SPEND])}"] if state[SPEND] else []),
        f"credit elsewhere up to {money(state[EXTERNAL_CREDIT_LIMIT])}"
        if state[EXTERNAL_CREDIT_LIMIT]
        else "no credit elsewhere",
    ]
    if not entry:
        means.append(
            f"starts with {money(state[LIQUIDITY])} in hand, {'in work' if state[EMPLOYED] else 'out of work'}"
        )
    seen = f"score {state[SCORE]}; quality {state[QUALITY]} of 0 to 15, which the lender does not see"
    return "; ".join(means), "; ".join(habits), seen
