"""Numbers as people write them: thousands apart, a decimal comma, a currency, brackets for below 0, a unit after them.

Everything works on Arrow arrays of text, so that a million values are as simple as one.
"""

import numpy as np

PER_CENT = r"\s*[%％]"
MONTHS = r"(?i)\s*(months?|mths?|mos?\.?|个月|期|月)"
DAYS = r"(?i)\s*(days?|天|日)"
_PLAIN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_SIGN = r"US\$|HK\$|NT\$|R\$|[¥￥$€£₩₹元圆]|人民币|RMB|CNY|USD|EUR|GBP|TWD|NTD|HKD|JPY|BRL|INR|KRW"
_APART = r"[ '’\x{a0}\x{202f}\x{2009}，]"  # between thousands, in every language


def parsed(text, decimal: str = ".", unit: str = ""):
    """Return float64[text], 0 where there is no number, and bool[text]: whether there is one.

    `text` is an Arrow array of text; `unit`, one of the patterns above, is what may follow a number. With `decimal` "."
    a comma parts thousands, with "," a full stop; both only between groups of three digits.
    """
    import pyarrow.compute as pc

    if decimal == ".":
        plain = pc.match_substring_regex(text, _PLAIN)
        if pc.all(plain).as_py() in (True, None):  # None: of no text at all
            return _cast(text, plain)
    for pattern, becomes in _rules(decimal, unit):
        text = pc.replace_substring_regex(text, pattern, becomes)
    return _cast(text, pc.match_substring_regex(text, _PLAIN))


def _rules(decimal: str, unit: str):
    """Yield (pattern, what it becomes), in the order in which they turn a text into a plain number."""
    yield r"^\s+|\s+$", ""
    yield "\u2212", "-"
    yield r"^[(（](.*)[)）]$", r"-\1"
    yield r"^([^-].*)-$", r"-\1"
    yield rf"(?i)^([+-]?)\s*(?:{_SIGN})\s*([+-]?)", r"\1\2"
    yield rf"(?i)\s*(?:{_SIGN})$", ""
    if unit:
        yield unit + "$", ""
    if decimal == ",":
        apart, point = _APART.replace("[", r"[.", 1), ","
    else:
        apart, point = _APART.replace("[", "[,", 1), "[.]"
    yield rf"^([+-]?[0-9]{{1,3}}(?:{apart}[0-9]{{3}})+)({point}[0-9]*)?$", r"<\1>\2"
    # what stands between < and > is digits and signs between thousands: the signs go
    for _ in range(6):
        yield rf"^<([+-]?[0-9]+){apart}([0-9]{{3}})", r"<\1\2"
    yield r"^<([+-]?[0-9]+)>", r"\1"
    if decimal == ",":
        yield r"\.", "?"  # a decimal point where a comma is meant: no number
        yield r"^([+-]?[0-9]*),([0-9]*)$", r"\1.\2"


def _cast(text, is_number):
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.if_else(is_number, pc.replace_substring_regex(text, r"^\+", ""), "0")
    values, good = digits.cast(pa.float64()).to_numpy(zero_copy_only=False), is_number.to_numpy(zero_copy_only=False)
    good = good & np.isfinite(values)
    return np.where(good, values, 0.0), good
