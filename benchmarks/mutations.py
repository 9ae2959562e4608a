"""How input is made wrong: values, types, keys and nesting of tables, cells and columns of records, plain bytes."""

import copy
import datetime
import json
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = (
    *(0, -1, 1, 2, 3, 15, 16, 30, 31, 100, 600, 601, 10**6, 4 * 10**9, 10**12, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1),
    *(2**63, -(2**63), 2**64, 2**127, 2**128, 10**400, 0.0, -0.0, 0.1, 0.5, 1.5, 1 - 1e-12, 1e-9, 5e-324, 1e-300),
    *(1e5, 1e15, 1e300, 1e308, -1e308, float("inf"), float("-inf"), float("nan")),
)
EDGES = (0.0, 1.0, 1 - 1e-9, 1e-9, -1.0, 0.5, 16.0, -16.0, 64.0, 5.0, 100.0, 1000.0, 1e7)  # where bounds often are
TEXTS = (
    *("", " ", "never", "nan", "0.5", "open", "line", "loan", "a\nb", "\0", "\x1b[31m", "\u202e", "\x9b2J"),
    *(
        "[red]x[/]",
        "x" * 5000,
        "é" * 40,
        "per day",
        "CNY",
        "%",
        "share",
        "file:/dev/zero",
        "file:",
        "/dev/zero",
        "/",
        ".",
    ),
    *("huabei.toml", "../../../etc/passwd", "book.csv", "lognormal", "quantiles", "structural", "roll_rates", "{}"),
)
TABLES = (
    *([], {}, [[]], [{}], {"": 1}, {"value": 1}, {"value": float("nan"), "unit": "per day"}, {"unit": "CNY"}),
    *({"value": {"value": 1}}, [1, "a", [2]], [0.5, 0.5], {"distribution": "constant", "value": 1e308}),
    {"distribution": "lognormal", "mean": 1e308, "sigma": 5},
    {"distribution": "lognormal", "median": 5e-324, "sigma": 5, "max": 1e308},
    {"distribution": "beta", "mean": 0.5, "sd": 1e308},
    {"distribution": "beta", "mean": 0.0, "sd": 1e-9, "min": -1e308, "max": 1e308},
    {"distribution": "uniform", "low": -1e308, "high": 1e308},
    {"distribution": "quantiles", "at": [0, 0.5, 1], "value": [0, 0, 1e308]},
    {"measure": "npl_ratio", "above": 0.04},
)
CELLS = (
    *("", " ", "NA", "nan", "inf", "-inf", "1e308", "1e400", "-1", "0", "0.5", "1e-9", "9" * 400, "2147483648", "1,5"),
    *("x" * 5000, "\x1b[31m", "\u202e", "é", "\0", '"', '""', "a\nb", "'", "2024-13", "9999-12", "0000-01"),
    *("2024-02-30", "W", "PAID", "[red]", "=1+1", "-0", "+5", ".", "1.", "TRUE", "\ufeff"),
)
BYTES = (b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b'"', b"'", b"[", b"{", b"=", b"\xed\xa0\x80", b"9" * 5000)


def toml_of(value: Any) -> str:
    """Return TOML of a value, whatever stands in it: tables inside are written in line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {toml_of(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int) and abs(value) >= 10**300:
        return hex(value)
    return repr(value) if isinstance(value, int | float) else _quoted(value)


def document_of(tree: dict) -> str:
    """Return a TOML document, a line for each entry of `tree` and each table in its tables."""
    lines = []
    for key, value in tree.items():
        inner = value.items() if isinstance(value, dict) and value else [(None, value)]
        for name, member in inner:
            lines.append(f"{_quoted(key)}{'' if name is None else '.' + _quoted(name)} = {toml_of(member)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# ---- tables ----------------------------------------------------------------------------------------------------------


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (table or list, key or index) of every value in nested tables and lists."""
    found, left = [], [tree]
    while left:
        node = left.pop()
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            found.append((node, key))
            if isinstance(value, dict | list):
                left.append(value)
    return found


def anything(dice: Random) -> Any:
    """Return a value that is most likely wrong wherever it stands."""
    if dice.random() < 0.05:
        return _nested(dice.choice([12, 15, 17, 40, 300]), dice.random() < 0.5)
    if dice.random() < 0.03:
        return dice.choice([datetime.date(2024, 2, 29), datetime.time(12), datetime.datetime(1, 1, 1)])
    kind = dice.choice([NUMBERS, NUMBERS, TEXTS, TABLES, (True, False)])
    return copy.deepcopy(dice.choice(kind))  # what is put in may be changed again


def _nested(depth: int, tables: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value} if tables else [value]
    return value


def _replace(tree, dice):
    node, key = dice.choice(places(tree))
    node[key] = anything(dice)


def _scale(tree, dice):
    numbers = [(node, key) for node, key in places(tree) if type(node[key]) in (int, float)]
    if numbers:
        node, key = dice.choice(numbers)
        node[key] = dice.choice([-1, 0, 0.5, 2, 10, 1000, 1e9, 1e-9, 1e300]) * node[key]
        if dice.random() < 0.5 and abs(node[key]) < 1e300:
            node[key] = int(node[key])


def _nudge(tree, dice):
    numbers = [(node, key) for node, key in places(tree) if type(node[key]) in (int, float)]
    if numbers:
        node, key = dice.choice(numbers)
        old = node[key]
        near = [old + 1, old - 1, 2 * old, 0, 1, 30] if isinstance(old, int) else [old * 0.9, old * 1.1, old / 2]
        node[key] = dice.choice([*near, *(EDGES if isinstance(old, float) else ())])


def _flag(tree, dice):
    flags = [(node, key) for node, key in places(tree) if isinstance(node[key], bool)]
    if flags:
        node, key = dice.choice(flags)
        node[key] = not node[key]


def _drop(tree, dice):
    node, key = dice.choice(places(tree))
    del node[key]


def _rename(tree, dice):
    tables = [(node, key) for node, key in places(tree) if isinstance(node, dict)]
    if tables:
        node, key = dice.choice(tables)
        name = dice.choice([key[:-1], f"{key}x", key.upper(), dice.choice(TEXTS), f"{key}.a", "value", "unit"])
        node[name] = node.pop(key)


def _wrap(tree, dice):
    node, key = dice.choice(places(tree))
    node[key] = dice.choice([[node[key]], {"value": node[key]}, {"a": node[key]}, [node[key], node[key]]])


def _move(tree, dice):
    (node, key), (other, name) = (dice.choice(places(tree)) for _ in range(2))
    other[name] = copy.deepcopy(node[key])


def _add(tree, dice):
    tables = [tree, *(node[key] for node, key in places(tree) if isinstance(node[key], dict))]
    name = dice.choice(["unit", "value", "distribution", "kind", "when", "extends", *TEXTS])
    dice.choice(tables)[name] = anything(dice)


def _lists(tree, dice):
    lists = [node[key] for node, key in places(tree) if isinstance(node[key], list)]
    if lists:
        members = dice.choice(lists)
        how = dice.choice(["double", "drop", "reverse", "add"])
        if how == "add" or not members:
            members.append(anything(dice))
        elif how == "drop":
            members.pop(dice.randrange(len(members)))
        elif how == "double":
            members.extend(copy.deepcopy(members))
        else:
            members.reverse()


TREE = (
    *(_replace, _replace, _replace, _scale, _scale, _nudge, _nudge, _nudge, _nudge, _flag),
    *(_drop, _rename, _wrap, _move, _add, _lists),
)


def mutate_tree(tree: dict, dice: Random) -> None:
    """Make one thing wrong, or other, in nested tables; an empty one stays as it is."""
    if places(tree):
        dice.choice(TREE)(tree, dice)


def nudge_tree(tree: dict, dice: Random) -> None:
    """Make some numbers or switches in nested tables others, most of which are allowed."""
    for _ in range(3):
        dice.choice([_nudge, _nudge, _nudge, _flag])(tree, dice)


# ---- records ---------------------------------------------------------------------------------------------------------

Rows = list[list[str]]


def _cell(rows: Rows, dice: Random):
    row = dice.choice(rows[1:] or rows)
    if row:
        row[dice.randrange(len(row))] = dice.choice(CELLS)


def _column(rows, dice):
    cell, at = dice.choice(CELLS), dice.randrange(max(1, len(rows[0])))
    for row in rows[1:]:
        if at < len(row) and dice.random() < 0.9:
            row[at] = cell


def _head(rows, dice):
    if rows[0]:
        at = dice.randrange(len(rows[0]))
        rows[0][at] = dice.choice([rows[0][at - 1], rows[0][at].upper(), f" {rows[0][at]}", dice.choice(CELLS)])


def _without_column(rows, dice):
    at = dice.randrange(max(1, len(rows[0])))
    for row in rows:
        del row[at : at + 1]


def _without_rows(rows, dice):
    keep = dice.choice([0, 1, 2, len(rows) // 2])
    del rows[1 + keep :]


def _twice(rows, dice):
    at = dice.randrange(len(rows))
    rows[at:at] = [list(row) for row in rows[at : at + dice.choice([1, 5, len(rows)])]]


def _shuffle(rows, dice):
    rest = rows[1:]
    dice.shuffle(rest)
    rows[1:] = rest


def _longer(rows, dice):
    row = dice.choice(rows)
    row[:] = dice.choice([row[:-1], [*row, dice.choice(CELLS)], [], row * 2])


def _amounts(rows, dice):
    at, factor = dice.randrange(max(1, len(rows[0]))), dice.choice([-1, 0, 1e-3, 100, 1e6, 1e300])
    for row in rows[1:]:
        try:
            row[at] = repr(float(row[at]) * factor)
        except (ValueError, IndexError):
            continue


RECORDS = (
    *(_cell, _cell, _cell, _column, _column, _head, _without_column),
    *(_without_rows, _twice, _shuffle, _longer, _amounts),
)


def mutate_rows(rows: Rows, dice: Random) -> None:
    """Make one thing wrong, or other, in a header and its rows."""
    dice.choice(RECORDS)(rows, dice)


NAMES = ("--out", "--set", "--overwrite", "--borrower", "--borrowers", "--months", "--seed", "--threads", "--mapping")
WORDS = (
    *TEXTS,
    *NAMES,
    "-1",
    "0",
    "2",
    "601",
    "1e3",
    "1000000000000",
    "9" * 400,
    "9" * 5000,
    "nan",
    "-",
    "--",
    "=",
    "a=b",
)
WORDS += ("=1", "a..b=1", "months=", "months=nan", "title='\x1b'", "all:-1", "all:" + "9" * 30, "x/" * 3000, "a" * 300)


def mutate_words(words: list[str], dice: Random) -> None:
    """Make one word of a command another, or take one away, add one, or turn two around."""
    at, how = dice.randrange(len(words)), dice.choice(["replace", "replace", "replace", "add", "drop", "turn", "join"])
    if how == "add":
        words.insert(at + 1, dice.choice(WORDS))
    elif how == "drop" and len(words) > 1:
        del words[at]
    elif how == "turn":
        other = dice.randrange(len(words))
        words[at], words[other] = words[other], words[at]
    elif how == "join":
        words[at] = f"{words[at]}{dice.choice(WORDS)}"
    else:
        words[at] = dice.choice(WORDS)


def _flip(content: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(content))
    return content[:at] + bytes([content[at] ^ (1 << dice.randrange(8))]) + content[at + 1 :]


def _cut(content, dice):
    at = dice.randrange(len(content))
    return content[:at] + content[at + dice.choice([1, 2, 40, len(content)]) :]


def _put(content, dice):
    at = dice.randrange(len(content))
    return content[:at] + dice.choice(BYTES) + content[at:]


def _repeat(content, dice):
    at = dice.randrange(len(content))
    span = content[at : at + dice.choice([1, 10, 200])]
    return content[:at] + span * dice.choice([2, 3, 50]) + content[at:]


BYTEWISE: tuple[Callable[[bytes, Random], bytes], ...] = (_flip, _flip, _cut, _put, _put, _repeat)


def mutate_bytes(content: bytes, dice: Random) -> bytes:
    """Return the content with some bytes changed, cut, put in or repeated."""
    return dice.choice(BYTEWISE)(content, dice) if content else dice.choice(BYTES)
