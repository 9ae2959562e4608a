"""Every key of a scenario file: its type, unit and bounds. The attribute path is the key path.

Defaults are neutral: nothing spreads, nothing happens, nothing costs. Keys a scenario needs have none.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.model import values
from simulator.model.layout import (
    BUCKETS,
    BURDEN_CLASSES,
    MAX_MONTHS_BACK,
    MAX_STATES,
    MAX_TERM_MONTHS,
    MAX_TERMS,
    REACH_BANDS,
)
from simulator.model.values import CertainLogOdds, Chance, Incomes, LogOdds, Money, Month, Multiplier, Share
from simulator.scenario.distributions import Constant, over_people

AmountOverPeople = over_people(values.MONEY, 0, values.LARGEST_AMOUNT)
Loading = Annotated[LogOdds, values.Unit("log-odds per standard deviation")]
ByMonth = Field(min_length=1, max_length=999)
NOTHING = Constant(distribution="constant", value=0.0)
ByBurden = Annotated[list[LogOdds], Field(min_length=BURDEN_CLASSES, max_length=BURDEN_CLASSES)]
ByAge = Annotated[list[Share], Field(min_length=len(REACH_BANDS), max_length=len(REACH_BANDS))]
ByCalendar = Annotated[list[values.Factor], Field(min_length=12, max_length=12)]
ALL_YEAR = [1.0] * 12
Suspend = Annotated[int, Field(ge=30, le=450, multiple_of=30), values.DPD]


class Table(BaseModel):
    """A table of the file: unknown keys, numbers as text, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Currency(Table):
    """The money of the scenario."""

    code: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    minor_units: Literal[1, 10, 100, 1000] = 100


class Portfolio(Table):
    """How many borrowers; or the tape they come from."""

    borrowers: Annotated[int, Field(ge=0, le=4_000_000_000), values.COUNT] = 0
    applicants_per_month: Annotated[int, Field(ge=0, le=4_000_000_000), values.COUNT] = 0
    tape: str = ""
    mapping: str = ""


class Causes(Table):
    """A number for each cause of being late."""

    forgot: LogOdds = 0.0
    short: LogOdds = 0.0
    cannot: LogOdds = 0.0
    will_not: LogOdds = 0.0


class CauseShares(Table):
    """The share of each cause among accounts late at the start."""

    forgot: Share = 0.0
    short: Share = 0.0
    cannot: Share = 0.0
    will_not: Share = 0.0


class Opening(Table):
    """Where accounts stand at the start: shares of buckets 0, 1, ..., or of named states; what late lines owe."""

    line: Annotated[list[Share] | dict[str, Share], Field(min_length=1, max_length=MAX_STATES)] = [1.0]
    loan: Annotated[list[Share] | dict[str, Share], Field(min_length=1, max_length=MAX_STATES)] = [1.0]
    causes: CauseShares = CauseShares(forgot=1.0)
    late_utilisation: over_people(values.Unit("share of limit", values.SHARE.others), -10, 10) | None = None


class StateOverride(Table):
    """Limits and utilisation of the lines that start in one named state."""

    line_limit: AmountOverPeople | None = None
    utilisation: over_people(values.Unit("share of limit", values.SHARE.others), -10, 10) | None = None


class State(Table):
    """A named state of a roll matrix: a bucket, or an exit."""

    name: Annotated[str, Field(min_length=1)]
    bucket: Annotated[int, Field(ge=0, lt=BUCKETS), values.COUNT] | Literal["written_off", "paid_off"]
    at_least: bool = False
    pays: Share = 0.0
    spends: Multiplier = 1.0


Months = Annotated[list[Annotated[int, Field(ge=0, le=MAX_MONTHS_BACK)]], Field(min_length=1, max_length=2)]


class Memory(Table):
    """The row of a state for accounts with a certain history: from month, to month; one number has no end."""

    state: Annotated[str, Field(min_length=1)]
    months_in_state: Months = [1]  # 1 in the month of arrival
    months_since_late: Months = [0]  # 0 while late, 1 in the first month that is not; never late has no end
    state_before: Annotated[list[str], Field(min_length=1)] | None = None  # a month before; None: any
    counts: Annotated[list[Annotated[float, Field(ge=0)]], values.COUNT]


class Moves(Table):
    """Monthly moves between named states. `matrix` is normalised from `counts` where those are given.

    An account moves by the first row of `memory` that fits its state and history, else by the row of its state.
    """

    matrix: Annotated[list[list[Share]], values.CHANCE] | None = None
    counts: Annotated[list[list[Annotated[float, Field(ge=0)]]], values.COUNT] | None = None
    memory: list[Memory] = []

    @model_validator(mode="before")
    @classmethod
    def _one_of(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and (raw.get("matrix") is None) == (raw.get("counts") is None):
            raise ValueError("give either matrix or counts")
        return raw


class Kind(Moves):
    """People of one kind: they move by rows of their own, and never become another kind."""

    name: Annotated[str, Field(min_length=1)]


class RollMatrix(Moves):
    """The moves of everybody; where there are `kinds` of people, each account moves as its kind does."""

    states: Annotated[list[State], Field(min_length=1, max_length=MAX_STATES)]
    kinds: list[Kind] = []
    counts_dispersion: Annotated[float, Field(ge=1, le=1e6), values.NUMBER] | None = None  # rows are in doubt by it


class RollRates(Table):
    """Roll matrices by product."""

    spending_variation: Annotated[float, Field(ge=0, le=5), values.NUMBER] = 0.0
    line: RollMatrix | None = None
    loan: RollMatrix | None = None


class SegmentRollRates(Table):
    """A segment's own roll matrices."""

    line: RollMatrix | None = None
    loan: RollMatrix | None = None


class Segment(Table):
    """A group of people: what they hold, earn, spend and forget. Fixed at entry."""

    share: Share
    line_holders: Share = 0.0
    loan_holders: Share = 0.0
    income: over_people(values.MONEY_PER_MONTH, 0, values.LARGEST_AMOUNT) | None = None
    living_cost: over_people(values.INCOME_SHARE, 0, 1) = NOTHING
    spending: over_people(values.Unit("share a month", values.SHARE.others), 0, 100) = NOTHING
    forget: over_people(values.CHANCE, 0, 1) = NOTHING
    buffer: over_people(values.INCOMES, 0, 1000) = NOTHING
    autopay: Share = 0.0
    full_payer: Share = 0.0
    revolver_extra: Share = 0.0
    outside_credit: Share = 0.0
    outside_size: Incomes = 0.0
    outside_repay: Annotated[float, Field(ge=0, le=1), values.INCOME_SHARE] = 0.0
    buffer_cap: Incomes = 1000.0
    unemployed: Share = 0.0
    exposed: Share | None = None
    line_limit: AmountOverPeople | None = None
    loan_limit: AmountOverPeople | None = None
    loan_ticket: AmountOverPeople | None = None
    loan_rate: values.MonthlyRate | None = None
    limit_income_correlation: values.Correlation = 0.0
    score_correlation: values.Correlation = 0.0
    score_gini: values.Gini = 0.0
    score_shift: Annotated[float, Field(ge=-4, le=4), values.Unit("standard deviations")] = 0.0
    utilisation: over_people(values.Unit("share of limit", values.SHARE.others), -10, 10) = NOTHING
    loan_open: Share = 0.0
    opening: Opening = Opening()
    state: dict[str, StateOverride] = {}
    roll_rates: SegmentRollRates | None = None
    factor_loading: Annotated[float, Field(ge=0, le=5), values.NUMBER] = 1.0


class ConversionTerm(Table):
    """A number of instalments, the share of converted bills that has it, and its fee over all of them."""

    months: Annotated[int, Field(ge=1, le=MAX_TERM_MONTHS), values.MONTHS]
    share: Share
    fee: Annotated[float, Field(ge=0, le=1), values.Unit("share of amount", values.SHARE.others)]


class Conversion(Table):
    """Bills of the line that are turned into instalments: how often, by whom, at which fee."""

    chance: Annotated[float, Field(ge=0, le=0.5), values.CHANCE] = 0.0
    floor: Money = 0.0
    if_short: Multiplier = 1.0
    if_large: Multiplier = 1.0
    terms: Annotated[list[ConversionTerm], Field(min_length=1, max_length=MAX_TERMS)] = [
        ConversionTerm(months=3, share=1.0, fee=0.0)
    ]


class EarlySettlement(Table):
    """Loans repaid before their term, with money from elsewhere."""

    first_month: Annotated[float, Field(ge=0, le=0.5), values.CHANCE] = 0.0
    later: Annotated[float, Field(ge=0, le=0.5), values.CHANCE] = 0.0
    quality_slope: Share = 0.0


class Line(Table):
    """Terms of the line, the same in every segment."""

    interest_rate: values.MonthlyRate = 0.0
    late_rate: values.DailyRate = 0.0
    minimum_share: Share = 1.0
    minimum_floor: Money = 0.0
    suspend_interest_dpd: Suspend | None = None
    part_payment_holds: Share = 0.0
    merchant_discount: Share = 0.0
    conversion: Conversion = Conversion()
    first_payment_default: Share = 0.0
    fraud: Share = 0.0
    first_payment_quality_slope: Share = 0.0


class Term(Table):
    """A length of loan and the share of new loans that have it."""

    months: Annotated[int, Field(ge=1, le=MAX_TERM_MONTHS), values.MONTHS]
    share: Share


class Loan(Table):
    """Terms of the loan, the same in every segment."""

    interest_rate: values.MonthlyRate = 0.0
    late_rate: values.DailyRate = 0.0
    suspend_interest_dpd: Suspend | None = None
    part_payment_holds: Share = 0.0
    draw_probability: Chance = 0.0
    ticket_step: Annotated[float, Field(gt=0, le=values.LARGEST_AMOUNT), values.MONEY] = 1.0
    kept_share: Share = 0.0
    fixed_rate: bool = False
    terms: Annotated[list[Term], Field(min_length=1, max_length=MAX_TERMS)] = [Term(months=12, share=1.0)]
    early_settlement: EarlySettlement = EarlySettlement()
    first_payment_default: Share = 0.0
    fraud: Share = 0.0
    first_payment_quality_slope: Share = 0.0


class Products(Table):
    """What people may hold."""

    line: Line = Line()
    loan: Loan = Loan()


class Costs(Table):
    """What the book costs the lender."""

    funding_rate: values.YearlyRate = 0.0
    operating_cost: Annotated[Money, values.Unit("{money} per account and month", (("{money}", 1.0),))] = 0.0
    idle_cost: Annotated[Money, values.Unit("{money} per idle line and month", (("{money}", 1.0),))] = 0.0
    acquisition_cost: Annotated[Money, values.Unit("{money} per granted account", (("{money}", 1.0),))] = 0.0
    reminder_cost: Annotated[Money, values.Unit("{money} per reminder", (("{money}", 1.0),))] = 0.0
    report_cost: Annotated[Money, values.Unit("{money} per report", (("{money}", 1.0),))] = 0.0


class PaidBy(Table):
    """Share of those who missed a due that has paid by day 7 and by day 30."""

    by_day_7: Share = 0.0
    by_day_30: Share = 0.0


class PaidByCause(Table):
    """Payment within the month, by cause."""

    forgot: PaidBy = PaidBy()
    short: PaidBy = PaidBy()
    cannot: PaidBy = PaidBy()
    will_not: PaidBy = PaidBy()


class PaidInMonth(Table):
    """Payment within the month, by whether the account was current before."""

    current: PaidByCause = PaidByCause()
    late: PaidByCause = PaidByCause()


class QualityCorrelation(Table):
    """The correlation of each trait of people with their quality, both as normal numbers."""

    income: values.Correlation = 0.0
    living_cost: values.Correlation = 0.0
    forget: values.Correlation = 0.0
    autopay: values.Correlation = 0.0
    full_payer: values.Correlation = 0.0
    outside_credit: values.Correlation = 0.0
    line_limit: values.Correlation = 0.0
    utilisation: values.Correlation = 0.0
    buffer: values.Correlation = 0.0
    loan_limit: values.Correlation = 0.0
    unemployed: values.Correlation = 0.0
    spending: values.Correlation = 0.0
    late_at_start: values.Correlation = 0.0


class Tie(Table):
    """What ties the reasons to a book's own levels: lists by month, the last of each also for what is beyond it.

    `shift` is by bucket from 0 on, `part` by bucket from 1 on. The common factor takes `loading` off every shift.
    """

    shift: Annotated[
        list[Annotated[list[LogOdds], Field(min_length=1, max_length=BUCKETS)]], Field(min_length=1, max_length=999)
    ] = [[0.0]]
    part: Annotated[
        list[Annotated[list[Share], Field(min_length=1, max_length=BUCKETS - 1)]], Field(min_length=1, max_length=999)
    ] = [[0.0]]
    loading: Loading = 0.0


class Levels(Table):
    """A book's own levels, which a tie is sought for: shares by month and bucket, the last of each also beyond it."""

    worse: Annotated[list[Annotated[list[Share], Field(min_length=1, max_length=BUCKETS)]], ByMonth]  # from bucket 0 on
    cured: Annotated[list[Annotated[list[Share], Field(min_length=1, max_length=BUCKETS - 1)]], ByMonth]  # from 1 on
    late: Annotated[list[Share], ByMonth]  # 30+ at the month's end
    loading: Loading = 0.0  # of the tie
    people_seed: Annotated[int, Field(ge=0, lt=2**64), values.COUNT] | None = None  # of the persons of the tape


class Structural(Table):
    """Why people pay or do not: unwilling, forgetful, short of cash, out of work."""

    will_not: Chance = 0.0
    will_not_by_bucket: Annotated[list[CertainLogOdds], Field(min_length=1, max_length=BUCKETS)] = [0.0]
    will_not_by_cause: Causes = Causes()
    will_not_closed: LogOdds = 0.0
    will_not_reported: LogOdds = 0.0
    will_not_loan: LogOdds = 0.0
    will_not_burden: ByBurden = [0.0] * BURDEN_CLASSES
    will_not_quality_slope: LogOdds = 0.0
    quality_correlation: QualityCorrelation = QualityCorrelation()
    alert_after_miss: Annotated[float, Field(ge=0, le=1), values.MULTIPLIER] = 1.0
    alert_fading: Annotated[float, Field(ge=0, le=1), values.Unit("share per month")] = 0.0
    paid_in_month: PaidInMonth = PaidInMonth()
    contact_reach: ByAge = [1.0] * len(REACH_BANDS)
    benefit: Annotated[float, Field(ge=0, le=1), values.INCOME_SHARE] = 0.0
    living_unemployed: Annotated[float, Field(ge=0, le=1), values.Unit("share of living cost")] = 1.0
    spending_unemployed: Share = 1.0
    shock_probability: Chance = 0.0
    shock_size: Incomes = 0.0
    job_loss_quality_slope: Annotated[float, Field(ge=-5, le=5), values.NUMBER] = 0.0
    spending_variation: Annotated[float, Field(ge=0, le=5), values.NUMBER] = 0.0
    tie: Tie = Tie()
    levels: Levels | None = None


class ByRisk(Table):
    """A number for each third of quality, which no lender sees."""

    safe: Annotated[float, Field(ge=-10, le=10), values.NUMBER] = 0.0
    middle: Annotated[float, Field(ge=-10, le=10), values.NUMBER] = 0.0
    risky: Annotated[float, Field(ge=-10, le=10), values.NUMBER] = 0.0


class CustomaryRates(Table):
    """The interest rate that customers are used to, by product; without one they do not mind the price."""

    line: Annotated[values.YearlyRate, Field(gt=0)] | None = None
    loan: Annotated[values.YearlyRate, Field(gt=0)] | None = None


class Demand(Table):
    """How customers answer to prices, to limits and to what the lender does; as it is here, not at all."""

    customary_rate: CustomaryRates = CustomaryRates()
    elasticity: ByRisk = ByRisk()
    half_life_months: Annotated[float, Field(ge=0.1, le=120), values.MONTHS] = 6.0
    kink: Annotated[float, Field(ge=0, le=10), values.MULTIPLIER] = 1.0
    steepening: Annotated[float, Field(ge=0, le=10), values.MULTIPLIER] = 0.0
    new_loan_elasticity: Annotated[float, Field(ge=-10, le=0), values.NUMBER] = 0.0
    acceptance: Share = 1.0
    acceptance_elasticity: ByRisk = ByRisk()
    leaving: Chance = 0.0
    leaving_by_risk: ByRisk = ByRisk(safe=1.0, middle=1.0, risky=1.0)
    leaving_per_5_points: Annotated[float, Field(ge=1, le=10), values.MULTIPLIER] = 1.0
    leaving_felt: Annotated[float, Field(ge=0, le=16), values.MULTIPLIER] = 1.0
    idle_closes_months: Annotated[int, Field(ge=1, le=999), values.MONTHS] | None = None
    raised: ByRisk = ByRisk()
    cut: Share = 0.0
    cut_used: Share = 0.0
    payment_follows_minimum: Share | None = None
    customary_minimum: Share | None = None


class LateCauses(Table):
    """Multipliers of what comes in the late stage, by cause; `unemployed`: who cannot pay and has no job yet."""

    forgot: Multiplier = 1.0
    short: Multiplier = 1.0
    cannot: Multiplier = 1.0
    unemployed: Multiplier = 1.0
    will_not: Multiplier = 1.0


class Late(Table):
    """The late stage: what comes of a debt that is 90 days past due or worse, by its age, whoever owns it."""

    month_share: Share
    slowing_months: Annotated[float, Field(gt=0, le=1000), values.MONTHS]
    decay: Annotated[float, Field(ge=0, le=10), values.NUMBER]
    full_share: Share = 0.5
    part: Annotated[float, Field(ge=0.001, le=1), values.SHARE] = 0.1
    by_cause: LateCauses = LateCauses()
    by_burden: Annotated[list[Multiplier], Field(min_length=BURDEN_CLASSES, max_length=BURDEN_CLASSES)] = [
        1.0
    ] * BURDEN_CLASSES
    loan: Multiplier = 1.0


class Behaviour(Table):
    """Which model of payment, and its settings."""

    model: Literal["structural", "roll_rates"]
    pay_first: Literal["line", "loan"] = "line"
    late: Late | None = None
    structural: Structural = Structural()
    roll_rates: RollRates = RollRates()
    demand: Demand = Demand()


class PathPoint(Table):
    """The economy in one month; straight lines between points, constant after the last."""

    month: Month
    unemployment: Share
    price_factor: Multiplier = 1.0
    job_find_factor: Multiplier = 1.0
    stopped: Share = 0.0
    collection: values.Factor = 1.0


class Seasons(Table):
    """Factors of the twelve calendar months, from January on."""

    spending: ByCalendar = ALL_YEAR
    forgetting: ByCalendar = ALL_YEAR
    income: ByCalendar = ALL_YEAR
    collection: ByCalendar = ALL_YEAR
    early_settlement: ByCalendar = ALL_YEAR


class Factor(Table):
    """What all borrowers of a replication share: the common factor."""

    enabled: bool = False
    persistence: Annotated[float, Field(ge=0, lt=1), values.NUMBER] = 0.0
    correlation: Annotated[float, Field(ge=0, lt=1), values.NUMBER] = 0.0
    will_not_loading: Loading = 0.0
    job_loss_loading: Annotated[float, Field(ge=-5, le=5), values.Unit("log multiplier per standard deviation")] = 0.0
    tail_degrees: Annotated[float, Field(gt=2, le=1000), values.NUMBER] | None = None


class Economy(Table):
    """The outside world."""

    unemployment: Share = 0.0
    job_loss: Chance = 0.0
    job_find: Chance = 0.0
    income_growth: values.Growth = 0.0
    price_factor: Multiplier = 1.0
    exposed: Share = 1.0
    income_left: Annotated[Share, values.INCOME_SHARE] = 0.0
    path: Annotated[list[PathPoint], Field(max_length=600)] = []
    job_loss_per_point: Annotated[float, Field(ge=-1, le=10), values.Unit("relative increase per point")] = 0.0
    will_not_per_point: Annotated[LogOdds, values.Unit("log-odds per point of yearly change")] = 0.0
    factor: Factor = Factor()


class Precision(Table):
    """How precise a measure is wished to be: `compare` then lives as many replications as that takes."""

    measure: Annotated[str, Field(min_length=1)]
    half_width: Annotated[str, Field(min_length=1)] | Annotated[float, Field(gt=0), values.NUMBER]  # or "1%", "2bp"
    of: Literal["levels", "differences"] = "levels"

    @property
    def said(self) -> str:
        """Return it as `--until` has it."""
        return f"{'differences:' if self.of == 'differences' else ''}{self.measure}={self.half_width}"


class Settings(Table):
    """One world and one set of policies, resolved: what a scenario's baseline and each variant become."""

    title: Annotated[str, Field(min_length=1)]
    author: Annotated[str, Field(min_length=1)] | None = None  # who asks: named on the page
    cautions: list[Annotated[str, Field(min_length=1)]] = []  # what to know before any number; layers add to them
    months: Month
    run_off_months: Annotated[int, Field(ge=0, le=600), values.MONTHS] = 60
    run_on_months: Annotated[int, Field(ge=0, le=600), values.MONTHS] | None = None  # before the run-off, once more
    start_month: Annotated[int, Field(ge=1, le=12), values.CALENDAR_MONTH] | None = None
    reporting_day: Annotated[int, Field(ge=0, le=29), values.DAYS_AFTER_DUE] = 0
    replications: Annotated[int, Field(ge=1, le=10_000_000), values.COUNT] = 1
    seed: Annotated[int, Field(ge=0, lt=2**64), values.COUNT] = 0
    discount_rate: values.YearlyRate = 0.0
    redraw_people: bool = True
    precision: Precision | None = None
    score_gini: values.Gini = 0.0
    currency: Currency = Currency()
    portfolio: Portfolio
    segment: Annotated[dict[str, Segment], Field(min_length=1)]
    products: Products = Products()
    costs: Costs = Costs()
    behaviour: Behaviour
    economy: Economy = Economy()
    seasons: Seasons = Seasons()
    policy: dict[str, Any] = {}  # name -> the Settings of the policy's kind, in the order of the file

    @property
    def last_month(self) -> int:
        """Return the last month that anybody lives to: that of the run-off, after the run-on if there is one."""
        return self.months + (self.run_on_months or 0) + self.run_off_months


def rate_of(products: Products, segment: Segment, kind: str) -> float:
    """Return the interest rate a month of a product in a segment: the segment's own for loans, else the product's."""
    own = segment.loan_rate if kind == "loan" else None
    return float(getattr(products, kind).interest_rate) if own is None else own


def matrix_of(settings: Settings, segment: Segment, kind: str) -> RollMatrix | None:
    """Return the roll matrix of a segment's product: its own, else everybody's, else None."""
    own = getattr(segment.roll_rates, kind) if segment.roll_rates else None
    return own or getattr(settings.behaviour.roll_rates, kind)
