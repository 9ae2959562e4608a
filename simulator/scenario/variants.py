"""What each variant and each world of a scenario changes, and which file it comes from."""

from collections.abc import Iterable, Iterator

from simulator.scenario.layers import ON_TOP
from simulator.scenario.parameters import in_words
from simulator.scenario.scenario import Scenario
from simulator.scenario.schema import Settings

MOST = 8  # changes that are told of a variant
LONGEST = 60  # characters of a value
SILENT = ("title", "author", "cautions", "source")  # keys that change no number


def lines(scenario: Scenario) -> list[str]:
    """Return a line for each variant: its name, whose it is if it is not this file's alone, and the keys it sets.

    Then the same for each world.
    """
    base = scenario.baseline
    told = [
        f"  {name}{_against(scenario, name)}{_whose(scenario, 'variant', name)}: {_changes(base, lender)}"
        for name, lender in scenario.variants.items()
    ]
    for name, world in scenario.worlds.items():
        changes = _changes(base, world.baseline, *world.variants.values())
        told.append(f"  world {name}{_whose(scenario, 'world', name)}: {changes}")
    return told


def _against(scenario: Scenario, name: str) -> str:
    """Return with which variant one is compared, nothing if with the baseline."""
    return f", against {scenario.against[name]}" if name in scenario.against else ""


def _whose(scenario: Scenario, kind: str, name: str) -> str:
    """Return in brackets which files a layer is of, nothing if it is of the scenario's own file or `--set` alone."""
    own = (str(scenario.path), *ON_TOP)
    files = scenario.layer_files.get(kind, {}).get(name, ())
    below = ", ".join(file for file in files if file not in own)
    if not below:
        return ""
    return f" (merged with that of {below})" if any(file in own for file in files) else f" (inherited from {below})"


def _changes(base: Settings, other: Settings, *others: Settings) -> str:
    """Return in words what a layer sets that the baseline has otherwise, and whether any of it is in force.

    With the baseline, with the layer, or with any of the `others` that it is laid under.
    """
    found = dict(_different(_plain(base), _plain(other)))
    told = [key if value is None else f"{key} = {value}" for key, value in found.items()]
    said = ", ".join(told[:MOST]) + (f" and {len(told) - MOST} more" if len(told) > MOST else "")
    asleep = sorted({name for key in found if (name := _of_policy(key)) and not _acts((base, other, *others), name)})
    if any(_of_policy(key) not in asleep for key in found):
        return said
    why = f"; {', '.join(asleep)} not enabled" if asleep else ""
    return "changes nothing that is in force" + (f" ({said}{why})" if found else "")


def _plain(settings: Settings) -> dict:
    return settings.model_dump(by_alias=True, exclude_none=True)


def _of_policy(key: str) -> str:
    """Return "policy.NAME" for a key of a policy, else nothing."""
    parts = key.partition(" ")[0].split(".")
    return ".".join(parts[:2]) if parts[0] == "policy" else ""


def _acts(lenders: Iterable[Settings], path: str) -> bool:
    """Return whether a policy is enabled with some lender."""
    name = path.partition(".")[2]
    return any(name in settings.policy and settings.policy[name].enabled for settings in lenders)


def _different(base: dict, other: dict, path: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield (key, value in words) of what is not the same; a table that is new has its name alone."""
    for key, value in other.items():
        here = f"{path}.{key}" if path else key
        if key in SILENT or base.get(key) == value:
            continue
        if isinstance(value, dict) and "distribution" not in value:
            if isinstance(base.get(key), dict):
                yield from _different(base[key], value, here)
            else:
                yield f"{here} (new)", None
            continue
        words = in_words(value)
        yield here, words if len(words) <= LONGEST else f"{words[:LONGEST]}..."
    for key in sorted(base.keys() - other.keys() - set(SILENT)):
        yield (f"{path}.{key}" if path else key), "none"
