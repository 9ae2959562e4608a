"""Who else bears the risk: credit insurance and joint lending, settled after the month from what it booked.

The borrower never notices either, so the books of the month stay gross: all of the loss, all of the income. What an
insurer or a partner takes of them is worked out here, replication by replication, in whole minor units. What is left
is the lender's own: own + insurer + partner = gross, to the minor unit.
"""

from dataclasses import dataclass

import numpy as np

CLAIMABLE = "claimable"  # balance of accounts that reach the claim trigger for the first time
GOT_BACK = ("recovered", "sold_open_proceeds", "sold_written_off_proceeds")

# Lines this module gives, by who the money goes to or comes from. `partner_balance` is a stock, the others are flows.
INSURER = ("premium", "claims", "subrogation")
_SHARED = (
    *("balance", "new_credit", "interest", "fees", "forgiven", "written_off", "sold_open"),
    *("sold_open_proceeds", "recovered", "sold_written_off_proceeds"),
)
PARTNER = (*(f"partner_{name}" for name in _SHARED), *("partner_paid", "partner_bought", "partner_fee"))
TRANSFERRED = (*INSURER, *PARTNER, "partner_funding")


@dataclass(frozen=True)
class Acting:
    """Where and when a transfer acts; indices of segments and products."""

    first: int  # month
    last: int
    segments: tuple[int, ...]
    products: tuple[int, ...]

    def cells(self, shape):
        """Return bool[segment, product], True where it acts."""
        inside = np.zeros(shape, dtype=bool)
        inside[np.ix_(self.segments, self.products)] = True
        return inside


@dataclass(frozen=True)
class Insurance(Acting):
    """A layer of cover on claimable balance; shares, `deductible` and `cap` of the balance a period begins with."""

    premium: float  # a year
    on_opening: bool  # of the balance the period begins with; else of the balance at the start of each month
    share: float  # of the claimable balance between deductible and cap
    deductible: float
    cap: float  # infinite: none
    period: int  # months after which deductible and cap begin anew
    subrogation: float  # of what is got back on debt the insurer has paid for


@dataclass(frozen=True)
class Partner(Acting):
    """A partner who holds `share` of the book and pays `fee`, a share of its interest and late charges."""

    share: float
    fee: float


def settle(transfers, line, funding_rate: float) -> dict[str, np.ndarray]:
    """Return {name: int64[replication, month, segment, product]} for every name of TRANSFERRED.

    line(name) gives the same of any gross line of the month; `funding_rate` is a year's.
    """
    balance = line("balance")
    nothing = np.broadcast_to(np.int64(0), balance.shape)
    lines = dict.fromkeys(TRANSFERRED, nothing)
    for transfer in transfers:
        settled = _insure(transfer, line) if isinstance(transfer, Insurance) else _share(transfer, line)
        lines |= {name: lines[name] + amount for name, amount in settled.items()}
    before, after = lines["partner_balance"][:, :-1] + lines["partner_bought"][:, 1:], lines["partner_balance"][:, 1:]
    if after.any():
        lines["partner_funding"] = _whole(_after_opening(before + after) * (funding_rate / 24))
    return lines


def own_share(transfers, shape) -> np.ndarray:
    """Return float64[month, segment, product]: what the partners leave to the lender; `shape` is of the result."""
    own = np.ones(shape)
    for transfer in transfers:
        if isinstance(transfer, Partner):
            own -= _held(transfer, shape)
    return own


# ---- credit insurance ----------------------------------------------------------------------------


def _insure(cover, line):
    """Return premium, claims and subrogation of one layer.

    Within a period the insurer owes share x (min(L, cap) - deductible)+ for the claimable balance L so far. It is
    owed on the insured pool and rounded there; each month's claim is spread over the cells by their claimable balance.
    """
    balance = line("balance")
    inside = cover.cells(balance.shape[2:])
    balance, claimable = np.maximum(balance, 0) * inside, line(CLAIMABLE) * inside
    got_back = sum(line(name) for name in GOT_BACK) * inside
    pool, hit, back = (cells.sum(axis=(2, 3)) for cells in (balance, claimable, got_back))
    premium, claims, shared = np.zeros_like(balance), np.zeros_like(pool), np.zeros_like(pool)
    ever_hit, ever_paid, ever_shared = (np.zeros_like(pool[:, 0]) for _ in range(3))
    for month in range(cover.first, balance.shape[1]):
        if month <= cover.last:
            if (month - cover.first) % cover.period == 0:
                begin, so_far, owed = month - 1, np.zeros_like(ever_hit), np.zeros_like(ever_hit)
            premium[:, month] = _whole(balance[:, begin if cover.on_opening else month - 1] * (cover.premium / 12))
            so_far = so_far + hit[:, month]
            layer = np.minimum(so_far, cover.cap * pool[:, begin] if cover.cap < np.inf else np.inf)
            now = _whole(cover.share * np.maximum(layer - cover.deductible * pool[:, begin], 0))
            claims[:, month], owed = now - owed, now
            ever_hit, ever_paid = ever_hit + hit[:, month], ever_paid + claims[:, month]
        # Of what comes back, the part that stands on paid claims: as much as was paid per unit claimable so far.
        paid_for = np.divide(ever_paid, ever_hit, out=np.zeros(len(pool)), where=ever_hit > 0)
        shared[:, month] = np.minimum(_whole(cover.subrogation * paid_for * back[:, month]), ever_paid - ever_shared)
        ever_shared = ever_shared + shared[:, month]
    return {"premium": premium, "claims": _spread(claims, claimable), "subrogation": _spread(shared, got_back)}


def _spread(total, weights):
    """Return int64 of the shape of `weights`, in proportion to them, that sums over cells to `total` exactly.

    total: int64[replication, month]; weights are not negative, and above 0 somewhere where `total` is.
    """
    flat = weights.reshape(*total.shape, -1)
    up_to = np.cumsum(flat, axis=-1)
    share = np.divide(up_to, up_to[..., -1:], out=np.zeros(flat.shape), where=up_to[..., -1:] > 0)
    return np.diff(_whole(total[..., None] * share), axis=-1, prepend=0).reshape(weights.shape)


# ---- joint lending -------------------------------------------------------------------------------


def _held(partner, shape):
    """Return float64[month, segment, product], the partner's share; the opening book is held as month 1 is."""
    held = np.zeros(shape)
    held[partner.first : partner.last + 1] = partner.share * partner.cells(shape[1:])
    held[0] = held[1]
    return held


def _share(partner, line):
    """Return the partner's lines: its share of each gross line, rounded; what it is paid closes its open book.

    It buys into the book at par when it begins (`partner_bought`, without profit) and is bought out when it ends.
    """
    gross = {name: line(name) for name in _SHARED}
    held = _held(partner, gross["balance"].shape[1:])
    lines = {f"partner_{name}": _whole(amount * held) for name, amount in gross.items()}
    begins = np.zeros_like(gross["balance"])  # balance at the start of the month, at the month's share
    begins[:, 1:] = _whole(gross["balance"][:, :-1] * held[1:])
    bought = begins.copy()
    bought[:, 1:] -= lines["partner_balance"][:, :-1]
    came = begins + sum(lines[f"partner_{name}"] for name in ("new_credit", "interest", "fees"))
    left = sum(lines[f"partner_{name}"] for name in ("balance", "forgiven", "written_off", "sold_open"))
    income = lines["partner_interest"] + lines["partner_fees"]
    return lines | {
        "partner_bought": bought,
        "partner_paid": _after_opening((came - left)[:, 1:]),
        "partner_fee": _whole(income * partner.fee),
    }


def _after_opening(cells):
    """Return `cells` of months 1 on with a month 0 of zeros before them."""
    return np.concatenate([np.zeros_like(cells[:, :1]), cells], axis=1)


def _whole(amount):
    """Return `amount` in whole minor units: one product and one `rint`, the same on every machine."""
    return np.rint(amount).astype(np.int64)
