"""A scenario in force: the baseline, its variants, and where every value comes from."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from simulator.model.errors import Problem, UserError, did_you_mean, names_of
from simulator.model.values import Provenance
from simulator.scenario.resolved import document, toml
from simulator.scenario.schema import Settings

BASELINE = "baseline"  # the lender of the file as written


@dataclass(frozen=True, repr=False)
class Scenario:
    """A scenario in force: the baseline, its variants, and where every value comes from."""

    path: Path
    baseline: Settings
    variants: dict[str, Settings]
    provenance: dict[str, Provenance]  # of the baseline, by key path
    variant_provenance: dict[str, dict[str, Provenance]]
    remarks: tuple[str, ...] = ()  # what the command line changed besides what it named
    variant_files: dict[str, tuple[str, ...]] = field(default_factory=dict)  # that say something of it, lowest first
    against: dict[str, str] = field(default_factory=dict)  # variants that are compared with another one, and which

    def choose(
        self, only: Iterable[str] | str | None = None, without: Iterable[str] | str = (), against: str | None = None
    ) -> "Scenario":
        """Return the scenario with `only` these of its variants (all if None), `without` those, in its order.

        All of them stand `against` one of them, which itself stands against the baseline; "baseline": all do. By
        default each stands against what the scenario says. Raises UserError with every name that is not there.
        """
        wanted, left = (names_of("variant", names) for names in (self.variants if only is None else only, without))
        kept = [name for name in self.variants if name in wanted and name not in left]
        problems = [
            Problem("variant", name, "there is none of that name", did_you_mean(name, self.variants))
            for name in dict.fromkeys((*wanted, *left))
            if name not in self.variants
        ]
        found = {name: other for name, other in self.against.items() if name in kept}
        if against is not None:
            if against not in (BASELINE, *kept):
                problems.append(Problem("against", against, "not compared", did_you_mean(against, (BASELINE, *kept))))
            found = {name: against for name in kept if against not in (BASELINE, name)}
        elif not problems:
            problems += [
                Problem(
                    str(self.path),
                    f"variant.{name}.against",
                    f"{other!r} is left out",
                    "keep both, or name another with --against",
                )
                for name, other in found.items()
                if other not in kept
            ]
        if self.variants and not kept and not problems:
            problems.append(Problem("variant", found="none is left", allowed="keep one to compare"))
        if problems:
            raise UserError(problems)
        return replace(self, variants={name: self.variants[name] for name in kept}, against=found)

    @property
    def folder(self) -> Path:
        """Return the folder that paths in the scenario are relative to."""
        return self.path.parent

    @property
    def cautions(self) -> list[str]:
        """Return what must be known before any number: the baseline's cautions, then those a variant adds."""
        own = self.baseline.cautions
        added = {name: [said for said in lender.cautions if said not in own] for name, lender in self.variants.items()}
        return [*own, *(f"{name}: {said}" for name, more in added.items() for said in more)]

    @property
    def has_code(self) -> bool:
        """Return whether some lender has a policy of the user's own, a Python file."""
        from simulator.policy.registry import FILE

        lenders = (self.baseline, *self.variants.values())
        return any(policy.kind.startswith(FILE) for lender in lenders for policy in lender.policy.values())

    def __repr__(self) -> str:
        """Return title and variants: all values are in `text()`."""
        return f"{self.path}: {self.baseline.title}; variants: {', '.join(self.variants) or 'none'}"

    def text(self) -> str:
        """Return the resolved scenario as TOML that reads back as the same scenario."""
        return toml(self._document(lambda path: path))

    @cached_property
    def _digest(self) -> str:
        tables = self._document(lambda path: Path(path).name)
        return sha256(json.dumps(tables, ensure_ascii=False).encode()).hexdigest()

    def digest(self) -> str:
        """Return the SHA-256 of the resolved scenario, in hexadecimal; files count by their names only.

        The rows of a tape and the levers that a policy's file writes have digests of their own.
        """
        return self._digest

    def _document(self, file: Callable[[str], str]) -> dict:
        """Return the tables of the resolved scenario with `file` applied to the paths in it."""
        tables = document(self.baseline, self.provenance, self.variants, self.variant_provenance, file)
        for name, other in self.against.items():
            tables["variant"][name] = {"against": other, **tables["variant"][name]}
        return tables
