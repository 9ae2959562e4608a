"""Input made wrong: cases, each made from a seed and its number alone, so that it can be made again."""

import csv
import gzip
import hashlib
import io
import json
import tomllib
from random import Random
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from . import mutations, records, strange, written
from .worlds import SCENARIOS

SMALL = ("--borrowers", "8", "--months", "2", "--replications", "2")
SMALL += ("--set", "run_off_months=2", "--set", "portfolio.applicants_per_month=3")
MUTANT = "scenarios/mutant.toml"
CHANGES = (1, 1, 1, 2, 3, 5)  # how many are made at once

_TAPE = ("panel.csv", "--mapping", "panel.toml")
_QUARTERS = ("--date", "id", "--unemployment", "limit", "--rate", "late")
COMMANDS = (  # that are right but for the last, which finds something wrong with its file
    ("check", "book.toml", "--set", "months=3", "--allow-code"),
    *(("parameters", "good.toml"), ("measures", "--markdown")),
    ("run", "good.toml", "--borrowers", "8", "--seed", "3", "--threads", "1", "--out", "out", "--quiet"),
    ("compare", "good.toml", "--months", "2", "--replications", "2", "--keep-replications", "--overwrite", "--out=out"),
    ("diary", "good.toml", "--borrower", "all:0", "--replication", "0", "--variant", "baseline"),
    *(("policies", "--markdown"), ("policies", "--check", "panel.csv"), ("--version",), ("check", "--help")),
    *(("calibrate", *_TAPE, "--out", "out"), ("backtest", *_TAPE, "--fit-until", "2024-02", "--out", "out")),
    *(
        (*line.split(), "--borrowers", "8", "--months", "2", "--out", "out")
        for line in (
            "compare decide.toml --doubt 2 --variant cut",
            "compare decide.toml --until npv=90% --without cut --against baseline",
            "flips decide.toml --replications 2 --key discount_rate --map discount_rate,policy.cut.keep",
            "sweep decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9:2 --tornado",
            "breakeven decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9 --variant cut",
            "optimise decide.toml --replications 2 --vary policy.cut.keep=0.1:0.9:2 --maximise npv",
            "tail decide.toml --replications 200 --level 0.9 --variant cut",
        )
    ),
    ("new", "mine"),
    ("learn", "panel.csv", "--scenario", "decide.toml", "--effect", "policy.cut.keep", "--counts", "day1_rate"),
    ("macro", "panel.csv", *_QUARTERS, "--leave-out", "2005Q4", "--curve", "probit", "--out", "out"),
)


MANIFEST = "manifest.json"
_AGAIN = [("report run --out=out",), ("report run --out=out --language zh",), ("report run --out=out --excel",)]
_STARTED = [("check calibration/scenario.toml", "run calibration/scenario.toml --months 2 --replications 2 --out=out")]
WRITTEN = {  # the folder, which of its files is made wrong, and the commands of which one is given
    "page": (written.RUN, ("page.json",), [*_AGAIN, ("report run run --out=out",)]),
    "run": (written.RUN, ("manifest.json", "summary.json", "scenario.toml", "comparison.parquet"), _AGAIN),
    "tables": (written.RUN, ("monthly.parquet", "rolls.parquet", "vintages.parquet", "replications.parquet"), _AGAIN),
    "memory": (written.CALIBRATION, ("scenario.toml", "book.parquet", "book.toml"), _STARTED),
    "kinds": (written.CALIBRATION, ("scenario.toml",), _STARTED),
    "effects": (
        *(written.TRIAL, ("effects.toml",)),
        [(f"compare trial/both.toml --doubt 2 {' '.join(SMALL[:4])} --out=out",)],
    ),
}


class Case(NamedTuple):
    """Files, and commands that are given one after the other as long as they succeed."""

    files: dict[str, bytes]
    commands: list[list[str]]


class Maker:
    """Makes the cases of a seed; `kept` says which of its changes are made, all where it is None."""

    def __init__(self, seed: int):
        """Read the shipped scenarios, as written and as resolved."""
        from simulator.scenario.reader import load_scenario

        self.seed = seed
        self.trees: list[dict] = []
        for path in sorted(SCENARIOS.glob("*.toml")):
            self.trees.append(tomllib.loads(path.read_text(encoding="utf-8")))
            self.trees.append(tomllib.loads(load_scenario(path).text()))

    def dice(self, kind: str, number: int, what: object) -> Random:
        """Return the dice of one decision of a case."""
        return Random(f"{self.seed}:{kind}:{number}:{what}")

    def changes(self, kind: str, number: int) -> list[int]:
        """Return the numbers of the changes that a case has."""
        return list(range(self.dice(kind, number, "changes").choice(CHANGES)))

    def case(self, kind: str, number: int, kept: list[int] | None = None) -> Case:
        """Return case `number` of a kind."""
        make = {"scenario": self._scenario, "tape": self._tape, "command": self._command, "kept": self._kept}[kind]
        return make(number, self.changes(kind, number) if kept is None else kept)

    def _scenario(self, number, kept) -> Case:
        dice = self.dice("scenario", number, "base")
        tree = mutations.copy.deepcopy(dice.choice(self.trees))
        how, commands = dice.choice(["tree", "tree", "near", "near", "set", "bytes"]), []
        then = dice.choice(["parameters", "compare", "compare", "compare", "run", "diary"])
        who = f"--borrower={next(iter(tree.get('segment', ['0'])))}:{dice.choice([0, 1, 99])}"
        sets: list[str] = []
        content = mutations.document_of(tree).encode()
        for change in kept:
            rest = self.dice("scenario", number, change)
            if how == "tree":
                mutations.mutate_tree(tree, rest)
                content = mutations.document_of(tree).encode("utf-8", "surrogatepass")
            elif how == "near":
                mutations.nudge_tree(tree, rest)
                content = mutations.document_of(tree).encode()
            elif how == "bytes":
                content = mutations.mutate_bytes(content, rest)
            else:
                sets += ["--set", self._override(tree, rest)]
        commands = [["check", MUTANT, *sets]]
        if then == "parameters":
            commands.append(["parameters", MUTANT, *sets])
        else:
            commands.append([then, MUTANT, *sets, *SMALL, who if then == "diary" else "--out=out"])
        return Case({MUTANT: content}, commands)

    def _override(self, tree, dice) -> str:
        """Return the words of a --set on some key."""
        keys, node = [], tree
        while isinstance(node, dict) and node and (not keys or dice.random() < 0.8):
            keys.append(dice.choice(list(node)))
            node = node[keys[-1]]
        if dice.random() < 0.1:
            keys.insert(dice.randrange(len(keys) + 1), dice.choice(mutations.TEXTS))
        key = ".".join(key if key.replace("_", "").isalnum() else mutations.toml_of(key) for key in keys)
        return f"{key}={mutations.toml_of(mutations.anything(dice))}"

    def _tape(self, number, kept) -> Case:
        dice = self.dice("tape", number, "base")
        shape = records.SHAPES[dice.choice(list(records.SHAPES))]()
        suffix = dice.choice([".csv", ".csv", ".csv", ".csv.gz", ".parquet"])
        how = [dice.choice(["rows", "rows", "mapping" if shape.mapping else "rows", "bytes"]) for _ in CHANGES]
        rows, mapping = [list(row) for row in shape.rows], mutations.copy.deepcopy(shape.mapping)
        flips, tape = [], f"tape{suffix}"
        for change in kept:
            rest = self.dice("tape", number, change)
            if how[change] == "rows" and rows:
                mutations.mutate_rows(rows, rest)
            elif how[change] == "mapping":
                mutations.mutate_tree(mapping, rest)
            else:
                flips.append(rest)
        content = packed(rows, suffix)
        files = {"map.toml": mutations.document_of(mapping).encode("utf-8", "surrogatepass")}
        for rest in flips:
            if shape.mapping and rest.random() < 0.3:
                files["map.toml"] = mutations.mutate_bytes(files["map.toml"], rest)
            else:
                content = mutations.mutate_bytes(content, rest)
        files |= {tape: content} | ({"book.toml": shape.scenario.encode()} if shape.scenario else {})
        if shape.mapping and shape.command[0] == "calibrate" and dice.random() < 0.2:
            drafted = ["map", tape, "--out", "drafted.toml"]
            return Case(files, [drafted, ["calibrate", tape, "--mapping", "drafted.toml", "--out=out"]])
        words = [word.replace("{}", tape) for word in shape.command]
        return Case(files, [[*words, *(SMALL if shape.command[0] == "run" else ()), "--out=out"]])

    def _command(self, number, kept) -> Case:
        words = list(self.dice("command", number, "base").choice(COMMANDS))
        for change in kept:
            mutations.mutate_words(words, self.dice("command", number, change))
        return Case({name: text.encode() for name, text in strange.RIGHT.items()}, [words])

    def _kept(self, number, kept) -> Case:
        """Return a folder that the program has written, with something in one of its files made wrong."""
        dice = self.dice("kept", number, "base")
        folders = {folder: dict(files) for folder, files in written.folders().items()}
        what = dice.choice(list(WRITTEN))
        folder, names, commands = WRITTEN[what]
        files, name = folders[folder], dice.choice(names)
        tree = _tree_of(name, files[name])
        if what == "kinds":
            written.of_kinds(tree)
        bytewise = tree is None or dice.random() < 0.25
        for change in kept:
            rest = self.dice("kept", number, change)
            if bytewise:
                files[name] = mutations.mutate_bytes(files[name], rest)
            elif isinstance(tree, list):
                mutations.mutate_rows(tree, rest)
            else:
                rest.choice([mutations.mutate_tree, mutations.nudge_tree])(tree, rest)
        if not bytewise:
            files[name] = _content_of(name, tree)
        if name != MANIFEST and MANIFEST in files and dice.random() < 0.8:  # so that it is read, not refused at once
            files[MANIFEST] = _with_digest(files[MANIFEST], name, files[name])
        words = [word.split() for word in dice.choice(commands)]
        return Case({f"{folder}/{name}": content for name, content in files.items()}, words)


def _tree_of(name: str, content: bytes) -> Any:
    """Return what a file holds as tables, or as rows; None if it can only be changed by bytes."""
    if name.endswith(".toml"):
        return tomllib.loads(content.decode())
    if name.endswith(".json"):
        return json.loads(content)
    if name == "book.parquet":
        table = pq.read_table(io.BytesIO(content))
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        return [table.column_names, *([str(cell) for cell in row] for row in rows)]
    return None


def _content_of(name: str, tree: Any) -> bytes:
    """Return the bytes of a file that holds `tree`."""
    if name.endswith(".toml"):
        return mutations.document_of(tree).encode("utf-8", "surrogatepass")
    if name.endswith(".json"):
        return json.dumps(tree, default=str).encode()
    return packed(tree, ".parquet")


def _with_digest(manifest: bytes, name: str, content: bytes) -> bytes:
    """Return a manifest that says of a file what it is now."""
    told = json.loads(manifest)
    told["files"][name] = hashlib.sha256(content).hexdigest()
    return json.dumps(told).encode()


def packed(rows: mutations.Rows, suffix: str) -> bytes:
    """Return records as the bytes of a file whose name ends in `suffix`."""
    if suffix == ".parquet":
        width = max(map(len, rows), default=0)
        names = [f"{name}" for name in rows[0]] if rows else []
        columns = [[row[at] if at < len(row) else None for row in rows[1:]] for at in range(min(width, len(names)))]
        content = io.BytesIO()
        pq.write_table(
            pa.Table.from_arrays([_typed(column) for column in columns], names=names[: len(columns)]), content
        )
        return content.getvalue()
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode("utf-8", "surrogatepass")
    return gzip.compress(content, mtime=0) if suffix.endswith(".gz") else content


def _typed(cells) -> pa.Array:
    """Return a column of whole numbers, of numbers or of text."""
    for kind, of in ((pa.int64(), int), (pa.float64(), float)):
        try:
            return pa.array([None if cell in (None, "") else of(cell) for cell in cells], kind)
        except (ValueError, pa.ArrowInvalid, OverflowError):
            continue
    return pa.array(cells, pa.string())
