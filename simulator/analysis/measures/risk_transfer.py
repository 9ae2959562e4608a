"""Measures of who bears the loss, where there is insurance or a partner."""

from simulator.analysis.measures.registry import FLOW, MONEY, Measure, flow, stock
from simulator.analysis.measures.risk import tails
from simulator.analysis.measures.tables import OWN_LOSS
from simulator.analysis.measures.view import without_run_off


def own(kind, name, text, *formula, **options):
    """Return a flow or stock in money that is there only with insurance or a partner."""
    return kind(name, MONEY, text, *formula, transfer=True, **options)


def value_of(who: str) -> Measure:
    """Return the net present value of the cash of insurers or partners: with the lender's, that of the whole book."""
    return Measure(
        f"npv_{who}", FLOW, MONEY, f"Σ {who}_cash / (1 + discount_rate)^(t / 12) - {who}_balance[start]",
        f"net present value of the {who}s' cash at the lender's discount rate: npv, npv_insurer and npv_partner sum to "
        "that of the whole book, so what one of them gains by a contract another one pays for",
        lambda v: v.present_value({f"{who}_cash": 1}) - v.start(f"{who}_balance"),
        label=f"net present value of {who}s", headline=True, monthly=False, transfer=True, reason=without_run_off,
    )  # fmt: skip


SECTIONS = {
    "Who bears the loss": (
        own(flow, "own_net_loss", "net loss that stays with the lender", headline=True, shown_in={OWN_LOSS: 1}),
        own(flow, "premium", "paid to insurers", label="insurance premiums"),
        own(flow, "claims", "paid by insurers", label="insurance claims paid"),
        own(flow, "subrogation", "passed on to insurers of what came back on claims they had paid",
            label="recoveries passed on to insurers"),
        own(stock, "insurer_balance", "insurers' part of the open balance of claimed accounts",
            label="balance of insurers"),
        own(flow, "insurer_net_loss", "net loss that insurers bear",
            "Σ claims - subrogation - growth of insurer_balance", label="net loss of insurers"),
        own(flow, "insurer_funding", "insurers' funding of their part", label="funding by insurers"),
        own(flow, "insurer_result", "what the cover costs on balance, and insurers earn",
            label="premiums less the loss that insurers bear and fund", headline=True, shown_in={OWN_LOSS: 3}),
        value_of("insurer"),
        own(flow, "partner_net_loss", "net loss that partners bear, partner_loss_on_transfer included",
            label="net loss of partners"),
        own(flow, "partner_loss_on_transfer", "late balance above its price, where a partner leaves; below 0 where "
            "one joins"),
        own(flow, "partner_fee", "paid by partners for the work", label="fee of partners"),
        own(flow, "partner_profit", "what partners earn after funding and fee", label="partners' profit",
            shown_in={OWN_LOSS: 4}),
        value_of("partner"),
        own(flow, "gross_profit", "profit before insurers and partners take or give anything"),
        own(stock, "own_balance", "open balance less the insurers' and the partners' part"),
        *tails("_own", "own net loss", "own_net_loss", OWN_LOSS, transfer=True),
    ),
}  # fmt: skip
