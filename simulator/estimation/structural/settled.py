"""What people are who have held a line for years, as those of a tape have: their cash, their jobs, who is left.

A tape tells of none. People of the scenario are drawn as new borrowers are, and live until their buffers have settled.
Those who are then on time have the buffers and jobs that holders of accounts on time begin with; and of each class of
quality so many are left as then still have a line.
"""

from copy import deepcopy
from typing import NamedTuple

import numpy as np

from simulator.analysis.tie import at_factor_0
from simulator.engine import engine
from simulator.engine.trajectories import Trajectories
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.histories import LINE_COLUMNS
from simulator.lowering.lower import lower
from simulator.model import layout
from simulator.model.layout import EMPLOYED, INCOME, LANES, LIQUIDITY, QUALITIES, QUALITY
from simulator.model.observer import SILENT, Observer, compiling

MONTHS = 36
PEOPLE = 8 * LANES  # of all segments together
LEAN = 1.0  # people of a class that are left whatever comes; assumption
AT = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
SAID = {"source": f"of people on time after {MONTHS} months of this scenario", "status": "derived"}


class Settled(NamedTuple):
    """A scenario whose people have lived for MONTHS."""

    document: dict  # with the buffers and jobs that they have then
    left: np.ndarray  # float64[segment, class of quality]: share of people who still have a line


def settled(document: dict, observer: Observer = SILENT) -> Settled:
    """Return the scenario of the document with people who have lived in it, and who of them is left."""
    settings = at_factor_0(settings_of(document, ""), MONTHS, 1)
    book = settings.portfolio.model_copy(update={"tape": "", "mapping": "", "borrowers": PEOPLE})
    world = lower(settings.model_copy(update={"portfolio": book}))
    engine.prepare(world, compiling(observer))
    lives = Trajectories(world.tables, world.levers, world.tiles, world.tape, range(1), MONTHS)
    lives.advance_to(0)
    state = lives.advance_to(MONTHS)[0]
    people = np.arange(LANES) < world.tiles[:, layout.K_COUNT, None]
    is_open = (state[:, LINE_COLUMNS["STATUS"]] <= layout.FROZEN) & (state[:, LINE_COLUMNS["STATUS"]] >= layout.ACTIVE)
    left = np.ones((len(world.segments), QUALITIES))
    here = people & is_open & (state[:, LINE_COLUMNS["BUCKET"]] == 0)
    found = deepcopy(document)
    for g, name in enumerate(world.segments):
        of_segment = world.tiles[:, layout.K_SEGMENT, None] == g
        classes = [state[:, QUALITY][people & of_segment & some] for some in (is_open, np.ones_like(is_open))]
        stay, all_there = (np.bincount(of, minlength=QUALITIES) for of in classes)
        left[g] = (stay + LEAN) / (all_there + LEAN)
        own = here & of_segment
        if not own.any():
            continue
        income, buffer = state[:, INCOME][own], state[:, LIQUIDITY][own]
        quantiles = np.quantile(np.maximum(buffer, 0) / np.maximum(income, 1), AT).round(4).tolist()
        segment = found["segment"][name]
        segment["buffer"] = {"distribution": "quantiles", "at": list(AT), "value": quantiles, **SAID}
        segment["unemployed"] = {"value": round(float((state[:, EMPLOYED][own] == 0).mean()), 4), **SAID}
    return Settled(found, left)
