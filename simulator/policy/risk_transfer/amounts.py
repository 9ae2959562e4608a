"""Whole minor units: rounded once, and divided so that nothing is lost."""

import numpy as np


def whole(amount):
    """Return `amount` in whole minor units: one product and one `rint`, the same on every machine."""
    return np.rint(amount).astype(np.int64)


def spread(total, weights):
    """Return int64 of the shape of `weights`, in proportion to them, that sums over cells to `total` exactly.

    total: int64[replication]; weights: int64[replication, ...], not negative, and above 0 somewhere where `total` is.
    Where `total` is no more than their sum, no cell gets more than its weight.
    """
    flat = weights.reshape(len(total), -1)
    up_to = np.cumsum(flat, axis=-1)
    share = np.divide(up_to, up_to[:, -1:], out=np.zeros(flat.shape), where=up_to[:, -1:] > 0)
    return np.diff(whole(total[:, None] * share), axis=-1, prepend=0).reshape(weights.shape)


def after_opening(cells):
    """Return `cells` of months 1 on with a month 0 of zeros before them."""
    return np.concatenate([np.zeros_like(cells[:, :1]), cells], axis=1)
