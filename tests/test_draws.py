"""Random words are right, the same for every reader, and independent from address to address."""

import platform

import numpy as np
import pytest
from numba import njit
from scipy.stats import chi2

from simulator.jit.functions import tell_numba
from simulator.kernel import draws
from simulator.model import philox
from simulator.model.random_words import philox_numpy

# Random123 1.14, kat_vectors, philox4x32 with 10 rounds: counter and key, words
KNOWN = [
    ("00000000 00000000 00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
ADDRESS = {"index": 0, "month": 7, "entry": 3, "slot": 1, "r": 2, "segment": 1, "tag": draws.MONTHS, "seed": 20260101}

tell_numba()


@njit
def fill(words, c1, c2, c3, k0, k1):
    """Write the words of counters (i, c1, c2, c3) to uint32[4, i]."""
    for i in range(words.shape[1]):
        words[0, i], words[1, i], words[2, i], words[3, i] = draws.philox(np.uint32(i), c1, c2, c3, k0, k1)


@njit
def compiled_philox(c0, c1, c2, c3, k0, k1):
    """Return the four words as the kernel draws them."""
    return draws.philox(c0, c1, c2, c3, k0, k1)


@njit
def compiled_address(month, entry, slot, segment, tag):
    """Return the second and the fourth counter word as the kernel makes them."""
    return draws.counter(month, entry, slot), draws.group(segment, tag)


READERS = {"plain": philox.philox, "numpy": philox_numpy, "compiled": compiled_philox}


def words_at(index, **changes):
    """Return uint32[4, ...] at ADDRESS with these changes, for an array of borrower indices."""
    at = {**ADDRESS, **changes}
    second = philox.counter(at["month"], at["entry"], at["slot"])
    return philox_numpy(index, second, at["r"], philox.group(at["segment"], at["tag"]), at["seed"], 0)


def independence_p(a, b):
    """Return the p-value of the chi-square for independent, uniform upper 4 bits of uint32 arrays `a` and `b`."""
    cells = np.bincount((a >> 28) * 16 + (b >> 28), minlength=256)
    expected = len(a) / 256
    return chi2.sf(((cells - expected) ** 2).sum() / expected, 255)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("address", "words"), KNOWN)
def test_known_answers(reader, address, words):
    """Every reader gives the published words of Random123."""
    found = READERS[reader](*(int(word, 16) for word in address.split()))

    assert " ".join(f"{int(word):08x}" for word in found) == words


def test_readers_agree():
    """Plain Python, NumPy and the compiled loop give the same four words at each of 512 addresses."""
    at = (int(philox.counter(7, 3, 1)), 2, int(philox.group(1, draws.MONTHS)), 20260101, 99)
    compiled = np.zeros((4, 512), np.uint32)
    fill(compiled, *at)
    plain = np.array([philox.philox(i, *at) for i in range(512)]).T

    assert (compiled == philox_numpy(np.arange(512), *at)).all()
    assert (compiled == plain).all()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86 assembly")
def test_the_loop_is_vectorised():
    """The loop multiplies several 32-bit counters at once."""
    fill(np.zeros((4, 8), np.uint32), 0, 0, 0, 0, 0)

    assert "pmuludq" in next(iter(fill.inspect_asm().values()))


def test_the_layout_of_an_address():
    """Month, entry and slot fill their own bits, up to the largest month; so do segment and tag."""
    last = philox.MAX_MONTH

    assert philox.counter(5, 3, 2) == 5 << 20 | 3 << 8 | 2
    assert philox.counter(last, last, 255) == 2**32 - 1
    second, fourth = compiled_address(last, 0, 255, 9, draws.FACTORS)
    assert second == philox.counter(last, 0, 255)
    assert fourth == philox.group(9, draws.FACTORS) == 9 | 3 << 16
    assert len({draws.PEOPLE, draws.MONTHS, draws.FACTORS}) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"month": 8},
        {"entry": 4},
        {"slot": 2},
        {"r": 3},
        {"segment": 2},
        {"tag": draws.PEOPLE},
        {"seed": 20260102},
    ],
    ids=lambda change: next(iter(change)),
)
def test_neighbours_are_independent(change):
    """The same borrowers at an address one step away have unrelated words.

    Each of 4 words of 65,536 borrowers is one test; a perfect generator fails one of the 28 at this level (p < 1e-5)
    for 3 seeds in 10,000, and the seed is fixed.
    """
    index = np.arange(65_536)

    for here, there in zip(words_at(index), words_at(index, **change), strict=True):
        assert independence_p(here, there) > 1e-5


def test_next_borrowers_and_words_are_independent():
    """A borrower's words are unrelated to each other and to the next borrower's (7 tests, each at p < 1e-5)."""
    words = words_at(np.arange(65_537))

    for j in range(4):
        assert independence_p(words[j, :-1], words[j, 1:]) > 1e-5
    for j in range(3):
        assert independence_p(words[j], words[j + 1]) > 1e-5


def test_a_poor_generator_is_caught():
    """Negative control: multiplying the index by an odd constant looks even, and fails the same statistic."""
    poor = (np.arange(65_537, dtype=np.uint64) * np.uint64(philox.WEYL_0)).astype(np.uint32)

    assert independence_p(poor[:-1], poor[1:]) < 1e-100
