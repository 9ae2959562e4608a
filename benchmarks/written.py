"""Folders that the program itself has written, to be made wrong: a run, a calibration that remembers, a trial learned.

They are small, and made once for a process.
"""

import csv
import io
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

import simulator as sim
from simulator.estimation.workflows import learn

from . import records, strange
from .remembering import book, lasting

ACCOUNTS = 60  # of the book that a mutated scenario starts from
RUN, CALIBRATION, TRIAL = "run", "calibration", "trial"
_KINDS = (  # people of two kinds, beside the rows that the calibration has found
    {"name": "calm", "counts": [[95, 5, 0, 0, 0], [60, 10, 30, 0, 0], [20, 0, 20, 60, 0], [5, 0, 0, 75, 20]]},
    {"name": "often late", "counts": [[75, 25, 0, 0, 0], [40, 20, 40, 0, 0], [9, 0, 30, 61, 0], [2, 0, 0, 70, 28]]},
)


@cache
def folders() -> dict[str, dict[str, bytes]]:
    """Return {folder: {file: content}} of each."""
    with TemporaryDirectory() as place:
        above = Path(place)
        strange.write_right(above)
        _run(above)
        _calibration(above)
        _trial(above)
        return {
            name: {file.name: file.read_bytes() for file in sorted((above / name).iterdir())}
            for name in (RUN, CALIBRATION, TRIAL)
        }


def _run(above: Path) -> None:
    """Write the folder of a comparison of two variants."""
    scenario = sim.load_scenario(above / "decide.toml", ("run_off_months=2",), 30, 4, 3)
    sim.compare(scenario, threads=1).save(above / RUN, drawing=_undrawn())


def _undrawn():
    from simulator.report.drawing import Drawing

    return Drawing(processors=1)


def _calibration(above: Path) -> None:
    """Write what calibrating a book in which hazards fall with the stay gives: rows of memory, a book with its past."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    panel = book(lasting(rho=0), 1, 2500, 18)
    rows.writerow(["account", "month", "owed", "limit", "paid", "status"])
    for account, states in enumerate(panel.state.tolist()):
        for at, state in enumerate(states):
            if at and states[at - 1] == 4:
                break
            rows.writerow([account, panel.months[at], 500 * (state < 4), 2000, 10 * (state == 0), state])
    (above / "accounts.csv").write_text(text.getvalue(), encoding="utf-8")
    (above / "accounts.toml").write_text(records.STATES, encoding="utf-8")
    sim.calibrate(above / "accounts.csv", above / "accounts.toml").save(above / CALIBRATION)
    start = above / CALIBRATION / "book.parquet"
    pq.write_table(pq.read_table(start).slice(0, ACCOUNTS), start)


def _trial(above: Path) -> None:
    """Write what a trial of reminders taught, beside its scenario."""
    shape = records.SHAPES["trial"]()
    (above / "reminded.toml").write_text(shape.scenario, encoding="utf-8")
    (above / "trial.csv").write_text("\n".join(map(",".join, shape.rows)) + "\n", encoding="utf-8")
    loaded = sim.load_scenario(above / "reminded.toml", borrowers=2000, months=2, replications=4)
    learn(above / "trial.csv", loaded, "policy.remind.strength", "day1_rate").save(above / TRIAL)
    (above / TRIAL / "reminded.toml").write_text(shape.scenario, encoding="utf-8")
    both = 'extends = ["reminded.toml", "effects.toml"]\n[variant.off]\npolicy.remind.enabled = false\n'
    (above / TRIAL / "both.toml").write_text(both, encoding="utf-8")


def of_kinds(tree: dict) -> None:
    """Have the people of a calibrated scenario be of two kinds, and remember nothing else."""
    line = tree["behaviour"]["roll_rates"]["line"]
    line.pop("memory", None)
    line["kinds"] = [dict(kind) for kind in _KINDS]
