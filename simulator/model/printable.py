"""Text made fit to print: what others wrote reaches a terminal only through here."""

import unicodedata

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn the order around
_NEVER = ("Cc", "Cs", "Zl", "Zp")  # controls (ESC, CR, NUL, C1), halves of characters, line and paragraph separators


def printable(text: str) -> str:
    """Return `text` on one line, with whatever could steer a terminal or forge a line written out: "\\x1b"."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(sign) if is_control(sign) else sign for sign in text)


def is_control(sign: str) -> bool:
    """Return whether a character is no text: a control character, half a character, a break or a turn of direction."""
    return sign in BIDI or unicodedata.category(sign) in _NEVER


def controls_in(text: str) -> str:
    """Return the first control character of `text`, written out, or "" where there is none."""
    if text.isascii() and text.isprintable():
        return ""
    return next((_escaped(sign) for sign in text if is_control(sign)), "")


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
