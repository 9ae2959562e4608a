"""Golden digests: shipped scenarios have the sums that are kept, and these change by a command that says why."""

import json

import pytest

from benchmarks import digests

SOME = ("huabei", "triggers")  # the command takes all


def test_shipped_scenarios_have_the_sums_that_are_kept():
    """A change that moves a number of these is seen, and names who moved."""
    assert digests.moved(digests.golden(SOME), SOME) == []


def test_golden_digests_move_with_a_reason_only(tmp_path, monkeypatch):
    """What moved is kept with the day, the reason and the names; without a reason nothing is written."""
    monkeypatch.setattr(digests, "KEPT", tmp_path / "golden.json")
    with pytest.raises(ValueError, match="say why"):
        digests.accept({"a": "1"}, " ")
    assert digests.accept({"a": "1", "b": "2"}, "first") == ["a", "b"]
    assert digests.accept({"a": "1", "b": "3"}, "a rule of the month") == ["b"]
    assert digests.accept({"a": "1", "b": "3"}, "again") == []

    changes = json.loads(digests.KEPT.read_text())["changes"]
    assert [(one["why"], one["moved"]) for one in changes] == [("first", ["a", "b"]), ("a rule of the month", ["b"])]
    assert digests.moved({"a": "1", "c": "4"}) == ["b", "c"]
