"""Where a mean crosses 0, on vectors whose truth is known: how often the interval holds it."""

import numpy as np
import pytest

from simulator.decision.crossing import Curve, is_same, mean_beside, seek
from simulator.lowering.factor import standard_normal
from simulator.model.random_words import philox_numpy


def normals(count, stream):
    """Return float64[count]: standard normals, by address."""
    words = philox_numpy(np.arange(count, dtype=np.uint32), stream, 0, 0, 7, 0)
    return standard_normal(words[0], words[1])


def lines(n, stream, level=1.0, slope=-1.0, noise=0.5):
    """Return (value at 0, change by 1) of n replications: a line each, whose mean crosses 0 at -level / slope."""
    z = normals(2 * n, stream).reshape(2, n)
    return level + noise * z[0], slope + 0.3 * noise * z[1]


def crossing(n, stream, few=None):
    """Return where n lines cross 0, sought between 0 and 3, moved points known of the first `few` alone."""
    start, change = lines(n, stream)
    few = few or n
    curve = Curve(0.0, start)
    for x in (0.0, 3.0):
        curve.add(x, start[:few] + x * change[:few])
    return seek(curve, lambda x: start[:few] + x * change[:few])


@pytest.mark.parametrize(("n", "few"), [(20, None), (40, 8)])
def test_the_interval_of_a_root_holds_it_as_often_as_it_says(n, few):
    """Of 250 sets of replications, 92 to 98 % of the 95 % intervals hold the true root of 1."""
    found = [crossing(n, stream, few) for stream in range(250)]
    held = [(one.low is None or one.low <= 1) and (one.high is None or one.high >= 1) for one in found]
    assert 0.92 <= np.mean(held) <= 0.98


def test_an_interval_by_the_few_alone_as_if_they_were_many_does_not():
    """Negative control: the same intervals with the error of 40 replications, where 8 lived, hold it too rarely."""
    held = []
    for stream in range(300):
        start, change = lines(40, stream)
        own = start[:8] + change[:8]
        reach = 2.02 * own.std(ddof=1) / np.sqrt(40)
        held.append(abs(own.mean()) <= reach)
    assert np.mean(held) < 0.8


def test_what_is_known_of_many_narrows_what_few_say():
    """Where a move changes all alike, 8 replications beside 80 are as good as 80; the value is then theirs, exactly."""
    long = normals(80, 1)
    found = mean_beside(long[:8] + 0.25, long)
    assert found.value == pytest.approx(long.mean() + 0.25)
    assert found.se == pytest.approx(long.std(ddof=1) / np.sqrt(80))


def test_lenders_that_become_one_do_not_cross():
    """A difference that ends at exactly nothing has changed no sign, however few replications say so."""
    long = 1 + 0.1 * normals(40, 2)
    for few in (1, 2, 8):
        curve = Curve(0.0, long)
        curve.add(0.0, long[:few])
        curve.add(1.0, np.zeros(few))
        assert curve.bracket() is None
        assert curve.value(1.0) == 0


def test_a_root_that_the_data_cannot_place_is_open():
    """Where the difference is within chance to the end of what is searched, that end of the interval is None."""
    z = normals(20, 3)
    curve = Curve(0.0, 0.02 + z - z.mean())
    curve.add(0.0, curve.long)
    curve.add(1.0, -0.02 + z - z.mean())
    found = seek(curve, lambda x: 0.02 - 0.04 * x + z - z.mean())
    assert found.at == pytest.approx(0.5)
    assert found.low is None and found.high is None


def test_the_same_is_the_same_but_for_rounding():
    """A fen is a move, the last digits of a sum are none."""
    money = np.array([0.0, 1e6])
    assert is_same(money, money + 1e-11)
    assert not is_same(money, money + np.array([0.0, 0.01]))


def test_a_bent_curve_takes_few_lives():
    """The root of a known curve is found to a fiftieth of its error, in eleven lives."""
    z, lived = 0.05 * normals(20, 4), []

    def live(x):
        lived.append(x)
        return np.exp(-x) - 0.5 + z - z.mean()

    curve = Curve(0.0, live(0.0))
    for x in (0.0, 3.0):
        curve.add(x, live(x))
    found = seek(curve, live)
    assert found.is_exact and len(lived) < 12
    assert abs(found.at - np.log(2)) < 0.02 * curve.mean(found.at).se / 0.5 + 1e-9
    assert found.low < np.log(2) < found.high
