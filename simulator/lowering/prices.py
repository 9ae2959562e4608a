"""What accounts are charged in a year, by product and grade, as the levers have it."""

from simulator.model.layout import GRADES, PRODUCTS, UNIT, V_RATE
from simulator.model.tables import Levers
from simulator.scenario.prices import Rates, held, yearly
from simulator.scenario.schema import rate_of


def charged_rates(settings, levers: Levers) -> Rates:
    """Return the highest yearly rate of each grade in a month of lending and segment; `levers` are the lender's.

    What `asked_rates` says of settings, and what policies of the user's own do as well. Where a policy reads last
    month's book, as if its condition always held.
    """
    months, found = levers.month[1 : settings.months + 1], {}
    for product in held(settings):
        rates = months[:, :, PRODUCTS.index(product), V_RATE : V_RATE + GRADES]
        times = (rates.max(axis=0) / UNIT).tolist()
        own = [rate_of(settings.products, segment, product) for segment in settings.segment.values()]
        found[product] = [max(of) for of in zip(*map(yearly, own, times), strict=True)]
    return found
