"""Shards lived by Dask's workers: the same bytes, and a killed worker changes nothing; without Dask a plain word."""

import os
import signal
import sys

import pytest

import simulator as sim
from conftest import ROOT
from simulator.model.errors import UserError
from simulator.shards import sealed
from simulator.shards.folder import Shards
from simulator.workers.dask import DaskWorkers

pytestmark = pytest.mark.filterwarnings("default")  # Dask's own


class Killed(DaskWorkers):
    """Workers of which one is killed, unasked, when the first shard is there."""

    def __call__(self, folder, number, run, left):
        """Kill one, and let the rest go on."""
        for k, done in enumerate(super().__call__(folder, number, run, left)):
            if k == 0:
                os.kill(next(iter(self._client.cluster.workers.values())).pid, signal.SIGKILL)
            yield done


def test_workers_give_the_same_bytes_though_one_is_killed(tmp_path):
    """Two processes live a lender whose policies read the book, in two worlds; the run's digest is that of a thread."""
    pytest.importorskip("distributed", reason="the package distributed of Dask is not installed")
    asked = sim.load_scenario(ROOT / "scenarios" / "triggers.toml", borrowers=100, months=3, replications=3)
    shards = Shards(tmp_path / "x", resume=False, elsewhere=Killed(2, None), cuts=[100_000])
    try:
        study = sim.compare(asked, 1, shards=shards)
    finally:
        shards.close()

    assert study.result_digest == sim.compare(asked, 1).result_digest
    left = {path.name for path in (tmp_path / "x").iterdir()}
    names = {f"0-{k}{sealed.ENDING}" for k in range(len(shards.worlds[0].shards))}
    assert left == {*names, "run.json", "scenario.toml", "0.json"} and len(names) > 10


def test_without_dask_the_package_is_named(monkeypatch):
    """Who has no Dask is told what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(UserError, match=r"pip install 'simulator\[cluster\]'"):
        DaskWorkers(2, None)
