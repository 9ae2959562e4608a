"""Every accounting identity, exactly, over at least 10^9 borrower-months: all shipped scenarios with all variants.

`compare` checks the identities of each variant cell by cell and raises IdentityError at the first that fails.
"""

from typing import NamedTuple

from simulator import compare
from simulator.engine import engine
from simulator.lowering.lower import lower
from simulator.model.observer import Silent
from simulator.scenario.reader import load_scenario

from .worlds import SCENARIOS

AT_LEAST = 10**9
BORROWERS, REPLICATIONS = 40_000, 24  # of every scenario: over 10^9 months of open accounts in all


class Counted(NamedTuple):
    """How much of a scenario was checked."""

    scenario: str
    variants: int  # with the baseline
    borrower_months: int  # borrowers x months x replications, run-off included
    open_account_months: int  # accounts on the book at the end of a month, from the flows


def check(progress=lambda name, done, total: None, replications=REPLICATIONS):
    """Return [Counted] of the shipped scenarios; `progress` is told (who, done since, to do). Raises IdentityError."""
    paths = sorted(SCENARIOS.glob("*.toml"))
    scenarios = [load_scenario(path, borrowers=BORROWERS, replications=replications) for path in paths]
    total = sum(map(_work, scenarios))
    return [_check(scenario, progress, total) for scenario in scenarios]


class _Told(Silent):
    def __init__(self, name, progress, total):
        self.name, self.progress, self.total = name, progress, total

    def advanced(self, what, done, total):
        self.progress(f"{self.name}, {what}", done, self.total)


def _check(scenario, progress, total):
    name = scenario.path.stem
    done = compare(scenario, observer=_Told(name, progress, total))
    ledgers = done.comparison.ledgers.values()
    accounts = sum(int(ledger.total("n_accounts")[:, 1:].sum()) for ledger in ledgers)
    return Counted(name, len(ledgers), done.facts["borrower_months"], accounts)


def _work(scenario):
    lenders = [scenario.baseline, *scenario.variants.values()]
    return sum(engine.borrower_months(lower(settings, run_off=True)) for settings in lenders)
