"""The terms on which others bear a part of the risk: where, when and how much."""

from dataclasses import dataclass

import numpy as np

LATE = 3  # classes of late balance: bucket 1, 2, and 3 and worse


@dataclass(frozen=True)
class Acting:
    """Where and when a transfer acts; indices of segments and products."""

    first: int  # month
    last: int
    segments: tuple[int, ...]
    products: tuple[int, ...]

    def cells(self, shape):
        """Return bool[segment, product], True where it acts."""
        inside = np.zeros(shape, dtype=bool)
        inside[np.ix_(self.segments, self.products)] = True
        return inside


@dataclass(frozen=True)
class Insurance(Acting):
    """A layer of cover on the lender's own debt; `deductible` and `cap` of the balance a period begins with."""

    premium: float  # a year
    on_opening: bool  # of the balance the period begins with; else of the balance at the start of each month
    share: float  # of the insured loss between deductible and cap
    deductible: float
    cap: float  # infinite: none
    period: int  # months after which deductible and cap begin anew
    subrogation: float  # of what comes back on debt the insurer has paid for


@dataclass(frozen=True)
class Partner(Acting):
    """A partner who holds `share` of the book and pays `fee`, a share of its interest and late charges."""

    share: float
    fee: float
    # [product][class of LATE]: price of a unit of late balance when it joins or leaves; None: not known yet
    late_price: tuple[tuple[float, ...], ...] | None = None

    def held(self, shape):
        """Return float64[month, segment, product], its share; the opening book is held as month 1 is."""
        held = np.zeros(shape)
        held[self.first : self.last + 1] = self.share * self.cells(shape[1:])
        held[0] = held[1]
        return held
