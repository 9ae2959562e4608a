"""Philox4x32-10 and the layout of its addresses, in one source that three readers share.

Plain Python and NumPy call these functions as they stand (NumPy also with whole arrays); `draws` compiles them.
Source: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC11; constants and known
answers from their library Random123.
"""

from numpy import uint32 as u4
from numpy import uint64 as u8

MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85
ROUNDS = 10

PEOPLE, MONTHS, FACTORS = 1, 2, 3  # tags: what a word decides. No two tags share an address
MONTH_SHIFT, ENTRY_SHIFT, TAG_SHIFT = 20, 8, 16
MAX_MONTH = (1 << 12) - 1  # the largest month and entry month that an address holds


def philox(c0, c1, c2, c3, k0, k1):
    """Return the four 32-bit words at counter (c0, c1, c2, c3) under key (k0, k1), as uint32.

    The 64-bit products of 32-bit numbers are what LLVM turns into one vector instruction a lane.
    """
    c0, c1, c2, c3, k0, k1 = u4(c0), u4(c1), u4(c2), u4(c3), u4(k0), u4(k1)
    for _ in range(ROUNDS):
        p0, p1 = u8(c0) * u8(MULTIPLIER_0), u8(c2) * u8(MULTIPLIER_1)
        c0, c1, c2, c3 = u4(p1 >> u8(32)) ^ c1 ^ k0, u4(p1), u4(p0 >> u8(32)) ^ c3 ^ k1, u4(p0)
        k0, k1 = u4(u8(k0) + u8(WEYL_0)), u4(u8(k1) + u8(WEYL_1))
    return c0, c1, c2, c3


def counter(month, entry, slot):
    """Return the second counter word: month << 20 | entry << 8 | slot (both months up to MAX_MONTH, slot below 256)."""
    return u4((u4(month) << u4(MONTH_SHIFT)) | (u4(entry) << u4(ENTRY_SHIFT)) | u4(slot))


def group(segment, tag):
    """Return the fourth counter word: segment | tag << 16 (segment below 65,536)."""
    return u4(u4(segment) | (u4(tag) << u4(TAG_SHIFT)))
