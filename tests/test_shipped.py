"""The shipped scenarios under their bare names, and the file that `simulator new` writes."""

import tomllib

import pytest

from conftest import ROOT
from simulator.model.errors import UserError
from simulator.scenario import shipped
from simulator.scenario.reader import load_scenario

SCENARIOS = ROOT / "scenarios"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Return an empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_shipped_is_the_folder_of_the_repository():
    """The package's link leads to scenarios/, and what is packed is every TOML file in it."""
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]

    assert SCENARIOS.resolve() == shipped.FOLDER
    assert "shipped/**/*.toml" in packed["simulator.scenario"] and shipped.FIRST.name in packed["simulator.scenario"]
    assert shipped.names() == sorted(path.stem for path in SCENARIOS.glob("*.toml"))


def test_a_bare_name_is_the_shipped_scenario(here, simulator):
    """Commands, Python and `extends` take "huabei", and "economies/severe" of a folder in it."""
    (here / "mine.toml").write_text('extends = ["huabei", "economies/severe"]\nmonths = 12\n')

    assert load_scenario("huabei").digest() == load_scenario(SCENARIOS / "huabei.toml").digest()
    worse = load_scenario("mine.toml").baseline.economy
    assert (
        worse
        == load_scenario(
            {"extends": [str(SCENARIOS / "huabei.toml"), str(SCENARIOS / "economies/severe.toml")]}
        ).baseline.economy
    )
    code, out, _ = simulator("check", "huabei")
    assert code == 0 and out.startswith(f"{shipped.FOLDER / 'huabei.toml'}: valid; variants: freeze_at_7")


@pytest.mark.parametrize("name", ["huabei", "huabei.toml"])
def test_a_file_of_ones_own_wins(name, here, simulator):
    """HUABEI or HUABEI.toml beside the asking file is meant; it may itself extend the shipped one of its name."""
    (here / name).write_text('extends = "huabei"\ntitle = "Mine"\nmonths = 7\n')
    (here / "above.toml").write_text('extends = "huabei"\n')

    assert (load_scenario("huabei").baseline.months, load_scenario("above.toml").baseline.title) == (7, "Mine")
    assert simulator("check", "huabei")[1].startswith(f"{name}: valid")


@pytest.mark.parametrize("name", ["../huabei", "nothing/huabei", "huabey", "", ".", "huabei.tml"])
def test_other_names_are_no_shipped_scenario(name, here, simulator):
    """Only a name in the folder is looked for there; a misspelt one is told with its nearest."""
    code, out, err = simulator("check", name)

    assert (code, out) == (2, "") and err.startswith("error: ") and "Traceback" not in err
    assert ("did you mean huabei" in err) == (name in ("../huabei", "nothing/huabei", "huabey"))


def test_a_folder_of_that_name_is_no_scenario(here):
    """The folder out/huabei, or one called huabei, hides nothing."""
    (here / "huabei").mkdir()

    assert load_scenario("huabei").path == shipped.FOLDER / "huabei.toml"


@pytest.mark.parametrize(("given", "written"), [("mine", "mine.toml"), ("a b/我的 1.toml", "a b/我的 1.toml")])
def test_a_new_scenario_runs_as_it_stands(given, written, here, simulator):
    """It has a dozen keys with a comment on each, its own name as title, two variants, and a comparison lives it."""
    (here / "a b").mkdir()
    code, out, err = simulator("new", given)
    text = (here / written).read_text(encoding="utf-8")
    loaded = load_scenario(given)

    assert (code, err) == (0, "") and out.startswith(f"{written}: written")
    assert loaded.baseline.title == (here / written).stem and "NAME" not in text
    assert list(loaded.variants) == ["freeze_sooner", "cut_limits"]
    keys = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    assert 12 <= len(keys) <= 20
    assert all("#" in line for line in keys if not line.startswith(("extends", "policy.")))
    small = ["--borrowers", 20, "--months", 1, "--replications", 2, "--set", "run_off_months=1", "--quiet"]
    assert simulator("compare", given, *small, "--set", "run_on_months=1", "--out", "result") == (0, "", "")


def test_every_number_of_the_new_scenario_is_that_of_the_file_it_extends():
    """But for how much is lived: whoever changes one key sees what that key does to the shipped world."""
    changed = {"title", "months", "replications", "portfolio"}
    own = load_scenario(shipped.FIRST).baseline.model_dump()
    base = load_scenario("base/consumer").baseline.model_dump()

    assert {key for key in own if own[key] != base[key]} == changed


@pytest.mark.parametrize("name", ["mine", "mine.toml"])
def test_nothing_is_overwritten(name, here, simulator):
    """Whatever has the name is left as it is, and said."""
    (here / "mine.toml").write_text("mine")
    code, out, err = simulator("new", name)

    assert (code, out, err) == (
        2,
        "",
        "error: mine.toml: is there already; nothing is overwritten: give another name\n",
    )
    assert [path.read_text() for path in here.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["", ".toml", "nowhere/mine", "x" * 300])
def test_a_name_that_cannot_be_written_is_told(name, here, simulator):
    """No name, a folder that is not there, a name too long: exit 2 and nothing is left."""
    code, out, err = simulator("new", name)

    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and list(here.iterdir()) == []


def test_in_python_too(here):
    """`write_new` returns the path; a name with quotes is a title with quotes."""
    assert load_scenario(shipped.write_new('say "yes"')).baseline.title == 'say "yes"'
    with pytest.raises(UserError, match="is there already"):
        shipped.write_new('say "yes"')
