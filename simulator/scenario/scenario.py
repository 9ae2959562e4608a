"""A scenario in force: the baseline, its variants, and where every value comes from."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from simulator.language.catalogue import kept
from simulator.model.errors import Problem, UserError, did_you_mean, names_of
from simulator.model.values import Provenance
from simulator.scenario.resolved import Stated, document, plain, toml
from simulator.scenario.schema import Settings

BASELINE = "baseline"  # the lender of the file as written
AS_WRITTEN = "as_written"  # the world of the file as written


@dataclass(frozen=True, repr=False)
class Scenario:
    """A scenario in force: the baseline, its variants, and where every value comes from."""

    path: Path
    baseline: Settings
    variants: dict[str, Settings]
    provenance: dict[str, Provenance]  # of the baseline, by key path
    variant_provenance: dict[str, dict[str, Provenance]]
    remarks: tuple[str, ...] = ()  # what the command line changed besides what it named
    layer_files: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)  # of "variant"s and "world"s by
    # name, which say something of them, lowest first
    against: dict[str, str] = field(default_factory=dict)  # variants that are compared with another one, and which
    worlds: dict[str, "Scenario"] = field(default_factory=dict)  # the same lenders in other worlds, by name
    written: "Scenario | None" = None  # the file as written, if this is another of its worlds

    @property
    def as_written(self) -> "Scenario":
        """Return the scenario in the world of the file as written alone."""
        return replace(self, worlds={}) if self.worlds else self

    @property
    def worlds_left_out(self) -> str:
        """Return what is to be said where only the world of the file as written is lived."""
        names = ", ".join(self.worlds)
        return kept("only the file as written is lived; compare lives its worlds too: {worlds}", worlds=names)

    @property
    def every_world(self) -> dict[str, "Scenario"]:
        """Return the scenario in each of its worlds by name, first as written."""
        return {AS_WRITTEN: self.as_written, **self.worlds}

    def choose(
        self, only: Iterable[str] | str | None = None, without: Iterable[str] | str = (), against: str | None = None
    ) -> "Scenario":
        """Return the scenario with `only` these of its variants (all if None), `without` those, in its order.

        All of them stand `against` one of them, which itself stands against the baseline; "baseline": all do. By
        default each stands against what the scenario says. Raises UserError with every name that is not there.
        """
        wanted, left = (names_of("variant", names) for names in (self.variants if only is None else only, without))
        stay = [name for name in self.variants if name in wanted and name not in left]
        problems = [
            Problem("variant", name, "there is none of that name", did_you_mean(name, self.variants))
            for name in dict.fromkeys((*wanted, *left))
            if name not in self.variants
        ]
        found = {name: other for name, other in self.against.items() if name in stay}
        if against is not None:
            if against not in (BASELINE, *stay):
                problems.append(Problem("against", against, "not compared", did_you_mean(against, (BASELINE, *stay))))
            found = {name: against for name in stay if against not in (BASELINE, name)}
        elif not problems:
            problems += [
                Problem(
                    str(self.path),
                    f"variant.{name}.against",
                    f"{other!r} is left out",
                    "keep both, or name another with --against",
                )
                for name, other in found.items()
                if other not in stay
            ]
        if self.variants and not stay and not problems:
            problems.append(Problem("variant", found="none is left", allowed="keep one to compare"))
        if problems:
            raise UserError(problems)

        def chosen(scenario: Scenario) -> Scenario:
            variants = {name: scenario.variants[name] for name in stay}
            worlds = {name: chosen(world) for name, world in scenario.worlds.items()}
            return replace(scenario, variants=variants, against=found, worlds=worlds)

        return chosen(self)

    def with_replications(self, count: int) -> "Scenario":
        """Return the scenario with so many replications, in every world."""

        def of(settings: Settings) -> Settings:
            return settings.model_copy(update={"replications": count})

        variants = {name: of(settings) for name, settings in self.variants.items()}
        worlds = {name: world.with_replications(count) for name, world in self.worlds.items()}
        return replace(self, baseline=of(self.baseline), variants=variants, worlds=worlds)

    @property
    def folder(self) -> Path:
        """Return the folder that paths in the scenario are relative to."""
        return self.path.parent

    @property
    def cautions(self) -> list[str]:
        """Return what must be known before any number: the baseline's cautions, then what variants and worlds add."""
        own, worlds = self.baseline.cautions, self.worlds
        every = {name: lender.cautions for name, lender in self.variants.items()}
        told = [*own, *(_of(name, said) for name, more in every.items() for said in more if said not in own)]
        elsewhere = [(name, said) for name, world in worlds.items() for said in world.cautions if said not in told]
        return [*told, *(_of(kept("world {world}", world=name), said) for name, said in elsewhere)]

    @property
    def has_code(self) -> bool:
        """Return whether some lender has a policy of the user's own, a Python file."""
        from simulator.policy.registry import FILE

        lenders = (self.baseline, *self.variants.values())
        own = any(policy.kind.startswith(FILE) for lender in lenders for policy in lender.policy.values())
        return own or any(world.has_code for world in self.worlds.values())

    def __repr__(self) -> str:
        """Return title and variants: all values are in `text()`."""
        worlds = f"; worlds: {', '.join(self.every_world)}" if self.worlds else ""
        return f"{self.path}: {self.baseline.title}; variants: {', '.join(self.variants) or 'none'}{worlds}"

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
        baseline, *worlds = (
            Stated(
                plain(of.baseline, of.provenance),
                {name: plain(lender, of.variant_provenance[name]) for name, lender in of.variants.items()},
            )
            for of in (self, *self.worlds.values())
        )
        return document(baseline, dict(zip(self.worlds, worlds, strict=True)), self.against, file)


def _of(name: str, caution: str) -> str:
    """Return a caution with whom it is of."""
    return kept("{name}: {caution}", name=name, caution=caution)
