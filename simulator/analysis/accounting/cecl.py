"""CECL (ASC 326): lifetime expected credit loss from the first day, in every stage.

What may still be drawn is left out: the lender can cancel a line at any time (ASC 326-20-30-11).
"""

from simulator.analysis.accounting.ifrs9 import allowance, coverage


def lifetime_loss(loss, shown, balance, count):
    """Return float64[batch, product, bucket]: what to provide for `balance`: its lifetime loss in every bucket."""
    return balance * loss.lifetime


def cecl_coverage(ledger):
    """Return float64[product, stage], as `ifrs9.coverage`, of lifetime loss."""
    return coverage(ledger, lifetime_loss)


def cecl_allowance(ledger):
    """Return the allowance at the lifetime coverage of this ledger's own rolls."""
    return allowance(ledger, cecl_coverage)
