"""Backtests: the Taiwan accounts forecast out of time, leaks that are caught, input that is refused."""

import csv
import io
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import ROOT
from panels import chain, panel, uniform
from simulator.estimation.backtest import boosting
from simulator.estimation.backtest import report as backtest_report
from simulator.estimation.backtest.estimator import Backtest
from simulator.estimation.backtest.forecasts import FORECASTERS, OURS, Method, scrambled
from simulator.estimation.backtest.scores import brier
from simulator.estimation.backtest.scoring import LeakError, realised, score
from simulator.estimation.panels.panel import Panel, PanelState
from simulator.estimation.panels.reader import read_panel
from simulator.estimation.roll_rates.forecast import SOURCES, prior_correlation
from simulator.model.errors import UserError
from simulator.report.finding import Command

STATES = (PanelState("current", 0), PanelState("late", 1), PanelState("lost", "written_off"))
MATRIX = np.array([[0.9, 0.1, 0.0], [0.3, 0.5, 0.2], [0.0, 0.0, 1.0]])
TAIWAN = "taiwan_cards_2005_apr_jul.csv.gz"


def backtest(panel, fit_until, **how):
    """Return how forecasts from the months up to `fit_until` came true."""
    return score(panel, Method(fit_until, **how).forecasts(panel))


def lived(accounts=400, months=7):
    """Return a panel of accounts with limits, balances and payments, some of them written off."""
    state = chain(MATRIX, accounts, months, seed=5)
    balance = np.round(1e4 * uniform(5, 90, accounts, months))
    balance[state == 2] = np.nan
    return panel(state, STATES, balance=balance, limit=2e4, payment=np.round(1e3 * uniform(5, 91, accounts, months)))


@cache
def _taiwan(path):
    return backtest(read_panel(path, ROOT / "scenarios" / "maps" / "taiwan_cards.toml"), "2005-06")


@pytest.fixture
def taiwan(shared_file):
    """Return the backtest of the Taiwan accounts, fitted on April to June 2005; it is made once."""
    return _taiwan(shared_file(TAIWAN))


@pytest.mark.parametrize("score", ["Brier", "CRPS"])
@pytest.mark.parametrize("peer", ["last value", "plain matrix"])
def test_the_account_model_beats_simple_forecasts(taiwan, score, peer):
    """Over 30,000 accounts next state and utilisation are forecast better: the whole 95 % interval is below 0."""
    found = taiwan.score(peer, score)

    assert found.accounts == 30_000
    assert found.less.high < 0


def test_july_is_forecast_as_well_as_was_found(taiwan):
    """Squared error, log loss and how late accounts are ranked are no worse than docs/calibration.md says."""
    assert taiwan.score(OURS, "Brier").value < 0.2770
    assert taiwan.score(OURS, "log loss").value < 0.542
    assert taiwan.score(OURS, "AUC of 30+").value > 0.872
    assert taiwan.score(OURS, "AUC of newly 30+").value > 0.709


@pytest.mark.parametrize("score", ["Brier", "CRPS"])
def test_the_account_model_is_not_worse_than_regression(taiwan, score):
    """Its mean score is at most one bootstrap standard error above that of regressions on account features."""
    less = taiwan.score("regression", score).less

    assert less.value <= less.se


def test_last_value_with_spread_is_beaten_too(taiwan):
    """The gain in utilisation is more than a spread around last value: that forecast is beaten as well."""
    assert taiwan.score("last value with spread", "CRPS").less.high < 0


def test_july_is_inside_the_fan_and_the_fan_needs_the_factor(taiwan):
    """The 30+ share of July lies in the 90 % fan; the variation of accounts alone would not have reached it."""
    o = taiwan.outlook("dpd30_share")

    assert o.actual == 4213 / 30_000
    assert o.inside
    assert o.quantiles[SOURCES.index("accounts")][-1] < o.actual
    assert np.isfinite(o.crps)


def test_probabilities_of_30_plus_mean_what_they_say(taiwan):
    """Accounts in bands of forecast probability were 30+ as often, within 5 points: July was worse than the window."""
    found = next(r for r in taiwan.reliability if r.forecaster == OURS)
    enough = found.accounts > 100

    assert enough.sum() > 8
    assert np.abs(found.happened - found.forecast)[enough].max() < 0.06
    assert found.accounts.sum() == 30_000


def test_the_window_is_all_that_counts():
    """Bit for bit the same forecasts from a panel whose later months are scrambled: the digest agrees."""
    whole = lived()
    one, other = (backtest(p, "2005-08", draws=20) for p in (whole, scrambled(whole, "2005-08")))

    assert one.facts["forecast_digest"] == other.facts["forecast_digest"]
    assert one.scores != other.scores


def test_scrambling_changes_everything_later_and_nothing_before():
    """All arrays by month differ after the window, in every total too, and are the same in it."""
    whole = lived()
    found = scrambled(whole, "2005-08")

    for name in ("state", "bucket", "balance", "limit", "payment"):
        old, new = getattr(whole, name), getattr(found, name)
        assert np.array_equal(old[:, :5], new[:, :5], equal_nan=True)
        assert (np.nansum(old[:, 5:], axis=0) != np.nansum(new[:, 5:], axis=0)).all()


honest = Panel.until


def one_month_more(self, month):
    """A window that ends a month late."""
    return honest(self, self.months[self.months.index(month) + 1])


def payments_of_next_month(self, month):
    """The mistake of reading a bill's payment beside the bill: it comes a month later."""
    cut = honest(self, month)
    return replace(cut, payment=self.payment[:, 1 : len(cut.months) + 1].copy())


def total_of_next_month(self, month):
    """Only one number of the later month: its total balance, as a scale."""
    cut = honest(self, month)
    end = len(cut.months)
    return replace(cut, balance=cut.balance * (np.nansum(self.balance[:, end]) / np.nansum(self.balance[:, end - 1])))


def accounts_that_are_there_next_month(self, month):
    """Survivors only: accounts without a later row are left out of the window."""
    cut = honest(self, month)
    stays = self.state[:, len(cut.months)] == 0
    return replace(cut, state=np.where(stays[:, None], cut.state, -1).astype(np.int8))


@pytest.mark.parametrize(
    "leak", [one_month_more, payments_of_next_month, total_of_next_month, accounts_that_are_there_next_month]
)
def test_a_planted_leak_is_caught(monkeypatch, leak):
    """A window that lets anything of a later month through ends the backtest; it is a bug, not wrong input."""
    monkeypatch.setattr(Panel, "until", leak)

    with pytest.raises(LeakError, match="change with the months after"):
        backtest(lived(), "2005-08", draws=20)


def test_a_fit_that_sees_the_window_only_is_not_accused():
    """Negative control: the same planting place with an honest cut passes, twice with the same digest."""
    digests = {backtest(lived(), "2005-08", draws=20).facts["forecast_digest"] for _ in range(2)}

    assert len(digests) == 1


@pytest.mark.parametrize(
    ("until", "says"),
    [
        ("2004-01", "is not a month of the tape; it has 2005-04 to 2005-10"),
        ("april", "is not a month of the tape"),
        ("2005-10", "is the last month of the tape"),
        ("2005-05", "1 pairs of months with accounts in both until 2005-05; a fit needs 2"),
    ],
)
def test_a_month_that_cannot_be_is_refused(until, says):
    """A month outside the tape, its last one, or too early a one is the user's error, and says what would do."""
    with pytest.raises(UserError, match=says):
        backtest(lived(), until)


def test_a_month_before_a_gap_is_refused():
    """Where no account has a row in the next month nothing can be scored."""
    whole = lived()
    state = whole.state.copy()
    state[:, 5] = -1

    with pytest.raises(UserError, match="no account stands in 2005-08 and in the month after it"):
        backtest(replace(whole, state=state), "2005-08")


def test_every_later_month_has_its_fan():
    """With two months to forecast there are two outlooks of each measure; the account model speaks of the first."""
    found = backtest(lived(), "2005-08", draws=50)
    late = [o for o in found.outlooks if o.measure == "dpd30_share"]

    assert [o.month for o in late] == ["2005-09", "2005-10"]
    assert np.isfinite(late[0].account_model) and np.isnan(late[1].account_model)
    assert found.facts["pairs_fitted"] == 4


def test_who_left_stays_left_and_who_vanished_is_not_scored():
    """An exit is carried on; an account without a row is forecast, counted, and in no score."""
    whole = panel(
        [
            ["current", "current", "current", "lost", ""],
            ["current", "late", "current", "", ""],
            ["current", "current", "late", "late", "current"],
            ["", "", "", "current", "late"],
        ],
        STATES,
        balance=100.0,
        limit=200.0,
        payment=0.0,
    )
    accounts = np.array([0, 1, 2])
    came = realised(whole, "2005-06", accounts)
    found = backtest(whole, "2005-06", draws=20)

    assert came.state.tolist() == [[2, 2], [-1, -1], [1, 0]]
    assert np.isnan(came.utilisation).tolist() == [True, True, False]
    assert found.facts["accounts_forecast"] == 3
    assert found.facts["accounts_without_next_month"] == 1
    assert found.score(OURS, "Brier").accounts == 2
    assert found.outlook("dpd30_share").actual == 1.0  # one open account with a row, and it is late


def test_more_accounts_at_a_time_change_nothing(monkeypatch):
    """Forecasts by account do not depend on how many are taken at once (regressions: but for rounding)."""
    one = backtest(lived(), "2005-08", draws=5)
    monkeypatch.setattr("simulator.estimation.backtest.forecasts.CHUNK", 7)
    other = backtest(lived(), "2005-08", draws=5)

    assert other.score(OURS, "Brier") == one.score(OURS, "Brier")
    assert [s.value for s in other.scores] == pytest.approx([s.value for s in one.scores])


def test_without_limits_states_are_still_scored():
    """A tape without balances has no score of utilisation, no fan of the balance, and everything else."""
    bare = replace(lived(), **{name: np.full((400, 7), np.nan) for name in ("balance", "limit", "payment")})
    found = backtest(bare, "2005-08", draws=20)

    assert {s.target for s in found.scores} == {"next state"}
    assert "balance" not in {o.measure for o in found.outlooks}
    assert "<svg" in backtest_report.page(found, bare, {})


def test_a_forecaster_of_ones_own_can_be_added():
    """Any callable that is fitted on the window's sample is scored beside the others."""
    mine = {**FORECASTERS, "mine": FORECASTERS["plain matrix"]}
    found = backtest(lived(), "2005-08", forecasters=mine, draws=5)

    assert found.score("mine", "Brier").value == found.score("plain matrix", "Brier").value


@pytest.mark.parametrize("there", [True, False])
def test_boosting_that_is_not_installed_is_said(monkeypatch, there):
    """Without scikit-learn a plain sentence stands where the answers are, and all else is made."""
    monkeypatch.setattr(boosting, "is_there", lambda: there)
    found = backtest(lived(), "2005-08", forecasters=FORECASTERS, draws=5)

    assert (boosting.MISSING in backtest_report.answers(found)) is not there


def test_boosting_speaks_of_states_only():
    """Where it is installed it is a peer by default; utilisation is scored of the others, on the same accounts."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install -e '.[boosting]'")
    found = backtest(lived(), "2005-08", draws=5)

    assert np.isfinite(found.score("boosting", "Brier").value)
    assert {s.forecaster for s in found.scores if s.target == "utilisation"} == {*FORECASTERS}
    assert found.score(OURS, "CRPS").accounts > 0


def test_forecasts_are_made_for_accounts_open_at_the_end():
    """Written-off accounts and accounts without a row in the last month of the window are not forecast."""
    whole = lived()
    made = Method("2005-08", prior_correlation, {}, 5, 1).forecasts(whole)

    assert np.array_equal(made.accounts, np.flatnonzero(whole.state[:, 4] < 2))


def test_the_files_say_the_same(tmp_path):
    """JSON without NaN, tables with one line for each figure, a page with both pictures and the answer first."""
    rows = {"rows_read": 1000, "rows_used": 900, "left_out": {"status Q, which the mapping leaves out": 100}}
    whole = replace(lived(), minor_units=100, facts=rows)
    found = backtest(whole, "2005-08", draws=50)
    Backtest(Command(("backtest",)), whole, found).save(tmp_path)

    said = json.loads((tmp_path / "backtest.json").read_text(), parse_constant=pytest.fail)
    scores = list(csv.DictReader(io.StringIO((tmp_path / "scores.csv").read_text())))
    fan = list(csv.DictReader(io.StringIO((tmp_path / "fan.csv").read_text())))
    page = (tmp_path / "report.html").read_text()
    assert said["accounts"]["Brier"][OURS]["value"] == found.score(OURS, "Brier").value
    assert len(scores) == len(found.scores)
    assert len(fan) == len(found.outlooks) * len(SOURCES)
    balance = next(row for row in fan if row["measure"] == "balance")
    assert float(balance["actual"]) == pytest.approx(found.outlook("balance").actual / 100)  # units, not minor units
    assert said["coverage_90"]["dpd30_share"]["months"] == said["coverage_50"]["dpd30_share"]["months"] == 2
    accounts = pq.read_table(tmp_path / "accounts.parquet").to_pydict()
    chance = np.array([accounts[f"probability of {state.name}"] for state in STATES]).T
    assert accounts["account_id"] == whole.account_id[found.by_account.accounts].tolist()
    assert accounts["state"] == [STATES[s].name for s in whole.state[found.by_account.accounts, 4]]
    assert np.array_equal(chance, found.by_account.chance) and chance.sum(axis=1) == pytest.approx(1)
    came = whole.state[found.by_account.accounts, 5].astype(int)
    assert brier(chance, came).mean() == pytest.approx(found.score(OURS, "Brier").value)
    assert page.count("<figure") == 2 and page.index("verdict") < page.index("<figure")
    line = "900 of 1,000 rows used; left out: 100 rows: status Q, which the mapping leaves out."
    assert (said["used"], said["cautions"]) == (line, [f"10% of the rows are left out. {line}"])
    assert line in page and page.index(f"<b>{said['cautions'][0]}</b>") < page.index('class="verdict"')
