"""The large homogeneous pool in closed form: what a simulated factor is tested against."""

from statistics import NormalDist

NORMAL = NormalDist()


def vasicek_quantile(pd, rho, q):
    """Return quantile `q` of the default rate of an endless pool with default probability `pd`, correlation `rho`.

    Source: Vasicek (2002), "The distribution of loan portfolio value", Risk 15(12).
    """
    return NORMAL.cdf((NORMAL.inv_cdf(pd) + rho**0.5 * NORMAL.inv_cdf(q)) / (1 - rho) ** 0.5)
