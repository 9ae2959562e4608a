"""How well a field test shows a number in doubt: how much of its range so many accounts an arm leave open."""

from math import sqrt

from simulator.decision.assumptions import END, Doubt, scale_of
from simulator.model.values import LOG_ODDS

PEOPLE = ("behaviour", "segment", "policy", "products")  # whose numbers what customers do may show
OWN = (  # names of numbers that are the lender's own terms, or what others ask of it
    *("interest_rate", "late_rate", "merchant_discount", "kept_share", "floor"),
    *("price", "commission", "cost", "review_cost"),
)
ACCOUNTS = (100, 1_000, 10_000)  # an arm: sizes of a test that are told
# Spread of what one account shows, on the scale of the number. Assumptions where the file says nothing of accounts.
OF_LOG_ODDS = sqrt(8.0)  # of a difference between two arms, about half of whom answer: 1 / (p (1 - p)) from each
OF_LOGARITHM = 1.0  # an account's own amount lies as far from the mean as the mean is large


def shown_by(doubt: Doubt, accounts: int) -> float | None:
    """Return the correlation of a number's place with what a test of so many accounts an arm shows of it.

    A share is counted: its log-odds have an error of 1 / sqrt(n p (1 - p)). None of numbers of which an account shows
    nothing by itself: lists, what is no share, amount, or log-odds, and what no customer decides: prices, costs, the
    economy.
    """
    if isinstance(doubt.value, list) or not _is_of_people(doubt.key):
        return None
    to, _, scale = scale_of(doubt.low, doubt.high, doubt.bounds, doubt.about.shape)
    if scale == "logit":
        one = 1 / sqrt(doubt.value * (1 - doubt.value))
    elif scale == "lognormal":
        one = OF_LOGARITHM
    elif doubt.about.unit == LOG_ODDS.name:
        one = OF_LOG_ODDS
    else:
        return None
    spread = (to(doubt.high) - to(doubt.low)) / (2 * END)
    return 1 / sqrt(1 + (one / spread) ** 2 / accounts)


def _is_of_people(key: str) -> bool:
    """Return whether a number is seen in what customers do: no term of the lender's own, and no economy."""
    room, *parts = key.split(".")
    return room in PEOPLE and not {*parts} & {*OWN}
