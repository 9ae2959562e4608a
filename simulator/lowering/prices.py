"""What an account costs its holder in a year, by product and grade, and against the ceilings of China."""

from collections.abc import Mapping

from simulator.model.layout import GRADE_NAMES, GRADES, PRODUCTS, UNIT, V_RATE
from simulator.policy.levers import PolicyContext, neutral_levers, write_all

# Yearly rates, all costs counted: to the first, supervisors hold the platforms (S4, S46); the second is the old line
# beyond which a court made the lender pay interest back (Supreme People's Court, 2015, on loans between private
# persons; recalled).
CEILINGS = (0.24, 0.36)
CLOSE = 1e-6  # a rate of 24 % a year, taken by the month and rounded, is not above it

Rates = dict[str, list[float]]  # by product: yearly rate of each grade


def yearly_rates(settings, levers=None) -> Rates:
    """Return the highest yearly rate that accounts of each grade are charged while new credit is granted.

    Twelve times the monthly one, which of a loan in level instalments is the annual percentage rate; there are no
    other charges for who pays on time. Only products that somebody holds. `levers` are those of the lender, if they
    are known; where a policy reads last month's book, as if its condition always held.
    """
    segments = tuple(settings.segment)
    if levers is None:
        context = PolicyContext(settings.months, settings.months, segments, settings.currency.minor_units)
        levers = neutral_levers(settings.months, len(segments))
        write_all(levers, settings.policy.values(), context)
    months = levers.month[1 : settings.months + 1]
    found = {}
    for p, name in enumerate(PRODUCTS):
        holders = [getattr(segment, f"{name}_holders") for segment in settings.segment.values()]
        if any(holders) or settings.portfolio.tape:
            monthly = getattr(settings.products, name).interest_rate
            highest = months[:, :, p, V_RATE : V_RATE + GRADES].max(axis=(0, 1)) / UNIT
            found[name] = [12 * min(monthly * times, 1.0) for times in highest.tolist()]
    return found


def above_ceilings(rates: Rates) -> list[str]:
    """Return what must be said of the rates that are above a ceiling, in words; the higher one first."""
    said = []
    for product, by_grade in rates.items():
        for ceiling in reversed(CEILINGS):
            dear = {grade: rate for grade, rate in zip(GRADE_NAMES, by_grade, strict=True) if rate > ceiling + CLOSE}
            if dear:
                said.append(_words(product, dear, ceiling))
                break
    return said


def price_cautions(rates: Mapping[str, Rates]) -> list[str]:
    """Return what must be known of the prices of lenders by name: the first's, then what is other in the rest."""
    said: list[str] = []
    own: list[str] = []
    for number, (name, found) in enumerate(rates.items()):
        words = above_ceilings(found)
        if number == 0:
            own = words
            said += words
        else:
            said += [f"{name}: {each}" for each in words if each not in own]
    return said


def _words(product, dear, ceiling):
    grades = "all grades" if len(dear) == GRADES else f"grade{'s' * (len(dear) > 1)} {', '.join(dear)}"
    top, low = f"{100 * max(dear.values()):.1f}", f"{100 * min(dear.values()):.1f}"
    rates = f"{top} %" if top == low else f"{low} to {top} %"
    above = f"above {100 * ceiling:.0f} %"
    if ceiling == CEILINGS[-1]:
        return f"{product}s of {grades} cost {rates} a year, {above}: far beyond what supervisors let platforms charge."
    return f"{product}s of {grades} cost {rates} a year, {above}, to which supervisors hold platforms in China."


def told(rates: Mapping[str, list[float]]) -> str:
    """Return the rates of a lender in words: of each product one, or that of the cheapest and the dearest grade."""
    words = []
    for product, by_grade in rates.items():
        low, high = (f"{100 * rate:.1f}" for rate in (min(by_grade), max(by_grade)))
        words.append(f"{product} {low} %" if low == high else f"{product} {low} to {high} %")
    return ", ".join(words)
