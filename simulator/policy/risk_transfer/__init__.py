"""Who else bears the risk: credit insurance and joint lending, settled after the month from what it booked.

The borrower never notices either, so the books of the month stay gross: all of the loss, all of the income. What an
insurer or a partner takes of them is worked out here, replication by replication, in whole minor units. What is left
is the lender's own: own + insurer + partner = gross, to the minor unit.
"""

import numpy as np

from simulator.policy.risk_transfer.amounts import after_opening, whole
from simulator.policy.risk_transfer.insurance import INSURER, insure
from simulator.policy.risk_transfer.partners import PARTNER, share
from simulator.policy.risk_transfer.terms import LATE, Insurance, Partner

__all__ = ["LATE", "STOCKS", "TRANSFERRED", "Insurance", "Partner", "own_share", "settle"]

# Lines this package gives; those in STOCKS are stocks, the others flows.
STOCKS = ("insurer_balance", "partner_balance")
TRANSFERRED = (*INSURER, *PARTNER, "insurer_funding", "partner_funding")


def settle(transfers, line, funding_rate: float | np.ndarray) -> dict[str, np.ndarray]:
    """Return {name: int64[replication, month, segment, product]} for every name of TRANSFERRED.

    line(name) gives the same of any gross line of the month; `funding_rate` is a year's, one for all or
    float64[replication, 1, 1, 1]. Raises ValueError where a partner joins or leaves late balance without a price.
    """
    shape = line("balance").shape
    lines = dict.fromkeys(TRANSFERRED, np.broadcast_to(np.int64(0), shape))
    partners = [transfer for transfer in transfers if isinstance(transfer, Partner)]
    for partner in partners:
        lines |= {name: lines[name] + amount for name, amount in share(partner, partners, line).items()}
    covers = [transfer for transfer in transfers if isinstance(transfer, Insurance)]
    if covers:
        lines |= insure(covers, own_share(partners, shape[1:]), line)
    # Who holds a part of the open balance funds it, from its price at par on.
    taken = lines["partner_bought"] - lines["partner_loss_on_transfer"]
    for who, begins in (("insurer", 0), ("partner", taken[:, 1:])):
        held = lines[f"{who}_balance"]
        if held.any():
            lines[f"{who}_funding"] = after_opening(whole((held[:, :-1] + begins + held[:, 1:]) * (funding_rate / 24)))
    return lines


def own_share(transfers, shape) -> np.ndarray:
    """Return float64[month, segment, product]: what the partners leave to the lender; `shape` is of the result."""
    return np.ones(shape) - sum(transfer.held(shape) for transfer in transfers if isinstance(transfer, Partner))
