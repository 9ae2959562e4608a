"""The pages for readers: what they name exists, what they list is complete, and they can be read."""

import ast
import re
from pathlib import Path

import pytest

from conftest import ROOT
from simulator.model import layout
from simulator.model.tables import Levers, Tables
from simulator.scenario.schema import Demand
from test_house_rules import LAYERS

DOCS = ROOT / "docs"
SOURCES = [ROOT / name for name in ("simulator", "tests", "benchmarks")]
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"])
MODEL = (DOCS / "model.md").read_text(encoding="utf-8")
NO_COLUMNS = {"CRN", "EU", "EBA", "GL", "CBIRC", "PBC"}  # words in capitals that are no names
COUNTS = {"PROBATION", "WATCHED"}  # parts of MARKS


def blocks(text):
    """Return the parts of a page that are read at one go: paragraphs, items of lists, cells of tables."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.|#+) )|\n(?=\|)", text)
    return [cell for part in parts for cell in (part.split("|") if part.startswith("|") else [part])]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    """Each link to another page or picture of ours leads to a file, and each to a heading to one that is there."""
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_pages_name_exist(path):
    """Each Python file that a page names in code type is one of the repository, by its path or by its name."""
    for name in re.findall(r"`([^`\s:]*\.py)`", path.read_text(encoding="utf-8")):
        found = [other for folder in SOURCES for other in folder.rglob(Path(name).name)]
        assert any(other.as_posix().endswith(f"/{name}") for other in found) or name.startswith("my_"), name


def test_the_index_lists_every_page_and_decision():
    """docs/index.md has a link to each page of docs and to each decision record."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    pages = {path.name for path in DOCS.glob("*.md")} - {"index.md"}

    assert {name for name in pages if f"({name})" not in text} == set()
    assert {path.name for path in DOCS.glob("decisions/*.md") if f"(decisions/{path.name})" not in text} == set()


def test_the_month_is_read_in_small_parts():
    """No paragraph, item or cell of docs/model.md is longer than 400 characters."""
    assert [part for part in blocks(MODEL) if len(part) > 400] == []


def test_the_month_names_what_the_arrays_have():
    """Each name in capitals in docs/model.md is one of layout.py (MARKS has two more parts)."""
    names = set(re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*\b", MODEL)) - NO_COLUMNS - COUNTS

    assert {name for name in names if not hasattr(layout, name)} == set()


def test_the_month_names_flows_arrays_and_functions_that_exist():
    """Each name in code type in docs/model.md is a flow (or how several begin), an array, a function of the twin, or a
    setting of demand, whose formulas stand there alone."""
    twin = ast.walk(ast.parse((ROOT / "tests" / "naive.py").read_text(encoding="utf-8")))
    known = {node.name for node in twin if isinstance(node, ast.FunctionDef)}
    known |= {*layout.FLOWS, *layout.VINTAGES, *Tables._fields, *Levers._fields, *Demand.model_fields}
    for name in re.findall(r"`([a-z_0-9]+)`", MODEL):
        assert name in known or any(flow.startswith(name) for flow in layout.FLOWS), name


def test_each_name_of_the_glossary_is_used():
    """Each name in code type in docs/glossary.md is a word of the source, of a file's name or of a shipped scenario."""
    files = [
        path
        for folder, ends in (("simulator", "py"), ("scenarios", "toml"))
        for path in (ROOT / folder).rglob(f"*.{ends}")
    ]
    words = set(re.findall(r"\w+", " ".join(path.read_text(encoding="utf-8") for path in files)))
    words |= {part for path in files for part in path.relative_to(ROOT).with_suffix("").parts}
    words |= {"naive", *re.findall(r"`(\w+)`", (DOCS / "measures.md").read_text(encoding="utf-8"))}
    names = re.findall(r"`([^`]+)`", (DOCS / "glossary.md").read_text(encoding="utf-8"))
    unknown = {name for name in names if not set(re.findall(r"\w+", name.replace("n_...", ""))) <= words}

    assert len(names) > 150 and unknown == set()


def test_a_term_stands_once_in_the_glossary():
    """No term of docs/glossary.md has two rows, and each has its Chinese."""
    lines = (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    terms = {row[0]: row[1] for row in rows if len(row) == 4 and row[0] not in ("term", "---")}

    assert [row[0] for row in rows if len(row) == 4 and row[0] not in ("term", "---")] == list(terms)
    assert len(terms) > 100 and all(re.search("[\u4e00-\u9fff]", chinese) for chinese in terms.values())


GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_guide_names_files_that_exist():
    """Each path in code type in CONTRIBUTING.md is a file or folder of the repository."""
    paths = re.findall(r"`(?:[^`\s]* )*?((?:simulator|tests|docs|scenarios|benchmarks)/[^`\s]*)", GUIDE)

    assert len(paths) > 30 and [path for path in paths if not (ROOT / path).exists()] == []


def test_the_guide_has_every_room():
    """The table of rooms in CONTRIBUTING.md is that of the house rules: every folder, in the same order."""
    folders = [f"simulator.{path.name}" for path in (ROOT / "simulator").iterdir() if (path / "__init__.py").exists()]
    rooms = [room for room in LAYERS if room in folders]

    assert [f"simulator.{name}" for name in re.findall(r"^\| `simulator/(\w+)` \|", GUIDE, re.MULTILINE)] == rooms
    assert set(rooms) == set(folders)


def test_the_guide_names_targets_of_make():
    """Each `make ...` in CONTRIBUTING.md is a target of the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

    assert set(re.findall(r"`make ([a-z-]+)", GUIDE)) <= set(targets)


def test_the_readme_shows_every_room():
    """Each room of the guide is in the README's list of where things are."""
    shown = set(re.findall(r"\bsimulator/(\w+)/", (ROOT / "README.md").read_text(encoding="utf-8")))

    assert shown - {"kinds"} == set(re.findall(r"^\| `simulator/(\w+)` \|", GUIDE, re.MULTILINE))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_speak_the_fields_words(path):
    """No page has words that only this project had."""
    private = r"\b(dull|luck|lucky|those in trouble)\b"

    assert re.findall(private, path.read_text(encoding="utf-8"), re.IGNORECASE) == []


def test_a_borrower_is_they():
    """Neither pages nor sources nor scenarios speak of a borrower, or of anybody else, as a man."""
    folders = [*SOURCES, ROOT / "scenarios"]
    files = [*PAGES, *(path for folder in folders for end in ("py", "toml") for path in folder.rglob(f"*.{end}"))]
    man = re.compile(r"\b(h[e]|h[i]m|h[i]s|h[i]mself)\b", re.IGNORECASE)

    assert [str(path) for path in files if man.search(path.read_text(encoding="utf-8"))] == []
