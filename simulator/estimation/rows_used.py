"""Which rows of a file an estimate rests on, in one line: the first thing that is said of it."""

from collections.abc import Mapping
from typing import Any

from simulator.tape.rows import NOT_THERE

MUCH = 0.05  # share of the rows left out from which it is a caution; assumption


def sentence(facts: Mapping[str, Any]) -> str:
    """Return the line: rows used of those read, how many are left out for what reason, and how the file was read.

    `facts` are those of a panel or of loans with outcomes.
    """
    count, left_out = facts.get("loans_used", facts.get("rows_used", 0)), facts.get("left_out", {})
    most_first = sorted(left_out.items(), key=lambda one: -one[1])
    left = "; ".join(f"{rows:,} row{'s' if rows > 1 else ''}: {reason}" for reason, rows in most_first)
    form = f" {facts['form']}" if facts.get("form") else ""
    return f"{count:,} of {facts.get('rows_read', count):,} rows used; left out: {left or 'none'}.{form}"


def cautions(facts: Mapping[str, Any]) -> list[str]:
    """Return what can hardly be meant, and the caution that a large share of the rows is left out, where it is."""
    left_out = facts.get("left_out", {})
    empty = left_out.get(NOT_THERE, 0)  # of a wide tape: cells that nobody has left out
    left, read = sum(left_out.values()) - empty, facts.get("rows_read", 0) - empty
    much = [f"{left / read:.0%} of the rows are left out. {sentence(facts)}"] if left > MUCH * read else []
    return [*facts.get("doubts", []), *much]
