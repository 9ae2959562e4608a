"""What work takes is said before it begins, and refused beyond the machine or a day, once and by every command."""

import json
import os
from types import SimpleNamespace

import pytest

from simulator import cli
from simulator.engine import engine, pilot
from simulator.lowering.lower import lower
from simulator.model.errors import UserError
from simulator.model.observer import SILENT, InTurn, Part
from simulator.reading.needs import needs_of_records
from simulator.scenario.reader import load_scenario
from simulator.system import inputs, machine, needs
from simulator.system.needs import DAY, GB, Limits, Needs, announce

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import strange
from benchmarks.records import SHAPES

COMMANDS = (
    "run good.toml",
    "compare decide.toml",
    "compare decide.toml --doubt 2",
    "compare decide.toml --until npv=1%",
    "flips decide.toml",
    "sweep decide.toml --vary policy.cut.keep=0.1:0.9:2",
    "breakeven decide.toml --vary policy.cut.keep=0.1:0.9 --variant cut",
    "optimise decide.toml --vary policy.cut.keep=0.1:0.9:2 --maximise npv",
    "tail decide.toml --level 0.9 --variant cut",
    "calibrate panel.csv --mapping panel.toml",
    "backtest panel.csv --mapping panel.toml --fit-until 2024-02",
    "learn trial.csv --scenario reminded.toml --effect policy.remind.strength --counts day1_rate",
)


class Heard:
    """An observer that remembers its notes."""

    limits = None

    def __init__(self):
        """Begin with none."""
        self.notes = []

    def note(self, line):
        """Remember it."""
        self.notes.append(line)


def test_more_than_a_minute_is_said_once_to_the_outermost():
    """Parts of the same work say nothing; work that takes longer than was said does."""
    heard = Heard()
    announce(lambda: Needs(59, 10**9), heard)
    announce(lambda: Needs(700, 2 * 10**9, 3 * 10**6), InTurn(Part(heard), ["a"]))
    announce(lambda: Needs(800, 2 * 10**9), Part(heard))
    announce(lambda: Needs(90_000, 0), heard)

    assert heard.notes == [
        "this takes about 12 minutes, 2.0 GB of memory and 3.0 MB on the disk",
        "this takes about 25 hours",
    ]
    announce(lambda: pytest.fail("asked for nobody"), SILENT)


def test_beyond_a_day_or_the_disk_is_refused_with_what_to_type(tmp_path, monkeypatch):
    """All at once; who has no limits, or asks in Python, waits as long as they like."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=10 * GB))
    heard = Heard()
    heard.limits = Limits(folder=tmp_path / "not" / "there", disk=20 * GB)
    with pytest.raises(UserError) as wrong:
        announce(lambda: Needs(3 * DAY), heard)
    heard.limits = heard.limits._replace(disk=GB)
    announce(lambda: Needs(DAY - 1), heard)

    assert [str(one) for one in wrong.value.problems] == [
        "time: this would take about 3 days; allowed: 24 hours; --yes begins all the same",
        f"{tmp_path}/not/there: the results would take 20.0 GB, and 10.0 GB are free there; choose another --out; "
        "--yes begins all the same",
    ]
    assert len(heard.notes) == 1


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Go to a folder with files that commands read."""
    strange.write_right(tmp_path)
    shape = SHAPES["trial"]()
    (tmp_path / "reminded.toml").write_text(shape.scenario)
    (tmp_path / "trial.csv").write_text("\n".join(map(",".join, shape.rows)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_long_command_says_it_before_anything_is_lived(command, here, monkeypatch, capsys):
    """Two days are refused with exit code 2 and one message; no borrower lives a month, nothing is written."""
    for room in ("run", "decision.experiment", "decision.tail"):
        monkeypatch.setattr(f"simulator.{room}.needs_of", lambda *_: Needs(2 * DAY))
    monkeypatch.setattr("simulator.estimation.workflows.needs_of_records", lambda *_: Needs(2 * DAY))
    monkeypatch.setattr(engine, "run", lambda *_, **__: pytest.fail("lived"))
    before = sorted(here.rglob("*"))
    with pytest.raises(SystemExit) as left:
        cli.main([*command.split(), "--out", "out"])

    assert left.value.code == 2 and sorted(here.rglob("*")) == before
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert said == ["error: time: this would take about 2 days; allowed: 24 hours; --yes begins all the same"]


def test_yes_begins_all_the_same(here, monkeypatch, capsys):
    """Nobody is asked; it is only said."""
    monkeypatch.setattr("simulator.run.needs_of", lambda *_: Needs(2 * DAY))
    with pytest.raises(SystemExit) as left:
        cli.main(["run", "good.toml", "--borrowers", "8", "--months", "2", "--replications", "2", "--yes"])

    assert not left.value.code and "this takes about 2 days" in capsys.readouterr().err
    assert json.loads((here / "out" / "good" / "manifest.json").read_text())["borrowers"] == 8


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Return a lowered scenario of several tiles."""
    folder = tmp_path_factory.mktemp("world")
    strange.write_right(folder)
    return lower(load_scenario(folder / "good.toml", borrowers=50_000, replications=40).baseline)


def test_a_part_tells_how_long_the_whole_takes(world, monkeypatch):
    """Where each borrower-month takes as long as any other, the estimate is what it takes; little is only counted."""
    clock = [0.0]

    def live(part, threads):
        clock[0] += engine.borrower_months(part) * 1e-6 / threads

    monkeypatch.setattr(engine, "run", live)
    monkeypatch.setattr("simulator.engine.pilot.time.perf_counter", lambda: clock[0])
    takes = engine.borrower_months(world) * 1e-6 / 2
    little = pilot.needs_of([world], 2, 0)
    much = pilot.needs_of([world, world], 2, 10**9, times=100)

    assert clock[0] < 0.2 * takes and 0 < little.seconds < pilot.COUNTED
    assert much.seconds == pytest.approx(200 * takes, rel=0.05) and much.memory > 10**9
    assert pilot.needs_of([world], 2, 0, least=1e4).seconds == 1e4


def test_memory_is_that_of_the_container(tmp_path, monkeypatch):
    """Where it may have less than the machine; "max" is no limit."""
    monkeypatch.setattr(machine, "OF_CONTAINER", tmp_path / "memory.max")
    whole = machine.machine_memory()
    (tmp_path / "memory.max").write_text("1000000\n")
    few = machine.machine_memory()
    (tmp_path / "memory.max").write_text("max\n")

    assert few == 10**6 < whole == machine.machine_memory()
    assert needs.duration(119) == "119 seconds" and needs.duration(3 * 3600) == "3 hours"


def test_records_take_as_long_as_they_are(tmp_path):
    """By kind and size; a file that is not there, or is too large to be read, is for its reader to refuse."""
    for name in ("tape.csv", "tape.parquet", "huge.csv"):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 7 * 10**8 if name != "huge.csv" else inputs.MOST_RECORDS + 1)
    text, packed = (needs_of_records(tmp_path / name) for name in ("tape.csv", "tape.parquet"))

    assert text.seconds == pytest.approx(200) and packed.seconds > 4 * text.seconds and text.memory > GB
    assert needs_of_records(tmp_path / "none.csv") == needs_of_records(tmp_path / "huge.csv") == Needs()
