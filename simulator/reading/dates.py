"""The months of a tape: what a date column says, whatever its form."""

import re
from datetime import datetime

_ISO = re.compile(r"(\d{4})[-/.]?(0[1-9]|1[0-2])(?:[-/.]?(?:[0-2]\d|3[01]))?(?:[T ].*)?")
FORMS = "2005-04, 2005-04-30, 200504, 20050430 or 2005/04"


def month_of(text: str, form: str | None = None) -> str | None:
    """Return the month of a date as "2005-04", or None where `text` is none.

    `form` is in the signs of Python's strptime; without it the year comes first (FORMS): of 04/05/2005 nobody knows
    which is the month.
    """
    if form:
        try:
            return datetime.strptime(text, form).strftime("%Y-%m")
        except (ValueError, re.error):  # the second where a sign stands twice in the form
            return None
    found = _ISO.fullmatch(text)
    return f"{found[1]}-{found[2]}" if found else None


def months_between(first: str, last: str) -> list[str]:
    """Return every month from `first` to `last`, both included."""
    start, end = (12 * int(month[:4]) + int(month[5:]) - 1 for month in (first, last))
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in range(start, end + 1)]
