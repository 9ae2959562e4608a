"""Dates and months: what a text says, whatever its form."""

import calendar
import re
from datetime import datetime, timedelta

DAY_NUMBER = "day number"  # the form of dates that spreadsheets write as days since the last day but one of 1899
FORMS = "2005-04, 2005-04-30, 200504, 20050430, 2005/4, 2005年4月, Apr 2005 or 2005Q2"
_FIRST_DAY, _MOST_DAYS = datetime(1899, 12, 30), 100_000
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})[-/.]?(?P<month>0[1-9]|1[0-2])(?:[-/.]?(?:[0-2]\d|3[01]))?(?:[T ].*)?",
        r"(?P<year>\d{4})[-/.](?P<month>[1-9]|1[0-2])(?:[-/.](?:[0-2]?\d|3[01]))?(?: .*)?",
        r"(?P<year>\d{4}) ?年 ?(?P<month>0?[1-9]|1[0-2]) ?月(?: ?[0-3]?\d ?[日号])?",
        r"(?:[0-3]?\d[- ])?(?P<name>[a-z]{3,9})[-. ]+(?P<year>\d{4})",
        r"(?P<year>\d{4})[- ]?Q0?(?P<quarter>[1-4])",
        r"Q(?P<quarter>[1-4])[- /]?(?P<year>\d{4})",
    )
)
_NAMES = {name.lower(): m for names in (calendar.month_name, calendar.month_abbr) for m, name in enumerate(names) if m}


def month_of(text: str, form: str | None = None) -> str | None:
    """Return the month of a date as "2005-04", or None where `text` is none; of a quarter its last month.

    `form` is in the signs of Python's strptime, or DAY_NUMBER; without it the year comes first or the month is a word
    (FORMS): of 04/05/2005 nobody knows which is the month.
    """
    if form == DAY_NUMBER:
        days = int(text.partition(".")[0]) if re.fullmatch(r"\d{1,6}(\.\d*)?", text) else 0
        return (_FIRST_DAY + timedelta(days)).strftime("%Y-%m") if 0 < days < _MOST_DAYS else None
    if form:
        try:
            return datetime.strptime(text, form).strftime("%Y-%m")
        except (ValueError, re.error):  # the second where a sign stands twice in the form
            return None
    for known in _FORMS:
        if found := known.fullmatch(text):
            said = found.groupdict()
            month = (
                said.get("month") or 3 * int(said.get("quarter") or 0) or _NAMES.get((said.get("name") or "").lower())
            )
            return f"{said['year']}-{int(month):02}" if month else None
    return None


def number_of(month: str) -> int:
    """Return the months from the year 0 to a month such as "2005-04"."""
    return 12 * int(month[:4]) + int(month[5:]) - 1


def month_at(number: int) -> str:
    """Return the month so many months after the year 0 began, as "2005-04"."""
    return f"{number // 12:04}-{number % 12 + 1:02}"


def months_between(first: str, last: str) -> list[str]:
    """Return every month from `first` to `last`, both included."""
    return [month_at(number) for number in range(number_of(first), number_of(last) + 1)]
