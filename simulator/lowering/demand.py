"""How customers answer to what credit costs them: what they want, whether they take it up, whether they leave.

Worked out after the policies have written the levers, for the answer to a price takes months.
"""

from math import log

import numpy as np

from simulator.model import layout
from simulator.model.fixed_point import half_up, q16, q31
from simulator.model.kept import kept
from simulator.model.layout import (
    ANSWERS,
    CUSTOMERS,
    GRADES,
    LEAVE_MASK,
    LINE,
    LOAN,
    N_ANSWER,
    N_PRODUCT,
    N_UPTAKE,
    NEVER,
    PRODUCTS,
    QUALITIES,
    UNIT,
    V_MIN_SHARE,
    V_PAY_EXTRA,
    V_RATE,
    V_USAGE,
)
from simulator.model.tables import Levers
from simulator.policy.base import MOST
from simulator.policy.levers import neutral_levers
from simulator.scenario.schema import rate_of

RISKY, SAFE = range(5), range(11, QUALITIES)  # classes of quality of these thirds; the middle one has those between
MOST_RATIO = MOST / UNIT  # of a rate to the customary one, and its inverse, beyond which nothing more happens
NEW_GRADE = GRADES - 2  # of who has just come: no record yet
YEAR = 12
PRICES = [*range(V_RATE, V_RATE + GRADES), V_USAGE, V_MIN_SHARE]  # the levers of a month that customers answer to
OF_RATES, OF_USAGE, OF_MIN_SHARE = slice(GRADES), GRADES, GRADES + 1  # their places among these


def by_quality(thirds) -> np.ndarray:
    """Return float64[QUALITIES]: the number of each class's third."""
    numbers = np.full(QUALITIES, thirds.middle)
    numbers[list(RISKY)], numbers[list(SAFE)] = thirds.risky, thirds.safe
    return numbers


class Customers:
    """How the customers of a scenario answer, month by month.

    A **habit** is float64[segment, product, GRADES, QUALITIES]: the logarithm of what is wanted, but for what a price
    does at once. **Prices** are int64[month, segment, product, len(PRICES)]: the levers of PRICES.
    """

    def __init__(self, how, products, rates: list[list[float]], revolver_extra: list[float]):
        """Work out what is the same in all months, given `behaviour.demand`, and rates and revolvers by segment."""
        self.how = how
        self.segments = len(revolver_extra)
        self.rates = np.array(rates)[..., None]  # [segment, product, 1]
        self.customary = [getattr(how.customary_rate, name) for name in PRODUCTS]
        self.least = products.line.minimum_share
        self.revolver_extra = np.array(revolver_extra)
        elasticity = by_quality(how.elasticity)
        self.step = 1 - 2 ** (-1 / how.half_life_months)
        self.in_the_end = elasticity / (1 - 2 ** (-YEAR / how.half_life_months))  # `elasticity` is that after a year
        self.at_once = np.array((0.0, how.new_loan_elasticity))[:, None, None]
        loan = products.loan
        self.loan_open = loan.draw_probability * sum(term.share * term.months for term in loan.terms)  # to none open
        self.accepts = by_quality(how.acceptance_elasticity)
        self.leaves = how.leaving * by_quality(how.leaving_by_risk)
        steepness = elasticity / how.elasticity.middle if how.elasticity.middle else np.ones(QUALITIES)
        self.leaves_dear = log(how.leaving_per_5_points) / 0.05 * steepness if how.leaving_per_5_points else None

    @property
    def remembers(self) -> bool:
        """Return whether what they want in a month depends on prices before it."""
        return bool(self.in_the_end.any()) and any(rate is not None for rate in self.customary)

    def start(self) -> np.ndarray:
        """Return the habit before the first month: that of the customary rates."""
        return np.zeros((self.segments, N_PRODUCT, GRADES, QUALITIES))

    def answer(self, levers: Levers, month: int, habit: np.ndarray) -> np.ndarray:
        """Write the answers of a month to its levers, and return the habit after it."""
        answer, pay_extra, habit = self.answers(levers.month[month : month + 1][..., PRICES], habit)
        levers.answer[month], levers.month[month, :, LINE, V_PAY_EXTRA] = answer[0], pay_extra[0]
        return habit

    def answers(self, prices: np.ndarray, habit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return uint32[month, segment, product, N_ANSWER, ANSWERS], the lever V_PAY_EXTRA, and the habit after them.

        `prices` are those of months on end, `habit` is that before them. Most months have the prices and the habit of
        the one before, and so its answers: each is worked out once.
        """
        of_bytes: dict[bytes, int] = {}
        price_of = [of_bytes.setdefault(month.tobytes(), len(of_bytes)) for month in prices]
        own = np.frombuffer(b"".join(of_bytes), prices.dtype).reshape(-1, *prices.shape[1:])
        x, dearer = self._prices(own)
        now = self.at_once * x
        later = self._later(x, now)
        found: list[int] = []  # the prices that come together with each of `habits`, and where a month's are
        habits, place = [], []
        for price in price_of:
            after = habit + self.step * (later[price] - habit)
            if not found or found[-1] != price or not np.array_equal(after, habit):
                found.append(price)
                habits.append(after)
            habit = after
            place.append(len(found) - 1)
        answer = self._rounded(self._answers(own[found], x[found], now[found], dearer[found], np.array(habits)))
        return answer[place], self._pay_extra(own[found][:, :, LINE])[place], habit

    def _answers(self, own, x, now, dearer, habit):
        """Return float64[month, segment, product, N_ANSWER, GRADES, CUSTOMERS]."""
        wanted = self._by_wishes(np.exp(habit)) * np.exp(now)
        usage = own[..., OF_USAGE, None, None] / UNIT
        answer = np.zeros((len(own), self.segments, N_PRODUCT, N_ANSWER, GRADES, CUSTOMERS))
        answer[:, :, :, layout.C_DEMAND] = self._each(wanted * usage, usage)
        answer[:, :, :, layout.C_LEAVE, ..., :QUALITIES] = self._leaving(dearer)
        answer[:, :, :, layout.C_LEAVE, ..., QUALITIES:] = self.leaves
        accepted = self.how.acceptance * np.exp(self.accepts * x[:, :, :, NEW_GRADE])
        answer[:, :, :, layout.C_ACCEPT] = self._each(accepted[:, :, :, None], self.how.acceptance)
        return answer

    def _prices(self, own):
        """Return (how dear, yearly points above the customary rate), each float64[month, segment, product, grade, 1].

        How dear is the logarithm of the rate, as a share of the customary one, while it is below that, and above it
        the share less 1: a point more weighs there as much as the one before, or with a `steepening` more than it.
        """
        x = np.zeros((len(own), self.segments, N_PRODUCT, GRADES))
        dearer = np.zeros_like(x)
        for p, customary in enumerate(self.customary):
            if customary:
                yearly = YEAR * self.rates[:, p] * own[:, :, p, OF_RATES] / UNIT
                share = yearly / customary
                above = np.maximum(share - 1, 0)
                x[:, :, p] = above * (1 + self.how.steepening * above) + np.log(np.clip(share, 1 / MOST_RATIO, 1))
                dearer[:, :, p] = np.maximum(yearly - customary, 0.0)
        return x[..., None], dearer[..., None]

    def _later(self, x, now):
        """Return float64[month, segment, product, grade, quality]: what a price does in the end beside `now`.

        Nothing where that is more already.
        """
        more = np.where(x > 0, self.how.kink * x, x) * self.in_the_end - now
        return np.where(np.sign(more) == -np.sign(x), more, 0.0)

    def _by_wishes(self, amount):
        """Return by how much the wish for a loan changes so that loans come to `amount` of their usual sum.

        Only who has no loan open may wish for one: of fewer loans more people have none.
        """
        wishes = amount.copy()
        room = np.maximum(1 + self.loan_open * (1 - amount[:, :, LOAN]), 1 / MOST_RATIO)
        wishes[:, :, LOAN] /= room
        return wishes

    def _leaving(self, dearer):
        """Return float64[..., quality]: the chance a month that who pays interest leaves."""
        if self.leaves_dear is None:
            return self.leaves
        return self.leaves * np.exp(np.minimum(self.leaves_dear * dearer, log(UNIT)))

    def _each(self, who_pays_interest, full_payer):
        """Return float64[month, segment, product, grade, customer] of the answers of the two kinds."""
        shape = (len(who_pays_interest), self.segments, N_PRODUCT, GRADES, QUALITIES)
        both = [np.broadcast_to(np.asarray(kind, dtype=np.float64), shape) for kind in (who_pays_interest, full_payer)]
        both[1] = np.concatenate([both[1][:, :, :LOAN], both[0][:, :, LOAN:]], axis=2)  # of a loan all pay interest
        return np.concatenate(both, axis=-1)

    def _rounded(self, answer):
        """Return uint32[month, segment, product, name, place] of the real answers."""
        rows = np.zeros((*answer.shape[:4], ANSWERS), np.uint32)
        flat = answer.reshape(*answer.shape[:4], GRADES * CUSTOMERS)
        kinds = (
            (layout.C_DEMAND, q16(np.minimum(flat[..., layout.C_DEMAND, :], MOST_RATIO))),
            (layout.C_LEAVE, half_up(np.minimum(flat[..., layout.C_LEAVE, :], 1.0) * (LEAVE_MASK + 1))),
            (layout.C_ACCEPT, q31(np.minimum(flat[..., layout.C_ACCEPT, :], 1.0))),
        )
        for name, numbers in kinds:
            rows[..., name, : GRADES * CUSTOMERS] = numbers
        return rows

    def _pay_extra(self, line):
        """Return int64[month, segment]: q16 of the share of the rest of the bill that revolvers pay above the minimum.

        They want to pay as much of the bill in all as at the customary minimum, and part of it moves with the minimum.
        """
        how = self.how
        follows, usual = how.payment_follows_minimum, self.revolver_extra
        customary = self.least if how.customary_minimum is None else how.customary_minimum
        if follows is None or not customary:
            return np.full((len(line), self.segments), UNIT)
        least = np.where(line[..., OF_MIN_SHARE] >= 0, line[..., OF_MIN_SHARE] / layout.ONE, self.least)
        paid = (customary + (1 - customary) * usual) * (1 - follows + follows * least / customary)
        extra = np.clip((paid - least) / np.maximum(1 - least, 1e-9), 0, 1)
        return q16(np.clip(np.divide(extra, usual, out=np.ones_like(extra), where=usual > 0), 0, MOST_RATIO))


def customers_of(settings) -> Customers:
    """Return the customers of a scenario, given its settings."""
    return Customers(*_who_answers(settings))


def _who_answers(settings):
    everyone = settings.segment.values()
    rates = [[rate_of(settings.products, segment, name) for name in PRODUCTS] for segment in everyone]
    return settings.behaviour.demand, settings.products, rates, [segment.revolver_extra for segment in everyone]


def answered(levers: Levers, settings) -> Levers:
    """Return levers with the answers of all months, as if they were those of every month."""
    answer, pay_extra = _answers_to(levers.month[1:, ..., PRICES], *_who_answers(settings))
    month = levers.month.copy()
    month[1:, :, LINE, V_PAY_EXTRA] = pay_extra
    return levers._replace(month=month, answer=answer)


@kept
def _answers_to(prices: np.ndarray, *who) -> tuple[np.ndarray, np.ndarray]:
    """Return the answers of month 0 on, the neutral one, and V_PAY_EXTRA from month 1 on."""
    customers = Customers(*who)
    answer, pay_extra, _ = customers.answers(prices, customers.start())
    return np.concatenate([neutral_levers(0, customers.segments).answer, answer]), pay_extra


@kept
def uptake_tables(how, least: float, revolver_extra: list[float]) -> np.ndarray:
    """Return int64[segment, N_UPTAKE, CUSTOMERS]: q31 of a change of the limit by which usual spending changes.

    So that, at the usual payments, the balance of those who do not pay in full changes within a year by the stated
    share of what the limit does, where the limit leaves room for it. `how` is `behaviour.demand`, `least` the usual
    minimum, a share of the bill, and `revolver_extra` what revolvers pay above it, by segment.
    """
    shares = np.zeros((N_UPTAKE, CUSTOMERS))
    shares[layout.T_RAISED, :QUALITIES] = by_quality(how.raised)
    shares[layout.T_CUT, :QUALITIES] = how.cut
    shares[layout.T_CUT_USED, :QUALITIES] = how.cut_used
    paid = [least + (1 - least) * extra for extra in revolver_extra]  # of a bill in a month
    held = [(1 - (1 - p) ** YEAR) / p if p else YEAR for p in paid]  # months of more spending that stand after a year
    return q31(np.stack([shares / months for months in held]))


def scalars(settings) -> dict[int, int]:
    """Return the scalars of every segment that say when lines are closed by customers, by their place in the row."""
    how = settings.behaviour.demand
    idle = NEVER if how.idle_closes_months is None else how.idle_closes_months
    leaves = how.leaving > 0 or how.idle_closes_months is not None
    return {layout.G_LEAVE_FELT: int(q16(how.leaving_felt)), layout.G_IDLE_CLOSES: idle, layout.G_LEAVES: int(leaves)}
