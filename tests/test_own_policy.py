"""A policy of one's own has all that a shipped one has: the example of docs/policies.md, tried on each count."""

import re

import pytest

from conftest import ROOT
from simulator.model.errors import UserError
from simulator.policy.checks import problems
from simulator.policy.page import markdown
from simulator.policy.registry import load_file
from simulator.report.drawing import Drawing
from simulator.report.reasons import reasons
from simulator.scenario.reader import load_scenario
from simulator.study import compare
from test_again import pages

SIZES = {"borrowers": 1000, "replications": 4, "months": 8}


@pytest.fixture
def path(tmp_path):
    """Return the path of the policy of the documentation, written to a file."""
    text = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Settings" in block)
    path = tmp_path / "harder.py"
    path.write_text(code, encoding="utf-8")
    return path


def scenario(path, **settings):
    """Return a shipped scenario in which a variant switches the policy of a file on."""
    keys = "".join(f"{key} = {value}\n" for key, value in ({"at_dpd": 30, "keep": 0.2} | settings).items())
    own = f'[policy.harder]\nkind = "file:{path}"\nenabled = false\n{keys}[variant.on]\npolicy.harder.enabled = true\n'
    book = path.with_name("book.toml")
    base = (ROOT / "scenarios" / "base" / "consumer.toml").as_posix()
    book.write_text(f'extends = "{base}"\ntitle = "Own"\nportfolio.borrowers = 1000\n{own}', encoding="utf-8")
    return load_scenario(book, ["run_off_months=4"], allow_code=True, **SIZES)


def test_the_example_of_the_documentation_passes_the_battery(path):
    """It is whole: nothing is to be added before it is used."""
    assert problems(load_file(str(path))) == []


def test_its_reasons_are_in_the_report(path):
    """What its `why` yields stands first, with a capital."""
    first, second, *_ = reasons(compare(scenario(path)).comparison, "on")

    assert first.startswith("Exposure: the mean balance at default ") and second.startswith("Income: interest ")


def test_its_reasons_stay_with_a_saved_run(path, tmp_path):
    """They are kept as they were said: the page is made again when the policy's file is gone, and runs no code."""
    folder = compare(scenario(path)).save(tmp_path / "run", drawing=Drawing(processors=1))
    path.unlink()
    own, again = pages(folder)

    assert again == own and "Exposure: the mean balance at default" in own


@pytest.mark.parametrize(
    "line", ["    1 / 0", "    evidence.clause('interest', 'no_such_measure')", "    raise SystemExit"]
)
def test_reasons_that_raise_do_not_lose_the_run(path, line):
    """The run is over when they are asked for: what they raise is said in their place."""
    path.write_text(path.read_text().replace('    yield f"exposure', f'{line}\n    yield f"exposure'))
    comparison = compare(scenario(path)).comparison
    first, *_ = reasons(comparison, "on")

    assert first.startswith("Harder does not say why: ") and "harder.py: why raises" in first


def test_what_excludes_it_is_found(path):
    """It acts at days past due at which accounts are written off: `acts_at` is all it needs to say so."""
    with pytest.raises(UserError) as refused:
        scenario(path, at_dpd=450)

    (problem,) = refused.value.problems
    assert problem.key.endswith("policy.harder.at_dpd") and problem.found == "found 450"
    assert problem.allowed == "allowed: below 300, the write-off (in force in variant on)"


def test_it_is_explained_like_the_others(path):
    """`simulator policies FILE` has what it does, what to look for and its settings."""
    said = markdown(str(path))

    assert "Cut the limit of an account that falls behind, and harder" in said and "Look for: Exposure" in said
    assert "| `keep` | share | number from 0 to 1 | needed | share of the limit that is kept |" in said
