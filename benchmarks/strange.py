"""Files that are no files to read: pipes, devices, sockets, folders, circles of links, a terabyte of nothing."""

import contextlib
import os
import socket
from pathlib import Path
from typing import NamedTuple

from simulator.system.inputs import MOST_RECORDS

GOOD = """
title = "Good"
months = 12
portfolio.borrowers = 100
behaviour.model = "structural"
[segment.all]
share = 1.0
line_holders = 1.0
line_limit = 10_000
income = { distribution = "lognormal", mean = 5000, sigma = 0.4, unit = "CNY per month" }
[products.line]
interest_rate = { value = 0.0005, unit = "per day" }
minimum_share = 0.1
"""
DECIDE = """
extends = "good.toml"
discount_rate = { value = 0.08, range = [0.05, 0.12] }
economy.factor = { enabled = true, will_not_loading = 0.5 }
[policy.cut]
kind = "limit_cut"
enabled = false
at_dpd = 30
keep = { value = 0.5, range = [0.2, 0.8] }
[variant.cut]
policy.cut.enabled = true
[variant.deep]
policy.cut = { enabled = true, keep = 0.1 }
"""
COLUMNS = '[columns]\naccount_id = "id"\nlimit = "limit"\nbalance = "balance"\ndpd = "late"\n'
PANEL = ["id,month,limit,balance,late", *(f"a{i},2024-{m:02},9000,5000,0" for i in range(40) for m in (1, 2, 3))]
RIGHT = {  # what stands beside the strange one, and names it
    "good.toml": GOOD,
    "decide.toml": DECIDE,
    "top.toml": 'extends = ["good.toml", "strange.toml"]\n',
    "variant.toml": 'extends = "good.toml"\n[variant.a]\nextends = "strange.toml"\n',
    "book.toml": 'extends = "good.toml"\nportfolio = { tape = "tape.csv", mapping = "map.toml" }\n',
    "tape.csv": "id,limit,balance,late\na,9000,5000,0\nb,9000,100,31\n",
    "map.toml": COLUMNS,
    "panel.csv": "\n".join(PANEL) + "\n",
    "panel.toml": f'{COLUMNS}month = "month"\n',
}
_SERIES = ("--date", "q", "--unemployment", "u", "--rate", "r")
_TRIAL = ("--scenario", "decide.toml", "--effect", "policy.cut.keep", "--counts", "day1_rate")
_PANEL = ("--mapping", "panel.toml")


class Reader(NamedTuple):
    """A command that reads the file `strange` with a suffix, "{}" in its words."""

    suffix: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the strange file."""
        return f"strange{self.suffix}"

    @property
    def command(self) -> list[str]:
        """The words of the command."""
        return [word.replace("{}", self.name) for word in self.words]


READERS = {
    "scenario": Reader(".toml", ("check", "{}")),
    "run": Reader(".toml", ("run", "{}")),
    "parameters": Reader(".toml", ("parameters", "{}")),
    "diary": Reader(".toml", ("diary", "{}", "--borrower", "all:0")),
    "extends": Reader(".toml", ("check", "top.toml")),
    "variant extends": Reader(".toml", ("check", "variant.toml")),
    "tape": Reader(".csv", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "packed tape": Reader(".csv.gz", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "Parquet tape": Reader(".parquet", ("check", "book.toml", "--set", "portfolio.tape={}")),
    "mapping": Reader(".toml", ("check", "book.toml", "--set", "portfolio.mapping={}")),
    "panel": Reader(".csv", ("calibrate", "{}", *_PANEL)),
    "panel's mapping": Reader(".toml", ("calibrate", "panel.csv", "--mapping", "{}")),
    "prior": Reader(".toml", ("calibrate", "panel.csv", *_PANEL, "--structural", "--prior", "{}")),
    "backtest": Reader(".csv", ("backtest", "{}", *_PANEL, "--fit-until", "2024-02")),
    "series": Reader(".csv", ("macro", "{}", *_SERIES)),
    "trial": Reader(".csv", ("learn", "{}", *_TRIAL)),
    "Parquet series": Reader(".parquet", ("macro", "{}", *_SERIES)),
    "policy": Reader(".py", ("policies", "--check", "{}")),
    "own policy": Reader(".py", ("check", "good.toml", "--allow-code", "--set", 'policy.own.kind="file:{}"')),
}


def _bind(path: Path) -> None:
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)  # from its own folder: the path of a socket is short


def _stretch(path: Path) -> None:
    path.touch()
    os.truncate(path, MOST_RECORDS + 1)


KINDS = {  # what a message says of it, and how it is made
    "pipe": ("this is a pipe", os.mkfifo),
    "device": ("this is a device", lambda path: os.symlink("/dev/zero", path)),
    "socket": ("this is a socket", _bind),
    "directory": ("this is a directory", os.mkdir),
    "circle of links": ("symbolic links", lambda path: os.symlink(path.name, path)),
    "huge file": ("bytes; allowed: up to", _stretch),
    "link to nothing": ("no such file", lambda path: os.symlink("/nowhere/at/all", path)),
}


def write_right(folder: Path) -> None:
    """Write the files that are right into `folder`."""
    for name, text in RIGHT.items():
        (folder / name).write_text(text, encoding="utf-8")
