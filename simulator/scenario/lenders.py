"""The lenders of a scenario: its baseline, what each variant makes of it, and the same in every other world.

A variant or a world is a layer on the file as written; in another world the variant's lies on the world's.
"""

from collections.abc import Callable
from dataclasses import replace

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.scenario.layers import NO_VALUE, Leaf, merge
from simulator.scenario.scenario import AS_WRITTEN, BASELINE
from simulator.scenario.tables_read import Key, ReadTable
from simulator.scenario.titles import untitled
from simulator.scenario.validate import Resolved, resolve

# What is the same in every world: so that values of the same months and random numbers stand side by side.
ASKED = (
    *("months", "run_off_months", "run_on_months", "replications", "precision", "seed", "redraw_people", "currency"),
)
# What a variant may not touch: a comparison is on the same people, months and random numbers.
COMMON = (*ASKED, "start_month", "reporting_day", "discount_rate", "portfolio")
VARIANT, WORLD = "variant", "world"
LAID = (VARIANT, WORLD)  # tables of layers on the file as written
EXAMPLES = {VARIANT: "[variant.cut_at_30]", WORLD: "[world.downturn]"}
MOST_TABLES = {"policy": 100, "segment": 200, VARIANT: 100, WORLD: 20}  # that a scenario may have
_TAKEN = {
    VARIANT: (BASELINE, "the file as written is the baseline"),
    WORLD: (AS_WRITTEN, "that is the world of the file as written"),
}
_REFUSED = {
    VARIANT: {key: "variants share people, months and random numbers: set it for the whole scenario" for key in COMMON},
    WORLD: {key: "worlds share months, random numbers and currency: set it for the whole scenario" for key in ASKED}
    | {key: "a world has the variants of the file, and no world in it" for key in LAID},
}


class Lenders:
    """Resolves the baseline of a tree and the layers on it, and notes what is wrong with each."""

    def __init__(
        self,
        tree: dict,
        sized: Callable[..., dict],
        file: str,
        allow_code: bool,
        problems: list[Problem],
        known: dict[Key, ReadTable],
    ):
        """Take the merged tree of `file`, without its layers; resolve it, and add to `problems` what is wrong.

        `sized` puts on a merged tree what comes on top of all, and is told whose tree it is. `known` are tables that
        were read before.
        """
        self.tree, self.file, self.problems = sized(tree), file, problems
        self._below, self._sized = tree, sized
        self._resolve = lambda whole: resolve(whole, file, allow_code, known)
        self.baseline = self._resolve(self.tree)
        self._of_files: dict[
            Problem, list[tuple[str, str]]
        ] = {}  # what is wrong in layers by what a file says, and in which
        problems += self.baseline.problems

    def laid(self, kind: str, name: str, delta) -> tuple[dict, Resolved] | None:
        """Return (merged tree, what it resolves to) of a variant or world; None if it is no table."""
        path = f"{kind}.{name}"
        if isinstance(delta, Leaf) and delta.value is NO_VALUE:
            delta = {}
        if isinstance(delta, Leaf):
            self.problems.append(Problem(delta.file, path, f"found {delta.value!r}", f"allowed: a table [{path}]"))
            return None
        taken, why = _TAKEN[kind]
        if name == taken or not name.replace("_", "").replace("-", "").isalnum():
            wish = why if name == taken else "letters of any script, digits, _ and -"
            self.problems.append(Problem(self.file, path, f"not a name for a {kind}", f"choose another: {wish}"))
        refused = _REFUSED[kind]
        for key in (key for key in refused if key in delta):
            self.problems.append(Problem(self.file, f"{path}.{key}", f"not allowed in a {kind}", refused[key]))
        delta = {key: value for key, value in delta.items() if key not in refused}
        delta.setdefault("title", Leaf(untitled(name), self.file, source=f"name of the {kind}"))
        delta = known_segments(self.tree, delta, self.file, self.problems, f"{path}.")
        whole = self._sized(merge(self._below, delta), f"world {name}: " if kind == WORLD else "")
        check_crowds(whole, self.file)
        found = self._resolve(whole)
        known = {(problem.key, problem.found) for problem in self.baseline.problems}
        for problem in found.problems:
            if (problem.key, problem.found) in known:
                continue
            if _sets(self.tree, problem.key) and not _sets(delta, problem.key):
                self._of_files.setdefault(problem, []).append((kind, name))
            else:
                self.problems.append(replace(problem, key=f"{path}.{problem.key}"))
        return whole, found

    def in_world(self, world: str, whole: dict, name: str, delta: dict) -> Resolved:
        """Return variant `name`, which is right by itself, in a world, whose tree is `whole`.

        A number of a variant means in every world what it means on the file as written.
        """
        delta = {"title": Leaf(untitled(name), self.file, source=f"name of the {VARIANT}"), **delta}
        found = self._resolve(_as_on(merge(self.tree, delta), delta, merge(whole, delta)))
        for problem in found.problems:
            allowed = f"{problem.allowed} (in world {world})".strip()
            self.problems.append(replace(problem, key=f"{VARIANT}.{name}.{problem.key}", allowed=allowed))
        return found

    @property
    def wrong(self) -> int:
        """How many problems there are."""
        return len(self.problems) + len(self._of_files)

    def add_common(self) -> None:
        """Add to the problems what a file says wrongly and some layers only bring into force, with their names."""
        for problem, where in self._of_files.items():
            kinds = {kind: [name for each, name in where if each == kind] for kind in LAID}
            layers = " and ".join(f"{kind} {', '.join(names)}" for kind, names in kinds.items() if names)
            force = kept("(in force in {layers})", layers=layers)
            allowed = kept("{allowed} {where}", allowed=problem.allowed, where=force) if problem.allowed else force
            self.problems.append(replace(problem, allowed=allowed))
        self._of_files.clear()


def check_crowds(tree: dict, file: str) -> None:
    """Raise UserError if there are more tables of a kind than can be looked at: each is compared with the others."""
    for key, most in MOST_TABLES.items():
        if isinstance(named := tree.get(key), dict) and len(named) > most:
            raise UserError(Problem(file, key, f"{len(named):,} tables", f"allowed: up to {most}"))


def known_segments(below: dict, above: dict, file: str, problems: list[Problem], prefix: str = "") -> dict:
    """Return the layer `above` without segments that are new and not whole: most likely they are misspelt."""
    known, added = below.get("segment"), above.get("segment")
    if not isinstance(known, dict) or not isinstance(added, dict):
        return above
    strange = {
        name for name, table in added.items() if name not in known and isinstance(table, dict) and "share" not in table
    }
    for name in strange:
        hint = f"{did_you_mean(name, known)} A new segment needs a share"
        problems.append(Problem(file, f"{prefix}segment.{name}", "no such segment", hint))
    return above | {"segment": {name: table for name, table in added.items() if name not in strange}}


def _sets(layer, key: str) -> bool:
    """Return whether `layer` has anything at or below `key`, or a value above it; "*" stands for any name."""
    for part in key.split("."):
        if not isinstance(layer, dict) or part == "*":
            break
        if part not in layer:
            return False
        layer = layer[part]
    return True


def _as_on(own, delta, here):
    """Return the tree `here`, on which `delta` is laid, with its numbers in the units that they have in `own`.

    There `delta` is laid on the file as written, whose units stand where it names none.
    """
    if isinstance(delta, Leaf):
        is_number = isinstance(own, Leaf) and isinstance(here, Leaf) and delta.value is not NO_VALUE
        return replace(here, unit=own.unit) if is_number else here
    if not isinstance(own, dict) or not isinstance(here, dict):
        return here
    return here | {key: _as_on(own.get(key), value, here.get(key)) for key, value in delta.items()}
