"""One digest for every number that could move: shipped scenarios with all variants, and random worlds.

A scenario, at a size of its own, has two: `sums` is the result digest of its manifest, over every integer that the
kernel counts; `summary` is over the numbers of its summary.json, which are floats made of those.

A random world is one of tests/worlds.py, drawn from its number alone: behaviour in turn, products, a tape, a factor and
the like by lot. The lender has every kind of policy at once, each with the EXAMPLE settings of its file. In worlds of
odd number each acts in months of its own, so that those who close or sell do not hide the others; in the later half
they act on top of random levers of every group of tests/worlds.py. The fast kernel and the scalar one give a digest
each, and the two must be equal.
"""

import json
import sys
from collections.abc import Collection
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from random import Random
from typing import NamedTuple

import numpy as np

from simulator.analysis.ledger import result_digest
from simulator.policy.levers import PolicyContext
from simulator.policy.registry import kinds
from simulator.scenario.reader import load_scenario
from simulator.study import compare
from simulator.system.machine import cpu_name

from .worlds import ROOT, SCENARIOS

WORLDS = 20
KERNELS = {"fast": True, "scalar": False}


class Size(NamedTuple):
    """How much of every scenario is run."""

    borrowers: int
    replications: int


FULL, QUICK, GOLDEN = Size(20_000, 60), Size(1_000, 6), Size(200, 2)
KEPT = Path(__file__).with_name("golden.json")  # digests of the sums of every shipped scenario, and why each moved


def measure(size: Size, progress=lambda what, done, total: None) -> dict:
    """Return {"size", "made_with", "digests": {name: SHA-256}}; `progress` is told (what, 1, how many in all)."""
    paths = sorted(SCENARIOS.glob("*.toml"))
    digests, total = {}, len(paths) + WORLDS
    for path in paths:
        digests |= of_scenario(path, size)
        progress(path.stem, 1, total)
    for number in range(WORLDS):
        digests |= of_world(number)
        progress(f"world {number}", 1, total)
    return {"size": size._asdict(), "made_with": made_with(), "digests": digests}


def golden(names: Collection[str] | None = None, progress=lambda what, done, total: None) -> dict[str, str]:
    """Return the digest of the sums of every shipped scenario of these names (all if None), at the size GOLDEN."""
    paths = [path for path in sorted(SCENARIOS.glob("*.toml")) if names is None or path.stem in names]
    found = {}
    for path in paths:
        found[path.stem] = of_scenario(path, GOLDEN)[f"{path.stem}: sums"]
        progress(path.stem, 1, len(paths))
    return found


def moved(now: dict[str, str], names: Collection[str] | None = None) -> list[str]:
    """Return the scenarios, of these names, whose golden digest is another, or that are new or gone."""
    kept = {name: digest for name, digest in _kept()["digests"].items() if names is None or name in names}
    return sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))


def accept(now: dict[str, str], why: str) -> list[str]:
    """Keep golden digests, with a line that says why they moved, and return which did; ValueError without a reason."""
    if not why.strip():
        raise ValueError("say why they move")
    names = moved(now)
    if names:
        changes = [*_kept()["changes"], {"day": date.today().isoformat(), "why": why.strip(), "moved": names}]
        KEPT.write_text(json.dumps({"digests": now, "changes": changes}, indent=1) + "\n", encoding="utf-8")
    return names


def _kept():
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"digests": {}, "changes": []}


def made_with() -> dict[str, str]:
    """Return the processor and the versions on which the last digit of a float may depend."""
    packages = {name: version(name) for name in ("numpy", "numba", "scipy")}
    return {"python": python_version(), **packages, "cpu": cpu_name()}


def of_scenario(path, size: Size) -> dict[str, str]:
    """Return the digests of the comparison of all variants of a scenario."""
    comparison = compare(load_scenario(path, borrowers=size.borrowers, replications=size.replications)).comparison
    numbers = repr(list(_numbers(comparison.summary())))
    return {
        f"{path.stem}: sums": result_digest([(name, ledger.sums) for name, ledger in comparison.ledgers.items()]),
        f"{path.stem}: summary": sha256(numbers.encode()).hexdigest(),
    }


def of_world(number: int) -> dict[str, str]:
    """Return the digest of a random world by each of the KERNELS."""
    run, small = of_the_tests("test_twin").kernel, world(number)
    return {f"world {number}: {name}": digest_of(run(small, fast)) for name, fast in KERNELS.items()}


def digest_of(arrays) -> str:
    """Return the SHA-256 of the shapes and integers of arrays in turn, whatever their names."""
    digest = sha256()
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array, "<i8"))
    return digest.hexdigest()


def world(number: int):
    """Return the random world of a number, as tests/worlds.py makes them, with every kind of policy in force."""
    make, rng = of_the_tests("worlds"), Random(f"digests {number}")
    months, special = rng.randint(24, 40), rng.choice((None, "tape", "factor", "redraw_people"))
    small = make.world(
        f"digests {number}",
        model=("structural", "roll_rates", "mixed")[number % 3],
        products=rng.choice(("both", "line", "loan", ("both", "line"))),
        months=months,
        replications=2,
        sizes=(rng.randint(200, 500), rng.randint(1, 60)),
        arrivals=rng.choice((0, 4, 30)),
        policies=tuple(make.POLICIES) if number >= WORLDS // 2 else (),
        hold=rng.choice((False, True)),
        suspend=rng.choice((True, True, False)),
        first=rng.choice((0, 490)),
        lanes=512,
        **({special: True} if special else {}),
    )
    context = PolicyContext(months, months, tuple("ab"), make.YUAN)
    for kind, policy in kinds().items():
        when = {"start": rng.randint(1, months // 2), "end": rng.randint(months // 2, months)} if number % 2 else {}
        policy.write(small.levers, policy.Settings.model_validate({"kind": kind, **policy.EXAMPLE, **when}), context)
    return small


def unequal_kernels(digests: dict[str, str]) -> list[str]:
    """Return in words which worlds the two kernels live otherwise."""
    pairs = {number: {digests[f"world {number}: {name}"] for name in KERNELS} for number in range(WORLDS)}
    return [
        f"world {number}: the fast and the scalar kernel differ" for number, found in pairs.items() if len(found) > 1
    ]


def differences(before: dict, now: dict) -> list[str]:
    """Return in words every digest of two `measure`s that differs, is missing or is new."""
    old, new = before["digests"], now["digests"]
    words = {name: "differs" if name in new else "is missing" for name in old if old[name] != new.get(name)}
    return [f"{name} {how}" for name, how in (words | {name: "is new" for name in new if name not in old}).items()]


def other_machine(before: dict, now: dict) -> str:
    """Return a sentence on what two `measure`s were made with, empty if with the same."""
    old, new = before["made_with"], now["made_with"]
    other = [f"{name} {old.get(name)}, now {new[name]}" for name in new if old.get(name) != new[name]]
    return f"Before it was made with {'; '.join(other)}." if other else ""


def _numbers(told, path=""):
    """Yield (path, number) of every number of nested tables and lists; words may be said otherwise."""
    if isinstance(told, dict | list):
        for key, value in sorted(told.items()) if isinstance(told, dict) else enumerate(told):
            yield from _numbers(value, f"{path}/{key}")
    elif isinstance(told, int | float):
        yield path, told


def of_the_tests(module):
    """Return a module of the tests' folder."""
    from importlib import import_module

    if (folder := str(ROOT / "tests")) not in sys.path:
        sys.path.append(folder)
    return import_module(module)
