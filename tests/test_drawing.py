"""Pictures drawn by a process of its own are those drawn here, and its failure costs nothing but time."""

import json
import shutil

import pytest

import toy_book
from simulator import cli
from simulator.analysis.comparison import Comparison
from simulator.language.catalogue import CHINESE, LANGUAGES, speaking
from simulator.report import drawing, figures, results
from simulator.report.drawing import Drawing


@pytest.fixture(scope="module")
def comparison():
    """Return a comparison of two variants, with insurance and a partner in neither."""
    frame = toy_book.frame(replications=3, months=4, run_off_months=2)
    baseline = toy_book.ledger(frame=frame)
    return Comparison([baseline, toy_book.ledger("sell", frame=frame, sell=3)])


@pytest.fixture
def drawn_here(monkeypatch):
    """Return a list that grows with every comparison drawn in this process."""
    drawn, draw = [], figures.pictures
    monkeypatch.setattr(figures, "pictures", lambda comparison: (drawn.append(comparison), draw(comparison))[1])
    return drawn


def test_the_pictures_are_the_same_bytes(comparison, drawn_here):
    """What the process draws is what would be drawn here, and nothing is drawn here."""
    with Drawing(processors=2) as apart:
        apart.begin(comparison)
        pictures = apart.pictures(comparison)

    assert drawn_here == []
    assert pictures == Drawing(processors=1).pictures(comparison)
    assert drawn_here == [comparison]


def test_the_process_draws_in_every_language_that_it_is_asked_for(comparison, drawn_here):
    """One process answers in both languages; a language that it was not asked for is drawn here."""
    with Drawing(processors=2) as apart:
        apart.begin(comparison, LANGUAGES)
        for language in LANGUAGES:
            with speaking(language):
                pictures = apart.pictures(comparison)
                assert drawn_here == []
                assert pictures == figures.pictures(comparison)
                drawn_here.clear()
    with Drawing(processors=2) as apart, speaking(CHINESE):
        apart.begin(comparison, LANGUAGES[:1])
        apart.pictures(comparison)
    assert drawn_here == [comparison]


def test_a_process_that_dies_is_replaced(comparison, drawn_here):
    """Killed before it has answered, the process leaves the drawing to this one."""
    with Drawing(processors=2) as apart:
        apart.process.kill()
        apart.begin(comparison)

        assert len(apart.pictures(comparison)) == 8
    assert drawn_here == [comparison]


@pytest.mark.parametrize("command", ["false", "no-such-command"])
def test_a_process_that_does_not_start_is_replaced(command, comparison, drawn_here, monkeypatch):
    """Python that cannot be started again, or ends at once, leaves the drawing to this process."""
    monkeypatch.setattr(drawing.sys, "executable", shutil.which(command) or command)
    with Drawing(processors=2) as apart:
        apart.begin(comparison)

        assert len(apart.pictures(comparison)) == 8
    assert drawn_here == [comparison]


def test_large_sums_stay_here(comparison, drawn_here, monkeypatch):
    """What would take much memory twice is not sent."""
    sent = sum(array.nbytes for ledger in comparison.ledgers.values() for array in ledger.sums)
    for most, here in ((sent, []), (sent - 1, [comparison])):
        monkeypatch.setattr(drawing, "MOST_BYTES", most)
        with Drawing(processors=2) as apart:
            apart.begin(comparison)
            apart.pictures(comparison)
        assert drawn_here == here


def test_a_failure_of_drawing_reaches_the_user(comparison, tmp_path, monkeypatch):
    """What fails in both processes is raised here; the numbers are kept, in another place and without the page."""
    monkeypatch.setattr(drawing.sys, "executable", shutil.which("false"))

    def fail(_):
        raise RuntimeError("no ink")

    monkeypatch.setattr(figures, "pictures", fail)
    with Drawing(processors=2) as apart, pytest.raises(RuntimeError, match="no ink"):
        apart.begin(comparison)
        results.write(tmp_path / "out", comparison, {}, "", drawing=apart)
    assert [path.name for path in tmp_path.iterdir()] == ["out-2"]
    kept = json.loads((tmp_path / "out-2" / "manifest.json").read_text())
    assert kept["incomplete"] == "RuntimeError: no ink"
    assert {"summary.json", "comparison.parquet"} < set(kept["files"]) and "report.html" not in kept["files"]


def test_a_command_that_fails_leaves_no_process(tmp_path, monkeypatch, capsys):
    """An error of the user's ends the process that was to draw."""
    started, start = [], drawing._start
    monkeypatch.setattr(drawing, "available_threads", lambda: 2)
    monkeypatch.setattr(drawing, "_start", lambda: started.append(start()) or started[0])
    with pytest.raises(SystemExit) as left:
        cli.main(["run", str(tmp_path / "missing.toml")])

    assert left.value.code == 2 and "missing.toml" in capsys.readouterr().err
    assert [process.poll() is not None for process in started] == [True]
