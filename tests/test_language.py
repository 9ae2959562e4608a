"""Every sentence in every language, with the same slots; nothing in a catalogue that nobody says."""

import ast
import re
import tomllib
from string import Formatter

import pytest

from conftest import ROOT
from simulator.language.catalogue import CHINESE, noted, say, sentences, speaking, spoken

SAID_IN = ("say", "noted")
PAGES = sorted((ROOT / "simulator").rglob("*.j2"))
IN_PAGE = re.compile(r"""\bsay\(\s*("(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*)""")


def constants(node):
    """Return the strings that an expression may be: itself, or either side of a choice."""
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def said_in_code():
    """Return {sentence: where} of what the code and the pages say or note."""
    found = {}
    for path in sorted((ROOT / "simulator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAID_IN and node.args:
                found |= dict.fromkeys(constants(node.args[0]), f"{path.name}:{node.lineno}")
    for path in PAGES:
        for match in IN_PAGE.finditer(path.read_text(encoding="utf-8")):
            found[ast.literal_eval(f"({match.group(1)})")] = path.name
    return found


SAID = said_in_code()


def slots(sentence):
    """Return the names of a sentence's slots, sorted."""
    return sorted({name for _, name, _, _ in Formatter().parse(sentence) if name is not None})


def test_every_sentence_has_its_chinese():
    """The catalogue lacks nothing that is said."""
    missing = {sentence: where for sentence, where in SAID.items() if sentence not in sentences(CHINESE)}
    assert not missing


def test_the_catalogue_has_no_sentence_that_nobody_says():
    """What the code no longer says leaves the catalogue with it."""
    assert set(sentences(CHINESE)) <= set(SAID)


def test_slots_agree():
    """A translation fills every slot of its sentence, and no other."""
    apart = {key: said for key, said in sentences(CHINESE).items() if slots(key) != slots(said)}
    assert not apart


def test_a_sentence_stands_in_one_file():
    """No sentence is translated twice."""
    seen = {}
    for path in sorted((ROOT / "simulator/language/zh").glob("*.toml")):
        for key in tomllib.loads(path.read_text(encoding="utf-8")):
            assert key not in seen, f"{key!r} is in {seen.get(key)} and {path.name}"
            seen[key] = path.name


def test_who_speaks_what_ends_with_the_block():
    """The language is that of the block, whatever ends it; what no catalogue knows is said in English."""
    assert spoken() == "en"
    with pytest.raises(ZeroDivisionError), speaking(CHINESE):
        assert spoken() == CHINESE
        assert say("nobody has translated {this}", this=1) == "nobody has translated 1"
        raise ZeroDivisionError
    assert spoken() == "en"
    assert noted("as it is {x}") == "as it is {x}"
