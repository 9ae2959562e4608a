"""A setting learned from a trial: intervals hold, segments lean on each other, the next trial's size, wrong files."""

import csv
import json
import re
import shlex
import tomllib

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks import trials
from conftest import ROOT
from simulator.decision.assumptions import doubts
from simulator.decision.experiment import Experiment
from simulator.estimation.trials import estimator, pooling
from simulator.estimation.trials.next_trial import worth_of
from simulator.estimation.trials.prior import LEARNED, Prior, prior, published
from simulator.estimation.trials.rows import read_trial
from simulator.model.errors import UserError
from simulator.scenario.reader import load_scenario
from test_language import ENGLISH_RUN

HEAD = "arm,segment,month,n,successes\n"
ROWS = """none,salaried,2026-01,6000,360
sms,salaried,2026-01,6000,318
none,irregular,2026-01,3000,195
sms,irregular,2026-01,3000,180
"""
ASKED = ("--effect", "policy.remind.strength", "--counts", "day1_rate", "--control", "none")
SMALL = (
    "--borrowers",
    "400",
    "--months",
    "6",
    "--replications",
    "4",
    "--set",
    "policy.remind.reach=1.0",
    "--threads",
    "1",
)
SCENARIO = ROOT / "scenarios" / "reminders.toml"


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a trial and returns its path."""

    def made(text, name="trial.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return made


def told(path, control="none", arm=None):
    """Return the messages with which a file is refused."""
    with pytest.raises(UserError) as wrong:
        read_trial(path, control, arm)
    return str(wrong.value)


def test_intervals_of_made_up_trials_hold_the_truth():
    """Of 200 trials drawn as the estimator takes them to be, 90 % intervals hold 86 to 94 %: setting and segments."""
    held = trials.held(200, 7)

    assert trials.LEAST <= held.setting / held.trials <= trials.MOST
    assert trials.LEAST <= held.segments / held.of_segments <= trials.MOST


def test_intervals_are_wrong_where_spreads_are_left_out(monkeypatch):
    """Negative control: with no spread between segments or months the same intervals hold far too seldom."""
    monkeypatch.setattr(pooling, "SPREAD", 1e-6)
    monkeypatch.setattr(trials, "SPREAD", 0.1)

    held = trials.held(100, 7, accounts=20_000)

    assert held.setting / held.trials < 0.8


def test_the_next_trial_has_the_size_of_brute_force():
    """The recommended arm is within 20 % of what enumerating every trial that can come out says."""
    size = trials.size(*trials.cases()[1])

    assert size.is_right and size.recommended > 100


def test_one_cell_is_its_own_log_odds():
    """Of one cell the evidence is the log odds ratio and its variance; of two that agree it is more certain."""
    trial = trials.one_cell(1000, [100, 80])
    seen = pooling.evidence(trial)
    (contrast,), (variance,) = trial.contrasts

    assert seen.centre.tolist() == [contrast] and seen.variance.tolist() == [variance]
    assert contrast == pytest.approx(np.log(80.5 / 920.5 / (100.5 / 900.5)), abs=1e-12)


def test_evidence_is_that_of_the_whole_covariance():
    """What is solved column by column is the generalised least squares of the cells with all their covariance."""
    n, total = (
        np.full((6, 2), 500.0),
        np.array([[50, 40], [60, 40], [30, 20], [44, 50], [70, 50], [41, 37]], dtype=float),
    )
    segment, month = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1])
    trial = trials.made(n, total, segment, month)
    seen = pooling.evidence(trial)
    y, v = trial.contrasts
    around = np.eye(3) - 1 / 3
    for k in (0, 77, len(seen.centre) - 1):
        (a, b), ones = seen.spreads[k], np.ones(6)
        x = np.eye(3)[segment] @ around
        covariance = np.diag(v) + a**2 * x @ x.T + b**2 * np.equal.outer(month, month)
        inverse = np.linalg.inv(covariance)
        assert seen.variance[k] == pytest.approx(1 / (ones @ inverse @ ones))
        assert seen.centre[k] == pytest.approx(ones @ inverse @ y / (ones @ inverse @ ones))


def test_pooling_draws_a_small_segment_to_the_others():
    """A segment of few accounts that says the opposite ends nearer to the others than to itself."""
    n = np.array([[20_000, 20_000], [20_000, 20_000], [300, 300]], dtype=float)
    total = np.array([[2000, 1600], [2000, 1600], [30, 45]], dtype=float)
    seen = pooling.evidence(trials.made(n, total, np.arange(3), np.zeros(3, dtype=int)))
    share = seen.weight * np.sqrt(seen.variance) / (seen.weight * np.sqrt(seen.variance)).sum()
    own = share @ (seen.own + seen.slope * seen.centre[:, None])

    assert own[2] < 0 and abs(own[2] - own[0]) < 0.2


def test_the_worth_of_a_trial_is_the_normal_one():
    """Of a normal setting and a line the worth is that of the unit normal loss; of a trial that says nothing 0."""
    z = np.linspace(-6, 6, 2001)
    weight = norm.pdf(z) / norm.pdf(z).sum()
    for variance in (0.3, 1.0, 4.0):
        spread = np.sqrt(1 / (1 + variance))  # of the posterior mean
        wanted = spread * norm.pdf(0.4 / spread) - 0.4 * norm.sf(0.4 / spread)
        assert worth_of(z, z - 0.4, weight, variance) == pytest.approx(wanted, rel=3e-3)
    assert worth_of(z, z - 0.4, weight, 1e6) < 1e-6


def test_amounts_are_compared_by_the_logarithm_of_their_means(file):
    """A trial of amounts gives the ratio of means, with the variance that their squares say."""
    path = file("arm,n,sum,sum_of_squares\nnone,100,1000,12000\nsms,100,1100,14000\n")
    (contrast,), (variance,) = read_trial(path, "none").contrasts

    assert contrast == pytest.approx(np.log(1.1))
    assert variance == pytest.approx((20 / 100 + 19 / 121) / 99)


def test_headings_in_chinese_are_known_and_others_can_be_told(file):
    """Common Chinese headings are the columns that they say, and a word says so; any other is told by --column."""
    plain, known = read_trial(file(HEAD + ROWS), "none"), file("组别,客群,月份,户数,发生数\n" + ROWS, "zh.csv")
    trial = read_trial(known, "none")
    assert (trial.n == plain.n).all() and (trial.total == plain.total).all() and trial.segments == plain.segments
    assert dict(trial.headings) == {
        "组别": "arm",
        "客群": "segment",
        "月份": "month",
        "户数": "n",
        "发生数": "successes",
    }
    strange = file("短信,segment,month,n,逾期\n" + ROWS, "own.csv")
    told_by = read_trial(strange, "none", None, {"arm": "短信", "successes": "逾期"})
    assert (told_by.total == plain.total).all() and told_by.headings == ()
    with pytest.raises(UserError, match="短信: no such column"):
        read_trial(known, "none", None, {"arm": "短信"})
    for wrong in ("arm", "arms=短信"):
        with pytest.raises(UserError, match="not of the form COLUMN=HEADING"):
            estimator.columns_of([wrong])


def test_what_was_learned_is_told_in_chinese(simulator, file, tmp_path):
    """Terminal and page are Chinese, whatever the headings; the layer and the tables stay as they are in English."""
    out, asked = tmp_path / "out", ("--scenario", SCENARIO, *ASKED, *SMALL, "--language", "zh", "--out")
    code, said, err = simulator("learn", file("组,客群,月份,户数,发生数\n" + ROWS), *asked, out)
    assert code == 0, err
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in (said, page):
        assert "本次试验使 policy.remind.strength 由 0.09（" in text and "按中文表头识别了以下列" in text
    source = load_scenario(SCENARIO).provenance["policy.remind.strength"].source  # as its author wrote it
    words = re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", page.partition('class="manifest"')[0], flags=re.DOTALL)
    assert not ENGLISH_RUN.search(words.replace(source, ""))
    assert "learned from trial.csv: arm sms against none" in (out / "effects.toml").read_text(encoding="utf-8")
    replay = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["replay"]
    assert replay.endswith("--language zh")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            HEAD + ROWS.replace("318", "6318"),
            "trial.csv: row 2, successes: found '6318'; allowed: a whole number, 0 to n",
        ),
        (HEAD + ROWS.replace("none", "nones"), "--control: none: trial.csv has no such arm; did you mean nones?"),
        (
            HEAD + "none,a,1,10,2\n",
            "trial.csv: arm: only the control; a row of another arm for every one of the control",
        ),
        (
            HEAD + ROWS + "sms,salaried,2026-01,5,1\n",
            "row 5: arm sms, segment salaried, month 2026-01 stands there twice",
        ),
        (HEAD + ROWS + "call,salaried,2026-01,5,1\n", "--arm: trial.csv has 2 beside the control; allowed: sms, call"),
        (HEAD + ROWS + "sms,others,2026-01,5,1\n", "segment others, month 2026-01: no row of arm none"),
        (HEAD + ROWS.replace("3000", "0"), "row 3, n: found '0'; allowed: a whole number, 1 or more"),
        ("arms,n,successes\nnone,10,1\n", "trial.csv: arm: no such column; did you mean arms?"),
        ("arm,n,successes\n", "no rows"),
        (HEAD + "none,a,1,10,0\nsms,a,1,10,0\n", "successes: of none or of all accounts of an arm"),
    ],
)
def test_wrong_trials_are_refused(file, text, said, monkeypatch):
    """Each thing that is wrong with a file is said with its place."""
    path = file(text)
    monkeypatch.chdir(path.parent)

    assert said in told(path.relative_to(path.parent))


def test_a_wrong_question_is_refused_whole(simulator, file, tmp_path):
    """Setting, prior and file are checked together; nothing is written."""
    asked = ("--effect", "policy.remind.strenght", "--counts", "day1_rate", "--prior", "best")
    code, _, err = simulator("learn", file(HEAD + ROWS), "--scenario", SCENARIO, *asked, "--out", tmp_path / "out")

    assert code == 2 and not (tmp_path / "out").exists()
    assert "--effect: policy.remind.strenght: no number of a policy of this scenario; did you mean policy.remind" in err
    assert "--prior: best" in err and "--control: control" in err
    assert len(err.splitlines()) == 3


def test_the_command_writes_a_layer_whose_range_is_doubt(simulator, file, tmp_path):
    """The page begins with what the trial moved; the layer gives the setting a range; the replay gives the same."""
    out, again = tmp_path / "out", tmp_path / "again"
    code, said, err = simulator("learn", file(HEAD + ROWS), "--scenario", SCENARIO, *ASKED, *SMALL, "--out", out)
    assert code == 0, err
    names = {
        "effects.toml",
        "manifest.json",
        "next_trial.csv",
        "posterior.csv",
        "report.html",
        "response.csv",
        "scenario.toml",
    }
    mine = tmp_path / "mine.toml"
    mine.write_text(f'extends = ["{SCENARIO}", "out/effects.toml"]\n', encoding="utf-8")
    scenario = load_scenario(mine)
    found = next(one for one in doubts(scenario)[0] if one.key == "policy.remind.strength")
    rows = list(csv.DictReader((out / "posterior.csv").read_text(encoding="utf-8").splitlines()))
    before, after = (tuple(float(row[name]) for name in ("median", "low", "high")) for row in rows[:2])
    page = (out / "report.html").read_text(encoding="utf-8")
    manifest = tomllib.loads((out / "effects.toml").read_text(encoding="utf-8"))["policy"]["remind"]["strength"]

    assert {each.name for each in out.iterdir()} == names
    assert said.partition("Your trial moved policy.remind.strength from 0.09 (")[1]
    assert "Your trial moved policy.remind.strength from" in page
    assert (found.value, found.low, found.high) == (manifest["value"], *manifest["range"])
    assert after[2] - after[1] < before[2] - before[1]
    assert manifest["range"] == [pytest.approx(after[1], rel=1e-3), pytest.approx(after[2], rel=1e-3)]

    replay = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["replay"]
    words = shlex.split(replay)
    code, _, err = simulator(*words[1:], "--out", again)
    assert code == 0, err
    assert (again / "posterior.csv").read_bytes() == (out / "posterior.csv").read_bytes()


def test_two_trials_in_turn_are_nearly_one():
    """What is learned from one trial, carried as median and range into the next, is what both together teach."""
    before = trials.known(kind="flat")  # without wide tails

    def after(known, total, n):
        seen = pooling.evidence(trials.one_cell(n, total))
        return estimator.posterior(known, trials.effect(known.x), 0.0, seen).interval

    carried = trials.known(*after(before, [400, 340], 5000))
    own = Prior(carried.doubt, f"{LEARNED}first.csv", "scenario")
    together = after(before, [820, 640], 10_000)

    assert after(own, [420, 300], 5000) == pytest.approx(together, abs=0.02)
    assert own.weight.max() > carried.weight.max()  # what others found has wide tails, one's own trial has not


def test_what_is_known_is_the_range_else_published_else_nothing(tmp_path):
    """A range in the file is what is known; without one it is that of publications; of other settings anything."""
    settings = "[policy.remind]\nstrength = 0.1\n[policy.plan]\naccepted = 0.3\n"
    mine = tmp_path / "mine.toml"
    mine.write_text(f'extends = "{ROOT}/scenarios/hardship.toml"\n{settings}', encoding="utf-8")
    with_range, without = (Experiment(load_scenario(path), ()) for path in (SCENARIO, mine))
    strength = "policy.remind.strength"

    assert prior(with_range, strength, None).kind == "scenario"
    assert prior(without, strength, None).kind == prior(with_range, strength, "published").kind == "published"
    assert "S71" in prior(without, strength, None).source
    assert prior(without, "policy.plan.accepted", None).kind == "flat"
    with pytest.raises(UserError, match="--prior: scenario: nothing of that kind is known of this setting"):
        prior(without, strength, "scenario")


def test_published_trials_lie_in_their_ranges():
    """Every prior has a source, and its value in its range."""
    assert published()
    for one in published():
        low, high = one["range"]
        assert low <= one["value"] <= high and one["source"]
