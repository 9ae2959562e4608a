"""Cash and jobs of people who have held a line for years, as those of a tape have, and new borrowers have not.

A tape tells of neither. People of the scenario are drawn with what new borrowers have, and live until their buffers
have settled; those who are then on time have the buffers and jobs that holders of accounts on time begin with.
"""

from copy import deepcopy

import numpy as np

from simulator.analysis.tie import at_factor_0
from simulator.engine import engine
from simulator.engine.trajectories import Trajectories
from simulator.estimation.structural.document import settings_of
from simulator.estimation.structural.histories import LINE_COLUMNS
from simulator.lowering.lower import lower
from simulator.model import layout
from simulator.model.layout import EMPLOYED, INCOME, LANES, LIQUIDITY
from simulator.model.observer import SILENT, Observer, compiling

MONTHS = 36
PEOPLE = 8 * LANES  # of all segments together
AT = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
SAID = {"source": f"of people on time after {MONTHS} months of this scenario", "status": "derived"}


def settled(document: dict, observer: Observer = SILENT) -> dict:
    """Return the document with the buffers and jobs that its people have after MONTHS."""
    settings = at_factor_0(settings_of(document, ""), MONTHS, 1)
    book = settings.portfolio.model_copy(update={"tape": "", "mapping": "", "borrowers": PEOPLE})
    world = lower(settings.model_copy(update={"portfolio": book}))
    engine.prepare(world, compiling(observer))
    lives = Trajectories(world.tables, world.levers, world.tiles, world.tape, range(1), MONTHS)
    lives.advance_to(0)
    state = lives.advance_to(MONTHS)[0]
    here = np.arange(LANES) < world.tiles[:, layout.K_COUNT, None]
    is_open = (state[:, LINE_COLUMNS["STATUS"]] <= layout.FROZEN) & (state[:, LINE_COLUMNS["STATUS"]] >= layout.ACTIVE)
    here &= is_open & (state[:, LINE_COLUMNS["BUCKET"]] == 0)
    found = deepcopy(document)
    for g, name in enumerate(world.segments):
        own = here & (world.tiles[:, layout.K_SEGMENT, None] == g)
        if not own.any():
            continue
        income, buffer = state[:, INCOME][own], state[:, LIQUIDITY][own]
        quantiles = np.quantile(np.maximum(buffer, 0) / np.maximum(income, 1), AT).round(4).tolist()
        segment = found["segment"][name]
        segment["buffer"] = {"distribution": "quantiles", "at": list(AT), "value": quantiles, **SAID}
        segment["unemployed"] = {"value": round(float((state[:, EMPLOYED][own] == 0).mean()), 4), **SAID}
    return found
