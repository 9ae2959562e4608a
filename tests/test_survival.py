"""Vintage curves: textbook answers, closed forms, exits that compete, accounts that enter late."""

import numpy as np
import pytest

import panels
from simulator.estimation.panels.panel import PanelState
from simulator.estimation.roll_rates import survival as of
from simulator.estimation.roll_rates.phrasing import vintage_words

STATES = (
    PanelState("fine", 0),
    PanelState("late", 1),
    PanelState("worse", 3),
    PanelState("lost", "written_off"),
    PanelState("out", "paid_off"),
)


def lives(seed, accounts, months, hazards, late_entry=0):
    """Return (entry, end, cause) under constant monthly hazards of causes 1 and 2, watched up to `months`."""
    luck = panels.uniform(seed, 1, accounts, months)
    cause = np.where(luck < hazards[0], 1, np.where(luck < sum(hazards), 2, 0))
    hit = (cause > 0).any(axis=1)
    at = np.where(hit, (cause > 0).argmax(axis=1), months - 1)
    entry = (panels.uniform(seed, 2, accounts) * (late_entry + 1)).astype(int)
    there = at + 1 > entry
    return entry[there], (at + 1)[there], cause[np.arange(accounts), at][there]


def test_kaplan_meier_gives_the_published_answer():
    """Remission times under 6-MP (Freireich and others 1963): survival and Greenwood's errors as textbooks print."""
    time = [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    curve = of.kaplan_meier(np.zeros(21, dtype=int), time, np.arange(21) < 9)
    at = [6, 7, 10, 13, 16, 22, 23]

    assert np.round(1 - curve.share[at], 3).tolist() == [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    assert np.round(curve.se[at], 3).tolist() == [0.076, 0.087, 0.096, 0.107, 0.114, 0.128, 0.135]
    assert curve.at_risk[at].tolist() == [21, 17, 15, 12, 11, 7, 6]


def test_one_cause_makes_aalen_johansen_kaplan_meier():
    """Share and standard error are the same when nothing competes."""
    entry, end, cause = lives(4, 500, 12, (0.1, 0.0), late_entry=4)
    one, two = of.kaplan_meier(entry, end, cause == 1), of.aalen_johansen(entry, end, cause)

    assert two.share == pytest.approx(one.share, abs=1e-14)
    assert two.se == pytest.approx(one.se, abs=1e-14)


def test_without_censoring_the_incidence_is_the_share_and_its_error_the_binomial_one():
    """Everybody watched to the end: counts over accounts, sqrt(p(1-p)/n), and the causes sum to Kaplan-Meier's."""
    entry, end, cause = lives(9, 400, 10, (0.08, 0.05))
    lost, out = of.aalen_johansen(entry, end, cause, 1), of.aalen_johansen(entry, end, cause, 2)
    share = np.array([((end <= age) & (cause == 1)).mean() for age in range(11)])

    assert lost.share == pytest.approx(share, abs=1e-14)
    assert lost.se == pytest.approx(np.sqrt(share * (1 - share) / 400), abs=1e-12)
    assert lost.share + out.share == pytest.approx(of.kaplan_meier(entry, end, cause > 0).share, abs=1e-14)


def test_aalen_johansen_finds_one_half():
    """REFERENCES R6: P(0->1) = .5. Two exits of equal hazard; late entry and the end of the tape do not bend it."""
    entry, end, cause = lives(6, 20_000, 60, (0.1, 0.1), late_entry=6)
    curve = of.aalen_johansen(entry, end, cause)

    assert abs(curve.share[-1] - 0.5) < 3 * curve.se[-1]
    assert 0.002 < curve.se[-1] < 0.006


def test_intervals_cover_at_their_rate_and_those_of_naive_counting_do_not():
    """Over 200 worlds with late entry, 90 % intervals hold the closed form; event counts over accounts are biased."""
    hazards, covered, naive = (0.05, 0.03), [], []
    truth = hazards[0] / sum(hazards) * (1 - (1 - sum(hazards)) ** 12)
    for seed in range(200):
        entry, end, cause = lives(seed, 400, 12, hazards, late_entry=8)
        curve = of.aalen_johansen(entry, end, cause)
        covered.append(curve.low[12] <= truth <= curve.high[12])
        naive.append((cause == 1).mean())

    assert 0.85 < np.mean(covered) < 0.95
    assert truth - np.mean(naive) > 0.05


def test_spells_of_a_tape_whose_accounts_all_start_with_it():
    """Ages count from the tape's first month and are not called so; a gap ends the watch; what was there is out."""
    panel = panels.panel(
        [
            ["fine", "fine", "late", "worse"],  # happens in month 2
            ["late", "fine", "fine", "fine"],  # in the event when first seen
            ["fine", "", "late", "late"],  # unwatched: the gap hides what happened
            ["fine", "out", "out", ""],  # paid off in month 1
            ["fine", "fine", "", "late"],  # watched for one month
            ["lost", "lost", "lost", "lost"],
            ["fine", "fine", "fine", "lost"],  # written off counts as 30+
        ],
        STATES,
    )
    found = of.spells(panel, "30+")

    assert found.entry.tolist() == [0, 0, 0, 0]
    assert found.end.tolist() == [2, 1, 1, 3]
    assert found.cause.tolist() == [of.HAPPENED, of.COMPETING, of.CENSORED, of.HAPPENED]
    assert (found.already, found.unwatched, found.aged, found.unknown) == (2, 1, False, 0)
    assert "no vintage curve" in " ".join(vintage_words(of.vintage(panel, "30+")))


def test_spells_of_new_accounts_leave_those_of_unknown_age_out():
    """Where some accounts first appear later they count as opened then; the others are left out and counted."""
    panel = panels.panel([["fine", "fine", "worse"], ["", "fine", "worse"], ["", "fine", "out"]], STATES)
    found = of.spells(panel, "90+")

    assert (found.end.tolist(), found.cause.tolist()) == ([1, 1], [of.HAPPENED, of.COMPETING])
    assert (found.aged, found.unknown) == (True, 1)
    assert "1 accounts were there before the tape" in " ".join(vintage_words(of.vintage(panel, "90+")))


def test_known_openings_enter_late():
    """Opened five months before the tape: at risk from age 5 on, and the curve starts there."""
    panel = panels.panel([["fine", "fine", "lost"], ["fine", "fine", "fine"]], STATES)
    found = of.vintage(panel, "written_off", opened=[-5, 0])

    assert (found.spells.entry.tolist(), found.spells.end.tolist()) == ([5, 0], [7, 2])
    assert found.kaplan_meier.at_risk.tolist() == [0, 1, 1, 0, 0, 0, 1, 1]
    assert found.kaplan_meier.share.tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_an_account_is_open_when_it_is_seen():
    """An opening after the first row is taken to be at that row: no one is at risk at a negative age."""
    panel = panels.panel([["fine", "fine", "lost"]], STATES)

    assert of.spells(panel, "written_off", opened=[2])[:2] == (0, 2)


def test_an_unknown_event_is_refused():
    """The events there are, are named."""
    with pytest.raises(ValueError, match=r"30\+, 90\+, written_off"):
        of.spells(panels.panel([["fine"]], STATES), "60+")
