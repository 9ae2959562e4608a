"""The policies in words: what `simulator policies` prints, and the tables of docs/policies.md."""

import json
import re
from pathlib import Path

from pydantic import BaseModel

from simulator.model import layout
from simulator.model.markdown import Markdown
from simulator.model.values import Unit, parts_of, unit_in_words
from simulator.policy.base import Policy
from simulator.policy.registry import kinds, named

DOCUMENT = Path("docs") / "policies.md"
IN_WORDS = {
    layout.ONE: "ONE",
    layout.UNIT: "UNIT",
    layout.NEVER: "NEVER",
    -layout.NEVER: "-NEVER",
    layout.ABSENT: "ABSENT",
}
LAST_PART = "\n# Every setting\n"


def policies(kind: str | None = None) -> Markdown:
    """Return every policy in words, or one: effect, what to see, settings; UserError if there is none of that kind.

    `kind` may be "file:my_policy.py" too.
    """
    return Markdown(markdown(None if kind is None else str(kind)))


def markdown(only: str | None = None) -> str:
    """Return every policy in words: what it does, what to look for, and its settings with unit, bounds and default.

    With `only`, that kind or file alone; raises UserError if there is none.
    """
    common = _properties(Policy)
    shown = kinds() if only is None else {only: named(only)}
    lines = ["# Policies", ""]
    for kind, module in shown.items():
        meets = [f"Two of them in one month: {text}", ""] if (text := getattr(module, "MEETS", "")) else []
        lines += [f"## {kind}", "", module.DESCRIPTION, "", f"Look for: {module.EFFECT}", "", *meets]
        lines += _table({name: about for name, about in _properties(module.Settings).items() if name not in common})
    return "\n".join([*lines, "## Settings of every policy", "", *_table(common)])


def overview() -> str:
    """Return the table of all kinds in Markdown: what each does, what to look for, two of them in one month."""
    lines = ["| kind | what it does | what to look for | two of them in one month |", "|---|---|---|---|"]
    for kind, module in kinds().items():
        lines.append(f"| [`{kind}`](#{kind}) | {module.DESCRIPTION} | {module.EFFECT} | {module.MEETS} |")
    return "\n".join([*lines, ""])


def refused_by_roll_matrices() -> str:
    """Return the table of the kinds that a book of roll matrices cannot feel, and why, in Markdown."""
    from simulator.policy.levers import OF_APPLICANTS, OF_PEOPLE, acts_on  # numpy

    rows = []
    for table, where in ((OF_PEOPLE, ""), (OF_APPLICANTS, ", where nobody applies")):
        for words in table:
            names = [kind for kind, module in kinds().items() if words in acts_on(_example(kind, module), table)]
            rows.append((names, f"{words}{where}"))
    late = [kind for kind, module in kinds().items() if "acts_at" in vars(module.Settings)]
    rows.append((late, "days past due that no account gets to; a worst state with `at_least` gets to all"))
    lines = [f"| {', '.join(f'`{kind}`' for kind in names)} | {words} |" for names, words in rows]
    return "\n".join(["| kind | refused under `roll_rates` where its settings act on |", "|---|---|", *lines, ""])


def _example(kind, module):
    """Return the example settings of a policy."""
    return module.Settings.model_validate({"kind": kind, **module.EXAMPLE})


def lever_table() -> str:
    """Return the table of the levers of a stage and of a month: what they mean, neutral values, who writes them."""
    from simulator.policy.levers import neutral_levers  # numpy

    neutral, lines = neutral_levers(1, 1), ["| lever | meaning | neutral | written by |", "|---|---|---|---|"]
    sources = {kind: Path(str(module.__file__)).read_text(encoding="utf-8") for kind, module in kinds().items()}
    found = re.findall(r"^([SV])(_\w+) = (\d+)(?:  # (.*))?$", Path(layout.__file__).read_text(encoding="utf-8"), re.M)
    for array, name, index, meaning in found:
        lever = f"layout.{array}{name}"
        value = int((neutral.stage[1, 0, 0, 0] if array == "S" else neutral.month[1, 0, 0])[int(index)])
        writers = ", ".join(f"`{kind}`" for kind, source in sources.items() if re.search(rf"{lever}\b", source))
        lines.append(f"| `{lever}` | {meaning} | {IN_WORDS.get(value, value)} | {writers} |")
    return "\n".join([*lines, ""])


def renewed(text: str) -> str:
    """Return docs/policies.md with its tables made anew."""
    for table in (overview(), refused_by_roll_matrices(), lever_table()):
        before, after = text.split(table.split("\n", 1)[0], 1)
        rest = after.split("\n\n", 1)[1]
        text = f"{before}{table}\n{rest}"
    return text.split(LAST_PART)[0] + LAST_PART + markdown().split("\n", 1)[1]


def _properties(model) -> dict[str, dict]:
    """Return the JSON schema of each setting, with its `unit` and whether it is `needed`, by its name in a file."""
    schema, found = model.model_json_schema()["properties"], {}
    for attribute, info in model.model_fields.items():
        name, inner = info.alias or attribute, _table_in(info)
        if inner is None:
            found[name] = {**schema[name], "unit": _unit(info), "needed": info.is_required()}
            continue
        prefix = f"{name}.NAME" if dict in parts_of(info) else name
        found[name] = {"type": "table", "default": None, "unit": "", "needed": False, **_names_in(schema[name])}
        found[name]["description"] = info.description
        found |= {f"{prefix}.{key}": about for key, about in _properties(inner).items()}
    return found


def _table_in(info) -> type[BaseModel] | None:
    """Return the model of a setting that is a table, or a table of tables, else None."""
    types = [part for part in parts_of(info) if isinstance(part, type)]
    return next((part for part in types if issubclass(part, BaseModel)), None)


def _names_in(schema: dict) -> dict:
    """Return the names that the tables of a table may have, as `names`."""
    return {"names": schema["propertyNames"]["enum"]} if "propertyNames" in schema else {}


def _unit(info) -> str:
    """Return the name of the canonical unit of a field, as its type has it or else its description."""
    found = [part for part in parts_of(info) if isinstance(part, Unit)]
    unit = found[-1] if found else unit_in_words(info.description)
    return unit.name.replace("{money}", "money") if unit else ""


def _table(settings: dict[str, dict]) -> list[str]:
    """Return the lines of a table of settings, with an empty one at the end."""
    lines = ["| setting | unit | allowed | default | meaning |", "|---|---|---|---|---|"]
    for name, about in settings.items():
        default = "needed" if about["needed"] else _default(about["default"])
        cells = (f"`{name}`", about["unit"], _allowed(about), default, about["description"])
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _allowed(schema: dict) -> str:
    """Return in words what a JSON schema allows."""
    if "anyOf" in schema:
        return " or ".join(filter(None, map(_allowed, schema["anyOf"])))
    if "enum" in schema or "const" in schema:
        return ", ".join(json.dumps(word) for word in schema.get("enum", [schema.get("const")]))
    if schema["type"] == "table":
        return f"tables NAME: {', '.join(schema['names'])}" if "names" in schema else "table"
    if schema["type"] == "array":
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        size = f" of {most}" if most == least else f" of up to {most}" if most else ""
        return f"list{size}: {_allowed(schema['items'])}"
    if "minimum" in schema:
        step = f", multiple of {schema['multipleOf']}" if "multipleOf" in schema else ""
        return f"{_WORDS[schema['type']]} from {schema['minimum']:,} to {schema['maximum']:,}{step}"
    return _WORDS[schema["type"]]


def _default(value) -> str:
    """Return a default in words."""
    if value in (None, "", []):
        return "none"
    if isinstance(value, list) and len(set(value)) == 1:
        return str(value[0])
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


_WORDS = {"null": "", "boolean": "true or false", "string": "text", "integer": "whole number", "number": "number"}


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
