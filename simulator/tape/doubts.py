"""What amounts and days look like over all rows of a tape: signs the other way round, units that cannot be meant."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.language.catalogue import kept
from simulator.model.errors import Problem
from simulator.model.layout import BUCKETS
from simulator.tape.mapping import AMOUNTS

FEW = 20  # rows that may look so by chance: assumption


class Look(NamedTuple):
    """How many rows in use have a number other than 0 in a column, and what these look like."""

    given: int
    below: int  # 0
    finer: int  # than the smallest unit of money
    most: float  # the largest

    @classmethod
    def at(cls, values: np.ndarray, unit: int) -> "Look":
        """Return the look of `values`, in `unit` smallest parts each."""
        some, parts = values[values != 0], values * unit
        finer = int((np.abs(parts - np.rint(parts)) > 1e-6 * np.maximum(1, np.abs(parts))).sum())
        return cls(len(some), int((some < 0).sum()), finer, float(some.max(initial=0)))


def _together(parts: Sequence) -> dict[str, Look]:
    """Return the look of each column over the `parts` of a tape, by role."""
    looks: dict[str, list[Look]] = {}
    for part in parts:
        for role, look in part.looks.items():
            looks.setdefault(role, []).append(look)
    return {role: _sum(own) for role, own in looks.items()}


def _sum(looks: list[Look]) -> Look:
    given, below, finer, _ = (sum(counts) for counts in zip(*looks, strict=True))
    return Look(given, below, finer, max(look.most for look in looks))


def wrong_signs(parts: Sequence) -> dict[str, Problem]:
    """Return what to say, by role, of amounts that are mostly below 0."""
    problems = {}
    for role, look in _together(parts).items():
        if role in AMOUNTS and look.below >= FEW and look.below > look.given / 2:
            found = f"{look.below:,} of {look.given:,} amounts other than 0 are below 0"
            wish = f'{AMOUNTS[role]}: opposite_sign = ["{role}"] in the mapping turns them round'
            problems[role] = Problem(parts[0].path, getattr(parts[0].mapping.columns, role), found, wish)
    return problems


def doubts(parts: Sequence) -> list[str]:
    """Return what is allowed and can hardly be meant, a line each."""
    said: list[str] = []
    if below := sum(part.below_0 for part in parts):
        said.append(
            kept("{count} days past due are below 0, taken as 0: paid before they were due.", count=f"{below:,}")
        )
    mapping = parts[0].mapping
    if "balance" in mapping.constant and "balance" not in mapping.constants:
        said.append(
            kept(
                "Balances are not on the tape: each account owes {amount} in every month, an assumption. Shares of the "
                "balance are shares of accounts, and amounts mean nothing.",
                amount=f"{int(mapping.constant['balance']):,}",
            )
        )
    for role, look in _together(parts).items():
        name = getattr(parts[0].mapping.columns, role)
        if role == "dpd" and look.given >= FEW and look.most < BUCKETS:
            said.append(
                kept(
                    "The {given} days past due above 0 in {name} are {most} at most: are they months? A bucket is 30 "
                    "days, so that none of them is beyond bucket 0.",
                    given=f"{look.given:,}",
                    name=name,
                    most=f"{look.most:g}",
                )
            )
        if role in AMOUNTS and look.finer >= FEW and look.finer > look.given / 2:
            said.append(
                kept(
                    "{finer} of {given} amounts in {name} are no whole number of minor units: are amounts and "
                    "minor_units in the mapping right?",
                    finer=f"{look.finer:,}",
                    given=f"{look.given:,}",
                    name=name,
                )
            )
    return said
