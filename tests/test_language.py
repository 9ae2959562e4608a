"""Every sentence in every language, with the same slots; nothing in a catalogue that nobody says."""

import ast
import re
import tomllib
from string import Formatter

import pytest

from conftest import ROOT
from simulator.analysis.measures import MEASURES, MONEY, SECTIONS
from simulator.analysis.measures.loss import CAUSE_WORDS
from simulator.analysis.measures.tables import BY_CAUSE, NUMBERS, SUPERVISORS
from simulator.estimation.panels.hindcast import BOOK_LEVELS, Hindcast, Level
from simulator.estimation.panels.phrasing import level_cautions
from simulator.estimation.structural.scenario import CALIBRATED, NOT_IDENTIFIED
from simulator.language.catalogue import CHINESE, anew, kept, noted, retold, say, sentences, speaking, spoken
from simulator.model.layout import LEVELS
from simulator.policy.registry import kinds
from simulator.scenario.distributions import KINDS
from simulator.scenario.fields import fields_of
from simulator.scenario.number_in_doubt import SHAPES
from simulator.scenario.parameters import OURS, source_words, unit_words
from simulator.scenario.schema import Settings

SAID_IN = ("say", "noted", "kept")
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


def said_of_measures():
    """Return {words: where} of measures, the tables that show them, and causes."""
    found = dict.fromkeys((*SECTIONS, *NUMBERS, *BY_CAUSE, *SUPERVISORS), "a heading of measures")
    for m in MEASURES.values():
        unit = m.unit.replace(f"{MONEY} per", "{currency} per")
        found |= dict.fromkeys(filter(None, (m.label, m.short, m.text, m.moved_by, unit)), m.name)
    for cause, words in CAUSE_WORDS.items():
        found |= dict.fromkeys((words.label, words.who), f"cause {cause}")
    return found


def said_of_policies():
    """Return {words: where} of the levels of the collection ladder; what else policies say stands in their files."""
    return dict.fromkeys(LEVELS, "a level")


def said_of_settings():
    """Return {words: where} of units, statuses, sources and shapes of the numbers of a scenario."""
    units, seen = set(), set()

    def look(model):
        if model not in seen:
            seen.add(model)
            for field in fields_of(model).values():
                units.update([field.unit.name] if field.unit and field.unit.name else [])
                if field.model:
                    look(field.model)

    for model in (Settings, *(kind.Settings for kind in kinds().values()), *KINDS.values()):
        look(model)
    statuses = (
        "assumption",
        "derived",
        "read-a",
        "read-b",
        "read-c",
        "recalled",
        "default",
        CALIBRATED,
        NOT_IDENTIFIED,
    )
    sources = (*OURS, "CNY")
    return dict.fromkeys(units, "a unit") | dict.fromkeys((*statuses, *sources, *SHAPES), "said of a number")


SAID = said_in_code() | said_of_measures() | said_of_policies() | said_of_settings()
ENGLISH_RUN = re.compile(r"[A-Za-z][A-Za-z'-]*(?: [A-Za-z][A-Za-z'-]*){2}")


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


def test_no_english_is_left_in_a_translation():
    """No translation has three English words in a row, but for slots and names such as `dpd30`."""
    left = {key: said for key, said in sentences(CHINESE).items() if ENGLISH_RUN.search(re.sub(r"{\w*}", "", said))}
    assert not left


def test_what_a_measure_means_is_said_when_it_is_read():
    """A measure's words follow the language that is spoken, and its English is what the catalogue's key is."""
    utilisation = MEASURES["utilisation"]
    english = utilisation.words
    with speaking(CHINESE):
        assert utilisation.words != english
        assert "降额、提额或冻结额度" in utilisation.words
    assert utilisation.words == english


def test_a_unit_has_its_currency():
    """The currency in a unit has its name where it has one; a unit that nobody knows is said as it is."""
    assert unit_words("EUR per month") == "EUR per month"
    assert unit_words("CNY per account and month") == "CNY per account and month"
    with speaking(CHINESE):
        assert unit_words("CNY per account and month") == "元/账户/月"
        assert [unit_words(unit) for unit in ("CNY", "per year", "of my own")] == ["元", "/年", "of my own"]


def test_a_users_source_is_said_as_it_stands():
    """Sources that the simulator gives are said in Chinese, a user's stays, even one that a catalogue has."""
    given = ["neutral default", "author of my.toml", "S9: half of them", "assumption"]
    assert [source_words(source) for source in given] == given
    with speaking(CHINESE):
        assert [source_words(source) for source in given] == ["中性默认值", "my.toml 的作者", *given[2:]]


def test_a_kept_sentence_is_english_until_it_is_said_anew():
    """What a run keeps is text in English, and knows its slots; others' text is said as it is."""
    inner = kept("without run-off months, cash that comes after the last month is not counted")
    outer = kept("{text}; a policy that {moved_by} moves it by definition", text=inner, moved_by="x")
    assert outer == f"{inner}; a policy that x moves it by definition"
    assert anew(outer) is outer
    with speaking(CHINESE):
        assert anew(outer) == say(outer.key, text=say(inner.key), moved_by="x") != outer
        assert anew("a user's own caution") == "a user's own caution"


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


def test_cautions_that_a_scenario_carries_are_said_in_chinese():
    """Calibration writes them into a file in English; who reads the scenario in Chinese is warned in Chinese."""
    found = Hindcast("2024-01", "2024-12", 9, [Level(name, 0.01, 0.02, 0.015, 0.025) for name in BOOK_LEVELS])
    carried = [str(said) for said in (*level_cautions(found), *level_cautions(found._replace(why_not="no limits")))]
    assert len(carried) == 2 * len(BOOK_LEVELS) + 1
    with speaking(CHINESE):
        said = [retold(one) for one in carried]
    assert all(re.search("[\u4e00-\u9fff]", one) for one in said)
    assert not any(ENGLISH_RUN.search(one) for one in said)
