"""What the lender does: all that the file of a policy imports, and nothing else. docs/policies.md says how.

`layout` has the levers by name: V_ of a month, S_ of a stage, L_ of the collections ladder.
"""

from typing import TYPE_CHECKING

from pydantic import Field

from simulator.language.catalogue import kept, noted, say
from simulator.model import layout
from simulator.model.layout import (
    AGE_BANDS,
    BUCKETS,
    CAUSES,
    DEFAULT_BUCKET,
    GRADE_NAMES,
    GRADES,
    LEVELS,
    NEVER,
    ONE,
    PRODUCTS,
    SCORE_BANDS,
    UNIT,
)
from simulator.model.values import (
    COUNT,
    DPD,
    LARGEST_AMOUNT,
    MONEY_PER_MONTH,
    MONTHS,
    MULTIPLIER,
    RATE_PER_YEAR,
    SHARE,
    Chance,
    Correlation,
    Dpd,
    Gini,
    LogOdds,
    Money,
    Month,
    Share,
    Unit,
)
from simulator.policy.base import (
    AGE_NAMES,
    AGES,
    CLOSE,
    MOST,
    MOST_LOGIT,
    CurrentGrade,
    DaysLate,
    Months,
    Multiplier,
    Never,
    Points,
    Policy,
    PolicyTable,
    by_age,
    mul_q16,
    mul_q31,
    multiplier,
    share,
    threshold,
)
from simulator.policy.labels import Choices, Members
from simulator.policy.others import Exits, Others
from simulator.policy.why import FACT, Evidence, capital, forgetting, listed

if TYPE_CHECKING:
    from simulator.policy.book import Book
    from simulator.policy.levers import PolicyContext
    from simulator.policy.risk_transfer import LATE, Insurance, Partner

_LAZY = {  # with numpy, which a command that only checks settings does not pay for
    "Book": "book",
    "PolicyContext": "levers",
    "Insurance": "risk_transfer",
    "LATE": "risk_transfer",
    "Partner": "risk_transfer",
}
__all__ = [  # constants, types, functions
    "AGES",
    "AGE_BANDS",
    "AGE_NAMES",
    "BUCKETS",
    "CAUSES",
    "CLOSE",
    "COUNT",
    "DEFAULT_BUCKET",
    "DPD",
    "FACT",
    "GRADES",
    "GRADE_NAMES",
    "LARGEST_AMOUNT",
    "LATE",
    "LEVELS",
    "MONEY_PER_MONTH",
    "MONTHS",
    "MOST",
    "MOST_LOGIT",
    "MULTIPLIER",
    "NEVER",
    "ONE",
    "PRODUCTS",
    "RATE_PER_YEAR",
    "SCORE_BANDS",
    "SHARE",
    "UNIT",
    "Book",
    "Chance",
    "Choices",
    "Correlation",
    "CurrentGrade",
    "DaysLate",
    "Dpd",
    "Evidence",
    "Exits",
    "Field",
    "Gini",
    "Insurance",
    "LogOdds",
    "Members",
    "Money",
    "Month",
    "Months",
    "Multiplier",
    "Never",
    "Others",
    "Partner",
    "Points",
    "Policy",
    "PolicyContext",
    "PolicyTable",
    "Share",
    "Unit",
    "by_age",
    "capital",
    "forgetting",
    "kept",
    "layout",
    "listed",
    "mul_q16",
    "mul_q31",
    "multiplier",
    "noted",
    "say",
    "share",
    "threshold",
]


def __getattr__(name: str):
    """Return a name that is imported only when it is used."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
