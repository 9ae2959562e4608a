"""Reasons tied to a book's own levels: people by their past, levels kept in the baseline, the tie shared by all."""

from dataclasses import replace

import numpy as np
import pytest

import simulator as sim
from simulator.analysis import tie
from simulator.analysis.tie import tie_of, tied, with_tie
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.roll_rates.estimates import estimate_panel
from simulator.estimation.structural import people, settled
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.histories import usable
from simulator.estimation.structural.people import CANDIDATES, _log_likelihood
from simulator.estimation.structural.prior import prior_document
from simulator.estimation.structural.tied import tie_to
from simulator.lowering.lower import lower, tables_for
from simulator.model.errors import UserError
from simulator.model.layout import M_FORGET, M_WILL_NOT
from simulator.model.observer import SILENT
from simulator.scenario.reader import load_scenario
from simulator.scenario.resolved import toml
from simulator.scenario.schema import Tie
from simulator.scenario.shipped import write_new

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks import reasoned

REMIND = {"kind": "reminders", "reach": 1.0, "strength": 0.5}
BORROWERS, MONTHS = 1500, 6


@pytest.fixture(scope="module", autouse=True)
def small():
    """Seek ties in shorter runs: enough for 3 %."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tie, "WORK", 2e6)
        yield


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Return the folder with the tied scenario of a made-up tape, and what it was tied by."""
    folder = tmp_path_factory.mktemp("tied")
    world = reasoned.document()
    tape, mapping = reasoned.write(folder, reasoned.lived(world, BORROWERS))
    prior = reasoned.prior_in(folder, world)
    panel = read_panel(tape, mapping)
    found = estimate_panel(panel, tape, mapping)
    out = folder / "out"
    out.mkdir()
    short = found.scenario_text().replace("months = 24", f"months = {MONTHS}", 1)
    (out / "scenario.toml").write_text(short, encoding="utf-8")
    (out / "mapping.toml").write_text(found.mapping_text(), encoding="utf-8")
    found.book_in(out)
    document, _ = prior_document(panel, usable(panel), prior, tape, "mapping.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "MOST_MONTHS", MONTHS)
        patch.setattr(settled, "MONTHS", 24)
        done = tie_to(panel, document, out / "scenario.toml", found.people_in, 2, SILENT)
    (out / "structural.toml").write_text(toml(done.document), encoding="utf-8")
    found.people_in(out, done.person)
    return out, done, panel


def test_levels_are_kept(book):
    """30+ of the baseline is within 3 % of the forecast in every month."""
    _, done, _ = book
    assert np.abs(done.tied.off).max() < 0.03, done.tied.words
    assert done.tied.asked.tolist() == pytest.approx(done.reference.late.tolist(), abs=1e-6)


def test_people_are_drawn_by_their_past(book):
    """Everybody in the book, and nobody else, has a holder."""
    _, done, panel = book
    assert set(np.unique(done.person)) <= set(range(-1, CANDIDATES))
    assert ((done.person >= 0) == (panel.state[:, -1] >= 0) & (panel.state[:, -1] < len(panel.open_states))).all()


def test_who_got_worse_is_someone_who_does():
    """Of two candidates, the one who gets worse each fifth month is likelier to hold an account that did."""
    seen, done = np.full((4, 2), 0.0), np.zeros((4, 2))
    seen[0], done[0] = 10, [0, 3]
    lives = np.zeros((4, 2, 2))
    worse = np.zeros((4, 2, 2))
    lives[0], worse[0] = 200, [[4, 4], [60, 60]]
    weight = _log_likelihood(seen, done, lives, worse)
    assert weight[0, 0] > weight[1, 0] + 2 and weight[1, 1] > weight[0, 1] + 2


def test_all_share_the_tie_of_the_baseline(book):
    """A variant and a world have the tie of the file as written, and ask for no levels."""
    out, *_ = book
    scenario = load_scenario(
        {"extends": str(out / "structural.toml"), "variant": {"b": {"policy": {"remind": REMIND}}}}
    )
    lenders = tied(scenario, {"baseline": scenario.baseline, **scenario.variants}, 1, SILENT)
    ties = [settings.behaviour.structural.tie for settings in lenders.values()]
    assert ties[0] == ties[1] == tie_of(scenario, 1, SILENT).tie != Tie()
    assert lenders["b"].behaviour.structural.levels is None
    other = replace(scenario, baseline=scenario.variants["b"], written=scenario)
    assert tied(other, {"baseline": other.baseline}, 1, SILENT)["baseline"].behaviour.structural.tie == ties[0]


def test_who_asks_for_no_levels_gets_no_tie():
    """A scenario without levels has its settings back."""
    scenario = load_scenario("scenarios/reminders.toml")
    assert tied(scenario, {"baseline": scenario.baseline}, 1, SILENT) == {"baseline": scenario.baseline}


def test_another_seed_has_other_people(book):
    """The persons of a tape are those of one seed: another is refused, and the message says which."""
    out, *_ = book
    with pytest.raises(UserError, match="allowed: 20260101, under which the people of the tape were drawn"):
        sim.simulate(load_scenario(out / "structural.toml", seed=5))


def test_the_factor_moves_the_tie():
    """A month's factor z takes loading x z off the log-odds, and multiplies forgetting by exp(-loading z)."""
    settings = settings_of(reasoned.document() | {"months": 3}, "")
    factor = settings.economy.factor.model_copy(
        update={"enabled": True, "will_not_loading": 0.0, "job_loss_loading": 0.0}
    )
    settings = settings.model_copy(update={"economy": settings.economy.model_copy(update={"factor": factor})})
    world = lower(with_tie(settings, Tie(loading=0.5)))._replace(news=np.array([[2.0, 0.0, 0.0]]), replications=1)
    moved, still = tables_for(world, 0, 1).economy[0, 1, 0], world.tables.economy[0, 1, 0]
    assert (moved[M_WILL_NOT] - still[M_WILL_NOT]) / 65536 == pytest.approx(-1.0, abs=1e-4)
    assert moved[M_FORGET] / still[M_FORGET] == pytest.approx(np.exp(-1.0), abs=1e-4)


def test_a_question_to_the_book_runs(book, monkeypatch):
    """`new --book` writes a question that reads and whose page begins with how well levels are kept."""
    out, *_ = book
    monkeypatch.chdir(out.parent)
    path = write_new("day5", out)
    study = sim.compare(load_scenario(path, months=3, replications=4))
    assert study.variants == ["day_5", "no_call"]
    assert study.cautions[0].startswith("Reasons are tied to the levels of the tape's own forecast")
    assert study.estimate("no_call", "npl_formation").value > study.estimate("baseline", "npl_formation").value


def test_a_question_needs_a_tied_book(tmp_path, monkeypatch):
    """Without structural.toml in the folder nothing is written."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="has no structural"):
        write_new("mine", tmp_path)
    assert not list(tmp_path.iterdir())
