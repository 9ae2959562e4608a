"""What an account costs its holder in a year, by product and grade, as settings say, and against China's ceilings."""

from collections.abc import Mapping

from simulator.language.catalogue import kept, say
from simulator.model.layout import GRADE_NAMES, GRADES, PRODUCTS
from simulator.policy.why import in_a_row
from simulator.scenario.schema import rate_of

# Yearly rates, all costs counted: to the first, supervisors hold the platforms (S4, S46); the second is the old line
# beyond which a court made the lender pay interest back (Supreme People's Court, 2015, on loans between private
# persons; recalled).
CEILINGS = (0.24, 0.36)
CLOSE = 1e-6  # a rate of 24 % a year, taken by the month and rounded, is not above it

Rates = dict[str, list[float]]  # by product: yearly rate of each grade


def asked_rates(settings) -> Rates:
    """Return the highest yearly rate of each grade in a month of lending and segment, as `Policy.rates` has it.

    Twelve times the monthly one, which of a loan in level instalments is the annual percentage rate; there are no
    other charges for who pays on time. Only products that somebody holds. A policy acts as if its condition held, and
    what one in a file of the user's own writes is not known here.
    """
    policies = [policy for policy in settings.policy.values() if policy.enabled]
    found = {}
    for product in held(settings):
        highest = [0.0] * GRADES
        for segment, table in settings.segment.items():
            rate = rate_of(settings.products, table, product)
            acting = [p for p in policies if product in p.products and segment in (p.segments or settings.segment)]
            starts = {1, *(p.start for p in acting), *(p.end + 1 for p in acting if p.end is not None)}
            for month in (start for start in starts if start <= settings.months):  # between these nothing changes
                times = [1.0] * GRADES
                for policy in acting:
                    if policy.start <= month <= (policy.end or month):
                        times = [before * own for before, own in zip(times, policy.rates(), strict=True)]
                highest = [max(*pair) for pair in zip(highest, yearly(rate, times), strict=True)]
        found[product] = highest
    return found


def held(settings) -> list[str]:
    """Return the products that somebody may hold."""
    segments = settings.segment.values()
    return [
        name for name in PRODUCTS if settings.portfolio.tape or any(getattr(s, f"{name}_holders") for s in segments)
    ]


def yearly(monthly: float, times: list[float]) -> list[float]:
    """Return the yearly rates at multipliers of a monthly one; no month charges more than all."""
    return [12 * min(monthly * each, 1.0) for each in times]


def above_ceilings(rates: Rates) -> list[str]:
    """Return what must be said of rates that are above a ceiling, in words: of each product by the highest of them."""
    said = []
    for product, by_grade in rates.items():
        for ceiling in reversed(CEILINGS):
            dear = {grade: rate for grade, rate in zip(GRADE_NAMES, by_grade, strict=True) if rate > ceiling + CLOSE}
            if dear:
                said.append(_words(product, dear, ceiling))
                break
    return said


def _words(product, dear, ceiling):
    names = ", ".join(dear)
    grades = kept("grade {names}", names=names) if len(dear) == 1 else kept("grades {names}", names=names)
    top, low = f"{100 * max(dear.values()):.1f}", f"{100 * min(dear.values()):.1f}"
    said = {
        "products": kept("lines" if product == "line" else "loans"),
        "grades": kept("all grades") if len(dear) == GRADES else grades,
        "rates": kept("{rate} %", rate=top) if top == low else kept("{low} to {high} %", low=low, high=top),
        "ceiling": f"{100 * ceiling:.0f}",
    }
    if ceiling == CEILINGS[-1]:
        return kept(
            "{products} of {grades} cost {rates} a year, above {ceiling} %: far beyond what supervisors let platforms "
            "charge.",
            **said,
        )
    return kept(
        "{products} of {grades} cost {rates} a year, above {ceiling} %, to which supervisors hold platforms in China.",
        **said,
    )


def price_cautions(rates: Mapping[str, Rates]) -> list[str]:
    """Return what must be known of the prices of lenders by name: the first's, the baseline, then what others add."""
    first, *others = rates
    own = above_ceilings(rates[first])
    added = [(name, each) for name in others for each in above_ceilings(rates[name]) if each not in own]
    return [*own, *(kept("{name}: {caution}", name=name, caution=each) for name, each in added)]


def told(rates: Rates) -> str:
    """Return the rates of a lender in words: of each product one, or that of the cheapest and the dearest grade."""
    words = []
    for product, by_grade in rates.items():
        low, high = (f"{100 * rate:.1f}" for rate in (min(by_grade), max(by_grade)))
        if low == high:
            words.append(say("{product} {rate} %", product=say(product), rate=low))
        else:
            words.append(say("{product} {low} to {high} %", product=say(product), low=low, high=high))
    return in_a_row(words)
