"""The benchmarks are fair: every peer lives the kernel's month. No clock decides here."""

import importlib

import numpy as np
import pytest

from conftest import ROOT
from simulator import engine
from simulator.kernel.names import *  # noqa: F403  the vocabulary of every array
from simulator.lower import lower
from simulator.scenario.reader import load_scenario

inputs = pytest.importorskip("benchmarks.inputs", reason="start pytest as `python -m pytest`")
numpy_month = importlib.import_module("benchmarks.numpy_month")
jax_month = importlib.import_module("benchmarks.jax_month")

BORROWERS, REPLICATIONS = 1_500, 30
FAR = 4.5  # standard errors, of some 40 totals; the seeds are fixed
NEAR = 0.01  # of totals that everyone moves
EVERYONE = ("n_accounts", "balance", "limit", "new_credit", "interest", "paid", "n_due", "n_missed", "n_reminded")


def line(borrowers, replications, overrides=(), **size):
    """Return the lowered baseline of the revolving line without applicants."""
    overrides = ["portfolio.applicants_per_month=0", *overrides]
    path = ROOT / "scenarios" / "huabei.toml"
    return lower(load_scenario(path, overrides, borrowers=borrowers, replications=replications, **size).baseline)


@pytest.fixture(scope="module")
def small():
    """Return (segments in floats, the kernel's totals) of a small book."""
    world = line(BORROWERS, REPLICATIONS)
    return inputs.inputs(world), inputs.totals_of(engine.run(world))


def test_tuned_numpy_does_the_same_work():
    """The tuned NumPy month gives the kernel's sums, every integer of every month."""
    closed = ["portfolio.applicants_per_month=0"]
    path = ROOT / "scenarios" / "huabei.toml"
    world = lower(load_scenario(path, closed, borrowers=2_000, months=30, replications=2).baseline, run_off=True)

    ours = numpy_month.run(world, numpy_month.opening(world))

    assert numpy_month.agrees(ours, engine.run(world))
    assert ours.flows[..., F_EXPIRED].sum() > 0  # the months are long enough for every path
    assert ours.flows[..., F_RECOVERED].sum() > 0


@pytest.mark.parametrize("peer", ["analyst_numpy", "numba_np_random", "jax_month"])
def test_a_peer_with_its_own_luck_agrees_on_average(peer, small):
    """Over replications every total of a peer is the kernel's within its standard errors; the large ones within 1 %."""
    segments, expected = small
    if peer == "jax_month":
        pytest.importorskip("jax", reason="JAX is not installed: pip install -e '.[peers]'")
        segments = jax_month.batches(segments, 1_050)

    totals = importlib.import_module(f"benchmarks.{peer}").run(segments)
    flows = totals.flows

    found = dict(zip(inputs.TOTALS, (flows - expected).sum(axis=1).T, strict=True))  # of each replication
    usual = dict(zip(inputs.TOTALS, expected.sum(axis=1).mean(axis=0), strict=True))
    error = {name: off.std(ddof=1) / np.sqrt(REPLICATIONS) for name, off in found.items()}
    assert {name: off.mean() / error[name] for name, off in found.items() if abs(off.mean()) > FAR * error[name]} == {}
    assert {name for name in EVERYONE if abs(found[name].mean()) > NEAR * usual[name]} == set()

    after, to_months_end = flows[..., inputs.AT["n_accounts"]], totals.rolls[:, :, :, :BUCKETS, 0].sum(axis=(2, 3))
    assert np.array_equal(after, to_months_end)  # the roll matrix counts the same accounts
    lost = totals.rolls[:, :, :, TO_WRITTEN_OFF, 1].sum(axis=2)
    assert lost == pytest.approx(flows[..., inputs.AT["written_off"]], rel=1e-5)


def test_a_peer_with_another_month_would_be_caught(small):
    """Negative control: forgetting a tenth more often is further from the kernel than the test allows."""
    segments, expected = small
    analyst = importlib.import_module("benchmarks.analyst_numpy")
    other = [s._replace(book=s.book._replace(forget=1.1 * s.book.forget)) for s in segments]

    off = (analyst.run(other).flows - expected).sum(axis=1)[:, inputs.AT["n_missed"]]

    assert off.mean() > FAR * off.std(ddof=1) / np.sqrt(REPLICATIONS)


@pytest.mark.parametrize("setting", ["policy.close.enabled=true", "policy.cut.enabled=true"])
def test_peers_refuse_what_they_do_not_do(setting):
    """A lender that closes or cuts accounts is an error for every peer, not a wrong comparison."""
    world = line(100, 1, [setting])

    with pytest.raises(ValueError, match="reminders and write-off at most"):
        numpy_month.opening(world)
    with pytest.raises(ValueError, match="reminders and write-off at most"):
        inputs.inputs(world)
