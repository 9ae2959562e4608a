"""Random words by address in NumPy, for the few that a host needs: factors of the economy, not people."""

import numpy as np

from simulator.model.philox import philox


def philox_numpy(c0, c1, c2, c3, k0, k1):
    """Return the four uint32 words of Philox4x32-10 at each counter, as one array [4, ...].

    The counter words c0 to c3 and the key halves k0, k1 are whole numbers below 2^32 or arrays of them; they broadcast.
    """
    arrays = np.broadcast_arrays(*(np.asarray(word, dtype=np.uint32) for word in (c0, c1, c2, c3, k0, k1)))
    return np.stack(philox(*arrays))
