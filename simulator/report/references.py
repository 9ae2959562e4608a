"""What words and sources stand for: rows of the glossary and of the list of public sources, from the documentation."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from simulator.language.catalogue import ENGLISH, spoken

DOCS = Path(__file__).with_name("docs")  # in the repository a link to the folder docs; a wheel has the pages named here
GLOSSARY, SCENARIOS = "glossary.md", "scenarios.md"
SOURCES = "## Sources of the shipped scenarios"  # the heading of their table
_CODE = re.compile(r"\bS(\d+)(?:-S?(\d+))?")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def glossary(names: Collection[str], words: str) -> Iterator[tuple[str, ...]]:
    """Yield (term, Chinese, name, meaning) of the glossary's terms that occur: by a name, or as words of a text.

    A text in Chinese is searched for the Chinese words.
    """
    said, is_english = words.casefold(), spoken() == ENGLISH
    for row in _rows(GLOSSARY, 4):
        term, chinese, name, _ = row
        own = re.findall(r"\w+", name)
        if is_english:
            terms = [re.sub(r"\(.*?\)", "", one).strip().casefold() for one in re.split("[;,]", term)]
            occurs = any(re.search(rf"\b{re.escape(one)}\b", said) for one in terms if one)
        else:
            occurs = any(one in said for one in re.split("[；、（）]", chinese.casefold()) if one)
        if occurs or any(one in names for one in own):
            yield row


def in_order(row: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row of the glossary as it is shown: to who reads Chinese their word first, without English meaning."""
    term, chinese, name, meaning = row
    return (term, chinese, name, meaning) if spoken() == ENGLISH else (chinese, term, name)


def references(source: str) -> dict[str, str]:
    """Return {code: what it is} of the public sources that a source names: "S53", "S11-S15"."""
    known = _sources()
    return {code: known[code] for code in _codes(source) if code in known}


@cache
def _sources() -> dict[str, str]:
    """Return {code: what it is} of every public source."""
    return {code: what for codes, what in _rows(SCENARIOS, 2, SOURCES) for code in _codes(codes)}


def _codes(text: str) -> Iterator[str]:
    """Yield each code in a text, of a span all."""
    for first, last in _CODE.findall(text):
        yield from (f"S{number}" for number in range(int(first), int(last or first) + 1))


@cache
def _rows(page: str, columns: int, heading: str = "# ") -> tuple[tuple[str, ...], ...]:
    """Return the rows of the tables of a page that have so many columns, after a heading, as plain text.

    Heads are left out.
    """
    text = (DOCS / page).read_text(encoding="utf-8").partition(heading)[2]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [tuple(_plain(cell) for cell in line.strip().strip("|").split("|")) for line in lines]
    rules = [k for k, row in enumerate(rows) if set("".join(row)) <= set("-: ")]
    no_rows = {*rules, *(k - 1 for k in rules)}
    return tuple(row for k, row in enumerate(rows) if len(row) == columns and k not in no_rows)


def _plain(cell: str) -> str:
    """Return a cell of Markdown as plain text."""
    return _LINK.sub(r"\1", cell).replace("`", "").strip()
