"""Joint lending: a partner's part of what the book did, while it holds one, and of what comes back on its losses."""

import numpy as np

from simulator.policy.risk_transfer.amounts import after_opening, whole

SHARED = ("balance", "new_credit", "interest", "fees", "forgiven", "written_off", "sold_open", "sold_open_proceeds")
PARTNER = (
    *(f"partner_{name}" for name in SHARED),
    *("partner_paid", "partner_back", "partner_bought", "partner_loss_on_transfer", "partner_fee"),
)


def share(partner, others, line):
    """Return the lines of PARTNER of one partner: its share of each gross line, rounded.

    `others` are all partners, this one too. What it is paid closes its open book.
    """
    gross = {name: line(name) for name in SHARED}
    shape = gross["balance"].shape[1:]
    held = partner.held(shape)
    lines = {f"partner_{name}": whole(amount * held) for name, amount in gross.items()}
    begins = np.zeros_like(gross["balance"])  # balance at the start of the month, at the month's share
    begins[:, 1:] = whole(gross["balance"][:, :-1] * held[1:])
    bought = begins.copy()
    bought[:, 1:] -= lines["partner_balance"][:, :-1]
    came = begins + sum(lines[f"partner_{name}"] for name in ("new_credit", "interest", "fees"))
    left = sum(lines[f"partner_{name}"] for name in ("balance", "forgiven", "written_off", "sold_open"))
    income = lines["partner_interest"] + lines["partner_fees"]
    lost = _loss_on_transfer(partner, held, line)
    return (
        lines
        | {
            "partner_bought": bought + lost,  # what it pays for balance that it takes on, or is paid for what it leaves
            "partner_loss_on_transfer": lost,
            "partner_paid": after_opening((came - left)[:, 1:]),
            "partner_back": whole(line("borne_back") * _borne(held, others, gross["written_off"])),
            "partner_fee": whole(income * partner.fee),
        }
    )


def _loss_on_transfer(partner, held, line):
    """Return what the partner loses when its share changes: late balance moves below par, what is current at par.

    Below 0 where it joins: it pays less than it is owed.
    """
    late = [line(name)[:, :-1] for name in ("balance_dpd30", "balance_dpd60", "balance_dpd90")]
    late = [late[0] - late[1], late[1] - late[2], late[2]]
    change = held[1:] - held[:-1]
    if partner.late_price is None:
        if any((amount * change).any() for amount in late):
            raise ValueError("a partner joins or leaves, and late balance has no price")
        return np.zeros_like(line("balance"))
    below_par = 1 - np.array(partner.late_price)  # [product, bucket]
    return after_opening(-whole(sum(amount * below_par[:, k] for k, amount in enumerate(late)) * change))


def _borne(held, others, written_off):
    """Return float64[replication, month, segment, product]: this partner's share of what was lost with a partner.

    That is of all written off so far in months in which somebody shared, so that what comes back on it, whenever it
    does, is shared as the loss was.
    """
    anybody = sum(other.held(held.shape) for other in others) > 0
    bears, lost = np.cumsum(written_off * held, axis=1), np.cumsum(written_off * anybody, axis=1)
    return np.divide(bears, lost, out=np.zeros(bears.shape), where=lost > 0)
