"""CECL (ASC 326): lifetime expected credit loss from the first day, in every stage."""

from simulator.accounting.ifrs9 import allowance, coverage


def lifetime_loss(loss):
    """Return float64[..., bucket]: the loss to provide for per unit, the lifetime's in every bucket."""
    return loss.lifetime


def cecl_coverage(ledger):
    """Return float64[product, stage], as `ifrs9.coverage`, of lifetime loss."""
    return coverage(ledger, lifetime_loss)


def cecl_allowance(ledger):
    """Return the allowance at the baseline's lifetime coverage."""
    return allowance(ledger, ledger.baseline.once(cecl_coverage))
