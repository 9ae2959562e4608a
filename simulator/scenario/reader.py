"""Read a scenario file: TOML, what it extends, what is set on the command line, variants."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from simulator.model.errors import Problem, UserError, did_you_mean, path_of
from simulator.scenario.against import taken
from simulator.scenario.layers import GIVEN, ON_TOP, SET, Leaf, merge, tree_of
from simulator.scenario.lenders import EXAMPLES, LAID, VARIANT, WORLD, Lenders, check_crowds, known_segments
from simulator.scenario.mappings import tables_from, unwrapped
from simulator.scenario.scenario import Scenario
from simulator.scenario.shipped import file_called
from simulator.scenario.tables_read import Key, ReadTable, ids_in, lasting
from simulator.scenario.toml_text import MOST_DEEP, MOST_FILES, Files, FilesOf, NotToml, tables_of
from simulator.scenario.validate import MOST_PROBLEMS, Resolved
from simulator.system.inputs import MOST_RECORDS, MOST_TEXT, reason, size_of

CODE = "file:"  # how the kind of a policy in a Python file begins
TAPE_FILES = {"tape": MOST_RECORDS, "mapping": MOST_TEXT}  # keys of the portfolio, and the bytes that a file may have
IN_PYTHON = "scenario"  # in place of a file: a scenario that is given as a mapping
SIZES = {"borrowers": "portfolio.borrowers", "replications": "replications", "months": "months", "seed": "seed"}


def load_scenario(
    scenario: str | Path | Mapping[str, Any],
    overrides: Mapping[str, Any] | Sequence[str] = (),
    borrowers: int | None = None,
    replications: int | None = None,
    months: int | None = None,
    seed: int | None = None,
    allow_code: bool = False,
) -> Scenario:
    """Return the scenario of a file, or of a mapping of the same tables, with `overrides` on top.

    A bare name ("huabei") is a file of that name, with or without .toml, else the shipped scenario.
    Overrides are {"policy.cut.keep": 0.4}, nested as one likes, or ["policy.cut.keep=0.4"], as on the command line.
    The sizes `borrowers`, `replications`, `months` and `seed` come last; applicants are scaled with borrowers.
    Policies in Python files of the user's own (kind = "file:my_policy.py") are run only with `allow_code`.
    Raises UserError with every problem of the file, the files it extends, the overrides and the variants.
    """
    return Written(scenario, allow_code).at(overrides, borrowers, replications, months, seed)


class Written:
    """A scenario as its files have it, read once: to lay something on top of it reads what is laid on it alone."""

    def __init__(self, scenario: str | Path | Mapping[str, Any], allow_code: bool = False):
        """Take a file, or a mapping, as `load_scenario` does; UserError where it cannot be read at all."""
        self.allow_code = allow_code
        self._problems: list[Problem] = []
        files = Files()
        if isinstance(scenario, Mapping):
            self._path = Path(IN_PYTHON)
            given = tables_from(scenario, IN_PYTHON)
            self._tree = _laid_table({}, given, self._path, self._problems, (), set(), files)
        else:
            self._path = file_called(Path(), path_of(IN_PYTHON, scenario))
            self._tree = _laid({}, self._path, self._problems, (), set(), files)
        self._files_of = files.of
        self._ids = frozenset(ids_in(self._tree))
        self._known: dict[Key, ReadTable] = {}  # tables of the tree as written

    def at(
        self,
        overrides: Mapping[str, Any] | Sequence[str] = (),
        borrowers: int | None = None,
        replications: int | None = None,
        months: int | None = None,
        seed: int | None = None,
    ) -> Scenario:
        """Return the scenario with these on top, as `load_scenario` does; nothing of it is shared with another one."""
        path, tree, problems = self._path, self._tree, list(self._problems)
        of = {kind: {name: list(files) for name, files in named.items()} for kind, named in self._files_of.items()}
        for above in _on_top(overrides, problems):
            layer = _own_paths(above, tree, Path())
            file = GIVEN if isinstance(overrides, Mapping) else SET
            _note_layers(tree, layer, file, problems, of)
            tree = merge(tree, known_segments(tree, layer, file, problems))
        sizes = {"borrowers": borrowers, "replications": replications, "months": months, "seed": seed}
        sizes = {name: unwrapped(value) for name, value in sizes.items() if value is not None}
        remarks: list[str] = []

        def sized(tree: dict, of: str = "") -> dict:
            own: list[str] = []
            tree = _sized(tree, sizes, own)
            remarks.extend(f"{of}{said}" for said in own if said not in remarks)
            return tree

        deltas = {kind: _left_in(tree.get(kind, {})) for kind in LAID}
        tree = {key: node for key, node in tree.items() if key not in LAID}
        check_crowds(tree | deltas, str(path))
        known = dict(self._known)
        lenders = Lenders(tree, sized, str(path), self.allow_code, problems, known)
        base = lenders.baseline
        problems += _file_problems(lenders.tree) if base.settings else []
        for kind, layers in deltas.items():
            if not isinstance(layers, dict):
                problems.append(Problem(str(path), kind, "found a value", f"allowed: tables such as {EXAMPLES[kind]}"))
                deltas[kind] = {}
        deltas[VARIANT], against = taken(deltas[VARIANT], problems)
        variants: dict[str, Resolved] = {}
        worlds: dict[str, tuple[dict, Resolved]] = {}
        for name, delta in deltas[VARIANT].items():
            if laid := lenders.laid(VARIANT, name, delta):
                variants[name] = laid[1]
            if lenders.wrong >= MOST_PROBLEMS:
                break
        for name, delta in deltas[WORLD].items():
            if laid := lenders.laid(WORLD, name, delta):
                worlds[name] = laid
                problems += _file_problems(laid[0]) if laid[1].settings and "portfolio" in delta else []
            if lenders.wrong >= MOST_PROBLEMS:
                break
        lenders.add_common()
        lived: dict[str, dict[str, Resolved]] = {}
        for world, (whole, _) in worlds.items() if not problems else ():
            lived[world] = {
                name: lenders.in_world(world, whole, name, _table(deltas[VARIANT][name])) for name in variants
            }
        self._known = lasting(known, self._ids)
        if problems or not base.settings:
            raise UserError(problems)

        said_of = {kind: {name: tuple(where) for name, where in of[kind].items()} for kind in LAID}
        own = _scenario(path, base, variants, against)
        elsewhere = {name: _scenario(path, found, lived[name], against) for name, (_, found) in worlds.items()}
        elsewhere = {name: replace(world, written=own) for name, world in elsewhere.items()}
        return replace(own, remarks=tuple(remarks), layer_files=said_of, worlds=elsewhere)


def rewritten(scenario: Scenario) -> Written:
    """Return a scenario as written by its own text, with every value in force."""
    return Written(tables_of(scenario.text(), str(scenario.path)), scenario.has_code)


def _scenario(path: Path, base: Resolved, variants: dict[str, Resolved], against: dict[str, str]) -> Scenario:
    """Return the scenario of one world, in which nothing is wrong."""
    assert base.settings
    settings = {name: variant.settings for name, variant in variants.items() if variant.settings}
    sources = {name: variant.provenance for name, variant in variants.items()}
    return Scenario(path, base.settings, settings, base.provenance, sources, against=against)


def _left_in(layers: Any) -> Any:
    """Return those of the layers of a kind that no file leaves out."""
    if not isinstance(layers, dict):
        return layers
    return {name: delta for name, delta in layers.items() if not _is_left_out(delta)}


def _table(delta) -> dict:
    """Return a layer that is right: a table, of which nothing may be written."""
    return delta if isinstance(delta, dict) else {}


def _sized(tree: dict, sizes: Mapping[str, Any], remarks: list[str]) -> dict:
    """Return the tree with the sizes of the command line on top, applicants scaled with the borrowers."""
    if "replications" in sizes and "precision" in tree:
        tree = {key: value for key, value in tree.items() if key != "precision"}
        said = f"{sizes['replications']:,} replications are lived, as asked: [precision] of the file is not followed"
        remarks.append(said)
    if "borrowers" in sizes:
        tree = merge(tree, _applicants_scaled(tree, sizes["borrowers"], remarks))
    for name, value in sizes.items():
        tree = merge(tree, _nested(SIZES[name], Leaf(value, f"--{name}")))
    return tree


def _laid(below: dict, path: Path, problems: list[Problem], chain: tuple[Path, ...], done: set, files: Files) -> dict:
    """Return the tree `below` with what the file `path` extends laid on it, then the file itself; each file once."""
    try:
        here = Path(os.path.realpath(path))  # of links in a circle, too
    except ValueError as error:  # a \0 in the name, or half a character
        raise UserError(Problem(str(path), "", f"cannot be read: {reason(error)}")) from None
    if here in chain:
        names = " -> ".join(link.name for link in (*chain[chain.index(here) :], here))
        raise UserError(Problem(str(path), "extends", f"circular: {names}", "a file cannot extend itself"))
    if here in done:  # of two files that extend the same third, the second must not undo what the first changed
        return below
    done.add(here)
    if len(chain) >= MOST_DEEP:
        raise UserError(
            Problem(str(path), "extends", "too long a chain", f"allowed: {MOST_DEEP} files, each on the next")
        )
    return _laid_table(below, files.tables(path, str(here)), path, problems, (*chain, here), done, files)


def _laid_table(
    below: dict, table: dict, path: Path, problems: list[Problem], chain: tuple[Path, ...], done: set, files: Files
) -> dict:
    """Return the tree `below` with what a table extends laid on it, then the table, which stands in the file `path`."""
    below = _extended(below, table.pop("extends", []), path, "extends", problems, chain, done, files)
    tree = tree_of(table, str(path), problems)
    check_crowds(tree, str(path))
    for kind in LAID:
        layers = found if isinstance(found := tree.get(kind), dict) else {}
        for name, delta in layers.items():
            if isinstance(delta, dict) and isinstance(named := delta.pop("extends", None), Leaf):
                file = _extended({}, named.value, path, f"{kind}.{name}.extends", problems, chain, set(), files)
                layers[name] = merge(file, delta)
    _note_layers(below, tree, str(path), problems, files.of)
    return merge(below, known_segments(below, _own_paths(tree, below, path.parent), str(path), problems))


def _extended(
    below: dict, named, path: Path, key: str, problems: list[Problem], chain, done: set, files: Files
) -> dict:
    """Return `below` with the files laid on it that `path` names at `key`: one, or a list of them in their order."""
    names = [named] if isinstance(named, str) else named
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) > MOST_FILES:
        allowed = f"allowed: the path of a file, in quotes, or a list of up to {MOST_FILES} such paths"
        raise UserError(Problem(str(path), key, f"found {named!r}", allowed))
    for name in names:
        file = file_called(path.parent, name, asked_by=path)
        try:
            below = _laid(below, file, problems, chain, done, files)
        except UserError as error:
            first = error.problems[0]
            if first.key or first.file != str(file):
                raise
            raise UserError(Problem(str(path), key, f"{first.file}: {first.found}", first.allowed)) from None
    return below


def _applicants_scaled(tree: dict, borrowers: int, remarks: list[str]) -> dict:
    """Return the layer in which applicants keep their proportion to the opening book that `--borrowers` resizes.

    A book with the applicants of another size is another book. Empty where no file gives both numbers, as for a tape,
    and where `--set` has said how many apply.
    """
    book = tree.get("portfolio")
    if not isinstance(book, dict) or not isinstance(borrowers, int):
        return {}
    number, apply = book.get("borrowers"), book.get("applicants_per_month")
    given = [leaf.value if isinstance(leaf, Leaf) and isinstance(leaf.value, int) else 0 for leaf in (number, apply)]
    if min(given) <= 0 or not isinstance(apply, Leaf) or apply.file in ON_TOP:
        return {}
    scaled = (2 * given[1] * borrowers + given[0]) // (2 * given[0])
    if scaled == given[1]:
        return {}
    remarks.append(
        f"--borrowers {borrowers:,}: applicants a month are scaled with it, from {given[1]:,} to {scaled:,} "
        "(--set portfolio.applicants_per_month=... sets them apart); other numbers of people, as a capacity, stay"
    )
    source = f"{given[1]:,} a month for {given[0]:,} borrowers, scaled with --borrowers"
    leaf = Leaf(scaled, "--borrowers", source=source, status="derived")
    return _nested("portfolio.applicants_per_month", leaf)


def _on_top(overrides: Mapping[str, Any] | Sequence[str], problems: list[Problem]) -> list[dict]:
    """Return the trees of overrides, lowest first."""
    if not isinstance(overrides, Mapping):
        if not isinstance(overrides, Sequence) or not all(isinstance(each, str) for each in overrides):
            allowed = 'allowed: a mapping such as {"policy.cut.keep": 0.4}, or ["policy.cut.keep=0.4"]'
            raise UserError(Problem(GIVEN, "", f"found {overrides!r}", allowed))
        return [_override_tree(each, problems) for each in ([overrides] if isinstance(overrides, str) else overrides)]
    table = tables_from(overrides, GIVEN)
    if table.pop("extends", None) is not None:
        problems.append(Problem(GIVEN, "extends", "not here", "a scenario extends others, what is set on top does not"))
    return [tree_of(table, GIVEN, problems)]


def _override_tree(override: str, problems: list[Problem]) -> dict:
    """Return the tree of one override "a.b=value"; a value that is no TOML is taken as text."""
    key, equals, value = override.partition("=")
    label = f"--set {override}"
    wrong = [Problem(label, "", "not understood", "write --set key.path=value, as in --set policy.cut.keep=0.4")]
    for written in (value, json.dumps(value, ensure_ascii=False)):
        try:
            table = tables_of(f"{key} = {written}", label) if equals and "\n" not in override else None
        except NotToml:
            continue
        except UserError as error:  # TOML, and more than it may hold
            wrong = error.problems
            break
        if table and "extends" not in table:
            return tree_of(table, SET, problems)
    problems += wrong
    return {}


def _note_layers(below: dict, above: dict, file: str, problems: list[Problem], of: FilesOf) -> None:
    """Note in `of` which variants and worlds the layer `above` of `file` says something of, and which it leaves out.

    Those that it leaves out must be there below.
    """
    for kind in LAID:
        layers, known = above.get(kind), below.get(kind)
        for name, delta in layers.items() if isinstance(layers, dict) else ():
            if not _is_left_out(delta):
                of[kind].setdefault(name, []).append(file)
            elif not (isinstance(known, dict) and name in known):
                hint = did_you_mean(name, known if isinstance(known, dict) else ())
                problems.append(Problem(file, f"{kind}.{name}", f"no such {kind} to leave out", hint))
            else:
                of[kind].pop(name, None)


def _is_left_out(delta) -> bool:
    """Return whether a variant or a world is left out: `variant.NAME = false`."""
    return isinstance(delta, Leaf) and delta.value is False


def _own_paths(above: dict, below: dict, folder: Path) -> dict:
    """Return the layer `above` with the paths in it, of tapes and of policies, absolute, from `folder`."""
    above = _own_code(_own_book(above, below, folder), folder)
    for kind in LAID:
        if isinstance(layers := above.get(kind), dict):
            under = merge(below, {key: table for key, table in above.items() if key not in LAID})
            own = {name: _own_code(_own_book(delta, under, folder), folder) for name, delta in layers.items()}
            above = above | {kind: own}
    return above


def _own_code(above: dict, folder: Path) -> dict:
    """Return the layer `above` with the paths of the user's own policies absolute, from `folder`."""
    policies = above.get("policy") if isinstance(above, dict) else None
    if not isinstance(policies, dict):
        return above
    found = {}
    for name, table in policies.items():
        kind = table.get("kind") if isinstance(table, dict) else None
        if _is_named(kind) and kind.value.startswith(CODE):
            path = os.path.abspath(folder / kind.value.removeprefix(CODE))
            table = table | {"kind": replace(kind, value=f"{CODE}{path}")}
        found[name] = table
    return above | {"policy": found}


def _own_book(above: dict, below: dict, folder: Path) -> dict:
    """Return the layer `above` with the paths in it absolute, from `folder`.

    A tape laid over a number of borrowers that a file gave brings its own number: 0 stands for all of its borrowers.
    """
    book = above.get("portfolio") if isinstance(above, dict) else None
    if not isinstance(book, dict):
        return above
    book, under = dict(book), below.get("portfolio")
    for key in TAPE_FILES:
        if _is_named(leaf := book.get(key)):
            book[key] = replace(leaf, value=os.path.abspath(folder / leaf.value))
    number = under.get("borrowers") if isinstance(under, dict) else None
    if _is_named(tape := book.get("tape")) and isinstance(number, Leaf) and not _is_by_hand(number):
        book.setdefault("borrowers", Leaf(0, tape.file, source="all borrowers of the tape", status="derived"))
    return above | {"portfolio": book}


def _file_problems(tree: dict) -> list[Problem]:
    """Return problems with the files the scenario names."""
    book = tree.get("portfolio")
    named = {key: book.get(key) for key in TAPE_FILES} if isinstance(book, dict) else {}
    problems = []
    for key, leaf in named.items():
        if not _is_named(leaf):
            continue
        try:
            size_of(leaf.value, TAPE_FILES[key])
        except FileNotFoundError:
            where = f"relative to the {'current directory' if leaf.file in ON_TOP else 'file that names it'}"
            problems.append(Problem(leaf.file, f"portfolio.{key}", f"no such file: {leaf.value}", where))
        except UserError as error:
            problems.append(Problem(leaf.file, f"portfolio.{key}", str(error)))
    return problems


def _is_by_hand(leaf: Leaf) -> bool:
    """Return whether a value is of the command line, or given in Python."""
    return leaf.file.startswith("--") or leaf.file in ON_TOP


def _is_named(leaf: Any) -> TypeGuard[Leaf]:
    """Return whether `leaf` names a file."""
    return isinstance(leaf, Leaf) and isinstance(leaf.value, str) and leaf.value != ""


def _nested(path: str, leaf: Leaf) -> dict:
    """Return the tree that has `leaf` at key path `path`."""
    *above, last = path.split(".")
    tree: dict[str, Any] = {last: leaf}
    for key in reversed(above):
        tree = {key: tree}
    return tree
