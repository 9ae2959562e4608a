"""Roll matrices in doubt: each row drawn from what so many accounts tell of it.

A row of counts n is a draw of the Dirichlet with parameters n / `counts_dispersion`: the posterior of a row that so
many accounts were seen to move by, where nothing was known before and what nobody did is not done. Rows of states, of
what is remembered and of kinds of people alike. Rows with the same chances are one row, so that accounts that moved
alike do.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import gammaincinv, ndtr

from simulator.scenario.schema import RollMatrix, RollRates, SegmentRollRates, Settings


def rows_in_doubt(settings: Settings) -> int:
    """Return how many rows of the settings' roll matrices are drawn under doubt."""
    found = 0
    for rates in _every(settings).values():
        if rates.counts_dispersion is not None:
            found += sum(len(of.counts or []) + len(of.memory) for of in (rates, *rates.kinds))
    return found


def with_rows_drawn(settings: Settings, normal: Callable[[str], float]) -> Settings:
    """Return the settings with every roll matrix that is in doubt drawn; the same settings where none is.

    `normal` gives the standard normal of an address, which is the place of a row's destination: lenders with the same
    matrix have the same draw.
    """
    if not rows_in_doubt(settings):
        return settings
    drawn = {where: _drawn(rates, where, normal) for where, rates in _every(settings).items()}
    behaviour = settings.behaviour
    common = _of(behaviour.roll_rates, "", drawn)
    segments = {
        name: s.model_copy(update={"roll_rates": s.roll_rates and _of(s.roll_rates, name, drawn)})
        for name, s in settings.segment.items()
    }
    behaviour = behaviour.model_copy(update={"roll_rates": common})
    return settings.model_copy(update={"behaviour": behaviour, "segment": segments})


def _every(settings: Settings) -> dict[tuple[str, str], RollMatrix]:
    """Return the roll matrices by segment, "" for that of all, and product."""
    if settings.behaviour.model != "roll_rates":
        return {}
    tables: dict[str, RollRates | SegmentRollRates | None] = {"": settings.behaviour.roll_rates}
    tables |= {name: segment.roll_rates for name, segment in settings.segment.items()}
    found = {(name, product): getattr(t, product) for name, t in tables.items() if t for product in ("line", "loan")}
    return {where: rates for where, rates in found.items() if rates is not None}


def _of(table, name: str, drawn):
    return table.model_copy(update={product: rates for (of, product), rates in drawn.items() if of == name})


def _drawn(rates: RollMatrix, where: tuple[str, str], normal: Callable[[str], float]) -> RollMatrix:
    """Return a roll matrix with its rows drawn; as it is where it is not in doubt."""
    if rates.counts_dispersion is None:
        return rates
    moves = (rates, *rates.kinds)
    every = [row for of in moves for row in (*(of.counts or []), *(entry.counts for entry in of.memory))]
    together: dict[tuple[float, ...], np.ndarray] = {}
    for row in every:
        chance = _chance(row)
        together[chance] = together.get(chance, 0.0) + np.asarray(row)
    rows = {
        chance: _row(counts / rates.counts_dispersion, f"rows.{'.'.join(where)}.{number}", normal)
        for number, (chance, counts) in enumerate(together.items())
    }

    def of(moves):
        memory = [entry.model_copy(update={"counts": rows[_chance(entry.counts)]}) for entry in moves.memory]
        return {"counts": [rows[_chance(row)] for row in moves.counts or []] or None, "memory": memory}

    kinds = [kind.model_copy(update=of(kind)) for kind in rates.kinds]
    return rates.model_copy(update={**of(rates), "kinds": kinds})


def _chance(row: list[float]) -> tuple[float, ...]:
    total = sum(row)
    return tuple(n / total for n in row)


def _row(alpha: np.ndarray, key: str, normal: Callable[[str], float]) -> list[float]:
    """Return a draw of the Dirichlet, its total that of `alpha`; a row of one destination stays."""
    seen = np.flatnonzero(alpha > 0)
    found = np.zeros(len(alpha))
    found[seen] = [gammaincinv(alpha[s], ndtr(normal(f"{key}.{s}"))) for s in seen.tolist()]
    if len(seen) < 2 or not found.any():
        return alpha.tolist()
    return (found * (alpha.sum() / found.sum())).tolist()
