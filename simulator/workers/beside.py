"""Where the shards of a command are kept, and who lives them."""

import shlex
from collections.abc import Sequence

from simulator.shards.folder import Elsewhere, Shards
from simulator.system.folders import Place

RESUME = "--resume"


def shards_beside(place: Place, resume: bool, workers: int | None = None, cluster: str | None = None) -> Shards | None:
    """Return the shards of a run whose results go to `place`, beside it; None where nothing of the kind is asked for.

    `workers` are processes of this machine, `cluster` is the address of a scheduler of Dask. Raises UserError if
    there is no Dask.
    """
    elsewhere: Elsewhere | None = None
    if workers or cluster:
        from simulator.workers.dask import DaskWorkers

        elsewhere = DaskWorkers(workers, cluster)
    if not (resume or elsewhere):
        return None
    folder = place.path.with_name(f"{place.path.name}.shards")
    return Shards(folder, resume, place.overwrite, elsewhere)


def how_to_go_on(shards: Shards, arguments: Sequence[str]) -> str:
    """Return what is kept of a run that was interrupted, and what to type to go on; empty where nothing is."""
    done, total = shards.done()
    if not total:
        return ""
    words = [word for word in arguments if word != RESUME]
    typed = shlex.join(["simulator", *words, RESUME])
    return f"{done:,} of {total:,} shards are kept in {shards.folder}; to go on, type: {typed}"
