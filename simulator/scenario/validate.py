"""From a tree of leaves to typed settings: units, provenance, and every problem with its key path."""

import re
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean
from simulator.model.values import Provenance, Unit, in_canonical_unit
from simulator.scenario.contradictions import contradictions
from simulator.scenario.distributions import KINDS, Distribution
from simulator.scenario.fields import Field, field_attribute, fields_of, refusal
from simulator.scenario.layers import ABOUT, DOUBT, NO_VALUE, ON_TOP, SET, Leaf, is_value_table
from simulator.scenario.number_in_doubt import CERTAIN, InDoubt, in_doubt, is_number
from simulator.scenario.schema import Settings
from simulator.scenario.tables_read import Key, ReadTable
from simulator.scenario.wording import drop, in_words, may_follow, path_in, stand_in

MOST_PROBLEMS = 200  # that are told
_NO_UNIT = Unit("")


class Resolved(NamedTuple):
    """What a tree became; `settings` is None when there are problems."""

    settings: Settings | None
    provenance: dict[str, Provenance]
    problems: list[Problem]


def resolve(tree: dict, file: str, allow_code: bool = False, known: dict[Key, ReadTable] | None = None) -> Resolved:
    """Return typed settings for a whole merged tree, or all that is wrong with it.

    Policies in Python files of the user's own are run only with `allow_code`. Tables that are `known` are not read
    again; those in which nothing is wrong are known from then on.
    """
    walk = _Walk(file, _currency(tree), allow_code, [], {} if known is None else known)
    clean = walk.table(tree, Settings, "")
    clean["policy"] = walk.policies(tree.get("policy"))
    settings = walk.validated(clean)
    if settings:
        for key, about in walk.defaults(settings, "").items():
            walk.provenance.setdefault(key, about)
        before = list(walk.problems)
        for key, found, allowed in contradictions(settings, walk.partly_read):
            if not any(may_follow(key, problem.key) for problem in before) and not walk.is_misspelt(key, found):
                walk.problem(walk.file_of(key), key, found, allowed)
    return Resolved(None if walk.problems else settings, walk.provenance, walk.problems)


class _Walk:
    """Takes leaves apart: values on one side, provenance and problems on the other."""

    def __init__(
        self, file: str, currency: str, allow_code: bool, problems: list[Problem], known: dict[Key, ReadTable]
    ):
        self.file, self.currency, self.allow_code = file, currency, allow_code
        self.problems, self.known = problems, known
        self.provenance: dict[str, Provenance] = {}
        self.leaves: dict[str, Leaf] = {}
        self.units: dict[str, Unit] = {}
        self.found: dict[str, ReadTable] = {}  # by path
        self.partly_read: dict[str, BaseModel] = {}  # of policies that are wrong: the settings that every policy has

    def read(self, tree: dict, model: type[BaseModel], path: str, unit: Unit | None = None) -> dict:
        """Return what `table` does; the very same table is read once."""
        key = id(tree), path, model, self.currency
        found = self.known.get(key)
        if found is None:
            before = len(self.problems)
            walk = _Walk(self.file, self.currency, self.allow_code, self.problems, self.known)
            values = walk.table(tree, model, path, unit)
            found = ReadTable(tree, values, walk.provenance, walk.leaves, walk.units)
            if len(self.problems) == before and found.is_lasting:
                self.known[key] = found
        self.provenance |= found.provenance
        self.leaves |= found.leaves
        self.units |= found.units
        self.found[path] = found
        return found.own_values()

    def table(self, tree: dict, model: type[BaseModel], path: str, unit: Unit | None = None) -> dict:
        """Return the plain values of the table `tree` of type `model`; `unit` is what a distribution measures."""
        fields, clean = fields_of(model), {}
        for key, node in tree.items():
            here = f"{path}.{key}" if path else key
            if key in fields:
                field = fields[key]
                if model is Settings and key == "policy":
                    continue
                if issubclass(model, Distribution):  # its unit is that of the quantity, not of a spread such as sigma
                    own = field.unit or key == "distribution"
                    node = replace(node, unit=None) if own and isinstance(node, Leaf) else node
                    field = field._replace(unit=field.unit or unit)
                clean[key] = self.node(node, field, here)
                if isinstance(node, Leaf) and node.range is not None:
                    self.range_in_bounds(node, model, key, here)
            elif key in DOUBT:
                allowed = (
                    "beside one value, as in { value = 0.3, range = [0.2, 0.4] }; of a distribution beside its mean"
                )
                self.problem(_file_in(node) or self.file, here, "not here", f"a {key} stands {allowed}")
            elif key not in ABOUT:
                self.problem(_file_in(node) or self.file, here, "unknown key", did_you_mean(key, fields))
        return clean

    def node(self, node: Any, field: Field, path: str) -> Any:
        """Return the plain value of `node`, a leaf or a tree, for `field`."""
        if isinstance(node, Leaf):
            if node.value is NO_VALUE:
                self.problem(node.file, path, "no value", 'write { value = ..., unit = "...", source = "..." }')
                return None
            if field.shape == "distribution" and is_number(node.value):
                return {"distribution": "constant", "value": self.leaf(node, field, f"{path}.value")}
            return self.leaf(node, field, path)
        if field.shape == "distribution":
            kind = node.get("distribution")
            if not isinstance(kind, Leaf) or str(kind.value) not in KINDS:
                found = f"found {kind.value!r}" if isinstance(kind, Leaf) else "no distribution"
                self.problem(_file_in(node) or self.file, f"{path}.distribution", found, "allowed: " + ", ".join(KINDS))
                return {"distribution": "constant", "value": 0.0}
            return self.read(node, KINDS[kind.value], path, field.unit)
        if field.shape == "table":
            assert field.model  # as every table has
            return self.read(node, field.model, path)
        if field.shape == "tables":
            inner = Field(None, field.model, "table")
            return {key: self.node(value, inner, f"{path}.{key}") for key, value in node.items()}
        inner = field._replace(shape="anything")
        return {key: self.node(value, inner, f"{path}.{key}") for key, value in node.items() if key not in ABOUT}

    def leaf(self, leaf: Leaf, field: Field, path: str) -> Any:
        """Return the value of `leaf` in the canonical unit of `field`, keeping where it came from."""
        self.leaves[path] = leaf
        if field.unit:
            self.units[path] = field.unit
        value = leaf.value
        if field.shape == "list" and isinstance(value, list):
            members = [self.member(item, leaf, field.model, f"{path}.{i}") for i, item in enumerate(value)]
            if members:
                self.keep(path, leaf, None)
            for name in _doubt_of(leaf):
                self.problem(leaf.file, f"{path}.{name}", f"a {name} of a list of tables", "allowed: of numbers")
            return members
        try:
            value = in_canonical_unit(value, leaf.unit, field.unit or _NO_UNIT, self.currency)
        except ValueError as error:
            allowed = str(error) if field.unit else "this value has no unit"
            self.problem(leaf.file, f"{path}.unit", f"found {leaf.unit!r}", allowed)
        if is_number(value):
            doubt, wrong = in_doubt(leaf, value, field.unit or _NO_UNIT, self.currency)
            for name, found, allowed in wrong:
                self.problem(leaf.file, f"{path}.{name}", found, allowed)
            self.keep(path, leaf, field.unit, doubt)
        else:
            for name in _doubt_of(leaf):
                self.problem(leaf.file, f"{path}.{name}", f"a {name} of {leaf.value!r}", "allowed: of numbers")
        return value

    def range_in_bounds(self, leaf: Leaf, model: type[BaseModel], key: str, path: str) -> None:
        """Note if an end of a range of numbers, which was right by itself, could not be the value."""
        known = self.provenance.get(path)
        for end in known.range if known and not isinstance(leaf.value, list) else ():
            if said := refusal(model, key, end):
                self.problem(
                    leaf.file, f"{path}.range", f"found {leaf.range!r}", f"both ends must be allowed values: {said}"
                )

    def member(self, item: Any, leaf: Leaf, model: type[BaseModel] | None, path: str) -> Any:
        """Return member `item` of a list of tables, whose values may be value tables too."""
        if not isinstance(item, dict) or model is None:
            return item
        tree = {}
        for key, value in item.items():
            about = {name: getattr(leaf, name) for name in ("source", "status")}
            if is_value_table(value):
                for name in (name for name in DOUBT if name in value):
                    self.problem(leaf.file, f"{path}.{key}.{name}", f"a {name} in a list of tables", "leave it out")
                about |= {name: value[name] for name in ABOUT if name in value}
                value = value.get("value", NO_VALUE)
            tree[key] = Leaf(value, leaf.file, **about)
        return self.table(tree, model, path)

    def policies(self, tree: Any) -> dict[str, BaseModel]:
        """Return the typed settings of each policy by its name."""
        if not isinstance(tree, dict):
            if tree is not None:
                self.problem(tree.file, "policy", "found a value", "allowed: tables such as [policy.my_cut]")
            return {}
        from simulator.policy.base import Policy
        from simulator.policy.registry import FILE, code_of, kinds

        found = {}
        for name, node in tree.items():
            path = f"policy.{name}"
            if not isinstance(node, dict):
                self.problem(node.file, path, f"found {node.value!r}", f"allowed: a table [{path}]")
                continue
            kind = node.get("kind")
            if not isinstance(kind, Leaf):
                others = [other for other in tree if other != name]
                hint = did_you_mean(name, others) if others else ""
                hint = f"{hint} " if hint.startswith("did") else ""
                known = f"{hint}a new policy needs kind = one of {', '.join(kinds())}"
                self.problem(_file_in(node) or self.file, path, "no such policy, and no kind", known)
            elif not str(kind.value).startswith(FILE) and str(kind.value) not in kinds():
                found_kind = f"found {kind.value!r}"
                self.problem(kind.file, f"{path}.kind", found_kind, did_you_mean(str(kind.value), kinds()))
                everybodys = {key: value for key, value in node.items() if key in fields_of(Policy)}
                self.read_partly(name, self.table(everybodys, Policy, path), path)
            elif model := self.settings_of(kind, path):
                clean = self.read(node, model, path)
                try:
                    with code_of(kind.value, "its Settings", but=ValidationError):
                        found[name] = model.model_validate(clean, strict=True)
                except ValidationError as errors:
                    self.complain(errors, clean, model, path)
                    self.read_partly(name, clean, path)
                except UserError as error:
                    self.problem(kind.file, f"{path}.kind", str(error), "")
        return found

    def read_partly(self, name: str, clean: dict, path: str) -> None:
        """Keep of the policy `name`, which is wrong, the settings that every policy has and that are right."""
        from simulator.policy.base import Policy

        common = {key: value for key, value in clean.items() if key in fields_of(Policy)}
        for _ in range(2):
            try:
                self.partly_read[name] = Policy.model_validate(common, strict=True)
                return
            except ValidationError as errors:
                self.complain(errors, common, Policy, path)
                for error in errors.errors(include_url=False):
                    drop(common, path_in(common, error["loc"], False)[:1])

    def settings_of(self, kind: Leaf, path: str) -> type[BaseModel] | None:
        """Return the settings of a policy's kind; None if its file must not be run, or cannot."""
        from simulator.policy.registry import FILE, policy_of

        if kind.value.startswith(FILE) and not self.allow_code:
            allowed = (
                "this runs Python code of a file: read it, then allow it with --allow-code (allow_code=True in Python)"
            )
            self.problem(kind.file, f"{path}.kind", f"found {kind.value!r}", allowed)
            return None
        try:
            return policy_of(kind.value).Settings
        except UserError as error:
            self.problem(kind.file, f"{path}.kind", str(error), "")
            return None

    def keep(self, path: str, leaf: Leaf, unit: Unit | None, doubt: InDoubt = CERTAIN) -> None:
        """Keep where the value at `path` came from, and how far it is in doubt."""
        by_hand = ON_TOP.get(SET if leaf.file.startswith("--") else leaf.file)
        source = leaf.source or by_hand or f"author of {Path(leaf.file).name}"
        self.provenance[path] = Provenance(self.name_of(unit), source, leaf.status or "", leaf.file, *doubt)

    def name_of(self, unit: Unit | None) -> str:
        """Return the name of a canonical unit in the scenario's currency."""
        return next(iter(unit.factors(self.currency))) if unit else ""

    def problem(self, file: str, key: str, found: str, allowed: str) -> None:
        """Note a problem; raises UserError with all of them where there are more than anybody reads."""
        self.problems.append(Problem(file, key, found, allowed))
        if len(self.problems) >= MOST_PROBLEMS:
            raise UserError([*self.problems, Problem(self.file, "", "what comes after these was not looked at")])

    def as_given(self, key: str) -> tuple[Leaf | None, dict[str, float]]:
        """Return the leaf at `key`, or that of a member of the list there, and the factors of the units it may have."""
        table, _, place = key.rpartition(".")
        leaf, unit, whole = self.leaves.get(key), self.units.get(key), self.leaves.get(table)
        if leaf is None and place.isdigit() and whole and isinstance(whole.value, list):
            leaf, unit = replace(whole, value=whole.value[int(place)]), self.units.get(table)
        return leaf, unit.factors(self.currency) if unit else {}

    def file_of(self, key: str) -> str:
        """Return the file that set `key`, or something in or above it; all that set what a "*" in it stands for."""
        if "*" in key:
            named = re.compile(re.escape(key).replace(r"\*", "[^.]+"))
            return ", ".join(dict.fromkeys(leaf.file for path, leaf in self.leaves.items() if named.fullmatch(path)))
        while key:
            inside = [leaf.file for path, leaf in self.leaves.items() if path == key or path.startswith(f"{key}.")]
            if inside:
                return inside[-1]
            key = key.rpartition(".")[0]
        return self.file

    def validated(self, clean: dict) -> Settings | None:
        """Return typed settings; wrong values are noted and left out, so that the rest can still be checked."""
        try:
            return Settings.model_validate(clean)
        except ValidationError as errors:
            self.complain(errors, clean, Settings)
            wrong = [path_in(clean, error["loc"], False) for error in errors.errors(include_url=False)]
        for path in wrong:
            drop(clean, path)
        while True:  # until nothing is missing for which something can stand
            try:
                return Settings.model_validate(clean)
            except ValidationError as errors:
                found = errors.errors(include_url=False)
            missing = [path_in(clean, error["loc"], True) for error in found if error["type"] == "missing"]
            if not any([stand_in(clean, path) for path in missing]):
                return None

    def complain(self, errors: ValidationError, clean: dict, model: type[BaseModel], prefix: str = "") -> None:
        """Put pydantic's errors in our words; alternatives of one key become one problem."""
        said: dict[str, tuple[str, list[str]]] = {}
        for error in errors.errors(include_url=False):
            path = path_in(clean, error["loc"], error["type"] == "missing")
            key = ".".join(part for part in (prefix, *map(str, path)) if part)
            found, allowed = in_words(error, *self.as_given(key))
            said.setdefault(key, (found, []))[1].append(allowed)
        already = {problem.key for problem in self.problems}
        for key, (found, ways) in said.items():
            misspelt = self.is_misspelt(key, found)
            inside = (*already - {key}, *said)
            if not misspelt and key not in already and not any(other.startswith(f"{key}.") for other in inside):
                each = list(dict.fromkeys(filter(None, ways))) or [""]
                allowed = reduce(lambda one, other: kept("{one} or {other}", one=one, other=other), each)
                self.problem(self.file_of(key), key, found, allowed)

    def is_misspelt(self, key: str, found: str) -> bool:
        """Return whether `key` is missing because it is there under a name that was complained of."""
        table, _, name = key.rpartition(".")
        meant = {(problem.key.rpartition(".")[0], problem.allowed) for problem in self.problems}
        return found == "missing" and (table, f"did you mean {name}?") in meant

    def defaults(self, settings: BaseModel, path: str, outer: Unit | None = None) -> dict[str, Provenance]:
        """Return the provenance of every number left at its default; `outer` is what a distribution measures."""
        table = self.found.get(path)
        if table and table.defaults is not None:
            return table.defaults
        given = table.provenance if table else self.provenance
        left: dict[str, Provenance] = {}
        for name, field in fields_of(type(settings)).items():
            here = f"{path}.{name}" if path else name
            value = getattr(settings, field_attribute(type(settings), name))
            if isinstance(value, BaseModel):
                left |= self.defaults(value, here, field.unit)
            elif isinstance(value, dict):
                for key, member in value.items():
                    if isinstance(member, BaseModel):
                        left |= self.defaults(member, f"{here}.{key}")
            elif (is_number(value) or (field.shape == "list" and value)) and here not in given:
                left[here] = Provenance(self.name_of(field.unit or outer), "neutral default", "default")
        if table and not self.problems:  # else something else may stand in for what is wrong
            table.defaults = left
        return left


def _currency(tree: dict) -> str:
    """Return the currency's code, or CNY where the tree does not say."""
    code = tree["currency"].get("code") if isinstance(tree.get("currency"), dict) else None
    return code.value if isinstance(code, Leaf) and re.fullmatch("[A-Z]{3}", str(code.value)) else "CNY"


def _doubt_of(leaf: Leaf) -> list[str]:
    """Return what is said of the doubt of a value."""
    return [name for name in DOUBT if getattr(leaf, name) is not None]


def _file_in(node: Any) -> str:
    """Return the file of the last leaf in `node`."""
    if isinstance(node, Leaf):
        return node.file
    files = [file for inner in node.values() if (file := _file_in(inner))] if isinstance(node, dict) else []
    return files[-1] if files else ""
