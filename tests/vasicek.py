"""The large homogeneous pool: its scenario, and its losses in closed form, which a simulated factor must have."""

from statistics import NormalDist

NORMAL = NormalDist()
POOL = """
title = "A homogeneous pool that lives one month"
months = 1
replications = 400
seed = 3
portfolio.borrowers = 2000
behaviour.model = "roll_rates"
segment.all = { share = 1.0, line_holders = 1.0, line_limit = 1000, utilisation = 1.0 }
products.line.minimum_share = 0.1
economy.factor = { enabled = true, persistence = 0.0, correlation = 0.1 }
[behaviour.roll_rates.line]
states = [{ name = "good", bucket = 0 }, { name = "bad", bucket = "written_off" }]
matrix = [[0.95, 0.05]]
"""


def vasicek_quantile(pd, rho, q):
    """Return quantile `q` of the default rate of an endless pool with default probability `pd`, correlation `rho`.

    Source: Vasicek (2002), "The distribution of loan portfolio value", Risk 15(12).
    """
    return NORMAL.cdf((NORMAL.inv_cdf(pd) + rho**0.5 * NORMAL.inv_cdf(q)) / (1 - rho) ** 0.5)
