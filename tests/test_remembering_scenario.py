"""A scenario that remembers: it starts from each account's past, and its mean is the chain of the rows."""

import numpy as np
import pytest

import panels
import simulator as sim
from simulator.estimation.roll_rates.choice import remembered
from simulator.estimation.roll_rates.factor import panel_factor
from simulator.estimation.roll_rates.forecast import SOURCES, fan, posterior_correlation, window
from simulator.estimation.roll_rates.rows import book_rows, expected, within_rows
from simulator.estimation.roll_rates.states_ahead import states_ahead
from simulator.lowering.lower import lower
from simulator.run import read_book
from simulator.scenario.reader import load_scenario

pytest.importorskip("benchmarks", reason="start pytest as `python -m pytest`")
from benchmarks.remembering import STATES, book, lasting, late_ahead, lived, memoryless

MAPPING = """currency = "CNY"
[columns]
account_id = "account"
month = "month"
balance = "owed"
limit = "limit"
payment = "paid"
status = "status"
[status]
0 = { bucket = 0 }
1 = { bucket = 1 }
2 = { bucket = 2 }
3 = { bucket = 3, state = "90+" }
4 = { account = "written_off" }
"""


def write(folder, panel):
    """Write the tape and mapping of a panel; return their paths."""
    rows = ["account,month,owed,limit,paid,status"]
    for account, states in enumerate(panel.state):
        for m, (month, state) in enumerate(zip(panel.months, states.tolist(), strict=True)):
            if m and states[m - 1] == 4:
                break
            rows.append(f"{account},{month},{0 if state == 4 else 500},2000,{10 * (state == 0)},{state}")
    (folder / "tape.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
    return folder / "tape.csv", folder / "map.toml"


def late(accounts):
    """Return the share 30+ of open accounts in [..., state]."""
    return accounts[..., 1:4].sum(axis=-1) / accounts[..., :4].sum(axis=-1)


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """Return the folder and the calibration of a book whose hazards fall."""
    folder = tmp_path_factory.mktemp("remembering")
    done = sim.calibrate(*write(folder, book(lasting(rho=0), 1, 2500, 18)))
    done.save(folder / "out")
    return folder / "out", done


def test_the_simulated_book_is_the_chain_of_its_rows(calibrated):
    """A year ahead without a factor, each state's mean share is that of the powers of the rows, within 4 errors.

    The powers of the matrix alone are 10 errors off and more: a control.
    """
    folder, done = calibrated
    loaded = load_scenario(folder / "scenario.toml", {"economy.factor.enabled": False}, replications=40)
    world = lower(loaded.baseline, read_book(loaded).tape, False)
    counts = states_ahead(world, 12).counts[:, 0, 0, :4]
    estimates = done.estimates
    powers, plain = (expected(estimates.moving, pasts, 12)[-1, :4] for pasts in (estimates.remembered, {}))
    error = counts.std(axis=0, ddof=1) / np.sqrt(len(counts))

    assert (np.abs(counts.mean(axis=0) - powers) < 4 * error).all()
    assert (np.abs(counts.mean(axis=0) - plain) / error).max() > 10


def test_the_folder_says_what_is_remembered(calibrated):
    """The page begins with it; the book has a past for each account, and the old mapping still reads the tape."""
    folder, done = calibrated
    import pyarrow.parquet as pq

    start = pq.read_table(folder / "book.parquet")
    memory = load_scenario(folder / "scenario.toml").baseline.behaviour.roll_rates.line.memory

    assert "The book remembers" in done.answers[1] and "The book remembers" in done.report
    assert {entry.state for entry in memory} >= {"current"}
    assert start.column("months_in_state").to_pylist()[0] >= 1
    assert set(start.column("month").to_pylist()) == {done.panel.months[-1]}
    assert "months_in_state" not in (folder / "mapping.toml").read_text()
    assert all((folder / name).exists() for name in ("memory.csv", "rows.csv", "book.toml"))
    assert not (folder / "gone.csv").exists()
    assert {level.name for level in done.levels.levels if level.inside} >= {"dpd30_share", "dpd90_share"}


def test_a_book_without_memory_is_calibrated_as_before(tmp_path):
    """Nothing is chosen: no book, no rows, no word on the page, a scenario from the tape itself."""
    done = sim.calibrate(*write(tmp_path, book(memoryless(), 2, 800, 6, before=12)))
    done.save(tmp_path / "out")

    assert not (tmp_path / "out" / "book.parquet").exists() and not (tmp_path / "out" / "rows.csv").exists()
    assert "remembers" not in done.report and "[[behaviour" not in done.scenario
    assert done.factor is done.rolls.factor


def test_a_year_ahead_is_right_where_the_matrix_is_off():
    """Hazards fall, 24 months, six books: the chain with memory is within 5 % of what is to come, on average.

    The plain matrix is off by a fifth to two fifths of it.
    """
    off = []
    for seed in range(6):
        state, stay = lived(lasting(rho=0), seed, 10_000, 24)
        panel, came = panels.panel(state, STATES), late_ahead(lasting(rho=0), state[:, -1].astype(int), stay, 12)
        off.append([late(expected(panel, pasts, 12)[-1]) / came - 1 for pasts in (remembered(panel), {})])
    with_memory, plain = np.mean(off, axis=0)

    assert abs(with_memory) < 0.05
    assert 0.2 < plain < 0.45


def test_the_fan_goes_by_the_rows():
    """Draws without a factor have the powers of the rows as their mean, and all accounts of the start in each month."""
    panel = book(lasting(rho=0), 3, 5000, 18)
    pasts = remembered(panel)
    fitted = window(panel, pasts)
    found = fan(
        fitted,
        ("2002-01", "2002-02", "2002-03"),
        posterior_correlation(panel_factor(panel, remembered=pasts), fitted.rows.cell_state.shape[1]),
        400,
        1,
        SOURCES[:1],
    ).accounts[0]
    powers = expected(panel, pasts, 3)

    assert len(fitted.rows.state[0]) > 4
    assert (found.sum(axis=-1) == fitted.rows.start.sum()).all()
    assert late(found.mean(axis=0)) == pytest.approx(late(powers), rel=0.02)


def test_a_book_that_needs_too_many_rows_forgets_its_least_state():
    """With room for fewer rows than are needed the state that gains least gives up its cells, and says why."""
    panel = book(lasting(rho=0), 1, 8000, 24)
    every = remembered(panel)
    needed = len(book_rows(panel, every)[0].state[0])
    fewer = within_rows(panel, every, needed)["line"]  # exits need rows too
    gains = {each.state: each.gain for each in every["line"].candidates if each.chosen}

    assert within_rows(panel, every) == every
    assert [of.name for of in every["line"].states if of.name not in [left.name for left in fewer.states]] == [
        min(gains, key=gains.get)
    ]
    assert f"more than {needed} rows with the other states" in [each.why_not for each in fewer.candidates]


def test_segments_have_rows_of_their_own():
    """Two segments that remember, one twice as bad: the cells are one product's, the rows each segment's."""
    panel = book(lasting(rho=0), 4, 12_000, 12)
    bad = lasting(rho=0)
    bad.chance[0, :, 1] *= 2
    bad.chance[0, :, 0] = 1 - bad.chance[0, :, 1:].sum(axis=1)
    worse = book(bad, 5, 12_000, 12)
    both = panels.panel(np.concatenate([panel.state, worse.state]), STATES, segment=np.repeat([0, 1], 12_000))
    found = remembered(both)["line"]
    current = next(of for of in found.states if of.state == 0)
    rows, place = book_rows(both, {"line": found})

    assert current.chance[1, :, 1] == pytest.approx(2 * current.chance[0, :, 1], rel=0.2)
    assert [int((own >= 0).sum()) for own in place] == rows.start.sum(axis=1).tolist()
