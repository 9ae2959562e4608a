"""What is worked out once is kept by content: the same again for who asks the same, shared, and nobody's to change."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from conftest import ROOT
from simulator.engine import engine
from simulator.lowering.lower import lower, tables_for
from simulator.model import kept
from simulator.scenario.reader import load_scenario


def scenario(overrides=()):
    """Return a small scenario with a factor, and economy and policies of all kinds."""
    return load_scenario(ROOT / "scenarios" / "huabei.toml", overrides, borrowers=40, replications=2, months=6)


def arrays(lowered):
    """Return the arrays of a lowered scenario by name."""
    found = lowered.tables._asdict() | lowered.levers._asdict() | {"tiles": lowered.tiles}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}


def changed(before, after):
    """Return the names of the arrays in which two lowered scenarios differ."""
    return {name for name, array in arrays(before).items() if not np.array_equal(array, arrays(after)[name])}


def test_lowered_twice_is_the_same_kept_or_not():
    """Every integer of a scenario read and lowered again is the same, and so it is when nothing is kept."""
    first, again = lower(scenario().baseline, None, True, True), lower(scenario().baseline, None, True, True)
    kept.forget()
    anew = lower(scenario().baseline, None, True, True)

    assert first.tables.quantile is again.tables.quantile
    assert first.tables.quantile is not anew.tables.quantile
    assert changed(first, again) == changed(first, anew) == set()


@pytest.mark.parametrize(
    ("key", "value", "where"),
    [
        ("costs.idle_cost", 0.07, set()),
        ("economy.job_find", 0.1, {"economy"}),
        ("segment.salaried.spending.mean", 0.31, {"quantile"}),
        ("behaviour.structural.quality_correlation.buffer", 0.11, {"linked_rank"}),
        ("behaviour.demand.cut", 0.4, {"uptake"}),
        ("behaviour.demand.acceptance", 0.8, {"answer"}),
        ("products.line.late_rate", 0.0001, {"late"}),
        ("policy.close.freeze_days_late", 60, {"month"}),
        ("policy.write_off.effort", [0.5] * 6, {"stage"}),
        ("portfolio.applicants_per_month", 3, {"tiles"}),
    ],
)
def test_a_changed_number_changes_its_own_tables_alone(key, value, where):
    """A number moves the arrays that it is in; all else is the very same memory, or equal."""
    before, after = lower(scenario().baseline, None, True), lower(scenario({key: value}).baseline, None, True)

    assert changed(before, after) == where


def test_nobody_can_write_into_what_is_shared():
    """Tables, levers and tiles are read-only, those of a factor too; `writable` gives copies that change nothing."""
    lowered = lower(scenario({"economy.factor.enabled": True}).baseline, None, True)
    of_replications = tables_for(lowered, 0, 2)

    for name, array in (arrays(lowered) | {"economy": of_replications.economy}).items():
        if name != "month":  # each lender's own
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    own = kept.writable(lowered.levers)
    own.stage[:] = -1
    assert not np.array_equal(own.stage, lower(lowered.settings, None, True).levers.stage)


def test_the_kernel_takes_what_is_shared():
    """Compiled code reads read-only tables: a run gives the sums that it gives with copies."""
    lowered = lower(scenario().baseline, None, True)
    own = lowered._replace(tables=kept.writable(lowered.tables), levers=kept.writable(lowered.levers))

    assert all(np.array_equal(*pair) for pair in zip(engine.run(lowered, 2), engine.run(own, 2), strict=True))


def test_what_is_kept_is_bounded_and_what_was_asked_last_stays(monkeypatch):
    """The result that was not asked for longest goes first; one that is too large is not kept."""
    asked = []

    @kept.kept
    def ones(number):
        asked.append(number)
        return np.ones(number)

    kept.forget()
    monkeypatch.setattr(kept, "MOST_BYTES", 3 * (8 * 1000 + kept.OVERHEAD) + 1000)
    for number in (1000, 1001, 1002, 1000, 1003, 1000, 1001):
        ones(number)
    assert asked == [1000, 1001, 1002, 1003, 1001]

    monkeypatch.setattr(kept, "LARGEST", 8 * 900)
    assert ones(1004) is not ones(1004)
    kept.forget()


def test_contents_of_different_kinds_are_not_mixed_up():
    """Settings, lists and arrays of equal content are one key, and others are not."""
    one, same, other = (
        load_scenario(ROOT / "scenarios" / "huabei.toml", {"costs.idle_cost": x}).baseline for x in (1, 1, 2)
    )

    assert kept.content([one]) == kept.content([same]) != kept.content([other])
    assert kept.content(np.arange(3)) != kept.content(np.arange(3.0))
    assert kept.content(np.zeros((1, 2))) != kept.content(np.zeros((2, 1)))
    assert kept.content({"a": 1}) != kept.content({"b": 1})


def test_threads_share_what_is_kept():
    """Eight threads that lower the same at once get equal tables."""
    kept.forget()
    settings = scenario().baseline
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: lower(settings, None, True), range(16)))

    assert all(changed(found[0], each) == set() for each in found)
