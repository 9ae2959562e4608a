"""TOML as the user wrote it: tables of plain values, within bounds, and the place of every breach."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.printable import controls_in
from simulator.scenario import shipped
from simulator.system.inputs import MOST_TEXT, content_of

MOST_DEEP = 16  # tables and lists inside each other; a scenario has 8
MOST_PARTS = 16  # of a dotted key
MOST_BITS = 128  # of a whole number: what none may have; where less is allowed, the schema says so
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*\.[ \t]*{_PART}){{{MOST_PARTS}}}")
_LONG_NUMBER = re.compile(r"[0-9_]{300,}")
MOST_FILES, MOST_TOGETHER = 100, 4 * MOST_TEXT  # that a scenario is made of, and the characters in them
FilesOf = dict[str, dict[str, list[str]]]  # of "variant"s and "world"s by name: the files that say something of each
LISTED = 20  # problems of one file that are told one by one


class NotToml(UserError):
    """A text that is no TOML at all, unlike one that holds too much."""


class Files:
    """The files that one scenario is made of: each is read once, and all of them are within bounds together."""

    def __init__(self):
        """Begin with none."""
        self._tables: dict[str, dict] = {}
        self._left = MOST_TOGETHER
        self.of: FilesOf = {"variant": {}, "world": {}}

    def tables(self, path: Path, place: str) -> dict:
        """Return the tables of the file `path`, which lies at `place`; raises as `read_toml` does."""
        if place not in self._tables:
            if len(self._tables) >= MOST_FILES:
                raise UserError(Problem(str(path), "", "one file too many", f"allowed: {MOST_FILES} in a scenario"))
            text = _text_of(path, "scenario")
            self._left -= len(text)
            if self._left < 0:
                found = f"with those before it more than {MOST_TOGETHER:,} characters"
                raise UserError(Problem(str(path), "", found, "allowed: that many in all files of a scenario"))
            self._tables[place] = tables_of(text, str(path))
        return dict(self._tables[place])


def read_toml(path: Path, kind: str = "scenario", any_text: bool = False) -> dict:
    """Return the tables of a TOML file, a `kind` of file; raises UserError with what is wrong with the file.

    Control characters in it are refused, but with `any_text`: a mapping quotes what stands in the records.
    """
    return tables_of(_text_of(path, kind), str(path), any_text)


def _text_of(path: Path, kind: str) -> str:
    """Return the text of a file with plain line ends; raises UserError if it is none."""
    name, wish = str(path), f"give the path of a {kind} file (TOML)"
    try:
        text = content_of(path, MOST_TEXT, wish).decode("utf-8-sig")
    except FileNotFoundError:
        near = [file.name for file in path.parent.glob("*.toml")]
        hint = did_you_mean(path.name, near if path.suffix or kind != "scenario" else [*near, *shipped.names()])
        raise UserError(Problem(name, "", "no such file", hint if hint.startswith("did") else wish)) from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(Problem(name, "", "this is not a text file", f"a {kind} is a TOML file in UTF-8"))
    return text.replace("\r\n", "\n")


def tables_of(text: str, file: str, any_text: bool = False) -> dict:
    """Return the tables of a TOML text that `file` holds; raises UserError with what is wrong with it, and where."""
    if long := _LONG_KEY.search(text):  # the parser takes the square of a key's parts
        found = f"a key of more than {MOST_PARTS} parts: {long[0][:40]}..."
        raise UserError(Problem(file, "", f"not valid TOML: {found} ({_line(text, long.start())})"))
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NotToml(Problem(file, "", f"not valid TOML: {error}", _quotes_wanted(text, str(error)))) from None
    except RecursionError:
        raise UserError(Problem(file, "", "not valid TOML: tables nested too deeply")) from None
    except (ValueError, OverflowError) as error:  # Python's bound on the digits of a number
        long = _LONG_NUMBER.search(text)
        found = f"a number of {len(long[0]):,} digits ({_line(text, long.start())})" if long else str(error)
        raise UserError(Problem(file, "", f"not valid TOML: {found}")) from None
    return bounded(table, file, any_text)


def bounded(table: dict, file: str, any_text: bool = False) -> dict:
    """Return tables that `file` holds; raises UserError if there is in them what no file may hold."""
    if problems := [Problem(file, *wrong) for wrong in _beyond(table, any_text)]:
        more = [Problem(file, "", f"{len(problems) - LISTED:,} more of this kind")] if len(problems) > LISTED else []
        raise UserError(problems[:LISTED] + more)
    return table


def _line(text: str, place: int) -> str:
    return f"at line {text.count(chr(10), 0, place) + 1}"


def _quotes_wanted(text: str, error: str) -> str:
    """Return what to do where an error is at letters that TOML has only in quotes; empty where it is not."""
    if not (place := re.search(r"at line (\d+), column (\d+)", error)):
        return ""
    line, at = text.splitlines()[int(place[1]) - 1], int(place[2]) - 1
    word = next((found[0] for found in re.finditer(r"[\w-]+", line) if found.start() <= at < found.end()), "")
    return "" if word.isascii() else f'allowed: other letters than a to z in quotes: "{word}"'


def _beyond(table: dict, any_text: bool) -> Iterator[tuple[str, str, str]]:
    """Yield (key, found, allowed) of what no file may hold: too deep, too many digits, control characters."""
    left: list[tuple[str, Any, int]] = [("", table, 0)]
    while left:
        key, value, depth = left.pop()
        if isinstance(value, dict | list):
            if depth > MOST_DEEP:
                yield key, "nested too deeply", f"allowed: {MOST_DEEP} tables and lists inside each other"
                continue
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            inner = [(f"{key}.{name}" if key else str(name), name, member) for name, member in entries]
            left += [(here, member, depth + 1) for here, _, member in reversed(inner)]
            for here, name, _ in inner:
                if not any_text and isinstance(name, str) and (sign := controls_in(name)):
                    yield here, f"a control character in a key: {sign}", "allowed: text"
        elif isinstance(value, int) and value.bit_length() > MOST_BITS:
            yield key, f"a whole number of {value.bit_length()} bits", f"allowed: {MOST_BITS}"
        elif not any_text and isinstance(value, str) and (sign := controls_in(value)):
            yield key, f"a control character: {sign}", "allowed: text, on one line"
