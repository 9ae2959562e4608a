"""What tables of a scenario became when they were read, for whoever reads the very same tables again.

The lenders of a scenario differ in few tables, and so does a scenario from itself with one number moved: merging layers
(`layers.merge`) leaves a table alone of which the upper layer says nothing. So a table is known by being the same one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from simulator.model.values import Provenance, Unit
from simulator.scenario.layers import Leaf

Key = tuple[int, str, type[BaseModel], str]  # the table's id, its path, its type, the currency


@dataclass
class ReadTable:
    """A table in which nothing is wrong, and what was read in it; all of it by key path."""

    tree: dict  # held, so that no other table gets its id
    values: dict  # plain
    provenance: dict[str, Provenance]
    leaves: dict[str, Leaf]
    units: dict[str, Unit]
    defaults: dict[str, Provenance] | None = None  # of the numbers that it leaves at their defaults, once asked for

    def own_values(self) -> dict:
        """Return the plain values as the caller's own: to change them changes nothing here."""
        return _copied(self.values)

    @property
    def is_lasting(self) -> bool:
        """Return whether what is said of it cannot be changed: no list is in it but among its values."""
        return not any(isinstance(end, list) for about in self.provenance.values() for end in about.range)


def ids_in(tree: dict) -> Iterator[int]:
    """Yield the ids of a tree of tables and of all the tables in it."""
    yield id(tree)
    for node in tree.values():
        if isinstance(node, dict):
            yield from ids_in(node)


def _copied(table: dict | list) -> Any:
    if isinstance(table, dict):
        return {key: _copied(each) if isinstance(each, dict | list) else each for key, each in table.items()}
    return [_copied(each) if isinstance(each, dict | list) else each for each in table]


def lasting(known: Mapping[Key, ReadTable], ids: frozenset[int]) -> dict[Key, ReadTable]:
    """Return those of the tables that are known that have one of the ids."""
    return {key: table for key, table in known.items() if key[0] in ids}
