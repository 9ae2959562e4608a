"""Shards lived by workers of Dask: processes of this machine, or of a cluster whose scheduler has an address.

Which worker lives which shard, and again if one is killed, is Dask's business. Workers read the question from the
folder of the shards and leave each result there; nothing but names of shards is sent.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from simulator.model.errors import Problem, UserError
from simulator.workers import worker

PATIENCE = 30  # seconds until a scheduler that does not answer is given up
QUIET = {  # of processes that are started here
    "distributed.scheduler.allowed-failures": 100,  # workers killed over one shard; Dask by itself allows three
    "distributed.worker.profile.enabled": False,  # it looks a hundred times a second at what a worker does
    "distributed.admin.tick.interval": "1s",  # of a clock that is heard by nobody
}


class DaskWorkers:
    """Workers that live shards; they are started, or found, when the first is to be lived."""

    def __init__(self, workers: int | None, cluster: str | None):
        """Take how many processes are to be started here, or the address of a scheduler; UserError without Dask."""
        try:
            import distributed  # noqa: F401  an extra: a run without workers does without it
        except ImportError:
            allowed = "pip install 'simulator[cluster]'"
            raise UserError(Problem("workers", found="need the package distributed of Dask", allowed=allowed)) from None
        self._workers, self._cluster = workers, cluster
        self._opened = ExitStack()
        self._client: Any = None

    def __call__(self, folder: Path, number: int, run: str, left: Sequence[int]) -> Iterator[int]:
        """Yield the number of each shard of a world once it is kept; UserError if the workers cannot live them."""
        from distributed import KilledWorker, as_completed

        client = self._client = self._client or self._open()
        where = str(folder.resolve())
        futures = [
            client.submit(worker.live, where, number, k, run, key=f"{run}-{number}-{k}", pure=False) for k in left
        ]
        try:
            for done in as_completed(futures, loop=client.loop):
                yield done.result()
        except KilledWorker as error:
            found = f"workers were killed again and again over one shard ({error.task})"
            raise UserError(Problem("workers", found=found, allowed="more memory for each, then --resume")) from None

    def close(self) -> None:
        """End the processes that were started."""
        self._opened.close()
        self._client = None

    def _open(self):
        import dask
        from distributed import Client, LocalCluster

        self._opened.enter_context(dask.config.set(QUIET))
        if self._cluster:
            try:
                return self._opened.enter_context(Client(self._cluster, timeout=PATIENCE, set_as_default=False))
            except (OSError, ValueError) as error:
                found = f"no scheduler answers: {error}"
                raise UserError(Problem("--cluster", self._cluster, found, "tcp://HOST:PORT")) from None
        scratch = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="simulator-workers-"))
        here = LocalCluster(
            n_workers=self._workers,
            threads_per_worker=1,
            memory_limit=0,  # what a shard takes is known: none is killed for it
            dashboard_address=None,
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        )
        self._opened.enter_context(here)
        return self._opened.enter_context(Client(here, set_as_default=False))
